/* Who is judged, who is out for how long, and who may try it: E34 to E36, E51, E68, beside what passive_test.c tells of
 * one server's life. */
#include "tests/unit/proxy/upstream/judged.h"

/* E36: at any moment of the longest time: the tenth that is added by lot does not exceed it. */
static void e34_never_longer_than_max_out(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		begin("1 1 1");
		now += i * 1234567 * MS;
		at(0)->passive.k = 9;
		at(0)->passive.since = now;
		fail_often(0, FAULT_CONNECT, 2);
		assert_true(fail_once(0, FAULT_CONNECT).out_for <= 300 * S);
		end(NULL);
	}
}

/* Exactly half may go. */
static void e35_two_of_four(void **state)
{
	(void)state;
	begin("1 1 1 1");
	for (unsigned i = 0; i < 3; i++)
		fail_often(i, FAULT_EARLY_END, 3);
	assert_int_equal(state_of(0), SERVER_OUT);
	assert_int_equal(state_of(1), SERVER_OUT);
	assert_int_equal(state_of(2), SERVER_IN);
}

/* E68: what an operator holds out is his, whatever becomes of the connections that it has. */
static void e68_who_is_drained_is_not_judged(void **state)
{
	(void)state;
	begin("1 1 1");
	servers_set_admin(at(0), SERVER_DRAIN);
	fail_often(0, FAULT_EARLY_END, 20);
	assert_int_equal(state_of(0), SERVER_IN);
	assert_true(passive_is_clean(&at(0)->passive));
}

/* E36: who has tried the server in vain is not its trial as well. */
static void e36_not_who_has_tried_it(void **state)
{
	const struct server *tried[1];
	struct pick_args a = {.may_retry = true, .tried = tried, .ntried = 1};
	struct server *s;

	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 3);
	a.now = now = at(0)->passive.until;
	tried[0] = at(0);
	assert_int_equal(upstream_pick(u, &a, &s), 0);
	assert_false(a.trial);
	assert_int_equal(expect_trial(), 0);
}

/* E36: a trial is a connection of the server as others are: it has a place of its max_connections, or is none. */
static void e36_not_beyond_its_limit(void **state)
{
	(void)state;
	begin("1/1 1 1");
	assert_true(server_try_take(at(0), 1)); /* from before */
	fail_often(0, FAULT_CONNECT, 3);
	now = at(0)->passive.until;
	expect_no_trial(6);
	server_release(at(0));
	assert_int_equal(expect_trial(), 0);
}

/* E51: a hedge is nobody's trial. */
static void e51_a_hedge_is_no_trial(void **state)
{
	struct pick_args a = {.may_retry = true, .hedge = true};
	struct server *s;

	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 3);
	a.now = now = at(0)->passive.until;
	assert_int_equal(upstream_pick(u, &a, &s), 0);
	assert_false(a.trial);
	assert_ptr_not_equal(s, at(0));
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e34_never_longer_than_max_out),
		TEST(e35_two_of_four),
		TEST(e68_who_is_drained_is_not_judged),
		TEST(e36_not_who_has_tried_it),
		TEST(e36_not_beyond_its_limit),
		TEST(e51_a_hedge_is_no_trial),
	};

	return cmocka_run_group_tests_name("judging", tests, NULL, NULL);
}
