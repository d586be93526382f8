/* dns_lookup: each step of a look-up, against a name server that does what a script says. */
#include "proxy/resolve/dns_lookup.h"

#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/proxy/resolve/name_server.h"

/* A text of a form, good until the next one. */
static const char *textf(const char *form, const char *arg)
{
	static char text[256];

	snprintf(text, sizeof(text), form, arg);
	return text;
}

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
static void families(struct name_server *s, const struct name_asked *a, struct reply *r)
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
static void large(struct name_server *s, const struct name_asked *a, struct reply *r)
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
	assert_int_equal(name_server_asked(&s.udp), 1);
	assert_int_equal(name_server_asked(&s.tcp), 1);
	q = (struct dns_question){.name = "large.test", .family = DNS_V4, .tcp = true};
	look_up(&s);
	assert_int_equal(l.answer.n, 40);
	assert_int_equal(name_server_asked(&s.udp), 1);
	assert_int_equal(name_server_asked(&s.tcp), 2);
	name_server_stop(&s);
}

/* Where TCP is refused, what a truncated reply has room for is what there is. One without a record says nothing. */
static void empty_and_truncated(struct name_server *s, const struct name_asked *a, struct reply *r)
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
	pthread_mutex_lock(&name_server_lock);
	s.script = empty_and_truncated;
	pthread_mutex_unlock(&name_server_lock);
	look_up(&s);
	assert_int_equal(l.answer.status, DNS_FAILED);
	name_server_stop(&s);
}

static void services(struct name_server *s, const struct name_asked *a, struct reply *r)
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

static void failures(struct name_server *s, const struct name_asked *a, struct reply *r)
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
static void liars(struct name_server *s, const struct name_asked *a, struct reply *r)
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
	assert_int_equal(name_server_asked(&s.udp), 3);
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
	assert_int_equal(name_server_asked(&s.udp), 0);
	q = (struct dns_question){.name = "notlocalhost", .family = DNS_V4};
	look_up(&s);
	assert_int_equal(l.answer.status, DNS_NO_NAME);
	name_server_stop(&s);
}

/* ---- files of the system, in a mount namespace of the test's own ---- */

static const char *asked_names[16];
static unsigned nasked;

/* Knows host.one.test and host.two.test, and notes what it is asked. */
static void two_domains(struct name_server *s, const struct name_asked *a, struct reply *r)
{
	(void)s;
	if (nasked < array_len(asked_names))
		asked_names[nasked++] = strdup(a->name);
	if (strcmp(a->name, "host.one.test") == 0)
		reply_addr(r, a->name, 60, "192.0.2.1");
	else if (strcmp(a->name, "host.two.test") == 0)
		reply_addr(r, a->name, 60, "192.0.2.2");
	else
		reply_rcode(r, REPLY_NXDOMAIN);
}

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A file of the test's in the place of the system's. */
static void cover(const char *name, const char *place, char path[KIT_PATH])
{
	kit_file_write(name, "", path);
	assert_int_equal(mount(path, place, NULL, MS_BIND, NULL), 0);
}

static void look_up_by_system(const char *name)
{
	static struct name_server none; /* no text: the servers of the system */

	q = (struct dns_question){.family = DNS_V4, .timeout = 200000000, .tries = 1};
	snprintf(q.name, sizeof(q.name), "%s", name);
	look_up(&none);
}

static void expect_asked(const char *names)
{
	char text[512] = "";

	pthread_mutex_lock(&name_server_lock);
	for (unsigned i = 0; i < nasked; i++) {
		strncat(text, i > 0 ? " " : "", sizeof(text) - strlen(text) - 1);
		strncat(text, asked_names[i], sizeof(text) - strlen(text) - 1);
		free((void *)(uintptr_t)asked_names[i]);
	}
	nasked = 0;
	pthread_mutex_unlock(&name_server_lock);
	assert_string_equal(text, names);
}

/* E65: each look-up reads resolv.conf and hosts as they are then: name servers, search domains and ndots. */
static void e65_files_are_read_anew(void **state)
{
	struct name_server s = {.script = two_domains, .port = 53};
	char resolv[KIT_PATH], hosts[KIT_PATH];

	(void)state;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		skip(); /* not root */
	cover("resolv.conf", "/etc/resolv.conf", resolv);
	cover("hosts", "/etc/hosts", hosts);
	name_server_start(&s);
	put_file(resolv, textf("nameserver %s\nsearch one.test two.test\n", kit_ip(0)));
	look_up_by_system("host");
	assert_string_equal(ips(), "192.0.2.1");
	expect_asked("host.one.test");
	look_up_by_system("host.two.test"); /* it has a point: as it is, first */
	assert_string_equal(ips(), "192.0.2.2");
	expect_asked("host.two.test");
	put_file(resolv, textf("nameserver %s\nsearch none.test two.test\noptions ndots:3\n", kit_ip(0)));
	look_up_by_system("host");
	assert_string_equal(ips(), "192.0.2.2");
	expect_asked("host.none.test host.two.test");
	look_up_by_system("host.one.test");
	assert_string_equal(ips(), "192.0.2.1");
	expect_asked("host.one.test.none.test host.one.test.two.test host.one.test");
	put_file(hosts, "192.0.2.9 host other\n192.0.2.8 host\n");
	look_up_by_system("host");
	assert_string_equal(ips(), "192.0.2.8 192.0.2.9");
	expect_asked("");
	put_file(hosts, "");
	put_file(resolv, "nameserver 127.0.0.1\n"); /* nobody listens there */
	look_up_by_system("host.one.test");
	assert_int_equal(l.answer.status, DNS_FAILED);
	/* The first server cannot be reached, the second one answers. */
	put_file(resolv, textf("nameserver 127.0.0.1\nnameserver %s\n", kit_ip(0)));
	look_up_by_system("host.one.test");
	assert_string_equal(ips(), "192.0.2.1");
	expect_asked("host.one.test");
	name_server_stop(&s);
	assert_int_equal(umount("/etc/hosts"), 0);
	assert_int_equal(umount("/etc/resolv.conf"), 0);
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
		cmocka_unit_test_teardown(e65_files_are_read_anew, end),
		cmocka_unit_test_teardown(e66_replies_to_other_questions_are_ignored, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
