/* sched: what a coroutine and a task cost on a running worker: spawn and exit, yield, the round trip of park and ready,
 * a task made ready and run. */
#include "tests/micro/micro.h"

#include "netpoll/netpoll.h"

#define OPS 1000000

static void nothing(void *arg)
{
	(void)arg;
}

/* One at a time: the stack is the warm one each time, as in a proxy whose connections are set up one after another. */
static void spawn_exit(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < OPS; i++) {
		if (np_go("nothing", nothing, NULL) != 0)
			exit(1);
		np_yield();
	}
}

static void yields(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < OPS; i++)
		np_yield();
}

/* Two coroutines that wake each other: an operation is one park and one ready, there and back. */
static struct np_event ping, pong;

static void ponger(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < OPS; i++) {
		np_event_wait(&ping);
		ping.set = false;
		np_event_set(&pong);
	}
}

static void pinger(void *arg)
{
	(void)arg;
	if (np_go("ponger", ponger, NULL) != 0)
		exit(1);
	for (size_t i = 0; i < OPS; i++) {
		np_event_set(&ping);
		np_event_wait(&pong);
		pong.set = false;
	}
}

static size_t left;
static struct np_g task;

static void task_turn(struct np_g *g)
{
	if (--left > 0)
		np_ready(g);
}

static const struct np_task_type task_type = {.name = "task", .fn = task_turn};

static void task_runs(void *arg)
{
	(void)arg;
	left = OPS;
	np_ready(&task);
	while (left > 0)
		np_yield();
}

static void bench(void *arg)
{
	(void)arg;
	np_task_init(&task, &task_type);
	micro_best("sched_spawn_exit", OPS, NULL, spawn_exit, NULL);
	micro_best("sched_yield", OPS, NULL, yields, NULL);
	micro_best("sched_park_ready_round_trip", OPS, NULL, pinger, NULL);
	micro_best("sched_task_ready_run", OPS, NULL, task_runs, NULL);
	np_task_fini(&task);
}

int main(void)
{
	const struct np_worker_opts o = {.name = "micro", .cpu = -1, .main = bench};

	return np_run(&o) == 0 ? 0 : 1;
}
