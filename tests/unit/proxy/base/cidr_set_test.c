/* cidr: a set says of every address what asking each of its networks in turn says. */
#include "proxy/base/cidr_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "netpoll/addr.h"

#define MANY 10000

static struct cidr net(const char *text)
{
	struct cidr c;
	const char *why = "";

	if (cidr_parse(&c, text, &why) < 0)
		fail_msg("\"%s\": %s", text, why);
	return c;
}

/* "10.0.0.1:80", "[::1]:80", "unix:/x" */
static bool has(const struct cidr_set *s, const char *client)
{
	struct np_addr a;

	assert_int_equal(np_addr_parse(&a, client, NULL), 0);
	return cidr_set_has(s, &a.u.sa, a.len);
}

/* Each row: a set, who is out, who is in. Edges first. */
static const struct {
	const char *name, *nets[6], *out[8], *in[8];
} rows[] = {
	{"nothing holds nobody", {NULL}, {"10.0.0.1:1", "[::]:1", "[::1]:1", "0.0.0.0:0", "unix:/x"}, {NULL}},
	{"one address", {"192.0.2.1"}, {"192.0.2.0:1", "192.0.2.2:1", "[::c000:201]:1"},
	 {"192.0.2.1:1", "192.0.2.1:0", "[::ffff:192.0.2.1]:1"}},
	{"edges of a network", {"192.0.2.128/25"}, {"192.0.2.127:1", "192.0.3.0:1", "192.0.1.255:1"},
	 {"192.0.2.128:1", "192.0.2.255:1"}},
	{"all of IPv4", {"0.0.0.0/0"}, {"[::1]:1", "[::]:1", "[ffff::]:1", "unix:/x"},
	 {"0.0.0.0:1", "255.255.255.255:1", "[::ffff:1.2.3.4]:1"}},
	{"all of IPv6 is not IPv4", {"::/0"}, {"1.2.3.4:1", "[::ffff:1.2.3.4]:1", "0.0.0.0:1", "unix:/x"},
	 {"[::]:1", "[::1]:1", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1"}},
	{"a wide one hides no narrow one of the other family", {"::/0", "10.0.0.0/8"}, {"11.0.0.1:1"},
	 {"10.0.0.1:1", "[::1]:1"}},
	{"IPv6 edges", {"2001:db8::/33"}, {"[2001:db8:8000::]:1", "[2001:db7:ffff::]:1"},
	 {"[2001:db8::]:1", "[2001:db8:7fff:ffff:ffff:ffff:ffff:ffff]:1"}},
	{"one inside another", {"10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", "10.1.2.0/24"},
	 {"9.255.255.255:1", "11.0.0.0:1"},
	 {"10.0.0.0:1", "10.1.2.3:1", "10.1.2.4:1", "10.2.0.0:1", "10.255.255.255:1"}},
	{"repeated", {"10.0.0.0/8", "10.0.0.0/8", "::1", "::1"}, {"[::2]:1", "[::]:1"}, {"10.0.0.0:1", "[::1]:1"}},
	{"neighbours", {"10.0.1.0/24", "10.0.0.0/24"}, {"10.0.2.0:1"}, {"10.0.0.255:1", "10.0.1.0:1"}},
	{"written as mapped", {"::ffff:10.0.0.0/104"}, {"[::a00:1]:1"}, {"10.0.0.1:1"}},
	{"a Unix socket", {"unix"}, {"0.0.0.0:1", "[::]:1"}, {"unix:/x", "unix:@x"}},
	{"a zone does not matter", {"fe80::/10"}, {"[fec0::1%1]:1"}, {"[fe80::1%1]:1", "[febf::1]:1"}},
};

static void who_is_in_and_who_is_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct cidr nets[array_len(rows[0].nets)];
		struct cidr_set s;
		size_t n = 0;

		for (; n < array_len(nets) && rows[i].nets[n] != NULL; n++)
			nets[n] = net(rows[i].nets[n]);
		assert_int_equal(cidr_set_init(&s, nets, n), 0);
		for (size_t j = 0; j < array_len(rows[0].out) && rows[i].out[j] != NULL; j++)
			if (has(&s, rows[i].out[j]))
				fail_msg("%s: %s is in", rows[i].name, rows[i].out[j]);
		for (size_t j = 0; j < array_len(rows[0].in) && rows[i].in[j] != NULL; j++)
			if (!has(&s, rows[i].in[j]))
				fail_msg("%s: %s is not in", rows[i].name, rows[i].in[j]);
		cidr_set_fini(&s);
	}
}

static void an_address_cut_short_is_in_none(void **state)
{
	struct cidr all[] = {net("0.0.0.0/0"), net("::/0"), net("unix")};
	struct cidr_set s;
	struct np_addr a;

	(void)state;
	assert_int_equal(cidr_set_init(&s, all, array_len(all)), 0);
	assert_int_equal(np_addr_parse(&a, "10.0.0.1:1", NULL), 0);
	assert_false(cidr_set_has(&s, &a.u.sa, 0));
	assert_false(cidr_set_has(&s, &a.u.sa, a.len - 1));
	assert_int_equal(np_addr_parse(&a, "[::1]:1", NULL), 0);
	assert_false(cidr_set_has(&s, &a.u.sa, a.len - 1));
	a.u.sa.sa_family = AF_UNSPEC;
	assert_false(cidr_set_has(&s, &a.u.sa, a.len));
	a.u.sa.sa_family = AF_UNIX; /* a peer that never bound has nothing but its family */
	assert_true(cidr_set_has(&s, &a.u.sa, sizeof(sa_family_t)));
	assert_false(cidr_set_has(&s, &a.u.sa, sizeof(sa_family_t) - 1));
	cidr_set_fini(&s);
}

static void the_zero_set_is_empty(void **state)
{
	struct cidr_set s = {0};

	(void)state;
	assert_false(has(&s, "10.0.0.1:1"));
	assert_false(has(&s, "[::1]:1"));
	cidr_set_fini(&s);
}

/* The plain way: each network, bit by bit. */
static bool in_one(const struct cidr *nets, size_t n, const uint8_t *addr)
{
	for (size_t i = 0; i < n; i++) {
		unsigned bit = 0;

		while (bit < nets[i].bits && ((nets[i].addr[bit / 8] ^ addr[bit / 8]) >> (7 - bit % 8) & 1) == 0)
			bit++;
		if (bit == nets[i].bits)
			return true;
	}
	return false;
}

/* Ten thousand networks of every length in a small part of the address space, so that many touch, hold and repeat each
 * other; half IPv4, half IPv6. */
static void ten_thousand_networks(void **state)
{
	static struct cidr nets[MANY];
	struct cidr_set s;
	size_t in = 0;

	(void)state;
	srandom(4);
	for (size_t i = 0; i < MANY; i++) {
		long r = random();
		char text[CIDR_TEXT];

		snprintf(text, sizeof(text), i % 2 ? "10.%ld.%ld.%ld/%ld" : "2001:db8:%lx:%lx::%lx/%ld", r & 63,
		         r >> 8 & 255, r >> 16 & 255, i % 2 ? 18 + r % 15 : 40 + r % 89);
		nets[i] = net(text);
	}
	assert_int_equal(cidr_set_init(&s, nets, MANY), 0);
	for (size_t i = 0; i < MANY; i++) {
		struct sockaddr_in6 a = {.sin6_family = AF_INET6};
		size_t byte = 4 + (size_t)random() % 12;
		bool got;

		memcpy(&a.sin6_addr, nets[i].addr, sizeof(a.sin6_addr));
		a.sin6_addr.s6_addr[byte] ^= (uint8_t)(1 << random() % 8);
		got = cidr_set_has(&s, (struct sockaddr *)&a, sizeof(a));
		assert_int_equal(got, in_one(nets, MANY, a.sin6_addr.s6_addr));
		in += got;
	}
	assert_in_range(in, MANY / 10, MANY - MANY / 10); /* both answers were asked for */
	cidr_set_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_in_and_who_is_not),
		cmocka_unit_test(an_address_cut_short_is_in_none),
		cmocka_unit_test(the_zero_set_is_empty),
		cmocka_unit_test(ten_thousand_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
