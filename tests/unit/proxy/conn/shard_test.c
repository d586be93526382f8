/* shard: its own random numbers, its wall clock, and calls that run over there and return here. */
#include "proxy/conn/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct shard *shard_of(unsigned id, struct limit *limit)
{
	struct shard *s = aligned_alloc(_Alignof(struct shard), sizeof(*s));

	assert_non_null(s);
	assert_int_equal(shard_init(s, id, limit), 0);
	return s;
}

static void shard_gone(struct shard *s)
{
	shard_fini(s);
	free(s);
}

static void starts_empty(void **state)
{
	struct limit limit = {0};
	struct shard *s = shard_of(3, &limit);

	(void)state;
	assert_int_equal(s->id, 3);
	assert_ptr_equal(s->limit, &limit);
	assert_true(list_empty(&s->conns));
	assert_int_equal(s->nconns, 0);
	assert_null(s->log);
	shard_gone(s);
	assert_int_equal(limit_used(&limit), 0);
}

static void random_numbers_differ(void **state)
{
	struct shard *a = shard_of(0, NULL), *b = shard_of(1, NULL);
	uint64_t before = 0, ones = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t x = shard_random(a);

		assert_true(x != before && x != shard_random(b));
		before = x;
		ones += (uint64_t)__builtin_popcountll(x);
	}
	assert_in_range(ones, 31000, 33000); /* 32,000 expected; 8 standard deviations */
	shard_gone(a);
	shard_gone(b);
}

/* ---- on workers ------------------------------------------------------------------------------ */

static struct scene {
	struct shard *shard;
	struct np_worker *here, *there, *ran_on;
	int calls;
	int64_t error[2]; /* ns the shard's wall clock is off: now, and of an instant an hour ago */
} scene;

static int64_t wall_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NP_S + ts.tv_nsec;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void note(struct shard *s, void *arg)
{
	CHECK(s == scene.shard && arg == &scene, "a call brings what it was given");
	scene.ran_on = np_self();
	scene.calls++;
}

static void call_script(void *arg)
{
	const struct np_worker_opts o = {.name = "there", .id = 1, .cpu = -1, .main = nothing};

	scene.here = np_self();
	CHECK(np_worker_start(&scene.there, &o) == 0, "a worker starts");
	scene.shard->worker = scene.there;
	for (int i = 0; i < 100; i++) {
		shard_call(scene.shard, note, arg);
		CHECK(scene.calls == i + 1, "a call has run when it returns");
	}
	np_worker_stop(scene.there);
	np_worker_join(scene.there);
}

static void run(void (*script)(void *arg))
{
	const struct np_worker_opts o = {.name = "here", .cpu = -1, .main = script, .arg = &scene};

	scene = (struct scene){.shard = shard_of(0, NULL)};
	assert_int_equal(np_run(&o), 0);
	shard_gone(scene.shard);
}

static void call_runs_over_there(void **state)
{
	(void)state;
	run(call_script);
	assert_int_equal(scene.calls, 100);
	assert_ptr_equal(scene.ran_on, scene.there);
	assert_ptr_not_equal(scene.ran_on, scene.here);
}

static void clock_script(void *arg)
{
	int64_t mono = np_nanotime();

	(void)arg;
	scene.error[0] = shard_wall(scene.shard, mono) - wall_now();
	scene.error[1] = shard_wall(scene.shard, mono - 3600 * NP_S) - (wall_now() - 3600 * NP_S);
}

static void wall_clock_of_an_instant(void **state)
{
	(void)state;
	run(clock_script);
	for (int i = 0; i < 2; i++)
		assert_true(scene.error[i] > -NP_S && scene.error[i] < NP_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty),
		cmocka_unit_test(random_numbers_differ),
		cmocka_unit_test(call_runs_over_there),
		cmocka_unit_test(wall_clock_of_an_instant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
