#include "netpoll/addr.h"

#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

#define P10  "0123456789"
#define P100 P10 P10 P10 P10 P10 P10 P10 P10 P10 P10

static const struct bad_row {
	const char *text, *why;
} bad[] = {
	{"", "the port is missing"},
	{"80", "the port is missing"},
	{"1.2.3.4", "the port is missing"},
	{"1.2.3.4:", "the port must be"},
	{"1.2.3.4:65536", "the port must be"},
	{"1.2.3.4:99999999999999999999", "the port must be"},
	{"1.2.3.4:+80", "the port must be"},
	{"1.2.3.4:-1", "the port must be"},
	{"1.2.3.4:080", "the port must be"},
	{"1.2.3.4: 80", "the port must be"},
	{"1.2.3.4:80 ", "the port must be"},
	{"1.2.3.4:0x50", "the port must be"},
	{":", "the port must be"},
	{":http", "the port must be"},
	{"1.2.3:80", "not an IPv4 address"},
	{"1.2.3.256:80", "not an IPv4 address"},
	{"01.2.3.4:80", "not an IPv4 address"},
	{" 1.2.3.4:80", "not an IPv4 address"},
	{"localhost:80", "not an IPv4 address"},
	{"*:80", "not an IPv4 address"},
	{"111.222.111.2220:80", "not an IPv4 address"},
	{P100 ":80", "not an IPv4 address"},
	{"::1:80", "an IPv6 address needs brackets"},
	{"::", "an IPv6 address needs brackets"},
	{"1.2.3.4:80:80", "an IPv6 address needs brackets"},
	{"[::1", "the closing bracket"},
	{"[::1]", "the port is missing"},
	{"[::1]80", "the port is missing"},
	{"[::1]:", "the port must be"},
	{"[::1]:80x", "the port must be"},
	{"[]:80", "not an IPv6 address"},
	{"[1.2.3.4]:80", "not an IPv6 address"},
	{"[::1::]:80", "not an IPv6 address"},
	{"[1:2:3:4:5:6:7:8:9]:80", "not an IPv6 address"},
	{"[[::1]]:80", "the port is missing"},
	{"[" P100 "]:80", "not an IPv6 address"},
	{"[fe80::1%]:80", "the zone after %"},
	{"[fe80::1%0]:80", "the zone after %"},
	{"[fe80::1%01]:80", "the zone after %"},
	{"[fe80::1%4294967296]:80", "the zone after %"},
	{"[fe80::1%no-such-if]:80", "the zone after %"},
	{"unix:", "the path after unix: is missing"},
	{"unix:@", "the name after unix:@ is missing"},
	{"unix:/" P100 "012345", NULL}, /* 107 bytes: the longest that fits */
	{"unix:/" P100 "0123456", "a Unix socket path is longer"},
	{"unix:@" P100 "0123456", NULL},
	{"unix:@" P100 "01234567", "a Unix socket path is longer"},
};

static void parse_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(bad); i++) {
		struct np_addr a = {.len = 77};
		const char *why = NULL;
		int err = np_addr_parse(&a, bad[i].text, &why);

		if (bad[i].why == NULL) {
			assert_int_equal(err, 0);
			continue;
		}
		if (err != -NP_EINVAL || why == NULL || strstr(why, bad[i].why) != why)
			fail_msg("\"%s\": %d, %s", bad[i].text, err, why != NULL ? why : "no sentence");
		assert_int_equal(a.len, 77);
		assert_int_equal(np_addr_parse(&a, bad[i].text, NULL), -NP_EINVAL);
	}
}

static const struct good_row {
	const char *text, *out, *host;
	int family, port;
	socklen_t len;
} good[] = {
	{"1.2.3.4:80", "1.2.3.4:80", "1.2.3.4", AF_INET, 80, sizeof(struct sockaddr_in)},
	{"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", AF_INET, 65535,
	 sizeof(struct sockaddr_in)},
	{"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", AF_INET, 0, sizeof(struct sockaddr_in)},
	{":443", "[::]:443", "::", AF_INET6, 443, sizeof(struct sockaddr_in6)},
	{"[::1]:80", "[::1]:80", "::1", AF_INET6, 80, sizeof(struct sockaddr_in6)},
	{"[2001:DB8:0:0::1]:9", "[2001:db8::1]:9", "2001:db8::1", AF_INET6, 9, sizeof(struct sockaddr_in6)},
	{"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80", "::ffff:1.2.3.4", AF_INET6, 80, sizeof(struct sockaddr_in6)},
	{"[1111:2222:3333:4444:5555:6666:255.255.255.255]:1",
	 "[1111:2222:3333:4444:5555:6666:ffff:ffff]:1", "1111:2222:3333:4444:5555:6666:ffff:ffff", AF_INET6, 1,
	 sizeof(struct sockaddr_in6)},
	{"[fe80::1%4294967295]:80", "[fe80::1%4294967295]:80", "fe80::1%4294967295", AF_INET6, 80,
	 sizeof(struct sockaddr_in6)},
	{"unix:/run/x.sock", "unix:/run/x.sock", "/run/x.sock", AF_UNIX, 0, 2 + 12},
	{"unix:x", "unix:x", "x", AF_UNIX, 0, 2 + 2},
	{"unix:@abc", "unix:@abc", "@abc", AF_UNIX, 0, 2 + 4},
	{"unix:@@", "unix:@@", "@@", AF_UNIX, 0, 2 + 2},
	{"unix:/a b\\c\n\xc3\xa9\x7f~", "unix:/a b\\x5cc\\x0a\\xc3\\xa9\\x7f~", "/a b\\x5cc\\x0a\\xc3\\xa9\\x7f~",
	 AF_UNIX, 0, 2 + 12},
};

static void parse_then_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(good); i++) {
		const struct good_row *row = &good[i];
		char out[NP_ADDR_TEXT];
		struct np_addr a;

		assert_int_equal(np_addr_parse(&a, row->text, NULL), 0);
		assert_int_equal(a.u.sa.sa_family, row->family);
		assert_int_equal(a.len, row->len);
		assert_int_equal(np_addr_port(&a.u.sa), row->port);
		assert_int_equal(np_addr_is_unix(&a), row->family == AF_UNIX);
		assert_int_equal(np_addr_is_abstract(&a), strncmp(row->text, "unix:@", 6) == 0);
		assert_int_equal(np_addr_format(&a.u.sa, a.len, out, sizeof(out)), strlen(row->out));
		assert_string_equal(out, row->out);
		assert_int_equal(np_addr_format_host(&a.u.sa, a.len, out, sizeof(out)), strlen(row->host));
		assert_string_equal(out, row->host);
	}
}

static void zone_by_name(void **state)
{
	char name[IF_NAMESIZE], text[64];
	struct np_addr a;

	(void)state;
	assert_non_null(if_indextoname(1, name));
	snprintf(text, sizeof(text), "[fe80::1%%%s]:80", name);
	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	assert_int_equal(a.u.in6.sin6_scope_id, 1);
}

/* What the kernel may hand us, and no parser makes. */
static void format_what_peers_bind(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr sa = {.sa_family = AF_APPLETALK};
	const struct sockaddr *p = (const struct sockaddr *)(const void *)&un;
	char out[NP_ADDR_TEXT];

	(void)state;
	assert_int_equal(np_addr_format(p, sizeof(sa_family_t), out, sizeof(out)), 5); /* unnamed: a socketpair */
	assert_string_equal(out, "unix:");
	assert_int_equal(np_addr_format_host(p, sizeof(sa_family_t), out, sizeof(out)), 0);
	assert_string_equal(out, "");

	memset(un.sun_path, 0xff, sizeof(un.sun_path)); /* no NUL at all, and a length beyond the field */
	assert_int_equal(np_addr_format(p, sizeof(un) + 5, out, sizeof(out)), 5 + 4 * sizeof(un.sun_path));
	assert_true(5 + 4 * sizeof(un.sun_path) < NP_ADDR_TEXT);
	memcpy(un.sun_path, "@x", 3); /* a path that plays an abstract name */
	np_addr_format_host(p, sizeof(un), out, sizeof(out));
	assert_string_equal(out, "\\x40x");
	memcpy(un.sun_path, "\0a\0b", 4); /* an abstract name with a NUL in it */
	np_addr_format_host(p, sizeof(sa_family_t) + 4, out, sizeof(out));
	assert_string_equal(out, "@a\\x00b");

	np_addr_format_host((const struct sockaddr *)(const void *)&in4, sizeof(in4) - 1, out, sizeof(out));
	assert_string_equal(out, "?");
	np_addr_format(&sa, sizeof(sa), out, sizeof(out));
	assert_string_equal(out, "?:0");
}

static void format_in_any_room(void **state)
{
	static const char whole[] = "unix:/a\\x0ab";
	struct np_addr a;
	char out[32];

	(void)state;
	assert_int_equal(np_addr_parse(&a, "unix:/a\nb", NULL), 0);
	for (size_t n = 1; n <= sizeof(whole); n++) {
		size_t len;

		memset(out, '#', sizeof(out));
		len = np_addr_format(&a.u.sa, a.len, out, n);
		assert_true(len < n);
		assert_int_equal(strlen(out), len);
		assert_memory_equal(out, whole, len);
		assert_true(len <= 7 || len >= 11); /* the escape whole or not at all */
		assert_int_equal(out[n], '#');
	}
	assert_string_equal(out, whole);
	out[0] = '#';
	assert_int_equal(np_addr_format(&a.u.sa, a.len, out, 0), 0);
	assert_int_equal(out[0], '#');
}

static const struct equal_row {
	const char *a, *b;
	bool equal, same_host;
} equals[] = {
	{"1.2.3.4:80", "1.2.3.4:81", false, true},
	{"1.2.3.4:80", "1.2.3.5:80", false, false},
	{"1.2.3.4:80", "1.2.3.4:80", true, true},
	{"1.2.3.4:80", "[::ffff:1.2.3.4]:80", false, true},
	{"1.2.3.4:80", "[::102:304]:80", false, false},
	{"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80", true, true},
	{"[::ffff:1.2.3.4]:80", "[::1]:80", false, false},
	{"[fe80::1]:80", "[fe80:0::0:1]:80", true, true},
	{"[fe80::1%1]:80", "[fe80::1%2]:80", false, true},
	{"unix:/a", "unix:/a", true, true},
	{"unix:/a", "unix:/ab", false, false},
	{"unix:a", "unix:@a", false, false},
	{"unix:@a", "unix:@a", true, true},
	{"unix:@a", "unix:@b", false, false},
};

static void equal_and_hash(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(equals); i++) {
		struct np_addr a, b;
		bool same_hash;

		assert_int_equal(np_addr_parse(&a, equals[i].a, NULL), 0);
		assert_int_equal(np_addr_parse(&b, equals[i].b, NULL), 0);
		same_hash = np_addr_hash_host(&a.u.sa, a.len, 1) == np_addr_hash_host(&b.u.sa, b.len, 1);
		if (np_addr_equal(&a, &b) != equals[i].equal || np_addr_equal(&b, &a) != equals[i].equal ||
		    same_hash != equals[i].same_host)
			fail_msg("%s and %s", equals[i].a, equals[i].b);
	}
}

/* A path is the same with its NUL counted, left out, or followed by rubbish; a flow label is no
 * part of an address. */
static void equal_ignores_what_names_nothing(void **state)
{
	struct np_addr a, b;

	(void)state;
	assert_int_equal(np_addr_parse(&a, "unix:/a", NULL), 0);
	b = a;
	b.len = sizeof(b.u.un);
	memset(b.u.un.sun_path + 3, 'x', sizeof(b.u.un.sun_path) - 3);
	assert_true(np_addr_equal(&a, &b));
	b.len = 2 + 2;
	assert_true(np_addr_equal(&a, &b));
	assert_int_equal(np_addr_parse(&a, "[::1]:80", NULL), 0);
	b = a;
	b.u.in6.sin6_flowinfo = 7;
	assert_true(np_addr_equal(&a, &b));
}

/* Written down, not computed: these figures are a promise to every configuration that balances
 * by source. */
static void hash_is_stable(void **state)
{
	static const struct {
		const char *text;
		uint64_t seed, hash;
	} rows[] = {
		{"1.2.3.4:80", 0, 0xf6ec518342f132be},
		{"1.2.3.4:80", 1, 0x59ebda8802ba94c1},
		{"[2001:db8::1]:1", 0, 0x8dec2b2d0b0e530f},
		{"unix:/run/x.sock", 0, 0x56434077be3b8ced},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct np_addr a;

		assert_int_equal(np_addr_parse(&a, rows[i].text, NULL), 0);
		assert_true(np_addr_hash_host(&a.u.sa, a.len, rows[i].seed) == rows[i].hash);
	}
}

/* Neighbouring clients, the usual set, over few servers: the high and the low bits must both
 * spread them. */
static void hash_spreads(void **state)
{
	unsigned high[16] = {0}, low[16] = {0};
	struct np_addr a;

	(void)state;
	assert_int_equal(np_addr_parse(&a, "10.0.0.0:1", NULL), 0);
	for (uint32_t i = 0; i < 16000; i++) {
		uint64_t h;

		a.u.in4.sin_addr.s_addr = htonl(0x0a000000u + i);
		h = np_addr_hash_host(&a.u.sa, a.len, 42);
		high[h >> 60]++;
		low[h & 15]++;
	}
	for (size_t i = 0; i < 16; i++) {
		assert_in_range(high[i], 850, 1150);
		assert_in_range(low[i], 850, 1150);
	}
}

static void v19_mapped_addresses_become_ipv4(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"[::ffff:192.0.2.1]:80", "192.0.2.1:80"},
		{"[2001:db8::1]:80", "[2001:db8::1]:80"},
		{"[::]:80", "[::]:80"},
		{"[::1]:80", "[::1]:80"},
		{"192.0.2.1:80", "192.0.2.1:80"},
		{"unix:/run/x", "unix:/run/x"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct np_addr a;
		char text[NP_ADDR_TEXT];

		assert_int_equal(np_addr_parse(&a, rows[i].from, NULL), 0);
		np_addr_unmap(&a);
		np_addr_format(&a.u.sa, a.len, text, sizeof(text));
		assert_string_equal(text, rows[i].to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v19_mapped_addresses_become_ipv4),
		cmocka_unit_test(parse_refuses),
		cmocka_unit_test(parse_then_format),
		cmocka_unit_test(zone_by_name),
		cmocka_unit_test(format_what_peers_bind),
		cmocka_unit_test(format_in_any_room),
		cmocka_unit_test(equal_and_hash),
		cmocka_unit_test(equal_ignores_what_names_nothing),
		cmocka_unit_test(hash_is_stable),
		cmocka_unit_test(hash_spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
