/* /v1/log: another level of the process log for a while (O44). */
#include <string.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	struct kit_peer *server;
	int port;
};

static struct world start_world(void)
{
	struct world w = {.server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO})};

	w.port = kit_port(kit_ip(0));
	w.s = kit_staunch_start(controlled(w.port, kit_peer_port(w.server), "", ""));
	return w;
}

static const char *post(int status, const char *path, const char *headers, const char *body)
{
	const char *got = control_raw(textf("POST %s HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
					    "Connection: close\r\n%sContent-Length: %zu\r\n\r\n%s",
					    path, headers, strlen(body), body));

	if (strncmp(got, textf("HTTP/1.1 %d ", status), 13) != 0)
		kit_fail("POST %s %s is not answered with %d:\n%s", path, body, status, got);
	return got;
}

static void expect_level(const char *members)
{
	expect_part(control_expect(200, "GET /v1/log", ""), members);
}

/* A reload changes what comes back, not what is in force. */
static void o44_a_level_is_in_force_until_it_is_let_go(void **state)
{
	struct world w = start_world();
	const char *config, *log;

	(void)state;
	expect_level("\"level\":\"info\",\"configured\":\"info\",\"until\":null}");
	assert_null(strstr(control_expect(200, "GET /v1/status", ""), "log_level"));
	expect_part(post(200, "/v1/log", "", "{\"level\":\"error\",\"for\":\"1h\"}"),
		    "\"level\":\"error\",\"configured\":\"info\",\"until\":\"20");
	expect_part(control_expect(200, "GET /v1/status", ""),
		    "\"code\":\"log_level\",\"text\":\"the process log is at error for a while, not at info");
	post(200, "/v1/logs/reopen", "", "");
	config = controlled(w.port, kit_peer_port(w.server), "", "");
	log = strstr(config, "log: {");
	assert_non_null(log);
	kit_staunch_rewrite(w.s, textf("%.*slog: {level: debug, %s", (int)(log - config), config, log + 6));
	post(200, "/v1/reload", "", "");
	expect_level("\"level\":\"error\",\"configured\":\"debug\",\"until\":\"20");
	expect_part(post(200, "/v1/log", "", "{\"level\":null}"),
		    "\"level\":\"debug\",\"configured\":\"debug\",\"until\":null}");
	post(200, "/v1/log", "", "{\"level\":null}"); /* the same again changes nothing */
	kit_staunch_wait_err(w.s, "POST /v1/log by uid", 2);
	assert_int_equal(kit_file_count(w.s->child->err, "POST /v1/logs/reopen"), 0);
	assert_int_equal(kit_file_count(w.s->child->err, "\"event\":\"reloaded\""), 0);
	assert_int_equal(kit_file_count(w.s->child->err, "the log level is debug again, as configured"), 1);
	expect_part(control_expect(200, "GET /v1/events?follow=0", ""), "\"level\":\"error\",\"configured\":\"info\"");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* A second one takes the place of the first, with its end; then nobody needs to remember it. */
static void o44_a_level_is_undone_by_itself(void **state)
{
	struct world w = start_world();
	const char *until;

	(void)state;
	post(200, "/v1/log", "", "{\"level\":\"error\",\"for\":\"1h\"}");
	post(200, "/v1/log", "", "{\"for\":\"200ms\",\"level\":\"warning\"}");
	kit_staunch_wait_err(w.s, "the log level is info again, as configured", 1);
	expect_level("\"level\":\"info\",\"configured\":\"info\",\"until\":null}");
	post(200, "/v1/log", "", "{\"level\":\"debug\",\"for\":\"7d\"}");
	until = strstr(control_expect(200, "GET /v1/log", ""), "\"until\":\"");
	assert_non_null(until);
	kit_staunch_wait_err(w.s, textf("the log level is debug until %.27s, instead of info", until + 9), 1);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

static void o44_what_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "{\"level\":\"debug\"}", "{\"level\":\"DEBUG\",\"for\":\"1m\"}", "{\"for\":\"1m\"}",
		"{\"level\":7,\"for\":\"1m\"}", "{\"level\":\"debug\",\"for\":60}",
		"{\"level\":\"debug\",\"for\":\"0s\"}",
		"{\"level\":\"debug\",\"for\":\"off\"}", "{\"level\":\"debug\",\"for\":\"8d\"}",
		"{\"level\":[\"debug\"],\"for\":\"1m\"}", "{\"level\":null,\"for\":\"1m\"}",
		"{\"level\":\"debug\",\"for\":\"1m\",\"server\":\"a\"}",
	};
	struct world w = start_world();

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		expect_part(post(400, "/v1/log", "", bad[i]), "\"help\":\"{\\\"level\\\":\\\"debug\\\",");
	assert_int_equal(kit_file_count(w.s->child->err, "the log level is"), 0);
	post(409, "/v1/log", "If-Match: 2\r\n", "{\"level\":\"debug\",\"for\":\"1m\"}");
	expect_level("\"level\":\"info\",\"configured\":\"info\",\"until\":null}");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o44_a_level_is_in_force_until_it_is_let_go, kit_end),
		cmocka_unit_test_teardown(o44_a_level_is_undone_by_itself, kit_end),
		cmocka_unit_test_teardown(o44_what_is_refused, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_level", tests, NULL, NULL);
}
