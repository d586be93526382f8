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
	const char *binary = getenv("STAUNCH"), *got;
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
					 binary != NULL ? binary : "build/staunch", w.s->config));
	assert_int_equal(code, 0);
	assert_non_null(strstr(got, "add     listener more"));
	assert_string_equal(status_of(".generation"), "1\n");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o34_a_reload_reads_all_files_anew, kit_end),
		cmocka_unit_test_teardown(o40_a_plan_stays_below_the_directory, kit_end),
	};

	return cmocka_run_group_tests_name("process_include", tests, NULL, NULL);
}
