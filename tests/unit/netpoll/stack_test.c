/* stack: pooled stacks have guards and colours, and idle ones give their memory back. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "netpoll/ctx.h"
#include "netpoll/err.h"
#include "netpoll/hook.h"

#define GUARD_INSTALL 102

/* ---- faults and counts, through the hook table ---- */

static int calls_left, mprotects;

static void *mmap_runs_out(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	if (calls_left-- > 0)
		return mmap(p, n, prot, flags, fd, off);
	errno = ENOMEM;
	return MAP_FAILED;
}

static int guard_unknown(void *p, size_t n, int advice)
{
	if (advice != GUARD_INSTALL)
		return madvise(p, n, advice);
	errno = EINVAL;
	return -1;
}

static int guard_runs_out(void *p, size_t n, int advice)
{
	if (advice != GUARD_INSTALL || calls_left-- > 0)
		return madvise(p, n, advice);
	errno = ENOMEM;
	return -1;
}

/* Arenas mapped and not unmapped. Not from /proc/self/maps: a sanitizer's own mappings come and
 * go there. */
static int arenas;

static void *mmap_counted(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	arenas++;
	return mmap(p, n, prot, flags, fd, off);
}

static int munmap_counted(void *p, size_t n)
{
	arenas--;
	return munmap(p, n);
}

static int mprotect_counted(void *p, size_t n, int prot)
{
	mprotects++;
	return mprotect(p, n, prot);
}

static int mprotect_runs_out(void *p, size_t n, int prot)
{
	if (calls_left-- > 0)
		return mprotect(p, n, prot);
	errno = ENOMEM;
	return -1;
}

static int mincore_unknown(void *p, size_t n, unsigned char *vec)
{
	(void)p, (void)n, (void)vec;
	errno = ENOSYS;
	return -1;
}

static int undo_hooks(void **state)
{
	(void)state;
	hook_reset();
	return 0;
}

static size_t maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	size_t lines = 0;
	int c;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	return lines;
}

/* ---- what may not be ---- */

static void init_refuses_sizes(void **state)
{
	static const size_t bad[] = {0, 1, 4096, 3 * 4096, 128 * 1024 + 1, 128 * 1024 - 16, SIZE_MAX & ~(size_t)4095};
	struct stack_pool p = {.mapped = 77};

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		assert_int_equal(stack_pool_init(&p, bad[i]), -NP_EINVAL);
	assert_int_equal(p.mapped, 77);
}

static void init_without_memory(void **state)
{
	struct stack_pool p;

	(void)state;
	calls_left = 0;
	hook.mmap = mmap_runs_out;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), -NP_ENOMEM);
	arenas = 0;
	hook.mmap = mmap_counted;
	hook.munmap = munmap_counted;
	hook.madvise = guard_runs_out; /* the arena is there, its guard is not to be had: nothing leaks */
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), -NP_ENOMEM);
	assert_int_equal(arenas, 0);
}

/* Takes stacks until one is refused, then gives all back. Returns how many there were. */
static size_t take_until_refused(struct stack_pool *p, size_t most)
{
	struct stack *list = NULL, *s;
	size_t n = 0;

	while (n < most && (s = stack_get(p)) != NULL) {
		*(struct stack **)stack_lo(s) = list;
		list = s;
		n++;
	}
	for (; list != NULL; list = s) {
		s = *(struct stack **)stack_lo(list);
		stack_put(p, list);
	}
	return n;
}

static void get_without_memory(void **state)
{
	struct stack_pool p;
	struct stack_census census;
	size_t first;

	(void)state;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	calls_left = 1;
	hook.mmap = mmap_runs_out;
	first = take_until_refused(&p, 10000);
	assert_in_range(first, 2, 9999); /* the arena of init, and one more */
	assert_int_equal(take_until_refused(&p, 10000), first);
	hook_reset();
	assert_int_equal(take_until_refused(&p, first + 1), first + 1); /* memory is back, and so are we */
	calls_left = 3;
	hook.madvise = guard_runs_out;
	assert_int_equal(take_until_refused(&p, 10000), first + 1 + 3);
	stack_census(&p, &census);
	assert_int_equal(census.mapped, first + 1 + 3);
	assert_int_equal(census.in_use, 0);
	stack_pool_fini(&p);
}

static void guard_falls_back_to_mprotect(void **state)
{
	struct stack_pool p;

	(void)state;
	hook.madvise = guard_unknown;
	hook.mprotect = mprotect_counted;
	mprotects = 0;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	assert_int_equal(take_until_refused(&p, 10), 10);
	assert_int_equal(mprotects, 10);
	calls_left = 2;
	hook.mprotect = mprotect_runs_out; /* max_map_count */
	assert_int_equal(take_until_refused(&p, 20), 12);
	stack_pool_fini(&p);
}

/* ---- the guard ---- */

static volatile char sink;

static no_inline void overflow(int depth)
{
	volatile char local[512];

	local[0] = (char)depth;
	if (depth < 1000000)
		overflow(depth + 1);
	sink = local[0];
}

static void overflow_entry(void *arg)
{
	overflow(0);
	(void)arg;
	abort();
}

static void overflow_a_stack(struct stack *s)
{
	struct ctx self, co;

	ctx_init_thread(&self);
	ctx_init(&co, stack_lo(s), stack_size(s), overflow_entry, NULL);
	ctx_switch(&self, &co);
}

static void write_below(struct stack *s)
{
	((volatile char *)stack_lo(s))[-1] = 1;
}

static void write_lowest_byte(struct stack *s)
{
	((volatile char *)stack_lo(s))[0] = 1;
}

/* Does fn to the pool's next stack in a child, with the kernel's own way with SIGSEGV. Returns
 * the signal, or 0. */
static int signal_of(struct stack_pool *p, void (*fn)(struct stack *))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		fn(stack_get(p));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void check_guards(struct stack_pool *p)
{
	assert_int_equal(signal_of(p, write_lowest_byte), 0);
	assert_int_equal(signal_of(p, write_below), SIGSEGV);
	assert_int_equal(signal_of(p, overflow_a_stack), SIGSEGV);
}

static void guard_ends_the_process(void **state)
{
	struct stack_pool p;
	struct stack *s;

	(void)state;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	check_guards(&p);
	s = stack_get(&p);
	check_guards(&p); /* the second slot, whose guard borders on the first slot's top */
	stack_put(&p, s);
	stack_pool_fini(&p);
	hook.madvise = guard_unknown;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	check_guards(&p);
	stack_pool_fini(&p);
}

/* ---- the pool ---- */

static void last_in_first_out(void **state)
{
	struct stack_pool p;
	struct stack *a, *b, *c;

	(void)state;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	a = stack_get(&p);
	b = stack_get(&p);
	c = stack_get(&p);
	assert_true(a != b && b != c && a != c);
	stack_put(&p, a);
	stack_put(&p, c);
	stack_put(&p, b);
	assert_ptr_equal(stack_get(&p), b);
	assert_ptr_equal(stack_get(&p), c);
	assert_ptr_equal(stack_get(&p), a);
	stack_put(&p, a);
	stack_put(&p, b);
	stack_put(&p, c);
	stack_pool_fini(&p);
}

/* Usable bytes are all but the guard, the colour and the descriptor; no two stacks of a run
 * share a colour. */
static void sizes_and_colours(void **state)
{
	struct stack *s[28];
	struct stack_pool p;
	uint64_t colours = 0;

	(void)state;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	for (size_t i = 0; i < array_len(s); i++) {
		size_t top;

		s[i] = stack_get(&p);
		top = (uintptr_t)s[i] % STACK_SIZE % 4096; /* where in its page the descriptor begins */
		assert_in_range(stack_size(s[i]), STACK_SIZE - 2 * 4096, STACK_SIZE - 4096 - sizeof(struct stack));
		assert_in_range(top, 512, 4096 - sizeof(struct stack));
		assert_int_equal((uintptr_t)stack_lo(s[i]) % 4096, 0);
		colours |= UINT64_C(1) << top / 128;
		memset(stack_lo(s[i]), 0x5a, stack_size(s[i]));
	}
	assert_int_equal(__builtin_popcountll(colours), array_len(s));
	for (size_t i = array_len(s); i-- > 0;)
		stack_put(&p, s[i]); /* none was written over by its neighbour, or the put would say so */
	stack_pool_fini(&p);
}

static void many_stacks_few_maps(void **state)
{
	struct stack_pool p;
	size_t before = maps();

	(void)state;
	arenas = 0;
	hook.mmap = mmap_counted;
	hook.munmap = munmap_counted;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	if (p.by_mprotect) {
		print_message("this kernel has no MADV_GUARD_INSTALL: guards cost maps here\n");
		stack_pool_fini(&p);
		skip();
	}
	hook.mprotect = mprotect_runs_out;
	calls_left = 0;
	assert_int_equal(take_until_refused(&p, 40000), 40000);
	assert_true(maps() < before + 1000);
	assert_true(arenas > 1);
	stack_pool_fini(&p);
	assert_int_equal(arenas, 0);
}

/* ---- the census ---- */

static size_t deepest(const struct stack_pool *p)
{
	struct stack_census census;

	stack_census(p, &census);
	return census.deepest;
}

static void touch(struct stack *s, size_t depth)
{
	((char *)s)[-(ptrdiff_t)depth] = 1;
}

/* Pages of a slot, of which `at` is any but the guard's first byte; a trimmed stack's descriptor must not be read. */
static size_t resident(struct stack *at)
{
	unsigned char vec[STACK_SIZE / 4096];
	char *lo = (char *)at - STACK_SIZE + 2 * 4096 - (uintptr_t)at % 4096;
	size_t n = STACK_SIZE / 4096 - 1, count = 0;

	assert_int_equal(mincore(lo, n * 4096, vec), 0);
	for (size_t i = 0; i < n; i++)
		count += vec[i] & 1;
	return count;
}

static void census_finds_the_deepest(void **state)
{
	static const size_t depths[] = {1, 8, 4096, 5000, 30000, 100000};
	struct stack_pool p;
	struct stack_census census;
	struct stack *a, *b;

	(void)state;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	a = stack_get(&p);
	b = stack_get(&p);
	assert_int_equal(deepest(&p), 0);
	for (size_t i = 0; i < array_len(depths); i++) {
		touch(i % 2 == 0 ? a : b, depths[i]);
		assert_in_range(deepest(&p), depths[i], depths[i] + sizeof(uintptr_t) - 1);
	}
	assert_int_equal(resident(a), 3); /* 1, 4096 and 30000 deep: to look at absent pages would bring them */
	stack_put(&p, b);
	assert_in_range(deepest(&p), 100000, 100007); /* idle stacks count */
	hook.mincore = mincore_unknown;
	assert_in_range(deepest(&p), 100000, 100007);
	touch(a, stack_size(a));
	assert_int_equal(deepest(&p), stack_size(a));
	stack_census(&p, &census);
	assert_int_equal(census.mapped, 2);
	assert_int_equal(census.in_use, 1);
	stack_put(&p, a);
	stack_pool_fini(&p);
}

/* Stacks put back beyond the warm ones lose their pages; what they had used is remembered, and
 * they work again. */
static void idle_stacks_are_trimmed(void **state)
{
	struct stack *s[STACK_WARM + 2];
	struct stack_pool p;

	(void)state;
	assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
	for (size_t i = 0; i < array_len(s); i++) {
		s[i] = stack_get(&p);
		memset((char *)s[i] - 20000, 1, 20000);
	}
	touch(s[STACK_WARM + 1], 50000);
	for (size_t i = 0; i < array_len(s); i++)
		stack_put(&p, s[i]);
	assert_true(resident(s[0]) >= 5);
	assert_true(resident(s[STACK_WARM - 1]) >= 5);
	assert_int_equal(resident(s[STACK_WARM]), 0);
	assert_int_equal(resident(s[STACK_WARM + 1]), 0);
	assert_in_range(deepest(&p), 50000, 50007);
	assert_ptr_equal(stack_get(&p), s[STACK_WARM - 1]); /* the warm ones first, the latest first */
	stack_put(&p, s[STACK_WARM - 1]);
	for (size_t i = 0; i < array_len(s); i++)
		memset(stack_lo(stack_get(&p)), 1, STACK_SIZE / 2);
	for (size_t i = 0; i < array_len(s); i++)
		stack_put(&p, s[i]);
	stack_pool_fini(&p);
}

/* ---- misuse ---- */

static void put_twice(struct stack_pool *p)
{
	struct stack *s = stack_get(p);

	stack_put(p, s);
	stack_put(p, s);
}

static void end_in_use(struct stack_pool *p)
{
	if (stack_get(p) != NULL)
		stack_pool_fini(p);
}

static void misuse_crashes_at_once(void **state)
{
	void (*const misuses[])(struct stack_pool *) = {put_twice, end_in_use};

	(void)state;
	for (size_t i = 0; i < array_len(misuses); i++) {
		struct stack_pool p;
		int status;
		pid_t pid;

		assert_int_equal(stack_pool_init(&p, STACK_SIZE), 0);
		pid = fork();
		if (pid == 0) {
			close(STDERR_FILENO);
			misuses[i](&p);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		stack_pool_fini(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_refuses_sizes),
		cmocka_unit_test_teardown(init_without_memory, undo_hooks),
		cmocka_unit_test_teardown(get_without_memory, undo_hooks),
		cmocka_unit_test_teardown(guard_falls_back_to_mprotect, undo_hooks),
		cmocka_unit_test_teardown(guard_ends_the_process, undo_hooks),
		cmocka_unit_test(last_in_first_out),
		cmocka_unit_test(sizes_and_colours),
		cmocka_unit_test_teardown(many_stacks_few_maps, undo_hooks),
		cmocka_unit_test_teardown(census_finds_the_deepest, undo_hooks),
		cmocka_unit_test(idle_stacks_are_trimmed),
		cmocka_unit_test(misuse_crashes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
