/* O35: what verbs print is wrapped at the width of the terminal that reads it, and at 80 where none does; colour is
 * what --color says. Each verb runs in a pseudo-terminal of its own. */
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

static char shown[1 << 18]; /* what the terminal got */

/* What is wrong with a child is its exit code. */
no_return static void run_child(const char *command)
{
	unsetenv("NO_COLOR");
	unsetenv("COLUMNS");
	setenv("TERM", "xterm", 1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Runs staunch with these words in a terminal of so many columns. The end of the child is an error of the read. */
static const char *on_terminal(int columns, const char *words)
{
	struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
	const char *command = textf("%s %s", kit_binary(), words);
	size_t n = 0;
	ssize_t got;
	int fd, status;
	pid_t pid = forkpty(&fd, NULL, NULL, &size);

	assert_true(pid >= 0);
	if (pid == 0)
		run_child(command);
	while (n < sizeof(shown) - 1 && (got = read(fd, shown + n, sizeof(shown) - 1 - n)) > 0)
		n += (size_t)got;
	shown[n] = '\0';
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return shown;
}

/* Columns of the longest line that may be wrapped: a value is one word, and stays whole. */
static size_t longest_line(const char *text)
{
	size_t longest = 0;

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\r\n"), line += strspn(line, "\r\n")) {
		size_t n = strcspn(line, "\r\n");

		if (strncmp(line, "  example ", 10) != 0 && n > longest)
			longest = n;
	}
	return longest;
}

/* Where no terminal reads, COLUMNS says how wide lines may be: each is used, and none is passed. */
static void o35_prose_is_wrapped_at_columns(void **state)
{
	size_t narrow, wide;

	(void)state;
	narrow = longest_line(control_shell_ok(textf("COLUMNS=60 %s explain 'listeners[].tls'", kit_binary())));
	wide = longest_line(control_shell_ok(textf("COLUMNS=132 %s explain 'listeners[].tls'", kit_binary())));
	if (narrow < 50 || narrow > 60 || wide <= 80 || wide > 132)
		kit_fail("60 columns are %zu, 132 are %zu", narrow, wide);
}

static void o35_prose_is_wrapped_at_the_terminal(void **state)
{
	static const char *const verbs[] = {
		"help", "help explain", "help conns", "run --help", "explain", "explain listeners", "explain include",
		"explain listeners[].tls", "explain control.http", "explain listeners.backlog", "explain timeouts",
		"explain log.format", "explain tls",
	};
	static const int columns[] = {60, 80, 132};
	size_t longest[array_len(columns)] = {0};

	(void)state;
	for (size_t i = 0; i < array_len(verbs); i++)
		for (size_t j = 0; j < array_len(columns); j++) {
			size_t n = longest_line(on_terminal(columns[j], verbs[i]));

			if (n == 0 || n > (size_t)columns[j])
				kit_fail("staunch %s has %zu columns on %d:\n%s", verbs[i], n, columns[j], shown);
			if (n > longest[j])
				longest[j] = n;
		}
	assert_true(longest[0] > 50 && longest[1] > 70 && longest[2] > 110); /* and the room is used */
	assert_true(longest_line(on_terminal(132, "explain control.http | cat")) <= 80);
	assert_true(longest_line(on_terminal(0, "explain control.http")) <= 80);
}

/* Each line keeps within the terminal, unless its one word is longer. */
static void expect_within(int columns, const char *words)
{
	const char *out = on_terminal(columns, textf("%s 2>&1", words));

	for (const char *line = out; *line != '\0'; line += strcspn(line, "\r\n"), line += strspn(line, "\r\n")) {
		size_t n = strcspn(line, "\r\n"), lead = strspn(line, " ");

		if (n > (size_t)columns && memchr(line + lead, ' ', n - lead) != NULL)
			kit_fail("staunch %s on %d has the line\n%.*s", words, columns, (int)n, line);
	}
}

/* Mistakes of many kinds in lines of many lengths, and a start that fails. */
static void o35_problems_are_wrapped(void **state)
{
	static const int columns[] = {60, 80, 132};
	char wrong[KIT_PATH], taken[KIT_PATH];
	int port = 0;

	(void)state;
	kit_file_write("wrong.yaml",
		       "workers: nobody knows how many of them there are, and this line is longer than any of these\n"
		       "listeners:\n  - {name: web, bind: \"127.0.0.1:80\", upsteam: app, timeouts: {idle: 5}, routes: "
		       "[{sni: a.example, upstream: nothing}, {sni: b.example, upstream: nothing}]}\n"
		       "control: {socket: relative, http: \"unix:/x.sock\", hosts: [\"a b\", \"ok.test\"]}\n", wrong);
	kit_listen(kit_ip(0), &port, 1);
	kit_file_write("taken.yaml",
		       textf("listeners: [{name: a-listener-with-a-long-name, bind: \"%s:%d\", upstream: app}]\n"
			     "upstreams: [{name: app, servers: [\"192.0.2.1:80\"]}]\n", kit_ip(0), port), taken);
	for (size_t i = 0; i < array_len(columns); i++) {
		expect_within(columns[i], textf("check --color never %s", wrong));
		expect_within(columns[i], textf("run --color never -c %s", wrong));
		expect_within(columns[i], textf("check --color never %s", taken));
		expect_within(columns[i], "status --socket /nobody/is/there/and/this/path/is/long/control.sock");
		expect_within(columns[i], "explain listners[].tls.client_auth.allow.one");
		expect_within(columns[i], "reload --socket /x a-word-too-many-that-is-long");
		expect_within(columns[i], "explain E102");
	}
}

/* Remarks are wrapped; a value, and where it comes from, stay whole: a search for a key finds both. */
static void o35_a_configuration_is_wrapped(void **state)
{
	static const int columns[] = {80, 132};
	char file[KIT_PATH], again[KIT_PATH];
	const char *shown_config;

	(void)state;
	kit_file_write("s.yaml", "listeners: [{name: web, bind: \"127.0.0.1:80\", upstream: app}]\n"
				 "upstreams: [{name: app, servers: [\"192.0.2.1:80\"]}]\n", file);
	for (size_t i = 0; i < array_len(columns); i++) {
		expect_within(columns[i], textf("config show --annotated -c %s", file));
		expect_within(columns[i], textf("config show -c %s", file));
	}
	shown_config = on_terminal(80, textf("config show --annotated -c %s | tr -d '\\r'", file));
	kit_file_write("again.yaml", shown_config, again);
	assert_non_null(strstr(on_terminal(80, textf("check --offline %s", again)), " is valid: "));
	shown_config = on_terminal(80, textf("config show -c %s | grep -c 'idle: .*# default'", file));
	assert_string_equal(shown_config, "1\r\n");
}

/* Long names of everything; what the process says of it. */
static void o35_answers_are_wrapped(void **state)
{
	static const int columns[] = {80, 132};
	struct kit_staunch *s;
	char folder[KIT_PATH];
	int port = kit_port(kit_ip(0)), refuser = kit_refuser(kit_ip(1));

	(void)state;
	snprintf(folder, sizeof(folder), "%s/unix-%060d", kit_dir(), 1);
	s = kit_staunch_start(textf("%scontrol: {socket: \"%s\"}\nlimits: {max_connections: 100}\n"
				    "listeners: [{name: a-listener-of-a-long-name-that-many-people-share, "
				    "bind: \"%s:%d\", upstream: an-upstream-of-a-long-name, max_connections: 1}]\n"
				    "upstreams: [{name: an-upstream-of-a-long-name, "
				    "servers: [\"unix:%.90s\", \"%s:%d\"]}]\n",
				    TWO_WORKERS, control_socket(), kit_ip(0), port, folder, kit_ip(1), refuser));
	close(kit_connect(kit_ip(0), port));
	kit_staunch_wait_log(s, "connect_failed", 1);
	for (size_t i = 0; i < array_len(columns); i++) {
		const char *at = textf("--socket %s", control_socket());

		expect_within(columns[i], textf("status %s", at));
		expect_within(columns[i], textf("explain route --src 192.0.2.1 --sni a.very.long.name.of.a.server.that"
						".nobody.has.example --alpn h2,http/1.1,spdy/3,acme-tls/1 %s", at));
		expect_within(columns[i], textf("server drain an-upstream-of-a-long-name/%s:%d --for 10m %s", kit_ip(1),
						refuser, at));
		expect_within(columns[i], textf("server drain an-upstream-of-a-long-name/nothing-of-this-kind %s", at));
		expect_within(columns[i], textf("server weight an-upstream-of-a-long-name/%s:%d 7 --for 1h %s",
						kit_ip(1), refuser, at));
		expect_within(columns[i], textf("check --against-live %s %s", s->config, at));
	}
	kit_staunch_rewrite(s, "listeners: [{name: web, bind: 80, upstream: app, and: many, keys: that, nobody: "
			       "knows}]\n");
	expect_within(80, textf("reload --socket %s", control_socket()));
	expect_within(60, textf("status --socket %s", control_socket()));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void o35_ends_are_listed_with_their_sentences(void **state)
{
	const char *said;

	(void)state;
	said = on_terminal(80, "explain tls");
	assert_non_null(strstr(said, "Several keys end in \"tls\":\r\n  listeners[].tls\r\n      "));
	assert_non_null(strstr(said, "\r\n  listeners[].routes[].tls\r\n      "));
	assert_non_null(strstr(said, "\r\n  upstreams[].tls\r\n      "));
}

static void o35_colour_is_what_the_option_says(void **state)
{
	char file[KIT_PATH];

	(void)state;
	kit_file_write("wrong.yaml", "workers: none\n", file);
	assert_non_null(strstr(on_terminal(80, textf("check --offline %s", file)), "\033["));
	assert_null(strstr(on_terminal(80, textf("check --offline --color never %s", file)), "\033["));
	assert_null(strstr(on_terminal(80, textf("check --offline %s 2>&1 | cat", file)), "\033["));
	assert_non_null(strstr(on_terminal(80, textf("check --offline --color always %s 2>&1 | cat", file)), "\033["));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o35_prose_is_wrapped_at_columns, kit_end),
		cmocka_unit_test_teardown(o35_prose_is_wrapped_at_the_terminal, kit_end),
		cmocka_unit_test_teardown(o35_problems_are_wrapped, kit_end),
		cmocka_unit_test_teardown(o35_a_configuration_is_wrapped, kit_end),
		cmocka_unit_test_teardown(o35_answers_are_wrapped, kit_end),
		cmocka_unit_test_teardown(o35_ends_are_listed_with_their_sentences, kit_end),
		cmocka_unit_test_teardown(o35_colour_is_what_the_option_says, kit_end),
	};

	return cmocka_run_group_tests_name("cli_width", tests, NULL, NULL);
}
