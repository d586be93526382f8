/* heap: timers fire in order, once, and at the time they were moved to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "netpoll/timer.h"

/* A timer that notes when it fired; `then` is what it does in its own fn. */
struct probe {
	struct np_timer t;
	struct heap *h;
	int fired;
	int64_t fired_as; /* position in the order of firing */
	void (*then)(struct probe *p);
	struct probe *other;
};

static int64_t order;

static void probe_fire(struct np_timer *t)
{
	struct probe *p = container_of(t, struct probe, t);

	p->fired++;
	p->fired_as = order++;
	if (p->then != NULL)
		p->then(p);
}

static struct probe probe_of(struct heap *h)
{
	return (struct probe){.t.fn = probe_fire, .h = h};
}

static void empty(void **state)
{
	struct heap h;
	struct probe p = probe_of(&h);

	(void)state;
	heap_init(&h);
	assert_true(heap_next(&h) == INT64_MAX);
	assert_int_equal(heap_run(&h, INT64_MAX), 0);
	assert_false(heap_stop(&h, &p.t));
}

static void fires_when_due_and_once(void **state)
{
	struct heap h;
	struct probe p = probe_of(&h);

	(void)state;
	heap_init(&h);
	heap_set(&h, &p.t, 100);
	assert_int_equal(heap_next(&h), 100);
	assert_int_equal(heap_run(&h, 99), 0);
	assert_int_equal(heap_run(&h, 100), 1);
	assert_int_equal(heap_run(&h, 200), 0);
	assert_int_equal(p.fired, 1);
	assert_false(heap_stop(&h, &p.t)); /* fired: too late to stop */
	heap_set(&h, &p.t, INT64_MIN);     /* the far past, and again after it fired */
	assert_int_equal(heap_run(&h, 0), 1);
	heap_set(&h, &p.t, INT64_MAX);
	assert_int_equal(heap_run(&h, INT64_MAX - 1), 0);
	assert_true(heap_stop(&h, &p.t));
	assert_false(heap_stop(&h, &p.t));
	assert_true(heap_next(&h) == INT64_MAX);
}

static void moved_earlier_and_later(void **state)
{
	struct heap h;
	struct probe p[3] = {probe_of(&h), probe_of(&h), probe_of(&h)};

	(void)state;
	heap_init(&h);
	for (int i = 0; i < 3; i++)
		heap_set(&h, &p[i].t, 100 * (i + 1));
	heap_set(&h, &p[2].t, 50);
	assert_int_equal(heap_next(&h), 50);
	heap_set(&h, &p[2].t, 250);
	heap_set(&h, &p[0].t, 400);
	assert_int_equal(heap_next(&h), 200);
	assert_int_equal(heap_run(&h, 1000), 3);
	assert_true(p[1].fired_as < p[2].fired_as && p[2].fired_as < p[0].fired_as);
}

/* ---- what fn may do ---- */

static void again_in_the_past(struct probe *p)
{
	heap_set(p->h, &p->t, 0);
}

static void stop_other(struct probe *p)
{
	p->fired_as = heap_stop(p->h, &p->other->t) ? 1000 : -1000;
}

static void move_other_later(struct probe *p)
{
	heap_set(p->h, &p->other->t, 5000);
}

static void clear_own_memory(struct probe *p)
{
	memset(p, 0x5a, sizeof(*p));
}

static void set_into_the_past_waits_for_the_next_run(void **state)
{
	struct heap h;
	struct probe p = probe_of(&h);

	(void)state;
	heap_init(&h);
	p.then = again_in_the_past;
	heap_set(&h, &p.t, 10);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(heap_run(&h, 10), 1);
		assert_int_equal(p.fired, i);
		assert_int_equal(heap_next(&h), 0);
	}
	assert_true(heap_stop(&h, &p.t));
}

static void fn_stops_and_moves_others(void **state)
{
	struct heap h;
	struct probe a = probe_of(&h), b = probe_of(&h), c = probe_of(&h), d = probe_of(&h);

	(void)state;
	heap_init(&h);
	a.then = stop_other;
	a.other = &b; /* due in the same run, and yet stopped */
	c.then = move_other_later;
	c.other = &d;
	heap_set(&h, &a.t, 1);
	heap_set(&h, &b.t, 2);
	heap_set(&h, &c.t, 3);
	heap_set(&h, &d.t, 4);
	assert_int_equal(heap_run(&h, 100), 2);
	assert_int_equal(a.fired_as, 1000);
	assert_int_equal(b.fired, 0);
	assert_int_equal(d.fired, 0);
	assert_int_equal(heap_next(&h), 5000);
	a.other = &c; /* fired long since: not to be stopped */
	heap_set(&h, &a.t, 1);
	heap_run(&h, 100);
	assert_int_equal(a.fired_as, -1000);
	heap_stop(&h, &d.t);
}

/* Stopped by another fn after it had set itself in the same run. */
static void stopped_while_fresh(void **state)
{
	struct heap h;
	struct probe a = probe_of(&h), b = probe_of(&h);

	(void)state;
	heap_init(&h);
	a.then = again_in_the_past;
	b.then = stop_other;
	b.other = &a;
	heap_set(&h, &a.t, 1);
	heap_set(&h, &b.t, 2);
	assert_int_equal(heap_run(&h, 100), 2);
	assert_int_equal(b.fired_as, 1000);
	assert_true(heap_next(&h) == INT64_MAX);
}

static void fn_frees_its_timer(void **state)
{
	struct heap h;
	struct probe a = probe_of(&h), b = probe_of(&h);

	(void)state;
	heap_init(&h);
	a.then = clear_own_memory;
	heap_set(&h, &a.t, 1);
	heap_set(&h, &b.t, 2);
	assert_int_equal(heap_run(&h, 100), 2);
	assert_int_equal(b.fired, 1);
}

static void run_within(struct probe *p)
{
	heap_run(p->h, 0);
}

static void run_within_a_run_crashes(void **state)
{
	struct heap h;
	struct probe p = probe_of(&h);
	int status;
	pid_t pid;

	(void)state;
	heap_init(&h);
	p.then = run_within;
	heap_set(&h, &p.t, 0);
	pid = fork();
	if (pid == 0) {
		close(STDERR_FILENO);
		heap_run(&h, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* ---- against a model ---- */

#define N 500

static uint64_t rng;

static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static void seed_random(void)
{
	const char *given = getenv("SEED");

	rng = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) | 1;
	print_message("SEED=%llu\n", (unsigned long long)rng);
}

static struct probe many[N];
static int64_t model[N]; /* INT64_MAX: not set */
static int64_t last_fired;
static bool wrong;

static void model_fire(struct np_timer *t)
{
	struct probe *p = container_of(t, struct probe, t);
	size_t i = (size_t)(p - many), other = next_random() % N;

	wrong |= model[i] != t->when || t->when < last_fired;
	last_fired = t->when;
	model[i] = INT64_MAX;
	if (next_random() % 4 == 0) /* sometimes one that is due in this run: it fires, not in this one */
		heap_set(p->h, &many[other].t, model[other] = t->when + (int64_t)(next_random() % 2000) - 500);
	else if (next_random() % 4 == 0)
		wrong |= heap_stop(p->h, &many[other].t) != (model[other] != INT64_MAX), model[other] = INT64_MAX;
}

static int64_t model_next(void)
{
	int64_t min = INT64_MAX;

	for (size_t i = 0; i < N; i++)
		if (model[i] < min)
			min = model[i];
	return min;
}

static void random_operations(void **state)
{
	struct heap h;
	int64_t now = 0;

	(void)state;
	seed_random();
	heap_init(&h);
	for (size_t i = 0; i < N; i++) {
		many[i] = (struct probe){.t.fn = model_fire, .h = &h};
		model[i] = INT64_MAX;
	}
	for (int step = 0; step < 20000; step++) {
		size_t i = next_random() % N;

		if (next_random() % 3 != 0)
			heap_set(&h, &many[i].t, model[i] = now + (int64_t)(next_random() % 3000));
		else
			assert_int_equal(heap_stop(&h, &many[i].t), model[i] != INT64_MAX), model[i] = INT64_MAX;
		assert_true(heap_next(&h) == model_next());
		if (step % 16 != 0)
			continue;
		now += (int64_t)(next_random() % 500);
		last_fired = INT64_MIN;
		heap_run(&h, now);
		assert_false(wrong);
		assert_true(heap_next(&h) == model_next());
	}
}

/* A root with a hundred thousand children, in either order: no recursion, no square time. */
static void long_chains(void **state)
{
	enum { COUNT = 100000 };
	struct probe *p = calloc(COUNT, sizeof(*p));
	struct heap h;

	(void)state;
	assert_non_null(p);
	for (int way = 0; way < 2; way++) {
		heap_init(&h);
		for (int i = 0; i < COUNT; i++) {
			p[i] = probe_of(&h);
			heap_set(&h, &p[i].t, way == 0 ? i : COUNT - i);
		}
		order = 0;
		assert_int_equal(heap_run(&h, COUNT), COUNT);
		for (int i = 0; i < COUNT; i++)
			assert_int_equal(p[i].fired_as, way == 0 ? i : COUNT - 1 - i);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(fires_when_due_and_once),
		cmocka_unit_test(moved_earlier_and_later),
		cmocka_unit_test(set_into_the_past_waits_for_the_next_run),
		cmocka_unit_test(fn_stops_and_moves_others),
		cmocka_unit_test(stopped_while_fresh),
		cmocka_unit_test(fn_frees_its_timer),
		cmocka_unit_test(run_within_a_run_crashes),
		cmocka_unit_test(random_operations),
		cmocka_unit_test(long_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
