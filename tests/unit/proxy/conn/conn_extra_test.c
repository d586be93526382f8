/* conn_extra: O41: the id of a connection: the same at each call, another for each connection. */
#include "proxy/conn/conn_extra.h"

#include <stdio.h>
#include <time.h>

#include "tests/unit/proxy/conn/numbers_world.h"

#define SHARDS 4
#define EACH   2000

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ulid));
}

/* Connections of one turn: their accepts differ by a nanosecond. */
static void o41_no_two_have_the_same(void **state)
{
	static struct ulid ids[SHARDS * EACH];
	static struct ulid random[SHARDS * EACH]; /* without the time: none is left but 80 bits */
	struct conn *c = numbers_conn();
	size_t n = 0;

	(void)state;
	for (unsigned id = 0; id < SHARDS; id++) {
		world.shard->id = id;
		for (int64_t i = 0; i < EACH; i++) {
			c->accepted = 1000 * NP_S + i;
			ids[n] = random[n] = conn_id(c);
			memset(random[n++].b, 0, 6);
		}
	}
	qsort(ids, n, sizeof(ids[0]), by_bytes);
	qsort(random, n, sizeof(random[0]), by_bytes);
	for (size_t i = 1; i < n; i++) {
		assert_memory_not_equal(&ids[i - 1], &ids[i], sizeof(ids[i]));
		assert_memory_not_equal(&random[i - 1], &random[i], sizeof(ids[i]));
	}
	world.shard->id = 0;
	numbers_conn_end(c);
}

static void o41_is_the_same_at_each_call(void **state)
{
	struct conn *c = numbers_conn();
	struct ulid first, again;

	(void)state;
	c->accepted = np_nanotime();
	first = conn_id(c);
	world.shard->wall_checked = 0; /* the wall clock was set meanwhile */
	world.shard->wall_minus_mono += 3600 * NP_S;
	assert_non_null(conn_extra(c));
	again = conn_id(c);
	assert_memory_equal(&first, &again, sizeof(first));
	conn_extra_free(c);
	numbers_conn_end(c);
}

static void o41_begins_with_the_time_of_the_accept(void **state)
{
	struct conn *c = numbers_conn();
	struct timespec ts;
	uint64_t ms = 0, now;
	struct ulid id;

	(void)state;
	c->accepted = np_nanotime();
	id = conn_id(c);
	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id.b[i];
	assert_in_range(ms, now - 5000, now + 5000);
	numbers_conn_end(c);
}

static void o41_another_process_has_others(void **state)
{
	struct conn *c = numbers_conn();
	struct ulid a, b;

	(void)state;
	c->accepted = 1000 * NP_S;
	a = conn_id(c);
	world.shard->id_seed++;
	b = conn_id(c);
	assert_memory_not_equal(&a, &b, sizeof(a));
	numbers_conn_end(c);
}

/* E58: a server that was tried in vain may be gone when its connection is logged: DNS has taken it away. */
static void e58_servers_tried_are_copied(void **state)
{
	const struct access_try one = {.took = 1, .why = CLOSE_CONNECT_FAILED};
	struct conn *c = numbers_conn();

	(void)state;
	world.shard->log = (struct log_ring *)(uintptr_t)1; /* there is one; nothing is written */
	for (int i = 0; i < ACCESS_TRIES + 2; i++) {
		char text[] = "10.0.0.0:80";
		struct server s = {.text = text};

		text[7] = (char)('0' + i % 10);
		conn_note_try(c, &s, &one);
		memset(text, 'x', sizeof(text) - 1);
	}
	assert_string_equal(c->extra->tried->tries[0].server, "10.0.0.0:80");
	assert_string_equal(c->extra->tried->tries[7].server, "10.0.0.7:80");
	assert_int_equal(c->extra->tried->more, 2);
	assert_string_equal(c->extra->last_tried, "10.0.0.9:80");
	conn_extra_free(c);
	world.shard->log = NULL;
	numbers_conn_end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(o41_no_two_have_the_same, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(o41_is_the_same_at_each_call, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(o41_begins_with_the_time_of_the_accept, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(o41_another_process_has_others, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(e58_servers_tried_are_copied, numbers_begin, numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
