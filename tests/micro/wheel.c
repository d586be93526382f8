/* wheel: a million armed deadlines: arm, move, the lazy refresh, expire, and what a quiet second
 * costs. The owner's slot is 64 bytes with its node and deadline inside, as a pollDesc is. */
#include "tests/micro/micro.h"

#include "netpoll/timer.h"

#define COUNT 1000000
#define SEC   INT64_C(1000000000)
#define IDLE  (300 * SEC)

struct slot {
	int64_t due;
	struct wheel_node node;
	char rest[48];
};

static struct slot *slots;
static struct wheel wheel;
static uint64_t fired;
static int64_t now;

static struct wheel_node *slot_node(void *ctx, uint32_t id)
{
	(void)ctx;
	return &slots[id].node;
}

static int64_t slot_due(void *ctx, uint32_t id)
{
	(void)ctx;
	return slots[id].due;
}

static void slot_fire(void *ctx, uint32_t id)
{
	(void)ctx, (void)id;
	fired++;
}

static const struct wheel_ops ops = {.node = slot_node, .due = slot_due, .fire = slot_fire};

static void arm(uint32_t id, int64_t when)
{
	slots[id].due = when;
	wheel_arm(&wheel, id, when);
}

/* Scattered over the idle time, the same in every run. */
static int64_t when_of(uint32_t id)
{
	return SEC + (int64_t)(id * UINT64_C(2654435761) % (uint64_t)IDLE);
}

static void clear(void *arg)
{
	(void)arg;
	wheel_init(&wheel, now = 0, &ops, NULL);
	for (uint32_t id = 0; id < COUNT; id++)
		slots[id] = (struct slot){.due = INT64_MAX};
}

static void arm_all(void *arg)
{
	(void)arg;
	for (uint32_t id = 0; id < COUNT; id++)
		arm(id, when_of(id));
}

static void clear_and_arm_all(void *arg)
{
	clear(arg);
	arm_all(arg);
}

static void move_all_earlier(void *arg)
{
	(void)arg;
	for (uint32_t id = 0; id < COUNT; id++)
		arm(id, when_of(id) / 2);
}

static void disarm_all(void *arg)
{
	(void)arg;
	for (uint32_t id = 0; id < COUNT; id++)
		wheel_disarm(&wheel, id);
}

/* What a connection with traffic does for each byte that comes: its deadline moves later, the
 * wheel is not told. */
static void refresh_all(void *arg)
{
	(void)arg;
	for (uint32_t id = 0; id < COUNT; id++) {
		slots[id].due = now + IDLE;
		__asm__ volatile("" : : : "memory");
	}
}

static void expire_all(void *arg)
{
	(void)arg;
	while (wheel_next(&wheel) != INT64_MAX)
		wheel_run(&wheel, now = wheel_next(&wheel));
}

static void ask_next(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < COUNT; i++)
		fired += wheel_next(&wheel) == 1;
}

/* A million connections, all with traffic in every idle time: the wheel finds each entry moved
 * on. CPU per second of the wheel's time, over an hour of it. */
static void print_busy_second(void)
{
	int64_t end = 3600 * SEC, start;

	clear_and_arm_all(NULL);
	start = nanotime();
	while (now < end) {
		wheel_run(&wheel, now += SEC / 100);
		for (uint32_t i = 0; i < COUNT / 30000; i++) /* each one is refreshed every 300 s */
			slots[(uint32_t)(now / (SEC / 100) * (COUNT / 30000) + i) % COUNT].due = now + IDLE + SEC;
	}
	micro_print("wheel_1000000_busy_per_second", (double)(nanotime() - start) / 3600 / 1000, "us");
}

int main(void)
{
	slots = micro_need(calloc(COUNT, sizeof(*slots)));
	micro_best("wheel_arm_1000000", COUNT, clear, arm_all, NULL);
	micro_best("wheel_move_earlier_1000000", COUNT, clear_and_arm_all, move_all_earlier, NULL);
	micro_best("wheel_refresh_1000000", COUNT, clear_and_arm_all, refresh_all, NULL);
	micro_best("wheel_disarm_1000000", COUNT, clear_and_arm_all, disarm_all, NULL);
	micro_best("wheel_expire_1000000", COUNT, clear_and_arm_all, expire_all, NULL);
	micro_best("wheel_next_1000000", COUNT, clear_and_arm_all, ask_next, NULL);
	print_busy_second();
	free(slots);
	return 0;
}
