/* O34: a configuration of several files in a process: a reload reads all of them anew, what is wrong is told with its
 * file, and a plan and `explain` know them. O40: the text of a plan reaches nothing outside of the directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

/* The main file has the control plane, the parts all the rest. */
struct parts_world {
	struct kit_staunch *s;
	int web, more, server;
};

static void write_part(const char *name, const char *text)
{
	char path[KIT_PATH], file[KIT_PATH];

	snprintf(path, sizeof(path), "%s/conf.d", kit_dir());
	(void)mkdir(path, 0755);
	snprintf(path, sizeof(path), "conf.d/%s", name);
	kit_file_write(path, text, file);
}

static void remove_part(const char *name)
{
	char path[KIT_PATH];

	snprintf(path, sizeof(path), "%s/conf.d/%s", kit_dir(), name);
	assert_int_equal(unlink(path), 0);
}

static const char *listener_of(const char *name, int port)
{
	return textf("# a part\nlisteners:\n  - name: %s\n    bind: \"%s:%d\"\n    upstream: app\n    routes:\n"
		     "      - {source: 127.0.0.0/8, upstream: app}\n", name, kit_ip(0), port);
}

static const char *main_text(void)
{
	return textf("%sinclude: conf.d/*.yaml\ncontrol: {socket: \"%s\"}\n", TWO_WORKERS, control_socket());
}

static struct parts_world parts_start(void)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct parts_world w = {.web = kit_port(kit_ip(0)),
				.more = kit_port(kit_ip(0)),
				.server = kit_peer_port(server)};

	write_part("10-app.yaml", textf("upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n", kit_ip(0), w.server));
	write_part("20-web.yaml", listener_of("web", w.web));
	w.s = kit_staunch_start(main_text());
	return w;
}

static const char *status_of(const char *filter)
{
	return control_shell_ok(textf("curl -sS --unix-socket $S http://localhost/v1/status | jq -r '%s'", filter));
}

static const char *reload_says(int code, const char *filter)
{
	int got;
	const char *out = control_shell(&got, textf("curl -sS --unix-socket $S -H 'X-Staunch: 1' -X POST "
						    "http://localhost/v1/reload | jq -c '%s'", filter));

	assert_int_equal(got, code);
	return out;
}

static void o34_a_reload_reads_all_files_anew(void **state)
{
	struct parts_world w;
	char hash[64];
	const char *said;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = parts_start();
	snprintf(hash, sizeof(hash), "%s", status_of(".config.hash"));
	end_orderly(served(kit_ip(0), w.web));
	write_part("30-more.yaml", listener_of("more", w.more));
	assert_string_equal(reload_says(0, "[.generation]"), "[2]\n");
	end_orderly(served(kit_ip(0), w.more));
	assert_string_not_equal(status_of(".config.hash"), hash);
	said = control_shell_ok("curl -sS --unix-socket $S 'http://localhost/v1/explain?listener=more&src=127.0.0.1' | "
				"jq -r '.rule|\"\\(.file) \\(.line)\"'");
	assert_string_equal(said, textf("%s/conf.d/30-more.yaml 7\n", kit_dir()));

	write_part("40-web.yaml", listener_of("web", w.more));
	said = reload_says(0, ".problems[]|select(.code==\"E302\")|[.file,.line,.note]");
	assert_string_equal(said, textf("[\"%s/conf.d/40-web.yaml\",3,"
					"\"the first is at %s/conf.d/20-web.yaml:3:11\"]\n", kit_dir(), kit_dir()));
	assert_string_equal(status_of(".generation"), "2\n");
	end_orderly(served(kit_ip(0), w.more));
	remove_part("40-web.yaml");
	remove_part("30-more.yaml");
	assert_string_equal(reload_says(0, "[.generation]"), "[3]\n");
	assert_true(kit_try_connect(kit_ip(0), w.more) < 0);
	assert_string_equal(status_of(".config.hash"), hash);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* ---- plans ---- */

static const char *plan_of(const char *text, const char *filter)
{
	char file[KIT_PATH];

	kit_file_write("plan.text", text, file);
	return control_shell_ok(textf("curl -sS --unix-socket $S -H 'X-Staunch: 1' --data-binary @%s "
				      "http://localhost/v1/plan | jq -c '%s'", file, filter));
}

static void o40_a_plan_stays_below_the_directory(void **state)
{
	static const char *const outside[] = {"/etc/shadow", "../*", "conf.d/link.yaml", "conf.d/pipe"};
	struct parts_world w;
	char path[KIT_PATH];
	const char *got;
	int code;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = parts_start();
	snprintf(path, sizeof(path), "%s/conf.d/link.yaml", kit_dir());
	assert_int_equal(symlink("/etc/shadow", path), 0);
	snprintf(path, sizeof(path), "%s/conf.d/pipe", kit_dir());
	assert_int_equal(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < array_len(outside); i++) {
		got = plan_of(textf("include: [\"%s\"]\n", outside[i]), "[.changes,[.errors[]|.code,.line]]");
		assert_string_equal(got, "[[],[\"E401\",1]]\n");
	}
	remove_part("link.yaml");
	write_part("30-more.yaml", listener_of("more", w.more));
	assert_string_equal(plan_of(main_text(), "[.errors,[.changes[]|[.kind,.object]]]"),
			    "[[],[[\"add\",\"listener more\"]]]\n");
	got = control_shell(&code, textf("%s check --against-live --socket $S %s 2>&1",
					 kit_binary(), w.s->config));
	assert_int_equal(code, 0);
	assert_non_null(strstr(got, "add     listener more"));
	assert_string_equal(status_of(".generation"), "1\n");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* ---- a file of another directory ---- */

static void write_next(const char *name, const char *text)
{
	char file[KIT_PATH];

	(void)mkdir(textf("%s/next", kit_dir()), 0755);
	(void)mkdir(textf("%s/next/conf.d", kit_dir()), 0755);
	kit_file_write(textf("next/%s", name), text, file);
}

/* O13, O34: what it includes is beside it, whatever the process has under these names. Its messages name its files. */
static void o13_a_file_of_another_directory(void **state)
{
	struct parts_world w;
	const char *said;

	(void)state;
	w = parts_start();
	write_next("staunch.yaml", textf("%sinclude: [conf.d/*.yaml, last.yaml]\ncontrol: {socket: \"%s\"}\n",
					 TWO_WORKERS, control_socket()));
	write_next("conf.d/10-app.yaml", textf("upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n", kit_ip(0),
					       w.server));
	write_next("last.yaml", listener_of("more", w.more));
	said = control_verb(0, textf("check --against-live --socket $S %s/next/staunch.yaml", kit_dir()));
	expect_part(said, "add     listener more");
	expect_part(said, "remove  listener web");
	said = control_verb(1, textf("config show --diff running --socket $S -c %s/next/staunch.yaml", kit_dir()));
	expect_part(said, "add     listener more");

	/* From elsewhere, by a short name, and of standard input. */
	said = control_shell_ok(textf("b=$(realpath %s); cd %s/next; $b check --against-live --socket $S staunch.yaml; "
				      "$b check --against-live --socket $S - <staunch.yaml", kit_binary(), kit_dir()));
	expect_part(said, "add     listener more");
	expect_part(strstr(said, "in force") + 1, "add     listener more");

	/* A folder without a match is empty, though the process's own is not. */
	write_next("staunch.yaml", textf("%sinclude: [none.d/*.yaml, last.yaml, conf.d/10-app.yaml]\n"
					 "control: {socket: \"%s\"}\n", TWO_WORKERS, control_socket()));
	expect_part(control_verb(0, textf("check --against-live --socket $S %s/next/staunch.yaml", kit_dir())),
		    "remove  listener web");

	/* What the process alone finds is told of the file that was read here. */
	write_next("last.yaml", textf("%s    tls: {certificates: [{cert: conf.d, key: conf.d}]}\n",
				      listener_of("more", w.more)));
	said = control_verb(78, textf("check --against-live --socket $S %s/next/staunch.yaml", kit_dir()));
	expect_part(said, textf("  --> %s/next/last.yaml:8:", kit_dir()));
	/* And what is wrong here, here. */
	write_next("last.yaml", "listners: []\n");
	said = control_verb(78, textf("check --against-live --socket $S %s/next/staunch.yaml", kit_dir()));
	expect_part(said, textf("  --> %s/next/last.yaml:1:1", kit_dir()));
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* O40: a text that brings its files makes the process read none, whatever its patterns and names say. */
static void o40_what_a_plan_brings_is_all(void **state)
{
	static const char *const texts[] = {
		"include: conf.d/20-web.yaml\n\x1c",
		"include: conf.d/20-web.yaml\n\x1c" "conf.d/20-web.yam\n\x1c",
		"include: /etc/shadow\n\x1c" "shadow\na: 1\n\x1c",
		"include: ../x\n\x1c/etc/shadow\n\x1c",
	};
	struct parts_world w;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = parts_start();
	for (size_t i = 0; i < array_len(texts); i++)
		assert_string_equal(plan_of(texts[i], "[.changes,[.errors[]|.code,.line,.message]]"),
				    textf("[[],[\"E401\",1,\"cannot read %.*s: no such file\"]]\n",
					  (int)strcspn(texts[i] + 9, "\n"), texts[i] + 9));
	assert_string_equal(plan_of(textf("%s\x1c" "conf.d/1.yaml\n%s\x1c" "conf.d/2.yaml\n"
					  "upstreams: [{name: other, servers: [\"unix:x\"]}]\n\x1c",
					  main_text(), listener_of("more", w.more)),
				    "[[.changes[].object],[.errors[]|[.code,.file,.line]]]"),
			    "[[],[[\"E301\",\"conf.d/1.yaml\",5],[\"E301\",\"conf.d/1.yaml\",7]]]\n");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o34_a_reload_reads_all_files_anew, kit_end),
		cmocka_unit_test_teardown(o13_a_file_of_another_directory, kit_end),
		cmocka_unit_test_teardown(o40_what_a_plan_brings_is_all, kit_end),
		cmocka_unit_test_teardown(o40_a_plan_stays_below_the_directory, kit_end),
	};

	return cmocka_run_group_tests_name("process_include", tests, NULL, NULL);
}
