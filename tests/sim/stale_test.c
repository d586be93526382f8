/* Events that come too late: made for a descriptor that was closed, and perhaps opened anew, before
 * they are handed out. K18, X1, X8; F8, F9.
 *   SIM_LIVES   how often one slot is used again (200000) */
#include "tests/sim/sim.h"

#define FD  9
#define ALL (NETPOLL_READ | NETPOLL_WRITE | NETPOLL_HUP | NETPOLL_FAILED | NETPOLL_ERR_ONLY | NETPOLL_ERROR)

static struct netpoll *np(void)
{
	return &np_self()->np;
}

static struct polldesc *open_one(void)
{
	struct polldesc *pd;

	sim_need(poll_open(np(), FD, &pd));
	sim_need(poll_register(np(), pd));
	return pd;
}

static void close_one(struct polldesc *pd)
{
	poll_unblock(np(), pd);
	poll_close(np(), pd);
}

/* ---- closed and opened between the wait and the dispatch: X1 --------------------------------- */

static struct {
	struct polldesc *old, *fresh;
	int before, after, result;
	int64_t woken;
	bool hup, failed;
} reopened;

static void wait_on_new(void *arg)
{
	(void)arg;
	reopened.result = poll_wait(np(), reopened.fresh, NP_READ);
	reopened.woken = fake_now();
}

static void reopen(void *arg)
{
	uint64_t tag;

	(void)arg;
	memset(&reopened, 0, sizeof(reopened));
	reopened.old = open_one();
	tag = fake_tag(FD);
	close_one(reopened.old);
	fake_event_tagged(fake_now(), tag, ALL); /* nobody has the slot */
	netpoll_poll(np(), 0);
	reopened.fresh = open_one();
	sim_need(np_go("new", wait_on_new, NULL));
	np_yield();
	for (int i = 1; i <= 3; i++)
		fake_event_tagged(fake_now() + i, tag, ALL);
	fake_event(fake_now() + 10, FD, NETPOLL_READ);
	np_sleep(5);
	reopened.before = poll_check_err(reopened.fresh, NP_READ);
	reopened.hup = reopened.fresh->hup;
	reopened.failed = reopened.fresh->failed;
	np_sleep(10);
	reopened.after = poll_check_err(reopened.fresh, NP_READ);
	close_one(reopened.fresh);
}

static void a_stale_event_neither_wakes_nor_spoils_the_new_one(void **state)
{
	(void)state;
	sim_run(reopen, NULL);
	assert_ptr_equal(reopened.old, reopened.fresh); /* or this would prove nothing */
	assert_int_equal(reopened.before, 0);
	assert_false(reopened.hup || reopened.failed);
	assert_int_equal(reopened.woken, SIM_START + 10);
	assert_int_equal(reopened.result, 0);
	assert_int_equal(reopened.after, 0);
}

/* The same within one batch: the event that is current closes the descriptor of the next one
 * only later, by a G. */
static void one_batch(void *arg)
{
	uint64_t tag;

	(void)arg;
	reopened.fresh = open_one();
	tag = fake_tag(FD);
	fake_event(fake_now(), FD, NETPOLL_READ);
	fake_event_tagged(fake_now(), tag, NETPOLL_WRITE);
	netpoll_poll(np(), 0);
	reopened.before = reopened.fresh->rg == PD_READY && reopened.fresh->wg == PD_READY;
	close_one(reopened.fresh);
}

static void a_current_event_by_tag_is_delivered(void **state)
{
	(void)state;
	sim_run(one_batch, NULL);
	assert_true(reopened.before);
}

/* ---- many lives of one slot: F8 -------------------------------------------------------------- */

#define KEPT 8

static unsigned woken_by_stale;

static void many_lives(void *arg)
{
	uint64_t tags[KEPT] = {0};
	unsigned long lives = *(const unsigned long *)arg;

	for (unsigned long i = 0; i < lives; i++) {
		struct polldesc *pd = open_one();

		for (unsigned k = 0; k < KEPT && k < i; k++)
			fake_event_tagged(fake_now(), tags[k], ALL);
		netpoll_poll(np(), 0);
		woken_by_stale += pd->rg != PD_NIL || pd->wg != PD_NIL || pd->everr;
		tags[i % KEPT] = fake_tag(FD);
		close_one(pd);
	}
}

static void no_former_life_is_mistaken_for_this_one(void **state)
{
	unsigned long lives = sim_env("SIM_LIVES", 200000);

	(void)state;
	woken_by_stale = 0;
	sim_run(many_lives, &lives);
	assert_int_equal(woken_by_stale, 0);
}

/* ---- every tag there can be: X8, F9 ---------------------------------------------------------- */

#define SLOTS (4 * POLLCACHE_SLAB)

static struct polldesc *slots[SLOTS];
static const uint32_t seqs[] = {
	0, 1, 2, 0x3fffffff, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
};
static unsigned as_break, not_found, found_wrong;

static void try_tag(struct polldesc *pd)
{
	uint64_t tag = polldesc_tag(pd);

	as_break += (tag & PD_TAG_BREAK) != 0;
	not_found += pollcache_find(&np()->cache, tag) != pd;
	/* One bit away: another slot, or another life. Nothing of it may be this pollDesc. */
	for (unsigned bit = 0; bit < 63; bit++) {
		uint64_t near = tag ^ UINT64_C(1) << bit;

		if ((uint32_t)near < SLOTS)
			found_wrong += pollcache_find(&np()->cache, near) == pd;
	}
}

/* Slots take every value of the low bits; sequence numbers the ends of their range. */
static void every_tag(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < SLOTS; i++)
		sim_need(poll_open(np(), FD, &slots[i]));
	for (unsigned s = 0; s < array_len(seqs); s++)
		for (unsigned i = 0; i < SLOTS; i++) {
			slots[i]->fdseq = seqs[s];
			try_tag(slots[i]);
		}
	for (unsigned i = 0; i < SLOTS; i++)
		close_one(slots[i]);
}

static void no_tag_is_a_break_or_anothers(void **state)
{
	(void)state;
	sim_run(every_tag, NULL);
	assert_int_equal(as_break, 0);
	assert_int_equal(not_found, 0);
	assert_int_equal(found_wrong, 0);
}

static bool wrapped_found, wrapped_old;

static void wrap(void *arg)
{
	struct polldesc *pd = open_one();
	uint64_t old;

	(void)arg;
	pd->fdseq = PD_FDSEQ_MASK;
	old = polldesc_tag(pd);
	close_one(pd);
	pd = open_one();
	wrapped_old = pollcache_find(&np()->cache, old) != NULL;
	wrapped_found = pollcache_find(&np()->cache, fake_tag(FD)) == pd;
	close_one(pd);
}

static void the_sequence_wraps_at_31_bits(void **state)
{
	(void)state;
	sim_run(wrap, NULL);
	assert_false(wrapped_old);
	assert_true(wrapped_found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stale_event_neither_wakes_nor_spoils_the_new_one),
		cmocka_unit_test(a_current_event_by_tag_is_delivered),
		cmocka_unit_test(no_former_life_is_mistaken_for_this_one),
		cmocka_unit_test(no_tag_is_a_break_or_anothers),
		cmocka_unit_test(the_sequence_wraps_at_31_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
