/* tally: O17: bytes of live connections, never twice, never falling, exact at the end; on a worker, while
 * connections end. */
#include "proxy/conn/tally.h"

#include "tests/unit/proxy/conn/numbers_world.h"

#define MANY 1000

static uint64_t draw(uint64_t below)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return x % below;
}

/* As conn_end counts. */
static void count_rest(struct conn *c)
{
	STAT_ADD(world.listener_stats, bytes_in, tally_rest(c, 0));
	STAT_ADD(world.listener_stats, bytes_out, tally_rest(c, 1));
}

static void o17_exact_at_the_end(void **state)
{
	struct conn *c = numbers_conn();
	uint64_t before = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		c->dir[0].bytes += draw(100);
		c->dir[1].bytes += draw(UINT64_C(1) << 36); /* 64 GiB */
		tally_conn(c);
		assert_true(world.listener_stats->bytes_out >= before);
		assert_true(c->dir[0].bytes - world.listener_stats->bytes_in < 16);
		assert_true(c->dir[1].bytes - world.listener_stats->bytes_out < 16);
		assert_true(world.server_stats->bytes_in == world.listener_stats->bytes_in);
		before = world.listener_stats->bytes_out;
	}
	c->dir[0].bytes += 5;
	count_rest(c);
	assert_true(world.listener_stats->bytes_in == c->dir[0].bytes);
	assert_true(world.listener_stats->bytes_out == c->dir[1].bytes);
	numbers_conn_end(c);
}

static void one_that_was_never_looked_at(void **state)
{
	struct conn *c = numbers_conn();

	(void)state;
	c->dir[0].bytes = UINT64_C(1) << 50;
	c->dir[1].bytes = 3;
	count_rest(c);
	assert_true(world.listener_stats->bytes_in == UINT64_C(1) << 50);
	assert_int_equal(world.listener_stats->bytes_out, 3);
	numbers_conn_end(c);
}

static void one_without_a_server_is_left_alone(void **state)
{
	struct conn *c = numbers_conn();

	(void)state;
	c->phase = CONN_CONNECTING;
	c->server = NULL;
	c->dir[0].bytes = 100;
	tally_conn(c);
	assert_int_equal(world.listener_stats->bytes_in, 0);
	numbers_conn_end(c);
}

/* E52: what another server may yet have, and the listener then once more. */
static void e52_what_is_kept_is_told_later(void **state)
{
	static const struct target target = {.replay = 1000};
	static const struct target *const targets[] = {&target};
	struct conn *c = numbers_conn();

	(void)state;
	world.listener.targets = (const struct target **)(uintptr_t)targets;
	c->dir[0].kept = true;
	c->dir[0].bytes = 1000;
	tally_conn(c);
	assert_int_equal(world.listener_stats->bytes_in, 0);
	assert_false(c->tallied);
	c->dir[0].bytes = 1008; /* more than is kept */
	tally_conn(c);
	assert_int_equal(world.listener_stats->bytes_in, 1008);
	c->dir[0].kept = false;
	c->dir[0].bytes = 1024;
	tally_conn(c);
	assert_int_equal(world.listener_stats->bytes_in, 1024);
	numbers_conn_end(c);
}

/* On its worker, TALLY_TURN a turn; what is asked meanwhile is one look. */
static void look_script(void *arg)
{
	uint64_t *turns = arg;
	struct np_worker_stats before, after;

	world.shard->worker = np_self();
	tally_ask(world.shard, 0); /* no connection: nothing is posted */
	CHECK(world.shard->tally_asked == 0, "a worker without connections sleeps on");
	world.shard->nconns = MANY;
	np_worker_stats(np_self(), &before);
	tally_ask(world.shard, 0);
	tally_ask(world.shard, 0);
	while (__atomic_load_n(&world.shard->tally_asked, __ATOMIC_ACQUIRE) != 0) {
		if (!list_empty(&world.shard->conns)) {
			struct conn *c = list_entry(world.shard->conns.prev, struct conn, link);

			count_rest(c);
			numbers_conn_end(c);
		}
		np_yield();
	}
	np_worker_stats(np_self(), &after);
	*turns = after.turns - before.turns;
	world.shard->worker = NULL;
}

static void o17_a_look_takes_several_turns(void **state)
{
	uint64_t turns = 0;
	const struct np_worker_opts o = {.name = "tally", .cpu = -1, .main = look_script, .arg = &turns};

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		numbers_conn()->dir[0].bytes = 160;
	assert_int_equal(np_run(&o), 0);
	assert_in_range(turns, MANY / TALLY_TURN, 2 * MANY / TALLY_TURN);
	assert_int_equal(world.listener_stats->bytes_in, 160 * MANY);
	assert_in_range(world.server_stats->bytes_in, 160, 160 * MANY);
	assert_true(list_empty(&world.shard->walks));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(o17_exact_at_the_end, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(one_that_was_never_looked_at, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(one_without_a_server_is_left_alone, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(e52_what_is_kept_is_told_later, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(o17_a_look_takes_several_turns, numbers_begin, numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
