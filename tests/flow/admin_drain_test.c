/* The control plane at the end: it answers while connections are waited for, and holds nobody up. */
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	struct kit_peer *server;
	int port;
};

static struct world start_world(const char *end)
{
	struct world w = {.server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO})};

	w.port = kit_port(kit_ip(0));
	w.s = kit_staunch_start(controlled(w.port, kit_peer_port(w.server), "", end));
	return w;
}

static void o42_it_answers_during_a_drain(void **state)
{
	struct world w = start_world("");
	int fd = served(kit_ip(0), w.port), idle[16];
	int64_t began;

	(void)state;
	for (size_t i = 0; i < array_len(idle); i++)
		idle[i] = control_connect();
	assert_string_equal(control_expect(200, "GET /readyz", ""), "ok\n");
	kit_child_signal(w.s->child, SIGTERM);
	kit_staunch_wait_err(w.s, "stopping: 1 connection", 1);
	assert_string_equal(control_expect(503, "GET /readyz", ""), "draining\n");
	assert_string_equal(control_expect(200, "GET /livez", ""), "ok\n");
	assert_non_null(strstr(control_expect(200, "GET /v1/status", ""), "\"state\":\"draining\""));
	assert_non_null(strstr(control_expect(200, "GET /v1/status", ""), "\"active\":1"));
	control_expect(409, "POST /v1/reload", "X-Staunch: 1\r\n");
	began = kit_now_ms();
	end_orderly(fd);
	assert_int_equal(kit_child_wait(w.s->child), 0);
	assert_true(kit_now_ms() - began < 5000); /* idle clients of the control plane are not waited for */
	for (size_t i = 0; i < array_len(idle); i++)
		close(idle[i]);
}

/* One probe of a pod's: over TCP, by a client that knows nothing of us.   Returns  the status, as text. */
static const char *probe(int port, const char *path)
{
	return control_shell_ok(textf("curl -sS -o /dev/null -w '%%{http_code}' http://%s:%d/%s",
				      kit_ip(0), port, path));
}

/* P33: what kubelet and the Service see of TERM: not ready at once, alive all the time, and clients who come before the
 * endpoints have changed are served. */
static void p33_term_fails_readiness_and_not_clients(void **state)
{
	int http = kit_port(kit_ip(0));
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0));
	struct kit_staunch *s = kit_staunch_start(
		controlled(port, kit_peer_port(server), textf(", http: \"%s:%d\"", kit_ip(0), http),
			   "shutdown: {delay: 1h, timeout: 1h}\n"));

	(void)state;
	assert_string_equal(probe(http, "readyz"), "200");
	kit_child_signal(s->child, SIGTERM);
	kit_staunch_wait_err(s, "stopping: 0 connections", 1);
	assert_string_equal(probe(http, "readyz"), "503");
	assert_string_equal(probe(http, "livez"), "200");
	end_orderly(served(kit_ip(0), port));
	kit_child_signal(s->child, SIGTERM);
	assert_int_equal(kit_child_wait(s->child), 0);
}

/* A client that sends half a body when the end comes. */
static void o42_a_body_under_way_holds_nobody_up(void **state)
{
	static const char half[] = "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				   "Content-Length: 100\r\n\r\nhalf";
	struct world w = start_world("");
	int fd = control_connect();

	(void)state;
	kit_send(fd, half, sizeof(half) - 1);
	control_expect(200, "GET /livez", "");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
	close(fd);
}

/* The order to drain is answered with how it ended. */
static void o42_an_order_to_drain_is_answered(void **state)
{
	static const char order[] = "POST /v1/drain?timeout_ms=100 HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n\r\n";
	struct world w = start_world("");
	int fd = served(kit_ip(0), w.port), post = control_connect();
	char got[1024] = "";

	(void)state;
	kit_send(post, order, sizeof(order) - 1);
	assert_true(kit_io_read_all(post, got, sizeof(got) - 1) > 0);
	assert_non_null(strstr(got, "\"cut\":true"));
	assert_int_equal(kit_child_wait(w.s->child), 4);
	close(fd);
	close(post);
}

/* Workers, control, admin, log, access log, sysmon: the end leaves no thread, no file. */
static void what_it_costs(void **state)
{
	struct world w = start_world("");

	(void)state;
	assert_int_equal(kit_proc_threads(w.s->child->pid), 8);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
	assert_int_not_equal(access(control_socket(), F_OK), 0);
	assert_int_not_equal(access(textf("%s.lock", control_socket()), F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o42_it_answers_during_a_drain, kit_end),
		cmocka_unit_test_teardown(p33_term_fails_readiness_and_not_clients, kit_end),
		cmocka_unit_test_teardown(o42_a_body_under_way_holds_nobody_up, kit_end),
		cmocka_unit_test_teardown(o42_an_order_to_drain_is_answered, kit_end),
		cmocka_unit_test_teardown(what_it_costs, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_drain", tests, NULL, NULL);
}
