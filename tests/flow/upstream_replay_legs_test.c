/* A replayed connection (E52) with TLS at either leg, a PROXY header that came, a queue, a client that waits with its
 * first byte, real servers; and who ends it meanwhile. The test is the server behind, so it sees each byte;
 * upstream_replay_test.c has the many. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/proxy_edge.h"
#include "tests/flow/kit/tls_edge.h"

/* Two servers that are the test's, the first of which has the first connection. */
struct legs {
	struct edge e;
	int listener[2], at[2];
};

static struct legs legs_start(const char *listener, const char *keys)
{
	struct legs l;

	for (int i = 0; i < 2; i++) {
		l.at[i] = 0;
		l.listener[i] = kit_listen(kit_ip(0), &l.at[i], 8);
	}
	l.e = edge_start(listener, textf("  - {name: back, replay: 16KiB, health: {passive: off}, servers: [\"%s:%d\", "
					 "\"%s:%d\"]%s}\n", kit_ip(0), l.at[0], kit_ip(0), l.at[1], keys));
	return l;
}

static void legs_end(struct legs *l)
{
	edge_end(&l->e);
	close(l->listener[0]);
	close(l->listener[1]);
}

/* The next server gets these bytes and answers, and the client has both ends. */
static void served_by(int fd, int client, const char *bytes)
{
	kit_expect(fd, bytes, strlen(bytes));
	kit_send(fd, "yes", 3);
	kit_expect(client, "yes", 3);
	kit_half_close(client);
	kit_expect_fin(fd);
	close(fd);
	kit_expect_fin(client);
	close(client);
}

/* The client's end comes before that of the server, or after it; what it says meanwhile is not lost. */
static void e52_bytes_and_ends_meanwhile(void **state)
{
	struct legs l = legs_start("upstream: back", "");
	int client = edge_connect(&l.e), fd = kit_accept(l.listener[0]);

	(void)state;
	kit_send(client, "one ", 4);
	kit_expect(fd, "one ", 4);
	kit_send(client, "two ", 4);
	kit_reset(fd);
	kit_send(client, "three", 5);
	kit_half_close(client);
	fd = kit_accept(l.listener[1]);
	kit_expect(fd, "one two three", 13);
	kit_expect_fin(fd);
	kit_send(fd, "yes", 3);
	close(fd);
	kit_expect(client, "yes", 3);
	kit_expect_fin(client);
	close(client);
	edge_ended(&l.e, "client_fin", 1);
	legs_end(&l);
}

/* TLS ends here: the client's handshake is done once, and the plain bytes go to the second server. */
static void e52_tls_of_the_client(void **state)
{
	struct tls_peer p;
	struct legs l;
	int fd;

	(void)state;
	pki_write();
	l = legs_start(tls_edge_keys(""), "");
	assert_true(tls_peer_dial(&p, edge_connect(&l.e), &(struct tls_peer_opts){.sni = "a.test", .ca = pki.ca}));
	tls_peer_send(&p, "in a record", 11);
	fd = kit_accept(l.listener[0]);
	kit_expect(fd, "in a record", 11);
	close(fd);
	tls_peer_half_close(&p);
	fd = kit_accept(l.listener[1]);
	kit_expect(fd, "in a record", 11);
	kit_expect_fin(fd);
	kit_send(fd, "yes", 3);
	close(fd);
	tls_peer_expect(&p, "yes", 3);
	assert_int_equal(tls_peer_next(&p), 0);
	tls_peer_close(&p);
	edge_ended(&l.e, "client_fin", 1);
	legs_end(&l);
}

/* TLS with servers: each has a handshake of its own. */
static void e52_tls_with_servers(void **state)
{
	struct tls_peer p;
	struct legs l;
	int client;

	(void)state;
	pki_write();
	l = legs_start("upstream: back", textf(", tls: {ca: \"%s\", name: a.test}", pki.ca));
	client = edge_connect(&l.e);
	kit_send(client, "plain", 5);
	for (int i = 0; i < 2; i++) {
		assert_true(tls_peer_answer(&p, kit_accept(l.listener[i]),
					    &(struct tls_peer_opts){.cert = pki.cert, .key = pki.key}));
		tls_peer_expect(&p, "plain", 5);
		if (i == 0)
			tls_peer_close(&p); /* with close_notify: an end as good as a FIN */
	}
	tls_peer_send(&p, "yes", 3);
	kit_expect(client, "yes", 3);
	kit_half_close(client);
	assert_int_equal(tls_peer_next(&p), 0);
	tls_peer_close(&p);
	kit_expect_fin(client);
	close(client);
	edge_ended(&l.e, "client_fin", 1);
	legs_end(&l);
}

/* What a PROXY header said of the client, a name in a hello and the TLVs, are told to the second server, too. */
static void e52_proxy_headers(void **state)
{
	char header[2][256];
	ssize_t n[2] = {0};
	struct legs l = legs_start(REQUIRED, ", proxy_protocol: v2, tlvs: [unique_id]");
	int client = edge_connect(&l.e), fd;

	(void)state;
	kit_send(client, HEADER_V2 "abc", sizeof(HEADER_V2 "abc") - 1);
	for (int i = 0; i < 2; i++) {
		fd = kit_accept(l.listener[i]);
		while (n[i] < 3 || memcmp(header[i] + n[i] - 3, "abc", 3) != 0) {
			assert_true(n[i] < (ssize_t)sizeof(header[i]) - 1);
			assert_int_equal(kit_io_read(fd, header[i] + n[i], 1), 1);
			n[i]++;
		}
		if (i == 0)
			kit_reset(fd);
	}
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(header[0], header[1], (size_t)n[0]);
	assert_memory_equal(header[0], SIGNED "\x21\x11", 14);
	served_by(fd, client, "");
	edge_ended(&l.e, "client_fin", 1);
	legs_end(&l);
}

/* connect: first_byte: the byte that was waited for is the first that both have. */
static void e52_first_byte(void **state)
{
	struct legs l = legs_start("upstream: back, connect: first_byte", "");
	int client = edge_connect(&l.e), fd;

	(void)state;
	kit_send(client, "x", 1);
	fd = kit_accept(l.listener[0]);
	kit_reset(fd);
	served_by(kit_accept(l.listener[1]), client, "x");
	legs_end(&l);
}

/* Servers at Unix sockets: more than one write is kept of these, too. */
static void e52_unix_servers(void **state)
{
	const char *path[2] = {textf("@replay-%s-a", kit_ip(0)), textf("@replay-%s-b", kit_ip(0))};
	int listener[2], client, fd, port = 0;
	struct edge e;

	(void)state;
	for (int i = 0; i < 2; i++)
		listener[i] = kit_listen(path[i], &port, 8);
	e = edge_start("upstream: back", textf("  - {name: back, replay: 1KiB, health: {passive: off}, "
					       "servers: [\"unix:%s\", \"unix:%s\"]}\n", path[0], path[1]));
	client = edge_connect(&e);
	fd = kit_accept(listener[0]);
	kit_send(client, "one ", 4);
	kit_expect(fd, "one ", 4);
	kit_send(client, "two", 3);
	kit_expect(fd, "two", 3);
	close(fd);
	served_by(kit_accept(listener[1]), client, "one two");
	edge_end(&e);
	close(listener[0]);
	close(listener[1]);
}

/* With on_fin: end the server's early end is another's begin; the client's ends all. */
static void e52_on_fin_end(void **state)
{
	struct legs l = legs_start("upstream: back, on_fin: end", "");
	int client = edge_connect(&l.e), fd = kit_accept(l.listener[0]);

	(void)state;
	kit_send(client, "x", 1);
	kit_expect(fd, "x", 1);
	close(fd);
	fd = kit_accept(l.listener[1]);
	kit_expect(fd, "x", 1);
	kit_half_close(client);
	kit_expect_fin(fd);
	kit_expect_fin(client);
	close(fd);
	close(client);
	edge_ended(&l.e, "client_fin", 1);
	legs_end(&l);
}

/* Who has asked for nothing is passed on the end: the client that came and went, and a server that tidies up. */
static void e52_nothing_asked(void **state)
{
	struct legs l = legs_start("upstream: back", "");
	int client = edge_connect(&l.e), fd = kit_accept(l.listener[0]);

	(void)state;
	kit_half_close(client);
	kit_expect_fin(fd);
	close(fd);
	kit_expect_fin(client);
	close(client);
	edge_ended(&l.e, "client_fin", 1);
	client = edge_connect(&l.e);
	fd = kit_accept(l.listener[1]);
	kit_reset(fd); /* but a reset is a reset */
	served_by(kit_accept(l.listener[0]), client, "");
	client = edge_connect(&l.e);
	fd = kit_accept(l.listener[0]);
	cpu_ms_within(l.e.s->child->pid, 1200);
	close(fd);
	kit_expect_fin(client);
	close(client);
	edge_ended(&l.e, "server_fin", 1);
	legs_end(&l);
}

/* ---- the queue ---- */

struct line {
	struct kit_staunch *s;
	int port, fds, listener[2], at[2], busy, slot;
};

/* The second server has one slot, which somebody has. */
static struct line line_start(const char *end)
{
	struct line w = {.port = kit_port(kit_ip(0))};

	for (int i = 0; i < 2; i++)
		w.listener[i] = kit_listen(kit_ip(0), &w.at[i], 8);
	w.s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\"}\n%s"
			    "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			    "upstreams:\n  - {name: app, replay: 16KiB, health: {passive: off}, "
			    "timeouts: {queue: 60s}, "
			    "servers: [{address: \"%s:%d\"}, {address: \"%s:%d\", max_connections: 1}]}\n",
		control_socket(), end, kit_ip(0), w.port, kit_ip(0), w.at[0], kit_ip(0), w.at[1]));
	w.fds = kit_proc_fds(w.s->child->pid);
	w.busy = kit_connect(kit_ip(0), w.port);
	kit_reset(kit_accept(w.listener[0]));
	w.slot = kit_accept(w.listener[1]);
	return w;
}

static bool one_waits(void *arg)
{
	const char *line = "staunch_upstream_queue_length{upstream=\"app\"} 1\n";

	(void)arg;
	return strstr(control_expect(200, "GET /metrics", ""), line) != NULL;
}

/* A client whose first server has reset, and which waits for the second. */
static int waiting_client(struct line *w)
{
	int client = kit_connect(kit_ip(0), w->port), fd;

	kit_send(client, "q", 1);
	fd = kit_accept(w->listener[0]);
	kit_expect(fd, "q", 1);
	kit_reset(fd);
	assert_true(kit_wait(one_waits, NULL, KIT_MS));
	return client;
}

static void line_end(struct line *w)
{
	kit_proc_wait_fds(w->s->child->pid, w->fds);
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
	close(w->listener[0]);
	close(w->listener[1]);
}

/* E52, E43: it waits for a slot as any other, and the client may go meanwhile. */
static void e52_waits_in_the_queue(void **state)
{
	struct line w = line_start("");
	int client = waiting_client(&w), fd;

	(void)state;
	kit_reset(client);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"client_rst\"", 1);
	client = waiting_client(&w);
	close(w.busy);
	kit_expect_fin(w.slot);
	close(w.slot);
	fd = kit_accept(w.listener[1]);
	served_by(fd, client, "q");
	kit_staunch_wait_log(w.s, "\"staunch.queue_ms\":", 2);
	line_end(&w);
}

/* An operator ends it in the queue. */
static void e52_killed_in_the_queue(void **state)
{
	struct line w = line_start("");
	int client = waiting_client(&w);

	(void)state;
	expect_part(control_raw("POST /v1/conns/kill HTTP/1.0\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				"Content-Length: 12\r\n\r\n{\"all\":true}"), "\"killed\":2");
	kit_expect_rst(client);
	kit_expect_rst(w.busy);
	close(client);
	close(w.busy);
	close(w.slot);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"admin\"", 2);
	line_end(&w);
}

/* And so does the end of the process, in time. */
static void e52_term_in_the_queue(void **state)
{
	struct line w = line_start("shutdown: {timeout: 300ms}\n");
	int client = waiting_client(&w);

	(void)state;
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 4); /* connections were cut */
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.close_reason\":\"drain_deadline\""), 2);
	close(client);
	close(w.busy);
	close(w.slot);
	close(w.listener[0]);
	close(w.listener[1]);
}

/* ---- real servers ---- */

/* Beside a server that resets each connection, nobody notices. */
static void with_a_resetting_server(int port, const char *ask, const char *answer)
{
	struct kit_peer *bad = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_RESET});
	const char *keys = "replay: 16KiB, health: {passive: off}";
	struct edge e = edge_start("upstream: back",
				   textf("  - {name: back, %s, servers: [\"%s:%d\", \"%s:%d\"]}\n", keys, kit_ip(0),
					 kit_peer_port(bad), kit_ip(0), port));

	for (int i = 0; i < 40; i++) {
		int fd = edge_connect(&e);

		kit_send(fd, ask, strlen(ask));
		kit_expect(fd, answer, strlen(answer));
		close(fd);
	}
	assert_in_range(kit_peer_accepted(bad), 15, 25);
	edge_end(&e);
}

static void e52_redis(void **state)
{
	int port;

	(void)state;
	program_need("redis-server");
	(void)kit_redis_start(kit_ip(0), &port);
	with_a_resetting_server(port, "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n", "$5\r\nhello\r\n");
}

static void e52_nginx(void **state)
{
	int port;

	(void)state;
	program_need("nginx");
	(void)kit_nginx_start(kit_ip(0), &port);
	with_a_resetting_server(port, "GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e52_bytes_and_ends_meanwhile, kit_end),
		cmocka_unit_test_teardown(e52_tls_of_the_client, kit_end),
		cmocka_unit_test_teardown(e52_tls_with_servers, kit_end),
		cmocka_unit_test_teardown(e52_proxy_headers, kit_end),
		cmocka_unit_test_teardown(e52_first_byte, kit_end),
		cmocka_unit_test_teardown(e52_unix_servers, kit_end),
		cmocka_unit_test_teardown(e52_on_fin_end, kit_end),
		cmocka_unit_test_teardown(e52_nothing_asked, kit_end),
		cmocka_unit_test_teardown(e52_waits_in_the_queue, kit_end),
		cmocka_unit_test_teardown(e52_killed_in_the_queue, kit_end),
		cmocka_unit_test_teardown(e52_term_in_the_queue, kit_end),
		cmocka_unit_test_teardown(e52_redis, kit_end),
		cmocka_unit_test_teardown(e52_nginx, kit_end),
	};

	return cmocka_run_group_tests_name("upstream_replay_legs", tests, NULL, NULL);
}
