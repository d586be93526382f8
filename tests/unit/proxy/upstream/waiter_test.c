/* waiter: E42 to E44: who waits for a slot gets it in the order in which it came, whoever frees it and whatever
 * changes meanwhile; no slot is lost or given twice. */
#include "tests/unit/proxy/upstream/waiters.h"

static int join(struct one *o, struct upstream *u)
{
	ask(o, u);
	return waiter_join(&o->w);
}

static struct server *taken(struct upstream *u)
{
	struct pick_args a = {.may_retry = true};
	struct server *s = NULL;

	assert_int_equal(upstream_pick(u, &a, &s), 0);
	return s;
}

static int refused(struct upstream *u)
{
	struct pick_args a = {.may_retry = true};
	struct server *s;

	return upstream_pick(u, &a, &s);
}

/* ---- order ---- */

/* E42 */
static void e42_first_come_first_served(void **state)
{
	struct upstream *u = open_queue("1/1", 10);
	struct server *s = taken(u);
	struct one o[5];

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(join(&o[i], u), -NP_EAGAIN);
	assert_int_equal(upstream_waiting(u->live), 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(o[i].woken, 0);
		assert_int_equal(server_active(s), 1);
		server_release(s);
		assert_int_equal(o[i].woken, i + 1);
		assert_ptr_equal(o[i].w.server, s);
		assert_int_equal(server_active(s), 1);
	}
	assert_int_equal(upstream_waiting(u->live), 0);
	assert_int_equal(u->live->queue.high, 5);
	server_release(s);
	server_release(taken(u));
	upstream_free(u);
}

static int join_from(struct one *o, struct upstream *u, int64_t since, bool moved)
{
	ask(o, u);
	o->w.since = since;
	o->w.anyway = moved;
	return waiter_join(&o->w);
}

/* P39: two wait in the process before. Until they have come nobody has a slot, and then the one that came first. */
static void p39_those_of_the_process_before_come_first(void **state)
{
	struct upstream *u = open_queue("1/1", 3);
	struct one o[4];

	(void)state;
	waiter_hold(u->live, 2, true);
	assert_int_equal(refused(u), -NP_EAGAIN);
	assert_int_equal(join_from(&o[0], u, 30, false), -NP_EAGAIN);
	assert_int_equal(join_from(&o[3], u, 40, false), -NP_ENOBUFS);
	assert_int_equal(join_from(&o[1], u, 20, true), -NP_EAGAIN);
	assert_int_equal(join_from(&o[2], u, 10, true), -NP_EAGAIN);
	assert_int_equal(upstream_waiting(u->live), 3);
	waiter_open(u->live);
	for (int i = 2; i >= 0; i--) {
		assert_non_null(o[i].w.server);
		assert_int_equal(upstream_waiting(u->live), i);
		server_release(o[i].w.server);
	}
	server_release(taken(u));
	upstream_free(u);
}

/* E42: a slot that came back between the pick and the queue. */
static void e42_looks_again_when_it_joins(void **state)
{
	struct upstream *u = open_queue("1/1", 10);
	struct server *s = taken(u);
	struct one o;

	(void)state;
	assert_int_equal(refused(u), -NP_EAGAIN);
	server_release(s);
	assert_int_equal(join(&o, u), 0);
	assert_int_equal(o.woken, 0);
	assert_int_equal(upstream_waiting(u->live), 0);
	server_release(o.w.server);
	upstream_free(u);
}

/* E42: nobody passes those who wait, though a slot is free for a moment: the release has not granted it yet. */
static void e42_newcomers_go_to_the_end(void **state)
{
	struct upstream *u = open_queue("1/1", 10);
	struct server *s = taken(u);
	struct one o[2];

	(void)state;
	assert_int_equal(join(&o[0], u), -NP_EAGAIN);
	__atomic_fetch_sub(&s->slots.used, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(refused(u), -NP_EAGAIN);
	assert_int_equal(join(&o[1], u), -NP_EAGAIN);
	upstream_wake(u->live, 0);
	assert_int_equal(o[0].woken, 1);
	assert_true(waiter_leave(&o[1].w));
	server_release(s);
	upstream_free(u);
}

/* E42: the oldest that may use it: who has tried it in vain waits for another. */
static void e42_tried_servers_are_left_to_others(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = taken(u), *b = taken(u);
	struct one o[3];

	(void)state;
	ask(&o[0], u);
	o[0].tried[0] = a;
	o[0].args.ntried = 1;
	assert_int_equal(waiter_join(&o[0].w), -NP_EAGAIN);
	assert_int_equal(join(&o[1], u), -NP_EAGAIN);
	assert_int_equal(join(&o[2], u), -NP_EAGAIN);
	server_release(a);
	assert_int_equal(o[0].woken, 0);
	assert_ptr_equal(o[1].w.server, a);
	server_release(b);
	assert_ptr_equal(o[0].w.server, b);
	assert_true(waiter_leave(&o[2].w));
	server_release(a);
	server_release(b);
	upstream_free(u);
}

/* E42: those who wait have tried it, so a newcomer for whom it is free does not wait behind them. */
static void e42_does_not_wait_for_what_is_free(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = taken(u), *b = taken(u);
	struct one o[2];

	(void)state;
	ask(&o[0], u);
	o[0].tried[0] = a;
	o[0].args.ntried = 1;
	assert_int_equal(waiter_join(&o[0].w), -NP_EAGAIN);
	server_release(a);
	assert_int_equal(join(&o[1], u), 0);
	assert_ptr_equal(o[1].w.server, a);
	server_release(a);
	assert_ptr_equal(taken(u), a);
	assert_true(waiter_leave(&o[0].w));
	server_release(a);
	server_release(b);
	upstream_free(u);
}

/* E51: a hedge passes nobody who waits, and is no trial, though a slot is free for it. */
static void e51_a_hedge_waits_for_nobody(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = taken(u), *b = taken(u), *got = NULL;
	struct pick_args hedge = {.hedge = true, .trial = true};
	struct one o;

	(void)state;
	ask(&o, u);
	o.tried[0] = a;
	o.args.ntried = 1;
	assert_int_equal(waiter_join(&o.w), -NP_EAGAIN);
	server_release(a);
	assert_int_equal(upstream_pick(u, &hedge, &got), -NP_EAGAIN);
	assert_false(hedge.trial);
	assert_ptr_equal(taken(u), a);
	assert_true(waiter_leave(&o.w));
	server_release(a);
	server_release(b);
	upstream_free(u);
}

/* E72: generations of one name have one queue; each serves its own list. */
static void e72_generations_share_the_queue(void **state)
{
	struct upstream *old = open_queue("1/1", 10), *new = open_queue("1/1 1/1", 10);
	struct server *a = taken(old), *b = taken(new);
	struct one o[3];

	(void)state;
	assert_ptr_not_equal(a, b);
	assert_int_equal(join(&o[0], old), -NP_EAGAIN);
	assert_int_equal(join(&o[1], new), -NP_EAGAIN);
	assert_int_equal(join(&o[2], old), -NP_EAGAIN);
	server_release(b); /* the old one does not have it */
	assert_ptr_equal(o[1].w.server, b);
	assert_int_equal(o[0].woken, 0);
	server_release(a);
	assert_ptr_equal(o[0].w.server, a);
	server_release(a);
	assert_ptr_equal(o[2].w.server, a);
	server_release(a);
	server_release(b);
	upstream_free(old);
	upstream_free(new);
}

/* ---- ends of a wait ---- */

/* E44, E43, E11 */
static void e44_full_and_left(void **state)
{
	struct upstream *u = open_queue("1/1", 2);
	struct server *s = taken(u);
	struct one o[3];

	(void)state;
	assert_int_equal(join(&o[0], u), -NP_EAGAIN);
	assert_int_equal(join(&o[1], u), -NP_EAGAIN);
	assert_int_equal(join(&o[2], u), -NP_ENOBUFS);
	assert_true(waiter_leave(&o[0].w));
	assert_int_equal(server_active(s), 1);
	assert_int_equal(join(&o[2], u), -NP_EAGAIN);
	server_release(s);
	assert_int_equal(o[0].woken, 0);
	assert_int_equal(o[1].woken, 1);
	assert_false(waiter_leave(&o[1].w)); /* granted and timed out at once: the grant counts */
	server_release(o[1].w.server);
	assert_int_equal(o[2].woken, 2);
	server_release(s);
	assert_int_equal(server_active(s), 0);
	upstream_free(u);
}

/* ---- what lets somebody in ---- */

/* E43: as many as fit, in order. */
static void e43_a_raised_limit(void **state)
{
	struct server_inputs in = server_inputs(0);
	struct upstream *u = open_queue("1/1", 10);
	struct server *s = taken(u);
	struct one o[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(join(&o[i], u), -NP_EAGAIN);
	in.admin_most = 3;
	servers_say(s, &in);
	assert_true(o[0].woken == 1 && o[1].woken == 2 && o[2].woken == 0);
	in.admin_most = SERVER_NO_LIMIT;
	servers_say(s, &in);
	assert_true(o[2].woken == 3 && o[3].woken == 4);
	for (unsigned i = 0; i < 5; i++)
		server_release(s);
	upstream_free(u);
}

/* E43: ready again, and replaced. */
static void e43_a_server_comes_back(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = u->members->at[0].server, *first, *c;
	struct servers more;
	struct one o[2];

	(void)state;
	servers_set_admin(a, SERVER_MAINT);
	first = taken(u);
	assert_ptr_not_equal(first, a);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(join(&o[i], u), -NP_EAGAIN);
	servers_set_admin(a, SERVER_READY);
	assert_ptr_equal(o[0].w.server, a);
	assert_int_equal(o[1].woken, 0);
	servers_init(&more, BALANCE_ROUND_ROBIN, "1/1 1/1 1/1");
	assert_int_equal(upstream_replace(u, more.at, 3), 0);
	c = o[1].w.server;
	assert_true(o[1].woken == 2 && c != a && c != first);
	server_release(a);
	server_release(first);
	server_release(c);
	upstream_free(u);
}

/* E43, E36: passive state: a trial that is due is one of those who wait. */
static void e43_passive_states(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = taken(u), *b = taken(u);
	int64_t now = np_nanotime();
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_CONNECT, .began = now, .now = now};
	struct one o[2];

	(void)state;
	(void)passive_report(u, a, &r);
	assert_int_equal(passive_now(a).state, SERVER_OUT);
	server_release(a);
	assert_int_equal(join(&o[0], u), -NP_EAGAIN); /* it is out, and the other one is full */
	assert_int_equal(join(&o[1], u), -NP_EAGAIN);
	upstream_wake(u->live, now + 5);
	assert_int_equal(o[0].woken, 0);
	passive_probed(a, now + 6);
	assert_ptr_equal(o[0].w.server, a);
	assert_true(o[0].args.trial);
	server_release(a);
	assert_int_equal(o[1].woken, 0); /* one trial at a time */
	(void)passive_forget(a, now + 7);
	assert_ptr_equal(o[1].w.server, a);
	server_release(a);
	server_release(b);
	upstream_free(u);
}

/* E43, E75: a check that ends an ejection lets in who waits, as every way back does. */
static void e43_a_good_check(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = taken(u), *b = taken(u);
	int64_t now = np_nanotime();
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_CONNECT, .began = now, .now = now};
	struct one o;

	(void)state;
	(void)passive_report(u, a, &r);
	server_release(a);
	assert_int_equal(join(&o, u), -NP_EAGAIN); /* it is out, and the other one is full */
	assert_int_equal(passive_checked(a, false, now + 1, now + 2).to, SERVER_IN);
	assert_int_equal(o.woken, 1);
	assert_ptr_equal(o.w.server, a);
	server_release(a);
	server_release(b);
	upstream_free(u);
}

/* E13, E43: when the last usable server goes, who waits leaves with that, and nobody joins; while one is only full they
 * wait. */
static void e13_nobody_is_usable(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = taken(u), *b = taken(u);
	struct one o[3];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(join(&o[i], u), -NP_EAGAIN);
	servers_set_admin(a, SERVER_MAINT);
	assert_int_equal(upstream_waiting(u->live), 2);
	(void)server_set_check(b, SERVER_CHECK_DOWN);
	assert_true(o[0].woken == 1 && o[1].woken == 2);
	assert_true(o[0].w.refused && o[0].w.server == NULL);
	assert_false(waiter_leave(&o[1].w));
	assert_int_equal(upstream_waiting(u->live), 0);
	assert_int_equal(refused(u), -NP_ENOENT);
	assert_int_equal(join(&o[2], u), -NP_ENOENT);
	assert_int_equal(o[2].woken, 0);
	assert_true(server_active(a) == 1 && server_active(b) == 1);
	server_release(a);
	server_release(b);
	upstream_free(u);
}

/* E42, E38: the only one that is left is out and full: its slot comes back, so waiting helps. */
static void e42_who_is_out_and_full(void **state)
{
	struct upstream *u = open_queue("1/1 1/1", 10);
	struct server *a = taken(u), *b = taken(u);
	int64_t now = np_nanotime();
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_CONNECT, .began = now, .now = now};
	struct one o;

	(void)state;
	(void)passive_report(u, a, &r);
	assert_int_equal(passive_now(a).state, SERVER_OUT);
	servers_set_admin(b, SERVER_MAINT);
	assert_int_equal(refused(u), -NP_EAGAIN);
	assert_int_equal(join(&o, u), -NP_EAGAIN);
	server_release(a);
	assert_ptr_equal(o.w.server, a);
	server_release(a);
	server_release(b);
	upstream_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(e42_first_come_first_served, begin, end),
		cmocka_unit_test_setup_teardown(p39_those_of_the_process_before_come_first, begin, end),
		cmocka_unit_test_setup_teardown(e42_looks_again_when_it_joins, begin, end),
		cmocka_unit_test_setup_teardown(e42_newcomers_go_to_the_end, begin, end),
		cmocka_unit_test_setup_teardown(e42_tried_servers_are_left_to_others, begin, end),
		cmocka_unit_test_setup_teardown(e42_does_not_wait_for_what_is_free, begin, end),
		cmocka_unit_test_setup_teardown(e51_a_hedge_waits_for_nobody, begin, end),
		cmocka_unit_test_setup_teardown(e72_generations_share_the_queue, begin, end),
		cmocka_unit_test_setup_teardown(e44_full_and_left, begin, end),
		cmocka_unit_test_setup_teardown(e43_a_raised_limit, begin, end),
		cmocka_unit_test_setup_teardown(e43_a_server_comes_back, begin, end),
		cmocka_unit_test_setup_teardown(e43_passive_states, begin, end),
		cmocka_unit_test_setup_teardown(e43_a_good_check, begin, end),
		cmocka_unit_test_setup_teardown(e13_nobody_is_usable, begin, end),
		cmocka_unit_test_setup_teardown(e42_who_is_out_and_full, begin, end),
	};

	return cmocka_run_group_tests_name("waiter", tests, NULL, NULL);
}
