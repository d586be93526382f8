/* Deadlines and timers on a clock that is ours, over the whole loop: K3, K4, K5, K6, K15; N7,
 * N10, N35; X3, X4, X9; F11, F13, F14. pd_race_test.c has the orders; here it is about when. */
#include "tests/sim/sim.h"

#define FD  3
#define BOTH (NETPOLL_READ | NETPOLL_WRITE)
#define LATE WHEEL_TICK /* how late a deadline may be */

static struct netpoll *np(void)
{
	return &np_self()->np;
}

static struct polldesc *open_one(int fd)
{
	struct polldesc *pd;

	sim_need(poll_open(np(), fd, &pd));
	sim_need(poll_register(np(), pd));
	return pd;
}

static void close_one(struct polldesc *pd)
{
	poll_unblock(np(), pd);
	np_yield();
	poll_close(np(), pd);
}

/* A reader that waits once, and when it came back. */
struct reader {
	struct polldesc *pd;
	enum np_mode mode;
	int err;
	int64_t at; /* 0: it still waits */
};

static void read_once(void *arg)
{
	struct reader *r = arg;

	r->err = poll_wait(np(), r->pd, r->mode);
	r->at = fake_now();
}

static void start(struct reader *r, struct polldesc *pd, enum np_mode mode)
{
	*r = (struct reader){.pd = pd, .mode = mode};
	sim_need(np_go("reader", read_once, r));
	np_yield();
}

/* ---- what a value means: K3, F14 ------------------------------------------------------------- */

struct value_row {
	const char *name;
	int64_t when;
	bool over;
	uint32_t armed;
	int got[2];
	uint32_t got_armed;
};

static struct value_row values[] = {
	{.name = "none", .when = 0},
	{.name = "exactly now", .when = SIM_START, .over = true},
	{.name = "just past", .when = SIM_START - 1, .over = true},
	{.name = "a long time ago", .when = INT64_MIN, .over = true},
	{.name = "before the clock began", .when = -1, .over = true},
	{.name = "just ahead", .when = SIM_START + 1, .armed = 1},
	{.name = "far ahead", .when = INT64_MAX - 1, .armed = 1},
	{.name = "overflow", .when = INT64_MAX},
};

static void try_values(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < array_len(values); i++) {
		struct polldesc *pd = open_one(FD);

		poll_set_deadline(np(), pd, values[i].when, BOTH);
		values[i].got[0] = poll_check_err(pd, NP_READ);
		values[i].got[1] = poll_check_err(pd, NP_WRITE);
		values[i].got_armed = np()->wheel.armed;
		close_one(pd);
	}
}

static void a_value_means(void **state)
{
	(void)state;
	sim_run(try_values, NULL);
	for (unsigned i = 0; i < array_len(values); i++) {
		const struct value_row *v = &values[i];
		int want = v->over ? -NP_EDEADLINE : 0;

		if (v->got[0] != want || v->got[1] != want || v->got_armed != v->armed)
			fail_msg("%s: %d %d armed %u", v->name, v->got[0], v->got[1], v->got_armed);
	}
}

static void deadline_after_saturates(void **state)
{
	(void)state;
	fake_start(SIM_START);
	assert_int_equal(np_deadline_after(5), SIM_START + 5);
	assert_int_equal(np_deadline_after(0), SIM_START);
	assert_int_equal(np_deadline_after(INT64_MIN), SIM_START);
	assert_int_equal(np_deadline_after(INT64_MAX - SIM_START), INT64_MAX);
	assert_int_equal(np_deadline_after(INT64_MAX - SIM_START + 1), INT64_MAX);
	assert_int_equal(np_deadline_after(INT64_MAX), INT64_MAX);
}

/* ---- when waiters come back ------------------------------------------------------------------ */

static struct reader reader, writer;
static int64_t mark;
static int errs[4];
static uint32_t armed[4];

static void past_wakes(void *arg)
{
	struct polldesc *pd = open_one(FD);

	(void)arg;
	start(&reader, pd, NP_READ);
	start(&writer, pd, NP_WRITE);
	poll_set_deadline(np(), pd, fake_now() - 5 * NP_S, BOTH);
	np_yield();
	close_one(pd);
}

static void a_past_deadline_unblocks_at_once(void **state)
{
	(void)state;
	sim_run(past_wakes, NULL);
	assert_int_equal(reader.at, SIM_START);
	assert_int_equal(reader.err, -NP_EDEADLINE);
	assert_int_equal(writer.at, SIM_START);
	assert_int_equal(writer.err, -NP_EDEADLINE);
}

/* The wheel has not yet looked, and the old deadline is over too. */
static void past_over_past(void *arg)
{
	struct polldesc *pd = open_one(FD);

	(void)arg;
	start(&reader, pd, NP_READ);
	poll_set_deadline(np(), pd, fake_now() + NP_US, NETPOLL_READ);
	fake_advance(2 * NP_US);
	poll_set_deadline(np(), pd, fake_now(), NETPOLL_READ);
	errs[0] = poll_reset(pd, NP_READ);
	np_yield();
	close_one(pd);
}

static void a_past_deadline_over_an_overdue_one(void **state)
{
	(void)state;
	sim_run(past_over_past, NULL);
	assert_int_equal(errs[0], -NP_EDEADLINE);
	assert_int_equal(reader.at, SIM_START + 2 * NP_US);
}

static void equal_and_different(void *arg)
{
	struct polldesc *pd = open_one(FD);

	(void)arg;
	poll_set_deadline(np(), pd, fake_now() + NP_S, BOTH);
	armed[0] = np()->wheel.armed;
	start(&reader, pd, NP_READ);
	start(&writer, pd, NP_WRITE);
	poll_set_deadline(np(), pd, fake_now() + 3 * NP_S, NETPOLL_WRITE);
	armed[1] = np()->wheel.armed;
	np_sleep(10 * NP_S);
	armed[2] = np()->wheel.armed;
	close_one(pd);
}

static void one_timer_serves_both_ways(void **state)
{
	(void)state;
	sim_run(equal_and_different, NULL);
	assert_int_equal(armed[0], 1);
	assert_int_equal(armed[1], 1);
	assert_int_equal(armed[2], 0);
	assert_in_range(reader.at, SIM_START + NP_S, SIM_START + NP_S + LATE);
	assert_in_range(writer.at, SIM_START + 3 * NP_S, SIM_START + 3 * NP_S + LATE);
}

static void same_for_both(void *arg)
{
	struct polldesc *pd = open_one(FD);

	(void)arg;
	start(&reader, pd, NP_READ);
	start(&writer, pd, NP_WRITE);
	poll_set_deadline(np(), pd, fake_now() + NP_S, BOTH);
	np_sleep(2 * NP_S);
	close_one(pd);
}

static void equal_deadlines_fire_together(void **state)
{
	(void)state;
	sim_run(same_for_both, NULL);
	assert_in_range(reader.at, SIM_START + NP_S, SIM_START + NP_S + LATE);
	assert_int_equal(writer.at, reader.at);
}

/* K4: what was set before counts no more, whichever way it moved. */
static void earlier_and_none(void *arg)
{
	struct polldesc *pd = open_one(FD), *other = open_one(FD + 1);

	(void)arg;
	start(&reader, pd, NP_READ);
	poll_set_deadline(np(), pd, fake_now() + 60 * NP_S, NETPOLL_READ);
	np_sleep(NP_S);
	poll_set_deadline(np(), pd, fake_now() + 2 * NP_S, NETPOLL_READ);
	start(&writer, other, NP_READ);
	poll_set_deadline(np(), other, fake_now() + NP_S, NETPOLL_READ);
	poll_set_deadline(np(), other, 0, NETPOLL_READ);
	np_sleep(100 * NP_S);
	mark = writer.at;
	close_one(pd);
	close_one(other);
}

static void earlier_fires_earlier_and_none_never(void **state)
{
	(void)state;
	sim_run(earlier_and_none, NULL);
	assert_in_range(reader.at, SIM_START + 3 * NP_S, SIM_START + 3 * NP_S + LATE);
	assert_int_equal(mark, 0);
	assert_int_equal(writer.err, -NP_ECLOSING);
}

/* K5: expired stays expired, whatever is ready, until it is set anew. */
static void expire_and_renew(void *arg)
{
	struct polldesc *pd = open_one(FD);

	(void)arg;
	poll_set_deadline(np(), pd, fake_now() + NP_MS, NETPOLL_READ);
	np_sleep(NP_S);
	errs[0] = poll_reset(pd, NP_READ);
	fake_event(fake_now(), FD, BOTH);
	np_sleep(NP_S);
	errs[1] = poll_reset(pd, NP_READ);
	errs[2] = poll_reset(pd, NP_WRITE);
	poll_set_deadline(np(), pd, fake_now() + 5 * NP_S, NETPOLL_READ);
	errs[3] = poll_reset(pd, NP_READ);
	start(&reader, pd, NP_READ);
	mark = fake_now();
	np_sleep(10 * NP_S);
	close_one(pd);
}

static void expired_is_sticky_until_set_again(void **state)
{
	(void)state;
	sim_run(expire_and_renew, NULL);
	assert_int_equal(errs[0], -NP_EDEADLINE);
	assert_int_equal(errs[1], -NP_EDEADLINE);
	assert_int_equal(errs[2], 0);
	assert_int_equal(errs[3], 0);
	assert_in_range(reader.at, mark + 5 * NP_S, mark + 5 * NP_S + LATE);
}

/* ---- pushed back on every I/O: X9 ------------------------------------------------------------ */

#define PUSHES 1000

static unsigned polls, moved;

static void push(struct polldesc *pd, unsigned ways)
{
	struct wheel_node before = pd->tn;

	poll_set_deadline(np(), pd, fake_now() + 60 * NP_S, ways);
	moved += memcmp(&before, &pd->tn, sizeof(before)) != 0;
}

static void push_back(void *arg)
{
	struct polldesc *pd = open_one(FD), *neighbour = open_one(FD + 1);

	(void)arg;
	start(&reader, pd, NP_READ);
	push(pd, BOTH);
	push(neighbour, BOTH);
	moved = 0;
	polls = fake_polls();
	for (int i = 0; i < PUSHES; i++) {
		np_sleep(50 * NP_MS);
		push(pd, i % 2 == 0 ? NETPOLL_READ : BOTH);
	}
	mark = fake_now() + 60 * NP_S;
	np_sleep(100 * NP_S);
	polls = fake_polls() - polls;
	close_one(pd);
	close_one(neighbour);
}

static void a_deadline_pushed_back_costs_nothing(void **state)
{
	(void)state;
	sim_run(push_back, NULL);
	assert_in_range(reader.at, mark, mark + LATE);
	assert_int_equal(moved, 0);
	/* One poll for each sleep of the pusher; the wheel's own are few. */
	assert_in_range(polls, PUSHES, PUSHES + 10);
}

/* ---- idle means asleep: F13 ------------------------------------------------------------------ */

static void idle_for_an_hour(void *arg)
{
	struct polldesc *pd[100];

	(void)arg;
	for (int i = 0; i < 100; i++) {
		pd[i] = open_one(FD + i);
		poll_set_deadline(np(), pd[i], fake_now() + 3600 * NP_S + i, NETPOLL_READ);
	}
	polls = fake_polls();
	np_sleep(3600 * NP_S - 1);
	polls = fake_polls() - polls;
	for (int i = 0; i < 100; i++)
		close_one(pd[i]);
}

static void an_idle_worker_sleeps(void **state)
{
	(void)state;
	sim_run(idle_for_an_hour, NULL);
	assert_in_range(polls, 1, 10);
}

/* ---- the precise few: N35 -------------------------------------------------------------------- */

#define TIMERS 200

static struct alarm {
	struct np_timer t;
	int64_t at;
	unsigned order;
} alarms[TIMERS];
static unsigned rung;
static bool stopped[3];

static void ring(struct np_timer *t)
{
	struct alarm *a = container_of(t, struct alarm, t);

	a->at = fake_now();
	a->order = rung++;
}

/* Set in a shuffled order, a third moved earlier, a third later: each at its time, to the
 * nanosecond. */
static void many_timers(void *arg)
{
	int64_t start_time = fake_now();

	(void)arg;
	for (int i = 0; i < TIMERS; i++)
		alarms[i] = (struct alarm){.t.fn = ring};
	for (int i = 0; i < TIMERS; i++) {
		struct alarm *a = &alarms[i * 77 % TIMERS];
		int64_t when = start_time + NP_US * (1 + (a - alarms));

		np_timer_set(&a->t, when + (i % 3 - 1) * NP_MS / 2);
		np_timer_set(&a->t, when);
	}
	np_sleep(NP_S);
}

static void timers_ring_in_order_and_on_time(void **state)
{
	(void)state;
	rung = 0;
	sim_run(many_timers, NULL);
	assert_int_equal(rung, TIMERS);
	for (unsigned i = 0; i < TIMERS; i++) {
		assert_int_equal(alarms[i].order, i);
		assert_int_equal(alarms[i].at, SIM_START + NP_US * (1 + i));
	}
}

static void stop_and_overflow(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++)
		alarms[i] = (struct alarm){.t.fn = ring};
	np_timer_set(&alarms[0].t, fake_now() + NP_MS);
	np_timer_set(&alarms[1].t, INT64_MAX);
	np_timer_set(&alarms[2].t, INT64_MIN);
	np_timer_set(&alarms[3].t, fake_now() + NP_MS);
	stopped[0] = np_timer_stop(&alarms[0].t);
	stopped[1] = np_timer_stop(&alarms[0].t);
	np_sleep(NP_S);
	stopped[2] = np_timer_stop(&alarms[3].t);
	np_sleep(1000000 * NP_S);
	np_timer_stop(&alarms[1].t);
}

static void stopped_and_overflowing_timers_never_ring(void **state)
{
	(void)state;
	rung = 0;
	sim_run(stop_and_overflow, NULL);
	assert_true(stopped[0]);
	assert_false(stopped[1]);
	assert_false(stopped[2]);
	assert_int_equal(alarms[0].at, 0);
	assert_int_equal(alarms[1].at, 0);
	assert_int_equal(alarms[2].at, SIM_START);
	assert_int_equal(alarms[3].at, SIM_START + NP_MS);
}

/* A turn that took long is not added to the time a timer waits. */
static void busy_turn(void *arg)
{
	(void)arg;
	alarms[0] = (struct alarm){.t.fn = ring};
	np_timer_set(&alarms[0].t, fake_now() + 60 * NP_MS);
	fake_advance(50 * NP_MS);
	np_sleep(NP_S);
	mark = fake_now();
}

static void a_busy_turn_makes_no_timer_late(void **state)
{
	(void)state;
	sim_run(busy_turn, NULL);
	assert_int_equal(alarms[0].at, SIM_START + 60 * NP_MS);
	assert_int_equal(mark, SIM_START + 50 * NP_MS + NP_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_means),
		cmocka_unit_test(deadline_after_saturates),
		cmocka_unit_test(a_past_deadline_unblocks_at_once),
		cmocka_unit_test(a_past_deadline_over_an_overdue_one),
		cmocka_unit_test(one_timer_serves_both_ways),
		cmocka_unit_test(equal_deadlines_fire_together),
		cmocka_unit_test(earlier_fires_earlier_and_none_never),
		cmocka_unit_test(expired_is_sticky_until_set_again),
		cmocka_unit_test(a_deadline_pushed_back_costs_nothing),
		cmocka_unit_test(an_idle_worker_sleeps),
		cmocka_unit_test(timers_ring_in_order_and_on_time),
		cmocka_unit_test(stopped_and_overflowing_timers_never_ring),
		cmocka_unit_test(a_busy_turn_makes_no_timer_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
