/* O32: a limit that acts has one line of the process log at the begin and one at the end, whatever it limits. O24: the
 * status tells of each. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/tls_edge.h"

enum { BEYOND = 5, STILL_MS = 7000 /* longer than an episode without a hit */ };

static int begins(const struct kit_staunch *s)
{
	return kit_file_count(s->child->err, "\"limit_reached\"");
}

static int ends(const struct kit_staunch *s)
{
	return kit_file_count(s->child->err, "\"limit_over\"");
}

static const char *limited(const char *access, int port, int server, const char *more, const char *end)
{
	return textf("workers: 2\nlog: {access: \"%s\"}\nlisteners:\n"
		     "  - {name: web, bind: \"%s:%d\", upstream: app%s}\nupstreams:\n"
		     "  - {name: app, servers: [\"%s:%d\"]}\n%s",
		     access, kit_ip(0), port, more, kit_ip(0), server, end);
}

static void be_refused(int port, int n)
{
	for (int i = 0; i < n; i++) {
		int fd = kit_connect(kit_ip(0), port);

		kit_expect_fin(fd);
		close(fd);
	}
}

/* Two episodes, of which each is two lines, and nobody comes while the first one ends. */
static void o32_a_listener(void **state)
{
	static const char *const access[] = {"@DIR@/access.log", "off"};
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});

	(void)state;
	for (size_t i = 0; i < array_len(access); i++) {
		int port = kit_port(kit_ip(0)), fd;
		struct kit_staunch *s = kit_staunch_start(
			limited(access[i], port, kit_peer_port(echo), ", max_connections: 1", ""));

		fd = served(kit_ip(0), port);
		be_refused(port, BEYOND);
		kit_staunch_wait_err(s, "listener web: max_connections 1 is reached: clients are refused", 1);
		assert_int_equal(ends(s), 0);
		kit_staunch_wait_err(s, "listener web: max_connections acted 5 times within ", 1);
		be_refused(port, 1);
		kit_staunch_wait_err(s, "listener web: max_connections 1 is reached", 2);
		kit_staunch_wait_err(s, "listener web: max_connections acted 1 time within 1 s", 1);
		end_orderly(fd);
		assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
		assert_int_equal(begins(s), 2);
		assert_int_equal(ends(s), 2);
	}
}

static const struct wait_row {
	const char *more, *end, *begin, *over;
} waits[] = {
	{", max_connections: 1, at_limit: wait", "",
	 "listener web: max_connections 1 is reached: clients wait in the backlog",
	 "listener web: max_connections acted 1 time within "},
	{"", "limits: {max_connections: 1}\n", "\"limits.max_connections 1 is reached: clients wait in the backlog",
	 "\"limits.max_connections acted 1 time within "},
};

/* One who waits keeps the episode open, however long it takes. */
static void o32_those_who_wait(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});

	(void)state;
	for (size_t i = 0; i < array_len(waits); i++) {
		const struct wait_row *r = &waits[i];
		int port = kit_port(kit_ip(0)), fd, waiting;
		struct kit_staunch *s = kit_staunch_start(
			limited("off", port, kit_peer_port(echo), r->more, r->end));

		fd = served(kit_ip(0), port);
		waiting = kit_connect(kit_ip(0), port);
		kit_staunch_wait_err(s, r->begin, 1);
		cpu_ms_within(s->child->pid, STILL_MS);
		assert_int_equal(ends(s), 0);
		end_orderly(fd);
		still_works(waiting);
		kit_staunch_wait_err(s, r->over, 1);
		end_orderly(waiting);
		assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
		assert_int_equal(begins(s), 1);
		assert_int_equal(ends(s), 1);
		assert_int_equal(kit_file_count(s->child->err, "\"accept_"), 0);
	}
}

/* The second one takes the place of the first, who says nothing. */
static void o32_handshakes(void **state)
{
	struct edge e;
	int fd[2];

	(void)state;
	pki_write();
	e = edge_start(tls_edge_keys(", max_handshakes: 1, handshake_timeout: 60s"),
		       edge_upstream("back", kit_peer_port(echo_start()), ""));
	for (int i = 0; i < 2; i++)
		fd[i] = edge_connect_from(&e, 2);
	kit_staunch_wait_err(e.s, "listener edge: tls.max_handshakes 1 is reached: "
				  "an old one gives way, or clients are refused", 1);
	kit_staunch_wait_err(e.s, "listener edge: tls.max_handshakes acted 1 time within ", 1);
	for (int i = 0; i < 2; i++)
		close(fd[i]);
	edge_end(&e);
}

/* Its end, and that of the listener, is one of the episode. */
static void o32_the_end_comes_first(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0)), fd;
	struct kit_staunch *s = kit_staunch_start(
		limited("off", port, kit_peer_port(echo), ", max_connections: 1", ""));

	(void)state;
	fd = served(kit_ip(0), port);
	be_refused(port, BEYOND);
	end_orderly(fd);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_int_equal(begins(s), 1);
	assert_int_equal(ends(s), 1);
	kit_staunch_wait_err(s, "max_connections acted 5 times within ", 1);
}

/* ---- the status ------------------------------------------------------------------------------ */

#define LONG_NAME "a-name-as-long-as-one-may-be-which-is-sixty-three-characters-ok"

static const char *limits_table(void)
{
	int code;
	const char *out = control_shell(&code, textf("%s status --limits --socket $S 2>&1", kit_binary()));

	assert_int_equal(code, 0);
	return out;
}

static void expect_in(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		kit_fail("not there: \"%s\" in\n%s", part, text);
}

static void expect_narrow(const char *text)
{
	for (size_t n; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n > 80)
			kit_fail("%zu columns: %.*s", n, (int)n, text);
	}
}

static const char *with_status(int port, int second, int server)
{
	const char *ip = kit_ip(0);

	return textf("workers: 2\ncontrol: {socket: \"%s\"}\nlimits: {max_connections: 7}\nlisteners:\n"
		     "  - {name: web, bind: \"%s:%d\", upstream: app, max_connections: 2}\n"
		     "  - {name: " LONG_NAME ", bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     control_socket(), ip, port, ip, second, ip, server);
}

static bool acts_no_more(void *arg)
{
	(void)arg;
	return strstr(control_expect(200, "GET /v1/status", ""), "\"episode\":true") == NULL;
}

static void o24_status_of_limits(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0)), second = kit_port(kit_ip(0)), fd[2];
	struct kit_staunch *s = kit_staunch_start(with_status(port, second, kit_peer_port(echo)));
	const char *out;

	(void)state;
	expect_in(limits_table(), "\nweb max_connections                   0        2        0         0  never\n");
	for (int i = 0; i < 2; i++)
		fd[i] = served(kit_ip(0), port);
	be_refused(port, BEYOND);
	end_orderly(fd[0]);
	kit_staunch_wait_err(s, "max_connections 2 is reached", 1);
	out = limits_table();
	expect_narrow(strstr(out, "\nlimit "));
	expect_in(out, "\nweb max_connections                   ");
	expect_in(out, "        2        2         5  acts now\n");
	expect_in(out, "\n" LONG_NAME " max_connections\n ");
	expect_in(out, "      off ");
	expect_in(out, "\nlimits.max_connections ");
	expect_in(out, "\ncontrol.connections                   1 ");
	expect_in(out, "\ndescriptors ");
	out = control_expect(200, "GET /v1/status", "");
	expect_in(out, "{\"name\":\"listeners[].max_connections\",\"used\":");
	expect_in(out, "\"max\":2,\"listener\":\"web\",\"upstream\":null,\"high\":2,\"hits\":5,\"last_hit\":\"20");
	expect_in(out, "\"max\":null,\"listener\":\"" LONG_NAME "\",\"upstream\":null,\"high\":0,\"hits\":0,"
		       "\"last_hit\":null,");
	assert_true(kit_wait(acts_no_more, NULL, KIT_MS));
	expect_in(limits_table(), "s ago\n");
	end_orderly(fd[1]);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o32_a_listener, kit_end),
		cmocka_unit_test_teardown(o32_those_who_wait, kit_end),
		cmocka_unit_test_teardown(o32_handshakes, kit_end),
		cmocka_unit_test_teardown(o32_the_end_comes_first, kit_end),
		cmocka_unit_test_teardown(o24_status_of_limits, kit_end),
	};

	return cmocka_run_group_tests_name("flow/process_episodes", tests, NULL, NULL);
}
