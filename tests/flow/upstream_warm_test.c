/* Connections to servers are made before clients ask for them, over two workers: E53, E54, E55, E73. What is kept ready
 * is counted in the kernel's own list of connections, and at the servers. */
#include <errno.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

struct world {
	struct kit_staunch *s;
	int port;
};

static const char *config_of(const struct world *w, const char *upstream)
{
	return textf(TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n"
				 "  - {name: web, bind: \"%s:%d\", upstream: app}\nupstreams:\n  - {name: app, %s}\n",
		     control_socket(), kit_ip(0), w->port, upstream);
}

static void start(struct world *w, const char *upstream)
{
	w->port = kit_port(kit_ip(0));
	w->s = kit_staunch_start(config_of(w, upstream));
}

static struct kit_peer *peer(enum kit_serve serve)
{
	return kit_peer_start(&(struct kit_peer_opts){.serve = serve});
}

/* ---- counting ---- */

/* Established connections to kit_ip(0) and that port. */
static int established(int port)
{
	FILE *f = fopen("/proc/net/tcp", "re");
	char line[256];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned from, from_port, to, to_port, state;

		if (sscanf(line, "%*d: %x:%x %x:%x %x", &from, &from_port, &to, &to_port, &state) == 5 && state == 1)
			n += to == inet_addr(kit_ip(0)) && to_port == (unsigned)port;
	}
	fclose(f);
	return n;
}

struct count {
	int port, n;
};

static bool is_count(void *arg)
{
	const struct count *c = arg;

	return established(c->port) == c->n;
}

static void wait_established(int port, int n)
{
	struct count c = {port, n};

	if (!kit_wait(is_count, &c, KIT_MS))
		kit_fail("%d connections to port %d, not %d", established(port), port, n);
}

/* All servers, by the metric. */
static int kept(const char *state)
{
	const char *page = control_expect(200, "GET /metrics", ""), *end = textf("state=\"%s\"} ", state), *p = page;
	int n = 0;

	while ((p = strstr(p, "staunch_upstream_warm_connections{")) != NULL) {
		const char *line_end = strchr(p, '\n'), *value = strstr(p, end);

		if (value != NULL && value < line_end)
			n += (int)strtol(value + strlen(end), NULL, 10);
		p = line_end;
	}
	return n;
}

static bool is_kept(void *arg)
{
	return kept("idle") == *(int *)arg && kept("connecting") == 0;
}

static void wait_kept(int n)
{
	if (!kit_wait(is_kept, &n, KIT_MS))
		kit_fail("%d kept, %d missing", kept("idle"), kept("missing"));
}

/* ... and no dial is under way. */
static bool is_missing(void *arg)
{
	return kept("missing") == *(int *)arg;
}

static void end(struct world *w)
{
	assert_true(kit_child_alive(w->s->child));
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

static const char *two_warm(int port, const char *more)
{
	return textf("warm: {connections: 2, max_age: 1h}, servers: [\"%s:%d\"]%s", kit_ip(0), port, more);
}

/* ---- how many ---- */

/* E53, E55: to real servers: two of each worker, and no more after many clients. */
static void e53_e55_two_of_each_worker(void **state)
{
	struct world w;
	int web, redis, echo = kit_peer_port(peer(KIT_ECHO));

	(void)state;
	if (!kit_have("nginx") || !kit_have("redis-server"))
		skip();
	kit_nginx_start(kit_ip(0), &web);
	kit_redis_start(kit_ip(0), &redis);
	start(&w, textf("warm: {connections: 2, max_age: 1h}, servers: [\"%s:%d\", \"%s:%d\", \"%s:%d\"]", kit_ip(0),
			web, kit_ip(0), redis, kit_ip(0), echo));
	for (int round = 0; round < 2; round++) {
		wait_established(web, 4);
		wait_established(redis, 4);
		wait_established(echo, 4);
		wait_kept(12);
		assert_int_equal(kept("missing"), 0);
		for (int i = 0; i < 300 && round == 0; i++)
			kit_reset(kit_connect(kit_ip(0), w.port));
	}
	end(&w);
	wait_established(echo, 0);
}

/* E55: their number does not grow, whatever clients do. */
static void e55_no_growth(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w;
	int fds;

	(void)state;
	start(&w, two_warm(kit_peer_port(p), ""));
	wait_kept(4);
	fds = kit_proc_fds(w.s->child->pid);
	for (int i = 0; i < 5000; i++) {
		int fd = kit_connect(kit_ip(0), w.port);

		if (i % 10 == 0)
			still_works(fd);
		kit_reset(fd);
	}
	kit_proc_wait_fds(w.s->child->pid, fds);
	wait_established(kit_peer_port(p), 4);
	wait_kept(4);
	end(&w);
}

/* E53: nothing is sent, and who takes one dials nobody: its bytes come on a connection that was there before. */
static void e53_nothing_is_sent(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 16), fd[4], client, which = -1;
	struct pollfd ready[4];
	struct world w;

	(void)state;
	start(&w, two_warm(port, ""));
	for (int i = 0; i < 4; i++) {
		fd[i] = kit_accept(listener);
		ready[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
	}
	wait_kept(4);
	assert_int_equal(poll(ready, 4, 0), 0);
	client = kit_connect(kit_ip(0), w.port);
	kit_send(client, "hello", 5);
	assert_true(poll(ready, 4, KIT_MS) == 1);
	for (int i = 0; i < 4; i++)
		which = ready[i].revents != 0 ? i : which;
	kit_expect(fd[which], "hello", 5);
	close(kit_accept(listener)); /* it is replaced; and this one, which is closed at once, is not */
	kit_send(fd[which], "you", 3);
	kit_expect(client, "you", 3);
	close(fd[which]);
	kit_expect_fin(client);
	close(client);
	for (int i = 0; i < 4; i++)
		if (i != which)
			close(fd[i]);
	close(listener);
	end(&w);
}

/* E53: not to a server that an operator drains, nor to one that its check takes down. */
static void e53_not_to_one_that_is_drained(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO), *other = peer(KIT_ECHO);
	int port = kit_peer_port(p);
	struct world w;

	(void)state;
	start(&w, textf("warm: {connections: 2, max_age: 1h}, servers: [\"%s:%d\", \"%s:%d\"]", kit_ip(0), port,
			kit_ip(0), kit_peer_port(other)));
	wait_established(port, 4);
	control_verb(0, textf("server drain app/%s:%d --socket $S", kit_ip(0), port));
	wait_established(port, 0);
	wait_kept(4);
	assert_int_equal(kept("missing"), 0);
	control_verb(0, textf("server ready app/%s:%d --socket $S", kit_ip(0), port));
	wait_established(port, 4);
	end(&w);
}

/* E53: a server that goes, and comes back. */
static void e53_a_server_restarts(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	int port = kit_peer_port(p);
	struct world w;

	(void)state;
	start(&w, two_warm(port, ""));
	wait_established(port, 4);
	kit_peer_stop(p);
	kit_staunch_wait_err(w.s, "connection refused (ahead of its clients)", 1);
	assert_true(kit_wait(is_missing, &(int){4}, KIT_MS));
	p = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .port = port});
	wait_kept(4);
	end_orderly(served(kit_ip(0), w.port));
	end(&w);
}

/* E53: too old. */
static void e53_each_is_replaced_when_it_is_old(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w;

	(void)state;
	start(&w, textf("warm: {connections: 2, max_age: 1s}, servers: [\"%s:%d\"]", kit_ip(0), kit_peer_port(p)));
	kit_peer_wait_accepted(p, 10);
	kit_peer_wait_ended(p, 6);
	assert_int_equal(kit_peer_report(p, 0).end, 0); /* in good order */
	end(&w);
}

/* E53: a reload keeps them, unless they would be spoken to in another way. */
static void e53_reloads(void **state)
{
	struct kit_peer *p = peer(KIT_MUTE);
	int port = kit_peer_port(p);
	struct world w;

	(void)state;
	start(&w, two_warm(port, ""));
	wait_kept(4);
	generation_from(w.s, 2, config_of(&w, two_warm(port, ", retries: 1")));
	wait_kept(4);
	assert_int_equal(kit_peer_accepted(p), 4);
	generation_from(w.s, 3, config_of(&w, two_warm(port, ", proxy_protocol: v1")));
	kit_peer_wait_accepted(p, 8);
	wait_established(port, 4);
	generation_from(w.s, 4, config_of(&w, textf("servers: [\"%s:%d\"]", kit_ip(0), port)));
	wait_established(port, 0);
	generation_from(w.s, 5, config_of(&w, two_warm(port, "")));
	wait_established(port, 4);
	end(&w);
}

/* E53: at the order to stop they are closed at once, while a client goes on. */
static void e53_a_drain_closes_them(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w;
	int client;

	(void)state;
	start(&w, two_warm(kit_peer_port(p), ""));
	wait_kept(4);
	client = served(kit_ip(0), w.port);
	wait_kept(4);
	kit_child_signal(w.s->child, SIGTERM);
	wait_established(kit_peer_port(p), 1);
	still_works(client);
	end_orderly(client);
	assert_int_equal(kit_child_wait(w.s->child), 0);
}

/* E73: an eighth of the descriptors at most; what is more is left out, and clients are served. */
static void e73_few_descriptors(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w = {.port = kit_port(kit_ip(0))};

	(void)state;
	if (!kit_have("prlimit"))
		skip();
	w.s = start_by("prlimit --nofile=256", config_of(&w, textf("warm: {connections: 64}, servers: [\"%s:%d\"]",
								   kit_ip(0), kit_peer_port(p))));
	wait_kept(32);
	assert_int_equal(kept("missing"), 96);
	ten_exchanges(kit_ip(0), w.port);
	wait_kept(32);
	end(&w);
}

/* ---- the first use ---- */

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
		cmocka_unit_test_teardown(e53_e55_two_of_each_worker, kit_end),
		cmocka_unit_test_teardown(e55_no_growth, kit_end),
		cmocka_unit_test_teardown(e53_nothing_is_sent, kit_end),
		cmocka_unit_test_teardown(e53_not_to_one_that_is_drained, kit_end),
		cmocka_unit_test_teardown(e53_a_server_restarts, kit_end),
		cmocka_unit_test_teardown(e53_each_is_replaced_when_it_is_old, kit_end),
		cmocka_unit_test_teardown(e53_reloads, kit_end),
		cmocka_unit_test_teardown(e53_a_drain_closes_them, kit_end),
		cmocka_unit_test_teardown(e73_few_descriptors, kit_end),
		cmocka_unit_test_teardown(e54_greeting_is_whole, kit_end),
		cmocka_unit_test_teardown(e54_dies_at_the_first_use, kit_end),
		cmocka_unit_test_teardown(e53_tls_is_agreed_on_ahead, kit_end),
	};

	return cmocka_run_group_tests_name("upstream_warm", tests, NULL, NULL);
}
