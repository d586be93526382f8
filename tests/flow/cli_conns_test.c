/* The verb conns (O7): a table that fits 80 columns, its order, its totals, and what it passes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define CONNS 5
#define RUN   "$STAUNCH conns --socket $S "

static struct world {
	struct kit_staunch *s;
	int port, server; /* server: a socket whose backlog takes them all, and who reads nothing */
	int fd[CONNS];
} w;

/* The nth has sent 100 * n bytes. */
static void world_start(const char *server, int port)
{
	char bytes[100 * CONNS] = "";

	setenv("STAUNCH", kit_binary(), 0);
	w.server = kit_listen(server, &port, 100);
	w.port = kit_port(kit_ip(0));
	w.s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\"}\n"
						  "listeners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
						  "upstreams: [{name: app, servers: [\"%s%s\"]}]\n",
				      control_socket(), kit_ip(0), w.port, server[0] == '/' ? "unix:" : server,
				      server[0] == '/' ? server : textf(":%d", port)));
	for (int i = 0; i < CONNS; i++) {
		w.fd[i] = kit_connect(kit_ip(0), w.port);
		kit_send(w.fd[i], bytes, 100 * (size_t)i + 1);
		while (strstr(control_shell_ok(RUN "--limit 1"), textf(" %d     0\n", 100 * i + 1)) == NULL)
			assert_true(kit_child_alive(w.s->child));
	}
}

static void world_end(void)
{
	for (int i = 0; i < CONNS; i++)
		kit_reset(w.fd[i]);
	close(w.server);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* The nth line, without its newline. */
static const char *line_at(const char *text, int n)
{
	while (n-- > 0)
		text += strcspn(text, "\n") + 1;
	return textf("%.*s", (int)strcspn(text, "\n"), text);
}

/* How many there are. */
static int lines_of(const char *text)
{
	int n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

static void expect_80_columns(const char *text)
{
	for (int i = 0; i < lines_of(text); i++)
		if (strlen(line_at(text, i)) > 80)
			kit_fail("wider than 80: %s", line_at(text, i));
}

static void expect_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		kit_fail("without \"%s\":\n%s", part, text);
}

/* O7: those with the most bytes first, or the oldest; all are counted, and how many are not shown. */
static void o7_order_and_totals(void **state)
{
	const char *out;

	(void)state;
	world_start(kit_ip(1), 0);
	out = control_shell_ok(RUN);
	assert_int_equal(lines_of(out), CONNS + 2);
	expect_80_columns(out);
	expect_has(line_at(out, 0), "client ");
	expect_has(line_at(out, 0), " age idle    in   out");
	expect_has(line_at(out, 1), " relay ");
	expect_has(line_at(out, 1), textf(" %s:", kit_ip(1)));
	expect_has(line_at(out, 1), "   401     0");
	expect_has(line_at(out, CONNS), "     1     0");
	expect_has(line_at(out, CONNS + 1), "5 connections: 1005 bytes in, 0 out");
	out = control_shell_ok(RUN "--limit 2");
	assert_int_equal(lines_of(out), 4);
	expect_has(line_at(out, 2), "   301     0");
	assert_string_equal(line_at(out, 3), "5 connections: 1005 bytes in, 0 out; 3 not shown, of fewer bytes");
	out = control_shell_ok(RUN "--limit 1 --sort age");
	expect_has(line_at(out, 1), "     1     0");
	expect_has(line_at(out, 2), "; 4 not shown, of less age");
	world_end();
}

/* O7: the same filter as the URL; O8: the kernel is asked with --tcp alone. */
static void o7_o8_filters_and_tcp(void **state)
{
	static const char *const none[] = {
		"--listener we", "--upstream ap", "--server app/192.0.2.1:1", "--src 192.0.2.0/24", "--sni a.test",
		"--older 1h", "--idle 1h", "--reason-pending any",
	};
	const char *out;

	(void)state;
	world_start(kit_ip(1), 0);
	for (size_t i = 0; i < array_len(none); i++)
		assert_string_equal(control_shell_ok(textf(RUN "%s", none[i])), "0 connections: 0 bytes in, 0 out\n");
	assert_int_equal(lines_of(control_shell_ok(RUN "--listener web --upstream app --src 127.0.0.0/8")), CONNS + 2);
	kit_half_close(w.fd[0]);
	while (lines_of(out = control_shell_ok(RUN "--reason-pending client_fin")) == 1)
		assert_true(kit_child_alive(w.s->child));
	expect_has(line_at(out, 1), " client_ended ");
	out = control_shell_ok(RUN "--tcp");
	expect_80_columns(out);
	assert_int_equal(lines_of(out), 3 * CONNS + 2);
	expect_has(line_at(out, 2), "  client: rtt ");
	expect_has(line_at(out, 3), "  server: rtt ");
	expect_has(line_at(out, 3), ", unacked 0, retrans ");
	world_end();
}

/* Who does not take what is here for him is named. */
static void o7_a_slow_server(void **state)
{
	static char bytes[65536];

	(void)state;
	world_start(kit_ip(1), 0);
	while (strstr(control_shell_ok(RUN "--limit 1"), " slow server ") == NULL)
		(void)!send(w.fd[2], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
	expect_80_columns(control_shell_ok(RUN "--tcp"));
	world_end();
}

/* A name that is too long for its column has the line, whole. */
static void o7_a_long_server(void **state)
{
	char path[KIT_PATH];
	const char *out;

	(void)state;
	snprintf(path, sizeof(path), "%s/a-server-with-a-long-name.sock", kit_dir());
	world_start(path, 0);
	out = control_shell_ok(RUN "--limit 1");
	expect_has(line_at(out, 1), textf(" unix:%s", path));
	expect_has(line_at(out, 2), " relay ");
	assert_int_equal(strlen(line_at(out, 2)), strlen(line_at(out, 0)));
	world_end();
}

/* JSON is passed on as it came; what the instance refuses ends with 1. */
static void o7_json_and_refusals(void **state)
{
	const char *out;
	int code;

	(void)state;
	world_start(kit_ip(1), 0);
	out = control_shell_ok(RUN "--json");
	assert_int_equal(lines_of(out), CONNS);
	expect_has(line_at(out, 0), "{\"schema\":1,");
	expect_has(line_at(out, 0), "\"pending_server\":");
	assert_int_equal(lines_of(control_shell_ok(RUN "--json --limit 2")), 2);
	expect_has(control_shell(&code, RUN "--older 5 2>&1"), "older cannot be");
	assert_int_equal(code, 1);
	expect_has(control_shell(&code, RUN "--limit 0 2>&1"), "--limit is a number from 1 to 100000, not \"0\"");
	assert_int_equal(code, 2);
	expect_has(control_shell(&code, RUN "--sort name 2>&1"), "name");
	assert_int_equal(code, 2);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o7_order_and_totals, kit_end),
		cmocka_unit_test_teardown(o7_o8_filters_and_tcp, kit_end),
		cmocka_unit_test_teardown(o7_a_slow_server, kit_end),
		cmocka_unit_test_teardown(o7_a_long_server, kit_end),
		cmocka_unit_test_teardown(o7_json_and_refusals, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
