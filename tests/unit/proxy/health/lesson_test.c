/* lesson: E37a: how long an answer may take, and E37b: whether an early end is a fault, by what the others of a tier
 * do. By a clock of the test. */
#include "proxy/health/lesson.h"

#include "tests/unit/proxy/health/world.h"

#define S      INT64_C(1000000000)
#define MS     INT64_C(1000000)
#define THREE  "servers: [\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\"]"
#define ONE    "servers: [\"10.0.0.1:80\"]"
#define BACKUP "servers: [\"10.0.0.1:80\", \"10.0.0.2:80\", {address: \"10.0.0.3:80\", backup: true}, " \
	       "{address: \"10.0.0.4:80\", backup: true}]"

static struct health_world world;
static struct inventory *inv;
static int64_t now;

/* What there is has changed. */
static void list(void)
{
	struct inventory *before = inv;

	inv = world_inventory(&world);
	(void)inventory_free(before);
	lesson_begin(inv, &inv->upstreams[0], now);
}

static void begin(const char *keys)
{
	now = 1000 * S;
	world_open(&world, 2, keys);
	list();
}

static int end(void **state)
{
	(void)state;
	inv = inventory_free(inv);
	world_close(&world);
	return 0;
}

static void answer(unsigned place, unsigned n, int64_t takes)
{
	world_answer(&world, place, n, takes);
}

static void end_early(unsigned place, unsigned n)
{
	STAT_ADD(&world_server(&world, place)->stats[1], early_ends, n);
}

static void reach(unsigned place, unsigned n, int64_t takes)
{
	for (unsigned i = 0; i < n; i++)
		histogram_add(&world_server(&world, place)->stats[0].connect, &histogram_latency, takes);
}

/* A second later. */
static struct server_lesson teach(unsigned place)
{
	now += S;
	lesson_teach(inv, &inv->upstreams[0], now);
	return server_learnt(world_server(&world, place), now);
}

static void e37a_a_hundred_answers_of_the_others(void **state)
{
	(void)state;
	begin(THREE);
	assert_int_equal(teach(0).answer, 0);
	answer(1, 50, 200 * MS);
	answer(2, 49, 200 * MS);
	assert_int_equal(teach(0).answer, 0);
	answer(2, 1, 200 * MS);
	assert_int_equal(teach(0).answer, 3 * S);
	assert_int_equal(teach(1).answer, 0); /* it has 50 others, they do not see their own */
	assert_int_equal(teach(2).answer, 0);
}

static void e37a_its_own_do_not_count(void **state)
{
	(void)state;
	begin(THREE);
	answer(0, 5000, 5 * S);
	assert_int_equal(teach(0).answer, 0);
	answer(1, 100, 200 * MS);
	assert_int_equal(teach(0).answer, 3 * S);
	assert_int_equal(teach(2).answer, 100 * S); /* by both */
}

static void e37a_ten_times_the_bound_of_p99(void **state)
{
	(void)state;
	begin(THREE);
	answer(1, 990, 20 * MS);
	answer(2, 10, 2 * S); /* 1 of 100 */
	assert_int_equal(teach(0).answer, S); /* 10 x 30 ms is less than the least */
	answer(2, 1, 2 * S);
	assert_int_equal(teach(0).answer, 30 * S);
}

static void e37a_never_less_than_a_second(void **state)
{
	(void)state;
	begin(THREE);
	answer(1, 100, 50 * MS);
	assert_int_equal(teach(0).answer, S);
	assert_int_equal(teach(2).answer, S);
	answer(1, 9900, 200 * MS);
	assert_int_equal(teach(0).answer, 3 * S);
}

/* Longer than the last bound: nobody knows how long. */
static void e37a_no_bound_is_no_lesson(void **state)
{
	(void)state;
	begin(THREE);
	answer(1, 200, 11 * S);
	assert_int_equal(teach(0).answer, 0);
	assert_true(teach(0).early_ends_count);
}

static void e37a_backups_are_a_tier_of_their_own(void **state)
{
	(void)state;
	begin(BACKUP);
	answer(0, 100, 200 * MS);
	answer(2, 100, 2 * S);
	assert_int_equal(teach(0).answer, 0);
	assert_int_equal(teach(1).answer, 3 * S);
	assert_int_equal(teach(2).answer, 0);
	assert_int_equal(teach(3).answer, 30 * S);
}

static void e37a_a_minute_later_it_is_forgotten(void **state)
{
	(void)state;
	begin(THREE);
	answer(1, 100, 200 * MS);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(teach(0).answer, 3 * S);
	for (unsigned i = 0; i < 10; i++)
		(void)teach(0);
	assert_int_equal(teach(0).answer, 0);
	assert_false(teach(0).early_ends_count);
}

static void e37b_twenty_answers_of_the_others(void **state)
{
	(void)state;
	begin(THREE);
	answer(0, 100, MS);
	answer(1, 10, MS);
	answer(2, 9, MS);
	assert_false(teach(0).early_ends_count);
	assert_true(teach(1).early_ends_count);
	answer(2, 1, MS);
	assert_true(teach(0).early_ends_count);
	assert_int_equal(teach(0).answer, 0); /* which wants more of them */
}

static void e37b_a_tenth_of_theirs_may_end_early(void **state)
{
	(void)state;
	begin(THREE);
	answer(1, 90, MS);
	end_early(1, 4);
	end_early(2, 6);
	assert_true(teach(0).early_ends_count); /* 10 of 100 */
	STAT_ADD(&world_server(&world, 2)->stats[0], early_resets, 1);
	assert_false(teach(0).early_ends_count);
	assert_true(teach(2).early_ends_count); /* of the others only 4 */
}

static void e37b_its_own_early_ends_do_not_count(void **state)
{
	(void)state;
	begin(THREE);
	answer(1, 20, MS);
	end_early(0, 1000);
	assert_true(teach(0).early_ends_count);
	assert_false(teach(2).early_ends_count);
}

static void e37b_backups_are_a_tier_of_their_own(void **state)
{
	(void)state;
	begin(BACKUP);
	answer(0, 20, MS);
	answer(2, 20, MS);
	end_early(2, 10);
	assert_true(teach(1).early_ends_count);
	assert_false(teach(3).early_ends_count);
}

/* A server that has served alone for hours, and its history. */
static void begin_alone(void)
{
	now = 1000 * S;
	world_open(&world, 2, ONE);
	answer(0, 5000, 2 * S);
	end_early(0, 9);
	reach(0, 5000, 20 * MS);
}

/* Nothing of that time is taught, and all of what comes then. */
static void learns_from_now_on(void)
{
	struct server_lesson l;

	list();
	l = teach(1);
	assert_int_equal(l.answer, 0);
	assert_int_equal(l.hedge, 0);
	assert_false(l.early_ends_count);
	assert_int_equal(inv->upstreams[0].live->connects, 0);
	answer(0, 100, 200 * MS);
	reach(0, 20, 80 * MS);
	l = teach(1);
	assert_int_equal(l.answer, 3 * S);
	assert_int_equal(l.hedge, 400 * MS);
	assert_true(l.early_ends_count);
	assert_int_equal(inv->upstreams[0].live->connects, 20);
}

static void e37a_history_teaches_no_neighbour_by_reload(void **state)
{
	(void)state;
	begin_alone();
	world_reload(&world, THREE);
	learns_from_now_on();
}

static void e37a_history_teaches_no_neighbour_by_dns(void **state)
{
	struct server_spec two[2];

	(void)state;
	begin_alone();
	for (unsigned i = 0; i < 2; i++) {
		two[i] = (struct server_spec){.weight = 1, .addr = world_server(&world, 0)->addr};
		two[i].addr.u.in4.sin_port += (in_port_t)i;
	}
	assert_int_equal(upstream_replace(world_upstream(&world), two, 2), 0);
	learns_from_now_on();
}

/* Nobody looked at it while nobody was judged. */
static void e37a_history_teaches_nobody_who_begins_to_judge(void **state)
{
	(void)state;
	now = 1000 * S;
	world_open(&world, 2, THREE ", hedge: off, health: {passive: off}");
	answer(0, 5000, 2 * S);
	answer(2, 5000, 2 * S);
	reach(0, 5000, 20 * MS);
	world_reload(&world, THREE);
	learns_from_now_on();
}

/* E51: what a server that goes has connected stays connected. */
static void e51_who_goes_takes_no_connects_along(void **state)
{
	struct server *s;

	(void)state;
	begin(THREE);
	reach(0, 200, MS);
	(void)teach(0);
	reach(1, 70, MS);
	(void)teach(0);
	assert_int_equal(inv->upstreams[0].live->connects, 70);
	s = world_server(&world, 0);
	assert_true(server_try_take(s, 0)); /* its connection goes on */
	world_reload(&world, "servers: [\"10.0.0.2:80\", \"10.0.0.3:80\"]");
	list();
	(void)teach(0);
	assert_int_equal(inv->upstreams[0].live->connects, 70);
	server_release(s);
	list(); /* now it is no more */
	(void)teach(0);
	assert_int_equal(inv->upstreams[0].live->connects, 70);
}

/* E51: four times the bound of what 99 of 100 connects take: its own, or with fewer than 20 those of its tier. */
static void e51_a_slow_dial(void **state)
{
	(void)state;
	begin(THREE);
	assert_int_equal(teach(0).hedge, 0);
	reach(1, 19, 80 * MS);
	assert_int_equal(teach(0).hedge, 400 * MS);
	reach(0, 20, 20 * MS);
	assert_int_equal(teach(0).hedge, 120 * MS);
	assert_int_equal(teach(1).hedge, 400 * MS);
	reach(1, 1, 80 * MS);
	assert_int_equal(teach(1).hedge, 400 * MS);
	assert_int_equal(inv->upstreams[0].live->connects, 40);
	now += 60 * S;
	assert_int_equal(teach(0).hedge, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e37a_a_hundred_answers_of_the_others),
		TEST(e37a_its_own_do_not_count),
		TEST(e37a_ten_times_the_bound_of_p99),
		TEST(e37a_never_less_than_a_second),
		TEST(e37a_no_bound_is_no_lesson),
		TEST(e37a_backups_are_a_tier_of_their_own),
		TEST(e37a_a_minute_later_it_is_forgotten),
		TEST(e37b_twenty_answers_of_the_others),
		TEST(e37b_a_tenth_of_theirs_may_end_early),
		TEST(e37b_its_own_early_ends_do_not_count),
		TEST(e37b_backups_are_a_tier_of_their_own),
		TEST(e37a_history_teaches_no_neighbour_by_reload),
		TEST(e37a_history_teaches_no_neighbour_by_dns),
		TEST(e37a_history_teaches_nobody_who_begins_to_judge),
		TEST(e51_a_slow_dial),
		TEST(e51_who_goes_takes_no_connects_along),
	};

	return cmocka_run_group_tests_name("lesson", tests, NULL, NULL);
}
