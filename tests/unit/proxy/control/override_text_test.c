/* override_text: what is written is read, and nothing else: O11. */
#include "proxy/control/override_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

#define NO_OVERRIDE "it is no override, or is there twice"
#define WHOLE "schema: 1\noverrides:\n"

static char file[OVERRIDE_TEXT_MOST];

/* Without names. */
static int read_text(const char *text, size_t n, struct override_row **rows, char why[OVERRIDE_TEXT_WHY])
{
	char *names;
	int got = override_text_read(text, n, rows, &names, why);

	assert_null(names);
	return got;
}

static struct text fresh(void)
{
	struct text t;

	text_init(&t, file, sizeof(file));
	override_text_head(&t);
	return t;
}

/* Every setting with and without an end, and names that YAML would read as something else. */
static void o11_what_is_written_is_read(void **state)
{
	const struct server_inputs drained = {.admin = SERVER_DRAIN, .admin_weight = 0, .admin_most = SERVER_NO_LIMIT};
	const struct server_inputs weighed = {.admin_weight = 256, .admin_most = 30};
	const int64_t ends[SERVER_SETS] = {INT64_C(1767323045000006) * 1000, 0, INT64_C(4102444800) * NP_S};
	const int64_t none[SERVER_SETS] = {0};
	struct override_row *rows;
	char why[OVERRIDE_TEXT_WHY];
	struct text t = fresh();

	(void)state;
	override_text_row(&t, "app", "[::1]:80", &drained, ends);
	override_text_row(&t, "b.c-d", "unix:/x \\x22\"/'y", &weighed, none);
	assert_int_equal(read_text(file, t.n, &rows, why), 2);
	assert_string_equal(rows[0].upstream, "app");
	assert_string_equal(rows[0].address, "[::1]:80");
	assert_memory_equal(rows[0].ends, ends, sizeof(ends));
	assert_int_equal(rows[0].said.admin, SERVER_DRAIN);
	assert_int_equal(rows[0].said.admin_weight, 0);
	assert_int_equal(rows[0].said.admin_most, SERVER_NO_LIMIT);
	assert_string_equal(rows[1].upstream, "b.c-d");
	assert_string_equal(rows[1].address, "unix:/x \\x22\"/'y");
	assert_memory_equal(rows[1].ends, none, sizeof(none));
	assert_int_equal(rows[1].said.admin, SERVER_READY);
	assert_int_equal(rows[1].said.admin_weight, 256);
	assert_int_equal(rows[1].said.admin_most, 30);
	free(rows);
	t = fresh();
	rows = NULL;
	assert_int_equal(read_text(file, t.n, &rows, why), 0);
	free(rows);
}

/* E67: what is known of names is one text behind the overrides. */
static void e67_names_stand_behind(void **state)
{
	const struct server_inputs in = {.admin = SERVER_DRAIN, .admin_weight = -1};
	const int64_t none[SERVER_SETS] = {0};
	struct override_row *rows;
	char why[OVERRIDE_TEXT_WHY], *names;
	struct text t = fresh();

	(void)state;
	override_text_row(&t, "app", "10.0.0.1:80", &in, none);
	override_text_names(&t);
	text_str(&t, "  host a.x 1 10.0.0.1 ;\n  srv _b._tcp.x 2 1/2/3/c\\;#\"'.x ;\n");
	assert_int_equal(override_text_read(file, t.n, &rows, &names, why), 1);
	assert_string_equal(names, "host a.x 1 10.0.0.1 ; srv _b._tcp.x 2 1/2/3/c\\;#\"'.x ;");
	free(rows);
	free(names);
	t = fresh();
	override_text_names(&t);
	assert_int_equal(override_text_read(file, t.n, &rows, &names, why), 0);
	assert_string_equal(names, "");
	free(rows);
	free(names);
}

/* A half of it must not be restored: the reason has the line. */
static void o11_damaged_texts_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows_of[] = {
		{"", "it is empty"},
		{"schema: 2\noverrides:\n", "it is no state file of this version"},
		{"schema: 1\nother:\n", "there is no list of overrides, or it is too long"},
		{"schema: 1\n", "it is no state file of this version"},
		{"overrides:\n", "it is no state file of this version"},
		{WHOLE "more: 1\n", ""},
		{WHOLE "names: [a]\n", "what is known of names is no text"},
		{WHOLE "names: a\nmore: 1\n", "it is no state file of this version"},
		{WHOLE "  - app\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\"}\n", NO_OVERRIDE},
		{WHOLE "  - {state: \"drain\", weight: \"1\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app\", weight: \"1\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"/a:1\", weight: \"1\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/\", weight: \"1\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", weight: \"257\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", weight: \"-1\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", weight: [1]}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", max_connections: \"0\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", max_connections: \"99999999999\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", state: \"ready\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", state: \"drain until soon\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", state: \"drain until 2026-01-02T03:04:05\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", state: \"drain until 9999-01-02T03:04:05Z\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", speed: \"1\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", weight: \"1\"}\n"
		       "  - {server: \"app/a:1\", weight: \"2\"}\n", NO_OVERRIDE},
		{WHOLE "  - {server: \"app/a:1\", weight: \"1\"\n", ""},
		{WHOLE "  - &a [*a]\n", ""},
	};
	struct override_row *rows;
	char why[OVERRIDE_TEXT_WHY];

	(void)state;
	for (size_t i = 0; i < array_len(rows_of); i++) {
		const char *text = rows_of[i].text;

		why[0] = '\0';
		if (read_text(text, strlen(text), &rows, why) != -NP_EINVAL)
			fail_msg("row %zu is read: %s", i, text);
		if (why[0] == '\0' || strstr(why, rows_of[i].why) == NULL)
			fail_msg("row %zu: no \"%s\" in \"%s\"", i, rows_of[i].why, why);
	}
}

static size_t write_all(void)
{
	const struct server_inputs in = {.admin = SERVER_MAINT, .admin_weight = 5, .admin_most = 1000};
	const int64_t ends[SERVER_SETS] = {2000000000 * NP_S, 2000000000 * NP_S, 2000000000 * NP_S};
	struct text t = fresh();
	char address[32];

	for (int i = 0; i < OVERRIDES_MOST; i++) {
		snprintf(address, sizeof(address), "10.0.%d.%d:80", i / 250, i % 250);
		override_text_row(&t, "application", address, &in, ends);
	}
	assert_false(t.cut);
	return t.n;
}

/* As many as there may be, each with all settings, are within the bounds of the reader. */
static void o11_a_thousand_are_read(void **state)
{
	struct override_row *rows;
	char why[OVERRIDE_TEXT_WHY];

	(void)state;
	assert_int_equal(read_text(file, write_all(), &rows, why), OVERRIDES_MOST);
	free(rows);
}

/* Cut off anywhere, or with any byte changed, it is refused or read as fewer or other rows; ASan watches. */
static void o11_torn_texts_are_survived(void **state)
{
	const struct server_inputs in = {.admin = SERVER_DRAIN, .admin_weight = 5, .admin_most = 9};
	const int64_t ends[SERVER_SETS] = {2000000000 * NP_S, 0, 0};
	struct text t = fresh();
	char why[OVERRIDE_TEXT_WHY];
	struct override_row *rows;
	int refused = 0;

	(void)state;
	override_text_row(&t, "app", "10.0.0.1:80", &in, ends);
	override_text_row(&t, "app", "10.0.0.2:80", &in, ends);
	for (size_t n = 0; n < t.n; n++) {
		char *copy = malloc(n + 1); /* of its own size, so that one byte too many is seen */
		int got;

		memcpy(copy, file, n);
		got = read_text(copy, n, &rows, why);
		assert_true(got <= 2);
		refused += got < 0;
		if (got >= 0)
			free(rows);
		free(copy);
	}
	assert_true(refused > (int)t.n / 2);
	for (size_t i = 0; i < t.n * 8; i++) {
		file[i / 8] = (char)(file[i / 8] ^ 1 << i % 8);
		if (read_text(file, t.n, &rows, why) >= 0)
			free(rows);
		file[i / 8] = (char)(file[i / 8] ^ 1 << i % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o11_damaged_texts_are_refused), cmocka_unit_test(o11_what_is_written_is_read),
		cmocka_unit_test(o11_a_thousand_are_read),       cmocka_unit_test(o11_torn_texts_are_survived),
		cmocka_unit_test(e67_names_stand_behind),
	};

	return cmocka_run_group_tests_name("override_text", tests, NULL, NULL);
}
