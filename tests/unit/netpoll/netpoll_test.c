/* The platform-independent part, word by word: the table in polldesc.h, K1, K2, K7 and
 * poll_wait_watching. Events are handed to netpoll_ready by the test, so descriptors are
 * whatever epoll takes. Orders of events: tests/sim. */
#include "netpoll/worker.h"

#include <sys/eventfd.h>

#include "netpoll/hook.h"
#include "tests/unit/netpoll/dies.h"

#define BOTH (NETPOLL_READ | NETPOLL_WRITE)
#define RESET (BOTH | NETPOLL_HUP | NETPOLL_FAILED | NETPOLL_ERROR)

static struct netpoll *np(void)
{
	return &np_self()->np;
}

static void need(int err)
{
	CHECK(err == 0, "the test cannot go on");
}

/* Runs script as the first coroutine; assert after it, not inside. */
static void run(void (*script)(void *arg), void *arg)
{
	struct np_worker_opts opts = {.name = "test", .cpu = -1, .main = script, .arg = arg};

	assert_int_equal(np_run(&opts), 0);
}

static struct polldesc *open_one(void)
{
	struct polldesc *pd;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	CHECK(fd >= 0, "no descriptor for the test");
	need(poll_open(np(), fd, &pd));
	return pd;
}

static void close_one(struct polldesc *pd)
{
	int fd = pd->fd;

	if (!pd->closing)
		poll_unblock(np(), pd);
	np_yield();
	poll_close(np(), pd);
	close(fd);
}

/* ---- precedence: K1 -------------------------------------------------------------------------- */

static int wanted(unsigned bits, enum np_mode mode)
{
	if (bits & 1)
		return -NP_ECLOSING;
	if (bits & (mode == NP_READ ? 2 : 4))
		return -NP_EDEADLINE;
	return (bits & 8) && mode == NP_READ ? -NP_ENOTPOLL : 0;
}

static void closing_beats_deadline_beats_event_error(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 16; bits++) {
		struct polldesc pd = {
			.magic = PD_MAGIC,
			.closing = bits & 1,
			.rd = bits & 2 ? -1 : 0,
			.wd = bits & 4 ? -1 : 5,
			.everr = (bits & 8) != 0,
		};

		for (unsigned m = 0; m < 2; m++) {
			enum np_mode mode = m == 0 ? NP_READ : NP_WRITE;
			int want = wanted(bits, mode);

			pd.rg = pd.wg = PD_READY;
			assert_int_equal(poll_check_err(&pd, mode), want);
			assert_int_equal(poll_reset(&pd, mode), want);
			/* Only an operation that begins forgets what was ready, and only its own
			 * side. */
			assert_int_equal(m == 0 ? pd.rg : pd.wg, want == 0 ? PD_NIL : PD_READY);
			assert_int_equal(m == 0 ? pd.wg : pd.rg, PD_READY);
		}
	}
}

/* ---- what an event leaves -------------------------------------------------------------------- */

struct event_row {
	unsigned what;
	uintptr_t rg, wg;
	bool hup, failed, everr;
};

static const struct event_row events[] = {
	{NETPOLL_READ, PD_READY, PD_NIL, false, false, false},
	{NETPOLL_WRITE, PD_NIL, PD_READY, false, false, false},
	{BOTH, PD_READY, PD_READY, false, false, false},
	{NETPOLL_READ | NETPOLL_HUP, PD_READY, PD_NIL, true, false, false},
	{BOTH | NETPOLL_HUP | NETPOLL_FAILED, PD_READY, PD_READY, true, true, false},
	{BOTH | NETPOLL_ERR_ONLY, PD_READY, PD_READY, false, false, true},
};

static void an_event_leaves_its_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(events); i++) {
		const struct event_row *e = &events[i];
		struct polldesc pd = {.magic = PD_MAGIC};

		netpoll_ready(&pd, e->what);
		assert_true(pd.rg == e->rg && pd.wg == e->wg);
		assert_true(pd.hup == e->hup && pd.failed == e->failed && pd.everr == e->everr);
		netpoll_ready(&pd, NETPOLL_READ); /* hup and failed stay, everr is said anew */
		assert_true(pd.hup == e->hup && pd.failed == e->failed && !pd.everr);
	}
}

/* ---- waiting --------------------------------------------------------------------------------- */

static struct {
	struct polldesc *pd, *watch;
	int err, errs[8];
	bool back;
	uintptr_t word;
	unsigned n;
} seen;

static void wait_read(void *arg)
{
	(void)arg;
	seen.err = poll_wait(np(), seen.pd, NP_READ);
	seen.back = true;
}

static void start_reader(void)
{
	seen.back = false;
	need(np_go("reader", wait_read, NULL));
	np_yield();
}

static void wait_script(void *arg)
{
	(void)arg;
	memset(&seen, 0, sizeof(seen));
	seen.pd = open_one();
	netpoll_ready(seen.pd, NETPOLL_READ);
	start_reader(); /* ready before: does not park, and takes the readiness */
	seen.errs[0] = seen.back ? seen.err : 1;
	seen.word = seen.pd->rg;
	start_reader();
	seen.errs[1] = seen.back;
	netpoll_ready(seen.pd, NETPOLL_WRITE);
	np_yield();
	seen.errs[2] = seen.back; /* the other side is not its business */
	netpoll_ready(seen.pd, NETPOLL_READ);
	np_yield();
	seen.errs[3] = seen.back ? seen.err : 1;
	seen.errs[4] = seen.pd->rg == PD_NIL && seen.pd->wg == PD_READY;
	close_one(seen.pd);
}

static void waiting_takes_the_readiness_of_its_side(void **state)
{
	(void)state;
	run(wait_script, NULL);
	assert_int_equal(seen.errs[0], 0);
	assert_int_equal(seen.word, PD_NIL);
	assert_int_equal(seen.errs[1], 0);
	assert_int_equal(seen.errs[2], 0);
	assert_int_equal(seen.errs[3], 0);
	assert_int_equal(seen.errs[4], 1);
}

static int ctls;

static int ctl_counted(int ep, int op, int fd, struct epoll_event *ev)
{
	ctls++;
	return epoll_ctl(ep, op, fd, ev);
}

static int ctl_fails(int ep, int op, int fd, struct epoll_event *ev)
{
	(void)ep, (void)op, (void)fd, (void)ev;
	ctls++;
	errno = ENOSPC;
	return -1;
}

static void register_script(void *arg)
{
	(void)arg;
	seen.pd = open_one();
	ctls = 0;
	poll_set_deadline(np(), seen.pd, 1, NETPOLL_READ);
	seen.errs[0] = poll_wait(np(), seen.pd, NP_READ);
	seen.errs[1] = ctls;
	poll_set_deadline(np(), seen.pd, 0, NETPOLL_READ);
	hook.epoll_ctl = ctl_fails;
	seen.errs[2] = poll_wait(np(), seen.pd, NP_READ);
	seen.errs[3] = seen.pd->registered;
	hook.epoll_ctl = ctl_counted;
	ctls = 0;
	seen.errs[4] = poll_register(np(), seen.pd) | poll_register(np(), seen.pd);
	seen.errs[5] = ctls;
	poll_unblock(np(), seen.pd);
	seen.errs[6] = poll_wait(np(), seen.pd, NP_READ);
	seen.errs[7] = poll_wait_watching(np(), seen.pd, NP_WRITE, seen.pd);
	close_one(seen.pd);
}

/* K13, and an expired or closed descriptor is not registered for nothing. */
static void the_first_wait_registers_once(void **state)
{
	(void)state;
	hook.epoll_ctl = ctl_counted;
	run(register_script, NULL);
	hook_reset();
	assert_int_equal(seen.errs[0], -NP_EDEADLINE);
	assert_int_equal(seen.errs[1], 0);
	assert_int_equal(seen.errs[2], -ENOSPC);
	assert_int_equal(seen.errs[3], 0);
	assert_int_equal(seen.errs[4], 0);
	assert_int_equal(seen.errs[5], 1);
	assert_int_equal(seen.errs[6], -NP_ECLOSING);
	assert_int_equal(seen.errs[7], -NP_ECLOSING);
}

/* ---- a wait that watches another descriptor -------------------------------------------------- */

static void wait_watching(void *arg)
{
	(void)arg;
	seen.err = poll_wait_watching(np(), seen.pd, NP_WRITE, seen.watch);
	seen.back = true;
}

struct watch_row {
	const char *name;
	void (*happens)(void);
	bool before; /* it happens before the wait begins */
	bool back;
	int err;
};

static void nothing_happens(void)
{
}

static void writable(void)
{
	netpoll_ready(seen.pd, NETPOLL_WRITE);
}

static void data_on_watched(void)
{
	netpoll_ready(seen.watch, NETPOLL_READ);
}

static void fin_on_watched(void)
{
	netpoll_ready(seen.watch, NETPOLL_READ | NETPOLL_HUP);
}

static void reset_on_watched(void)
{
	netpoll_ready(seen.watch, RESET);
}

static void watched_closes(void)
{
	poll_unblock(np(), seen.watch);
}

static void closes(void)
{
	poll_unblock(np(), seen.pd);
}

static void deadline_passes(void)
{
	poll_set_deadline(np(), seen.pd, 1, NETPOLL_WRITE);
}

static void reset_and_writable(void)
{
	reset_on_watched();
	writable();
}

static void data_then_reset(void)
{
	data_on_watched();
	np_yield();
	reset_on_watched();
}

static const struct watch_row watch_rows[] = {
	{"nothing", nothing_happens, false, false, 0},
	{"writable", writable, false, true, 0},
	{"writable before", writable, true, true, 0},
	{"data on the watched", data_on_watched, false, false, 0},
	{"data before", data_on_watched, true, false, 0},
	{"FIN of the watched", fin_on_watched, false, false, 0},
	{"reset of the watched", reset_on_watched, false, true, -NP_ECANCELED},
	{"reset before", reset_on_watched, true, true, -NP_ECANCELED},
	{"data, later a reset", data_then_reset, false, true, -NP_ECANCELED},
	{"close of the watched", watched_closes, false, true, -NP_ECANCELED},
	{"close before", watched_closes, true, true, -NP_ECANCELED},
	{"close", closes, false, true, -NP_ECLOSING},
	{"deadline", deadline_passes, false, true, -NP_EDEADLINE},
	{"deadline before", deadline_passes, true, true, -NP_EDEADLINE},
	{"reset and writable at once", reset_and_writable, false, true, 0},
};

static void watch_script(void *arg)
{
	const struct watch_row *row = arg;

	memset(&seen, 0, sizeof(seen));
	seen.pd = open_one();
	seen.watch = open_one();
	if (row->before)
		row->happens();
	need(np_go("dialer", wait_watching, NULL));
	np_yield();
	if (!row->before)
		row->happens();
	np_yield();
	seen.errs[0] = seen.back ? seen.err : 1;
	/* Nobody is left at the watched one once the wait is over. */
	seen.errs[1] = seen.back && seen.watch->rg > PD_READY;
	close_one(seen.pd);
	close_one(seen.watch);
}

static void watching_ends_for_the_right_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(watch_rows); i++) {
		struct watch_row row = watch_rows[i];

		run(watch_script, &row);
		if (seen.errs[0] != (row.back ? row.err : 1) || seen.errs[1] != 0)
			fail_msg("%s: %d, left behind %d", row.name, seen.errs[0], seen.errs[1]);
	}
}

/* ---- impossible states ----------------------------------------------------------------------- */

static void second_reader_script(void *arg)
{
	(void)arg;
	seen.pd = open_one();
	start_reader();
	start_reader();
}

static void second_reader(void)
{
	run(second_reader_script, NULL);
}

static void close_open_script(void *arg)
{
	(void)arg;
	poll_close(np(), open_one());
}

static void close_without_unblock(void)
{
	run(close_open_script, NULL);
}

static void unblock_twice_script(void *arg)
{
	struct polldesc *pd = open_one();

	(void)arg;
	poll_unblock(np(), pd);
	poll_unblock(np(), pd);
}

static void unblock_twice(void)
{
	run(unblock_twice_script, NULL);
}

static void event_for_no_polldesc(void)
{
	struct polldesc pd = {.magic = PD_MAGIC + 1};

	netpoll_ready(&pd, NETPOLL_READ);
}

/* K7 and the rest of what may never be. */
static void impossible_states_end_the_process(void **state)
{
	(void)state;
	assert_dies(second_reader, "two Gs wait for the same side of a descriptor");
	assert_dies(close_without_unblock, "close without unblock");
	assert_dies(unblock_twice, "unblock on a closing pollDesc");
	assert_dies(event_for_no_polldesc, "object is not a live PD_MAGIC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_beats_deadline_beats_event_error),
		cmocka_unit_test(an_event_leaves_its_marks),
		cmocka_unit_test(waiting_takes_the_readiness_of_its_side),
		cmocka_unit_test(the_first_wait_registers_once),
		cmocka_unit_test(watching_ends_for_the_right_reason),
		cmocka_unit_test(impossible_states_end_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
