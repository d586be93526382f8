/* name_set: which patterns a name matches, and which of them is the most specific. */
#include "proxy/base/name_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789a"
#define N253 L63 "." L63 "." L63 "." L63 "." /* 256 bytes: cut where used */

static void what_is_no_pattern_is_refused(void **state)
{
	static const char *const bad[] = {
		"", ".", "**", "*.", ".*", "*.*", "**", "*.*.com", "*.example.*", "a.*.com", "*a.com", "a*.com",
		"*example.com", "example.com.", ".example.com", "a..b", "example com", "ex\xc3\xa4mple.com", "a/b",
		"::1", "[::1]", "a:80", L63 "x.com", "*." L63 "x", "*.example.com.", "mail..*",
	};
	struct name_set s;

	(void)state;
	assert_int_equal(name_set_init(&s, 4, NAME_ANY_DEPTH), 0);
	for (size_t i = 0; i < array_len(bad); i++)
		if (name_set_add(&s, bad[i]) != -NP_EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(s.n, 0);
	assert_int_equal(name_set_find(&s, "a", 1), -1);
	name_set_fini(&s);
}

/* D41: behind every other pattern, and of no certificate. */
static void a_star_alone_is_every_name(void **state)
{
	static const char *const names[] = {"a.example", "x.b.example", "c.example", "localhost"};
	static const char *const none[] = {"", ".", "*", "a..b", "a b", "a.example.."};
	struct name_set s;

	(void)state;
	assert_int_equal(name_set_init(&s, 4, NAME_ANY_DEPTH), 0);
	assert_int_equal(name_set_add(&s, "*"), 0);
	assert_int_equal(name_set_add(&s, "a.example"), 1);
	assert_int_equal(name_set_add(&s, "*.b.example"), 2);
	assert_int_equal(name_set_add(&s, "c.*"), 3);
	assert_int_equal(name_set_add(&s, "*"), 0);
	for (size_t i = 0; i < array_len(names); i++)
		assert_int_equal(name_set_find(&s, names[i], strlen(names[i])), (i + 1) % 4);
	for (size_t i = 0; i < array_len(none); i++)
		assert_int_equal(name_set_find(&s, none[i], strlen(none[i])), -1);
	name_set_fini(&s);

	assert_int_equal(name_set_init(&s, 1, NAME_ONE_LABEL), 0);
	assert_int_equal(name_set_add(&s, "*"), -NP_EINVAL);
	name_set_fini(&s);
}

static void numbers_are_given_in_order_and_once(void **state)
{
	struct name_set s;

	(void)state;
	assert_int_equal(name_set_init(&s, 4, NAME_ANY_DEPTH), 0);
	assert_int_equal(name_set_add(&s, "example.com"), 0);
	assert_int_equal(name_set_add(&s, "*.example.com"), 1);
	assert_int_equal(name_set_add(&s, "example.*"), 2);
	assert_int_equal(name_set_add(&s, "EXAMPLE.com"), 0);
	assert_int_equal(name_set_add(&s, "*.Example.Com"), 1);
	assert_int_equal(name_set_add(&s, "example.*"), 2);
	assert_int_equal(name_set_add(&s, "localhost"), 3);
	name_set_fini(&s);
}

static void names_up_to_their_longest(void **state)
{
	char name[] = N253, pattern[] = "*." N253;
	struct name_set s;

	(void)state;
	assert_int_equal(name_set_init(&s, 3, NAME_ANY_DEPTH), 0);
	name[NAME_MAX_BYTES + 1] = '\0';
	assert_int_equal(name_set_add(&s, name), -NP_EINVAL);
	assert_int_equal(name_set_add(&s, "localhost"), 0); /* a set of none looks at no name */
	assert_int_equal(name_set_find(&s, name, NAME_MAX_BYTES + 1), -1);
	name[NAME_MAX_BYTES] = '\0';
	assert_int_equal(name_set_add(&s, name), 1);
	assert_int_equal(name_set_find(&s, name, NAME_MAX_BYTES), 1);
	assert_int_equal(name_set_find(&s, name, NAME_MAX_BYTES - 1), -1);
	pattern[2 + NAME_MAX_BYTES] = '\0'; /* a pattern like another, though no name can be below this one */
	assert_int_equal(name_set_add(&s, pattern), 2);
	assert_int_equal(name_set_find(&s, pattern + 2, NAME_MAX_BYTES), 1);
	name_set_fini(&s);
}

/* The set of the next test; a row's answer is the pattern itself. */
static const char *const patterns[] = {
	"example.com",       "*.example.com", "*.db.example.com", "db.example.com", "mail.*", "mail.eu.*", "*.com",
	"a.db.example.com",  "localhost",     "_x-1.example.net", "*.one",
};

static const struct {
	const char *name, *want;
} found[] = {
	{"example.com", "example.com"},
	{"EXAMPLE.Com", "example.com"},
	{"example.com.", "example.com"},
	{"localhost", "localhost"},
	{"localhost.", "localhost"},
	{"_x-1.example.net", "_x-1.example.net"},
	{"a.example.com", "*.example.com"},
	{"A.B.C.Example.COM.", "*.example.com"},
	{"db.example.com", "db.example.com"},
	{"a.db.example.com", "a.db.example.com"},
	{"b.db.example.com", "*.db.example.com"},
	{"c.a.db.example.com", "*.db.example.com"},
	{"xdb.example.com", "*.example.com"},
	{"xexample.com", "*.com"},
	{"mail.example.com", "*.example.com"},
	{"mail.com", "*.com"},
	{"mail.org", "mail.*"},
	{"mail.eu.org", "mail.eu.*"},
	{"mail.eux.org", "mail.*"},
	{"mail.eu", "mail.*"},
	{"a.one", "*.one"},
	{"one", NULL},
	{"mail", NULL},
	{"xmail.org", NULL},
	{"a.mail.org", NULL},
	{"com", NULL},
	{"example.net", NULL},
	{"", NULL},
	{".", NULL},
	{"..", NULL},
	{".com", NULL},
	{".example.com", NULL},
	{"a..example.com", NULL},
	{"example.com..", NULL},
	{"*.example.com", NULL},
	{"*.com", NULL},
	{"mail.*", NULL},
	{"mail.", NULL},
	{"a b.example.com", NULL},
	{"\xff.example.com", NULL},
	{L63 ".com", "*.com"},
	{L63 "x.com", NULL},
	{N253 "com", NULL},
};

static void fill(struct name_set *s, enum name_depth depth)
{
	assert_int_equal(name_set_init(s, array_len(patterns), depth), 0);
	for (size_t i = 0; i < array_len(patterns); i++)
		assert_int_equal(name_set_add(s, patterns[i]), (int)i);
}

/* D7 */
static void the_most_specific_pattern_wins(void **state)
{
	struct name_set s;

	(void)state;
	fill(&s, NAME_ANY_DEPTH);
	for (size_t i = 0; i < array_len(found); i++) {
		int id = name_set_find(&s, found[i].name, strlen(found[i].name));
		const char *got = id < 0 ? "(none)" : patterns[id];
		const char *want = found[i].want == NULL ? "(none)" : found[i].want;

		if (strcmp(got, want) != 0)
			fail_msg("\"%s\": %s, want %s", found[i].name, got, want);
	}
	name_set_fini(&s);
}

/* D6: the bytes count, not what a string function makes of them. */
static void a_name_with_nul_matches_nothing(void **state)
{
	struct name_set s;

	(void)state;
	fill(&s, NAME_ANY_DEPTH);
	assert_int_equal(name_set_find(&s, "example.com\0", 12), -1);
	assert_int_equal(name_set_find(&s, "example.com\0.evil.com", 21), -1);
	assert_int_equal(name_set_find(&s, "evil\0.example.com", 17), -1);
	assert_int_equal(name_set_find(&s, NULL, 0), -1);
	name_set_fini(&s);
}

static void a_certificate_covers_one_label(void **state)
{
	struct name_set s;

	(void)state;
	fill(&s, NAME_ONE_LABEL);
	assert_int_equal(name_set_find(&s, "a.example.com", 13), 1);
	assert_int_equal(name_set_find(&s, "a.b.example.com", 15), -1);
	assert_int_equal(name_set_find(&s, "example.com", 11), 0);
	assert_int_equal(name_set_find(&s, "b.db.example.com", 16), 2);
	assert_int_equal(name_set_find(&s, "a.com", 5), 6);
	name_set_fini(&s);
}

static void all_matches_come_most_specific_first(void **state)
{
	static const char *const want[] = {"a.db.example.com", "*.db.example.com", "*.example.com", "*.com"};
	uint32_t ids[NAME_MATCH_MAX];
	struct name_set s;

	(void)state;
	fill(&s, NAME_ANY_DEPTH);
	assert_int_equal(name_set_match(&s, "a.db.example.com", 16, ids), array_len(want));
	for (size_t i = 0; i < array_len(want); i++)
		assert_string_equal(patterns[ids[i]], want[i]);
	assert_int_equal(name_set_match(&s, "mail.eu.example.com", 19, ids), 4);
	assert_string_equal(patterns[ids[0]], "*.example.com");
	assert_string_equal(patterns[ids[1]], "*.com");
	assert_string_equal(patterns[ids[2]], "mail.eu.*");
	assert_string_equal(patterns[ids[3]], "mail.*");
	name_set_fini(&s);
}

/* The name with the most dots, and every pattern it can match. */
static void as_many_matches_as_there_can_be(void **state)
{
	char name[NAME_MAX_BYTES + 1], pattern[NAME_MAX_BYTES + 3];
	uint32_t ids[NAME_MATCH_MAX];
	struct name_set s;

	(void)state;
	for (size_t i = 0; i < NAME_MAX_BYTES; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[NAME_MAX_BYTES] = '\0';
	assert_int_equal(name_set_init(&s, NAME_MATCH_MAX, NAME_ANY_DEPTH), 0);
	assert_int_equal(name_set_add(&s, name), 0);
	for (size_t i = 1; i < NAME_MAX_BYTES; i += 2) {
		snprintf(pattern, sizeof(pattern), "*%s", name + i);
		assert_true(name_set_add(&s, pattern) > 0);
		snprintf(pattern, sizeof(pattern), "%.*s*", (int)i + 1, name);
		assert_true(name_set_add(&s, pattern) > 0);
	}
	assert_true(name_set_add(&s, "*") > 0);
	assert_int_equal(name_set_match(&s, name, NAME_MAX_BYTES, ids), s.n);
	assert_int_equal(s.n, NAME_MAX_BYTES + 1);
	assert_int_equal(ids[0], 0);
	name_set_fini(&s);
}

static void thousands_of_names(void **state)
{
	enum { MANY = 5000 };
	struct name_set s;
	char text[64];

	(void)state;
	assert_int_equal(name_set_init(&s, MANY, NAME_ANY_DEPTH), 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), i % 2 ? "*.host-%d.example.com" : "host-%d.example.com", i);
		assert_int_equal(name_set_add(&s, text), i);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "host-%d.example.com", i);
		assert_int_equal(name_set_find(&s, text, strlen(text)), i % 2 ? -1 : i);
		snprintf(text, sizeof(text), "x.host-%d.example.com", i);
		assert_int_equal(name_set_find(&s, text, strlen(text)), i % 2 ? i : -1);
	}
	name_set_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(a_star_alone_is_every_name),
		cmocka_unit_test(numbers_are_given_in_order_and_once),
		cmocka_unit_test(names_up_to_their_longest),
		cmocka_unit_test(the_most_specific_pattern_wins),
		cmocka_unit_test(a_name_with_nul_matches_nothing),
		cmocka_unit_test(a_certificate_covers_one_label),
		cmocka_unit_test(all_matches_come_most_specific_first),
		cmocka_unit_test(as_many_matches_as_there_can_be),
		cmocka_unit_test(thousands_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
