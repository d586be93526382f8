/* ctx: the machine. A context is a place at which execution can go on; a stack is the memory under
 * it. Every switch keeps:
 *
 *   registers   the callee-saved ones of the ABI; not the floating-point control words (ctx_amd64.S
 *               says why)
 *   alignment   16 bytes at every call, a new stack's first included
 *   unwinding   backtrace() and gdb see a coroutine down to its entry, and end there
 *   tools       ASan, TSan and Valgrind are told of every stack and every switch
 *
 * A context never leaves the thread it first ran on: the compiler may keep the address of a
 * thread-local across a switch (glibc's errno is declared so that it does). All functions here
 * are called by the owner worker. */
#ifndef NETPOLL_CTX_H
#define NETPOLL_CTX_H

#include "netpoll/base.h"
#include "netpoll/check.h"

#ifdef NP_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef NP_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* ---- contexts -------------------------------------------------------------------------------- */

struct ctx {
	/* where it stopped; NULL before ctx_init and after ctx_exit. The rest is the tools' */
	void *sp;
#if defined(NP_ASAN) || defined(NP_TSAN)
	const void *lo; /* const after init */
	size_t      size;
	void (*entry)(void *);
	void *arg;
	void *fake;  /* ASan's shadow frames while it does not run */
	void *fiber; /* TSan's clock and call stack of it */
#endif
};

/* The calling thread's own stack becomes a context to switch away from and back to. */
void ctx_init_thread(struct ctx *c);
/* A context on [lo, lo + size). Nothing runs before the first switch to it; entry must not
 * return. */
void ctx_init(struct ctx *c, void *lo, size_t size, void (*entry)(void *), void *arg);
/* After ctx_exit, from another context: the stack may be used for something else from here on. */
void ctx_fini(struct ctx *c);

/* Assembly (ctx_amd64.S, ctx_arm64.S), and ctx.c and the two functions below alone call it.
 * Hidden, or the call would go through the GOT. */
#define ctx_hidden __attribute__((visibility("hidden")))
ctx_hidden void ctx_swap(void **save, void *to);
ctx_hidden void *ctx_frame(void *hi, void (*entry)(void *), void *arg);

/* The sanitizers must be told before and after the stack pointer moves. `fake` is NULL when the
 * stack that is left is dead. Always inline: TSan counts calls per fiber, and a call that starts on
 * one and returns on another would be lost. */
static inline __attribute__((always_inline)) void ctx_leaving(void **fake, const struct ctx *to)
{
#ifdef NP_ASAN
	__sanitizer_start_switch_fiber(fake, to->lo, to->size);
#endif
#ifdef NP_TSAN
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	(void)fake, (void)to;
}

static inline __attribute__((always_inline)) void ctx_entered(void *fake)
{
#ifdef NP_ASAN
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
	(void)fake;
}

/* ctx_switch: stop here, as `from`, and go on where `to` stopped. Returns when another context
 * switches back to `from`. */
static inline void ctx_switch(struct ctx *from, struct ctx *to)
{
	DCHECK(to->sp != NULL, "switch to a context that is dead or was never set up");
#if defined(NP_ASAN) || defined(NP_TSAN)
	ctx_leaving(&from->fake, to);
	ctx_swap(&from->sp, to->sp);
	ctx_entered(from->fake);
#else
	ctx_swap(&from->sp, to->sp);
#endif
}

/* ctx_exit: the last switch away from `from`. It leaves no sp, so a switch back crashes at once,
 * in release too. */
static inline no_return void ctx_exit(struct ctx *from, struct ctx *to)
{
	void *gone;

	DCHECK(to->sp != NULL, "exit to a context that is dead or was never set up");
	from->sp = NULL;
	ctx_leaving(NULL, to);
	ctx_swap(&gone, to->sp);
	__builtin_unreachable();
}

/* ---- stacks: one pool per worker ------------------------------------------------------------- */

#define STACK_SIZE (128 * 1024) /* virtual: pages appear when touched. OpenSSL's handshakes were seen 14 KiB deep */
#define STACK_WARM 128          /* idle stacks that keep their pages; those beyond keep none */

struct stack_arena;

/* The descriptor lies at the top of its own slot, in the page that the first frames touch anyway:
 *
 *   slot                                                                 slot + size
 *    | guard page | lo ...             usable            ... | struct stack | colour |
 */
struct stack {
	uint32_t      magic; /* STACK_FREE or STACK_USED */
	uint32_t      valgrind;
	char         *lo;   /* const after the slot is carved */
	struct stack *next; /* the warm list */
	struct stack_arena *arena; /* const */
};

/* Every field: owner worker. */
struct stack_pool {
	size_t size, page; /* const after init */
	struct stack_arena *arenas;
	/* idle, last in first out, so that the stack still in the cache is used next */
	struct stack *warm;
	size_t mapped, in_use, nwarm;
	size_t ncold;       /* idle slots without a page, marked in their arenas */
	size_t deepest;      /* seen before pages were given back */
	bool   by_mprotect;  /* the kernel has no MADV_GUARD_INSTALL (Linux before 6.13) */
};

struct stack_census {
	size_t mapped;  /* stacks that exist */
	size_t in_use;
	size_t deepest; /* bytes of the deepest use ever seen of any */
};

/* stack_pool_init: map the first arena and find out how guards are made. size is a multiple of
 * the page size.
 *   Returns  0; -NP_EINVAL for a size that cannot be; -NP_ENOMEM. */
must_use int stack_pool_init(struct stack_pool *p, size_t size);
/* Every stack must be back. */
void stack_pool_fini(struct stack_pool *p);
/* NULL when there is no memory, or no guard to be had: that connection ends, the process lives. */
must_use struct stack *stack_get(struct stack_pool *p);
/* Not from the stack itself: a coroutine never frees what it stands on. */
void stack_put(struct stack_pool *p, struct stack *s);
/* Looks at every page of every stack: for a census and for tests, not for the data path. */
void stack_census(const struct stack_pool *p, struct stack_census *out);

static inline void *stack_lo(const struct stack *s)
{
	return s->lo;
}

/* Usable bytes: [lo, the descriptor). */
static inline size_t stack_size(const struct stack *s)
{
	return (size_t)((const char *)s - s->lo);
}

#endif
