/* ctx: switching between two stacks keeps registers, alignment and a stack that can be unwound. */
#include "netpoll/ctx.h"

#include <execinfo.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* One coroutine and the thread it answers to. Coroutines note what they see; the test's own
 * stack asserts. */
struct co {
	struct ctx self, back;
	struct stack *stack;
	void (*body)(struct co *);
	int turns;
	bool ok;
};

static struct stack_pool pool;

static void co_entry(void *arg)
{
	struct co *co = arg;

	co->body(co);
	ctx_exit(&co->self, &co->back);
}

static void co_start(struct co *co, void (*body)(struct co *))
{
	*co = (struct co){.body = body, .stack = stack_get(&pool)};
	assert_non_null(co->stack);
	ctx_init_thread(&co->back);
	ctx_init(&co->self, stack_lo(co->stack), stack_size(co->stack), co_entry, co);
}

static void co_end(struct co *co)
{
	ctx_fini(&co->self);
	stack_put(&pool, co->stack);
}

static void co_resume(struct co *co)
{
	ctx_switch(&co->back, &co->self);
}

static void co_yield(struct co *co)
{
	co->turns++;
	ctx_switch(&co->self, &co->back);
}

static void yield_thrice(struct co *co)
{
	for (int i = 0; i < 3; i++)
		co_yield(co);
	co->ok = true;
}

static void turns_alternate(void **state)
{
	struct co co;

	(void)state;
	co_start(&co, yield_thrice);
	assert_int_equal(co.turns, 0); /* nothing runs before the first switch */
	for (int i = 1; i <= 3; i++) {
		co_resume(&co);
		assert_int_equal(co.turns, i);
	}
	assert_false(co.ok);
	co_resume(&co);
	assert_true(co.ok);
	assert_null(co.self.sp);
	co_end(&co);
}

static void see_alignment(struct co *co)
{
	_Alignas(16) char local[16];
	uintptr_t here = (uintptr_t)local, frame = (uintptr_t)__builtin_frame_address(0);

	__asm__ volatile("" : "+r"(here)); /* or the compiler answers from what it was promised */
	co->ok = here % 16 == 0 && frame % 16 == 0 && here >= (uintptr_t)stack_lo(co->stack) &&
		 here < (uintptr_t)co->stack;
}

static void stack_is_aligned_and_own(void **state)
{
	struct co co;

	(void)state;
	co_start(&co, see_alignment);
	co_resume(&co);
#ifndef NP_ASAN /* may keep locals in its fake stack */
	assert_true(co.ok);
#endif
	co_end(&co);
}

/* More values alive over a switch than there are callee-saved registers, so the compiler uses
 * all of them: integers in rbx rbp r12-r15 or x19-x28, doubles in d8-d15 on arm64 (x86-64 has
 * none to keep). Both sides do it with values of their own. The empty asm makes the compiler
 * forget what it knows of a value. */
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define FORGET(v) __asm__ volatile("" : "+r"(v))
#if defined(__aarch64__)
#define FORGET_DOUBLE(v) __asm__ volatile("" : "+w"(v))
#else
#define FORGET_DOUBLE(v) __asm__ volatile("" : "+x"(v))
#endif

static no_inline bool values_survive(struct ctx *from, struct ctx *to, uint64_t seed)
{
	bool same = true;

#define X(i) uint64_t n##i = seed * (i + 3); double d##i = (double)seed / (i + 3); FORGET(n##i); FORGET_DOUBLE(d##i);
	EACH(X)
#undef X
	ctx_switch(from, to);
#define X(i) FORGET(n##i); FORGET_DOUBLE(d##i); same &= n##i == seed * (i + 3) && d##i == (double)seed / (i + 3);
	EACH(X)
#undef X
	return same;
}

static void keep_values(struct co *co)
{
	co->ok = true;
	for (uint64_t i = 0; i < 100; i++)
		co->ok &= values_survive(&co->self, &co->back, ~i);
}

static void registers_survive(void **state)
{
	struct co co;
	bool ok = true;

	(void)state;
	co_start(&co, keep_values);
	for (uint64_t i = 0; i < 100; i++)
		ok &= values_survive(&co.back, &co.self, i + 1);
	co_resume(&co);
	assert_true(ok);
	assert_true(co.ok);
	co_end(&co);
}

/* backtrace() walks by the unwinding tables: it must go through the coroutine's frames and end
 * at its first, not run on into the descriptor above. Its last frame lies in ctx_boot, which has
 * no symbol to ask for; that it is the caller of co_entry is enough. */
static int depth_seen;

static no_inline void count_frames(int more)
{
	void *frames[64];

	if (more > 0)
		count_frames(more - 1);
	else
		depth_seen = backtrace(frames, (int)array_len(frames));
	__asm__ volatile("" : : : "memory"); /* no tail call */
}

static void unwind_shallow(struct co *co)
{
	count_frames(0);
	co->ok = true;
}

static void unwind_deep(struct co *co)
{
	count_frames(20);
	co->ok = true;
}

static void unwinding_ends_at_the_entry(void **state)
{
	struct co co;
	int shallow;

	(void)state;
	co_start(&co, unwind_shallow);
	co_resume(&co);
	co_end(&co);
	shallow = depth_seen;
	/* count_frames, unwind_shallow, co_entry, ctx_boot, and what a sanitizer adds */
	assert_in_range(shallow, 4, 8);
	co_start(&co, unwind_deep);
	co_resume(&co);
	co_end(&co);
	assert_int_equal(depth_seen, shallow + 20);
}

/* A frame left behind by ctx_exit, with locals a sanitizer fences; then the same stack again,
 * used at other places. */
static no_inline void leave_fenced_frames(struct co *co, int more)
{
	volatile char local[40];

	memset((void *)(uintptr_t)local, more, sizeof(local));
	if (more > 0)
		leave_fenced_frames(co, more - 1);
	co->turns += local[7];
	if (more == 0) {
		co->ok = true;
		ctx_exit(&co->self, &co->back);
	}
}

static void exit_deep(struct co *co)
{
	leave_fenced_frames(co, 30);
}

static void write_all_over(struct co *co)
{
	char big[1500];

	memset(big, 1, sizeof(big));
	FORGET(co);
	co->ok = big[co->turns] == 1;
}

static void dead_frames_do_not_haunt(void **state)
{
	struct co co;
	struct stack *first;

	(void)state;
	co_start(&co, exit_deep);
	first = co.stack;
	co_resume(&co);
	assert_true(co.ok);
	co_end(&co);
	co_start(&co, write_all_over);
	assert_ptr_equal(co.stack, first);
	co_resume(&co);
	assert_true(co.ok);
	co_end(&co);
}

static void one_switches_to_the_next(struct co *co)
{
	struct co *next = co + 1;

	co->turns++;
	if (next->body != NULL)
		ctx_switch(&co->self, &next->self);
	co->ok = true;
}

/* Coroutines may switch among themselves; the last of the chain goes back to the thread. */
static void switch_among_coroutines(void **state)
{
	struct co co[5] = {{.turns = 0}};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		co_start(&co[i], one_switches_to_the_next);
	ctx_switch(&co[3].back, &co[0].self);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(co[i].turns, 1);
	assert_true(co[3].ok);
	for (size_t i = 0; i < 3; i++) {
		assert_false(co[i].ok);
		co_resume(&co[i]);
		assert_true(co[i].ok);
	}
	for (size_t i = 0; i < 4; i++)
		co_end(&co[i]);
}

static void resume_the_dead(void)
{
	struct co co;

	co_start(&co, unwind_shallow);
	co_resume(&co);
	co_resume(&co);
}

static void free_the_living(void)
{
	struct co co;

	co_start(&co, yield_thrice);
	co_resume(&co);
	ctx_fini(&co.self);
}

/* Runs fn in a child, its complaints to nowhere. Returns the signal that ended it, 0 if it
 * lived. */
static int signal_of(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void misuse_crashes_at_once(void **state)
{
	(void)state;
	assert_int_equal(signal_of(resume_the_dead), SIGABRT);
	assert_int_equal(signal_of(free_the_living), SIGABRT);
}

static int pool_start(void **state)
{
	(void)state;
	return stack_pool_init(&pool, STACK_SIZE);
}

static int pool_end(void **state)
{
	(void)state;
	stack_pool_fini(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_alternate),
		cmocka_unit_test(stack_is_aligned_and_own),
		cmocka_unit_test(registers_survive),
		cmocka_unit_test(unwinding_ends_at_the_entry),
		cmocka_unit_test(dead_frames_do_not_haunt),
		cmocka_unit_test(switch_among_coroutines),
		cmocka_unit_test(misuse_crashes_at_once),
	};

	return cmocka_run_group_tests(tests, pool_start, pool_end);
}
