/* health: the thread starts, is given an inventory, teaches and probes by it, and stops without holding it. The test's
 * worker is control. */
#include "proxy/health/health.h"

#include <stdio.h>

#include "tests/unit/proxy/health/world.h"

static struct scene {
	struct health_world world;
	struct kit_peer *peers[2];
	const char *(*script)(struct health *h);
	const char *problem;
} scene;

static void control_main(void *arg)
{
	struct health *h = NULL;

	(void)arg;
	scene.world.registry.control = np_self();
	CHECK(health_start(&h, HEALTH_PROBES, HEALTH_CHECKS) == 0, "the thread starts");
	scene.problem = scene.script(h);
	health_stop(h);
	inventory_reader_close(health_reader(h)); /* aborts if it still holds what it reads */
	health_free(h);
	np_yield();
}

/* Two servers that take connections and say nothing. */
static void run(const char *(*script)(struct health *h), const char *keys)
{
	const struct np_worker_opts o = {.name = "control", .id = UINT16_MAX, .cpu = -1, .main = control_main};
	char text[512];

	memset(&scene, 0, sizeof(scene));
	for (unsigned i = 0; i < 2; i++)
		scene.peers[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_MUTE});
	snprintf(text, sizeof(text), "servers: [\"%s:%d\", \"%s:%d\"], %s", kit_ip(0), kit_peer_port(scene.peers[0]),
		 kit_ip(0), kit_peer_port(scene.peers[1]), keys);
	world_open(&scene.world, 1, text);
	scene.script = script;
	assert_int_equal(np_run(&o), 0);
	if (scene.problem != NULL)
		fail_msg("%s", scene.problem);
	assert_int_equal(scene.world.registry.inventories, 0);
	world_close(&scene.world);
}

static void publish(struct health *h)
{
	inventory_post(world_inventory(&scene.world), health_reader(h));
}

/* On the control worker, which goes on meanwhile. */
static bool comes(bool (*what)(void))
{
	int64_t deadline = np_deadline_after(KIT_MS * NP_MS);

	while (!what() && np_nanotime() < deadline)
		np_sleep(NP_MS);
	return what();
}

static struct server_lesson learnt(unsigned place)
{
	return server_learnt(world_server(&scene.world, place), np_nanotime());
}

static bool first_has_learnt(void)
{
	return learnt(0).answer == 3 * NP_S && learnt(0).early_ends_count;
}

static bool first_has_learnt_more(void)
{
	return learnt(0).answer == 30 * NP_S;
}

static bool first_is_taught(void)
{
	return __atomic_load_n(&world_server(&scene.world, 0)->learnt, __ATOMIC_RELAXED) != 0;
}

/* What was answered before the first inventory is no lesson: it may be of hours. */
static const char *learn_twice(struct health *h)
{
	world_answer(&scene.world, 1, 5000, 5 * NP_S);
	publish(h);
	if (!comes(first_is_taught))
		return "the first turn";
	if (learnt(0).answer != 0 || learnt(0).early_ends_count)
		return "a lesson from before";
	world_answer(&scene.world, 1, 100, 200 * NP_MS);
	if (!comes(first_has_learnt))
		return "the first lesson";
	if (learnt(1).answer != 0)
		return "of the other nobody has said anything";
	world_answer(&scene.world, 1, 100, 2 * NP_S);
	publish(h); /* the older one comes back */
	return comes(first_has_learnt_more) ? NULL : "the next turn";
}

static void e37a_it_teaches_each_second(void **state)
{
	(void)state;
	run(learn_twice, "retries: 1");
}

static bool second_is_due(void)
{
	return passive_now(world_server(&scene.world, 1)).by_probe;
}

static void eject_second(void)
{
	int64_t now = np_nanotime();
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_CONNECT, .began = now, .now = now};

	for (unsigned i = 0; i < 3; i++)
		(void)passive_report(world_upstream(&scene.world), world_server(&scene.world, 1), &r);
}

static const char *probe_second(struct health *h)
{
	eject_second();
	publish(h);
	if (!comes(second_is_due))
		return "a good probe";
	return kit_peer_accepted(scene.peers[0]) == 0 ? NULL : "who is in is not probed";
}

static void e69_it_probes_who_is_out(void **state)
{
	(void)state;
	run(probe_second, "retries: 1");
}

static bool second_is_probed(void)
{
	return kit_peer_accepted(scene.peers[1]) > 0;
}

/* It is stopped while it waits for the server to end. */
static const char *leave_a_probe_under_way(struct health *h)
{
	eject_second();
	publish(h);
	return comes(second_is_probed) ? NULL : "a probe";
}

static void e69_it_stops_with_a_probe_under_way(void **state)
{
	(void)state;
	run(leave_a_probe_under_way, "retries: 1");
}

static const char *have_a_turn_of_nothing(struct health *h)
{
	return health_worker(h) != NULL && health_worker(h) == health_reader(h)->worker ? NULL : "its worker reads";
}

static void it_stops_before_it_has_an_inventory(void **state)
{
	(void)state;
	run(have_a_turn_of_nothing, "retries: 1");
	health_stop(NULL);
	health_free(NULL);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e37a_it_teaches_each_second),
		TEST(e69_it_probes_who_is_out),
		TEST(e69_it_stops_with_a_probe_under_way),
		TEST(it_stops_before_it_has_an_inventory),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
