/* inbox: no message of many posters is lost, and no post slips past a reader that goes to sleep. */
#include "netpoll/inbox.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define POSTERS 4
#define EACH    20000

struct note {
	struct np_msg m;
	int poster, number;
};

static void empty_and_first(void **state)
{
	struct np_msg a, b;
	struct inbox box;

	(void)state;
	inbox_init(&box);
	assert_true(inbox_empty(&box));
	assert_null(inbox_take(&box));
	assert_true(inbox_post(&box, &a)); /* it was empty: wake */
	assert_false(inbox_empty(&box));
	assert_false(inbox_post(&box, &b)); /* it was not: somebody has woken */
	assert_ptr_equal(inbox_take(&box), &a);
	assert_ptr_equal(a.next, &b);
	assert_null(b.next);
	assert_true(inbox_empty(&box));
	assert_null(inbox_take(&box));
	assert_true(inbox_post(&box, &b)); /* emptied: the next one wakes again, and messages may be used again */
	assert_ptr_equal(inbox_take(&box), &b);
	assert_null(b.next);
}

/* ---- four posters, one reader ---- */

static struct note notes[POSTERS][EACH];
static struct inbox door;
static sem_t wake;
static pthread_barrier_t start;

/* Wakes only when told to, so a lost "it was empty" leaves the reader waiting until the
 * deadline. */
static void *post_all(void *arg)
{
	struct note *mine = arg;

	pthread_barrier_wait(&start);
	for (int i = 0; i < EACH; i++) {
		mine[i].number = i; /* plain: the post must carry it over */
		if (inbox_post(&door, &mine[i].m))
			sem_post(&wake);
	}
	return NULL;
}

/* Returns how many were read in order before the deadline passed. */
static int read_all(void)
{
	int next[POSTERS] = {0}, count = 0;
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 60;
	while (count < POSTERS * EACH) {
		if (sem_timedwait(&wake, &deadline) != 0 && errno != EINTR)
			return count;
		for (struct np_msg *m = inbox_take(&door); m != NULL; m = m->next) {
			struct note *n = container_of(m, struct note, m);

			if (n->number != next[n->poster]++)
				return -count;
			count++;
		}
	}
	return count;
}

static void many_posters_one_reader(void **state)
{
	pthread_t posters[POSTERS];
	int count;

	(void)state;
	inbox_init(&door);
	sem_init(&wake, 0, 0);
	pthread_barrier_init(&start, NULL, POSTERS + 1);
	for (int p = 0; p < POSTERS; p++) {
		for (int i = 0; i < EACH; i++)
			notes[p][i] = (struct note){.poster = p, .number = -1};
		assert_int_equal(pthread_create(&posters[p], NULL, post_all, notes[p]), 0);
	}
	pthread_barrier_wait(&start);
	count = read_all();
	for (int p = 0; p < POSTERS; p++)
		pthread_join(posters[p], NULL);
	assert_int_equal(count, POSTERS * EACH);
	assert_true(inbox_empty(&door));
	pthread_barrier_destroy(&start);
	sem_destroy(&wake);
}

/* ---- the handshake before sleep that inbox_empty promises ---- */

#define ROUNDS 20000

static _Atomic bool asleep;
static _Atomic int seen_asleep;
static struct np_msg ball;

/* Posts once per round, then says whether it saw the reader asleep. */
static void *post_and_look(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		bool first;

		pthread_barrier_wait(&start);
		first = inbox_post(&door, &ball);
		seen_asleep = first && asleep;
		pthread_barrier_wait(&start);
	}
	return NULL;
}

/* Either the reader finds the message or the poster finds the reader asleep; both missing it is
 * a lost wake-up. */
static void no_post_slips_past_a_sleeper(void **state)
{
	pthread_t poster;
	int lost = 0;

	(void)state;
	inbox_init(&door);
	pthread_barrier_init(&start, NULL, 2);
	assert_int_equal(pthread_create(&poster, NULL, post_and_look, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		bool empty;

		asleep = false;
		pthread_barrier_wait(&start);
		asleep = true;
		empty = inbox_empty(&door);
		pthread_barrier_wait(&start);
		lost += empty && !seen_asleep;
		if (inbox_take(&door) != &ball)
			lost++;
	}
	pthread_join(poster, NULL);
	pthread_barrier_destroy(&start);
	assert_int_equal(lost, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_and_first),
		cmocka_unit_test(many_posters_one_reader),
		cmocka_unit_test(no_post_slips_past_a_sleeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
