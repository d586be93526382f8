/* dns_name: what hosts and services become, with answers by a script. */
#include "proxy/resolve/dns_name.h"

#include <stdio.h>
#include <string.h>

#include "tests/kit/kit.h"

static const struct dns_rules rules = {.min_ttl = DNS_SECOND, .max_ttl = 3600 * DNS_SECOND, .hold = 30 * DNS_SECOND};

static struct dns_name name;
static int64_t now;
static int forgotten;

static void on_forget(struct dns_set *s)
{
	assert_true(s->asking);
	forgotten++;
}

static int end(void **state)
{
	dns_name_fini(&name, on_forget);
	return kit_end(state);
}

static void begin(const char *text, bool srv, enum dns_family family)
{
	now = 1000 * DNS_SECOND;
	forgotten = 0;
	dns_name_init(&name, text, srv, family, 80);
}

struct row {
	uint16_t priority, weight, port;
	const char *target;
};

/* The next question that is due is answered by these rows: services, or of a host its addresses, whose last byte is the
 * port. */
static struct dns_set *answer(const struct row *rows, unsigned n)
{
	struct dns_answer a = {.ttl = 60, .sure = DNS_SURE_ALL, .status = n > 0 ? DNS_OK : DNS_NO_DATA};
	int64_t when = INT64_MAX;
	struct dns_set *s = dns_name_due(&name, now, &when);
	struct dns_question q;

	if (s == NULL) {
		now = when;
		s = dns_name_due(&name, now, &when);
	}
	assert_non_null(s);
	dns_set_ask(s, now, &q);
	a.tcp = q.tcp;
	for (unsigned i = 0; i < n; i++) {
		struct dns_record r = {.priority = rows[i].priority, .weight = rows[i].weight, .port = rows[i].port};

		if (q.srv)
			snprintf(r.target, sizeof(r.target), "%s", rows[i].target);
		else
			r = (struct dns_record){.family = AF_INET, .ip = {10, 0, 0, (uint8_t)rows[i].port}};
		assert_int_equal(dns_answer_add(&a, &r), 0);
	}
	dns_set_answer(s, &a, &rules, now, 0);
	dns_answer_fini(&a);
	assert_int_equal(dns_name_follow(&name, on_forget), 0);
	return s;
}

/* All servers, as "10.0.0.1:80/tier/weight", with a blank between two. */
static const char *servers(void)
{
	static struct dns_server out[DNS_MEMBERS];
	static char text[DNS_MEMBERS * 40];
	bool cut = false;
	unsigned n = dns_name_servers(&name, out, &cut);
	size_t at = 0;

	assert_false(cut);
	text[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		char addr[NP_ADDR_TEXT];

		np_addr_format(&out[i].addr.u.sa, out[i].addr.len, addr, sizeof(addr));
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s/%u/%u%s", i > 0 ? " " : "", addr,
				       out[i].tier, out[i].weight, out[i].leaving ? "-" : "");
	}
	return text;
}

static void a_host(void **state)
{
	(void)state;
	begin("a.test", false, DNS_V4);
	assert_false(dns_name_answered(&name));
	assert_string_equal(servers(), "");
	answer((struct row[]){{.port = 2}, {.port = 1}}, 2);
	assert_true(dns_name_answered(&name));
	assert_string_equal(servers(), "10.0.0.1:80/0/1 10.0.0.2:80/0/1");
	answer((struct row[]){{.port = 2}}, 1);
	assert_string_equal(servers(), "10.0.0.1:80/0/1- 10.0.0.2:80/0/1");
}

static void e63_a_service(void **state)
{
	static const struct row services[] = {
		{20, 5, 7003, "b.test"},
		{10, 60, 7001, "a.test"},
		{10, 0, 7002, "a.test"},
		{30, 0, 7004, "b.test"},
	};
	int64_t before;

	(void)state;
	begin("_x._tcp.test", true, DNS_V4);
	assert_true(answer(services, 4)->srv);
	assert_false(dns_name_answered(&name));
	assert_string_equal(servers(), "");
	before = now;
	assert_string_equal(answer((struct row[]){{.port = 1}}, 1)->name, "a.test");
	assert_string_equal(answer((struct row[]){{.port = 2}, {.port = 3}}, 2)->name, "b.test");
	assert_true(now == before && dns_name_answered(&name));
	assert_string_equal(servers(), "10.0.0.1:7001/0/60 10.0.0.1:7002/1/1 10.0.0.2:7003/2/5 10.0.0.3:7003/2/5 "
				       "10.0.0.2:7004/3/1 10.0.0.3:7004/3/1");
}

static void e63_weights_are_scaled_together(void **state)
{
	static const struct row services[] = {
		{1, 65535, 1, "a.test"}, {1, 32768, 2, "a.test"}, {1, 1, 3, "a.test"},
		{2, 0, 4, "a.test"},     {2, 0, 5, "a.test"},
	};

	(void)state;
	begin("_x._tcp.test", true, DNS_V4);
	answer(services, 5);
	answer((struct row[]){{.port = 1}}, 1);
	assert_string_equal(servers(), "10.0.0.1:1/0/256 10.0.0.1:2/0/128 10.0.0.1:3/0/1 10.0.0.1:4/1/1 "
				       "10.0.0.1:5/1/1");
}

/* Each host has its own time to live, and a service that goes takes its host with it, whoever waits for an answer. */
static void e63_targets_come_and_go(void **state)
{
	static const struct row two[] = {{1, 1, 1, "a.test"}, {1, 1, 2, "b.test"}}, one[] = {{1, 1, 2, "b.test"}};
	int64_t when = INT64_MAX;
	struct dns_question q;

	(void)state;
	begin("_x._tcp.test", true, DNS_V4);
	answer(two, 2);
	answer((struct row[]){{.port = 1}}, 1);
	answer((struct row[]){{.port = 2}}, 1);
	assert_int_equal(name.ntargets, 2);
	answer(one, 1);
	assert_string_equal(servers(), "10.0.0.1:1/0/1- 10.0.0.2:2/0/1");
	dns_set_ask(name.targets[0], now + 2 * DNS_SECOND, &q);
	assert_string_equal(q.name, "a.test");
	now += 5 * DNS_SECOND;
	assert_true(dns_name_due(&name, now, &when) == &name.set);
	answer(one, 1);
	assert_int_equal(forgotten, 1);
	assert_int_equal(name.ntargets, 1);
	assert_string_equal(servers(), "10.0.0.2:2/0/1");
	dns_name_hurry(&name, now);
	assert_int_equal(name.set.due, now + DNS_GAP);
	assert_true(name.targets[0]->due <= now + DNS_GAP);
	answer((struct row[]){{0, 0, 0, "."}}, 1);
	answer((struct row[]){{0, 0, 0, "."}}, 1);
	assert_string_equal(servers(), "");
	assert_int_equal(name.ntargets, 0);
}

/* E62: a connect has failed: the service or its host may be another one now. */
static void e62_a_hurry_is_for_hosts_too(void **state)
{
	(void)state;
	begin("_x._tcp.test", true, DNS_V4);
	answer((struct row[]){{1, 1, 1, "a.test"}}, 1);
	answer((struct row[]){{.port = 1}}, 1);
	assert_int_equal(name.targets[0]->due, now + 60 * DNS_SECOND);
	dns_name_hurry(&name, now);
	assert_int_equal(name.set.due, now + DNS_GAP);
	assert_int_equal(name.targets[0]->due, now + DNS_GAP);
}

/* Two services on one host and port are one server. */
static void an_address_is_there_once(void **state)
{
	static const struct row two[] = {{1, 7, 1, "a.test"}, {2, 1, 1, "b.test"}};

	(void)state;
	begin("_x._tcp.test", true, DNS_V4);
	answer(two, 2);
	answer((struct row[]){{.port = 1}}, 1);
	answer((struct row[]){{.port = 1}}, 1);
	assert_string_equal(servers(), "10.0.0.1:1/0/7");
}

/* E66: services times addresses are bounded, too. */
static void e66_no_more_than_256_servers(void **state)
{
	static struct dns_server out[DNS_MEMBERS];
	struct row services[20], hosts[20];
	bool cut = false;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		services[i] = (struct row){1, 1, (uint16_t)(i + 1), "a.test"};
		hosts[i] = (struct row){.port = (uint16_t)(i + 1)};
	}
	begin("_x._tcp.test", true, DNS_V4);
	answer(services, 20);
	answer(hosts, 20);
	assert_int_equal(dns_name_servers(&name, out, &cut), DNS_MEMBERS);
	assert_true(cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_host, end),
		cmocka_unit_test_teardown(e63_a_service, end),
		cmocka_unit_test_teardown(e63_weights_are_scaled_together, end),
		cmocka_unit_test_teardown(e63_targets_come_and_go, end),
		cmocka_unit_test_teardown(e62_a_hurry_is_for_hosts_too, end),
		cmocka_unit_test_teardown(an_address_is_there_once, end),
		cmocka_unit_test_teardown(e66_no_more_than_256_servers, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
