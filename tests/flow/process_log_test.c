/* The lines of the process log, as programs and the journal read them (O26, O27, O28). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

#define SERVERS 6

/* A listener and an upstream of one server for each of n ports; `log` is the block of that name, or "". */
static const char *config(int first, const int *servers, int n, const char *log)
{
	static char text[8192];
	size_t at = (size_t)snprintf(text, sizeof(text), "workers: 2\nshutdown: {timeout: 5s}\n%slisteners:\n", log);

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "  - {name: l%d, bind: \"%s:%d\", upstream: u%d}\n", i, kit_ip(1), first + i, i);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "upstreams:\n");
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "  - {name: u%d, servers: [\"%s:%d\"]}\n", i,
				       kit_ip(0), servers[i]);
	return text;
}

/* jq -e FILTER over all lines of the file; every one must be JSON. */
static void jq_holds(const char *file, const char *filter)
{
	struct kit_child *jq;

	if (!kit_have("jq"))
		skip();
	jq = kit_child_start("jq", KIT_ARGV("jq", "-es", filter, file));
	if (kit_child_wait(jq) != 0)
		kit_fail("%s does not hold of %s: status %d", filter, file, jq->status);
}

static void refused(int port)
{
	int fd = kit_connect(kit_ip(1), port);

	kit_expect_fin(fd);
	close(fd);
}

/* O26: six servers fail at once: each has its line; the failures after it are one line a server at the end. */
static void o26_each_server_is_told_of(void **state)
{
	int servers[SERVERS], first = kit_port(kit_ip(1));
	struct kit_staunch *s;

	(void)state;
	for (int i = 0; i < SERVERS; i++)
		servers[i] = kit_refuser(kit_ip(0));
	s = kit_staunch_start(config(first, servers, SERVERS, ""));
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < SERVERS; i++)
			refused(first + i);
	for (int i = 0; i < SERVERS; i++)
		kit_staunch_wait_err(s, textf("\"message\":\"server u%d/%s:%d: ", i, kit_ip(0), servers[i]), 2);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	jq_holds(s->child->err, textf("([.[] | select(.event == \"connect_failed\")] | length >= %d) and "
				      "([.[] | select(.event == \"suppressed\" and .of == \"connect_failed\")] | "
				      "length == %d) and ([.[] | .suppressed // 0] | add) + "
				      "([.[] | select(.event == \"connect_failed\")] | length) == %d",
				      SERVERS, SERVERS, 3 * SERVERS));
}

/* O27: from the start to the stop, with a refused reload between, stderr is JSON, and the problems stand in it. */
static void o27_problems_are_json(void **state)
{
	int server = kit_refuser(kit_ip(0)), port = kit_port(kit_ip(1));
	struct kit_staunch *s;

	(void)state;
	s = kit_staunch_start(config(port, &server, 1, "log: {access: \"@DIR@/a.log\"}\n")); /* may be written there */
	kit_staunch_rewrite(s, textf("listeners:\n  - {name: web, bind: \"%s:%d\", upsteam: \"a\\u2028\\\"\"}\n"
				     "upstreams:\n  - {name: app, servers: [\"x\"], balance: best}\n",
				     kit_ip(1), port));
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "reload_failed", 1);
	/* who wants text in the access log does not want it here */
	kit_staunch_rewrite(s, config(port, &server, 1, "log: {access: \"@DIR@/a.log\", format: text}\n"));
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "\"event\":\"reloaded\"", 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	jq_holds(s->child->err,
		 "([.[] | select(.event == \"config_problems\")] | length == 1) and "
		 "([.[].problems // [] | .[]] | length >= 3 and all(.code and .file and .line and .column and "
		 ".message and .severity == \"error\")) and "
		 "([.[].problems // [] | .[] | select(.code == \"E102\" and .line == 2 and .suggestion == \"upstream\" "
		 "and .help)] | length == 1)");
}

/* O27: more problems than a line holds are several lines, each whole. */
static void o27_many_problems(void **state)
{
	int server = kit_refuser(kit_ip(0)), port = kit_port(kit_ip(1));
	char bad[8192] = "upstreams:\n  - {name: app, servers: [\"127.0.0.1:1\"]}\nlisteners:\n";
	struct kit_staunch *s;

	(void)state;
	s = kit_staunch_start(config(port, &server, 1, ""));
	for (int i = 0; i < 20; i++)
		snprintf(bad + strlen(bad), sizeof(bad) - strlen(bad),
			 "  - {name: l%d, bind: \"%s:%d\", upstream: app, key_%c_that_is_not_known: 1}\n", i, kit_ip(1),
			 port, 'a' + i);
	kit_staunch_rewrite(s, bad);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "reload_failed", 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	jq_holds(s->child->err, "([.[] | select(.event == \"config_problems\")] | length >= 2) and "
				"([.[].problems // [] | .[]] | length == 20)");
}

/* O27: a start that is refused. */
static void o27_a_refused_start(void **state)
{
	struct kit_staunch *s = kit_staunch_spawn("listeners: 1\n");

	(void)state;
	assert_int_equal(kit_child_wait(s->child), 78);
	jq_holds(s->child->err, "([.[] | select(.level == \"error\" and .event == \"config_problems\")] | "
				"length == 1) and ([.[].problems // [] | .[] | select(.line == 1)] | length >= 1)");
}

/* O27, O28: other forms say each problem in a line of its own, without excerpt and caret, and the journal's begin with
 * their level, those of the access log too. */
static void o28_each_line_has_its_level(void **state)
{
	int server = kit_refuser(kit_ip(0)), port = kit_port(kit_ip(1));
	struct kit_staunch *s;
	static char err[16384], out[16384];

	(void)state;
	s = kit_staunch_start(config(port, &server, 1, "log: {format: journal}\n"));
	refused(port);
	kit_staunch_rewrite(s, "listeners: 1\n");
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "<3>reload refused: ", 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_int_equal(kit_file_count(s->child->err, textf("<4>server u0/%s:%d: ", kit_ip(0), server)), 1);
	assert_int_equal(kit_file_count(s->child->err, textf("<3>%s:1:12: [E1", s->config)), 1);
	kit_file_read(s->child->err, err, sizeof(err));
	for (const char *line = err; *line != '\0'; line = strchr(line, '\n') + 1)
		assert_true(line[0] == '<' && line[1] >= '3' && line[1] <= '7' && line[2] == '>');
	kit_file_read(s->access, out, sizeof(out));
	assert_int_equal(strncmp(out, "<6>20", 5), 0);
}

/* O28: systemd's own word for it: the descriptor is that of JOURNAL_STREAM. What is asked for stays in its form. */
static void o28_the_journal_is_known(void **state)
{
	int server = kit_refuser(kit_ip(0)), port = kit_port(kit_ip(1));
	const char *command = "exec 2>$2; export JOURNAL_STREAM=$(stat -L -c %d:%i $2); exec $0 run -c $1";
	char file[KIT_PATH], err[KIT_PATH];
	struct kit_child *c;

	(void)state;
	for (int json = 0; json < 2; json++) {
		snprintf(err, sizeof(err), "%s/journal%d", kit_dir(), json);
		kit_file_write("j.yaml", config(port, &server, 1, json ? "log: {format: json}\n" : ""), file);
		c = kit_child_start("staunch", KIT_ARGV("bash", "-c", command, kit_binary(), file, err));
		kit_file_wait(err, "ready", 1);
		kit_child_signal(c, SIGTERM);
		assert_int_equal(kit_child_wait(c), 0);
		assert_true(kit_file_count(err, json ? "<5>{\"time\":" : "<5>ready") > 0);
	}
}

/* O27: on a terminal both logs are text, and a refused file has its carets; who asks for JSON has JSON there, too. */
static void o27_terminal(const char *log, bool json)
{
	int server = kit_refuser(kit_ip(0)), port = kit_port(kit_ip(1));
	char file[KIT_PATH], out[KIT_PATH], fresh[KIT_PATH];
	struct kit_child *c;

	if (!kit_have("script"))
		skip();
	kit_file_write("t.yaml", config(port, &server, 1, log), file);
	snprintf(out, sizeof(out), "%s/typescript", kit_dir());
	c = kit_child_start("script", KIT_ARGV("script", "-qfec",
					       textf("echo $$ >%s/pid; exec %s run -c %s", kit_dir(), kit_binary(),
						     file), out));
	kit_file_wait(out, json ? "\"event\":\"ready\"" : "notice: ready", 1);
	refused(port);
	kit_file_wait(out, json ? "\"staunch.close_reason\":\"connect_failed\"" : " reason=connect_failed ", 1);
	kit_file_write("t.fresh", "listeners: one\n", fresh);
	assert_int_equal(rename(fresh, file), 0);
	assert_int_equal(system(textf("kill -HUP $(cat %s/pid)", kit_dir())), 0);
	kit_file_wait(out, json ? "reload_failed" : "reload refused: ", 1);
	assert_int_equal(kit_file_count(out, "^^^") > 0, !json);
	assert_int_equal(kit_file_count(out, "\"problems\":["), json);
	assert_int_equal(system(textf("kill -TERM $(cat %s/pid)", kit_dir())), 0);
	assert_int_equal(kit_child_wait(c), 0);
}

static void o27_a_terminal_gets_text(void **state)
{
	(void)state;
	o27_terminal("", false);
}

static void o27_a_terminal_gets_what_is_asked_for(void **state)
{
	(void)state;
	o27_terminal("log: {format: json}\n", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o26_each_server_is_told_of, kit_end),
		cmocka_unit_test_teardown(o27_problems_are_json, kit_end),
		cmocka_unit_test_teardown(o27_many_problems, kit_end),
		cmocka_unit_test_teardown(o27_a_refused_start, kit_end),
		cmocka_unit_test_teardown(o28_each_line_has_its_level, kit_end),
		cmocka_unit_test_teardown(o28_the_journal_is_known, kit_end),
		cmocka_unit_test_teardown(o27_a_terminal_gets_text, kit_end),
		cmocka_unit_test_teardown(o27_a_terminal_gets_what_is_asked_for, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
