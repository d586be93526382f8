/* heap: the precise timers at a million: set, move, expire. There are few of them in truth; this
 * is the worst case. */
#include "tests/micro/micro.h"

#include "netpoll/timer.h"

#define COUNT 1000000

static struct np_timer *timers;
static struct heap heap;
static uint64_t fired;

static void fire(struct np_timer *t)
{
	(void)t;
	fired++;
}

/* Scattered over an hour, the same in every run. */
static int64_t when_of(uint32_t i)
{
	return 1 + (int64_t)(i * UINT64_C(2654435761) % UINT64_C(3600000000000));
}

static void clear(void *arg)
{
	(void)arg;
	heap_init(&heap);
	for (uint32_t i = 0; i < COUNT; i++)
		timers[i] = (struct np_timer){.fn = fire};
}

static void set_all(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < COUNT; i++)
		heap_set(&heap, &timers[i], when_of(i));
}

static void clear_and_set_all(void *arg)
{
	clear(arg);
	set_all(arg);
}

static void move_all_later(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < COUNT; i++)
		heap_set(&heap, &timers[i], when_of(i) + INT64_C(3600000000000));
}

static void stop_all(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < COUNT; i++)
		fired += heap_stop(&heap, &timers[i]);
}

static void expire_all(void *arg)
{
	(void)arg;
	heap_run(&heap, INT64_MAX);
}

int main(void)
{
	timers = micro_need(calloc(COUNT, sizeof(*timers)));
	micro_best("heap_set_1000000", COUNT, clear, set_all, NULL);
	micro_best("heap_move_1000000", COUNT, clear_and_set_all, move_all_later, NULL);
	micro_best("heap_stop_1000000", COUNT, clear_and_set_all, stop_all, NULL);
	micro_best("heap_expire_1000000", COUNT, clear_and_set_all, expire_all, NULL);
	free(timers);
	return fired == 0;
}
