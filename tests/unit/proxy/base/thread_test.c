/* thread_test: a thread has its name, no signal reaches it, and the caller's mask is what it was. */
#include "proxy/base/thread.h"

#include <semaphore.h>
#include <signal.h>
#include <string.h>

#include "tests/kit/kit.h"

/* What the thread finds; read when it has ended, or has posted. */
struct found {
	sigset_t blocked;
	char name[THREAD_NAME_MAX];
	sem_t named, ran;
};

static void *look_around(void *arg)
{
	struct found *f = arg;

	pthread_sigmask(SIG_SETMASK, NULL, &f->blocked);
	while (sem_wait(&f->named) != 0)
		;
	pthread_getname_np(pthread_self(), f->name, sizeof(f->name));
	sem_post(&f->ran);
	return NULL;
}

static void expect_all_blocked(const struct found *f)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGUSR1, SIGPIPE, SIGALRM, SIGCHLD, SIGXFSZ};

	for (size_t i = 0; i < array_len(signals); i++)
		if (sigismember(&f->blocked, signals[i]) != 1)
			fail_msg("SIG%s reaches the thread", sigabbrev_np(signals[i]));
}

static void no_signal_reaches_it(void **state)
{
	struct found f = {.name = ""};
	sigset_t before, after;
	pthread_t thread;

	(void)state;
	sem_init(&f.named, 0, 0);
	sem_init(&f.ran, 0, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(thread_start(&thread, "a name of 15 by", look_around, &f), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	sem_post(&f.named);
	pthread_join(thread, NULL);
	expect_all_blocked(&f);
	assert_string_equal(f.name, "a name of 15 by");
	for (int sig = 1; sig < SIGRTMIN; sig++)
		assert_int_equal(sigismember(&after, sig), sigismember(&before, sig));
	sem_destroy(&f.named);
	sem_destroy(&f.ran);
}

static void a_detached_one_runs(void **state)
{
	static struct found f; /* static: the thread's end is not waited for */

	(void)state;
	sem_init(&f.named, 0, 1);
	sem_init(&f.ran, 0, 0);
	assert_int_equal(thread_start(NULL, "detached", look_around, &f), 0);
	while (sem_wait(&f.ran) != 0)
		;
	expect_all_blocked(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_signal_reaches_it),
		cmocka_unit_test(a_detached_one_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
