/* dns_packet: what a reply tells, and replies that tell nothing. */
#include "proxy/resolve/dns_packet.h"

#include <stdio.h>

#include "tests/kit/kit.h"
#include "tests/unit/proxy/resolve/reply_make.h"

static struct reply r;
static struct dns_answer a;

static int end(void **state)
{
	dns_answer_fini(&a);
	return kit_end(state);
}

static enum dns_status read_as(enum dns_packet_type type)
{
	dns_answer_fini(&a);
	a = (struct dns_answer){.ttl = INT32_MAX};
	return dns_packet_read(r.b, r.n, type, &a);
}

static void expect_ip(unsigned i, const char *ip)
{
	char text[64];

	assert_in_range(i, 0, a.n - 1);
	inet_ntop(a.records[i].family, a.records[i].ip, text, sizeof(text));
	assert_string_equal(text, ip);
}

static void addresses_of_the_name_alone(void **state)
{
	(void)state;
	reply_begin(&r, 1, "a.test", REPLY_A);
	reply_addr(&r, "A.tEst", 300, "10.0.0.2");
	reply_addr(&r, "a.test", 200, "10.0.0.1");
	reply_addr(&r, "b.test", 1, "10.0.0.3"); /* nobody asked for it */
	reply_addr(&r, "a.test", 1, "2001:db8::1");
	reply_addr(&r, "a.test", 300, "10.0.0.2"); /* twice */
	assert_int_equal(read_as(DNS_PACKET_A), DNS_OK);
	assert_int_equal(a.n, 2);
	expect_ip(0, "10.0.0.1");
	expect_ip(1, "10.0.0.2");
	assert_int_equal(a.ttl, 200);
	assert_int_equal(read_as(DNS_PACKET_AAAA), DNS_OK);
	assert_int_equal(a.n, 1);
	expect_ip(0, "2001:db8::1");
	assert_int_equal(read_as(DNS_PACKET_SRV), DNS_NO_DATA);
	assert_int_equal(a.ttl, INT32_MAX);
}

/* E57: the least time to live of the whole chain counts, in whatever order the records stand. */
static void e57_aliases_are_followed(void **state)
{
	(void)state;
	reply_begin(&r, 1, "a.test", REPLY_A);
	reply_addr(&r, "c.test", 300, "10.0.0.1");
	reply_cname(&r, "b.test", 5, "c.test");
	reply_cname(&r, "a.test", 100, "b.test");
	assert_int_equal(read_as(DNS_PACKET_A), DNS_OK);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.ttl, 5);
	reply_begin(&r, 1, "a.test", REPLY_A);
	reply_cname(&r, "a.test", 100, "b.test");
	assert_int_equal(read_as(DNS_PACKET_A), DNS_NO_DATA);
	reply_cname(&r, "b.test", 100, "a.test"); /* a circle */
	assert_int_equal(read_as(DNS_PACKET_A), DNS_FAILED);
	assert_string_equal(a.why, "a malformed reply");
}

static void more_than_16_aliases_have_no_end(void **state)
{
	char from[16], to[16];

	(void)state;
	for (int n = 16; n <= 17; n++) {
		reply_begin(&r, 1, "n0", REPLY_A);
		for (int i = 0; i < n; i++) {
			snprintf(from, sizeof(from), "n%d", i);
			snprintf(to, sizeof(to), "n%d", i + 1);
			reply_cname(&r, from, 60, to);
		}
		reply_addr(&r, to, 60, "10.0.0.1");
		assert_int_equal(read_as(DNS_PACKET_A), n == 16 ? DNS_OK : DNS_FAILED);
	}
}

static void a_ttl_with_its_highest_bit_is_0(void **state)
{
	(void)state;
	reply_begin(&r, 1, "a.test", REPLY_A);
	reply_addr(&r, "a.test", 0x80000001, "10.0.0.1");
	assert_int_equal(read_as(DNS_PACKET_A), DNS_OK);
	assert_int_equal(a.ttl, 0);
}

static void e63_services(void **state)
{
	(void)state;
	reply_begin(&r, 1, "_x._tcp.test", REPLY_SRV);
	reply_srv(&r, "_x._tcp.test", 30, (unsigned[]){20, 1, 7002}, "b.test");
	reply_srv(&r, "_x._tcp.test", 40, (unsigned[]){10, 60000, 65535}, "A.Test");
	reply_srv(&r, "_x._tcp.test", 30, (unsigned[]){20, 1, 7001}, "b.test");
	assert_int_equal(read_as(DNS_PACKET_SRV), DNS_OK);
	assert_int_equal(a.n, 3);
	assert_string_equal(a.records[0].target, "a.test");
	assert_int_equal(a.records[0].priority, 10);
	assert_int_equal(a.records[0].weight, 60000);
	assert_int_equal(a.records[0].port, 65535);
	assert_int_equal(a.records[1].port, 7001);
	assert_int_equal(a.records[2].port, 7002);
	assert_int_equal(a.ttl, 30);
	reply_begin(&r, 1, "_x._tcp.test", REPLY_SRV);
	reply_srv(&r, "_x._tcp.test", 30, (unsigned[]){0, 0, 0}, "");
	assert_int_equal(read_as(DNS_PACKET_SRV), DNS_OK);
	assert_string_equal(a.records[0].target, ".");
}

/* E66: lengths that lie, pointers in a circle, and every beginning of a good reply. */
static void e66_hostile_replies(void **state)
{
	static const uint8_t loop[] = {0xc0, 12}; /* where the question's name stands */
	static const uint8_t short_srv[] = {0, 1, 0, 1, 0, 1};

	(void)state;
	reply_begin(&r, 1, "a.test", REPLY_A);
	memcpy(r.b + 12, loop, sizeof(loop)); /* a pointer to itself */
	reply_addr(&r, "a.test", 1, "10.0.0.1");
	assert_int_equal(read_as(DNS_PACKET_A), DNS_FAILED);
	reply_begin(&r, 1, "a.test", REPLY_A);
	reply_record(&r, "a.test", REPLY_A, "\1\2\3\4\5", 5);
	assert_int_equal(read_as(DNS_PACKET_A), DNS_FAILED);
	reply_begin(&r, 1, "a.test", REPLY_SRV);
	reply_record(&r, "a.test", REPLY_SRV, short_srv, sizeof(short_srv));
	reply_srv(&r, "a.test", 60, (unsigned[]){1, 1, 1}, "b.test"); /* what a reader of it would run into */
	assert_int_equal(read_as(DNS_PACKET_SRV), DNS_FAILED);
	reply_begin(&r, 1, "a.test", REPLY_A);
	reply_cname(&r, "a.test", 1, "b.test");
	reply_addr(&r, "b.test", 1, "10.0.0.1");
	assert_int_equal(read_as(DNS_PACKET_A), DNS_OK);
	for (size_t n = r.n - 1; n > 0; n--) {
		r.n = n;
		assert_int_equal(read_as(DNS_PACKET_A), DNS_FAILED);
	}
	r.n = 0;
	assert_int_equal(read_as(DNS_PACKET_A), DNS_FAILED);
}

/* E66: of 2,000 records 256 are taken, the same ones however they are mixed. */
static void e66_no_more_than_256(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		reply_begin(&r, 1, "a.test", REPLY_A);
		for (unsigned i = 0; i < 2000; i++) {
			unsigned v = down ? 1999 - i : i;
			const uint8_t ip[4] = {10, 0, (uint8_t)(v >> 8), (uint8_t)v};

			reply_record(&r, "a.test", REPLY_A, ip, 4);
		}
		assert_int_equal(read_as(DNS_PACKET_A), DNS_OK);
		assert_int_equal(a.n, DNS_MEMBERS);
		assert_true(a.cut);
		expect_ip(0, "10.0.0.0");
		expect_ip(255, "10.0.0.255");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(addresses_of_the_name_alone, end),
		cmocka_unit_test_teardown(e57_aliases_are_followed, end),
		cmocka_unit_test_teardown(more_than_16_aliases_have_no_end, end),
		cmocka_unit_test_teardown(a_ttl_with_its_highest_bit_is_0, end),
		cmocka_unit_test_teardown(e63_services, end),
		cmocka_unit_test_teardown(e66_hostile_replies, end),
		cmocka_unit_test_teardown(e66_no_more_than_256, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
