/* checks: E22, E23, E30: places, lateness, and what becomes of checks when another inventory comes. Real sockets; one
 * worker is control and health. A script never asserts, since it is a coroutine: it returns what is wrong, or NULL. */
#include "proxy/health/checks.h"

#include <stdio.h>

#include "tests/unit/proxy/health/world.h"

#define SERVERS_MOST 8

static struct scene {
	struct health_world world;
	struct inventory_reader reader;
	struct checks checks;
	unsigned places;
	const char *(*script)(void);
	const char *problem;
} scene;

/* ---- the worker ---- */

static void arrived(struct inventory_reader *r)
{
	checks_sync(&scene.checks, r->current);
}

static void publish(void)
{
	struct inventory *inv = world_inventory(&scene.world);

	inventory_post(inv, &scene.reader);
	while (scene.reader.current != inv)
		np_yield();
}

static void script_main(void *arg)
{
	(void)arg;
	scene.world.registry.control = scene.reader.worker = np_self();
	scene.reader.arrived = arrived;
	checks_init(&scene.checks, &scene.reader, scene.places);
	publish();
	scene.problem = scene.script();
	checks_stop(&scene.checks);
	inventory_reader_close(&scene.reader); /* aborts if a run has not dropped its hold */
	np_yield();
}

static void open_at(const int *ports, unsigned n, const char *keys)
{
	char text[1024];
	size_t used = (size_t)snprintf(text, sizeof(text), "servers: [");

	memset(&scene, 0, sizeof(scene));
	scene.places = 2 * SERVERS_MOST;
	for (unsigned i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"%s:%d\"", i > 0 ? ", " : "", kit_ip(0),
		                         ports[i]);
	snprintf(text + used, sizeof(text) - used, "], %s", keys);
	world_open(&scene.world, 1, text);
}

static void run(const char *(*script)(void))
{
	const struct np_worker_opts o = {.name = "health", .id = 0, .cpu = -1, .main = script_main};

	scene.script = script;
	assert_int_equal(np_run(&o), 0);
	if (scene.problem != NULL)
		fail_msg("%s", scene.problem);
	assert_int_equal(scene.world.registry.inventories, 0);
	world_close(&scene.world);
}

/* ---- what is seen ---- */

static enum server_check verdict(unsigned place)
{
	return server_inputs(server_now(world_server(&scene.world, place))).check;
}

static uint64_t results(unsigned place, enum check_result r)
{
	return world_server(&scene.world, place)->checked.results[r];
}

static bool comes(bool (*what)(void))
{
	int64_t deadline = np_deadline_after(KIT_MS * NP_MS);

	while (!what() && np_nanotime() < deadline)
		np_sleep(NP_MS);
	return what();
}

static int listening(void)
{
	return kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_MUTE}));
}

static bool all_tried(void)
{
	return scene.checks.untried == 0;
}

/* ---- E22: servers that are down have half of the places at most ---- */

static bool first_is_checked_often(void)
{
	return results(0, CHECK_OK) >= 20;
}

/* More of them hang than there are places. */
static const char *hang(void)
{
	if (!comes(all_tried))
		return "each is tried, one after the other";
	if (verdict(0) != SERVER_CHECK_UP || verdict(1) != SERVER_CHECK_DOWN || verdict(5) != SERVER_CHECK_DOWN)
		return "each has its verdict";
	if (!comes(first_is_checked_often))
		return "who is up is checked as if nobody hung";
	if (scene.checks.used[1] != 1 || scene.checks.used[0] > 1)
		return "those that are down have no more than their half";
	return results(0, CHECK_LATE) == 0 && verdict(0) == SERVER_CHECK_UP ? NULL : "nobody is late";
}

static void e22_who_hangs_makes_nobody_wait(void **state)
{
	int ports[6];

	(void)state;
	ports[0] = listening();
	for (unsigned i = 1; i < array_len(ports); i++)
		ports[i] = kit_black_hole(kit_ip(0));
	open_at(ports, array_len(ports), "health: {tcp: {interval: 100ms, timeout: 300ms}}");
	scene.places = 2;
	run(hang);
}

/* As if it had been well so far. */
static void was_up(unsigned place)
{
	server_set_check(world_server(&scene.world, place), SERVER_CHECK_UP);
	world_server(&scene.world, place)->check->state.verdict = SERVER_CHECK_UP;
}

static unsigned down(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world_upstream(&scene.world)->members->n; i++)
		n += verdict(i) == SERVER_CHECK_DOWN;
	return n;
}

static unsigned most_used; /* places at once, of servers that are not down */

static bool some_are_down(void)
{
	if (scene.checks.used[0] > most_used)
		most_used = scene.checks.used[0];
	return down() > 0;
}

static bool all_are_down(void)
{
	return down() == world_upstream(&scene.world)->members->n;
}

/* They were well, and hang all at once, eight times as many as there are places. Each waits for its place for longer
 * than a check takes, which makes none of them late: they have all places, and those in doubt come first. */
static const char *hang_together(void)
{
	unsigned n = world_upstream(&scene.world)->members->n;

	if (!comes(all_are_down))
		return "each is tried";
	for (unsigned i = 0; i < n; i++)
		was_up(i);
	most_used = 0;
	if (!comes(some_are_down))
		return "the first verdict";
	if (most_used != scene.places)
		return "they have all places";
	if (down() > scene.places)
		return "those in doubt are decided before others are tried";
	return comes(all_are_down) ? NULL : "each is down in the end";
}

static void e22_many_hang_at_once(void **state)
{
	int ports[SERVERS_MOST];

	(void)state;
	for (unsigned i = 0; i < array_len(ports); i++)
		ports[i] = kit_black_hole(kit_ip(0));
	open_at(ports, array_len(ports), "health: {tcp: {interval: 200ms, timeout: 100ms, fall: 3}}");
	scene.places = 2;
	run(hang_together);
}

/* ---- E23 ---- */

static bool second_is_late(void)
{
	return results(1, CHECK_LATE) > 0;
}

static bool second_is_down(void)
{
	return verdict(1) == SERVER_CHECK_DOWN;
}

static void hold_the_loop(int64_t ns)
{
	int64_t until = np_nanotime() + ns;

	while (np_nanotime() < until)
		;
}

/* The thread does not turn for as long as a check may take, again and again. */
static const char *be_late(void)
{
	int64_t deadline = np_deadline_after(KIT_MS * NP_MS);

	if (!comes(all_tried))
		return "the first checks";
	was_up(1);
	while (!second_is_late() && np_nanotime() < deadline) {
		if (!list_empty(&scene.checks.running))
			hold_the_loop(400 * NP_MS);
		np_sleep(NP_MS);
	}
	if (!second_is_late())
		return "a check that nobody heard";
	if (verdict(1) != SERVER_CHECK_UP || world_server(&scene.world, 1)->check->state.against != 0)
		return "nothing is held against it";
	return comes(second_is_down) ? NULL : "without lateness it is down";
}

static void e23_a_late_thread_proves_nothing(void **state)
{
	int ports[2];

	(void)state;
	ports[0] = listening();
	ports[1] = kit_black_hole(kit_ip(0));
	open_at(ports, 2, "health: {tcp: {interval: 100ms, timeout: 400ms, fall: 2}}");
	run(be_late);
}

/* ---- E30: another inventory ---- */

static bool both_run(void)
{
	return scene.checks.used[0] == 2;
}

static bool none_runs(void)
{
	return list_empty(&scene.checks.running);
}

/* The upstream has no check any more, while two are under way. */
static const char *lose_the_check(void)
{
	if (!comes(both_run))
		return "two checks hang";
	((struct config_upstream *)scene.world.snap->config->upstreams)[0].health.tcp = NULL;
	publish();
	if (verdict(0) != SERVER_CHECK_NONE || scene.checks.untried != 0)
		return "who is not checked has no verdict";
	if (!comes(none_runs))
		return "those under way come to their end";
	if (results(0, CHECK_TIMEOUT) != 0 || verdict(0) != SERVER_CHECK_NONE || verdict(1) != SERVER_CHECK_NONE)
		return "and nobody hears of them";
	return scene.checks.used[0] == 0 ? NULL : "their places are back";
}

static void e30_a_result_comes_too_late(void **state)
{
	int ports[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		ports[i] = kit_black_hole(kit_ip(0));
	open_at(ports, 2, "health: {tcp: {timeout: 300ms}}");
	run(lose_the_check);
}

static bool checked_twice(void)
{
	return results(0, CHECK_OK) == 2;
}

/* The same check: nothing happens. Another port: the verdict stays until its first result. */
static const char *publish_again(void)
{
	struct config_upstream *u = (struct config_upstream *)scene.world.snap->config->upstreams;
	int64_t due;

	if (!comes(all_tried))
		return "the first check";
	due = world_server(&scene.world, 0)->check->state.due;
	publish();
	if (world_server(&scene.world, 0)->check->state.due != due || scene.checks.untried != 0)
		return "the same check keeps its time";
	u[0].health.port = np_addr_port(&world_server(&scene.world, 0)->addr.u.sa); /* its own, said aloud */
	publish();
	if (verdict(0) != SERVER_CHECK_UP)
		return "the verdict stays";
	if (!world_server(&scene.world, 0)->check->state.open)
		return "the next result decides";
	return comes(checked_twice) ? NULL : "it is checked at once";
}

static void e30_the_same_check_and_another(void **state)
{
	int ports[1];

	(void)state;
	ports[0] = listening();
	open_at(ports, 1, "health: {tcp: {interval: 1h}}");
	run(publish_again);
}

/* They are stopped while they hang. */
static const char *leave_them(void)
{
	return comes(both_run) ? NULL : "two checks hang";
}

static void it_stops_with_checks_under_way(void **state)
{
	int ports[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		ports[i] = kit_black_hole(kit_ip(0));
	open_at(ports, 2, "health: {tcp: {timeout: 10m}}");
	run(leave_them);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e22_who_hangs_makes_nobody_wait),
		TEST(e22_many_hang_at_once),
		TEST(e23_a_late_thread_proves_nothing),
		TEST(e30_a_result_comes_too_late),
		TEST(e30_the_same_check_and_another),
		TEST(it_stops_with_checks_under_way),
	};

	return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
