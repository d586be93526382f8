/* closer (T8): a crowd is ended over half a minute: evenly, quiet ones first, and who waits for an answer gets it. The
 * clock is the simulation's, so a crowd may be larger than this machine has descriptors for. One worker has it. */
#include "proxy/conn/closer.h"
#include "tests/sim/sim.h"
#include "tests/unit/proxy/conn/numbers_world.h"

#define OVER   (30 * NP_S)
#define SLICES 30
#define ASKING 200          /* at any time in the first 26 s, each once */
#define ANSWER (3 * NP_S)
#define MOST   50000

/* What the clients of a crowd do. */
enum habit { SILENT, CHATTY, LEAVING, LINGERING };

static struct crowd {
	unsigned n, asking;
	enum habit habit;
	int64_t call_off; /* 0: never */
	struct closer *closer;
	int64_t began, took;
	unsigned in_slice[SLICES + 2], lost, answered, ended;
	struct conn *conns[MOST]; /* NULL: it has ended */
	bool waits[MOST];         /* its client waits for an answer */
} crowd;

static uint64_t seed;
static const struct target *targets[1]; /* none is known */

/* ---- the clock: each look at it takes a moment, or a worker with messages would stand still in it ---- */

static int64_t ticking_now(void)
{
	fake_advance(100);
	return fake_now();
}

/* ---- connections ---- */

/* As the end of a real one: a walk that stands at it moves on. */
static void conn_gone(unsigned i)
{
	np_task_fini(&crowd.conns[i]->task);
	numbers_conn_end(crowd.conns[i]);
	crowd.conns[i] = NULL;
}

static void end_task(struct np_g *g)
{
	struct conn *c = container_of(g, struct conn, task);
	unsigned i = (unsigned)c->hard_deadline, slice = (unsigned)((np_now() - crowd.began) / NP_S);

	crowd.in_slice[slice <= SLICES ? slice : SLICES + 1]++;
	crowd.ended++;
	crowd.lost += crowd.waits[i];
	if (crowd.habit != LINGERING) {
		conn_gone(i);
		return;
	}
	c->first_end = c->kill; /* as the relay does: it lives on until its peers have answered */
	c->kill = CLOSE_NONE;
}

/* It has been silent for a second. Its number is kept where a relay has its deadline. */
static void begin_one(unsigned i)
{
	static const struct np_task_type type = {.name = "conn", .fn = end_task};
	struct conn *c = numbers_conn();

	np_task_init(&c->task, &type);
	c->hard_deadline = (int64_t)i;
	c->accepted = ++world.shard->last_accepted;
	c->dir[0].active = np_now() - NP_S - 1;
	c->dir[1].active = np_now() - NP_S;
	c->dir[0].bytes = c->dir[1].bytes = 100;
	crowd.conns[i] = c;
}

/* Bytes of that way moved, as the relay notes it. */
static void moved(unsigned i, int way)
{
	crowd.conns[i]->dir[way].active = np_now();
	crowd.conns[i]->dir[way].bytes += 100;
}

/* A query. Who was ended before has not asked. */
static void ask(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;

	np_sleep((int64_t)(sim_random(&seed) % (26 * NP_S)));
	if (crowd.conns[i] == NULL)
		return;
	moved(i, 0);
	crowd.waits[i] = true;
	np_sleep(ANSWER);
	crowd.waits[i] = false;
	if (crowd.conns[i] == NULL)
		return;
	moved(i, 1);
	crowd.answered++;
}

/* All of them, ten times a second: nobody is ever quiet. */
static void chat(void *arg)
{
	(void)arg;
	while (crowd.took == 0) {
		for (unsigned i = 0; i < crowd.n; i++)
			if (crowd.conns[i] != NULL)
				moved(i, 1);
		np_sleep(100 * NP_MS);
	}
}

/* The younger half leaves by itself in the first ten seconds. */
static void leave(void *arg)
{
	(void)arg;
	for (unsigned i = crowd.n / 2; i < crowd.n; i++) {
		np_sleep(20 * NP_S / crowd.n);
		if (crowd.conns[i] != NULL)
			conn_gone(i);
	}
}

/* ---- a run ---- */

/* An operator's change of mind. */
static bool goes_on(struct closer *k, void *arg)
{
	(void)k, (void)arg;
	return crowd.call_off == 0 || np_nanotime() < crowd.began + crowd.call_off;
}

static void crowd_main(void *arg)
{
	(void)arg;
	world.shard->worker = np_self();
	hook.nanotime = ticking_now;
	for (unsigned i = 0; i < crowd.n; i++)
		begin_one(i);
	crowd.began = np_nanotime();
	for (uintptr_t i = 0; i < crowd.asking; i++) /* spread over the whole crowd */
		sim_need(np_go("ask", ask, (void *)(i * (crowd.n / crowd.asking))));
	if (crowd.habit == CHATTY || crowd.habit == LEAVING)
		sim_need(np_go("crowd", crowd.habit == CHATTY ? chat : leave, NULL));
	crowd.closer->order.why = CLOSE_DRAIN;
	crowd.closer->order.over = OVER;
	closer_run(crowd.closer, goes_on, NULL);
	crowd.took = np_nanotime() - crowd.began;
	np_sleep(OVER); /* the last ones end, and who asked has his answer */
	for (unsigned i = 0; i < crowd.n; i++)
		if (crowd.conns[i] != NULL)
			np_task_fini(&crowd.conns[i]->task);
}

static void run(unsigned n, unsigned asking, enum habit habit, int64_t call_off)
{
	memset(&crowd, 0, sizeof(crowd));
	crowd.n = n, crowd.asking = asking, crowd.habit = habit, crowd.call_off = call_off;
	seed = sim_seed();
	world.listener.targets = targets;
	crowd.closer = closer_new(world.shard, 1);
	assert_non_null(crowd.closer);
	sim_run(crowd_main, NULL);
	hook_reset();
	world.shard->worker = NULL;
	assert_true(list_empty(&world.shard->walks));
	assert_int_equal(crowd.closer->matched, n);
	assert_int_equal(crowd.closer->ended, crowd.ended);
	assert_int_equal(world.shard->stats.paced_drain, crowd.ended);
	free(crowd.closer);
}

/* As T8 has it: within a fifth of the even share, and none late. */
static void expect_even(void)
{
	unsigned share = crowd.n / SLICES;

	for (unsigned i = 0; i < SLICES; i++)
		if (crowd.in_slice[i] < share * 8 / 10 || crowd.in_slice[i] > share * 12 / 10)
			fail_msg("%u in second %u, where %u is the even share", crowd.in_slice[i], i, share);
	assert_int_equal(crowd.in_slice[SLICES + 1], 0);
}

/* Those who ask are spread over the crowd, so some are ended before they do. */
static void expect_a_good_end(unsigned n)
{
	run(n, ASKING, SILENT, 0);
	assert_int_equal(crowd.ended, n);
	assert_int_equal(crowd.lost, 0);
	assert_true(crowd.answered > ASKING / 4); /* the others were ended before they asked */
	expect_even();
}

/* T8: each second its share; all of them; all who asked have their answer. */
static void t8_evenly(void **state)
{
	(void)state;
	expect_a_good_end(5000);
}

static void t8_more_than_descriptors(void **state)
{
	(void)state;
	expect_a_good_end(MOST);
}

/* T8: nobody is quiet: none ends before the last tenth of the time, all in it. */
static void t8_the_last_tenth(void **state)
{
	unsigned before = 0;

	(void)state;
	run(1000, 0, CHATTY, 0);
	for (unsigned i = 0; i < SLICES * 9 / 10; i++)
		before += crowd.in_slice[i];
	assert_int_equal(before, 0);
	assert_int_equal(crowd.ended, 1000);
	assert_int_equal(crowd.in_slice[SLICES + 1], 0);
}

/* T8: of those that leave by themselves no time is kept, and none is lost: the others end over all of it. */
static void t8_others_leave_by_themselves(void **state)
{
	(void)state;
	run(6000, 0, LEAVING, 0);
	assert_true(crowd.took > OVER * 9 / 10 && crowd.took < OVER + NP_S);
	for (unsigned i = 12; i < SLICES - 1; i++)
		assert_in_range(crowd.in_slice[i], crowd.in_slice[11] * 8 / 10, crowd.in_slice[11] * 12 / 10);
}

/* T8: who was told and lingers is not told again, nor counted among those that are left. */
static void t8_told_once(void **state)
{
	(void)state;
	run(3000, 0, LINGERING, 0);
	assert_int_equal(crowd.ended, 3000);
	expect_even();
}

/* T8: called off half-way, half of them live on. */
static void t8_called_off(void **state)
{
	(void)state;
	run(5000, 0, SILENT, OVER / 2);
	assert_in_range(crowd.ended, 2000, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t8_evenly, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_more_than_descriptors, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_the_last_tenth, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_others_leave_by_themselves, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_told_once, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_called_off, numbers_begin, numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
