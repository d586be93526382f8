/* limit: exactly so many, whoever takes them. */
#include "proxy/base/limit.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int take_many(struct limit *l, uint32_t max, int n)
{
	int got = 0;

	for (int i = 0; i < n; i++)
		got += limit_take(l, max);
	return got;
}

static const struct exact_row {
	const char *what;
	uint32_t used, max;
	int tries, got;
} exact[] = {
	{"none allowed", 0, 0, 3, 0},
	{"one", 0, 1, 3, 1},
	{"all of three", 0, 3, 3, 3},
	{"not one more", 0, 3, 10, 3},
	{"the rest", 2, 3, 10, 1},
	{"lowered below what is used", 5, 3, 10, 0},
	{"no limit", 7, UINT32_MAX, 100, 100},
	{"the last place there is", UINT32_MAX - 1, UINT32_MAX, 3, 1},
};

static void takes_exactly(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(exact); i++) {
		const struct exact_row *r = &exact[i];
		struct limit l = {.used = r->used};
		int got = take_many(&l, r->max, r->tries);

		if (got != r->got)
			fail_msg("%s: took %d, not %d", r->what, got, r->got);
		assert_int_equal(limit_used(&l), r->used + (uint32_t)r->got);
	}
}

static void follows_the_takers_bound(void **state)
{
	struct limit l = {0};

	(void)state;
	assert_int_equal(take_many(&l, 2, 5), 2);
	assert_int_equal(take_many(&l, 4, 5), 2);
	for (int used = 4; used > 1; used--) {
		assert_false(limit_take(&l, 1));
		limit_give(&l);
	}
	assert_false(limit_take(&l, 1));
	limit_give(&l);
	assert_true(limit_take(&l, 1));
	assert_int_equal(limit_used(&l), 1);
}

/* Three places; two are taken when the other process begins to hold them. */
static void p39_two_processes_share_it(void **state)
{
	struct limit old = {0}, new = {0};

	(void)state;
	assert_int_equal(take_many(&old, 3, 2), 2);
	limit_hold(&new, limit_lend(&old, 3));
	assert_int_equal(take_many(&old, 3, 2), 0);
	assert_int_equal(take_many(&new, 3, 2), 1);
	/* one ends in old: it may take that place again, until new hears of it */
	limit_give(&old);
	assert_int_equal(take_many(&old, 3, 2), 1);
	limit_give(&old);
	limit_hold(&new, limit_lend(&old, 3));
	assert_int_equal(take_many(&old, 3, 2), 0);
	assert_int_equal(take_many(&new, 3, 2), 1);
	/* the last one moves */
	limit_take_moved(&new);
	assert_true(limit_pass(&old));
	assert_int_equal(take_many(&old, 3, 2), 0);
	assert_int_equal(take_many(&new, 3, 2), 0);
	assert_int_equal(limit_lend(&old, 3), 0);
	limit_alone(&old);
	limit_alone(&new);
	assert_int_equal(limit_used(&old), 0);
	assert_int_equal(limit_used(&new), 3);
	assert_false(limit_pass(&new));
}

/* One without an end lends nothing; one that moves to a process that knows of no places takes one above the limit. */
static void p39_what_is_not_shared(void **state)
{
	struct limit l = {0};

	(void)state;
	assert_int_equal(take_many(&l, UINT32_MAX, 2), 2);
	assert_int_equal(limit_lend(&l, UINT32_MAX), 2);
	assert_false(limit_pass(&l));
	limit_take_moved(&l);
	assert_int_equal(limit_used(&l), 3);
	assert_int_equal(l.high, 3);
}

static void too_many_back_is_a_bug(void **state)
{
	const struct rlimit no_core = {0};
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct limit l = {0};

		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		limit_give(&l);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

#define THREADS 4
#define ROUNDS  50000

/* Returns how often it saw more than the bound. */
static void *take_and_give(void *arg)
{
	struct limit *l = arg;
	uintptr_t over = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (!limit_take(l, THREADS - 1))
			continue;
		over += limit_used(l) > THREADS - 1;
		limit_give(l);
	}
	return (void *)over;
}

static void threads_never_exceed_it(void **state)
{
	struct limit l = {0};
	pthread_t threads[THREADS];
	void *over;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &l), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &over), 0);
		assert_null(over);
	}
	assert_int_equal(limit_used(&l), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_exactly),
		cmocka_unit_test(follows_the_takers_bound),
		cmocka_unit_test(p39_two_processes_share_it),
		cmocka_unit_test(p39_what_is_not_shared),
		cmocka_unit_test(too_many_back_is_a_bug),
		cmocka_unit_test(threads_never_exceed_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
