/* If-Match of a change (O3): it is made in the generation that it goes by and in no other, judged when its turn
 * comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define ASKERS 20

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

static const char *request_of(const char *path, const char *match, const char *body)
{
	return textf("POST %s HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\nConnection: close\r\n%s%s%s"
		     "Content-Length: %zu\r\n\r\n%s",
		     path, match != NULL ? "If-Match: " : "", match != NULL ? match : "",
		     match != NULL ? "\r\n" : "", strlen(body), body);
}

static const char *post(int status, const char *path, const char *match, const char *body)
{
	const char *got = control_raw(request_of(path, match, body));

	if (strncmp(got, textf("HTTP/1.1 %d ", status), 13) != 0)
		kit_fail("POST %s with If-Match: %s is not answered with %d:\n%s", path, match, status, got);
	return got;
}

static void expect_stale(const char *path, const char *match, const char *body, const char *in_force)
{
	const char *got = post(409, path, match, body);

	expect_part(got, "{\"schema\":1,\"error\":{\"code\":\"E409\",\"message\":\"generation ");
	expect_part(got, textf("generation %s is in force, not ", in_force));
	expect_part(got, "\"help\":\"look again what there is now; If-Match: * holds in every generation\"}}");
}

/* Every change, in another generation: none of them is made. In its own it is, and with the star, and without one. */
static void o3_a_change_in_another_generation(void **state)
{
	struct world w = start_world();
	const char *server = textf("/v1/servers/app/%s:%d", kit_ip(0), kit_peer_port(w.server));
	const char *config = controlled(w.port, kit_peer_port(w.server), "", "");
	int fd = served(kit_ip(0), w.port);

	(void)state;
	post(200, "/v1/reload", "1", "");
	expect_stale("/v1/reload", "1", "", "2");
	expect_stale("/v1/logs/reopen", "3", "", "2");
	expect_stale("/v1/drain", "\"1\"", "", "2");
	expect_stale("/v1/plan", "1", config, "2");
	expect_stale(server, "0", "{\"state\":\"drain\"}", "2");
	expect_stale("/v1/conns/kill", "1", "{\"all\":true}", "2");
	expect_stale("/v1/conns/kill", "3", "{\"all\":true,\"dry_run\":true}", "2");
	still_works(fd);
	assert_int_equal(kit_file_count(w.s->child->err, "\"override"), 0);
	kit_staunch_wait_err(w.s, "POST /v1/conns/kill by uid", 2);
	end_orderly(fd);
	end_orderly(served(kit_ip(0), w.port)); /* the server is not drained, nor is the process */
	post(200, server, "2", "{\"state\":\"drain\"}");
	post(200, server, "\"2\"", "{\"state\":\"ready\"}");
	expect_part(post(200, "/v1/plan", "2", config), "\"generation\":2,");
	expect_part(post(200, "/v1/conns/kill", "2", "{\"all\":true}"), "\"matched\":0");
	post(200, "/v1/conns/kill", "*", "{\"all\":true}");
	post(200, "/v1/logs/reopen", "*", "");
	expect_part(post(200, "/v1/reload", "2", ""), "\"generation\":3,");
	post(200, "/v1/reload", NULL, "");
	post(200, "/v1/drain", "4", "");
	assert_int_equal(kit_child_wait(w.s->child), 0);
}

/* What cannot be read is not guessed, and nothing is done. What only reads does not look at it. */
static void o3_if_match_that_is_none(void **state)
{
	static const char *const bad[] = {
		"", "x", "-1", "+1", "\"1", "1\"", "\"\"", "\"", "1, 2", "W/\"1\"", "0x1", "1.0", "**",
		"1000000000000000000", "1\r\nIf-Match: 1",
	};
	struct world w = start_world();

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		expect_part(post(400, "/v1/reload", bad[i], ""), "If-Match");
	expect_part(control_expect(200, "GET /v1/status", "If-Match: 9\r\n"), "\"generation\":1,");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* All go by the first generation and come at once: the first one ends it, so the others wait in vain. */
static void o3_one_of_many_askers(void **state)
{
	struct world w = start_world();
	const char *request = request_of("/v1/reload", "1", "");
	char answer[13];
	int fd[ASKERS], done = 0, stale = 0;

	(void)state;
	for (int i = 0; i < ASKERS; i++) {
		fd[i] = control_connect();
		assert_int_equal(kit_io_write(fd[i], request, strlen(request)), 0);
	}
	for (int i = 0; i < ASKERS; i++) {
		assert_int_equal(kit_io_read(fd[i], answer, 12), 12);
		done += memcmp(answer, "HTTP/1.1 200", 12) == 0;
		stale += memcmp(answer, "HTTP/1.1 409", 12) == 0;
		close(fd[i]);
	}
	assert_int_equal(done, 1);
	assert_int_equal(stale, ASKERS - 1);
	expect_part(control_expect(200, "GET /v1/status", ""), "\"generation\":2,");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o3_a_change_in_another_generation, kit_end),
		cmocka_unit_test_teardown(o3_if_match_that_is_none, kit_end),
		cmocka_unit_test_teardown(o3_one_of_many_askers, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_match", tests, NULL, NULL);
}
