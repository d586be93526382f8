/* TLS on both legs, and who ends how: the client leaves in the middle, the server floods, the first end is all. */
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

static struct edge upstream_edge(int *listener, const char *tls, const char *more)
{
	int port = 0;

	pki_write();
	*listener = kit_listen(kit_ip(0), &port, 8);
	return edge_start("upstream: back",
			  edge_upstream("back", port,
					textf(", tls: {ca: \"%s\", name: a.test%s}%s", pki.ca, tls, more)));
}

/* A client that resets takes its attempt with it: the server is left at once, the next one not asked, nobody blamed. */
static void b13_client_resets_during_the_handshake(void **state)
{
	struct edge e;
	int listener, fd, server;
	char hello[4096];

	(void)state;
	e = upstream_edge(&listener, ", handshake_timeout: 10m", ", retry_budget: 10m");
	for (int i = 1; i <= 3; i++) {
		fd = edge_connect(&e);
		kit_send(fd, "hello?", 6);
		server = kit_accept(listener);
		assert_true(kit_io_read(server, hello, sizeof(hello)) > 0);
		kit_reset(fd);
		edge_ended(&e, "client_rst", i);
		while (kit_io_read(server, hello, sizeof(hello)) > 0)
			; /* what is left of the ClientHello; then an end */
		close(server);
	}
	assert_int_equal(kit_file_count(e.s->child->err, "_failed"), 0);
	edge_end(&e);
	close(listener);
}

/* Records that carry nothing are counted on this side, too. */
static void d18_a_flood_of_key_updates(void **state)
{
	static const int kinds[] = {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED};
	struct tls_peer p;
	struct edge e;
	int listener, fd;

	(void)state;
	e = upstream_edge(&listener, "", "");
	for (size_t i = 0; i < array_len(kinds); i++) {
		fd = edge_connect(&e);
		assert_true(tls_peer_answer(&p, kit_accept(listener),
					    &(struct tls_peer_opts){.cert = pki.cert, .key = pki.key}));
		for (int n = 0; n < 150 && SSL_key_update(p.ssl, kinds[i]) == 1; n++)
			if (SSL_do_handshake(p.ssl) != 1)
				break; /* it was left meanwhile */
		kit_expect_rst(fd);
		close(fd);
		tls_peer_close(&p);
		edge_ended(&e, "upstream_tls_failed", (int)i + 1);
	}
	edge_end(&e);
	close(listener);
}

/* on_fin: end. The other one's close_notify is never said, and both have theirs. */
static void first_end_is_all(bool server_ends)
{
	struct tls_peer client, server, *first = server_ends ? &server : &client;
	struct tls_peer *other = server_ends ? &client : &server;
	struct edge e;
	int port = 0, listener;

	pki_write();
	listener = kit_listen(kit_ip(0), &port, 8);
	e = edge_start(textf("%s, on_fin: end, timeouts: {linger: 300ms}", tls_edge_keys("")),
		       edge_upstream("back", port, textf(", tls: {ca: \"%s\", name: a.test}", pki.ca)));
	assert_true(tls_peer_dial(&client, edge_connect(&e), &(struct tls_peer_opts){.sni = "a.test"}));
	assert_true(tls_peer_answer(&server, kit_accept(listener),
				    &(struct tls_peer_opts){.cert = pki.cert, .key = pki.key}));
	tls_peer_send(other, "unasked", 7);
	tls_peer_expect(first, "unasked", 7);
	tls_peer_send(first, "bye", 3);
	tls_peer_half_close(first);
	tls_peer_expect(other, "bye", 3);
	assert_int_equal(tls_peer_next(other), 0);
	assert_int_equal(tls_peer_next(first), 0);
	edge_ended(&e, server_ends ? "server_fin" : "client_fin", 1);
	tls_peer_close(&client);
	tls_peer_close(&server);
	edge_end(&e);
	close(listener);
}

static void b29_the_clients_close_notify_ends(void **state)
{
	(void)state;
	first_end_is_all(false);
}

static void b29_the_servers_close_notify_ends(void **state)
{
	(void)state;
	first_end_is_all(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(b13_client_resets_during_the_handshake),
		TLS_ROW(d18_a_flood_of_key_updates),
		TLS_ROW(b29_the_clients_close_notify_ends),
		TLS_ROW(b29_the_servers_close_notify_ends),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
