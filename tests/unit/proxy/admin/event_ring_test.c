/* O18: the last 1,024 events, their numbers, and what a reader is told of those that he missed. */
#include "proxy/admin/event_ring.h"

#include <stdlib.h>

#include "tests/kit/kit.h"

#define FIRST UINT64_C(1700000000000000) /* of a process that began then */

static struct event_ring *ring;
static struct event_reader reader;

static int ring_begin(void **state)
{
	(void)state;
	ring = malloc(sizeof(*ring));
	event_ring_init(ring, FIRST * NP_US, 5);
	return 0;
}

static int ring_end(void **state)
{
	(void)state;
	event_ring_fini(ring);
	free(ring);
	return 0;
}

/* So many events come; `lost` is what event_lost says. */
static void come(unsigned n, uint64_t lost)
{
	for (unsigned i = 0; i < n; i++)
		event_ring_add(ring, calloc(1, sizeof(struct event)), lost);
}

static void read_since(uint64_t since)
{
	event_reader_init(&reader, ring, &since);
}

/* The reader gets the event of this number after missing so many. */
static void expect_next(uint64_t seq, uint64_t lost)
{
	uint64_t missed = 0;
	const struct event *e = event_reader_next(&reader, ring, &missed);

	assert_non_null(e);
	assert_int_equal(e->seq, seq);
	assert_int_equal(missed, lost);
}

static void expect_none(uint64_t lost)
{
	uint64_t missed = 0;

	assert_null(event_reader_next(&reader, ring, &missed));
	assert_int_equal(missed, lost);
	assert_false(event_reader_lags(&reader, ring));
}

/* So a number says of which process it is. */
static void o18_numbers_begin_with_the_start(void **state)
{
	(void)state;
	event_reader_init(&reader, ring, NULL);
	expect_none(0);
	come(2, 5);
	assert_true(event_reader_lags(&reader, ring));
	expect_next(FIRST, 0);
	expect_next(FIRST + 1, 0);
	expect_none(0);
	read_since(FIRST);
	assert_false(reader.restarted);
	expect_next(FIRST + 1, 0);
	read_since(FIRST - 1); /* the last one, while there was none */
	assert_false(reader.restarted);
	expect_next(FIRST, 0);
}

/* A reader that was overtaken goes on with what is left, and knows how much it missed. */
static void o18_the_oldest_are_overwritten(void **state)
{
	(void)state;
	come(1, 5);
	event_reader_init(&reader, ring, NULL);
	expect_next(FIRST, 0);
	come(EVENTS_KEPT, 5); /* a slow reader: all that he has not read is there still */
	expect_next(FIRST + 1, 0);
	come(EVENTS_KEPT + 10, 5);
	expect_next(FIRST + EVENTS_KEPT + 11, EVENTS_KEPT + 9);
	for (unsigned i = 1; i < EVENTS_KEPT; i++)
		expect_next(FIRST + EVENTS_KEPT + 11 + i, 0);
	expect_none(0);
	read_since(FIRST + 3); /* too old */
	assert_false(reader.restarted);
	expect_next(FIRST + EVENTS_KEPT + 11, EVENTS_KEPT + 7);
	event_reader_init(&reader, ring, NULL); /* who asks for no number misses none */
	expect_next(FIRST + EVENTS_KEPT + 11, 0);
}

/* Also an event for which there was no memory has its number. */
static void o18_what_was_not_posted_is_a_gap(void **state)
{
	(void)state;
	come(1, 5);
	come(1, 8); /* three were lost between */
	event_reader_init(&reader, ring, NULL);
	expect_next(FIRST, 0);
	expect_next(FIRST + 4, 3);
	expect_none(0);
	event_ring_note_lost(ring, 10); /* and two after */
	assert_true(event_reader_lags(&reader, ring));
	expect_none(2);
	come(1, 10);
	expect_next(FIRST + 7, 0);
	read_since(FIRST + 2); /* of one that nobody ever saw */
	expect_next(FIRST + 4, 1);
}

/* A number that this process never gave is another process's. */
static void o18_a_restart_is_a_gap(void **state)
{
	static const uint64_t foreign[] = {0, 1, FIRST - 2, FIRST + 3, FIRST + 1000000};

	(void)state;
	come(3, 5);
	for (size_t i = 0; i < array_len(foreign); i++) {
		read_since(foreign[i]);
		assert_true(reader.restarted);
		expect_next(FIRST, 0);
	}
	read_since(FIRST + 2);
	assert_false(reader.restarted);
	expect_none(0);
	come(EVENTS_KEPT, 5); /* of this process three are gone, too */
	read_since(7);
	assert_true(reader.restarted);
	expect_next(FIRST + 3, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(o18_numbers_begin_with_the_start, ring_begin, ring_end),
		cmocka_unit_test_setup_teardown(o18_the_oldest_are_overwritten, ring_begin, ring_end),
		cmocka_unit_test_setup_teardown(o18_what_was_not_posted_is_a_gap, ring_begin, ring_end),
		cmocka_unit_test_setup_teardown(o18_a_restart_is_a_gap, ring_begin, ring_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
