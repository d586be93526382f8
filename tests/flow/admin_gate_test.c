/* The control plane's gate: who may ask, who may change something, and the line each change leaves. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define TOKEN_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TOKEN_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CHANGE  "X-Staunch: 1\r\n"

static struct kit_staunch *start_with(const char *more)
{
	return kit_staunch_start(controlled(kit_port(kit_ip(0)), kit_refuser(kit_ip(0)), more, ""));
}

static void end_of(struct kit_staunch *s)
{
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void expect_shell(const char *command, const char *part)
{
	int code;
	const char *out = control_shell(&code, command);

	if (strstr(out, part) == NULL)
		kit_fail("%s: not \"%s\" but (%d):\n%s", command, part, code, out);
}

#define CURL "curl -sS --unix-socket $S "

/* The file would keep these users out already; here it lets them connect, so that the gate must. */
static void o2_who_may_use_the_socket(void **state)
{
	struct kit_staunch *s;

	(void)state;
	if (geteuid() != 0 || !kit_have("setpriv") || !kit_have("curl"))
		skip();
	s = start_with("");
	assert_int_equal(chmod(kit_dir(), 0755), 0);
	assert_int_equal(chmod(control_socket(), 0666), 0);
	expect_shell("setpriv --reuid=65534 --regid=65534 --clear-groups " CURL "http://localhost/livez", "E403");
	expect_shell("setpriv --reuid=65534 --regid=65534 --groups=0 " CURL "http://localhost/livez", "ok");
	expect_shell("setpriv --reuid=65534 --regid=0 --clear-groups " CURL "http://localhost/livez", "ok");
	expect_shell("setpriv --reuid=65534 --regid=65534 --clear-groups " CURL
		     "-X POST -H 'X-Staunch: 1' http://localhost/v1/reload",
		     "E403");
	assert_int_equal(kit_file_count(s->child->err, "generation 2"), 0);
	end_of(s);
}

static void o3_one_gate_for_every_change(void **state)
{
	static const struct {
		int status;
		const char *headers;
	} rows[] = {
		{403, ""},
		{403, "X-Staunch: 2\r\n"},
		{403, CHANGE "Origin: http://evil.example\r\n"},
		{403, CHANGE "Origin: null\r\n"},
		{403, CHANGE "Origin: https://localhost\r\n"},
		{200, CHANGE "Origin: http://localhost\r\n"},
		{200, CHANGE},
	};
	struct kit_staunch *s = start_with("");

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		control_expect(rows[i].status, "POST /v1/logs/reopen", rows[i].headers);
	assert_non_null(strstr(control_raw("POST /v1/logs/reopen HTTP/1.0\r\nHost: evil.example\r\n" CHANGE "\r\n"),
			       "403 Forbidden"));
	kit_staunch_wait_err(s, "\"audit\"", 8);
	kit_staunch_wait_err(s, textf("POST /v1/logs/reopen by uid %u gid %u pid %d comm ", (unsigned)geteuid(),
				      (unsigned)getegid(), (int)getpid()),
			     8);
	assert_int_equal(kit_file_count(s->child->err, ": 200, "), 2);
	assert_int_equal(kit_file_count(s->child->err, "logs_reopened"), 2);
	end_of(s);
}

/* The name of a program that turns the line around, and breaks it. */
static void o3_the_line_cannot_be_forged(void **state)
{
	struct kit_staunch *s = start_with("");

	(void)state;
	if (!kit_have("curl"))
		skip();
	expect_shell(textf("ln -s $(command -v curl) '%s/\xe2\x80\xae\"x\n' && cd %s && "
			   "./\xe2\x80\xae*x* -sS --unix-socket $S -X POST -H 'X-Staunch: 1' "
			   "http://localhost/v1/logs/reopen", kit_dir(), kit_dir()),
		     "generation");
	kit_staunch_wait_err(s, "\"audit\"", 1);
	assert_int_equal(kit_file_count(s->child->err, "\xe2\x80\xae"), 0);
	assert_int_equal(kit_file_count(s->child->err, "\\\"x\\n"), 1);
	end_of(s);
}

static void o4_no_get_changes_anything(void **state)
{
	static const char *const paths[] = {"GET /v1/reload", "GET /v1/drain", "GET /v1/logs/reopen",
					    "HEAD /v1/reload"};
	struct kit_staunch *s = start_with("");

	(void)state;
	for (size_t i = 0; i < array_len(paths); i++)
		control_expect(405, paths[i], CHANGE);
	assert_int_equal(kit_file_count(s->child->err, "generation 2"), 0);
	end_of(s);
}

/* ---- over TCP ---- */

static int http_port;

static const char *tcp_text(const char *text)
{
	static char got[65536];
	int fd = kit_connect(kit_ip(0), http_port);
	ssize_t n;

	kit_send(fd, text, strlen(text));
	n = kit_io_read_all(fd, got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	close(fd);
	return got;
}

static void tcp_expect(int status, const char *request, const char *host, const char *headers)
{
	const char *got = tcp_text(
		textf("%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", request, host, headers));

	if (strncmp(got, textf("HTTP/1.1 %d ", status), 13) != 0)
		kit_fail("%s of %s, %s: not %d:\n%s", request, host, headers, status, got);
}

static struct kit_staunch *start_tcp(const char *more)
{
	http_port = kit_port(kit_ip(0));
	return start_with(textf(", http: \"%s:%d\"%s", kit_ip(0), http_port, more));
}

static void o38_the_host_must_be_ours(void **state)
{
	struct kit_staunch *s = start_tcp(", hosts: [proxy1.example]");

	(void)state;
	tcp_expect(200, "GET /livez", "localhost", "");
	tcp_expect(200, "GET /livez", "LOCALHOST:80", "");
	tcp_expect(200, "GET /v1/status", "127.0.0.1:9180", "");
	tcp_expect(200, "GET /livez", "[::1]:9180", "");
	tcp_expect(200, "GET /livez", "proxy1.example:9180", "");
	tcp_expect(403, "GET /livez", "evil.example", "");
	tcp_expect(403, "GET /v1/status", "localhost.evil.example", "");
	tcp_expect(403, "GET /livez", "127.0.0.1.evil.example", "");
	tcp_expect(403, "GET http://evil.example/livez", "localhost", "");
	tcp_expect(200, "GET http://localhost/livez", "evil.example", "");
	assert_non_null(strstr(tcp_text("GET /livez HTTP/1.0\r\n\r\n"), "HTTP/1.1 400"));
	assert_non_null(strstr(tcp_text("GET /livez HTTP/1.1\r\n\r\n"), "HTTP/1.1 400"));
	end_of(s);
}

#define BEARER(token) CHANGE "Authorization: Bearer " token "\r\n"

static void o4_changes_need_a_token(void **state)
{
	struct kit_staunch *s = start_tcp("");

	(void)state;
	tcp_expect(403, "POST /v1/reload", "localhost", CHANGE);
	tcp_expect(403, "POST /v1/reload", "localhost", BEARER(TOKEN_A));
	tcp_expect(403, "GET /v1/status", "localhost", "Authorization: Bearer wrong\r\n");
	assert_int_equal(kit_file_count(s->child->err, "generation 2"), 0);
	end_of(s);
}

/* Wrong tokens of one source are answered one after the other; a right one does not wait for them. */
static void o39_tokens_rotate(void **state)
{
	char path[KIT_PATH];
	struct kit_staunch *s;

	(void)state;
	kit_file_write("tokens", TOKEN_A "\n" TOKEN_B, path);
	assert_int_equal(chmod(path, 0600), 0);
	s = start_tcp(", token_file: tokens");
	tcp_expect(200, "POST /v1/logs/reopen", "localhost", BEARER(TOKEN_A));
	tcp_expect(200, "POST /v1/logs/reopen", "localhost", BEARER(TOKEN_B));
	tcp_expect(403, "POST /v1/logs/reopen", "localhost", BEARER("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
	tcp_expect(403, "POST /v1/logs/reopen", "localhost", "Authorization: Bearer " TOKEN_A "\r\n");
	kit_staunch_wait_err(s, " with a token: 200, ", 2);
	kit_file_write("tokens", TOKEN_B "\n", path);
	control_expect(200, "POST /v1/reload", CHANGE);
	tcp_expect(403, "POST /v1/logs/reopen", "localhost", BEARER(TOKEN_A));
	tcp_expect(200, "POST /v1/logs/reopen", "localhost", BEARER(TOKEN_B));
	/* a bad file refuses the reload, and the tokens in force stay */
	kit_file_write("tokens", "short\n", path);
	assert_non_null(strstr(control_expect(422, "POST /v1/reload", CHANGE), "fewer than 32 bytes"));
	tcp_expect(200, "POST /v1/logs/reopen", "localhost", BEARER(TOKEN_B));
	end_of(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o2_who_may_use_the_socket, kit_end),
		cmocka_unit_test_teardown(o3_one_gate_for_every_change, kit_end),
		cmocka_unit_test_teardown(o3_the_line_cannot_be_forged, kit_end),
		cmocka_unit_test_teardown(o4_no_get_changes_anything, kit_end),
		cmocka_unit_test_teardown(o38_the_host_must_be_ours, kit_end),
		cmocka_unit_test_teardown(o4_changes_need_a_token, kit_end),
		cmocka_unit_test_teardown(o39_tokens_rotate, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_gate", tests, NULL, NULL);
}
