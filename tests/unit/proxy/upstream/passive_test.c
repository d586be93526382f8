/* passive: what reports of connections make of servers, and of picks. By a clock of the test. */
#include "tests/unit/proxy/upstream/judged.h"

/* ---- E34 ---- */

static void e34_three_in_a_row(void **state)
{
	struct passive_change c;

	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 2);
	assert_int_equal(state_of(0), SERVER_IN);
	now += MS;
	c = fail_once(0, FAULT_EARLY_RESET);
	assert_true(c.from == SERVER_IN && c.to == SERVER_OUT && c.fault == FAULT_EARLY_RESET);
	assert_true(c.usable == 2 && c.of == 3);
	assert_in_range(c.out_for, 9 * S, 11 * S);
	expect_never(0, 10);
}

static void e34_a_success_begins_the_row_anew(void **state)
{
	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_SILENT, 2);
	(void)say(0, (struct report){.kind = REPORT_CONNECTED}); /* not enough for a server that does not answer */
	fail_often(0, FAULT_SILENT, 1);
	assert_int_equal(state_of(0), SERVER_OUT);
	fail_often(1, FAULT_SILENT, 2);
	(void)say(1, (struct report){.kind = REPORT_ANSWERED});
	assert_true(passive_is_clean(&at(1)->passive));
	fail_often(2, FAULT_CONNECT, 2);
	(void)say(2, (struct report){.kind = REPORT_CONNECTED});
	assert_true(passive_is_clean(&at(2)->passive));
}

static void e34_a_row_has_its_time(void **state)
{
	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 2);
	now += 11 * S;
	fail_often(0, FAULT_CONNECT, 2);
	assert_int_equal(state_of(0), SERVER_IN);
	fail_often(0, FAULT_CONNECT, 1);
	assert_int_equal(state_of(0), SERVER_OUT);
}

/* Out again by its trial, and again. */
static void e34_each_ejection_is_longer(void **state)
{
	static const int64_t seconds[] = {10, 20, 40, 80, 160, 300, 300};
	struct passive_change c;

	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 2);
	c = fail_once(0, FAULT_CONNECT);
	for (size_t i = 0; i < array_len(seconds); i++) {
		assert_in_range(c.out_for, seconds[i] * S * 9 / 10, seconds[i] * S * 11 / 10);
		now += c.out_for - MS;
		expect_no_trial(6);
		now += 2 * MS;
		assert_int_equal(expect_trial(), 0);
		c = say(0, (struct report){.kind = REPORT_FAILED, .trial = true});
	}
}

static void e34_good_service_is_counted(void **state)
{
	struct passive_change c;

	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 3);
	now = at(0)->passive.until;
	assert_int_equal(expect_trial(), 0);
	(void)say(0, (struct report){.kind = REPORT_FAILED, .trial = true});
	assert_int_equal(at(0)->passive.k, 2);
	now = at(0)->passive.until;
	assert_int_equal(expect_trial(), 0);
	(void)say(0, (struct report){.kind = REPORT_CONNECTED, .trial = true});
	assert_int_equal(state_of(0), SERVER_IN);
	now += 11 * S;
	fail_often(0, FAULT_CONNECT, 2);
	c = fail_once(0, FAULT_CONNECT);
	assert_in_range(c.out_for, 18 * S, 22 * S); /* 2, less 1, so the second length */
}

/* ---- E35, E68: how many may go ---- */

static void e35_half_of_a_tier_stays(void **state)
{
	struct passive_change c;

	(void)state;
	begin("1 1 1 1b");
	fail_often(0, FAULT_EARLY_END, 3);
	assert_int_equal(state_of(0), SERVER_OUT);
	fail_often(1, FAULT_EARLY_END, 2);
	c = fail_once(1, FAULT_EARLY_END);
	assert_true(c.capped && c.to == SERVER_IN);
	assert_int_equal(state_of(1), SERVER_IN);
	fail_often(2, FAULT_CONNECT, 2);
	c = fail_once(2, FAULT_CONNECT);
	assert_true(c.capped && c.to == SERVER_SPARE);
	expect_never(2, 6);
	expect_never(3, 6);
	servers_set_admin(at(1), SERVER_DRAIN);
	{
		bool trial;

		assert_int_equal(pick_now(true, &trial), 2); /* before any backup */
		assert_false(trial);
	}
	(void)say(2, (struct report){.kind = REPORT_CONNECTED});
	assert_int_equal(state_of(2), SERVER_IN);
}

/* Two of three dead: one out, one spare, and nobody is left without a server when the third goes. */
static void e35_the_pool_is_never_empty(void **state)
{
	(void)state;
	begin("1 1 1");
	for (unsigned i = 0; i < 3; i++)
		fail_often(i, FAULT_CONNECT, 3);
	assert_int_equal(state_of(0), SERVER_OUT);
	assert_int_equal(state_of(1), SERVER_SPARE);
	assert_int_equal(state_of(2), SERVER_SPARE);
	for (unsigned i = 0; i < 4; i++) {
		bool trial;

		assert_in_range(pick_now(true, &trial), 1, 2);
		assert_false(trial);
	}
	passive_begin_trial(at(0), now, now + 1000 * S);
	now = at(1)->passive.until > at(2)->passive.until ? at(1)->passive.until : at(2)->passive.until;
	expect_no_trial(4); /* who is taken anyway is not tried */
}

static void e68_alone_it_is_never_judged(void **state)
{
	(void)state;
	begin("1 1");
	servers_set_admin(at(1), SERVER_MAINT);
	fail_often(0, FAULT_CONNECT, 20);
	fail_often(0, FAULT_SILENT, 20);
	assert_int_equal(state_of(0), SERVER_IN);
	assert_true(passive_is_clean(&at(0)->passive));
	assert_int_equal(u->live->out, 0);
}

/* ---- E36, E69, E70: trials ---- */

static void e36_exactly_one_connection(void **state)
{
	bool trial;

	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_SILENT, 3);
	now = at(0)->passive.until;
	expect_never(0, 0);
	(void)pick_now(false, &trial); /* its last try: another one may go first */
	assert_false(trial);
	assert_int_equal(pick_now(false, &trial), 0); /* ... but only one */
	assert_true(trial);
	expect_never(0, 20);
	(void)say(0, (struct report){.kind = REPORT_CONNECTED, .trial = true}); /* it was silence that ejected it */
	assert_int_equal(state_of(0), SERVER_TRIAL);
	(void)say(0, (struct report){.kind = REPORT_ANSWERED, .trial = true});
	assert_int_equal(state_of(0), SERVER_IN);
	assert_int_equal(u->live->out, 0);
}

static void e70_no_verdict(void **state)
{
	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_SILENT, 3);
	now = at(0)->passive.until;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(expect_trial(), 0);
		expect_no_trial(3);
		now += MS;
		(void)say(0, (struct report){.kind = REPORT_NOTHING, .trial = true});
		assert_int_equal(at(0)->passive.k, 1);
	}
	assert_int_equal(expect_trial(), 0);
	{
		int64_t first = now;

		now += 6 * S - MS;
		expect_no_trial(3);
		now += 2 * MS; /* connect timeout and a second: it lapses */
		assert_int_equal(expect_trial(), 0);
		/* The first one's end says nothing any more. */
		(void)say(0, (struct report){.kind = REPORT_ANSWERED, .trial = true, .began = first});
		assert_int_equal(state_of(0), SERVER_TRIAL);
	}
}

static void e69_a_good_probe(void **state)
{
	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 3);
	expect_no_trial(3);
	now += S;
	passive_probed(at(0), now);
	assert_int_equal(expect_trial(), 0);
	(void)say(0, (struct report){.kind = REPORT_FAILED, .trial = true});
	assert_int_equal(at(0)->passive.k, 1);
	now += S;
	passive_probed(at(0), now);
	expect_no_trial(3); /* never a client a second: the clock alone decides now */
	now = at(0)->passive.until;
	assert_in_range(now, 1000 * S + 9 * S, 1000 * S + 12 * S); /* as if there had been no probe */
	assert_int_equal(expect_trial(), 0);
	(void)say(0, (struct report){.kind = REPORT_FAILED, .trial = true});
	now += S;
	passive_probed(at(0), now); /* another ejection */
	assert_int_equal(expect_trial(), 0);
}

/* ---- E71, E72, E33, E76 ---- */

static void e71_one_ejection_of_many_ends(void **state)
{
	int64_t before;

	(void)state;
	begin("1 1 1");
	before = now - S;
	for (int i = 0; i < 5000; i++) {
		now += MS / 100;
		(void)say(0, (struct report){.kind = REPORT_FAILED, .fault = FAULT_EARLY_RESET, .began = before});
	}
	assert_int_equal(state_of(0), SERVER_OUT);
	assert_int_equal(at(0)->passive.k, 1);
	(void)say(0, (struct report){.kind = REPORT_ANSWERED, .began = before});
	assert_int_equal(state_of(0), SERVER_OUT);
}

static void e72_generations_share_the_state(void **state)
{
	struct upstream *old;

	(void)state;
	begin("1 1 1");
	old = u;
	u = open_judged("1 1 1", 1);
	fail_often(0, FAULT_CONNECT, 1);
	for (int i = 0; i < 2; i++) {
		struct report r = {.kind = REPORT_FAILED, .began = now, .now = now};

		(void)passive_report(old, at(0), &r);
	}
	assert_int_equal(state_of(0), SERVER_OUT);
	assert_int_equal(u->live->out, 1);
	now = at(0)->passive.until;
	assert_int_equal(expect_trial(), 0);
	{
		struct pick_args a = {.now = now, .may_retry = true};
		struct server *s;

		assert_int_equal(upstream_pick(old, &a, &s), 0);
		assert_false(a.trial);
		server_release(s);
	}
	upstream_free(old);
}

static void e33_no_way_to_anybody(void **state)
{
	(void)state;
	begin("1 1 1");
	for (int i = 0; i < 30; i++) {
		now += MS;
		(void)say((unsigned)i % 3, (struct report){.kind = REPORT_FAILED, .unreachable = true});
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(state_of(i), SERVER_IN);
		assert_true(passive_is_clean(&at(i)->passive));
	}
	now += 5 * S;
	for (int i = 0; i < 3; i++)
		(void)say(1, (struct report){.kind = REPORT_FAILED, .unreachable = true});
	assert_int_equal(state_of(1), SERVER_OUT);
}

static void e76_forgotten(void **state)
{
	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_CONNECT, 3);
	assert_int_equal(passive_forget(at(0), now), SERVER_OUT);
	assert_int_equal(state_of(0), SERVER_IN);
	assert_int_equal(at(0)->passive.k, 0);
	assert_int_equal(u->live->out, 0);
}

/* What is known of a server is believed for 5 s. */
static void lessons_grow_old(void **state)
{
	const struct server_lesson l = {.answer = 1500 * MS, .hedge = 250 * MS, .early_ends_count = true};
	struct server_lesson got;

	(void)state;
	begin("1 1");
	assert_int_equal(server_learnt(at(0), now).answer, 0);
	server_learn(at(0), &l, now);
	got = server_learnt(at(0), now + 4 * S);
	assert_true(got.answer == l.answer && got.hedge == l.hedge && got.early_ends_count);
	got = server_learnt(at(0), now + 7 * S);
	assert_true(got.answer == 0 && got.hedge == 0 && !got.early_ends_count);
}

/* E51: dials that lost to their hedges eject a server to which no connect has worked for a second. */
static void e51_slow_connects(void **state)
{
	(void)state;
	begin("1 1 1");
	fail_often(0, FAULT_SLOW_CONNECT, 20);
	assert_int_equal(state_of(0), SERVER_IN);
	(void)say(0, (struct report){.kind = REPORT_CONNECTED});
	now += S;
	fail_often(0, FAULT_SLOW_CONNECT, 20); /* the path: it works now and then */
	assert_int_equal(state_of(0), SERVER_IN);
	now += S;
	assert_int_equal(fail_once(0, FAULT_SLOW_CONNECT).to, SERVER_OUT);
	assert_int_equal(at(0)->passive.ejections[FAULT_SLOW_CONNECT], 1);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e34_three_in_a_row),
		TEST(e34_a_success_begins_the_row_anew),
		TEST(e34_a_row_has_its_time),
		TEST(e34_each_ejection_is_longer),
		TEST(e34_good_service_is_counted),
		TEST(e35_half_of_a_tier_stays),
		TEST(e35_the_pool_is_never_empty),
		TEST(e68_alone_it_is_never_judged),
		TEST(e36_exactly_one_connection),
		TEST(e70_no_verdict),
		TEST(e69_a_good_probe),
		TEST(e71_one_ejection_of_many_ends),
		TEST(e72_generations_share_the_state),
		TEST(e33_no_way_to_anybody),
		TEST(e76_forgotten),
		TEST(e51_slow_connects),
		TEST(lessons_grow_old),
	};

	return cmocka_run_group_tests_name("passive", tests, NULL, NULL);
}
