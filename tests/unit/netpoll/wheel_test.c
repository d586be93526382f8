/* wheel: deadlines fire in time, those in the past in the next run. */
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

#define SEC  INT64_C(1000000000)
#define HOUR (3600 * SEC)

/* Ids with a deadline each, and what became of them: the owner's side of the wheel. */
struct field {
	struct wheel w;
	struct wheel_node *node;
	int64_t *due;
	int64_t now;
	uint32_t count;
	uint32_t fired, early, late, disordered;
	uint64_t last_tick;
	void (*then)(struct field *f, uint32_t id);
};

static struct wheel_node *field_node(void *ctx, uint32_t id)
{
	return &((struct field *)ctx)->node[id];
}

static int64_t field_due(void *ctx, uint32_t id)
{
	return ((struct field *)ctx)->due[id];
}

static uint64_t tick_of(int64_t when)
{
	return ((uint64_t)when + WHEEL_TICK - 1) / WHEEL_TICK;
}

static void field_fire(void *ctx, uint32_t id)
{
	struct field *f = ctx;

	f->fired++;
	f->early += f->due[id] > f->now;
	f->disordered += tick_of(f->due[id]) < f->last_tick;
	f->last_tick = tick_of(f->due[id]);
	f->due[id] = INT64_MAX;
	if (f->then != NULL)
		f->then(f, id);
}

static const struct wheel_ops field_ops = {.node = field_node, .due = field_due, .fire = field_fire};

static struct field *field_new(uint32_t count, int64_t now)
{
	struct field *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->count = count;
	f->now = now;
	f->node = calloc(count, sizeof(*f->node));
	f->due = malloc(count * sizeof(*f->due));
	assert_true(f->node != NULL && f->due != NULL);
	for (uint32_t i = 0; i < count; i++)
		f->due[i] = INT64_MAX;
	wheel_init(&f->w, now, &field_ops, f);
	return f;
}

static void field_free(struct field *f)
{
	free(f->node);
	free(f->due);
	free(f);
}

static void field_set(struct field *f, uint32_t id, int64_t when)
{
	f->due[id] = when;
	wheel_arm(&f->w, id, when);
}

/* Runs at `now`. Returns how many fired. */
static uint32_t field_run(struct field *f, int64_t now)
{
	uint32_t before = f->fired;

	f->now = now;
	f->last_tick = 0;
	wheel_run(&f->w, now);
	return f->fired - before;
}

static void empty(void **state)
{
	struct field *f = field_new(1, 0);

	(void)state;
	assert_true(wheel_next(&f->w) == INT64_MAX);
	assert_false(wheel_armed(&f->w, 0)); /* zeroed memory is a node that is not armed */
	wheel_disarm(&f->w, 0);
	assert_int_equal(field_run(f, HOUR), 0);
	assert_true(wheel_next(&f->w) == INT64_MAX);
	field_free(f);
}

/* From several starts, each delay: wheel_next is heeded as a worker would, and the firing is
 * neither early nor more than a tick late. Starts lie next to where slots and levels turn over. */
static void fires_in_time(void **state)
{
	static const int64_t delays[] = {
		1, WHEEL_TICK - 1, WHEEL_TICK, WHEEL_TICK + 1, 2 * WHEEL_TICK, 255 * WHEEL_TICK, 256 * WHEEL_TICK,
		257 * WHEEL_TICK, 65535 * WHEEL_TICK, 65536 * WHEEL_TICK, 65537 * WHEEL_TICK, SEC, 10 * SEC, HOUR,
		30 * HOUR, WHEEL_TICK << 24, (WHEEL_TICK << 24) - 1, (WHEEL_TICK << 32) - WHEEL_TICK, WHEEL_TICK << 32,
		3 * (WHEEL_TICK << 32),
	};
	static const int64_t starts[] = {
		0, 1, WHEEL_TICK - 1, WHEEL_TICK, 255 * WHEEL_TICK, 256 * WHEEL_TICK - 1, 256 * WHEEL_TICK,
		65535 * WHEEL_TICK + 3, 65536 * WHEEL_TICK, (WHEEL_TICK << 32) - 1, 12345678901234567,
	};

	(void)state;
	for (size_t s = 0; s < array_len(starts); s++) {
		for (size_t d = 0; d < array_len(delays); d++) {
			int64_t due = starts[s] + delays[d], next = 0;
			struct field *f;
			int runs = 0;

			f = field_new(1, starts[s]);
			field_set(f, 0, due);
			while (f->fired == 0 && runs++ < 20) {
				next = wheel_next(&f->w);
				assert_true(next < due + WHEEL_TICK);
				assert_int_equal(field_run(f, next - 1), 0); /* nor before it said */
				field_run(f, next);
			}
			assert_int_equal(f->fired, 1);
			assert_true(next >= due);
			assert_false(wheel_armed(&f->w, 0));
			assert_true(wheel_next(&f->w) == INT64_MAX);
			field_free(f);
		}
	}
}

static void the_past_fires_in_the_next_run(void **state)
{
	static const int64_t past[] = {INT64_MIN, -1, 0, 1, 5 * SEC - WHEEL_TICK, 5 * SEC - 1, 5 * SEC};
	struct field *f = field_new(1, 5 * SEC);

	(void)state;
	for (size_t i = 0; i < array_len(past); i++) {
		field_set(f, 0, past[i]);
		assert_true(wheel_armed(&f->w, 0));
		assert_true(wheel_next(&f->w) <= 5 * SEC);
		assert_int_equal(field_run(f, 5 * SEC), 1); /* though the clock stands still */
		assert_int_equal(field_run(f, 5 * SEC), 0);
	}
	field_set(f, 0, 0);
	wheel_disarm(&f->w, 0);
	assert_int_equal(field_run(f, 6 * SEC), 0);
	field_free(f);
}

static void out_of_reach(void **state)
{
	struct field *f = field_new(2, SEC);

	(void)state;
	field_set(f, 0, INT64_MAX - 1);
	wheel_arm(&f->w, 1, INT64_MAX); /* armed for a deadline that is none: dropped when its slot comes */
	for (int i = 0; i < 100; i++) {
		int64_t next = wheel_next(&f->w);

		assert_true(next > f->now);
		assert_int_equal(field_run(f, next), 0);
	}
	assert_true(wheel_armed(&f->w, 0));
	assert_false(wheel_armed(&f->w, 1));
	assert_true(f->now > 1000 * HOUR);
	field_free(f);
}

/* The point of it all: later is one store, and the wheel finds out by itself. */
static void a_later_deadline_does_not_touch_the_wheel(void **state)
{
	struct field *f = field_new(1, 0);

	(void)state;
	field_set(f, 0, 10 * SEC);
	for (int64_t t = SEC; t < HOUR; t += SEC) {
		f->due[0] = t + 10 * SEC; /* a connection with traffic each second */
		assert_int_equal(field_run(f, t), 0);
	}
	assert_true(wheel_armed(&f->w, 0));
	assert_int_equal(field_run(f, f->due[0] - 1), 0);
	assert_int_equal(field_run(f, f->due[0] + WHEEL_TICK), 1);
	field_set(f, 0, f->now + 10 * SEC);
	f->due[0] = INT64_MAX; /* no deadline any more: dropped, not fired */
	assert_int_equal(field_run(f, f->now + HOUR), 0);
	assert_false(wheel_armed(&f->w, 0));
	field_free(f);
}

static void moved_and_disarmed(void **state)
{
	struct field *f = field_new(3, 0);

	(void)state;
	for (uint32_t id = 0; id < 3; id++)
		field_set(f, id, 10 * SEC); /* one slot: a middle, a first, a last to take out */
	wheel_disarm(&f->w, 1);
	field_set(f, 2, SEC);
	assert_int_equal(field_run(f, SEC + WHEEL_TICK), 1);
	assert_false(wheel_armed(&f->w, 1));
	wheel_disarm(&f->w, 0);
	assert_true(wheel_next(&f->w) == INT64_MAX); /* the slot it left is known to be empty */
	assert_int_equal(field_run(f, HOUR), 0);
	field_free(f);
}

/* ---- what fire may do ---- */

static void again_now(struct field *f, uint32_t id)
{
	field_set(f, id, f->now);
}

static void again_in_a_second(struct field *f, uint32_t id)
{
	field_set(f, id, f->now + SEC);
}

/* Each even id takes its neighbours away, which stand in the same slot. */
static void disarm_neighbours(struct field *f, uint32_t id)
{
	for (uint32_t other = 0; other < f->count; other++)
		if (other != id)
			wheel_disarm(&f->w, other);
}

static void arm_neighbours_anew(struct field *f, uint32_t id)
{
	for (uint32_t other = 0; other < f->count; other++)
		if (other != id && wheel_armed(&f->w, other))
			field_set(f, other, f->now + 2 * SEC);
}

static void fire_may_do_anything(void **state)
{
	struct field *f = field_new(5, 0);

	(void)state;
	f->then = again_now;
	field_set(f, 0, SEC);
	assert_int_equal(field_run(f, HOUR), 1); /* once a run, or the run would not end */
	assert_int_equal(field_run(f, HOUR), 1);
	f->then = again_in_a_second;
	assert_int_equal(field_run(f, HOUR), 1);
	assert_int_equal(field_run(f, HOUR + SEC - 1), 0);
	assert_int_equal(field_run(f, HOUR + SEC + WHEEL_TICK), 1);
	wheel_disarm(&f->w, 0);

	f->then = disarm_neighbours;
	for (uint32_t id = 0; id < 5; id++)
		field_set(f, id, 2 * HOUR);
	assert_int_equal(field_run(f, 3 * HOUR), 1);
	assert_true(wheel_next(&f->w) == INT64_MAX);

	f->then = arm_neighbours_anew;
	for (uint32_t id = 0; id < 5; id++)
		field_set(f, id, 4 * HOUR);
	assert_int_equal(field_run(f, 5 * HOUR), 1);
	f->then = NULL;
	assert_int_equal(field_run(f, 5 * HOUR + SEC), 0);
	assert_int_equal(field_run(f, 5 * HOUR + 3 * SEC), 4);
	field_free(f);
}

static void run_within(struct field *f, uint32_t id)
{
	(void)id;
	wheel_run(&f->w, f->now);
}

static void run_within_a_run_crashes(void **state)
{
	struct field *f;
	int status;
	pid_t pid;

	(void)state;
	f = field_new(1, 0);
	f->then = run_within;
	field_set(f, 0, 0);
	pid = fork();
	if (pid == 0) {
		close(STDERR_FILENO);
		field_run(f, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	field_free(f);
}

/* ---- against a model ---- */

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

/* Of every size: most bits short, a few of days. One draw first, so that a seed is the same in each build. */
static int64_t random_span(unsigned narrow, unsigned spread)
{
	narrow += next_random() % spread;
	return (int64_t)(next_random() >> narrow);
}

static void do_anything(struct field *f, uint32_t id)
{
	uint32_t other = next_random() % f->count;

	(void)id;
	switch (next_random() % 4) {
	case 0:
		f->due[other] = INT64_MAX;
		wheel_disarm(&f->w, other);
		break;
	case 1:
		field_set(f, other, f->now + 1 + (int64_t)(next_random() % (100 * WHEEL_TICK)));
	}
}

/* All that is due by the ticks of the clock has fired, and what has not stands in the wheel no
 * later than due. */
static void check_field(struct field *f)
{
	int64_t first = INT64_MAX;

	for (uint32_t id = 0; id < f->count; id++) {
		if (f->due[id] == INT64_MAX)
			continue;
		assert_true(f->due[id] > f->now - WHEEL_TICK);
		assert_true(wheel_armed(&f->w, id));
		if (f->due[id] < first)
			first = f->due[id];
	}
	assert_int_equal(f->early, 0);
	assert_int_equal(f->disordered, 0);
	if (first != INT64_MAX)
		assert_true(wheel_next(&f->w) < first + WHEEL_TICK);
}

static void one_operation(struct field *f)
{
	uint32_t id = next_random() % f->count;
	int64_t when = f->now + random_span(16, 40) - 1000;

	switch (next_random() % 4) {
	case 0:
		f->due[id] = INT64_MAX;
		wheel_disarm(&f->w, id);
		break;
	case 1: /* no deadline any more, and the wheel is not told */
		f->due[id] = INT64_MAX;
		break;
	case 2: /* later, if there is one: a plain store */
		if (f->due[id] != INT64_MAX && when > f->due[id]) {
			f->due[id] = when;
			break;
		}
		/* fall through */
	default:
		field_set(f, id, when);
	}
}

static void any_operations(void)
{
	struct field *f = field_new(300, (int64_t)(next_random() >> 8));

	f->then = do_anything;
	for (int step = 0; step < 20000; step++) {
		for (uint64_t n = next_random() % 4; n > 0; n--)
			one_operation(f);
		switch (next_random() % 8) {
		case 0: /* a jump */
			field_run(f, f->now + random_span(18, 30));
			break;
		case 1: /* to where the wheel says, as a worker sleeps */
			if (wheel_next(&f->w) > f->now && wheel_next(&f->w) < f->now + HOUR)
				field_run(f, wheel_next(&f->w));
			break;
		default:
			field_run(f, f->now + (int64_t)(next_random() % WHEEL_TICK));
		}
		check_field(f);
	}
	assert_true(f->fired > 1000);
	field_free(f);
}

static void random_operations(void **state)
{
	(void)state;
	rng = 49; /* found: what was over when armed, and then moved, fired before what was due earlier */
	any_operations();
	seed_random();
	any_operations();
}

/* ---- size ---- */

static uint64_t lookups;

static struct wheel_node *counted_node(void *ctx, uint32_t id)
{
	lookups++;
	return field_node(ctx, id);
}

/* The work of a run is bounded by what is armed, not by how far the clock went: counted, not
 * timed. */
static void a_jump_costs_what_is_armed(void **state)
{
	static const struct wheel_ops counted = {.node = counted_node, .due = field_due, .fire = field_fire};
	struct field *f = field_new(1000, 0);

	(void)state;
	wheel_init(&f->w, 0, &counted, f);
	for (uint32_t id = 0; id < f->count; id++)
		field_set(f, id, SEC + id * (HOUR / 10));
	lookups = 0;
	assert_int_equal(field_run(f, 200 * HOUR), 1000);
	assert_in_range(lookups, 1, 1000 * WHEEL_LEVELS * 6);
	assert_int_equal(f->disordered, 0);
	assert_int_equal(field_run(f, INT64_MAX / 2), 0);
	field_free(f);
}

static void a_million_ids(void **state)
{
	enum { COUNT = 1000000 };
	struct field *f;
	uint32_t fired = 0;

	(void)state;
	f = field_new(COUNT, SEC);
	for (uint32_t id = 0; id < COUNT; id++)
		field_set(f, id, 2 * SEC + (int64_t)(id * UINT64_C(2654435761) % (uint64_t)HOUR));
	assert_int_equal(f->w.armed, COUNT);
	for (int64_t now = SEC; now < 2 * HOUR; now += 7 * SEC)
		fired += field_run(f, now);
	assert_int_equal(fired, COUNT);
	assert_int_equal(f->early, 0);
	assert_int_equal(f->disordered, 0);
	assert_true(wheel_next(&f->w) == INT64_MAX);
	assert_int_equal(f->w.armed, 0);
	field_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(fires_in_time),
		cmocka_unit_test(the_past_fires_in_the_next_run),
		cmocka_unit_test(out_of_reach),
		cmocka_unit_test(a_later_deadline_does_not_touch_the_wheel),
		cmocka_unit_test(moved_and_disarmed),
		cmocka_unit_test(fire_may_do_anything),
		cmocka_unit_test(run_within_a_run_crashes),
		cmocka_unit_test(random_operations),
		cmocka_unit_test(a_jump_costs_what_is_armed),
		cmocka_unit_test(a_million_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
