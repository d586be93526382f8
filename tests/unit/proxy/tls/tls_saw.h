/* tls_saw: a client and a server with one certificate, over either version; what a script saw, for the test to judge;
 * and bytes to send. */
#ifndef TESTS_UNIT_PROXY_TLS_TLS_SAW_H
#define TESTS_UNIT_PROXY_TLS_TLS_SAW_H

#include "netpoll/hook.h"
#include "tests/unit/proxy/tls/tls_pair.h"

#define BULK ((size_t)3 << 20)

static struct kit_cert *root, *leaf;
static struct config_cert files;
static char ca[KIT_PATH];
static char out[BULK], in[BULK];

/* What a script saw. */
static struct {
	ssize_t read, again;
	int wrote, err;
	size_t bytes, backlog, sends, recvs;
	bool truncated, buffered, flag;
} saw;

static enum config_tls_records records; /* of both sides */
static bool client_is_openssl;          /* for scripts that reach into its connection object */

static inline int setup(void **state)
{
	memset(&saw, 0, sizeof(saw));
	if (root == NULL) {
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		leaf = kit_cert_make(&(struct kit_cert_opts){.cn = "a", .dns = "a.test", .issuer = root});
	}
	kit_cert_write(root, "ca.pem", ca);
	files = pair_cert(leaf, "a");
	kit_stream_fill(1, 0, out, BULK);
	memset(in, 0, BULK);
	return pair_setup(state);
}

static inline int teardown(void **state)
{
	hook_reset();
	pair_cert_free(&files);
	return pair_teardown(state);
}

static inline void run_as(struct pair *p, enum config_tls_version version)
{
	struct config_tls_in server = pair_in(&files, 1);
	struct config_tls_out client = pair_out(ca, "a.test");
	struct tls_ticket_keys *ring = NULL;
	struct text err = pair_text();

	assert_int_equal(tls_ticket_keys_new(&ring, NULL, 3600, 1000, &err), 0);
	client.max_version = version;
	client.session_reuse = true;
	server.records = records;
	client.records = client_is_openssl ? CONFIG_TLS_RECORDS_OPENSSL : records;
	p->client.ctx = pair_client(&client);
	p->server.ctx = pair_server(&server, ring);
	pair_run(p);
	tls_ctx_free(p->client.ctx);
	tls_ctx_free(p->server.ctx);
	tls_ticket_keys_free(ring);
	assert_int_equal(p->client.err, 0);
	assert_int_equal(p->server.err, 0);
	assert_int_equal(p->server.direct, records == CONFIG_TLS_RECORDS_OWN);
	assert_string_equal(p->server.facts.version, version == CONFIG_TLS_VERSION_1_2 ? "TLSv1.2" : "TLSv1.3");
}

static inline void run_both(void (*script)(struct pair *p), void (*judge)(void))
{
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		struct pair p = {.script = script};

		memset(&saw, 0, sizeof(saw));
		run_as(&p, (enum config_tls_version)v);
		judge();
	}
}

static inline void small_sockets(struct pair *p)
{
	int small = 4096;

	setsockopt(p->client.raw, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(p->server.raw, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
}

static struct np_event bulk_done;

static inline void flush_server(void *arg)
{
	struct pair *p = arg;

	saw.flag = pair_write(&p->server.s, "", 0) != 0;
	np_event_set(&bulk_done);
}

/* The client reads what the server wrote, while the server's backlog drains. */
static inline void read_all(struct pair *p)
{
	ssize_t n = 1;

	bulk_done.set = false;
	CHECK(np_go("flush", flush_server, p) == 0, "no stack");
	for (size_t got = 0; got < saw.bytes && n > 0; got += n > 0 ? (size_t)n : 0)
		n = pair_read(&p->client.s, in + got, saw.bytes - got);
	np_event_wait(&bulk_done);
}

static inline int setup_own(void **state)
{
	records = CONFIG_TLS_RECORDS_OWN;
	return setup(state);
}

static inline int setup_openssl(void **state)
{
	records = CONFIG_TLS_RECORDS_OPENSSL;
	return setup(state);
}

/* V33: every row runs with each record layer. */
#define ROW(ids, f)                                        \
	{ids " " #f, f, setup_own, teardown, NULL},        \
	{ids " " #f " (openssl)", f, setup_openssl, teardown, NULL}

#endif
