/* log_bell: who wakes whom, and that exactly one post stands for each wake. */
#include "proxy/log/log_bell.h"

#include <pthread.h>

#include "tests/kit/kit.h"

static struct log_bell bell;

static int fresh(void **state)
{
	(void)state;
	log_bell_init(&bell);
	return 0;
}

static int gone(void **state)
{
	(void)state;
	log_bell_fini(&bell);
	return 0;
}

static int posts(void)
{
	int n;

	sem_getvalue(&bell.wake, &n);
	return n;
}

/* The table of log_bell.h: a sleeper of this depth hears a ring of that loudness. */
static void a_ring_is_heard_if_the_sleep_is_deep_enough(void **state)
{
	(void)state;
	for (enum bell depth = BELL_PAUSE; depth <= BELL_SLEEP; depth++) {
		for (enum bell loud = BELL_PAUSE; loud <= BELL_SLEEP; loud++) {
			log_bell_lie_down(&bell, depth);
			log_bell_ring(&bell, loud);
			assert_int_equal(posts(), depth >= loud);
			assert_int_equal(bell.depth, depth >= loud ? BELL_AWAKE : depth);
			log_bell_get_up(&bell);
			assert_int_equal(posts(), 0);
		}
	}
}

static void nobody_rings_a_writer_that_is_awake(void **state)
{
	(void)state;
	for (enum bell loud = BELL_PAUSE; loud <= BELL_SLEEP; loud++)
		log_bell_ring(&bell, loud);
	assert_int_equal(posts(), 0);
}

static void many_rings_are_one_post(void **state)
{
	(void)state;
	log_bell_lie_down(&bell, BELL_SLEEP);
	for (int i = 0; i < 1000; i++)
		log_bell_ring(&bell, BELL_SLEEP);
	assert_int_equal(posts(), 1);
	log_bell_sleep(&bell, -1); /* returns at once */
	assert_int_equal(posts(), 0);
}

static void time_ends_a_sleep_that_nobody_does(void **state)
{
	int64_t before = kit_now_ms();

	(void)state;
	log_bell_lie_down(&bell, BELL_SLEEP);
	log_bell_sleep(&bell, 20);
	assert_true(kit_now_ms() - before >= 19);
	assert_int_equal(bell.depth, BELL_AWAKE);
	log_bell_ring(&bell, BELL_PAUSE);
	assert_int_equal(posts(), 0);
}

static void *sleeper(void *arg)
{
	log_bell_lie_down(&bell, BELL_SLEEP);
	log_bell_sleep(&bell, arg != NULL ? KIT_MS : -1);
	return NULL;
}

static bool lies(void *arg)
{
	(void)arg;
	return __atomic_load_n(&bell.depth, __ATOMIC_SEQ_CST) == BELL_SLEEP;
}

static void a_ring_ends_the_sleep_of_another_thread(void **state)
{
	int timed = 1;
	void *const kinds[] = {NULL, &timed};

	(void)state;
	for (size_t i = 0; i < array_len(kinds); i++) {
		int64_t before = kit_now_ms();
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, sleeper, kinds[i]), 0);
		assert_true(kit_wait(lies, NULL, KIT_MS));
		log_bell_ring(&bell, BELL_SLEEP);
		pthread_join(thread, NULL);
		assert_true(kit_now_ms() - before < KIT_MS);
		assert_int_equal(posts(), 0);
	}
}

#define ROUNDS 100000

static uint64_t work; /* atomic */

static void *ringer(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		__atomic_fetch_add(&work, 1, __ATOMIC_SEQ_CST);
		log_bell_ring(&bell, BELL_SLEEP);
	}
	return NULL;
}

/* The writer's protocol against two ringers that never wait: a lost wake is a test that never ends, and a wake too
 * many is a post that nobody took. */
static void no_wake_is_lost(void **state)
{
	pthread_t threads[2];
	uint64_t done = 0;

	(void)state;
	work = 0;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ringer, NULL), 0);
	while (done < 2 * ROUNDS) {
		log_bell_lie_down(&bell, BELL_SLEEP);
		if (__atomic_load_n(&work, __ATOMIC_SEQ_CST) != done)
			log_bell_get_up(&bell);
		else
			log_bell_sleep(&bell, -1);
		done = __atomic_load_n(&work, __ATOMIC_SEQ_CST);
	}
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(posts(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_ring_is_heard_if_the_sleep_is_deep_enough, fresh, gone),
		cmocka_unit_test_setup_teardown(nobody_rings_a_writer_that_is_awake, fresh, gone),
		cmocka_unit_test_setup_teardown(many_rings_are_one_post, fresh, gone),
		cmocka_unit_test_setup_teardown(time_ends_a_sleep_that_nobody_does, fresh, gone),
		cmocka_unit_test_setup_teardown(a_ring_ends_the_sleep_of_another_thread, fresh, gone),
		cmocka_unit_test_setup_teardown(no_wake_is_lost, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
