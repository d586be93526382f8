/* Records without OpenSSL's connection object: what a client that has the keys may send, and what it may not (D17 to
 * D20). The client's handshake is OpenSSL's; then the test seals by hand, with the client's secrets. */
#include "proxy/tls/tls_break.h"
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
	out.records = CONFIG_TLS_RECORDS_OPENSSL; /* whose secrets the rows seal with */
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

#define UNTYPED 255

struct piece {
	uint8_t type; /* 0: bytes as they are, not sealed; UNTYPED: sealed, with no type behind them */
	const char *bytes;
	size_t n;
	unsigned times; /* 0: once */
};

struct row {
	const char *what;
	struct piece pieces[6];
	ssize_t read;  /* the server's: bytes, or how they end */
	int alert;     /* that it sends; -1: none */
};

static const struct row *row;
static struct {
	ssize_t read, again;
	int alert;
	bool truncated, flag;
	unsigned turns;
	const char *cause;
} saw;

/* Rules of tls_break_tbl.h that some row has broken. */
static bool broken[TLS_BREAKS];

static void note_cause(const struct pair *p)
{
	saw.cause = p->server.s.tls->cause;
	for (int i = 0; i < TLS_BREAKS; i++)
		broken[i] |= saw.cause == tls_break_text((enum tls_break)i);
}

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
		n = tls_record_seal(w, (enum tls_type)(x->type == UNTYPED ? 0 : x->type), x->bytes, x->n, sealed);
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
	note_cause(p);
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

static void what_a_client_may_send(void **state)
{
	static char big[TLS_PLAIN_MOST + 1], padded[TLS_PLAIN_MOST + 1] = "x\x17";
	static const struct row rows[] = {
		{"data", {{23, "hello", 5, 0}}, 5, -1},
		{"data in many records", {{23, "hello", 5, 100}}, 500, -1},
		{"a full record", {{23, big, TLS_PLAIN_MOST, 0}}, TLS_PLAIN_MOST, -1},
		{"nothing, then data", {{23, "", 0, 5}, {23, "x", 1, 0}}, 1, -1},
		{"32 times nothing", {{23, "", 0, 32}, {23, "x", 1, 0}}, 1, -1},
		{"33 times nothing", {{23, "", 0, 33}, {23, "x", 1, 0}}, -NP_EPROTO, 10},
		{"nothing, with data between",
		 {{23, "", 0, 32}, {23, "x", 1, 0}, {23, "", 0, 32}, {23, "y", 1, 0}},
		 2,
		 -1},
		{"a flood of nothing", {{23, "", 0, 150}}, -NP_EPROTO, 10},
		{"4 warnings", {{21, "\x01\x5a", 2, 4}, {23, "x", 1, 0}}, 1, -1},
		{"5 warnings", {{21, "\x01\x5a", 2, 5}, {23, "x", 1, 0}}, -NP_EPROTO, 10},
		{"warnings, with data between",
		 {{21, "\x01\x5a", 2, 4}, {23, "x", 1, 0}, {21, "\x01\x5a", 2, 4}, {23, "y", 1, 0}},
		 2,
		 -1},
		{"padding alone", {{UNTYPED, "\0\0\0", 3, 0}}, -NP_EPROTO, 10},
		{"not even padding", {{UNTYPED, "", 0, 0}}, -NP_EPROTO, 10},
		{"padding up to the limit", {{UNTYPED, padded, TLS_PLAIN_MOST, 0}}, 1, -1},
		{"padding beyond the limit", {{UNTYPED, padded, TLS_PLAIN_MOST + 1, 0}}, -NP_EPROTO, 22},
		{"an empty alert", {{21, "", 0, 0}}, -NP_EPROTO, 10},
		{"an alert inside an update", {{22, "\x18\x00", 2, 0}, {21, "\x01\x5a", 2, 0}}, -NP_EPROTO, 10},
		{"an unknown alert", {{21, "\x01\xc8", 2, 0}}, -NP_EPROTO, -1},
		{"close_notify", {{21, "\x01\x00", 2, 0}}, 0, -1},
		{"close_notify as fatal", {{21, "\x02\x00", 2, 0}}, 0, -1},
		{"canceled, then data", {{21, "\x01\x5a", 2, 0}, {23, "x", 1, 0}}, 1, -1},
		{"a fatal alert", {{21, "\x02\x28", 2, 0}}, -NP_EPROTO, -1},
		{"half an alert", {{21, "\x02", 1, 0}}, -NP_EPROTO, 50},
		{"two alerts in one", {{21, "\x01\x5a\x01\x00", 4, 0}}, -NP_EPROTO, 50},
		{"a ticket", {{22, "\x04\x00\x00\x01x", 5, 0}}, -NP_EPROTO, 10},
		{"an empty message", {{22, "", 0, 0}}, -NP_EPROTO, 10},
		{"an update of unknown kind", {{22, KU("\x02"), 5, 0}}, -NP_EPROTO, 47},
		{"a longer update", {{22, "\x18\x00\x00\x02\x00", 5, 0}}, -NP_EPROTO, 50},
		{"an empty update", {{22, "\x18\x00\x00\x00", 4, 0}}, -NP_EPROTO, 50},
		{"two updates in one record", {{22, KU("\x00") KU("\x00"), 10, 0}}, -NP_EPROTO, 10},
		{"an update, then old keys", {{22, KU("\x00"), 5, 0}, {23, "x", 1, 0}}, -NP_EPROTO, 20},
		{"data inside an update", {{22, "\x18\x00", 2, 0}, {23, "x", 1, 0}}, -NP_EPROTO, 10},
		{"sealed ChangeCipherSpec", {{20, "\x01", 1, 0}}, -NP_EPROTO, 10},
		{"open ChangeCipherSpec", {{0, "\x14\x03\x03\x00\x01\x01", 6, 0}}, -NP_EPROTO, 10},
		{"open alert", {{0, "\x15\x03\x03\x00\x02\x01\x00", 7, 0}}, -NP_EPROTO, 10},
		{"a type nobody knows", {{99, "x", 1, 0}}, -NP_EPROTO, 10},
		{"too long by its head", {{0, "\x17\x03\x03\x41\x01", 5, 0}}, -NP_EPROTO, 22},
		{"too long inside", {{23, big, TLS_PLAIN_MOST + 1, 0}}, -NP_EPROTO, 22},
		{"too short for a tag", {{0, "\x17\x03\x03\x00\x10", 5, 0}}, -NP_EPROTO, 20},
		{"data, then rubbish", {{23, "x", 1, 0}, {0, "GET / ", 6, 0}}, 1, 10},
	};

	(void)state;
	for (int chacha = 0; chacha < 2; chacha++) {
		in.ciphersuites = chacha ? "TLS_CHACHA20_POLY1305_SHA256" : "TLS_AES_128_GCM_SHA256";
		run_rows(rows, array_len(rows));
	}
}

static void what_a_client_may_send_in_tls_1_2(void **state)
{
	static char big[TLS_PLAIN_MOST + 1];
	static const struct row rows[] = {
		{"data", {{23, "hello", 5, 0}}, 5, -1},
		{"data in many records", {{23, "hello", 5, 100}}, 500, -1},
		{"a full record", {{23, big, TLS_PLAIN_MOST, 0}}, TLS_PLAIN_MOST, -1},
		{"nothing, then data", {{23, "", 0, 5}, {23, "x", 1, 0}}, 1, -1},
		{"33 times nothing", {{23, "", 0, 33}, {23, "x", 1, 0}}, -NP_EPROTO, 10},
		{"nothing, with data between",
		 {{23, "", 0, 32}, {23, "x", 1, 0}, {23, "", 0, 32}, {23, "y", 1, 0}},
		 2,
		 -1},
		{"an empty alert", {{21, "", 0, 0}}, -NP_EPROTO, 10},
		{"an empty message", {{22, "", 0, 0}}, -NP_EPROTO, 10},
		{"close_notify as fatal", {{21, "\x02\x00", 2, 0}}, -NP_EPROTO, -1},
		{"an alert of a third level", {{21, "\x03\x28", 2, 0}}, -NP_EPROTO, 47},
		{"a message of another kind", {{22, "\x0e\x00\x00\x00", 4, 0}}, -NP_EPROTO, 10},
		{"a hello that is too long", {{22, "\x01\x7f\x00\x00", 4, 0}}, -NP_EPROTO, 50},
		{"a hello in pieces, then data",
		 {{22, "\x01\x00", 2, 0}, {22, "\x00\x03x", 3, 0}, {22, "yz", 2, 0}, {23, "x", 1, 0}},
		 1,
		 100},
		{"4 warnings, then data", {{21, "\x01\x64", 2, 4}, {23, "x", 1, 0}}, 1, -1},
		{"close_notify", {{21, "\x01\x00", 2, 0}}, 0, -1},
		{"a warning, then data", {{21, "\x01\x64", 2, 0}, {23, "x", 1, 0}}, 1, -1},
		{"5 warnings", {{21, "\x01\x64", 2, 5}, {23, "x", 1, 0}}, -NP_EPROTO, 10},
		{"a fatal alert", {{21, "\x02\x28", 2, 0}}, -NP_EPROTO, -1},
		{"half an alert", {{21, "\x02", 1, 0}}, -NP_EPROTO, 50},
		{"renegotiation, then data", {{22, "\x01\x00\x00\x00", 4, 0}, {23, "x", 1, 0}}, 1, 100},
		{"a flood of renegotiations", {{22, "\x01\x00\x00\x00", 4, 150}}, -NP_EPROTO, 10},
		{"sealed ChangeCipherSpec", {{20, "\x01", 1, 0}}, -NP_EPROTO, 10},
		{"open ChangeCipherSpec", {{0, "\x14\x03\x03\x00\x01\x01", 6, 0}}, -NP_EPROTO, 10},
		{"open alert", {{0, "\x15\x03\x03\x00\x02\x01\x00", 7, 0}}, -NP_EPROTO, 20},
		{"a type nobody knows", {{99, "x", 1, 0}}, -NP_EPROTO, 10},
		{"too long by its head", {{0, "\x17\x03\x03\x41\x01", 5, 0}}, -NP_EPROTO, 22},
		{"too long inside", {{23, big, TLS_PLAIN_MOST + 1, 0}}, -NP_EPROTO, 22},
		{"too short for a tag", {{0, "\x17\x03\x03\x00\x0f", 5, 0}}, -NP_EPROTO, 20},
		{"data, then rubbish", {{23, "x", 1, 0}, {0, "GET / ", 6, 0}}, 1, 10},
	};

	(void)state;
	in.max_version = CONFIG_TLS_VERSION_1_2;
	for (int chacha = 0; chacha < 2; chacha++) {
		in.ciphers = chacha ? "ECDHE-ECDSA-CHACHA20-POLY1305" : "ECDHE-ECDSA-AES128-GCM-SHA256";
		run_rows(rows, array_len(rows));
	}
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

/* KeyUpdates with data between them: each costs a derivation, whatever comes with it. */
static void many_updates(struct pair *p)
{
	static const struct piece update = {22, KU("\x00"), 5, 0}, data = {23, "x", 1, 0};
	struct tls_record_key w;
	char buf[16];
	ssize_t n;

	memset(&saw, 0, sizeof(saw));
	if (key_init(p, &w, false, true) != 0)
		return;
	for (int i = 0; i < 300; i++) {
		send_piece(p, &w, &update);
		if (tls_record_key_update(&w, &pair_worker->crypto) != 0)
			return;
		send_piece(p, &w, &data);
	}
	tls_record_key_fini(&w);
	while ((n = pair_read(&p->server.s, buf, 1)) > 0)
		saw.turns++;
	saw.read = n;
	note_cause(p);
	saw.alert = last_alert(p);
}

static void data_does_not_excuse_updates(void **state)
{
	(void)state;
	in.ciphersuites = "TLS_AES_128_GCM_SHA256";
	run(many_updates);
	assert_int_equal(saw.read, -NP_EPROTO);
	assert_in_range(saw.turns, 100, 299);
	assert_int_equal(saw.alert, 10);
	assert_string_equal(saw.cause, tls_break_text(TLS_BREAK_UPDATE_FLOOD));
}

/* Our side is closed already: nothing may follow our close_notify, not even the answer to an update. */
static void update_after_half_close(struct pair *p)
{
	static const struct piece update = {22, KU("\x01"), 5, 0}, data = {23, "after", 5, 0};
	struct tls_record_key w;
	char buf[4096];
	ssize_t n;

	memset(&saw, 0, sizeof(saw));
	saw.turns = stream_close_write(&p->server.s) == 0;
	if (key_init(p, &w, false, true) != 0)
		return;
	send_piece(p, &w, &update);
	if (tls_record_key_update(&w, &pair_worker->crypto) == 0)
		send_piece(p, &w, &data);
	tls_record_key_fini(&w);
	saw.read = pair_read(&p->server.s, buf, sizeof(buf));
	saw.again = stream_try_read(&p->server.s, buf, sizeof(buf));
	/* The client, OpenSSL's, sees the end and nothing behind it. */
	n = pair_read(&p->client.s, buf, sizeof(buf));
	saw.flag = n == 0 && !stream_truncated(&p->client.s) && updates == 0;
}

static void an_update_after_a_half_close_is_not_answered(void **state)
{
	(void)state;
	in.ciphersuites = "TLS_AES_128_GCM_SHA256";
	run(update_after_half_close);
	assert_int_equal(saw.turns, 1);
	assert_int_equal(saw.read, 5);
	assert_int_equal(saw.again, -NP_EAGAIN);
	assert_true(saw.flag);
}

/* The alert arrives although the server closes with input that it never read. */
static void alert_with_unread_input(struct pair *p)
{
	static char junk[100000], buf[4096];
	ssize_t n;

	memset(&saw, 0, sizeof(saw));
	(void)!send(p->client.raw, "\x17\x03\x03\x00\x20", 5, 0);
	for (int i = 0; i < 3; i++)
		(void)!send(p->client.raw, junk, sizeof(junk), MSG_DONTWAIT);
	saw.read = pair_read(&p->server.s, buf, 10);
	stream_close_cut(&p->server.s);
	while ((n = recv(p->client.raw, buf, sizeof(buf), 0)) > 0)
		saw.turns += (unsigned)n;
	saw.again = n < 0 ? -errno : 0;
}

static void an_alert_is_not_overtaken_by_a_reset(void **state)
{
	(void)state;
	in.ciphersuites = "TLS_AES_128_GCM_SHA256";
	run(alert_with_unread_input);
	assert_int_equal(saw.read, -NP_EPROTO);
	assert_true(saw.turns >= 24);
	assert_int_equal(saw.again, 0);
}

/* RFC 8446, 5.5: at 2^24 records the key is changed, and the peer follows. */
static void cross_limit(struct pair *p)
{
	struct tls_direct *server = p->server.s.tls->direct, *client = p->client.s.tls->direct;
	char buf[16];

	memset(&saw, 0, sizeof(saw));
	/* the ticket goes with the first data */
	if (pair_write(&p->server.s, "data", 4) != 0 || pair_read(&p->client.s, buf, 16) != 4)
		return;
	server->out.seq = client->in.seq = (UINT64_C(1) << 24) - 2;
	for (int i = 0; i < 5; i++)
		if (pair_write(&p->server.s, "data", 4) == 0 && pair_read(&p->client.s, buf, 16) == 4)
			saw.turns++;
	saw.flag = server->out.seq == 3 && client->in.seq == 3;
}

static void a_key_is_changed_at_its_limit(void **state)
{
	(void)state;
	out.records = CONFIG_TLS_RECORDS_OWN;
	run(cross_limit);
	assert_int_equal(saw.turns, 5);
	assert_true(saw.flag);
}

/* ---- every rule ---- */

/* Behind all rows: a rule without one is a rule without a test. */
static void every_rule_has_its_row(void **state)
{
	(void)state;
	for (int i = 0; i < TLS_BREAKS; i++)
		if (!broken[i])
			kit_fail("no row provokes: %s", tls_break_text((enum tls_break)i));
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
		ROW("V30 V31 D18 D19 D20 F27", what_a_client_may_send),
		ROW("V30 V31 D17 D19 D20 F25", what_a_client_may_send_in_tls_1_2),
		ROW("D18", an_update_may_come_in_pieces),
		ROW("V31 D18", data_does_not_excuse_updates),
		ROW("V34", an_update_after_a_half_close_is_not_answered),
		ROW("V34", an_alert_is_not_overtaken_by_a_reset),
		ROW("V30 V34", a_key_is_changed_at_its_limit),
		ROW("V30", every_rule_has_its_row),
		ROW("D18", a_key_does_not_seal_for_ever),
		ROW("D20", what_does_not_fit_stays_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
