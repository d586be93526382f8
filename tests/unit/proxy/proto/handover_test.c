/* handover: what is written is read, and what is damaged is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"
#include "proxy/proto/handover.h"

static uint8_t packet[HANDOVER_PACKET_MOST];

/* A body with a field of each kind, behind room for a head.   Returns  its length. */
static uint32_t make_body(void)
{
	struct handover_writer w;
	uint32_t group, at;

	handover_write(&w, packet + HANDOVER_HEAD, HANDOVER_BODY_MOST);
	handover_put_text(&w, HANDOVER_TAG_VERSION, "1.2.3");
	handover_put_text(&w, HANDOVER_TAG_TEXT, NULL);
	group = handover_group(&w, HANDOVER_TAG_CONN);
	handover_put_number(&w, HANDOVER_TAG_INDEX, UINT64_C(0x1122334455667788));
	at = w.n;
	handover_put(&w, HANDOVER_TAG_DIR_REST, "bytes", 5);
	handover_must(&w, at);
	handover_group_end(&w, group);
	handover_put(&w, HANDOVER_TAG_CONN_DETAIL, "", 0);
	assert_false(w.cut);
	return w.n;
}

static void what_is_written_is_read(void **state)
{
	uint32_t n = make_body();
	struct handover_reader r, in;
	struct handover_field f;
	char text[8];

	(void)state;
	handover_read(&r, packet + HANDOVER_HEAD, n);
	assert_true(handover_next(&r, &f));
	assert_int_equal(f.tag, HANDOVER_TAG_VERSION);
	assert_true(handover_text(&r, &f, text, sizeof(text)));
	assert_string_equal(text, "1.2.3");
	assert_true(handover_next(&r, &f)); /* the NULL text is no field */
	assert_int_equal(f.tag, HANDOVER_TAG_CONN);
	handover_read_group(&in, &f);
	assert_true(handover_next(&in, &f));
	assert_false(f.must);
	assert_true(handover_number(&in, &f) == UINT64_C(0x1122334455667788));
	assert_true(handover_next(&in, &f));
	assert_int_equal(f.tag, HANDOVER_TAG_DIR_REST);
	assert_true(f.must);
	assert_int_equal(f.n, 5);
	assert_memory_equal(f.p, "bytes", 5);
	assert_false(handover_next(&in, &f));
	assert_false(in.bad);
	assert_true(handover_next(&r, &f));
	assert_int_equal(f.n, 0);
	assert_false(handover_next(&r, &f));
	assert_false(r.bad);
}

/* Each byte of a packet that is changed, and each length at which it is cut off, is seen. */
static void a_damaged_packet_is_refused(void **state)
{
	uint32_t n = make_body() + HANDOVER_HEAD;
	struct handover_packet p;
	uint8_t *copy = malloc(n);

	(void)state;
	handover_packet_head(packet, HANDOVER_CONNS, true, n - HANDOVER_HEAD);
	assert_int_equal(handover_packet_read(packet, n, &p), 0);
	assert_int_equal(p.kind, HANDOVER_CONNS);
	assert_int_equal(p.major, HANDOVER_MAJOR);
	assert_true(p.more);
	assert_int_equal(p.n, n - HANDOVER_HEAD);
	assert_non_null(copy);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(copy, packet, n);
		copy[i] ^= 0x40;
		assert_int_equal(handover_packet_read(copy, n, &p), -NP_EPROTO);
		assert_int_equal(handover_packet_read(packet, i, &p), -NP_EPROTO);
	}
	free(copy);
}

/* Fields that go beyond their body, and values of another shape than is asked for. */
static void a_field_that_is_none_is_refused(void **state)
{
	uint32_t n = make_body();
	struct handover_reader r;
	struct handover_field f;
	char text[5];
	uint64_t number;

	(void)state;
	for (uint32_t cut = 1; cut < n; cut++) {
		unsigned fields = 0;

		handover_read(&r, packet + HANDOVER_HEAD, n - cut);
		while (handover_next(&r, &f))
			fields++;
		assert_true(r.bad || fields == 2 || fields == 1); /* the cut fell between two fields */
	}
	handover_read(&r, packet + HANDOVER_HEAD, n);
	assert_true(handover_next(&r, &f));
	assert_false(handover_text(&r, &f, text, sizeof(text))); /* no room for its NUL */
	assert_true(r.bad);
	handover_read(&r, packet + HANDOVER_HEAD, n);
	assert_true(handover_next(&r, &f));
	number = handover_number(&r, &f);
	assert_int_equal(number, 0);
	assert_true(r.bad);
	assert_false(handover_next(&r, &f)); /* nothing is read behind something bad */
}

static void a_text_with_a_nul_is_none(void **state)
{
	struct handover_writer w;
	struct handover_reader r;
	struct handover_field f;
	char text[8];

	(void)state;
	handover_write(&w, packet, sizeof(packet));
	handover_put(&w, HANDOVER_TAG_TEXT, "a\0b", 3);
	handover_read(&r, packet, w.n);
	assert_true(handover_next(&r, &f));
	assert_false(handover_text(&r, &f, text, sizeof(text)));
}

/* In every room there is: never a byte beyond it, and `cut` says when something is missing. */
static void a_writer_keeps_to_its_room(void **state)
{
	(void)state;
	for (size_t room = 0; room < 64; room++) {
		uint8_t *p = malloc(room + 1);
		struct handover_writer w;
		uint32_t group;

		assert_non_null(p);
		p[room] = 0xa5;
		handover_write(&w, p, room);
		group = handover_group(&w, HANDOVER_TAG_CONN);
		handover_put_number(&w, HANDOVER_TAG_INDEX, 1);
		handover_put_text(&w, HANDOVER_TAG_CONN_SNI, "example.test");
		handover_group_end(&w, group);
		assert_int_equal(p[room], 0xa5);
		assert_int_equal(w.cut, room < 8 + 16 + 20);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		{"P22 a_damaged_packet_is_refused", a_damaged_packet_is_refused, NULL, NULL, NULL},
		cmocka_unit_test(a_field_that_is_none_is_refused),
		cmocka_unit_test(a_text_with_a_nul_is_none),
		cmocka_unit_test(a_writer_keeps_to_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
