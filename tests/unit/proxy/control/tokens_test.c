/* tokens: which files are taken, which texts match. */
#include "proxy/control/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"

#define T32 "0123456789abcdef0123456789abcdef"
#define T33 T32 "x"

/* What is wrong with a file of these bytes; NULL: nothing, and *out is its tokens. */
static const char *wrong_with(const char *bytes, mode_t mode, struct tokens **out)
{
	static char why[512];
	char path[KIT_PATH];
	struct text t;

	kit_file_write("tokens", bytes, path);
	assert_int_equal(chmod(path, mode), 0);
	text_init(&t, why, sizeof(why) - 1);
	if (tokens_load(path, out, &t) == 0)
		return NULL;
	why[t.n] = '\0';
	return why;
}

static struct tokens *taken(const char *bytes)
{
	struct tokens *t = NULL;
	const char *why = wrong_with(bytes, 0600, &t);

	if (why != NULL)
		kit_fail("refused: %s", why);
	return t;
}

static bool matches(struct tokens *t, const char *text)
{
	return tokens_match(t, text, strlen(text));
}

static void o39_one_token_a_line(void **state)
{
	struct tokens *t = taken(T32 "\n" T33);

	(void)state;
	assert_true(matches(t, T32));
	assert_true(matches(t, T33));
	assert_false(matches(t, T33 "x"));
	assert_false(matches(t, "1123456789abcdef0123456789abcdef"));
	assert_false(matches(t, ""));
	tokens_free(t);
	t = taken("\n" T32 "\r\n\n");
	assert_true(matches(t, T32));
	assert_false(matches(t, T32 "\r"));
	tokens_free(t);
	assert_false(tokens_match(NULL, T32, 32));
}

static void o39_without_a_file_none_matches(void **state)
{
	struct tokens *t = NULL;
	char why[64];
	struct text text;

	(void)state;
	text_init(&text, why, sizeof(why));
	assert_int_equal(tokens_load(NULL, &t, &text), 0);
	assert_false(matches(t, T32));
	tokens_free(t);
}

static void o39_what_is_refused(void **state)
{
	static char many[65 * 33 + 1];
	struct tokens *t;

	(void)state;
	assert_non_null(strstr(wrong_with("", 0600, &t), "it is empty"));
	assert_non_null(strstr(wrong_with("\n\n", 0600, &t), "it is empty"));
	assert_non_null(strstr(wrong_with("short\n", 0600, &t), "fewer than 32 bytes"));
	assert_non_null(strstr(wrong_with(T32 "\nshort", 0600, &t), "fewer than 32 bytes"));
	assert_non_null(strstr(wrong_with(T32 "\n", 0604, &t), "chmod o="));
	assert_null(wrong_with(T32 "\n", 0640, &t));
	tokens_free(t);
	for (size_t i = 0; i < 65; i++)
		memcpy(many + i * 33, T32 "\n", 33);
	assert_non_null(strstr(wrong_with(many, 0600, &t), "more than 64"));
}

static void o39_only_a_regular_file(void **state)
{
	char path[KIT_PATH + 16], why[512];
	struct tokens *t;
	struct text text;

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", kit_dir());
	assert_int_equal(mkfifo(path, 0600), 0);
	text_init(&text, why, sizeof(why) - 1);
	assert_int_not_equal(tokens_load(path, &t, &text), 0);
	text_init(&text, why, sizeof(why) - 1);
	assert_int_equal(tokens_load("/nowhere/tokens", &t, &text), -NP_ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o39_one_token_a_line, kit_end),
		cmocka_unit_test(o39_without_a_file_none_matches),
		cmocka_unit_test_teardown(o39_what_is_refused, kit_end),
		cmocka_unit_test_teardown(o39_only_a_regular_file, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
