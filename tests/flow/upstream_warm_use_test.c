/* The first use of a connection that was made before its client came: E52, E53, E54. */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"
#include "tests/flow/kit/warm_world.h"

/* E54: a server that speaks first, as SMTP has it: its greeting has waited, and comes whole. */
static void e54_greeting_is_whole(void **state)
{
	int port = kit_port(kit_ip(0)), status;
	struct kit_child *smtp;
	struct world w;
	const char *script = textf("import asyncio\n"
				   "async def serve(r, w):\n"
				   "    w.write(b'220 mail.example ESMTP\\r\\n'); await w.drain()\n"
				   "    while True:\n"
				   "        line = await r.readline()\n"
				   "        if not line: break\n"
				   "        w.write(b'221 bye\\r\\n' if line[:4] == b'QUIT' else b'250 ok\\r\\n')\n"
				   "        if line[:4] == b'QUIT': break\n"
				   "    await w.drain(); w.close()\n"
				   "async def main():\n"
				   "    s = await asyncio.start_server(serve, '%s', %d)\n"
				   "    async with s: await s.serve_forever()\n"
				   "asyncio.run(main())\n", kit_ip(0), port);

	(void)state;
	if (!kit_have("python3") || !kit_have("curl"))
		skip();
	smtp = kit_child_start("smtp", KIT_ARGV("python3", "-c", script));
	start(&w, two_warm(port, ""));
	wait_kept(4);
	for (int i = 0; i < 20; i++) {
		int client = kit_connect(kit_ip(0), w.port);

		kit_expect(client, "220 mail.example ESMTP\r\n", 24);
		kit_send(client, "EHLO x\r\n", 8);
		kit_expect(client, "250 ok\r\n", 8);
		kit_send(client, "QUIT\r\n", 6);
		kit_expect(client, "221 bye\r\n", 9);
		kit_expect_fin(client);
		close(client);
	}
	wait_kept(4);
	control_shell(&status, textf("curl -sS --max-time 10 smtp://%s:%d -X NOOP", kit_ip(0), w.port));
	assert_int_equal(status, 0);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"server_fin\"", 20);
	end(&w);
	kit_child_signal(smtp, SIGTERM);
	(void)kit_child_wait(smtp);
}

/* The sockets that a test's server has accepted. */
struct accepted {
	int fd[16], n, listener;
};

/* Accepts until bytes have come on one that is not the `but`th.   Returns  which it is. */
static int wait_bytes(struct accepted *a, int but)
{
	for (;;) {
		struct pollfd p[17] = {{.fd = a->listener, .events = POLLIN}};

		for (int i = 0; i < a->n; i++)
			p[i + 1] = (struct pollfd){.fd = i != but ? a->fd[i] : -1, .events = POLLIN};
		if (poll(p, (nfds_t)a->n + 1, KIT_MS) <= 0)
			kit_fail("no bytes on any of %d connections", a->n);
		for (int i = 0; i < a->n; i++)
			if (p[i + 1].revents != 0)
				return i;
		assert_true(a->n < 16);
		a->fd[a->n++] = kit_accept(a->listener);
	}
}

/* E54: what is kept ready ends at the first use, while TLS is agreed on behind the PROXY header: another is dialled,
 * and nobody is blamed, although no server may be tried again. */
static void e54_dies_at_the_first_use(void **state)
{
	int port = 0, client, used, fresh;
	struct accepted a = {.n = 0};
	struct tls_peer server;
	struct world w;

	(void)state;
	pki_write();
	a.listener = kit_listen(kit_ip(0), &port, 16);
	start(&w, two_warm(port, textf(", retries: 0, proxy_protocol: v1, tls: {ca: \"%s\", name: a.test}", pki.ca)));
	wait_kept(4);
	client = kit_connect(kit_ip(0), w.port);
	used = wait_bytes(&a, -1);
	shutdown(a.fd[used], SHUT_RDWR);
	fresh = wait_bytes(&a, used);
	for (char c = ' '; c != '\n';)
		assert_int_equal(recv(a.fd[fresh], &c, 1, 0), 1);
	assert_true(tls_peer_answer(&server, a.fd[fresh], &(struct tls_peer_opts){.cert = pki.cert, .key = pki.key}));
	kit_send(client, "hello", 5);
	tls_peer_expect(&server, "hello", 5);
	tls_peer_close(&server);
	kit_expect_fin(client);
	close(client);
	kit_staunch_wait_log(w.s, "\"staunch.retries\":0", 1);
	assert_int_equal(kit_file_count(w.s->child->err, "upstream_tls_failed"), 0);
	end(&w);
	for (int i = 0; i < a.n; i++)
		if (i != fresh)
			close(a.fd[i]);
	close(a.listener);
}

/* E54: what is kept ready hangs at the first use: the dial that follows has all of retry_budget. */
static void e54_hangs_at_the_first_use(void **state)
{
	int port = 0, client, used, fresh;
	struct accepted a = {.n = 0};
	struct tls_peer server;
	struct world w;

	(void)state;
	pki_write();
	a.listener = kit_listen(kit_ip(0), &port, 16);
	start(&w, two_warm(port, textf(", retries: 0, retry_budget: 4s, proxy_protocol: v1, "
				       "tls: {ca: \"%s\", name: a.test, handshake_timeout: 4s}", pki.ca)));
	wait_kept(4);
	client = kit_connect(kit_ip(0), w.port);
	used = wait_bytes(&a, -1);
	fresh = wait_bytes(&a, used);
	for (char c = ' '; c != '\n';)
		assert_int_equal(recv(a.fd[fresh], &c, 1, 0), 1);
	assert_true(tls_peer_answer(&server, a.fd[fresh], &(struct tls_peer_opts){.cert = pki.cert, .key = pki.key}));
	kit_send(client, "hello", 5);
	tls_peer_expect(&server, "hello", 5);
	tls_peer_close(&server);
	close(client);
	end(&w);
	for (int i = 0; i < a.n; i++)
		if (i != fresh)
			close(a.fd[i]);
	close(a.listener);
}

/* E54: the client resets while TLS is agreed on: for whom nobody waits nobody is dialled. */
static void e54_the_client_leaves_at_the_first_use(void **state)
{
	int port = 0, client;
	struct accepted a = {.n = 0};
	struct world w;

	(void)state;
	pki_write();
	a.listener = kit_listen(kit_ip(0), &port, 16);
	start(&w, two_warm(port, textf(", proxy_protocol: v1, tls: {ca: \"%s\", name: a.test}", pki.ca)));
	wait_kept(4);
	client = kit_connect(kit_ip(0), w.port);
	(void)wait_bytes(&a, -1);
	kit_reset(client);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"client_rst\"", 1);
	wait_kept(4); /* what was taken is replaced */
	while (poll(&(struct pollfd){.fd = a.listener, .events = POLLIN}, 1, 0) == 1) {
		assert_true(a.n < 16);
		a.fd[a.n++] = kit_accept(a.listener);
	}
	assert_int_equal(a.n, 5);
	end(&w);
	for (int i = 0; i < a.n; i++)
		close(a.fd[i]);
	close(a.listener);
}

/* E52, E54: after a server that ended early another one's kept connection serves, and the log says so of it. */
static void e54_serves_after_another_failed(void **state)
{
	struct kit_peer *fails = peer(KIT_RESET), *serves = peer(KIT_ECHO);
	struct world w;

	(void)state;
	start(&w, textf("warm: {connections: 1, max_age: 1h}, replay: 1KiB, health: {passive: off}, "
			"servers: [\"%s:%d\", \"%s:%d\"]",
			kit_ip(0), kit_peer_port(fails), kit_ip(0), kit_peer_port(serves)));
	wait_established(kit_peer_port(serves), 2);
	end_orderly(served(kit_ip(0), w.port));
	end_orderly(served(kit_ip(0), w.port));
	kit_staunch_wait_log(w.s, "\"result\":\"early_reset\"", 1);
	kit_staunch_wait_log(w.s, "\"result\":\"connected\"", 1);
	end(&w);
}

/* E53: the handshake is over before the client comes; with a real server, which answers one client at a time. */
static void e53_tls_is_agreed_on_ahead(void **state)
{
	struct world w = {.port = kit_port(kit_ip(0))};
	int port = kit_port(kit_ip(0)), client;
	struct kit_child *server;

	(void)state;
	if (!kit_have("openssl"))
		skip();
	pki_write();
	server = kit_child_start("s_server", KIT_ARGV("openssl", "s_server", "-accept", textf("%s:%d", kit_ip(0), port),
						      "-cert", pki.cert, "-key", pki.key, "-rev", "-quiet"));
	w.s = kit_staunch_start(textf("workers: 1\nlog: {access: \"@DIR@/access.log\"}\ncontrol: {socket: \"%s\"}\n"
				      "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\nupstreams:\n"
				      "  - {name: app, warm: {connections: 1, max_age: 1h}, servers: [\"%s:%d\"], "
				      "tls: {ca: \"%s\", name: a.test}}\n",
				      control_socket(), kit_ip(0), w.port, kit_ip(0), port, pki.ca));
	wait_kept(1);
	client = kit_connect(kit_ip(0), w.port);
	kit_send(client, "hello\n", 6);
	kit_expect(client, "olleh\n", 6);
	end_orderly(client);
	wait_kept(1);
	kit_staunch_wait_log(w.s, "\"staunch.retries\":0", 1);
	end(&w);
	kit_child_signal(server, SIGTERM);
	(void)kit_child_wait(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e54_greeting_is_whole, kit_end),
		cmocka_unit_test_teardown(e54_dies_at_the_first_use, kit_end),
		cmocka_unit_test_teardown(e54_hangs_at_the_first_use, kit_end),
		cmocka_unit_test_teardown(e54_the_client_leaves_at_the_first_use, kit_end),
		cmocka_unit_test_teardown(e54_serves_after_another_failed, kit_end),
		cmocka_unit_test_teardown(e53_tls_is_agreed_on_ahead, kit_end),
	};

	return cmocka_run_group_tests_name("upstream_warm_use", tests, NULL, NULL);
}
