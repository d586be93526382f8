/* warm: E53, E55, E73: how many a worker keeps ready, and to whom: over reloads and other lists of servers. */
#include "tests/unit/proxy/conn/warm_world.h"

/* ---- as many as asked for ---- */

static const char *take_and_replace(void)
{
	struct stream one;

	if (!until(keeps, 2) || scene.n != 2)
		return "two are kept";
	if (!take(&one))
		return "one is taken";
	if (!until(has_accepted, 3) || stats()->warm_idle != 2)
		return "it is replaced";
	if (count_open() != 3 || server_active(world_server(&scene.world, 0)) != 0)
		return "who takes one has it, and it takes no slot";
	if (histogram_count(&stats()->connect) != 3)
		return "each dial is a sample";
	stream_close(&one);
	return until(keeps, 2) && scene.n == 3 ? NULL : "no other one is made";
}

static void e53_taken_and_replaced(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	run(take_and_replace);
}

static const char *many_in_turn(void)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct stream one;

		if (!until(keeps, 2))
			return "two are kept";
		if (!take(&one))
			return "one is taken";
		stream_close(&one);
		for (unsigned j = 0; j < scene.n; j++)
			if (scene.fd[j] >= 0 && !is_open(scene.fd[j]))
				close_at(j);
		for (unsigned j = scene.n; j-- > 0;)
			if (scene.fd[j] < 0)
				scene.fd[j] = scene.fd[--scene.n];
	}
	return until(keeps, 2) ? NULL : "their number does not grow";
}

static void e55_no_growth(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	run(many_in_turn);
}

static const char *by_age(void)
{
	if (!until(has_accepted, 9))
		return "each is replaced when it is too old";
	return until(keeps, 2) ? NULL : "two are kept";
}

static void e53_too_old(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1s}");
	scene.real = nanotime();
	scene.fast = 20;
	run(by_age);
}

static void set_word(enum server_check check)
{
	(void)server_set_check(world_server(&scene.world, 0), check);
}

static const char *not_usable(void)
{
	if (!until(keeps, 2))
		return "two are kept";
	set_word(SERVER_CHECK_DOWN);
	if (!until(keeps, 0) || stats()->warm_wanted != 0)
		return "none to one that is down";
	set_word(SERVER_CHECK_UP);
	if (!until(keeps, 2) || scene.n != 4)
		return "two to one that is up";
	set_word(SERVER_CHECK_UNKNOWN);
	return until(keeps, 0) && looks_again() && keeps(0) ? NULL : "none to one that is spare";
}

static void e53_not_to_one_that_is_down(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	run(not_usable);
}

/* A limit at run time: of an operator, or of an agent. */
static const char *with_a_limit(void)
{
	const struct server_inputs limit = {.admin_weight = -1, .admin_most = 10}, none = {.admin_weight = -1};
	const int64_t ends[SERVER_SETS] = {0};

	if (!until(keeps, 2))
		return "two are kept";
	server_set_admin(world_server(&scene.world, 0), &limit, ends);
	if (!until(keeps, 0))
		return "none beside max_connections";
	server_set_admin(world_server(&scene.world, 0), &none, ends);
	return until(keeps, 2) ? NULL : "two without it";
}

static void e53_not_beside_a_limit(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	run(with_a_limit);
}

static const char *no_more_than_most(void)
{
	if (!until(keeps, 3) || !looks_again())
		return "three are kept";
	return keeps(3) && stats()->warm_wanted == 4 ? NULL : "three descriptors are set aside";
}

/* E73: what is beyond the descriptors that are set aside is left out. */
static void e73_left_out(void **state)
{
	(void)state;
	open_scene("warm: {connections: 4, max_age: 1h}");
	scene.most = 3;
	run(no_more_than_most);
}

/* ---- reload ---- */

/* A generation whose registry is the first one's. */
static struct snapshot *next_generation(const char *keys)
{
	char text[512], room[256];
	struct snapshot *snap = NULL;
	struct diag *d = diag_new();
	struct config *c = NULL;
	struct text why;
	int n = snprintf(text, sizeof(text),
			 "listeners:\n  - {name: web, bind: \":80\", upstream: app}\n"
			 "upstreams:\n  - {name: app, servers: [\"%s:%d\"], %s}\n", kit_ip(0), scene.port, keys);

	text_init(&why, room, sizeof(room));
	CHECK(d != NULL && config_parse("test", text, (size_t)n, &c, d) == 0, "a config");
	CHECK(snapshot_new(&scene.world.registry, c, scene.world.snap, &snap, &why) == 0, "a snapshot");
	snapshot_enact(snap, 1000);
	diag_free(d);
	return snap;
}

static bool reload_to(const char *keys)
{
	struct snapshot *snap = next_generation(keys), *old = scene.world.snap;
	int err;

	snapshot_hold(snap, 0);
	err = warm_serve(scene.shard, snap, 1000);
	scene.world.snap = snap;
	np_sleep(NP_MS); /* the message arrives first */
	snapshot_drop(old, 0);
	return err == 0;
}

static const char *over_reloads(void)
{
	struct stream one;
	unsigned n;

	if (!until(keeps, 2))
		return "two are kept";
	if (!reload_to("retries: 1, warm: {connections: 2, max_age: 1h}") || !until(keeps, 2) || scene.n != 2)
		return "they survive a reload";
	if (!reload_to("warm: {connections: 1, max_age: 1h}") || !until(keeps, 1) || scene.n != 2)
		return "what is too much is closed";
	if (!reload_to("proxy_protocol: v1, warm: {connections: 1, max_age: 1h}") || !until(keeps, 1))
		return "one is kept";
	if (is_open(scene.fd[0]) || is_open(scene.fd[1]))
		return "none that was made for another way to speak";
	n = scene.n;
	if (!reload_to("proxy_protocol: v1") || !until(keeps, 0) || take(&one) || scene.n != n)
		return "none is kept";
	return reload_to("warm: {connections: 3, max_age: 1h}") && until(keeps, 3) ? NULL : "and again three";
}

static void e53_reloads(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	run(over_reloads);
}

/* A connection of an older generation speaks another way. */
static const char *of_another_generation(void)
{
	struct target old = *target_of(&scene.world);
	struct stream one = {.tls = NULL};

	if (!until(keeps, 1))
		return "one is kept";
	old.header = 2;
	if (warm_take(scene.shard, &old, world_server(&scene.world, 0), &one))
		return "it is not what the older one would have dialled";
	return keeps(1) ? NULL : "it stays";
}

static void e53_another_generation(void **state)
{
	(void)state;
	open_scene("warm: {connections: 1, max_age: 1h}");
	run(of_another_generation);
}

/* ---- lists of servers ---- */

#define MANY 40 /* more than the lock is held for at once */
static struct server_spec many[MANY];

static const char *another_list(void)
{
	struct upstream *u = world_upstream(&scene.world);
	struct server *first = world_server(&scene.world, 0);

	if (!until(keeps, 1))
		return "one is kept";
	if (upstream_replace(u, many, MANY) != 0 || !until(has_accepted, MANY))
		return "one is kept to each";
	for (unsigned i = 0; i < MANY; i++)
		if (u->members->at[i].server->kept != 1)
			return "each is kept once";
	if (upstream_replace(u, many, 1) != 0 || !until(keeps, 1))
		return "none to those that are gone";
	return first->kept == 1 ? NULL : "the one that stays is kept";
}

static void e53_another_list(void **state)
{
	(void)state;
	open_at("0.0.0.0", "warm: {connections: 1, max_age: 1h}");
	for (unsigned i = 0; i < MANY; i++) {
		many[i] = (struct server_spec){.weight = 1, .addr = world_server(&scene.world, 0)->addr};
		assert_int_equal(inet_pton(AF_INET, kit_ip((int)i), &many[i].addr.u.in4.sin_addr), 1);
	}
	run(another_list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e53_taken_and_replaced, kit_end),
		cmocka_unit_test_teardown(e55_no_growth, kit_end),
		cmocka_unit_test_teardown(e53_too_old, kit_end),
		cmocka_unit_test_teardown(e53_not_to_one_that_is_down, kit_end),
		cmocka_unit_test_teardown(e53_not_beside_a_limit, kit_end),
		cmocka_unit_test_teardown(e73_left_out, kit_end),
		cmocka_unit_test_teardown(e53_reloads, kit_end),
		cmocka_unit_test_teardown(e53_another_generation, kit_end),
		cmocka_unit_test_teardown(e53_another_list, kit_end),
	};

	return cmocka_run_group_tests_name("warm", tests, NULL, NULL);
}
