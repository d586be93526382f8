/* dns_lookup: each step of a look-up, against a name server that does what a script says. */
#include "proxy/resolve/dns_lookup.h"

#include "tests/unit/proxy/resolve/name_server.h"

static struct dns_lookup l;
static struct dns_question q;

static void look_up(struct name_server *s)
{
	struct pollfd fds[DNS_SOCKETS];

	if (q.timeout == 0)
		q.timeout = 2000000000;
	q.tries = q.tries == 0 ? 2 : q.tries;
	snprintf(q.servers, sizeof(q.servers), "%s", s->text);
	dns_answer_fini(&l.answer);
	dns_lookup_start(&l, &q);
	while (!l.done) {
		int ms = -1;
		unsigned n = dns_lookup_polls(&l, fds, &ms);

		assert_true(n > 0 && ms >= 0);
		assert_true(poll(fds, n, ms) >= 0);
		dns_lookup_go(&l, fds, n);
	}
	dns_lookup_fini(&l);
}

/* The addresses of the answer, with a blank between two. */
static const char *ips(void)
{
	static char text[4096];
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < l.answer.n && at < sizeof(text) - 64; i++) {
		char ip[64];

		inet_ntop(l.answer.records[i].family, l.answer.records[i].ip, ip, sizeof(ip));
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? " " : "", ip);
	}
	return text;
}

/* four.test has A, six.test AAAA, two.test both; broken.test fails for AAAA alone; the rest is unknown. */
static void families(struct name_server *s, const struct asked *a, struct reply *r)
{
	bool four = strncmp(a->name, "four.", 5) == 0, six = strncmp(a->name, "six.", 4) == 0;
	bool two = strncmp(a->name, "two.", 4) == 0, broken = strncmp(a->name, "broken.", 7) == 0;

	(void)s;
	if (a->type == REPLY_A && (four || two || broken))
		reply_addr(r, a->name, 60, "192.0.2.4");
	if (a->type == REPLY_AAAA && (six || two))
		reply_addr(r, a->name, 30, "2001:db8::6");
	if (a->type == REPLY_AAAA && broken)
		reply_rcode(r, REPLY_SERVFAIL);
	if (!four && !six && !two && !broken)
		reply_rcode(r, REPLY_NXDOMAIN);
}

static void e56_families(void **state)
{
	static const struct {
		enum dns_family family;
		const char *four, *six, *two, *broken;
		unsigned sure; /* of broken */
	} rows[] = {
		{DNS_PREFER_V4, "192.0.2.4", "2001:db8::6", "192.0.2.4", "192.0.2.4", DNS_SURE_ALL},
		{DNS_PREFER_V6, "192.0.2.4", "2001:db8::6", "2001:db8::6", "192.0.2.4", DNS_SURE_V4},
		{DNS_V4, "192.0.2.4", "", "192.0.2.4", "192.0.2.4", DNS_SURE_ALL},
		{DNS_V6, "", "2001:db8::6", "2001:db8::6", "", 0},
		{DNS_BOTH, "192.0.2.4", "2001:db8::6", "192.0.2.4 2001:db8::6", "192.0.2.4", DNS_SURE_V4},
	};
	static const char *const names[] = {"four.test", "six.test", "two.test", "broken.test", "none.test"};
	struct name_server s = {.script = families};

	(void)state;
	name_server_start(&s);
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *const wanted[] = {rows[i].four, rows[i].six, rows[i].two, rows[i].broken, ""};

		for (size_t j = 0; j < array_len(names); j++) {
			q = (struct dns_question){.family = rows[i].family};
			snprintf(q.name, sizeof(q.name), "%s", names[j]);
			look_up(&s);
			assert_string_equal(ips(), wanted[j]);
			if (wanted[j][0] != '\0')
				assert_int_equal(l.answer.status, DNS_OK);
			assert_int_equal(l.answer.sure, j == 3 ? rows[i].sure : DNS_SURE_ALL);
		}
		assert_int_equal(l.answer.status, DNS_NO_NAME);
	}
	q = (struct dns_question){.family = DNS_V6, .name = "four.test"};
	look_up(&s);
	assert_int_equal(l.answer.status, DNS_NO_DATA);
	q = (struct dns_question){.family = DNS_BOTH, .name = "two.test"};
	look_up(&s);
	assert_int_equal(l.answer.ttl, 30);
	name_server_stop(&s);
}

/* 40 addresses: UDP has room for two. */
static void large(struct name_server *s, const struct asked *a, struct reply *r)
{
	(void)s;
	for (unsigned i = 0; i < (a->tcp ? 40 : 2); i++) {
		const uint8_t ip[4] = {192, 0, 2, (uint8_t)(i + 1)};

		reply_record(r, a->name, REPLY_A, ip, 4);
	}
	if (!a->tcp)
		reply_truncated(r);
}

static void e59_truncated_is_asked_again_over_tcp(void **state)
{
	struct name_server s = {.script = large};

	(void)state;
	name_server_start(&s);
	q = (struct dns_question){.name = "large.test", .family = DNS_V4};
	look_up(&s);
	assert_int_equal(l.answer.n, 40);
	assert_true(l.answer.tcp && !l.answer.tcp_failed);
	assert_int_equal(s.udp, 1);
	assert_int_equal(s.tcp, 1);
	q = (struct dns_question){.name = "large.test", .family = DNS_V4, .tcp = true};
	look_up(&s);
	assert_int_equal(l.answer.n, 40);
	assert_int_equal(s.udp, 1);
	assert_int_equal(s.tcp, 2);
	name_server_stop(&s);
}

/* Where TCP is refused, what a truncated reply has room for is what there is. One without a record says nothing. */
static void empty_and_truncated(struct name_server *s, const struct asked *a, struct reply *r)
{
	(void)s;
	(void)a;
	reply_truncated(r);
}

static void e59_where_tcp_is_refused(void **state)
{
	struct name_server s = {.script = large, .no_tcp = true};

	(void)state;
	name_server_start(&s);
	for (int tcp = 0; tcp < 2; tcp++) {
		q = (struct dns_question){.name = "large.test", .family = DNS_V4, .tcp = tcp};
		look_up(&s);
		assert_int_equal(l.answer.status, DNS_OK);
		assert_int_equal(l.answer.n, 2);
		assert_true(!l.answer.tcp && l.answer.tcp_failed);
	}
	s.script = empty_and_truncated;
	look_up(&s);
	assert_int_equal(l.answer.status, DNS_FAILED);
	name_server_stop(&s);
}

static void services(struct name_server *s, const struct asked *a, struct reply *r)
{
	(void)s;
	if (a->type == REPLY_SRV && strncmp(a->name, "_x.", 3) == 0) {
		reply_srv(r, a->name, 60, (unsigned[]){1, 2, 3}, "a.test");
		reply_srv(r, a->name, 6, (unsigned[]){1, 2, 3}, "b.test");
	}
}

static void e63_services(void **state)
{
	struct name_server s = {.script = services};

	(void)state;
	name_server_start(&s);
	q = (struct dns_question){.name = "_x._tcp.test", .srv = true};
	look_up(&s);
	assert_int_equal(l.answer.n, 2);
	assert_string_equal(l.answer.records[1].target, "b.test");
	assert_int_equal(l.answer.ttl, 6);
	assert_int_equal(l.answer.sure, DNS_SURE_ALL);
	name_server_stop(&s);
}

static void failures(struct name_server *s, const struct asked *a, struct reply *r)
{
	(void)s;
	if (strncmp(a->name, "servfail.", 9) == 0)
		reply_rcode(r, REPLY_SERVFAIL);
	if (strncmp(a->name, "refused.", 8) == 0)
		reply_rcode(r, REPLY_REFUSED);
	if (strncmp(a->name, "silent.", 7) == 0)
		r->n = 0;
	if (strncmp(a->name, "cut.", 4) == 0) {
		reply_addr(r, a->name, 60, "192.0.2.1");
		r->n -= 2;
	}
}

static void e61_failures_say_nothing_of_the_name(void **state)
{
	static const struct {
		const char *name, *why;
	} rows[] = {
		{"servfail.test", "each name server fails, refuses or cannot be reached"},
		{"refused.test", "each name server fails, refuses or cannot be reached"},
		{"silent.test", "Timeout while contacting DNS servers"},
		{"cut.test", "a malformed reply"},
	};
	struct name_server s = {.script = failures};

	(void)state;
	name_server_start(&s);
	for (size_t i = 0; i < array_len(rows); i++) {
		q = (struct dns_question){.family = DNS_V4, .timeout = 50000000, .tries = 1};
		snprintf(q.name, sizeof(q.name), "%s", rows[i].name);
		look_up(&s);
		assert_int_equal(l.answer.status, DNS_FAILED);
		assert_string_equal(l.answer.why, rows[i].why);
		assert_int_equal(l.answer.sure, 0);
	}
	name_server_stop(&s);
	look_up(&s); /* nobody listens there any more */
	assert_int_equal(l.answer.status, DNS_FAILED);
	assert_string_equal(l.answer.why, "each name server fails, refuses or cannot be reached");
}

/* A reply with another id, one to another question, then the right one. */
static void liars(struct name_server *s, const struct asked *a, struct reply *r)
{
	if (s->udp == 1)
		r->b[0] ^= 0xff;
	if (s->udp == 2)
		reply_begin(r, a->id, "other.test", a->type);
	reply_addr(r, s->udp == 2 ? "other.test" : a->name, 60, s->udp < 3 ? "192.0.2.66" : "192.0.2.1");
}

static void e66_replies_to_other_questions_are_ignored(void **state)
{
	struct name_server s = {.script = liars};

	(void)state;
	name_server_start(&s);
	q = (struct dns_question){.name = "a.test", .family = DNS_V4, .timeout = 100000000, .tries = 3};
	look_up(&s);
	assert_string_equal(ips(), "192.0.2.1");
	assert_int_equal(s.udp, 3);
	name_server_stop(&s);
}

/* E65: no server is asked for this machine's own name. */
static void e65_localhost(void **state)
{
	static const struct {
		const char *name, *ips;
		enum dns_family family;
	} rows[] = {
		{"foo.localhost", "127.0.0.1", DNS_PREFER_V4}, {"FOO.localhost.", "::1", DNS_PREFER_V6},
		{"foo.localhost", "127.0.0.1", DNS_V4},        {"foo.localhost", "::1", DNS_V6},
		{"foo.localhost", "127.0.0.1 ::1", DNS_BOTH},  {"localhost", "127.0.0.1", DNS_V4},
	};
	struct name_server s = {.script = families};

	(void)state;
	name_server_start(&s);
	for (size_t i = 0; i < array_len(rows); i++) {
		q = (struct dns_question){.family = rows[i].family};
		snprintf(q.name, sizeof(q.name), "%s", rows[i].name);
		look_up(&s);
		assert_string_equal(ips(), rows[i].ips);
		assert_int_equal(l.answer.ttl, DNS_HOSTS_TTL);
	}
	assert_int_equal(s.udp, 0);
	q = (struct dns_question){.name = "notlocalhost", .family = DNS_V4};
	look_up(&s);
	assert_int_equal(l.answer.status, DNS_NO_NAME);
	name_server_stop(&s);
}

static int end(void **state)
{
	dns_answer_fini(&l.answer);
	return kit_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e56_families, end),
		cmocka_unit_test_teardown(e59_truncated_is_asked_again_over_tcp, end),
		cmocka_unit_test_teardown(e59_where_tcp_is_refused, end),
		cmocka_unit_test_teardown(e61_failures_say_nothing_of_the_name, end),
		cmocka_unit_test_teardown(e63_services, end),
		cmocka_unit_test_teardown(e65_localhost, end),
		cmocka_unit_test_teardown(e66_replies_to_other_questions_are_ignored, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
