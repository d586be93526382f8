/* The forms of `check` for programs: hostile texts and paths stay within their fields. */
#include "proxy/cli/cli_check_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct diag *two_problems(void)
{
	struct diag *d = diag_new();

	assert_non_null(d);
	diag_warn(d, DIAG_UNUSED, (struct config_pos){0}, "50%% of \"it\"");
	diag_error(d, DIAG_UNKNOWN_KEY, (struct config_pos){0}, "a, b: c");
	diag_suggest(d, "upstream");
	diag_help(d, "staunch explain x");
	return d;
}

/* What a form says of two files, the second without a problem. */
static char *said(const char *word, const char *path)
{
	const struct check_report *r = check_report_find(word);
	struct diag *d = two_problems(), *none = diag_new();
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (r->begin != NULL)
		r->begin(out);
	r->file(out, path, d, 0);
	r->file(out, "other.yaml", none, diag_shown(d));
	r->file(out, path, d, diag_shown(d));
	if (r->end != NULL)
		r->end(out);
	fclose(out);
	diag_free(d);
	diag_free(none);
	return text;
}

static void o33_github_commands(void **state)
{
	char *text = said("github", "a:b,c%.yaml");
	const char *one = "::error file=a%3Ab%2Cc%25.yaml,title=E102::a, b: c; did you mean \"upstream\"?%0A"
			  "help: staunch explain x\n";

	(void)state;
	assert_non_null(strstr(text, one));
	assert_non_null(strstr(text, "::warning file=a%3Ab%2Cc%25.yaml,title="));
	assert_non_null(strstr(text, "::50%25 of \"it\"\n"));
	free(text);
}

static void o33_json_lines(void **state)
{
	static const char other[] =
		"{\"schema\":1,\"file\":\"other.yaml\",\"errors\":0,\"warnings\":0,\"problems\":[]}\n";
	char *text = said("json", "a\"b");
	const char *line = strchr(text, '\n');

	(void)state;
	assert_non_null(strstr(text, "{\"schema\":1,\"file\":\"a\\\"b\",\"errors\":1,\"warnings\":1,\"problems\":["));
	assert_non_null(strstr(text, "\"message\":\"50% of \\\"it\\\"\""));
	assert_non_null(line);
	assert_int_equal(strncmp(line + 1, other, strlen(other)), 0);
	free(text);
}

static void o33_sarif_document(void **state)
{
	char *text = said("sarif", "/etc/a b.yaml"), *at = text;
	int results = 0;

	(void)state;
	while ((at = strstr(at, "{\"ruleId\"")) != NULL) {
		results++;
		at++;
	}
	assert_int_equal(results, 4);
	assert_null(strstr(text, ",,"));
	assert_null(strstr(text, "[,"));
	assert_non_null(strstr(text, "\"uri\":\"file:///etc/a%20b.yaml\""));
	assert_non_null(strstr(text, "\"text\":\"a, b: c; did you mean \\\"upstream\\\"?\\u000astaunch explain x\""));
	free(text);
}

static void o33_human_is_not_for_programs(void **state)
{
	(void)state;
	assert_null(check_report_find("human"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o33_github_commands),
		cmocka_unit_test(o33_json_lines),
		cmocka_unit_test(o33_sarif_document),
		cmocka_unit_test(o33_human_is_not_for_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
