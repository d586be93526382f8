/* The command line as its users type it: exit codes, and what stands on which of stdout and stderr. */
#include <stdio.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/cli/cli.h"
#include "tests/kit/kit.h"

#define WORDS 12
#define TEXT  65536

static char out[TEXT], err[TEXT];

/* "@DIR@/x" among the words becomes a file of the test's directory. */
static struct kit_child *start(const char *const words[])
{
	static char paths[WORDS][KIT_PATH];
	const char *argv[WORDS + 2] = {kit_binary()};

	for (int i = 0; words[i] != NULL; i++) {
		argv[i + 1] = words[i];
		if (strncmp(words[i], "@DIR@", 5) != 0)
			continue;
		snprintf(paths[i], KIT_PATH, "%s%s", kit_dir(), words[i] + 5);
		argv[i + 1] = paths[i];
	}
	return kit_child_start("cli", argv);
}

static int finish(struct kit_child *c)
{
	int status = kit_child_wait(c);

	kit_file_read(c->out, out, sizeof(out));
	kit_file_read(c->err, err, sizeof(err));
	return status;
}

static int run(const char *const words[])
{
	return finish(start(words));
}

static int shell(const char *script)
{
	return finish(kit_child_start("sh", (const char *const[]){"bash", "-c", script, kit_binary(), NULL}));
}

/* ---- words in, code and texts out ---- */

static bool says(const char *text, const char *wanted)
{
	return wanted != NULL ? strstr(text, wanted) != NULL : text[0] == '\0';
}

static void lines_end_as_they_should(void **state)
{
	static const struct {
		const char *words[WORDS];
		int status;
		const char *out, *err; /* a part of it; NULL: nothing at all */
	} rows[] = {
		{{NULL}, 2, NULL, "Examples:\n  staunch demo"},
		{{"--help"}, 0, "Exit codes:", NULL},
		{{"-h"}, 0, "Examples:", NULL},
		{{"help"}, 0, "Verbs:", NULL},
		{{"help", "check"}, 0, "--strict", NULL},
		{{"check", "--help"}, 0, "--strict", NULL},
		{{"help", "nothing"}, 2, NULL, "\"nothing\" is not a verb"},
		{{"chekc"}, 2, NULL, "did you mean \"check\"?"},
		{{"che"}, 2, NULL, "\"che\" is not a verb"},
		{{"xyzzy"}, 2, NULL, "\"xyzzy\" is not a verb\n"},
		{{"-c", "x"}, 2, NULL, "staunch run -c FILE"},
		{{"-s", "stop"}, 2, NULL, "staunch reload"},
		{{"check", "--stritc"}, 2, NULL, "did you mean --strict?"},
		{{"run", "--from", ":1"}, 2, NULL, "run has no option --from; proxy has"},
		{{"check", "--format", "yaml"}, 2, NULL, "must be one of human, json, github, sarif, not \"yaml\""},
		{{"check", "a", "-c", "b"}, 2, NULL, "both --config and a file are given"},
		{{"check", "@DIR@/missing"}, 78, NULL, "error[E401]"},
		{{"run", "-c", "@DIR@/missing"}, 78, NULL, "\"code\":\"E401\""},
		{{"config", "show", "-c", "@DIR@/missing"}, 78, NULL, "error[E401]"},
		{{"config", "show", "--effective", "--annotated"}, 2, NULL, "choose one"},
		{{"proxy", "--from", ":1"}, 2, NULL, "both --from and --to"},
		{{"proxy", "--from", ":1", "--to", "nonsense"}, 78, NULL, "command line:"},
		{{"proxy", "--from", ":1", "--to", "10.0.0.1:1,\"\n", "--print-config"}, 78, NULL, "command line:"},
		{{"demo", "--seconds", "0"}, 2, NULL, "from 2 to 3600"},
		{{"demo", "--seconds", "5s"}, 2, NULL, "from 2 to 3600"},
		{{"explain", "linger"}, 0, "listeners[].timeouts.linger", NULL},
		{{"explain"}, 0, "upstreams", NULL},
		{{"explain", "lingre"}, 2, NULL, "did you mean \"listeners[].timeouts.linger\"?"},
		{{"schema"}, 0, "json-schema.org/draft-07", NULL},
		{{"version"}, 0, "kernel", NULL},
		{{"-V"}, 0, "staunch ", NULL},
		{{"man", "staunch"}, 0, ".TH STAUNCH 1", NULL},
		{{"man", "staunch.yaml"}, 0, ".TH STAUNCH.YAML 5", NULL},
		{{"man", "staunch-probes"}, 0, ".TH STAUNCH\\-PROBES 7", NULL},
		{{"man", "staunch-api"}, 0, ".TH STAUNCH\\-API 7", NULL},
		{{"man", "staunch-log"}, 0, ".TH STAUNCH\\-LOG 7", NULL},
		{{"man", "staunch-metrics"}, 0, ".TH STAUNCH\\-METRICS 7", NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		int status = run(rows[i].words);

		if (status == rows[i].status && says(out, rows[i].out) && says(err, rows[i].err))
			continue;
		kit_fail("row %zu (%s): status %d\n--- stdout\n%s\n--- stderr\n%s", i,
			 rows[i].words[0] != NULL ? rows[i].words[0] : "no words", status, out, err);
	}
}

static void short_version_is_one_line(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"-V", NULL}), 0);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void every_verb_is_told_of(void **state)
{
	char wanted[64];

	(void)state;
	for (size_t i = 0; i < CLI_VERBS; i++) {
		snprintf(wanted, sizeof(wanted), "Usage: staunch %s ", cli_verbs[i].word);
		assert_int_equal(run((const char *const[]){cli_verbs[i].word, "--help", NULL}), 0);
		assert_non_null(strstr(out, wanted));
		snprintf(wanted, sizeof(wanted), "\n  %s ", cli_verbs[i].word);
		assert_int_equal(run((const char *const[]){"help", NULL}), 0);
		assert_non_null(strstr(out, wanted));
	}
}

/* V13: a file at its size limit, too, is told of by every verb, and kills none. */
static void unwritten_result_is_no_success(void **state)
{
	char limited[KIT_PATH + 64];

	(void)state;
	snprintf(limited, sizeof(limited), "ulimit -f 4; exec \"$0\" schema > %s/schema.json", kit_dir());
	assert_int_equal(shell(limited), 1);
	assert_non_null(strstr(err, "cannot write to standard output"));
	assert_int_equal(shell("\"$0\" schema > /dev/full"), 1);
	assert_non_null(strstr(err, "cannot write to standard output"));
	assert_int_equal(shell("\"$0\" check \"$0\" >&- 2>&-"), 78);
}

/* ---- check ---- */

static const char good[] = "listeners:\n"
			   "  - name: web\n"
			   "    bind: \"127.0.0.1:8080\"\n"
			   "    upstream: app\n"
			   "upstreams:\n"
			   "  - name: app\n"
			   "    servers: [\"127.0.0.1:9001\", \"127.0.0.1:9002\"]\n";

static const char eight[] = "workers: many\n"
			    "log:\n"
			    "  level: lowd\n"
			    "listeners:\n"
			    "  - name: web\n"
			    "    bind: \"127.0.0.1:99999\"\n"
			    "    upsteam: app\n"
			    "    timeouts: {idle: 10}\n"
			    "  - name: web\n"
			    "    bind: \"127.0.0.1:8081\"\n"
			    "    upstream: ap\n"
			    "upstreams:\n"
			    "  - name: app\n"
			    "    servers: [\"10.0.0.1:80\", \"10.0.0.1:80\"]\n";

/* In file order, each at its line and column. */
static const char *const eight_places[] = {
	"error[E202]", ":1:10\n", "error[E204]", ":3:10\n", "error[E205]", ":6:11\n", "error[E102]", ":7:5\n",
	"error[E201]", ":8:22\n", "error[E302]", ":9:11", "error[E301]", ":11:15", "error[E304]", ":14:30",
};

static void eight_mistakes_are_eight_reports(void **state)
{
	char path[KIT_PATH];
	const char *at = err;

	(void)state;
	kit_file_write("eight.yaml", eight, path);
	assert_int_equal(run((const char *const[]){"check", path, NULL}), 78);
	for (size_t i = 0; i < array_len(eight_places); i++) {
		const char *found = strstr(at, eight_places[i]);

		if (found == NULL)
			kit_fail("no \"%s\" in its turn in:\n%s", eight_places[i], err);
		at = found;
	}
	assert_non_null(strstr(at, "8 errors"));
	assert_null(strchr(err, '\033'));
	assert_string_equal(out, "");
	assert_int_equal(run((const char *const[]){"run", "-c", path, NULL}), 78);
	for (int n = 0; n < 8; n++) {
		at = strstr(n == 0 ? err : at + 1, "\"code\":\"E");
		if (at == NULL)
			kit_fail("%d of 8 errors in:\n%s", n, err);
	}
	assert_int_equal(run((const char *const[]){"check", path, "--color", "always", NULL}), 78);
	assert_non_null(strstr(err, "\033["));
}

static void strict_refuses_warnings(void **state)
{
	static const char unused[] = "  - name: idle\n    servers: [\"127.0.0.1:9003\"]\n";
	char text[sizeof(good) + sizeof(unused)], path[KIT_PATH];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", good, unused);
	kit_file_write("warns.yaml", text, path);
	assert_int_equal(run((const char *const[]){"check", path, NULL}), 0);
	assert_non_null(strstr(err, "warning[W301]"));
	assert_non_null(strstr(out, "2 upstreams with 3 servers"));
	assert_int_equal(run((const char *const[]){"check", "--strict", path, NULL}), 78);
}

static void aliases_lead_to_check(void **state)
{
	char path[KIT_PATH];

	(void)state;
	kit_file_write("good.yaml", good, path);
	assert_int_equal(run((const char *const[]){"-t", "-c", path, NULL}), 0);
	assert_non_null(strstr(out, "is valid: 1 listener on 1 address, 1 upstream with 2 servers\n"));
	assert_int_equal(run((const char *const[]){"validate", path, NULL}), 0);
	assert_int_equal(run((const char *const[]){"-T", "-f", path, NULL}), 0);
	assert_non_null(strstr(out, "# default"));
	setenv(CLI_CONFIG_ENV, path, 1);
	assert_int_equal(run((const char *const[]){"check", NULL}), 0);
	unsetenv(CLI_CONFIG_ENV);
	assert_non_null(strstr(out, "good.yaml is valid"));
}

/* What config show prints is a config file with the same values. */
/* -c -: a file that another program writes needs no place on a disk. */
static void config_from_standard_input(void **state)
{
	(void)state;
	assert_int_equal(shell("$0 proxy --from 127.0.0.1:0 --to 10.0.0.1:1 --print-config | "
			       "$0 check --offline -c -"),
			 0);
	assert_non_null(strstr(out, "- is valid: 1 listener on 1 address, 1 upstream with 1 server\n"));
	assert_int_equal(shell("echo 'workers: none' | $0 config show -c -"), 78);
	assert_non_null(strstr(err, " --> standard input:1:10\n"));
	assert_int_equal(shell("$0 check --offline -c - </dev/null"), 78);
	assert_non_null(strstr(err, "error[E106]: the file holds no settings\n"));
	assert_int_equal(shell("head -c 3000000 /dev/zero | tr '\\0' '#' | $0 check --offline -"), 78);
	assert_non_null(strstr(err, "error[E105]: standard input is larger than 1 MiB\n"));
}

static void shown_config_loads_to_itself(void **state)
{
	static char first[TEXT];
	char path[KIT_PATH];

	(void)state;
	kit_file_write("good.yaml", good, path);
	assert_int_equal(run((const char *const[]){"config", "show", "--annotated", "-c", path, NULL}), 0);
	memcpy(first, out, sizeof(first));
	kit_file_write("again.yaml", out, path);
	assert_int_equal(run((const char *const[]){"config", "show", "--annotated", "-c", path, NULL}), 0);
	assert_string_equal(out, first);
}

/* ---- proxy ---- */

static void options_become_a_file(void **state)
{
	static const char *const words[] = {
		"proxy", "--from", ":8080,:8081", "--to", "10.0.0.1:80,10.0.0.2:80",
		"--balance", "least_conn", "--access-log", "off", "--print-config", NULL,
	};
	char path[KIT_PATH];

	(void)state;
	assert_int_equal(run(words), 0);
	kit_file_write("made.yaml", out, path);
	assert_int_equal(run((const char *const[]){"config", "show", "-c", path, NULL}), 0);
	assert_non_null(strstr(out, "balance: least_conn "));
	assert_non_null(strstr(out, "access: off "));
	assert_non_null(strstr(out, "\":8081\""));
	assert_non_null(strstr(out, "\"10.0.0.2:80\""));
}

static void wait_ready(struct kit_child *c)
{
	kit_file_wait(c->err, "ready", 1);
}

static void proxy_relays_without_a_file(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0)), fd;
	char from[64], to[64];
	struct kit_child *c;

	(void)state;
	snprintf(from, sizeof(from), "%s:%d", kit_ip(0), port);
	snprintf(to, sizeof(to), "%s:%d", kit_ip(0), kit_peer_port(echo));
	c = start((const char *const[]){"proxy", "--from", from, "--to", to, NULL});
	wait_ready(c);
	fd = kit_connect(kit_ip(0), port);
	kit_send_stream(fd, 1, 0, 100000);
	kit_expect_stream(fd, 1, 0, 100000);
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	kit_child_signal(c, SIGTERM);
	assert_int_equal(finish(c), 0);
}

static void address_in_use_is_69(void **state)
{
	int port = 0, fd = kit_listen(kit_ip(0), &port, 1);
	char from[64];

	(void)state;
	snprintf(from, sizeof(from), "%s:%d", kit_ip(0), port);
	assert_int_equal(run((const char *const[]){"proxy", "--from", from, "--to", "127.0.0.1:1", NULL}), 69);
	assert_non_null(strstr(err, from));
	close(fd);
}

/* ---- demo ---- */

static void demo_loses_nothing(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"demo", "--seconds", "3", NULL}), 0);
	assert_non_null(strstr(out, "server b goes away"));
	assert_non_null(strstr(out, " away "));
	assert_non_null(strstr(out, "server b is back"));
	assert_non_null(strstr(out, "\nlost 0, changed 0; the proxy drained and ended with 0\n"));
	assert_null(strchr(out, '\r'));
	assert_null(strchr(out, '\033'));
	assert_string_equal(err, "");
}

static void interrupted_demo_sums_up(void **state)
{
	struct kit_child *c = start((const char *const[]){"demo", "--seconds", "600", NULL});

	(void)state;
	kit_file_wait(c->out, "  1.0s", 1);
	/* As a terminal does it: to the whole group. The proxy must not be in it, or it drains under its clients. */
	assert_int_equal(kill(-c->pid, SIGINT), 0);
	assert_int_equal(finish(c), 0);
	assert_non_null(strstr(out, "\nlost 0, changed 0;"));
	assert_null(strstr(out, "were opened while b was away"));
}

/* A chroot may have none. */
static bool has_terminals(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void live_line_is_written_over(void **state)
{
	char script[1024];

	(void)state;
	if (!kit_have("script") || !has_terminals())
		skip();
	snprintf(script, sizeof(script), "TERM=xterm script -qefc \"stty cols 60; '%s' demo --seconds 2\" /dev/null",
		 kit_binary());
	assert_int_equal(shell(script), 0);
	for (const char *at = strchr(out, '\r'); at != NULL; at = strchr(at + 1, '\r'))
		if (at[1] == ' ' && strcspn(at + 1, "\r\n") > 59 + strlen("\033[K"))
			kit_fail("a line wraps: %.80s", at + 1);
	assert_non_null(strstr(out, "\r  0.4s"));
	assert_non_null(strstr(out, "\033[1;32mlost 0, changed 0\033[0m"));
}

/* ---- what goes into packages ---- */

static void bash_completes(void **state)
{
	static const char script[] =
		"source <(\"$0\" completion bash)\n"
		"t() { COMP_WORDS=(staunch \"$@\"); COMP_CWORD=$#; _staunch; echo \"${COMPREPLY[@]}\"; }\n"
		"t comp; t check --form; t check --format ''; t proxy --balance least\n"
		"t help ru; t explain upstreams[].servers[].ad; t run ''; complete -p staunch\n";

	(void)state;
	assert_int_equal(shell(script), 0);
	assert_string_equal(out, "completion\n--format\nhuman json github sarif\nleast_conn\nrun\n"
			         "upstreams[].servers[].address\n\n"
				 "complete -F _staunch staunch\n");
	assert_string_equal(err, "");
}

static void zsh_and_fish_know_every_option(void **state)
{
	static const char *const shells[] = {"zsh", "fish"};
	char wanted[64];

	(void)state;
	for (size_t s = 0; s < array_len(shells); s++) {
		assert_int_equal(run((const char *const[]){"completion", shells[s], NULL}), 0);
		for (size_t i = 0; i < CLI_OPTS; i++) {
			snprintf(wanted, sizeof(wanted), s == 0 ? "'--%s" : " -l %s ", cli_opts[i].word);
			assert_non_null(strstr(out, wanted));
		}
		if (kit_have(shells[s]))
			assert_int_equal(shell(s == 0 ? "zsh -n <(\"$0\" completion zsh)"
						      : "\"$0\" completion fish | fish -n"), 0);
	}
}

static void manual_is_clean_roff(void **state)
{
	char wanted[64];

	(void)state;
	if (!kit_have("groff"))
		skip();
	assert_int_equal(shell("\"$0\" man staunch | groff -ww -man -Tutf8 -P-c -P-b -P-u"), 0);
	assert_string_equal(err, "");
	for (size_t i = 0; i < CLI_OPTS; i++) {
		snprintf(wanted, sizeof(wanted), "--%s", cli_opts[i].word);
		assert_non_null(strstr(out, wanted));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(lines_end_as_they_should, kit_end),
		cmocka_unit_test_teardown(short_version_is_one_line, kit_end),
		cmocka_unit_test_teardown(every_verb_is_told_of, kit_end),
		cmocka_unit_test_teardown(unwritten_result_is_no_success, kit_end),
		cmocka_unit_test_teardown(eight_mistakes_are_eight_reports, kit_end),
		cmocka_unit_test_teardown(strict_refuses_warnings, kit_end),
		cmocka_unit_test_teardown(aliases_lead_to_check, kit_end),
		cmocka_unit_test_teardown(config_from_standard_input, kit_end),
		cmocka_unit_test_teardown(shown_config_loads_to_itself, kit_end),
		cmocka_unit_test_teardown(options_become_a_file, kit_end),
		cmocka_unit_test_teardown(proxy_relays_without_a_file, kit_end),
		cmocka_unit_test_teardown(address_in_use_is_69, kit_end),
		cmocka_unit_test_teardown(demo_loses_nothing, kit_end),
		cmocka_unit_test_teardown(interrupted_demo_sums_up, kit_end),
		cmocka_unit_test_teardown(live_line_is_written_over, kit_end),
		cmocka_unit_test_teardown(bash_completes, kit_end),
		cmocka_unit_test_teardown(zsh_and_fish_know_every_option, kit_end),
		cmocka_unit_test_teardown(manual_is_clean_roff, kit_end),
	};

	return cmocka_run_group_tests_name("flow/b_cli", tests, NULL, NULL);
}
