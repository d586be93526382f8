/* ctx: the cost of one switch, one way: hot between two, and around rings of coroutines whose
 * stacks do not fit the cache. Each stack holds a little state that its turn touches, as a
 * parked coroutine's frames do. */
#include "tests/micro/micro.h"

#include "netpoll/ctx.h"

#define MOST   20000
#define PASSES 2000000

struct co {
	struct ctx ctx;
	struct stack *stack;
	struct co *next;
};

static struct stack_pool pool;
static struct ctx main_ctx;
static struct co ring[MOST];
static size_t left; /* switches still to make in this round */

static void turn(void *arg)
{
	struct co *co = arg;

	for (;;) {
		struct ctx *to = left-- == 0 ? &main_ctx : &co->next->ctx;

		ctx_switch(&co->ctx, to);
	}
}

static void ring_make(size_t n)
{
	ctx_init_thread(&main_ctx);
	for (size_t i = 0; i < n; i++) {
		ring[i].stack = micro_need(stack_get(&pool));
		ring[i].next = &ring[(i + 1) % n];
		ctx_init(&ring[i].ctx, stack_lo(ring[i].stack), stack_size(ring[i].stack), turn, &ring[i]);
	}
}

static void ring_drop(size_t n)
{
	for (size_t i = 0; i < n; i++)
		stack_put(&pool, ring[i].stack);
}

static void go_round(void *arg)
{
	left = PASSES;
	ctx_switch(&main_ctx, arg);
}

static void hot(void *arg)
{
	for (size_t i = 0; i < PASSES / 2; i++)
		ctx_switch(&main_ctx, arg);
}

static void back_at_once(void *arg)
{
	struct co *co = arg;

	for (;;)
		ctx_switch(&co->ctx, &main_ctx);
}

static void around(const char *name, size_t n)
{
	ring_make(n);
	micro_best(name, PASSES, NULL, go_round, &ring[0].ctx);
	ring_drop(n);
}

/* A coroutine's whole machine: a stack from the pool, a context, two switches, the stack back. */
static void one_life(void *arg)
{
	struct co *co = arg;

	for (size_t i = 0; i < PASSES / 10; i++) {
		co->stack = micro_need(stack_get(&pool));
		ctx_init(&co->ctx, stack_lo(co->stack), stack_size(co->stack), back_at_once, co);
		ctx_switch(&main_ctx, &co->ctx);
		stack_put(&pool, co->stack);
	}
}

int main(void)
{
	if (stack_pool_init(&pool, STACK_SIZE) != 0)
		return 1;
	ring_make(1);
	ctx_init(&ring[0].ctx, stack_lo(ring[0].stack), stack_size(ring[0].stack), back_at_once, &ring[0]);
	micro_best("ctx_switch_hot", PASSES, NULL, hot, &ring[0].ctx);
	ring_drop(1);
	around("ctx_switch_ring_2", 2);
	around("ctx_switch_ring_1000", 1000);
	around("ctx_switch_ring_20000", MOST);
	micro_best("stack_get_run_put", PASSES / 10, NULL, one_life, &ring[0]);
	stack_pool_fini(&pool);
	return 0;
}
