/* The forms in which check reports to programs, read by programs that know nothing of it but the form. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flow/kit/programs.h"

static char out[16384], err[16384];

static const char right_text[] = "listeners:\n  - {name: web, bind: \"127.0.0.1:8080\", upstream: app}\n"
				 "upstreams:\n  - {name: app, servers: [\"127.0.0.1:1\"]}\n";
static const char two[] = "listeners:\n"
			    "  - name: web\n"
			    "    bind: \"127.0.0.1:8080\"\n"
			    "    upsteam: app\n"
			    "upstreams:\n"
			    "  - {name: app, servers: [\"127.0.0.1:1\"], retries: many}\n";

static int shell(const char *script)
{
	const char *path = kit_binary();
	struct kit_child *c = kit_child_start(
		"sh", KIT_ARGV("bash", "-c", script, path != NULL ? path : "build/staunch"));
	int status = kit_child_wait(c);

	kit_file_read(c->out, out, sizeof(out));
	kit_file_read(c->err, err, sizeof(err));
	return status;
}

static void json_report_is_json(void **state)
{
	char path[KIT_PATH], script[1024];

	(void)state;
	program_need("python3");
	kit_file_write("two.yaml", two, path);
	snprintf(script, sizeof(script),
		 "\"$0\" check --format json %s | python3 -c 'import json, sys\n"
		 "d = json.load(sys.stdin)\n"
		 "p = d[\"problems\"]\n"
		 "print(d[\"schema\"], d[\"errors\"], d[\"warnings\"], len(p), p[0][\"code\"], p[0][\"line\"], "
		 "p[0][\"column\"], p[0][\"suggestion\"])'; exit ${PIPESTATUS[0]}",
		 path);
	assert_int_equal(shell(script), 78);
	assert_string_equal(out, "1 2 0 2 E102 4 5 upstream\n");
	/* A key whose name brings a quote, a backslash and two bytes of UTF-8 into the message. */
	kit_file_write("odd.yaml", "\"a\\\"\\\\\xc3\xbc\": 1\n", path);
	snprintf(script, sizeof(script),
		 "\"$0\" check --format json %s | python3 -c 'import json, sys\n"
		 "print(json.load(sys.stdin)[\"problems\"][0][\"message\"].encode())'", path);
	assert_int_equal(shell(script), 0);
	assert_non_null(strstr(out, "a\"\\\\\\xc3\\xbc"));
}

/* Several files in one command; each form is read by a program that knows nothing of it but the format. */
static void o33_every_form_takes_several_files(void **state)
{
	char bad[KIT_PATH], right[KIT_PATH], script[2048];

	(void)state;
	program_need("python3");
	kit_file_write("two.yaml", two, bad);
	kit_file_write("good.yaml", right_text, right);
	snprintf(script, sizeof(script), "\"$0\" check --offline %s %s %s", right, bad, right);
	assert_int_equal(shell(script), 78);
	assert_non_null(strstr(out, "good.yaml is valid"));
	assert_non_null(strstr(err, "2 errors"));
	snprintf(script, sizeof(script),
		 "\"$0\" check --offline --format json %s %s | python3 -c 'import json, sys\n"
		 "print([json.loads(l)[\"errors\"] for l in sys.stdin])'",
		 right, bad);
	assert_int_equal(shell(script), 0);
	assert_string_equal(out, "[0, 2]\n");
	snprintf(script, sizeof(script),
		 "\"$0\" check --offline --format sarif %s %s %s | python3 -c 'import json, sys\n"
		 "r = json.load(sys.stdin)[\"runs\"][0]\n"
		 "ids = [i[\"id\"] for i in r[\"tool\"][\"driver\"][\"rules\"]]\n"
		 "found = [x[\"ruleId\"] for x in r[\"results\"]]\n"
		 "print(len(found), all(x in ids for x in found), len(ids) == len(set(ids)))'",
		 bad, right, bad);
	assert_int_equal(shell(script), 0);
	assert_string_equal(out, "4 True True\n");
	snprintf(script, sizeof(script), "\"$0\" check --offline --format github %s | grep -c ^::error", bad);
	assert_int_equal(shell(script), 0);
	assert_string_equal(out, "2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(json_report_is_json, kit_end),
		cmocka_unit_test_teardown(o33_every_form_takes_several_files, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
