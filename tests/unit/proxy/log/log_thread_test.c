/* log_thread: one that ends is joined, one that hangs is given up and frees its own memory. */
#include "proxy/log/log_thread.h"

#include <sched.h>
#include <stdlib.h>

#include "netpoll/netpoll.h"
#include "tests/kit/kit.h"

/* What the thread was started with; it waits until the test lets it go on. */
struct work {
	struct log_thread thread;
	sem_t *go, *freed;
};

static void *work_main(void *arg)
{
	struct work *w = arg;
	sem_t *freed = w->freed;

	while (sem_wait(w->go) != 0)
		;
	if (log_thread_end(&w->thread)) {
		free(w);
		sem_post(freed);
	}
	return NULL;
}

static struct work *start(sem_t *go, sem_t *freed)
{
	struct work *w = malloc(sizeof(*w));

	assert_non_null(w);
	sem_init(go, 0, 0);
	sem_init(freed, 0, 0);
	*w = (struct work){.go = go, .freed = freed};
	assert_int_equal(log_thread_start(&w->thread, "work", work_main, w), 0);
	return w;
}

static void one_that_ends_is_joined(void **state)
{
	sem_t go, freed;
	struct work *w = start(&go, &freed);

	(void)state;
	sem_post(&go);
	log_thread_wait(&w->thread, np_nanotime() + KIT_MS * NP_MS);
	assert_true(log_thread_release(&w->thread));
	free(w); /* ours again; twice would be seen by a sanitizer */
	assert_int_not_equal(sem_trywait(&freed), 0);
}

static void one_that_hangs_is_given_up(void **state)
{
	sem_t go, freed;
	struct work *w = start(&go, &freed);

	(void)state;
	log_thread_wait(&w->thread, np_nanotime() + 10 * NP_MS);
	assert_false(log_thread_release(&w->thread));
	sem_post(&go);
	while (sem_wait(&freed) != 0)
		;
}

/* The deadline is over, and the thread has ended all the same: it is joined. */
static void a_deadline_in_the_past_gives_up_only_what_runs(void **state)
{
	sem_t go, freed;
	struct work *w = start(&go, &freed);

	(void)state;
	sem_post(&go);
	while (__atomic_load_n(&w->thread.state, __ATOMIC_ACQUIRE) == 0)
		sched_yield();
	log_thread_wait(&w->thread, 0);
	assert_true(log_thread_release(&w->thread));
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_ends_is_joined),
		cmocka_unit_test(one_that_hangs_is_given_up),
		cmocka_unit_test(a_deadline_in_the_past_gives_up_only_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
