/* shape: names, patterns, protocols and pins: each form that is taken, each slip with its
 * sentence. */
#include "config/shape.h"

#include "netpoll/err.h"
#include "tests/unit/config/load.h"

#define A10 "aaaaaaaaaa"
#define A63 A10 A10 A10 A10 A10 A10 "aaa"
#define A64 A63 "a"
#define PIN42 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF"

/* A text, and a part of why it is refused; NULL: it is taken. */
struct row {
	const char *text, *why;
};

typedef int (*check_fn)(const char *text, const char **why);

static void check_rows(const struct row *rows, size_t n, check_fn check)
{
	for (size_t i = 0; i < n; i++) {
		const char *why = NULL;
		int err = check(rows[i].text, &why);

		if (rows[i].why == NULL ? err != 0 : err != -NP_EINVAL || strstr(why, rows[i].why) == NULL)
			fail_msg("\"%s\": %d, %s", rows[i].text, err, why == NULL ? "no sentence" : why);
	}
}

static const struct row common[] = {
	{"", "and each has a letter at least"},
	{".", "and each has a letter at least"},
	{"a.", "and each has a letter at least"},
	{".a", "and each has a letter at least"},
	{"a..b", "and each has a letter at least"},
	{A64 ".b", "at most 63 letters"},
	{A63 "." A63 "." A63 "." A63, "at most 253 letters"},
	{"a.b:443", "no port"},
	{"https", NULL},
	{"a/b", "not a URL"},
	{"me@a.b", "not a URL"},
	{"a b", "letters, digits"},
	{"b\xC3\xBC" "cher.example", "xn-- form"},
	{"10.0.0.1", "never sent as a name"},
	{"2001:db8::1", "never sent as a name"},
	{A63 "." A63 "." A63 "." A10 A10 A10 A10 A10 A10 "a", NULL},
	{"DB.Example_1-x.com", NULL},
	{"xn--bcher-kva.example", NULL},
	{"1e3", NULL},
};

static int host(const char *text, const char **why)
{
	return shape_host(text, false, why);
}

static int host_or_ip(const char *text, const char **why)
{
	return shape_host(text, true, why);
}

static void host_names(void **state)
{
	static const struct row rows[] = {{"*.a.b", "letters, digits"}, {"a.*", "letters, digits"}, {"*", "letters"}};
	static const struct row also_ip[] = {
		{"10.0.0.1", NULL}, {"2001:db8::1", NULL}, {"a.b", NULL},
		{"[::1]", "no port"}, {"10.0.0.1:80", "no port"},
	};

	(void)state;
	check_rows(common, array_len(common), host);
	check_rows(rows, array_len(rows), host);
	check_rows(also_ip, array_len(also_ip), host_or_ip);
}

static int pattern(const char *text, const char **why)
{
	return shape_pattern(text, false, why);
}

static int pattern_or_star(const char *text, const char **why)
{
	return shape_pattern(text, true, why);
}

static void patterns(void **state)
{
	static const struct row rows[] = {
		{"*.", "one * stands for"},
		{".*", "one * stands for"},
		{"*.*", "one * stands for"},
		{"*.a.*", "one * stands for"},
		{"a.*.b", "one * stands for"},
		{"*a.b", "one * stands for"},
		{"a.b*", "one * stands for"},
		{"*..a", "and each has a letter at least"},
		{"a..*", "and each has a letter at least"},
		{"*.a b", "letters, digits"},
		{"*.example.com", NULL},
		{"*.com", NULL},
		{"example.*", NULL},
		{"a.example.*", NULL},
	};

	static const struct row star[] = {{"*", NULL}}, no_star[] = {{"*", "one * stands for"}};

	(void)state;
	check_rows(common, array_len(common), pattern);
	check_rows(rows, array_len(rows), pattern);
	check_rows(rows, array_len(rows), pattern_or_star);
	check_rows(star, array_len(star), pattern_or_star);
	check_rows(no_star, array_len(no_star), pattern);
}

static void protocols(void **state)
{
	static const struct row rows[] = {
		{A63 A64 A64 A64 "a", "at most 255"},
		{A63 A64 A64 A64, NULL},
		{"h 2", "printable"},
		{"h\x7f", "printable"},
		{"\xC3\xA9", "printable"},
		{"http/1.1", NULL},
		{"!~", NULL},
	};

	(void)state;
	check_rows(rows, array_len(rows), shape_protocol);
}

static void pins(void **state)
{
	static const struct row rows[] = {
		{"", "44 letters"},
		{PIN42 "U=", NULL},
		{PIN42 "U", "44 letters"},
		{PIN42 "U==", "44 letters"},
		{PIN42 "UA=", "44 letters"},
		{PIN42 "=", "44 letters"},
		{PIN42 "V=", "does not end like this"},
		{"sha256/" PIN42 "U=", "without sha256/"},
		{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "44 letters"},
		{"-" PIN42 "=", "44 letters"},
	};

	(void)state;
	check_rows(rows, array_len(rows), shape_pin);
}

static void addresses(void **state)
{
	(void)state;
	assert_true(shape_is_ip("127.0.0.1") && shape_is_ip("::"));
	assert_false(shape_is_ip("127.1") || shape_is_ip("a.b") || shape_is_ip("") || shape_is_ip("10.0.0.0/8"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_names),
		cmocka_unit_test(patterns),
		cmocka_unit_test(protocols),
		cmocka_unit_test(pins),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
