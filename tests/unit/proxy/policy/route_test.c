/* route: the first rule whose conditions all hold, however it is found. */
#include "proxy/policy/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/addr.h"
#include "netpoll/err.h"
#include "proxy/proto/hello.h"

#define MOST 4 /* elements of a list below */

/* A rule in words. */
struct words {
	const char *sni[MOST], *alpn[MOST], *source[MOST];
	unsigned openings;
};

static size_t count(const char *const list[MOST])
{
	size_t n = 0;

	while (n < MOST && list[n] != NULL)
		n++;
	return n;
}

static int try_table(const struct words *words, size_t n, struct route_table **t)
{
	struct cidr nets[16][MOST];
	struct route_rule rules[16];

	for (size_t i = 0; i < n; i++) {
		const char *why = "";

		rules[i] = (struct route_rule){.sni = words[i].sni, .alpn = words[i].alpn, .source = nets[i]};
		rules[i].nsni = count(words[i].sni);
		rules[i].nalpn = count(words[i].alpn);
		rules[i].nsource = count(words[i].source);
		rules[i].openings = words[i].openings;
		for (size_t j = 0; j < rules[i].nsource; j++)
			if (cidr_parse(&nets[i][j], words[i].source[j], &why) != 0)
				fail_msg("%s: %s", words[i].source[j], why);
	}
	return route_table_new(rules, n, t);
}

static struct route_table *table(const struct words *words, size_t n)
{
	struct route_table *t = NULL;

	assert_int_equal(try_table(words, n, &t), 0);
	assert_non_null(t);
	return t;
}

/* A client in words: sni "-" is one that speaks no TLS. */
static int pick(const struct route_table *t, const char *sni, const char *alpn, const char *source)
{
	struct route_facts f = {.tls = sni == NULL || strcmp(sni, "-") != 0};
	struct np_addr a;

	assert_int_equal(np_addr_parse(&a, source, NULL), 0);
	f.source = &a.u.sa;
	f.source_len = a.len;
	if (f.tls && sni != NULL) {
		f.sni = sni;
		f.nsni = strlen(sni);
	}
	f.alpn = (const uint8_t *)alpn;
	f.nalpn = strlen(alpn);
	return route_pick(t, &f);
}

static int pick_early(const struct route_table *t, const char *source)
{
	struct np_addr a;

	assert_int_equal(np_addr_parse(&a, source, NULL), 0);
	return route_pick_early(t, &a.u.sa, a.len);
}

static void no_rules_pick_none(void **state)
{
	struct route_table *t = table(NULL, 0);

	(void)state;
	assert_int_equal(pick(t, "a.example", "", "10.0.0.1:1"), ROUTE_NONE);
	assert_int_equal(pick(t, "-", "", "unix:/x"), ROUTE_NONE);
	assert_int_equal(pick_early(t, "10.0.0.1:1"), ROUTE_NONE);
	assert_false(route_needs_hello(t));
	assert_null(route_table_free(t));
	assert_null(route_table_free(NULL));
}

static void what_validation_refuses_is_refused(void **state)
{
	static char big[257];
	const struct words bad[] = {
		{.sni = {"a.example", ""}}, {.sni = {"**"}},         {.sni = {"a.*.b"}},
		{.alpn = {""}},             {.alpn = {"h2", big}},
	};
	struct route_table *t = NULL;

	(void)state;
	memset(big, 'x', 256);
	for (size_t i = 0; i < array_len(bad); i++) {
		assert_int_equal(try_table(&bad[i], 1, &t), -NP_EINVAL);
		assert_null(t);
	}
}

/* The rules, and more. */
static const struct words rules[] = {
	{.sni = {"db.example.com", "*.db.example.com"}},                   /* 0 */
	{.alpn = {"acme-tls/1"}},                                          /* 1 */
	{.source = {"192.0.2.0/24", "2001:db8::/32"}},                     /* 2 */
	{.sni = {"*.example.com"}, .alpn = {"h2", "http/1.1"}},            /* 3 */
	{.sni = {"*.example.com", "mail.*"}, .source = {"10.0.0.0/8"}},    /* 4 */
	{.sni = {"late.db.example.com", "mail.example.org"}},              /* 5 */
	{.source = {"unix"}, .openings = ROUTE_PLAIN},                     /* 6 */
	{.openings = ROUTE_TLS, .source = {"10.1.0.0/16"}},                /* 7 */
	{.sni = {"*.com"}},                                                /* 8 */
};

static const struct {
	const char *name, *sni, *alpn, *source;
	int want;
} picks[] = {
	{"exact", "db.example.com", "", "10.0.0.1:1", 0},
	{"exact, in capitals", "DB.Example.COM", "", "10.0.0.1:1", 0},
	{"exact, with a dot", "db.example.com.", "", "10.0.0.1:1", 0},
	{"below", "a.db.example.com", "", "10.0.0.1:1", 0},
	{"far below", "a.b.db.example.com", "", "10.0.0.1:1", 0},
	{"a more specific name in a later rule", "late.db.example.com", "", "10.0.0.1:1", 0},
	{"the order, not the condition, decides", "db.example.com", "\12acme-tls/1", "192.0.2.1:1", 0},
	{"a protocol", "x.org", "\12acme-tls/1", "10.0.0.1:1", 1},
	{"a protocol among others", "x.org", "\2h2\12acme-tls/1\2h3", "192.0.2.1:1", 1},
	{"a protocol without a name", NULL, "\12acme-tls/1", "8.8.8.8:1", 1},
	{"a protocol's beginning", "x.org", "\4acme", "8.8.8.8:1", ROUTE_NONE},
	{"a protocol in capitals", "x.org", "\12ACME-TLS/1", "8.8.8.8:1", ROUTE_NONE},
	{"a source", "x.org", "", "192.0.2.9:1", 2},
	{"a source, mapped", "x.org", "", "[::ffff:192.0.2.9]:1", 2},
	{"a source, IPv6", NULL, "", "[2001:db8::9]:1", 2},
	{"a source that speaks no TLS", "-", "", "192.0.2.9:1", 2},
	{"a name and one of two protocols", "a.example.com", "\10http/1.1", "8.8.8.8:1", 3},
	{"a name and no such protocol", "a.example.com", "\2h3", "8.8.8.8:1", 8},
	{"a name and a source", "a.example.com", "\2h3", "10.0.0.1:1", 4},
	{"the other name and the source", "mail.org", "", "10.0.0.1:1", 4},
	{"the other name and another source", "mail.org", "", "8.8.8.8:1", ROUTE_NONE},
	{"a later rule for another source", "mail.example.org", "", "8.8.8.8:1", 5},
	{"the earlier of two for this source", "mail.example.org", "", "10.0.0.1:1", 4},
	{"a Unix socket without TLS", "-", "", "unix:/x", 6},
	{"a Unix socket with TLS", NULL, "", "unix:/x", ROUTE_NONE},
	{"TLS of any name", "x.org", "", "10.1.0.1:1", 7},
	{"TLS without a name", NULL, "", "10.1.0.1:1", 7},
	{"no TLS", "-", "", "10.1.0.1:1", ROUTE_NONE},
	{"the shortest wildcard", "a.com", "", "8.8.8.8:1", 8},
	{"a wildcard's own name", "example.com", "", "8.8.8.8:1", 8},
	{"nothing", "x.org", "", "8.8.8.8:1", ROUTE_NONE},
	{"nothing at all", NULL, "", "8.8.8.8:1", ROUTE_NONE},
	{"what is no name", "*.example.com", "", "10.0.0.1:1", ROUTE_NONE},
	{"a list that lies", "x.org", "\x20" "acme-tls/1", "8.8.8.8:1", ROUTE_NONE},
};

/* D7, D9 */
static void the_first_rule_that_holds(void **state)
{
	struct route_table *t = table(rules, array_len(rules));

	(void)state;
	for (size_t i = 0; i < array_len(picks); i++) {
		int got = pick(t, picks[i].sni, picks[i].alpn, picks[i].source);

		if (got != picks[i].want)
			fail_msg("%s: rule %d, want %d", picks[i].name, got, picks[i].want);
	}
	assert_true(route_needs_hello(t));
	route_table_free(t);
}

/* D41: the order of rules decides, so a rule of any name behind others takes what they leave; a client
 * without a name is none of its. */
static void any_name(void **state)
{
	static const struct words any[] = {
		{.sni = {"a.example", "*.b.example"}},
		{.sni = {"*", "c.example"}, .source = {"10.0.0.0/8"}},
		{.sni = {"d.example"}},
		{.sni = {"*"}, .alpn = {"h2"}},
	};
	struct route_table *t = table(any, array_len(any));

	(void)state;
	assert_int_equal(pick(t, "a.example", "", "10.0.0.1:1"), 0);
	assert_int_equal(pick(t, "x.b.example", "", "10.0.0.1:1"), 0);
	assert_int_equal(pick(t, "b.example", "", "10.0.0.1:1"), 1);
	assert_int_equal(pick(t, "c.example", "", "10.0.0.1:1"), 1);
	assert_int_equal(pick(t, "d.example", "", "10.0.0.1:1"), 1);
	assert_int_equal(pick(t, "localhost", "", "10.0.0.1:1"), 1);
	assert_int_equal(pick(t, "d.example", "\2h2", "8.8.8.8:1"), 2);
	assert_int_equal(pick(t, "e.example.", "\2h2", "8.8.8.8:1"), 3);
	assert_int_equal(pick(t, "e.example", "", "8.8.8.8:1"), ROUTE_NONE);
	assert_int_equal(pick(t, NULL, "\2h2", "10.0.0.1:1"), ROUTE_NONE);
	assert_int_equal(pick(t, "-", "", "10.0.0.1:1"), ROUTE_NONE);
	assert_int_equal(pick(t, "no name", "\2h2", "10.0.0.1:1"), ROUTE_NONE);
	assert_int_equal(pick_early(t, "10.0.0.1:1"), ROUTE_HELLO);
	route_table_free(t);
}

/* D42 */
static void by_version(void **state)
{
	static const struct words versions[] = {
		{.openings = ROUTE_TLS_1_2},
		{.openings = ROUTE_TLS_1_0 | ROUTE_TLS_1_1},
		{.openings = ROUTE_TLS_1_3 | ROUTE_PLAIN},
		{.openings = ROUTE_TLS},
	};
	static const struct {
		bool tls;
		uint16_t version;
		int want;
	} clients[] = {
		{true, 0x0303, 0}, {true, 0x0302, 1}, {true, 0x0301, 1}, {true, 0x0304, 2},  {false, 0, 2},
		{true, 0x0300, 3}, {true, 0x0002, 3}, {true, 0, 3},      {true, 0x7f1c, 3},
	};
	struct route_table *t = table(versions, array_len(versions));
	struct np_addr a;

	(void)state;
	assert_int_equal(np_addr_parse(&a, "10.0.0.1:1", NULL), 0);
	for (size_t i = 0; i < array_len(clients); i++) {
		struct route_facts f = {.source = &a.u.sa, .source_len = a.len};

		f.tls = clients[i].tls;
		f.version = clients[i].version;
		if (route_pick(t, &f) != clients[i].want)
			fail_msg("version 0x%04x: rule %d", clients[i].version, route_pick(t, &f));
	}
	assert_true(route_needs_hello(t));
	route_table_free(t);
}

static void a_server_that_speaks_first_is_not_kept_waiting(void **state)
{
	static const struct words mixed[] = {
		{.sni = {"a.example"}, .source = {"10.0.0.0/8"}},
		{.source = {"192.0.2.0/24"}},
		{.alpn = {"h2"}, .source = {"10.0.0.0/8", "198.51.100.0/24"}},
		{.source = {"198.51.0.0/16"}},
		{.openings = ROUTE_PLAIN, .source = {"::/0"}},
	};
	struct route_table *t = table(mixed, array_len(mixed));

	(void)state;
	assert_true(route_needs_hello(t));
	assert_int_equal(pick_early(t, "10.0.0.1:1"), ROUTE_HELLO);
	assert_int_equal(pick_early(t, "192.0.2.1:1"), 1);
	assert_int_equal(pick_early(t, "198.51.100.1:1"), ROUTE_HELLO);
	assert_int_equal(pick_early(t, "198.51.101.1:1"), 3);
	assert_int_equal(pick_early(t, "[::1]:1"), ROUTE_HELLO);
	assert_int_equal(pick_early(t, "203.0.113.1:1"), ROUTE_NONE);
	route_table_free(t);

	t = table(&mixed[1], 1);
	assert_false(route_needs_hello(t));
	route_table_free(t);
	for (size_t i = 0; i < array_len(mixed); i += 2) {
		t = table(&mixed[i], 1);
		assert_true(route_needs_hello(t));
		route_table_free(t);
	}
}

/* What is decided early is what would be decided later, whatever the client then sends. */
static void early_and_late_agree(void **state)
{
	static const char *const sources[] = {
		"192.0.2.1:1", "198.51.100.1:1", "10.0.0.1:1", "unix:/x", "[2001:db8::]:1",
	};
	struct route_table *t = table(rules, array_len(rules));
	unsigned decided = 0;

	(void)state;
	for (size_t first = 0; first < array_len(rules); first++) {
		route_table_free(t);
		t = table(rules + first, array_len(rules) - first);
		for (size_t i = 0; i < array_len(sources); i++) {
			int early = pick_early(t, sources[i]);

			if (early == ROUTE_HELLO)
				continue;
			decided++;
			assert_int_equal(pick(t, "a.b.c", "\2h2\12acme-tls/1", sources[i]), early);
			assert_int_equal(pick(t, "late.db.example.com", "", sources[i]), early);
			assert_int_equal(pick(t, "-", "", sources[i]), early);
		}
	}
	assert_true(decided > 0);
	route_table_free(t);
}

/* Random rules over few words, so that chains are long and meet; and the plain way to pick. */
enum { MANY = 500 };

static bool plain_name(const char *pattern, const char *name)
{
	size_t p = strlen(pattern), n = strlen(name);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (pattern[0] == '*')
		return n > p - 1 && strcmp(name + n - (p - 1), pattern + 1) == 0;
	if (pattern[p - 1] == '*')
		return n > p - 1 && strncmp(name, pattern, p - 1) == 0;
	return strcmp(name, pattern) == 0;
}

static int plain_pick(const struct route_rule *r, const char *name, const char *alpn)
{
	for (int i = 0; i < MANY; i++) {
		bool named = r[i].nsni == 0, offered = r[i].nalpn == 0 || strcmp(r[i].alpn[0], alpn) == 0;

		for (size_t j = 0; j < r[i].nsni && name != NULL; j++)
			named |= plain_name(r[i].sni[j], name);
		if (named && offered)
			return i;
	}
	return ROUTE_NONE;
}

static void hundreds_of_rules_found_as_one_by_one(void **state)
{
	static const char *const patterns[] = {
		"a.b.c", "*.b.c", "*.c", "a.*", "a.b.*", "b.c", "x.b.c", "*.a.b.c", "q.*", "*",
	};
	static const char *const names[] = {
		"a.b.c", "b.c", "x.b.c", "y.c", "a.x", "a.b.y", "z.a.b.c", "q.q", "none", NULL,
	};
	static const char *const protocols[] = {"p0", "p1", "p2", "p3"};
	static const char *lists[MANY][2];
	static struct route_rule many[MANY];

	(void)state;
	srandom(7);
	for (int round = 0; round < 50; round++) {
		struct route_table *t;

		for (size_t i = 0; i < MANY; i++) {
			lists[i][0] = patterns[(size_t)random() % array_len(patterns)];
			lists[i][1] = patterns[(size_t)random() % array_len(patterns)];
			many[i] = (struct route_rule){.sni = lists[i], .nsni = random() % 50 ? 2 : 0};
			many[i].alpn = &protocols[random() % 3];
			many[i].nalpn = random() % 200 ? 1 : 0;
		}
		assert_int_equal(route_table_new(many, MANY, &t), 0);
		for (size_t i = 0; i < array_len(names) * array_len(protocols); i++) {
			const char *name = names[i / array_len(protocols)], *alpn = protocols[i % array_len(protocols)];
			char list[8];

			snprintf(list, sizeof(list), "\2%s", alpn);
			assert_int_equal(pick(t, name, list, "10.0.0.1:1"), plain_pick(many, name, alpn));
		}
		route_table_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_pick_none),
		cmocka_unit_test(what_validation_refuses_is_refused),
		cmocka_unit_test(the_first_rule_that_holds),
		cmocka_unit_test(any_name),
		cmocka_unit_test(by_version),
		cmocka_unit_test(a_server_that_speaks_first_is_not_kept_waiting),
		cmocka_unit_test(early_and_late_agree),
		cmocka_unit_test(hundreds_of_rules_found_as_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
