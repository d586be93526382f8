/* ctx: setting contexts up, and the part of it that only the tools need. */
#include "netpoll/ctx.h"

#ifdef NP_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#endif

#if defined(NP_ASAN) || defined(NP_TSAN)

/* The first thing on a new stack: the switch that led here is not over for ASan before it hears
 * of it. */
static void entry_told(void *arg)
{
	struct ctx *c = arg;

	ctx_entered(NULL);
	c->entry(c->arg);
	CHECK(false, "a coroutine's entry returned");
}

void ctx_init(struct ctx *c, void *lo, size_t size, void (*entry)(void *), void *arg)
{
	*c = (struct ctx){.lo = lo, .size = size, .entry = entry, .arg = arg};
	c->sp = ctx_frame((char *)lo + size, entry_told, c);
#ifdef NP_TSAN
	c->fiber = __tsan_create_fiber(0);
#endif
}

#else

void ctx_init(struct ctx *c, void *lo, size_t size, void (*entry)(void *), void *arg)
{
	c->sp = ctx_frame((char *)lo + size, entry, arg);
}

#endif

#ifdef NP_ASAN
static void learn_own_stack(struct ctx *c)
{
	pthread_attr_t attr;
	void *lo;

	CHECK(pthread_getattr_np(pthread_self(), &attr) == 0, "a thread cannot learn where its stack is");
	CHECK(pthread_attr_getstack(&attr, &lo, &c->size) == 0, "a thread cannot learn where its stack is");
	c->lo = lo;
	pthread_attr_destroy(&attr);
}
#endif

void ctx_init_thread(struct ctx *c)
{
	*c = (struct ctx){.sp = NULL};
#ifdef NP_ASAN
	learn_own_stack(c);
#endif
#ifdef NP_TSAN
	c->fiber = __tsan_get_current_fiber();
#endif
}

/* The frames that stood when the coroutine left were never returned from, so their red zones
 * still lie in the shadow: without the unpoisoning the next coroutine on this stack would be
 * blamed for touching its own locals. */
void ctx_fini(struct ctx *c)
{
	CHECK(c->sp == NULL, "a context is freed that has not ended");
#ifdef NP_ASAN
	ASAN_UNPOISON_MEMORY_REGION(c->lo, c->size);
#endif
#ifdef NP_TSAN
	__tsan_destroy_fiber(c->fiber);
#endif
}
