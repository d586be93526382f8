/* The hand-over from OpenSSL's object to our records: who stays where and why, for either side (V32, V33, V35, V39). */
#include "proxy/tls/tls_takeover.h"
#include "proxy/tls/tls_break.h"
#include "proxy/tls/tls_selfcheck.h"
#include "tests/unit/proxy/tls/tls_pair.h"

#include <openssl/err.h>

static struct kit_cert *leaf;
static struct config_cert files;
static char ca[KIT_PATH];
static struct tls_ticket_keys *ring;
static struct config_tls_in in;
static struct config_tls_out out;

static int setup(void **state)
{
	struct text err = pair_text();

	if (leaf == NULL)
		leaf = kit_cert_make(&(struct kit_cert_opts){.cn = "a", .dns = "a.test"});
	kit_cert_write(leaf, "ca.pem", ca);
	files = pair_cert(leaf, "a");
	in = pair_in(&files, 1);
	out = pair_out(ca, "a.test");
	if (tls_ticket_keys_new(&ring, NULL, 3600, 1000, &err) != 0)
		return -1;
	return pair_setup(state);
}

static int teardown(void **state)
{
	pair_cert_free(&files);
	ring = tls_ticket_keys_free(ring);
	return pair_teardown(state);
}

static struct {
	unsigned turns;
	bool first, later; /* the client is without OpenSSL's object: after the handshake, at the end */
	enum tls_records client, server;
	ssize_t read, again;
	const char *cause;
	bool truncated;
} saw;

static void talk(struct pair *p)
{
	char text[32], got[32];

	memset(&saw, 0, sizeof(saw));
	saw.first = p->client.s.tls->direct != NULL;
	saw.server = tls_records(p->server.s.tls);
	for (int i = 0; i < 20; i++) {
		int n = snprintf(text, sizeof(text), "message %d", i);

		if (pair_write(&p->server.s, text, (size_t)n) == 0 && pair_read(&p->client.s, got, 32) == n &&
		    memcmp(text, got, (size_t)n) == 0 && pair_write(&p->client.s, text, (size_t)n) == 0 &&
		    pair_read(&p->server.s, got, 32) == n && memcmp(text, got, (size_t)n) == 0)
			saw.turns++;
	}
	saw.later = p->client.s.tls->direct != NULL;
	saw.client = tls_records(p->client.s.tls);
}

static struct pair meet(struct tls_ctx *client, struct tls_ctx *server, void (*script)(struct pair *p))
{
	struct pair p = {.script = script, .client.ctx = client, .server.ctx = server};

	pair_run(&p);
	assert_int_equal(p.client.err, 0);
	assert_int_equal(p.server.err, 0);
	return p;
}

static struct pair run(void (*script)(struct pair *p))
{
	struct tls_ctx *client = pair_client(&out), *server = pair_server(&in, ring);
	struct pair p = meet(client, server, script);

	tls_ctx_free(client);
	tls_ctx_free(server);
	return p;
}

/* ---- checks ---- */

/* A cipher that is none of ours stands where AES-128-GCM should: as if a library sealed otherwise than we think. */
static void break_aes_128(void)
{
	EVP_CIPHER **c = &pair_worker->crypto.aead[TLS_SUITE_AES_128];

	EVP_CIPHER_free(*c);
	*c = EVP_CIPHER_fetch(pair_worker->lib, "AES-128-OCB", NULL);
	assert_non_null(*c);
}

static void a_healthy_library_passes(void **state)
{
	(void)state;
	assert_int_equal(pair_worker->suites_off[0], 0);
	assert_int_equal(pair_worker->suites_off[1], 0);
}

static void the_check_at_start_turns_a_suite_off(void **state)
{
	(void)state;
	break_aes_128();
	tls_selfcheck(pair_worker);
	assert_int_equal(pair_worker->suites_off[0], 1U << TLS_SUITE_AES_128);
	assert_int_equal(pair_worker->suites_off[1], 1U << TLS_SUITE_AES_128);
}

static void a_suite_that_is_off_stays_with_openssl(void **state)
{
	(void)state;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		out.max_version = (enum config_tls_version)v;
		out.ciphersuites = "TLS_AES_128_GCM_SHA256";
		out.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
		memset(pair_worker->suites_off, 0xff, sizeof(pair_worker->suites_off));
		run(talk);
		assert_int_equal(saw.server, TLS_RECORDS_SUITE);
		assert_int_equal(saw.client, TLS_RECORDS_SUITE);
		assert_int_equal(saw.turns, 20);
	}
}

/* The last record that OpenSSL sealed does not open: the connection stays, and works. */
static void a_wrong_key_is_found_at_the_hand_over(void **state)
{
	(void)state;
	out.ciphersuites = "TLS_AES_128_GCM_SHA256";
	out.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
	out.records = CONFIG_TLS_RECORDS_OPENSSL;
	break_aes_128();
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		out.max_version = (enum config_tls_version)v;
		run(talk);
		assert_int_equal(saw.server, TLS_RECORDS_CHECK);
		assert_int_equal(saw.client, TLS_RECORDS_CONFIGURED);
		assert_int_equal(saw.turns, 20);
	}
}

/* ---- extensions ---- */

static int add_extension(SSL *ssl, unsigned type, unsigned context, const unsigned char **data, size_t *n, X509 *x,
			 size_t chain, int *alert, void *arg)
{
	static const unsigned char limit[] = {0x40, 0};

	(void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	*data = limit;
	*n = sizeof(limit);
	return 1;
}

static int take_extension(SSL *ssl, unsigned type, unsigned context, const unsigned char *data, size_t n, X509 *x,
			  size_t chain, int *alert, void *arg)
{
	(void)ssl, (void)type, (void)context, (void)data, (void)n, (void)x, (void)chain, (void)alert, (void)arg;
	return 1;
}

static void agree_on(struct tls_ctx *client, struct tls_ctx *server, unsigned type)
{
	const unsigned context =
		SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;

	assert_int_equal(
		SSL_CTX_add_custom_ext(client->ssl, type, context, add_extension, NULL, NULL, take_extension, NULL),
		1);
	assert_int_equal(SSL_CTX_add_custom_ext(server->groups[0].ssl, type, context, add_extension, NULL, NULL,
						take_extension, NULL),
			 1);
}

static void an_extension_that_is_not_known_stays_with_openssl(void **state)
{
	static const struct {
		unsigned type;
		enum tls_records want;
	} rows[] = {{28, TLS_RECORDS_FRAGMENT}, {4711, TLS_RECORDS_EXTENSION}};

	(void)state;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++)
		for (size_t i = 0; i < array_len(rows); i++) {
			struct tls_ctx *client, *server;

			out.max_version = (enum config_tls_version)v;
			client = pair_client(&out);
			server = pair_server(&in, ring);
			agree_on(client, server, rows[i].type);
			meet(client, server, talk);
			tls_ctx_free(client);
			tls_ctx_free(server);
			assert_int_equal(saw.server, rows[i].want);
			assert_int_equal(saw.client, rows[i].want);
			assert_int_equal(saw.turns, 20);
		}
}

/* ---- the other leg ---- */

static void a_client_goes_without_openssl_too(void **state)
{
	(void)state;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++)
		for (int chacha = 0; chacha < 2; chacha++) {
			out.max_version = (enum config_tls_version)v;
			in.ciphers = chacha ? "ECDHE-ECDSA-CHACHA20-POLY1305" : "ECDHE-ECDSA-AES256-GCM-SHA384";
			in.ciphersuites = chacha ? "TLS_CHACHA20_POLY1305_SHA256" : "TLS_AES_256_GCM_SHA384";
			run(talk);
			assert_true(saw.first);
			assert_int_equal(saw.turns, 20);
			assert_int_equal(saw.client, TLS_RECORDS_OWN);
		}
}

/* TLS 1.3: until the first ticket, of which OpenSSL makes the session; and that one is resumed. */
static void a_client_waits_for_its_ticket(void **state)
{
	struct tls_ctx *client, *server;
	struct pair p;

	(void)state;
	out.session_reuse = true;
	client = pair_client(&out);
	server = pair_server(&in, ring);
	for (int i = 0; i < 3; i++) {
		p = meet(client, server, talk);
		assert_false(saw.first);
		assert_true(saw.later);
		assert_int_equal(saw.turns, 20);
		assert_int_equal(p.client.facts.resumed, i > 0);
	}
	tls_ctx_free(client);
	tls_ctx_free(server);
}

/* No ticket comes: a second of quiet is enough. */
static void quiet_for_a_second(struct pair *p)
{
	p->client.s.tls->up_since -= 2 * NP_S;
	talk(p);
}

static void a_client_does_not_wait_for_ever(void **state)
{
	(void)state;
	out.session_reuse = true;
	in.session_tickets.enabled = false;
	run(talk);
	assert_false(saw.later);
	run(quiet_for_a_second);
	assert_true(saw.later);
	assert_int_equal(saw.turns, 20);
}

static void send_sealed(struct pair *p, enum tls_type type, const char *bytes, size_t n)
{
	uint8_t rec[256];
	ssize_t len = tls_record_seal(&p->server.s.tls->direct->out, type, bytes, n, rec);

	(void)!send(p->server.raw, rec, len > 0 ? (size_t)len : 0, 0);
}

/* What a server may send to a client behind its handshake. */
static void servers_messages(struct pair *p)
{
	bool tls12 = p->server.s.tls->direct->out.tls12;
	char buf[64];

	memset(&saw, 0, sizeof(saw));
	if (tls12) /* HelloRequest */
		send_sealed(p, TLS_TYPE_HANDSHAKE, "\0\0\0\0", 4);
	else /* a ticket, in two records */
		send_sealed(p, TLS_TYPE_HANDSHAKE,
			    "\x04\0\0\x08"
			    "1234",
			    8),
			send_sealed(p, TLS_TYPE_HANDSHAKE, "5678", 4);
	send_sealed(p, TLS_TYPE_DATA, "data", 4);
	saw.read = pair_read(&p->client.s, buf, sizeof(buf));
	saw.turns = pair_write(&p->client.s, "back", 4) == 0 && pair_read(&p->server.s, buf, sizeof(buf)) == 4;
	send_sealed(p, TLS_TYPE_HANDSHAKE, "\x01\0\0\0", 4); /* a client's own message */
	saw.again = pair_read(&p->client.s, buf, sizeof(buf));
	saw.cause = tls_cause(p->client.s.tls);
}

static void a_client_declines_and_drops(void **state)
{
	(void)state;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		out.max_version = (enum config_tls_version)v;
		in.session_tickets.enabled = false;
		run(servers_messages);
		assert_int_equal(saw.read, 4);
		assert_int_equal(saw.turns, 1);
		assert_int_equal(saw.again, -NP_EPROTO);
		assert_string_equal(saw.cause, tls_break_text(TLS_BREAK_MESSAGE));
	}
}

/* ---- nonces ---- */

/* TLS 1.2, resumed: no explicit nonce twice with one key, OpenSSL's Finished included. */
static uint64_t first_nonce, next_nonce;

static void note_nonces(struct pair *p)
{
	first_nonce = p->server.s.tls->direct->out.next_explicit;
	talk(p);
	next_nonce = p->server.s.tls->direct->out.next_explicit;
}

static void resumed_connections_count_on(void **state)
{
	struct tls_ctx *client, *server;

	(void)state;
	out.session_reuse = true;
	out.max_version = CONFIG_TLS_VERSION_1_2;
	in.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
	client = pair_client(&out);
	server = pair_server(&in, ring);
	for (int i = 0; i < 4; i++) {
		struct pair p = meet(client, server, note_nonces);

		assert_int_equal(p.server.facts.resumed, i > 0);
		assert_int_equal(next_nonce - first_nonce, 20);
		assert_int_equal(saw.turns, 20);
	}
	tls_ctx_free(client);
	tls_ctx_free(server);
}

/* ---- ends and backlogs ---- */

static void cut_off(struct pair *p)
{
	char buf[64];

	memset(&saw, 0, sizeof(saw));
	saw.turns = pair_write(&p->client.s, "half", 4) == 0;
	shutdown(p->client.raw, SHUT_WR);
	saw.read = pair_read(&p->server.s, buf, sizeof(buf));
	saw.again = pair_read(&p->server.s, buf, sizeof(buf));
	saw.truncated = stream_truncated(&p->server.s);
	saw.cause = tls_cause(p->server.s.tls);
}

static void a_truncation_may_be_a_reset(void **state)
{
	(void)state;
	for (int layer = 0; layer < 2; layer++) {
		in.records = layer ? CONFIG_TLS_RECORDS_OPENSSL : CONFIG_TLS_RECORDS_OWN;
		in.truncated = CONFIG_TLS_TRUNCATED_PASS;
		run(cut_off);
		assert_int_equal(saw.read, 4);
		assert_int_equal(saw.again, 0);
		assert_true(saw.truncated);
		in.truncated = CONFIG_TLS_TRUNCATED_RESET;
		run(cut_off);
		assert_int_equal(saw.read, 4);
		assert_int_equal(saw.again, -NP_EPROTO);
		assert_true(saw.truncated);
		assert_non_null(saw.cause);
	}
}

/* What a backlog costs grows with its bytes, not with their square: it is copied to larger room a few times only. */
static void grow_backlog(struct pair *p)
{
	struct tls *t = p->server.s.tls;
	uint32_t room = 0;

	memset(&saw, 0, sizeof(saw));
	for (int i = 0; i < 10000; i++) {
		tls_bio_begin(t, NULL, 0);
		memset(pair_worker->out, i, 27);
		pair_worker->nout = 27;
		if (tls_bio_end(t, true) != 0)
			return;
		saw.turns += t->out_room != room;
		room = t->out_room;
	}
	saw.read = (ssize_t)chunk_held(t->out);
}

static void a_backlog_is_not_copied_for_each_byte(void **state)
{
	(void)state;
	run(grow_backlog);
	assert_true(saw.read >= 270000);
	assert_in_range(saw.turns, 2, 40);
}

static void a_missing_algorithm_is_named(void **state)
{
	(void)state;
	ERR_raise(ERR_LIB_EVP, ERR_R_UNSUPPORTED);
	assert_string_equal(tls_why_word(tls_why_take(0).code), "tls_provider");
	ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
	assert_string_equal(tls_why_word(tls_why_take(0).code), "tls_memory");
}

#define ROW(ids, f) {ids " " #f, f, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("V32", a_healthy_library_passes),
		ROW("V32", the_check_at_start_turns_a_suite_off),
		ROW("V32 V33", a_suite_that_is_off_stays_with_openssl),
		ROW("V32 V33", a_wrong_key_is_found_at_the_hand_over),
		ROW("V39", an_extension_that_is_not_known_stays_with_openssl),
		ROW("V35", a_client_goes_without_openssl_too),
		ROW("V35", a_client_waits_for_its_ticket),
		ROW("V35", a_client_does_not_wait_for_ever),
		ROW("V35", a_client_declines_and_drops),
		ROW("V34", resumed_connections_count_on),
		ROW("V38 D22", a_truncation_may_be_a_reset),
		ROW("V43", a_backlog_is_not_copied_for_each_byte),
		ROW("V37", a_missing_algorithm_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
