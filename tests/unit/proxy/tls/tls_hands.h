/* tls_hands: who shakes hands in the tests: a root and what it signed, a stranger and what that one signed; and a
 * server's and a client's configuration that each test changes before it makes its contexts of them. */
#ifndef TESTS_UNIT_PROXY_TLS_TLS_HANDS_H
#define TESTS_UNIT_PROXY_TLS_TLS_HANDS_H

#include "tests/unit/proxy/tls/tls_pair.h"

/* Made once: a root, what it signed, and a stranger's. */
static struct kit_cert *root, *leaf, *client_cert, *late_cert, *stranger, *strange_cert;
static struct config_cert files, client_files, late_files, strange_files;
static char ca[KIT_PATH], stranger_ca[KIT_PATH];
static struct tls_ticket_keys *ring;
static struct config_tls_in in;
static struct config_tls_out out;

static inline int setup(void **state)
{
	struct text err = pair_text();

	if (root == NULL) {
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		leaf = kit_cert_make(&(struct kit_cert_opts){
			.cn = "a", .dns = "a.test,*.w.test", .ip = "127.0.0.1", .issuer = root});
		client_cert = kit_cert_make(&(struct kit_cert_opts){.cn = "Alice", .issuer = root});
		late_cert = kit_cert_make(&(struct kit_cert_opts){
			.cn = "Bob", .from_days = -9, .to_days = -1, .issuer = root});
		stranger = kit_cert_make(&(struct kit_cert_opts){.cn = "other root", .ca = true});
		strange_cert = kit_cert_make(&(struct kit_cert_opts){.cn = "Eve", .issuer = stranger});
	}
	kit_cert_write(root, "ca.pem", ca);
	kit_cert_write(stranger, "stranger.pem", stranger_ca);
	files = pair_cert(leaf, "a");
	client_files = pair_cert(client_cert, "alice");
	late_files = pair_cert(late_cert, "bob");
	strange_files = pair_cert(strange_cert, "eve");
	in = pair_in(&files, 1);
	out = pair_out(ca, "a.test");
	if (tls_ticket_keys_new(&ring, NULL, 3600, 1000, &err) != 0)
		return -1;
	return pair_setup(state);
}

static inline int teardown(void **state)
{
	pair_cert_free(&files);
	pair_cert_free(&client_files);
	pair_cert_free(&late_files);
	pair_cert_free(&strange_files);
	ring = tls_ticket_keys_free(ring);
	return pair_teardown(state);
}

/* The client learns of a refusal with the first read (TLS 1.3). */
static inline void client_reads(struct pair *p)
{
	char byte;

	if (p->client.err == 0 && p->server.err != 0)
		p->client.err = (int)pair_read(&p->client.s, &byte, 1);
}

/* One handshake with in and out as they are. */
static inline struct pair shake(void)
{
	struct pair p = {.script = client_reads};

	p.client.ctx = pair_client(&out);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	return p;
}

#define EXPECT(p, server_why, client_why)                                       \
	do {                                                                    \
		assert_string_equal(tls_why_word((p).server.why.code), server_why); \
		assert_string_equal(tls_why_word((p).client.why.code), client_why); \
	} while (0)

/* A ticket comes after the handshake: with the first bytes. */
static inline void exchange(struct pair *p)
{
	char byte;

	if (p->client.err != 0 || p->server.err != 0)
		return;
	p->client.err = pair_write(&p->client.s, "x", 1);
	if (pair_read(&p->server.s, &byte, 1) != 1 || pair_write(&p->server.s, "y", 1) != 0 ||
	    pair_read(&p->client.s, &byte, 1) != 1)
		p->server.err = -1;
}

static inline int setup_openssl(void **state)
{
	int err = setup(state);

	in.records = out.records = CONFIG_TLS_RECORDS_OPENSSL;
	return err;
}

/* V33: every row runs with each record layer. */
#define ROW(ids, f)                                     \
	{ids " " #f, f, setup, teardown, NULL},         \
	{ids " " #f " (openssl)", f, setup_openssl, teardown, NULL}

#endif
