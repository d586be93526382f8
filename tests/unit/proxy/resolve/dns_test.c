/* dns: records have an order, each is there once, and there are never more than DNS_MEMBERS. */
#include "proxy/resolve/dns.h"

#include <stdio.h>
#include <string.h>

#include "tests/kit/kit.h"

static struct dns_record v4(unsigned n)
{
	return (struct dns_record){.family = AF_INET, .ip = {10, 0, (uint8_t)(n >> 8), (uint8_t)n}};
}

static void in_order_and_once(void **state)
{
	struct dns_answer a = {.n = 0};
	struct dns_record v6 = {.family = AF_INET6, .ip = {0x20, 1}}, same = v4(7);

	(void)state;
	same.weight = 9;
	assert_int_equal(dns_answer_add(&a, &v6), 0);
	for (unsigned i = 0; i < 300; i++) {
		struct dns_record r = v4((i * 7) % 100);

		assert_int_equal(dns_answer_add(&a, &r), 0);
	}
	assert_int_equal(dns_answer_add(&a, &same), 0);
	assert_int_equal(a.n, 101);
	assert_false(a.cut);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(a.records[i].ip[3], i);
	assert_int_equal(a.records[100].family, AF_INET6);
	dns_answer_fini(&a);
	assert_int_equal(a.n, 0);
}

static void the_last_ones_go(void **state)
{
	struct dns_answer a = {.n = 0};

	(void)state;
	for (unsigned i = 600; i-- > 0;) {
		struct dns_record r = v4(i);

		assert_int_equal(dns_answer_add(&a, &r), 0);
	}
	assert_int_equal(a.n, DNS_MEMBERS);
	assert_true(a.cut);
	for (unsigned i = 0; i < DNS_MEMBERS; i++)
		assert_int_equal(a.records[i].ip[2] << 8 | a.records[i].ip[3], i);
	dns_answer_fini(&a);
}

static void services_by_priority_target_port(void **state)
{
	static const struct dns_record order[] = {
		{.priority = 1, .target = "b", .port = 9}, {.priority = 2, .target = "a", .port = 1},
		{.priority = 2, .target = "a", .port = 2}, {.priority = 2, .target = "b", .port = 1},
	};
	struct dns_record other = order[0];

	(void)state;
	for (size_t i = 0; i < array_len(order); i++)
		for (size_t j = 0; j < array_len(order); j++) {
			int c = dns_record_compare(&order[i], &order[j]);

			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
		}
	other.weight = 7;
	assert_int_equal(dns_record_compare(&other, &order[0]), 0);
}

static void a_record_becomes_an_address(void **state)
{
	struct dns_record four = v4(1), six = {.family = AF_INET6, .ip = {0x20, 1, [15] = 1}};
	struct np_addr addr;
	char text[NP_ADDR_TEXT];

	(void)state;
	dns_record_addr(&four, 80, &addr);
	np_addr_format(&addr.u.sa, addr.len, text, sizeof(text));
	assert_string_equal(text, "10.0.0.1:80");
	dns_record_addr(&six, 443, &addr);
	np_addr_format(&addr.u.sa, addr.len, text, sizeof(text));
	assert_string_equal(text, "[2001::1]:443");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_and_once),
		cmocka_unit_test(the_last_ones_go),
		cmocka_unit_test(services_by_priority_target_port),
		cmocka_unit_test(a_record_becomes_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
