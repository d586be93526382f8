/* names_text: what is written is read, and nothing else: E67. */
#include "proxy/control/names_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kit/kit.h"

static char file[1 << 18];

/* A set that was answered by this, at 1. */
static void answered(struct dns_set *s, const struct dns_record *records, unsigned n)
{
	const struct dns_rules rules = {.max_ttl = DNS_SECOND};
	struct dns_answer a = {.status = DNS_OK, .sure = DNS_SURE_ALL};
	struct dns_question q;

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(dns_answer_add(&a, &records[i]), 0);
	dns_set_ask(s, 1, &q);
	(void)dns_set_answer(s, &a, &rules, 1, 0);
	dns_answer_fini(&a);
}

static struct dns_record address(const char *ip)
{
	struct dns_record r = {.family = strchr(ip, ':') != NULL ? AF_INET6 : AF_INET};

	assert_int_equal(inet_pton(r.family, ip, r.ip), 1);
	return r;
}

/* As the reader of the state file hands it out: lines joined by blanks, without indentation. */
static void as_read(struct text *t)
{
	size_t to = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->p[i] == ' ' && (i == 0 || t->p[i - 1] == '\n'))
			i++; /* of two */
		else
			file[to++] = t->p[i] == '\n' ? ' ' : t->p[i];
	}
	file[to > 0 ? to - 1 : 0] = '\0';
}

static void expect_part_first(const char *part)
{
	if (strncmp(file, part, strlen(part)) != 0)
		fail_msg("%s", file);
}

/* Once, in a text of its own. */
static bool finds(const char *text, const struct dns_set *s, struct dns_answer *a, int64_t *wall)
{
	struct names_lines l;
	bool found;

	names_lines_init(&l, strdup(text));
	found = names_text_find(&l, s, a, wall);
	names_lines_fini(&l);
	return found;
}

static void expect_same(const struct dns_set *s, const char *text, int64_t wall)
{
	struct dns_answer a;
	int64_t got = -1;

	assert_true(finds(text, s, &a, &got));
	assert_int_equal(got, wall);
	assert_int_equal(a.status, DNS_OK);
	assert_int_equal(a.n, s->n);
	for (unsigned i = 0; i < a.n; i++) {
		assert_int_equal(dns_record_compare(&a.records[i], &s->members[i].record), 0);
		assert_int_equal(a.records[i].weight, s->members[i].record.weight);
	}
	dns_answer_fini(&a);
}

static void e67_what_is_written_is_read(void **state)
{
	struct dns_record hosts[] = {address("10.0.0.1"), address("10.0.0.2"), address("2001:db8::1")};
	struct dns_record services[] = {
		{.priority = 65535, .weight = 65535, .port = 65535, .target = "a\\;b\\032/c.x"},
		{.priority = 0, .weight = 0, .port = 0, .target = "."},
	};
	struct dns_set sets[3];
	struct text t;

	(void)state;
	dns_set_init(&sets[0], "db.internal", false, DNS_BOTH);
	dns_set_init(&sets[1], "db.internal", true, DNS_BOTH); /* the same name, another question */
	dns_set_init(&sets[2], "host", false, DNS_BOTH);
	answered(&sets[0], hosts, 3);
	answered(&sets[1], services, 2);
	answered(&sets[2], hosts, 1);
	text_init(&t, file, sizeof(file));
	for (int i = 0; i < 3; i++)
		names_text_put(&t, &sets[i], (1796083200 + i) * DNS_SECOND + 999);
	assert_false(t.cut);
	as_read(&t);
	expect_part_first("host db.internal 1796083200 10.0.0.1 10.0.0.2 2001:db8::1 ; srv db.internal 1796083201 ");
	for (int i = 0; i < 3; i++)
		expect_same(&sets[i], file, (1796083200 + i) * DNS_SECOND);
	for (int i = 0; i < 3; i++)
		dns_set_fini(&sets[i]);
}

/* The largest set there may be is read again, too. */
static void e67_the_largest_set(void **state)
{
	struct dns_record *all = calloc(DNS_MEMBERS, sizeof(*all));
	struct dns_set set;
	struct text t;

	(void)state;
	for (unsigned i = 0; i < DNS_MEMBERS; i++) {
		all[i] = (struct dns_record){.priority = 10000, .weight = 10000, .port = (uint16_t)(10000 + i)};
		memset(all[i].target, 'a', DNS_NAME - 1);
	}
	dns_set_init(&set, "db.internal", true, DNS_BOTH);
	answered(&set, all, DNS_MEMBERS);
	text_init(&t, file, sizeof(file));
	names_text_put(&t, &set, DNS_SECOND);
	assert_false(t.cut);
	as_read(&t);
	expect_same(&set, file, DNS_SECOND);
	dns_set_fini(&set);
	free(all);
}

/* Without room it is left out whole, and the next one may still fit. */
static void what_has_no_room_is_left_out(void **state)
{
	struct dns_record hosts[] = {address("10.0.0.1"), address("10.0.0.2"), address("10.0.0.3")};
	struct dns_set large, small;
	struct text t;
	char room[40];

	(void)state;
	dns_set_init(&large, "large", false, DNS_V4);
	dns_set_init(&small, "small", false, DNS_V4);
	answered(&large, hosts, 3);
	answered(&small, hosts, 1);
	text_init(&t, room, sizeof(room));
	names_text_put(&t, &large, DNS_SECOND);
	assert_int_equal(t.n, 0);
	names_text_put(&t, &small, DNS_SECOND);
	assert_false(t.cut);
	assert_int_equal(t.n, strlen("  host small 1 10.0.0.1 ;\n"));
	assert_memory_equal(room, "  host small 1 10.0.0.1 ;\n", t.n);
	dns_set_fini(&large);
	dns_set_fini(&small);
}

enum { MANY = 2000 };

/* Each of two thousand names, in an order that is not the text's; of two lines of a name the first; and damaged ones
 * between them take none away. */
static void e67_each_of_many_is_found(void **state)
{
	char *text = NULL, name[32];
	struct names_lines l;
	struct dns_set set;
	struct dns_answer a;
	int64_t wall;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		fprintf(out, "host n%u.x %u 10.0.0.1 ; ; srv ; host  ; host n%u.x 5 10.0.0.2 ; ", i * 7 % MANY,
			i * 7 % MANY + 10, i * 7 % MANY);
	assert_int_equal(fclose(out), 0);
	names_lines_init(&l, text);
	for (unsigned i = 0; i < MANY + 2; i++) {
		snprintf(name, sizeof(name), i == MANY ? "a.x" : "n%u.x", i);
		dns_set_init(&set, name, false, DNS_BOTH);
		assert_int_equal(names_text_find(&l, &set, &a, &wall), i < MANY);
		if (i < MANY) {
			assert_int_equal(wall, (i + 10) * DNS_SECOND);
			dns_answer_fini(&a);
		}
		dns_set_fini(&set);
	}
	names_lines_fini(&l);
	names_lines_init(&l, NULL);
	dns_set_init(&set, "n0.x", false, DNS_BOTH);
	assert_false(names_text_find(&l, &set, &a, &wall));
	dns_set_fini(&set);
	names_lines_fini(&l);
}

/* Half a set is a set that nobody answered. */
static void e67_damage_is_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"host",
		"host a.x",
		"host a.x 1 10.0.0.1",
		"host a.x 1 ;",
		"host a.x  1 10.0.0.1 ;",
		"host a.x -1 10.0.0.1 ;",
		"host a.x 1x 10.0.0.1 ;",
		"host a.x 99999999999999999999 10.0.0.1 ;",
		"host a.x 1 10.0.0.1 10.0.0 ;",
		"host a.x 1 1/2/3/b.x ;",
		"host a.xx 1 10.0.0.1 ;",
		"srv a.x 1 10.0.0.1 ;",
	};
	static const char *const services[] = {
		"srv a.x 1 1/2/3 ;", "srv a.x 1 1/2/3/ ;", "srv a.x 1 1/2/65536/b.x ;",
		"srv a.x 1 1//3/b.x ;", "srv a.x 1 ;", "host a.x 1 10.0.0.1 ;",
	};
	struct dns_set host, service;
	struct dns_answer a;
	int64_t wall;

	(void)state;
	dns_set_init(&host, "a.x", false, DNS_BOTH);
	dns_set_init(&service, "a.x", true, DNS_BOTH);
	for (size_t i = 0; i < array_len(texts); i++)
		if (finds(texts[i], &host, &a, &wall))
			fail_msg("it is read: %s", texts[i]);
	for (size_t i = 0; i < array_len(services); i++)
		if (finds(services[i], &service, &a, &wall))
			fail_msg("it is read: %s", services[i]);
	dns_set_fini(&host);
	dns_set_fini(&service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e67_what_is_written_is_read),
		cmocka_unit_test(e67_the_largest_set),
		cmocka_unit_test(what_has_no_room_is_left_out),
		cmocka_unit_test(e67_each_of_many_is_found),
		cmocka_unit_test(e67_damage_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
