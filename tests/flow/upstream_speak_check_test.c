/* Checks that speak, to real servers: E16, E17, E26, E27: Redis, nginx, OpenSSL's server, and one in the test's own
 * hands, which says what it hears and how it ends. What makes an answer good is check_answer_test.c's, byte by byte. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/programs.h"
#include "tests/kit/cert.h"

/* One server at this port; upstream: the keys beside it. */
static const char *config_of(int port, int server, const char *upstream)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\nupstreams:\n"
				 "  - {name: app, servers: [\"%s:%d\"], %s}\n",
		     kit_ip(0), port, kit_ip(0), server, upstream);
}

static struct kit_staunch *start(int server, const char *upstream)
{
	return kit_staunch_start(config_of(kit_port(kit_ip(0)), server, upstream));
}

static bool said(const struct kit_staunch *s, const char *text)
{
	return kit_file_count(s->child->err, text) > 0;
}

/* ---- E26 ---- */

#define PING "health: {send: {send: \"PING\\r\\n\", expect: \"+PONG\", interval: 200ms, timeout: 2s}}"

static void e26_redis_answers_a_ping(void **state)
{
	struct kit_child *redis;
	struct kit_staunch *s;
	int port;

	(void)state;
	program_need("redis-server");
	redis = kit_redis_start(kit_ip(0), &port);
	s = start(port, PING);
	assert_false(said(s, "is not up"));
	kit_child_signal(redis, SIGSTOP); /* its port still takes connections */
	kit_staunch_wait_err(s, "is down: no answer in time", 1);
	kit_child_signal(redis, SIGCONT);
	kit_staunch_wait_err(s, "is up: its check is good", 1);
	kit_staunch_stop(s, SIGTERM);
	program_stop(redis, SIGTERM);
}

/* Another program behind the port is no Redis: nginx answers, and not so. */
static void e16_another_protocol(void **state)
{
	struct kit_staunch *s;
	int port;

	(void)state;
	program_need("nginx");
	(void)kit_nginx_start(kit_ip(0), &port);
	s = start(port, "health: {send: {send: \"PING\\r\\n\", expect: \"+PONG\", reject: \"400 Bad Request\"}}");
	assert_true(said(s, "is not up: its first check: the answer is not the wanted one"));
	kit_staunch_stop(s, SIGTERM);
	s = start(port, "health: {send: {send: \"PING\\r\\n\", expect: \"+PONG\"}}");
	assert_true(said(s, "is not up: its first check: the server ends too early"));
	kit_staunch_stop(s, SIGTERM);
}

/* ---- E27 ---- */

static void e27_nginx_answers_a_request(void **state)
{
	static const struct {
		const char *check, *said;
	} rows[] = {
		{"{path: /hello, status: \"200\"}", NULL},
		{"{path: /hello, body: hello}", NULL},
		{"{path: /missing}", "is not up: its first check: the answer is not the wanted one: status 404"},
		{"{path: /missing, status: \"404\"}", NULL},
		{"{path: /hello, body: ready, timeout: 1s}", "is not up: its first check: the server ends too early"},
	};
	int port;

	(void)state;
	program_need("nginx");
	(void)kit_nginx_start(kit_ip(0), &port);
	for (size_t i = 0; i < array_len(rows); i++) {
		struct kit_staunch *s = start(port, textf("health: {http: %s}", rows[i].check));

		if (said(s, "is not up") != (rows[i].said != NULL) || (rows[i].said != NULL && !said(s, rows[i].said)))
			kit_fail("%s: see %s", rows[i].check, s->child->err);
		kit_staunch_stop(s, SIGTERM);
	}
}

/* ---- TLS ---- */

/* OpenSSL's server with a certificate for kit_ip(0).   Returns  its port; *ca is who vouches for it. */
static int serve_tls(int to_days, char ca[KIT_PATH])
{
	struct kit_cert *root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	struct kit_cert *leaf = kit_cert_make(&(struct kit_cert_opts){
		.ip = kit_ip(0), .issuer = root, .from_days = -30, .to_days = to_days});
	char cert[KIT_PATH], key[KIT_PATH];
	int port = kit_port(kit_ip(0));
	const char *at = textf("%s:%d", kit_ip(0), port);

	kit_cert_write(root, "ca.pem", ca);
	kit_cert_write(leaf, "leaf.pem", cert);
	kit_cert_write_key(leaf, "leaf.key", NULL, key);
	(void)program_serve("tls", KIT_ARGV("openssl", "s_server", "-quiet", "-www", "-accept", at, "-cert", cert,
					    "-key", key), kit_ip(0), port);
	return port;
}

/* The handshake alone, a request through it, and one whose certificate has expired. */
static void e17_tls_as_connections_have_it(void **state)
{
	struct kit_staunch *s;
	char ca[KIT_PATH];
	int port;

	(void)state;
	program_need("openssl");
	port = serve_tls(30, ca);
	s = start(port, textf("tls: {ca: \"%s\"}, health: {tls: {timeout: 10s}}", ca));
	assert_false(said(s, "is not up"));
	kit_staunch_stop(s, SIGTERM);
	s = start(port, textf("tls: {ca: \"%s\"}, health: {http: {timeout: 10s}}", ca));
	assert_false(said(s, "is not up"));
	kit_staunch_stop(s, SIGTERM);
	port = serve_tls(-1, ca);
	s = start(port, textf("tls: {ca: \"%s\"}, health: {tls: {timeout: 10s}}", ca));
	assert_true(said(s, "is not up: its first check: the TLS handshake fails: certificate has expired"));
	kit_staunch_stop(s, SIGTERM);
}

/* E16: TLS is not spoken where a plain server stands. */
static void e16_tls_to_a_plain_server(void **state)
{
	struct kit_staunch *s;
	int port;

	(void)state;
	program_need("nginx");
	(void)kit_nginx_start(kit_ip(0), &port);
	s = start(port, "tls: {verify: false}, health: {tls: {timeout: 10s}}");
	assert_true(said(s, "is not up: its first check: the TLS handshake fails: "));
	kit_staunch_stop(s, SIGTERM);
}

/* ---- in the test's hands ---- */

/* E17, E26: a PROXY header that says LOCAL stands before all else; the answer comes in pieces, with more behind it; and
 * the server sees an orderly end. */
static void e17_a_local_header_and_an_orderly_end(void **state)
{
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0PING\r\n";
	int server = 0, listener = kit_listen(kit_ip(0), &server, 16), fd;
	struct kit_staunch *s;

	(void)state;
	s = kit_staunch_spawn(config_of(kit_port(kit_ip(0)), server,
					"proxy_protocol: v2, health: {send: {send: \"PING\\r\\n\", expect: \"+PONG\", "
					"interval: 1h, timeout: 10s}}"));
	fd = kit_accept(listener);
	kit_expect(fd, local, sizeof(local) - 1);
	assert_false(said(s, "\"event\":\"ready\""));
	kit_send(fd, "+PO", 3);
	kit_send(fd, "NG\r\nand more", 13);
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_err(s, "ready", 1);
	assert_false(said(s, "is not up"));
	kit_staunch_stop(s, SIGTERM);
	close(listener);
}

/* The old form of the header; a server that speaks first. */
static void e26_a_server_that_greets(void **state)
{
	int server = 0, listener = kit_listen(kit_ip(0), &server, 16), fd;
	struct kit_staunch *s;

	(void)state;
	s = kit_staunch_spawn(config_of(kit_port(kit_ip(0)), server,
					"proxy_protocol: v1, health: {send: {expect: \"220 \", interval: 1h, "
					"timeout: 10s}}"));
	fd = kit_accept(listener);
	kit_expect(fd, "PROXY UNKNOWN\r\n", 15);
	kit_send(fd, "220 mail.example ESMTP\r\n", 24);
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_err(s, "ready", 1);
	assert_false(said(s, "is not up"));
	kit_staunch_stop(s, SIGTERM);
	close(listener);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e26_redis_answers_a_ping),
		TEST(e16_another_protocol),
		TEST(e27_nginx_answers_a_request),
		TEST(e17_tls_as_connections_have_it),
		TEST(e16_tls_to_a_plain_server),
		TEST(e17_a_local_header_and_an_orderly_end),
		TEST(e26_a_server_that_greets),
	};

	return cmocka_run_group_tests_name("upstream speak check", tests, NULL, NULL);
}
