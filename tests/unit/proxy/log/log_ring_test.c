/* log_ring: records come out as they went in, in order, wherever in the ring they lie. */
#include "proxy/log/log_ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

static struct log_bell bell;
static struct log_ring ring;

static void start(size_t size)
{
	log_bell_init(&bell);
	assert_int_equal(log_ring_init(&ring, size, &bell), 0);
}

static int stop(void **state)
{
	(void)state;
	log_ring_fini(&ring);
	log_bell_fini(&bell);
	return 0;
}

/* Record number seq is n bytes that depend on seq and on their place. */
static unsigned char byte_of(uint64_t seq, size_t i)
{
	return (unsigned char)(seq * 31 + i * 7 + 1);
}

static bool put(uint64_t seq, size_t n)
{
	unsigned char *p = log_ring_reserve(&ring, n);

	if (p == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		p[i] = byte_of(seq, i);
	log_ring_commit(&ring);
	return true;
}

static bool is_record(const unsigned char *p, uint64_t seq, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_of(seq, i))
			return false;
	return true;
}

static void expect_record(uint64_t seq, size_t n)
{
	size_t got = 0;
	const void *p = log_ring_peek(&ring, &got);

	assert_non_null(p);
	assert_int_equal(got, n);
	assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
	assert_true(is_record(p, seq, n));
	log_ring_release(&ring);
}

static void expect_empty(void)
{
	size_t n;

	assert_null(log_ring_peek(&ring, &n));
}

static void an_empty_ring_gives_nothing(void **state)
{
	(void)state;
	start(64);
	log_ring_look(&ring);
	expect_empty();
	assert_false(log_ring_pending(&ring));
	assert_false(log_ring_crowded(&ring));
}

static void a_record_of_no_bytes_is_a_record(void **state)
{
	(void)state;
	start(64);
	assert_true(put(1, 0));
	log_ring_look(&ring);
	expect_record(1, 0);
	expect_empty();
}

/* Every size at every offset of a small ring, one at a time and by threes. */
static void records_survive_the_end_of_the_ring_at_every_offset(void **state)
{
	uint64_t seq = 0;

	(void)state;
	start(512);
	for (size_t n = 0; n <= 512 / 2 - 16; n++) {
		for (size_t shift = 0; shift < 512; shift += 16) {
			assert_true(put(++seq, n));
			log_ring_look(&ring);
			expect_record(seq, n);
			assert_true(put(++seq, 0)); /* moves the next one by a slot */
			log_ring_look(&ring);
			expect_record(seq, 0);
			expect_empty();
		}
	}
	for (size_t n = 0; n < 100; n++) {
		for (size_t i = 0; i < 3; i++)
			assert_true(put(seq + i, n + i));
		log_ring_look(&ring);
		for (size_t i = 0; i < 3; i++)
			expect_record(seq + i, n + i);
		seq += 3;
	}
	assert_int_equal(log_ring_dropped(&ring), 0);
}

static void a_full_ring_drops_and_counts_and_recovers(void **state)
{
	uint64_t in = 0, out = 0;

	(void)state;
	start(256);
	while (put(in, 16))
		in++;
	assert_int_equal(in, 256 / 32);
	assert_int_equal(log_ring_dropped(&ring), 1);
	assert_false(put(99, 16));
	assert_int_equal(log_ring_dropped(&ring), 2);
	log_ring_look(&ring);
	expect_record(out++, 16);
	assert_true(put(in++, 16));
	assert_false(put(99, 16));
	log_ring_look(&ring);
	while (out < in)
		expect_record(out++, 16);
	expect_empty();
	assert_int_equal(log_ring_dropped(&ring), 3);
}

/* A record that must skip the end needs that room too; when there is none, the ring is as before. */
static void a_drop_at_the_end_of_the_ring_leaves_no_trace(void **state)
{
	(void)state;
	start(256);
	assert_true(put(1, 112)); /* 0..128 */
	assert_true(put(2, 80));  /* 128..224 */
	assert_false(put(3, 48)); /* 64 bytes: not in 224..256, and the base is taken */
	assert_true(put(4, 16));  /* 224..256 */
	log_ring_look(&ring);
	expect_record(1, 112);
	expect_record(2, 80);
	expect_record(4, 16);
	expect_empty();
}

static void a_reserve_without_a_commit_never_was(void **state)
{
	(void)state;
	start(256);
	assert_non_null(log_ring_reserve(&ring, 100));
	assert_true(put(1, 20));
	log_ring_look(&ring);
	expect_record(1, 20);
	expect_empty();
}

static void a_turn_ends_with_what_was_noticed(void **state)
{
	(void)state;
	start(256);
	assert_true(put(1, 8));
	log_ring_look(&ring);
	assert_true(put(2, 8));
	expect_record(1, 8);
	expect_empty();
	assert_true(log_ring_pending(&ring));
	log_ring_look(&ring);
	expect_record(2, 8);
}

static void a_sleeping_writer_is_woken_by_one_record_a_dozing_one_by_many(void **state)
{
	(void)state;
	start(256);
	log_bell_lie_down(&bell, BELL_DOZE);
	for (int i = 0; i < 4; i++)
		assert_true(put(0, 16));
	assert_false(log_ring_crowded(&ring));
	assert_int_equal(bell.depth, BELL_DOZE); /* half full is not yet crowded */
	assert_true(put(0, 16));
	assert_true(log_ring_crowded(&ring));
	assert_int_equal(bell.depth, BELL_AWAKE);
	log_bell_get_up(&bell);
	log_ring_look(&ring);
	while (log_ring_pending(&ring)) {
		size_t n;

		assert_non_null(log_ring_peek(&ring, &n));
		log_ring_release(&ring);
	}
	log_bell_lie_down(&bell, BELL_DOZE); /* the producer's idea of the tail is old now */
	assert_true(put(0, 16));
	assert_int_equal(bell.depth, BELL_DOZE);
	log_bell_get_up(&bell);
	log_bell_lie_down(&bell, BELL_SLEEP);
	assert_true(put(0, 16));
	assert_int_equal(bell.depth, BELL_AWAKE);
	log_bell_get_up(&bell);
}

#define RECORDS 200000

static size_t size_of(uint64_t seq)
{
	return seq * 2654435761u % 120;
}

static void *producer(void *arg)
{
	(void)arg;
	for (uint64_t seq = 0; seq < RECORDS;) {
		if (put(seq, size_of(seq)))
			seq++;
		else
			sched_yield();
	}
	return NULL;
}

static void two_threads_agree_on_every_record(void **state)
{
	pthread_t thread;
	uint64_t seq = 0, wrong = 0;
	const void *p;
	size_t n;

	(void)state;
	start(1024);
	assert_int_equal(pthread_create(&thread, NULL, producer, NULL), 0);
	while (seq < RECORDS) {
		log_ring_look(&ring);
		for (; (p = log_ring_peek(&ring, &n)) != NULL; seq++) {
			wrong += n != size_of(seq) || !is_record(p, seq, n);
			log_ring_release(&ring);
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
	assert_false(log_ring_pending(&ring));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_empty_ring_gives_nothing, stop),
		cmocka_unit_test_teardown(a_record_of_no_bytes_is_a_record, stop),
		cmocka_unit_test_teardown(records_survive_the_end_of_the_ring_at_every_offset, stop),
		cmocka_unit_test_teardown(a_full_ring_drops_and_counts_and_recovers, stop),
		cmocka_unit_test_teardown(a_drop_at_the_end_of_the_ring_leaves_no_trace, stop),
		cmocka_unit_test_teardown(a_reserve_without_a_commit_never_was, stop),
		cmocka_unit_test_teardown(a_turn_ends_with_what_was_noticed, stop),
		cmocka_unit_test_teardown(
			a_sleeping_writer_is_woken_by_one_record_a_dozing_one_by_many, stop),
		cmocka_unit_test_teardown(two_threads_agree_on_every_record, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
