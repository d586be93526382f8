/* names_list: the configured list with the addresses of its names, without what is no server: E56, E63, E66. */
#include "proxy/control/names_list.h"

#include <arpa/inet.h>

#include "tests/unit/config/load.h"

#define LISTENERS "listeners: [{name: a, bind: [\"127.0.0.1:9001\", \":9002\"], upstream: app}]\n"

/* What is known of each name, by the first letters of the two. */
static struct dns_name a, b;

static const struct dns_name *by_letter(void *arg, const struct config_server *s)
{
	(void)arg;
	if (s->host[0] == 'a')
		return &a;
	return s->host[0] == 'b' ? &b : NULL;
}

static void no_question(struct dns_set *s)
{
	fail_msg("%s is not asked for", s->name);
}

/* An answer of these addresses, divided by blanks. */
static void know(struct dns_name *d, const char *name, const char *ips)
{
	static const struct dns_rules rules = {.min_ttl = DNS_SECOND, .max_ttl = DNS_SECOND, .hold = DNS_SECOND};
	struct dns_answer answer = {.status = DNS_OK, .sure = DNS_SURE_ALL, .ttl = 60};
	struct dns_question q;
	char ip[64];

	dns_name_init(d, name, false, DNS_BOTH, 0);
	for (int n = 0; sscanf(ips, "%63s%n", ip, &n) == 1; ips += n) {
		struct dns_record r = {.family = AF_INET};

		if (inet_pton(AF_INET, ip, r.ip) != 1) {
			r.family = AF_INET6;
			assert_int_equal(inet_pton(AF_INET6, ip, r.ip), 1);
		}
		assert_int_equal(dns_answer_add(&answer, &r), 0);
	}
	dns_set_ask(&d->set, DNS_SECOND, &q);
	(void)dns_set_answer(&d->set, &answer, &rules, DNS_SECOND, 0);
	dns_answer_fini(&answer);
}

/* The list of these servers as text: address/weight/priority/from. */
static const char *listed(const char *servers, struct names_list *list)
{
	static char text[4096];
	char yaml[1024];
	struct load l;
	size_t at = 0;

	snprintf(yaml, sizeof(yaml), LISTENERS "upstreams: [{name: app, servers: [%s]}]\n", servers);
	l = load_text(yaml);
	if (l.c == NULL)
		fail_msg("%s", l.report->text);
	assert_int_equal(names_list_make(list, l.c, 0, by_letter, NULL), 0);
	text[0] = '\0';
	for (unsigned i = 0; i < list->n; i++) {
		const struct server_spec *s = &list->specs[i];
		char address[NP_ADDR_TEXT];

		np_addr_format(&s->addr.u.sa, s->addr.len, address, sizeof(address));
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s/%u/%u/%u", i > 0 ? " " : "", address,
				       s->weight, s->priority, s->from);
	}
	free(list->specs);
	load_free(&l);
	dns_name_fini(&a, no_question);
	dns_name_fini(&b, no_question);
	return text;
}

static void e56_names_stand_in_their_place(void **state)
{
	struct names_list list;

	(void)state;
	know(&a, "a.x", "10.0.0.1 10.0.0.2 2001:db8::1");
	know(&b, "b.x", "10.0.0.3");
	assert_string_equal(listed("\"10.0.0.9:80\", {address: \"a.x:81\", weight: 3, priority: 2}, \"b.x:82\", "
				   "\"c.x:1\"",
				   &list),
			    "10.0.0.9:80/1/0/0 10.0.0.1:81/3/2/2 10.0.0.2:81/3/2/2 [2001:db8::1]:81/3/2/2 "
			    "10.0.0.3:82/1/0/3");
	assert_int_equal(list.left_out.n, 0);
}

/* An address stands once, where it is met first; with another port it is another one. */
static void an_address_stands_once(void **state)
{
	struct names_list list;

	(void)state;
	know(&a, "a.x", "10.0.0.1 10.0.0.2");
	know(&b, "b.x", "10.0.0.2 10.0.0.3");
	assert_string_equal(listed("\"10.0.0.2:80\", \"a.x:80\", \"b.x:80\", \"a.x:81\"", &list),
			    "10.0.0.2:80/1/0/0 10.0.0.1:80/1/0/2 10.0.0.3:80/1/0/3 10.0.0.1:81/1/0/4 "
			    "10.0.0.2:81/1/0/4");
}

static void e66_what_is_no_server(void **state)
{
	static const struct {
		const char *ip;
		int port;
		const char *why; /* NULL: it may be one */
	} rows[] = {
		{"0.0.0.0", 80, "it is no host's address"},
		{"::", 80, "it is no host's address"},
		{"::ffff:0.0.0.0", 80, "it is no host's address"},
		{"224.0.0.1", 80, "it is the address of a group"},
		{"239.255.255.255", 80, "it is the address of a group"},
		{"255.255.255.255", 80, "it is the address of a group"},
		{"ff02::1", 80, "it is the address of a group"},
		{"127.0.0.1", 9001, "a listener of this process has it"},
		{"::ffff:127.0.0.1", 9001, "a listener of this process has it"},
		{"127.0.0.1", 9002, "a listener of this process has it"},
		{"127.9.9.9", 9002, "a listener of this process has it"},
		{"::1", 9002, "a listener of this process has it"},
		{"127.0.0.2", 9001, NULL},
		{"127.0.0.1", 9003, NULL},
		{"192.0.2.1", 9002, NULL},
		{"10.0.0.1", 80, NULL},
		{"2001:db8::1", 80, NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct names_list list;
		char server[32];
		bool is_one;

		know(&a, "a.x", rows[i].ip);
		dns_name_init(&b, "b.x", false, DNS_BOTH, 0);
		snprintf(server, sizeof(server), "\"a.x:%d\"", rows[i].port);
		is_one = listed(server, &list)[0] != '\0';
		if (is_one != (rows[i].why == NULL) || (!is_one && strcmp(list.left_out.why, rows[i].why) != 0))
			fail_msg("%s: %s", rows[i].ip, is_one ? "a server" : list.left_out.why);
	}
}

/* A service may name any port, and 0 is none. */
static void e66_a_service_of_port_0(void **state)
{
	static const struct dns_rules rules = {.min_ttl = DNS_SECOND, .max_ttl = DNS_SECOND};
	struct dns_answer answer = {.status = DNS_OK, .sure = DNS_SURE_ALL};
	struct dns_record r = {.target = "t.x", .weight = 1};
	struct dns_question q;
	struct names_list list;

	(void)state;
	dns_name_init(&b, "b.x", false, DNS_BOTH, 0);
	dns_name_init(&a, "a.x", true, DNS_BOTH, 0);
	assert_int_equal(dns_answer_add(&answer, &r), 0);
	dns_set_ask(&a.set, DNS_SECOND, &q);
	(void)dns_set_answer(&a.set, &answer, &rules, DNS_SECOND, 0);
	dns_answer_fini(&answer);
	assert_int_equal(dns_name_follow(&a, no_question), 0);
	r = (struct dns_record){.family = AF_INET, .ip = {10, 0, 0, 1}};
	assert_int_equal(dns_answer_add(&answer, &r), 0);
	dns_set_ask(a.targets[0], DNS_SECOND, &q);
	(void)dns_set_answer(a.targets[0], &answer, &rules, DNS_SECOND, 0);
	dns_answer_fini(&answer);
	assert_string_equal(listed("\"srv:a.x\"", &list), "");
	assert_string_equal(list.left_out.why, "it has no port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e56_names_stand_in_their_place),
		cmocka_unit_test(an_address_stands_once),
		cmocka_unit_test(e66_what_is_no_server),
		cmocka_unit_test(e66_a_service_of_port_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
