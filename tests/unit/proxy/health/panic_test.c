/* panic: E38: what counts as usable, by the words of the servers, and that an episode is told once. By a clock of the
 * test. */
#include "proxy/health/panic.h"

#include "tests/unit/proxy/health/world.h"

#define FOUR "panic: 50%, servers: [\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\", " \
	     "{address: \"10.0.0.4:80\", weight: 3}]"

static struct health_world world;
static struct inventory *inv;

static void begin(const char *keys)
{
	world_open(&world, 2, keys);
	inv = world_inventory(&world);
}

static int end(void **state)
{
	(void)state;
	inv = inventory_free(inv);
	world_close(&world);
	return 0;
}

static void set_check(unsigned place, enum server_check check)
{
	const struct server_inputs in = {.admin_weight = -1, .agent_weight = -1, .check = check};

	__atomic_store_n(&world_server(&world, place)->word, server_word(&in), __ATOMIC_RELAXED);
}

static void set_admin(unsigned place, enum server_admin_state admin)
{
	const struct server_inputs in = {.admin_weight = -1, .agent_weight = -1, .admin = admin};

	__atomic_store_n(&world_server(&world, place)->word, server_word(&in), __ATOMIC_RELAXED);
}

static void expect(unsigned percent, bool panics)
{
	unsigned got;

	assert_int_equal(inventory_panics(inv, &inv->upstreams[0], &got), panics);
	assert_int_equal(got, percent);
}

/* By weight, and of those that operators allow; half is enough. */
static void e38_less_than_half_of_the_weight(void **state)
{
	(void)state;
	begin(FOUR);
	expect(100, false);
	set_check(3, SERVER_CHECK_DOWN);
	expect(50, false);
	set_check(2, SERVER_CHECK_UNKNOWN);
	expect(33, true);
	set_admin(3, SERVER_MAINT);
	expect(66, false);
	set_check(0, SERVER_CHECK_DOWN);
	expect(33, true);
	for (unsigned i = 0; i < 4; i++)
		set_admin(i, SERVER_DRAIN);
	expect(0, false); /* nobody whom a panic would help */
}

static void e38_an_episode_is_told_once(void **state)
{
	struct inventory_upstream *u;

	(void)state;
	begin(FOUR);
	u = &inv->upstreams[0];
	assert_true(panic_is_watched(u));
	panic_look(inv, u, 1000);
	assert_int_equal(u->live->panics, 0);
	set_check(3, SERVER_CHECK_DOWN);
	set_check(2, SERVER_CHECK_DOWN);
	for (int64_t now = 2000; now < 5000; now += 1000)
		panic_look(inv, u, now);
	assert_int_equal(u->live->panics, 2000); /* since then */
	u->panic = 0; /* a reload without the key ends it, too */
	assert_true(panic_is_watched(u));
	panic_look(inv, u, 6000);
	assert_int_equal(u->live->panics, 0);
	assert_false(panic_is_watched(u));
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e38_less_than_half_of_the_weight),
		TEST(e38_an_episode_is_told_once),
	};

	return cmocka_run_group_tests_name("panic", tests, NULL, NULL);
}
