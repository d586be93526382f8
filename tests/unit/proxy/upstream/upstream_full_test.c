/* upstream_full: many who find every server full within a moment are counted by one walk over the servers, and none of
 * them is lost. */
#include "tests/unit/proxy/upstream/servers.h"

#define MS INT64_C(1000000)

static struct server_registry *registry;
static struct upstream *u;

/* Two that are full, and one that takes none. */
static int begin(void **state)
{
	struct server *s;

	(void)state;
	registry = server_registry_new(1);
	u = servers_open(BALANCE_ROUND_ROBIN, "1/1 1/1 0", registry);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(upstream_pick(u, &(struct pick_args){.now = 1}, &s), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		if (server_active(u->members->at[i].server) > 0)
			server_release(u->members->at[i].server);
	upstream_free(u);
	server_registry_free(registry);
	return 0;
}

static void expect_hits(uint64_t first, uint64_t second)
{
	assert_int_equal(u->members->at[0].server->slots.hits, first);
	assert_int_equal(u->members->at[1].server->slots.hits, second);
	assert_int_equal(u->members->at[2].server->slots.hits, 0);
}

static void come(unsigned n, int64_t now)
{
	for (unsigned i = 0; i < n; i++)
		upstream_note_full(u, &(struct pick_args){.now = now});
}

static void many_are_one_walk(void **state)
{
	(void)state;
	come(1, 100 * MS);
	expect_hits(1, 1);
	come(1000, 105 * MS);
	expect_hits(1, 1); /* nobody has looked at the servers */
	come(1, 110 * MS);
	expect_hits(1002, 1002);
	assert_int_equal(u->members->at[0].server->slots.last_hit, 110 * MS);
}

/* Those after the last walk are given to the servers that it found full. */
static void none_is_lost(void **state)
{
	(void)state;
	come(3, 100 * MS);
	server_release(u->members->at[1].server);
	upstream_settle_full(u->live);
	expect_hits(3, 3);
	assert_int_equal(u->members->at[0].server->slots.last_hit, 100 * MS);
	upstream_settle_full(u->live);
	expect_hits(3, 3);
	come(2, 200 * MS); /* the second has room by now */
	upstream_settle_full(u->live);
	expect_hits(5, 3);
}

/* One that a connection has tried in vain did not turn it away for being full. */
static void who_was_tried_is_left_out(void **state)
{
	const struct server *tried = u->members->at[0].server;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		upstream_note_full(u, &(struct pick_args){.tried = &tried, .ntried = 1, .now = 100 * MS});
	expect_hits(0, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_are_one_walk),
		TEST(none_is_lost),
		TEST(who_was_tried_is_left_out),
	};

	return cmocka_run_group_tests_name("upstream_full", tests, NULL, NULL);
}
