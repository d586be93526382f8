/* sched: coroutines and tasks run in order, park, are made ready and end. */
#include "netpoll/g.h"

#include <errno.h>

#include "netpoll/hook.h"
#include "tests/unit/netpoll/dies.h"

/* The scheduler alone, without a worker: the test's own stack is the loop. */
static struct sched sched;

static int set_up(void **state)
{
	(void)state;
	if (sched_init(&sched, 3) != 0)
		return -1;
	sched_enter(&sched);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (sched.coros != 0 || sched.queued != 0 || sched.stacks.in_use != 0)
		return -1;
	sched_leave();
	sched_fini(&sched);
	hook_reset();
	return 0;
}

static unsigned run_all(void)
{
	unsigned n = 0;

	while (sched_run_one(&sched))
		n++;
	return n;
}

/* What a coroutine saw of itself. */
struct co {
	struct np_g *g;
	uint8_t state;
	uint16_t owner;
	const char *running;
	int steps;
};

static void look_at_self(void *arg)
{
	struct co *co = arg;

	co->g = np_current();
	co->state = co->g->state;
	co->owner = co->g->owner;
	co->running = sched.running;
	co->steps++;
}

static void a_coroutine_runs_once_and_gives_its_stack_back(void **state)
{
	struct co co = {.steps = 0};

	(void)state;
	assert_false(sched_run_one(&sched));
	assert_int_equal(np_go("looker", look_at_self, &co), 0);
	assert_int_equal(co.steps, 0);
	assert_int_equal(sched.coros, 1);
	assert_int_equal(sched.queued, 1);
	assert_int_equal(sched.stacks.in_use, 1);
	assert_null(np_current());
	assert_true(sched_run_one(&sched));
	assert_int_equal(co.steps, 1);
	assert_int_equal(co.state, G_RUNNING);
	assert_int_equal(co.owner, 3);
	assert_string_equal(co.running, "looker");
	assert_null(sched.running);
	assert_null(np_current());
	assert_int_equal(sched.coros, 0);
	assert_int_equal(sched.stacks.in_use, 0);
	assert_int_equal(sched.runs, 1);
	assert_false(sched_run_one(&sched));
}

static bool stay(struct np_g *g, void *arg)
{
	*(struct np_g **)arg = g;
	return true;
}

static void park_twice(void *arg)
{
	struct co *co = arg;

	for (; co->steps < 2; co->steps++)
		sched_park(stay, &co->g);
}

static void parked_until_ready(void **state)
{
	struct co co = {.steps = 0};

	(void)state;
	assert_int_equal(np_go("parker", park_twice, &co), 0);
	assert_int_equal(run_all(), 1);
	assert_int_equal(co.g->state, G_IDLE);
	assert_int_equal(run_all(), 0);
	np_ready(co.g);
	np_ready(co.g); /* queued: does nothing */
	assert_int_equal(co.g->state, G_QUEUED);
	assert_int_equal(sched.queued, 1);
	assert_int_equal(run_all(), 1);
	assert_int_equal(co.steps, 1);
	np_ready(co.g);
	assert_int_equal(run_all(), 1);
	assert_int_equal(co.steps, 2);
}

static void *mmap_fails(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	(void)p, (void)n, (void)prot, (void)flags, (void)fd, (void)off;
	errno = ENOMEM;
	return MAP_FAILED;
}

/* What is mapped already is still handed out; then it is an error, and what was started still
 * runs. */
static void no_stack_is_an_answer(void **state)
{
	struct co co = {.steps = 0};
	int started = 0;

	(void)state;
	hook.mmap = mmap_fails;
	while (started < 1000000 && np_go("one more", look_at_self, &co) == 0)
		started++;
	assert_in_range(started, 1, 999999);
	assert_int_equal(np_go("too many", look_at_self, &co), -NP_ENOMEM);
	assert_int_equal(sched.coros, started);
	assert_int_equal(run_all(), started);
	assert_int_equal(co.steps, started);
	assert_int_equal(np_go("again", look_at_self, &co), 0);
	assert_int_equal(run_all(), 1);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

struct task {
	struct np_g g;
	unsigned turns;
	uint8_t state;
	struct np_g *current;
	bool again, end;
};

static void task_turn(struct np_g *g)
{
	struct task *t = container_of(g, struct task, g);

	t->turns++;
	t->state = g->state;
	t->current = np_current();
	if (t->again)
		np_ready(g);
	t->again = false;
	if (t->end)
		np_task_fini(g);
}

static const struct np_task_type task_type = {.name = "task", .fn = task_turn};

static void a_task_is_idle_in_its_turn(void **state)
{
	struct task t = {.again = true};

	(void)state;
	np_task_init(&t.g, &task_type);
	assert_int_equal(t.g.owner, 3);
	assert_int_equal(run_all(), 0); /* not before it is made ready */
	np_ready(&t.g);
	np_ready(&t.g);
	assert_true(sched_run_one(&sched));
	assert_int_equal(t.turns, 1);
	assert_int_equal(t.state, G_IDLE);
	assert_ptr_equal(t.current, &t.g);
	assert_null(np_current());
	assert_int_equal(t.g.state, G_QUEUED); /* it asked for another one */
	assert_int_equal(run_all(), 1);
	np_task_fini(&t.g);
	assert_int_equal(t.g.magic, 0);
	assert_int_equal(sched.coros, 0);
}

static void a_task_ends_itself_and_may_be_begun_anew(void **state)
{
	struct task t = {.end = true};

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		np_task_init(&t.g, &task_type);
		np_ready(&t.g);
		assert_int_equal(run_all(), 1);
		assert_int_equal(t.turns, i);
		assert_int_equal(t.g.state, G_DEAD);
	}
}

/* Whatever is taken out of wherever in the queue, the rest runs in its order, and the queue
 * still takes more. */
static void a_queued_task_is_taken_out(void **state)
{
	struct task t[4] = {{.turns = 0}}, last = {.turns = 0};

	(void)state;
	np_task_init(&last.g, &task_type);
	for (unsigned out = 0; out < 16; out++) {
		for (unsigned i = 0; i < 4; i++) {
			t[i].turns = 0;
			np_task_init(&t[i].g, &task_type);
			np_ready(&t[i].g);
		}
		for (unsigned i = 0; i < 4; i++)
			if (out >> i & 1)
				np_task_fini(&t[i].g);
		assert_int_equal(sched.queued, 4 - __builtin_popcount(out));
		np_ready(&last.g);
		assert_int_equal(run_all(), 5 - __builtin_popcount(out));
		assert_int_equal(last.turns, out + 1);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(t[i].turns, (out >> i & 1) == 0);
		for (unsigned i = 0; i < 4; i++)
			if ((out >> i & 1) == 0)
				np_task_fini(&t[i].g);
	}
	np_task_fini(&last.g);
}

static void a_scheduler_that_never_ran_is_abandoned(void **state)
{
	struct sched idle;
	struct co co = {.steps = 0};

	(void)state;
	assert_int_equal(sched_init(&idle, 4), 0);
	assert_int_equal(sched_go(&idle, "first", look_at_self, &co), 0);
	sched_abandon(&idle);
	assert_int_equal(idle.coros, 0);
	assert_int_equal(idle.stacks.in_use, 0);
	assert_int_equal(co.steps, 0);
	sched_fini(&idle);
}

/* ---- impossible states ----------------------------------------------------------------------- */

static void ready_the_dead(void)
{
	struct task t = {.turns = 0};

	np_task_init(&t.g, &task_type);
	np_task_fini(&t.g);
	np_ready(&t.g);
}

static void ready_anothers(void)
{
	struct task t = {.turns = 0};

	np_task_init(&t.g, &task_type);
	t.g.owner++;
	np_ready(&t.g);
}

static void end_twice(void)
{
	struct task t = {.turns = 0};

	np_task_init(&t.g, &task_type);
	np_task_fini(&t.g);
	t.g.magic = G_MAGIC;
	np_task_fini(&t.g);
}

static void park_turn(struct np_g *g)
{
	(void)g;
	np_yield();
}

static void task_parks(void)
{
	static const struct np_task_type parking = {.name = "parking", .fn = park_turn};
	struct np_g g;

	np_task_init(&g, &parking);
	np_ready(&g);
	sched_run_one(&sched);
}

static void loop_parks(void)
{
	np_yield();
}

static void ready_self(void *arg)
{
	(void)arg;
	np_ready(np_current());
}

static void running_made_ready(void)
{
	CHECK(np_go("self", ready_self, NULL) == 0, "a stack");
	sched_run_one(&sched);
}

static void enter_twice(void)
{
	sched_enter(&sched);
}

static void fini_alive(void)
{
	CHECK(np_go("never", ready_self, NULL) == 0, "a stack");
	sched_fini(&sched);
}

static void no_worker(void)
{
	sched_leave();
	(void)!np_go("nowhere", ready_self, NULL);
}

static void no_worker_for_task(void)
{
	struct np_g g;

	sched_leave();
	np_task_init(&g, &task_type);
}

static void impossible_states_end_the_process(void **state)
{
	(void)state;
	assert_dies(ready_the_dead, "object is not a live G_MAGIC");
	assert_dies(ready_anothers, "used by a worker that does not own it");
	assert_dies(end_twice, "a task ends once");
	assert_dies(task_parks, "only a coroutine may park");
	assert_dies(loop_parks, "only a coroutine may park");
	assert_dies(running_made_ready, "only what waits can be made runnable");
	assert_dies(enter_twice, "a thread runs one worker at a time");
	assert_dies(fini_alive, "a scheduler ends after its last coroutine");
	assert_dies(no_worker, "np_go: no worker runs on this thread");
	assert_dies(no_worker_for_task, "np_task_init: no worker runs on this thread");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_coroutine_runs_once_and_gives_its_stack_back),
		TEST(parked_until_ready),
		TEST(no_stack_is_an_answer),
		TEST(a_task_is_idle_in_its_turn),
		TEST(a_task_ends_itself_and_may_be_begun_anew),
		TEST(a_queued_task_is_taken_out),
		TEST(a_scheduler_that_never_ran_is_abandoned),
		TEST(impossible_states_end_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
