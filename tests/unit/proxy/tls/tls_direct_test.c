/* Records without OpenSSL's connection object: what a client that has the keys may send, and what it may not (D17 to
 * D20). The client's handshake is OpenSSL's; then the test seals by hand, with the client's secrets. */
#include "tests/unit/proxy/tls/tls_pair.h"

static struct kit_cert *leaf;
static struct config_cert files;
static char ca[KIT_PATH];
static struct tls_ticket_keys *ring;
static struct config_tls_in in;
static struct config_tls_out out;
static uint8_t secret[2][TLS_SECRET]; /* the client's, the server's */

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

static void listen_in(const SSL *ssl, const char *line)
{
	static const char *const labels[] = {"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "};

	(void)ssl;
	for (int i = 0; i < 2; i++) {
		size_t n = strlen(labels[i]);

		if (strncmp(line, labels[i], n) != 0)
			continue;
		line += n + 65;
		for (size_t j = 0; j < TLS_SECRET && line[2 * j] != '\0'; j++) {
			unsigned byte = 0;

			sscanf(line + 2 * j, "%2x", &byte);
			secret[i][j] = (uint8_t)byte;
		}
		return;
	}
}

/* SSL_CTX_set_msg_callback's: KeyUpdates of the server's that OpenSSL's client took. */
static unsigned updates;

static void count_updates(int sent, int version, int type, const void *buf, size_t n, SSL *ssl, void *arg)
{
	(void)version;
	(void)ssl;
	(void)arg;
	if (!sent && type == SSL3_RT_HANDSHAKE && n > 0 && *(const uint8_t *)buf == SSL3_MT_KEY_UPDATE)
		updates++;
}

static struct pair run(void (*script)(struct pair *p))
{
	struct pair p = {.script = script};

	updates = 0;

	p.client.ctx = pair_client(&out);
	SSL_CTX_set_keylog_callback(p.client.ctx->ssl, listen_in);
	SSL_CTX_set_msg_callback(p.client.ctx->ssl, count_updates);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	assert_int_equal(p.client.err, 0);
	assert_int_equal(p.server.err, 0);
	return p;
}

/* ---- by hand --------------------------------------------------------------------------------- */

struct piece {
	uint8_t type; /* 0: bytes as they are, not sealed */
	const char *bytes;
	size_t n;
	unsigned times; /* 0: once */
};

struct row {
	const char *what;
	struct piece pieces[4];
	ssize_t read;  /* the server's: bytes, or how they end */
	int alert;     /* that it sends; -1: none */
};

static const struct row *row;
static struct {
	ssize_t read, again;
	int alert;
	bool truncated;
	unsigned turns;
} saw;

static enum tls_suite suite_of(const struct pair *p)
{
	return strstr(p->client.facts.cipher, "CHACHA") != NULL ? TLS_SUITE_CHACHA20 : TLS_SUITE_AES_128;
}

static bool is_tls12(const struct pair *p)
{
	return strcmp(p->client.facts.version, "TLSv1.2") == 0;
}

/* What one side seals with from here on: seals, or opens it. */
static int key_init(struct pair *p, struct tls_record_key *w, bool servers, bool seals)
{
	const SSL *ssl = p->client.s.tls->ssl;
	struct tls12_secret k = {.servers = servers};
	int err;

	if (!is_tls12(p))
		return tls_record_key_init(w, &pair_worker->crypto, suite_of(p), secret[servers], seals);
	SSL_SESSION_get_master_key(SSL_get_session(ssl), k.master, sizeof(k.master));
	SSL_get_client_random(ssl, k.client, sizeof(k.client));
	SSL_get_server_random(ssl, k.server, sizeof(k.server));
	err = tls12_record_key_init(w, &pair_worker->crypto, suite_of(p), &k, seals);
	w->seq = 1; /* Finished is over */
	w->next_explicit = 77;
	return err;
}

static void send_piece(struct pair *p, struct tls_record_key *w, const struct piece *x)
{
	static uint8_t sealed[20000];
	ssize_t n = (ssize_t)x->n;

	if (x->type == 0)
		memcpy(sealed, x->bytes, x->n);
	else
		n = tls_record_seal(w, x->type, x->bytes, x->n, sealed);
	(void)!send(p->client.raw, sealed, (size_t)n, 0);
}

/* What the server said last, if it was an alert: its records so far were one ticket, or in TLS 1.2 none. */
static int last_alert(struct pair *p)
{
	struct tls_record_key w;
	uint8_t rec[4096], got[4096], type;
	ssize_t n = recv(p->client.raw, rec, sizeof(rec), 0), len;
	int alert = -1;

	if (key_init(p, &w, true, false) != 0)
		return -2;
	for (ssize_t at = 0; at + TLS_HEAD < n; at += TLS_HEAD + (rec[at + 3] << 8 | rec[at + 4])) {
		len = tls_record_open(&w, rec + at, (size_t)(TLS_HEAD + (rec[at + 3] << 8 | rec[at + 4])), got, &type);
		if (len == 2 && type == TLS_TYPE_ALERT)
			alert = got[1];
	}
	tls_record_key_fini(&w);
	return alert;
}

static void by_hand(struct pair *p)
{
	static char buf[20000];
	struct tls_record_key w;
	ssize_t n;

	memset(&saw, 0, sizeof(saw));
	if (key_init(p, &w, false, true) != 0)
		return;
	for (size_t i = 0; i < array_len(row->pieces) && (row->pieces[i].n > 0 || row->pieces[i].type != 0); i++)
		for (unsigned k = 0; k == 0 || k < row->pieces[i].times; k++)
			send_piece(p, &w, &row->pieces[i]);
	tls_record_key_fini(&w);
	do {
		n = pair_read(&p->server.s, buf, sizeof(buf));
		saw.read = n > 0 ? saw.read + n : n;
	} while (n > 0 && saw.read < row->read);
	saw.again = stream_try_read(&p->server.s, buf, sizeof(buf));
	saw.truncated = stream_truncated(&p->server.s);
	saw.alert = last_alert(p);
}

#define KU(last) "\x18\x00\x00\x01" last

static void run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pair p;

		row = &rows[i];
		p = run(by_hand);
		assert_true(p.server.direct);
		if (saw.read != rows[i].read || saw.alert != rows[i].alert)
			kit_fail("%s: %zd, alert %d", rows[i].what, saw.read, saw.alert);
		if (rows[i].read <= 0)
			assert_int_equal(saw.again, rows[i].read);
		assert_false(saw.truncated);
	}
}

static char big[TLS_PLAIN_MOST + 1];

static const struct row in_any_version[] = {
	{"data", {{23, "hello", 5, 0}}, 5, -1},
	{"data in many records", {{23, "hello", 5, 100}}, 500, -1},
	{"a full record", {{23, big, TLS_PLAIN_MOST, 0}}, TLS_PLAIN_MOST, -1},
	{"nothing, then data", {{23, "", 0, 5}, {23, "x", 1, 0}}, 1, -1},
	{"a flood of nothing", {{23, "", 0, 150}}, -NP_EPROTO, -1},
	{"close_notify", {{21, "\x01\x00", 2, 0}}, 0, -1},
	{"a fatal alert", {{21, "\x02\x28", 2, 0}}, -NP_EPROTO, -1},
	{"half an alert", {{21, "\x02", 1, 0}}, -NP_EPROTO, 50},
	{"sealed ChangeCipherSpec", {{20, "\x01", 1, 0}}, -NP_EPROTO, 10},
	{"open ChangeCipherSpec", {{0, "\x14\x03\x03\x00\x01\x01", 6, 0}}, -NP_EPROTO, 10},
	{"a type nobody knows", {{99, "x", 1, 0}}, -NP_EPROTO, 10},
	{"too long by its head", {{0, "\x17\x03\x03\x41\x01", 5, 0}}, -NP_EPROTO, 22},
	{"too long inside", {{23, big, TLS_PLAIN_MOST + 1, 0}}, -NP_EPROTO, 22},
	{"data, then rubbish", {{23, "x", 1, 0}, {0, "GET / ", 6, 0}}, 1, 10},
};

/* Under both kinds of cipher: what any version says to, and the rows of this one. */
static void run_suites(const char **suites, const char *const names[2], const struct row *rows, size_t n)
{
	for (int i = 0; i < 2; i++) {
		*suites = names[i];
		run_rows(in_any_version, array_len(in_any_version));
		run_rows(rows, n);
	}
}

static void what_a_client_may_send(void **state)
{
	static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"};
	static const struct row rows[] = {
		{"close_notify as fatal", {{21, "\x02\x00", 2, 0}}, 0, -1},
		{"canceled, then data", {{21, "\x01\x5a", 2, 0}, {23, "x", 1, 0}}, 1, -1},
		{"two alerts in one", {{21, "\x01\x5a\x01\x00", 4, 0}}, -NP_EPROTO, 50},
		{"a ticket", {{22, "\x04\x00\x00\x01x", 5, 0}}, -NP_EPROTO, 10},
		{"an empty message", {{22, "", 0, 0}}, -NP_EPROTO, 10},
		{"an update of unknown kind", {{22, KU("\x02"), 5, 0}}, -NP_EPROTO, 47},
		{"a longer update", {{22, "\x18\x00\x00\x02\x00", 5, 0}}, -NP_EPROTO, 10},
		{"two updates in one record", {{22, KU("\x00") KU("\x00"), 10, 0}}, -NP_EPROTO, 10},
		{"an update, then old keys", {{22, KU("\x00"), 5, 0}, {23, "x", 1, 0}}, -NP_EPROTO, 20},
		{"data inside an update", {{22, "\x18\x00", 2, 0}, {23, "x", 1, 0}}, -NP_EPROTO, 10},
		{"open alert", {{0, "\x15\x03\x03\x00\x02\x01\x00", 7, 0}}, -NP_EPROTO, 10},
		{"too short for a tag", {{0, "\x17\x03\x03\x00\x10", 5, 0}}, -NP_EPROTO, 20},
	};

	(void)state;
	run_suites(&in.ciphersuites, suites, rows, array_len(rows));
}

static void what_a_client_may_send_in_tls_1_2(void **state)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"};
	static const struct row rows[] = {
		{"a warning, then data", {{21, "\x01\x64", 2, 0}, {23, "x", 1, 0}}, 1, -1},
		{"a flood of warnings", {{21, "\x01\x64", 2, 150}}, -NP_EPROTO, -1},
		{"renegotiation, then data", {{22, "\x01\x00\x00\x00", 4, 0}, {23, "x", 1, 0}}, 1, 100},
		{"a flood of renegotiations", {{22, "\x01\x00\x00\x00", 4, 150}}, -NP_EPROTO, 100},
		{"open alert", {{0, "\x15\x03\x03\x00\x02\x01\x00", 7, 0}}, -NP_EPROTO, 20},
		{"too short for a tag", {{0, "\x17\x03\x03\x00\x0f", 5, 0}}, -NP_EPROTO, 20},
	};

	(void)state;
	in.max_version = CONFIG_TLS_VERSION_1_2;
	run_suites(&in.ciphers, suites, rows, array_len(rows));
}

/* ---- updates --------------------------------------------------------------------------------- */

/* One KeyUpdate, cut anywhere; what follows is under the next keys. */
static size_t cut;

static void update_in_pieces(struct pair *p)
{
	static const char update[] = KU("\x01");
	const struct piece pieces[] = {
		{22, update, cut, 0},
		{22, update + cut, 5 - cut, 0},
	};
	const struct piece data = {23, "after", 5, 0};
	struct tls_record_key w;
	char buf[16];

	memset(&saw, 0, sizeof(saw));
	if (tls_record_key_init(&w, &pair_worker->crypto, suite_of(p), secret[0], true) != 0)
		return;
	send_piece(p, &w, &pieces[0]);
	if (cut < 5)
		send_piece(p, &w, &pieces[1]);
	if (tls_record_key_update(&w, &pair_worker->crypto) == 0)
		send_piece(p, &w, &data);
	tls_record_key_fini(&w);
	saw.read = pair_read(&p->server.s, buf, sizeof(buf));
	/* our side was asked to move on too: OpenSSL's client reads what follows */
	saw.again = pair_write(&p->server.s, "answer", 6);
	saw.turns = (unsigned)pair_read(&p->client.s, buf, sizeof(buf));
}

static void an_update_may_come_in_pieces(void **state)
{
	(void)state;
	in.ciphersuites = "TLS_AES_128_GCM_SHA256";
	for (cut = 1; cut <= 5; cut++) {
		run(update_in_pieces);
		assert_int_equal(saw.read, 5);
		assert_int_equal(saw.again, 0);
		assert_int_equal(saw.turns, 6);
		assert_int_equal(updates, 1);
	}
}

static void talk(struct pair *p)
{
	char text[32], got[32];

	memset(&saw, 0, sizeof(saw));
	for (int i = 0; i < 20; i++) {
		int n = snprintf(text, sizeof(text), "message %d", i);

		if (pair_write(&p->server.s, text, (size_t)n) == 0 && pair_read(&p->client.s, got, sizeof(got)) == n &&
		    memcmp(text, got, (size_t)n) == 0)
			saw.turns++;
	}
}

static void a_key_does_not_seal_for_ever(void **state)
{
	(void)state;
	pair_worker->seal_most = 3;
	run(talk);
	assert_int_equal(saw.turns, 20);
	assert_in_range(updates, 5, 10);
}

/* ---- who stays with OpenSSL ------------------------------------------------------------------ */

static struct tls_ctx *short_client(void)
{
	struct tls_ctx *x = pair_client(&out);

	assert_int_equal(SSL_CTX_set_tlsext_max_fragment_length(x->ssl, TLSEXT_max_fragment_length_512), 1);
	return x;
}

static void what_does_not_fit_stays_where_it_was(void **state)
{
	struct pair p = {.script = talk};

	(void)state;
	p.client.ctx = short_client();
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	assert_int_equal(p.server.err, 0);
	assert_false(p.server.direct);
	assert_int_equal(saw.turns, 20);
	in.ciphersuites = out.ciphersuites = "TLS_AES_128_CCM_SHA256";
	p = run(talk);
	assert_false(p.server.direct);
	assert_int_equal(saw.turns, 20);
	in.ciphersuites = out.ciphersuites = NULL;
	p = run(talk);
	assert_true(p.server.direct);
}

#define ROW(ids, f) {ids " " #f, f, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D18 D19 D20 F27", what_a_client_may_send),
		ROW("D17 D19 D20 F25", what_a_client_may_send_in_tls_1_2),
		ROW("D18", an_update_may_come_in_pieces),
		ROW("D18", a_key_does_not_seal_for_ever),
		ROW("D20", what_does_not_fit_stays_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
