/* The own record layer beside OpenSSL's (V34): the same sealed records, whole, cut, flipped or of a kind that may not
 * be, go to tls_direct_read and to SSL_read; the plaintext, the end and the alert must be the same, but for the
 * differences that are listed by name below, each with its reason.
 *
 *   a client of OpenSSL's --handshake in memory--> a server of OpenSSL's --SSL_read--> outcome
 *        '-- its secrets --> a key that seals what the seed says --+
 *                                                                   '--> tls_direct_read --> outcome
 *
 * SEQUENCES=n says how many sequences are tried (20,000), SEED=n which come first. A difference prints its seed. */
#include "tests/unit/proxy/tls/tls_pair.h"

#include <openssl/err.h>

#define SEQUENCE_MOST 12 /* records of one sequence */
#define ROOM          (512 * 1024)

/* ---- what a sequence is made of ---- */

struct source {
	uint64_t state;
};

static unsigned draw_below(struct source *s, unsigned n)
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return (unsigned)((s->state >> 33) % n);
}

static bool one_in(struct source *s, unsigned n)
{
	return draw_below(s, n) == 0;
}

/* One piece of the sequence, before it is sealed. */
struct piece {
	uint8_t type;      /* inner, 0: padding alone */
	uint8_t version;   /* minor byte of the head */
	uint32_t n, padding;
	uint8_t bytes[TLS_PLAIN_MOST + 64];
	bool plain;        /* not sealed */
	uint32_t flip;     /* bit + 1; 0: none */
	uint32_t cut;      /* bytes left out at its end */
};

/* Both sides' view of one connection. */
struct both {
	SSL *client, *server;
	BIO *up, *down;            /* borrowed: towards the server, towards the client */
	struct tls t;              /* the own layer */
	struct tls_ctx ctx;
	struct tls_record_key seal; /* the client's */
	struct tls_record_key open; /* the server's, for alerts of OpenSSL's */
	struct tls_record_key own;  /* the server's, for alerts of ours */
	bool tls12;
};

struct outcome {
	uint8_t data[ROOM / 2]; /* twice what is drawn: a read of up to 68 KiB is made only with room for it */
	size_t n;
	int end;    /* 0: open; 1: close_notify; -1: broken */
	int alerts[8], nalerts;
};

static struct outcome ours, theirs;
static uint8_t wire[ROOM];
static size_t nwire;
/* What the sequence has in it, for the list of differences. */
static struct {
	bool padded_over, empty_12, warning_12, alert_length, long_message, damaged, short_record, level_12;
	bool reneg, fatal_end, type_12;
	unsigned warnings;
} has;

static SSL_CTX *contexts[2][2]; /* by version; client, server */
static struct kit_cert *leaf;
static SSL_SESSION *session[2];

/* ---- handshakes in memory ---- */

static int keep_session(SSL *ssl, SSL_SESSION *s)
{
	int i = SSL_version(ssl) == TLS1_3_VERSION;

	SSL_SESSION_free(session[i]);
	session[i] = s;
	return 1;
}

static void make_contexts(void)
{
	char cert[KIT_PATH], key[KIT_PATH];

	leaf = kit_cert_make(&(struct kit_cert_opts){.cn = "a", .dns = "a.test"});
	kit_cert_write(leaf, "a.pem", cert);
	kit_cert_write_key(leaf, "a.key", NULL, key);
	for (int v = 0; v < 2; v++)
		for (int server = 0; server < 2; server++) {
			SSL_CTX *x = SSL_CTX_new_ex(pair_worker->lib, "?provider=staunch", TLS_method());

			contexts[v][server] = x;
			SSL_CTX_set_min_proto_version(x, v ? TLS1_3_VERSION : TLS1_2_VERSION);
			SSL_CTX_set_max_proto_version(x, v ? TLS1_3_VERSION : TLS1_2_VERSION);
			SSL_CTX_set_cipher_list(x, "ECDHE-ECDSA-AES128-GCM-SHA256");
			SSL_CTX_set_ciphersuites(x, "TLS_AES_128_GCM_SHA256");
			SSL_CTX_set_options(x, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
						       SSL_OP_ALLOW_NO_DHE_KEX);
			SSL_CTX_clear_mode(x, SSL_MODE_AUTO_RETRY);
			SSL_CTX_set_msg_callback(x, tls_takeover_watch);
			SSL_CTX_set_num_tickets(x, 1);
			if (!server) {
				SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
				SSL_CTX_sess_set_new_cb(x, keep_session);
				continue;
			}
			SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
			assert_int_equal(SSL_CTX_use_certificate_file(x, cert, SSL_FILETYPE_PEM), 1);
			assert_int_equal(SSL_CTX_use_PrivateKey_file(x, key, SSL_FILETYPE_PEM), 1);
		}
}

static void advance(struct both *b, SSL *ssl)
{
	struct tls_worker *w = pair_worker;
	bool server = ssl == b->server;
	char *wrote;
	long n;

	w->active = server ? &b->t : NULL;
	SSL_do_handshake(ssl);
	if (!server)
		return;
	n = BIO_get_mem_data(b->down, &wrote);
	memcpy(w->out, wrote, (size_t)n);
	w->nout = (size_t)n;
	tls_takeover_note(&b->t);
	w->nout = 0;
	w->active = NULL;
}

static void connect_both(struct both *b)
{
	b->up = BIO_new(BIO_s_mem());
	b->down = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(b->up, -1);
	BIO_set_mem_eof_return(b->down, -1);
	BIO_up_ref(b->up);
	BIO_up_ref(b->down);
	SSL_set_bio(b->client, b->down, b->up);
	SSL_set_bio(b->server, b->up, b->down);
	SSL_set_connect_state(b->client);
	SSL_set_accept_state(b->server);
	if (session[!b->tls12] != NULL)
		SSL_set_session(b->client, session[!b->tls12]);
}

/* The other direction's keys, of the handshake that b->t has noted. */
static void make_keys(struct both *b, struct tls_direct *d)
{
	struct tls_direct mirror = {.nmessage = 0};
	struct tls_secrets swapped = *b->t.secrets;

	CHECK((tls_takeover_keys(b->server, b->t.secrets, &pair_worker->crypto, true, d)) == TLS_RECORDS_OWN,
	      "the test itself");
	memcpy(swapped.in, b->t.secrets->out, TLS_SECRET);
	memcpy(swapped.out, b->t.secrets->in, TLS_SECRET);
	swapped.sealed = (int64_t)b->t.secrets->opened;
	swapped.opened = (uint64_t)b->t.secrets->sealed;
	swapped.nonce = 76;
	CHECK((tls_takeover_keys(b->client, &swapped, &pair_worker->crypto, false, &mirror)) == TLS_RECORDS_OWN,
	      "the test itself");
	b->seal = mirror.out;
	b->open = mirror.in;
	memset(&mirror, 0, sizeof(mirror));
	CHECK((tls_takeover_keys(b->client, &swapped, &pair_worker->crypto, false, &mirror)) == TLS_RECORDS_OWN,
	      "the test itself");
	tls_record_key_fini(&mirror.out);
	b->own = mirror.in;
}

static void both_begin(struct both *b, bool tls12)
{
	struct tls_direct *d = calloc(1, sizeof(*d));

	memset(b, 0, sizeof(*b));
	b->tls12 = tls12;
	b->client = SSL_new(contexts[!tls12][0]);
	b->server = SSL_new(contexts[!tls12][1]);
	b->ctx = (struct tls_ctx){.magic = TLS_CTX_MAGIC, .worker = pair_worker, .server = true};
	b->t = (struct tls){.magic = TLS_MAGIC, .ctx = &b->ctx, .ssl = b->server};
	SSL_set_app_data(b->server, &b->t);
	connect_both(b);
	for (int i = 0; i < 6; i++) {
		advance(b, b->client);
		advance(b, b->server);
	}
	CHECK(SSL_is_init_finished(b->client) && SSL_is_init_finished(b->server), "the test itself");
	SSL_read(b->client, ours.data, 1); /* the ticket, for the next handshake */
	BIO_reset(b->down);
	make_keys(b, d);
	SSL_set_app_data(b->server, NULL);
	tls_takeover_forget(&b->t);
	b->t.direct = d;
	b->t.ssl = NULL;
	b->t.up = true;
}

static void both_end(struct both *b)
{
	SSL_set_shutdown(b->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(b->client);
	SSL_free(b->server);
	b->t.direct = tls_direct_free(b->t.direct);
	chunk_drop(&b->t.in);
	tls_record_key_fini(&b->seal);
	tls_record_key_fini(&b->open);
	tls_record_key_fini(&b->own);
	ERR_clear_error();
}

/* ---- drawing ---- */

static void draw_alert(struct source *s, struct piece *p)
{
	static const uint8_t alerts[] = {0, 0, 10, 20, 40, 80, 90, 90, 90, 100, 41, 200};

	p->type = TLS_TYPE_ALERT;
	p->n = one_in(s, 8) ? draw_below(s, 5) : 2;
	p->bytes[0] = (uint8_t)(one_in(s, 10) ? draw_below(s, 4) : 1 + draw_below(s, 2));
	p->bytes[1] = alerts[draw_below(s, sizeof(alerts))];
}

static void draw_handshake(struct source *s, struct piece *p, bool tls12)
{
	static const uint8_t kinds[] = {0, 1, 4, 11, 14, 24, 24, 99};

	p->type = TLS_TYPE_HANDSHAKE;
	if (!one_in(s, 3)) {
		const uint8_t whole[5] = {tls12 ? 1 : 24, 0, 0, tls12 ? 0 : 1, (uint8_t)draw_below(s, 3)};

		memcpy(p->bytes, whole, 5);
		p->n = tls12 ? 4 : 5;
		return;
	}
	p->bytes[0] = kinds[draw_below(s, sizeof(kinds))];
	p->bytes[3] = (uint8_t)draw_below(s, 3);
	p->n = draw_below(s, 12);
}

/* RFC 8446, 5.4: the last byte that is not 0 is the type, and what follows it is padding; so the bytes of a piece that
 * was drawn without a type may end in one. */
static void find_type(struct piece *p)
{
	while (p->type == 0 && p->n > 0) {
		p->type = p->bytes[--p->n];
		p->padding++;
	}
}

static void draw_piece(struct source *s, struct piece *p, bool tls12)
{
	static const uint32_t sizes[] = {0, 1, 2, 100, 1000, TLS_PLAIN_MOST - 1, TLS_PLAIN_MOST, TLS_PLAIN_MOST + 1};

	memset(p, 0, offsetof(struct piece, bytes) + 16);
	p->plain = false;
	p->flip = p->cut = 0;
	p->version = 3;
	if (one_in(s, 5)) {
		draw_alert(s, p);
	} else if (one_in(s, 5)) {
		draw_handshake(s, p, tls12);
	} else {
		p->type = TLS_TYPE_DATA;
		p->n = sizes[draw_below(s, one_in(s, 6) ? 8 : 4)];
		memset(p->bytes, (int)draw_below(s, 256), p->n);
	}
	if (one_in(s, 30))
		p->type = (uint8_t)(one_in(s, 2) ? 0 : draw_below(s, 256));
	if (one_in(s, 6) && !tls12)
		p->padding = one_in(s, 8) ? draw_below(s, TLS_PLAIN_MOST) : draw_below(s, 300);
	p->plain = one_in(s, 40);
	if (!tls12 && !p->plain)
		find_type(p);
	if (one_in(s, 25))
		p->flip = 1 + draw_below(s, 8 * (p->n + 21));
	if (one_in(s, 40))
		p->cut = 1 + draw_below(s, 30);
}

/* ---- sealing ---- */

static void note_features(const struct piece *p, bool tls12)
{
	has.short_record |= p->plain && p->n < 25;
	has.padded_over |= p->n + p->padding > TLS_PLAIN_MOST;
	has.empty_12 |= tls12 && p->n == 0 && p->type != TLS_TYPE_DATA;
	has.alert_length |= p->type == TLS_TYPE_ALERT && p->n != 2;
	has.level_12 |= tls12 && p->type == TLS_TYPE_ALERT && p->n == 2 && p->bytes[0] != 1 && p->bytes[0] != 2;
	has.warning_12 |= tls12 && p->type == TLS_TYPE_ALERT && p->n == 2 && p->bytes[0] == 1 && p->bytes[1] == 100;
	has.long_message |= p->type == TLS_TYPE_HANDSHAKE && (p->n != 5 || p->bytes[0] != 24 || p->bytes[3] != 1);
	has.warnings += p->type == TLS_TYPE_ALERT && p->n == 2 && (p->bytes[0] == 1 || p->bytes[1] == 90);
	has.fatal_end |= p->type == TLS_TYPE_ALERT && p->n == 2 && p->bytes[0] != 1;
	has.type_12 |= tls12 && (p->type < TLS_TYPE_ALERT || p->type > TLS_TYPE_DATA);
	has.reneg |= tls12 && p->type == TLS_TYPE_HANDSHAKE;
}

/* One record onto the wire. */
static void put_piece(struct both *b, const struct piece *p)
{
	uint8_t *rec = wire + nwire;
	static uint8_t inner[2 * TLS_PLAIN_MOST + 512];
	uint32_t n = p->n;
	ssize_t len;

	if (nwire + sizeof(inner) + 512 > sizeof(wire))
		return; /* a piece that is repeated often fills it */
	note_features(p, b->tls12);
	memcpy(inner, p->bytes, n);
	if (p->plain) {
		const uint8_t head[] = {p->type, 3, 3, (uint8_t)(n >> 8), (uint8_t)n};

		memcpy(rec, head, 5);
		memcpy(rec + 5, inner, n);
		nwire += 5 + n;
		return;
	}
	if (p->padding > 0 || p->type == 0) {
		inner[n] = p->type;
		memset(inner + n + 1, 0, p->padding);
		len = tls_record_seal(&b->seal, (enum tls_type)0, inner, n + p->padding, rec);
	} else {
		len = tls_record_seal(&b->seal, (enum tls_type)p->type, inner, n, rec);
	}
	CHECK(len > 0, "the test itself");
	if (p->flip > 0 && p->flip / 8 < (uint32_t)len) {
		rec[p->flip / 8] ^= (uint8_t)(1U << p->flip % 8);
		has.damaged |= p->flip / 8 < 5;
	}
	if (p->cut > 0 && p->cut < (uint32_t)len) {
		len -= p->cut;
		has.damaged = true;
	}
	nwire += (size_t)len;
	/* The peer of an update seals with its next key. */
	if (!b->tls12 && p->type == TLS_TYPE_HANDSHAKE && p->n == 5 && p->bytes[0] == 24 && p->bytes[3] == 1)
		CHECK((tls_record_key_update(&b->seal, &pair_worker->crypto)) == 0, "the test itself");
}

static void draw_sequence(struct both *b, struct source *s)
{
	static struct piece p;
	unsigned n = 1 + draw_below(s, SEQUENCE_MOST);

	nwire = 0;
	memset(&has, 0, sizeof(has));
	for (unsigned i = 0; i < n && nwire + 40000 < ROOM / 4; i++) {
		unsigned times = 1;

		draw_piece(s, &p, b->tls12);
		if (p.n < 3 && p.flip == 0 && one_in(s, 6))
			times = 1 + draw_below(s, 40);
		while (times-- > 0)
			put_piece(b, &p);
	}
}

/* ---- the two readers ---- */

static void note_alert(struct outcome *o, const uint8_t *p, ssize_t n, uint8_t type)
{
	if (type == TLS_TYPE_ALERT && n == 2 && o->nalerts < 8)
		o->alerts[o->nalerts++] = p[1];
}

/* What a server said: alerts, and answers to updates. */
static void read_answers(struct outcome *o, struct tls_record_key *k, const uint8_t *p, size_t n)
{
	static uint8_t got[TLS_PLAIN_MOST];

	while (n >= TLS_HEAD) {
		size_t len = TLS_HEAD + ((size_t)p[3] << 8 | p[4]);
		uint8_t type = 0;
		ssize_t m = len <= n && len >= k->added ? tls_record_open(k, p, len, got, &type) : -1;

		CHECK(m >= 0, "the test itself");
		note_alert(o, got, m, type);
		if (type == TLS_TYPE_HANDSHAKE)
			CHECK((tls_record_key_update(k, &pair_worker->crypto)) == 0, "the test itself");
		p += len;
		n -= len;
	}
	CHECK((n) == 0, "the test itself");
}

static void read_ours(struct both *b, size_t each)
{
	struct tls *t = &b->t;
	struct tls_worker *w = pair_worker;
	size_t n = 1;

	memset(&ours, 0, offsetof(struct outcome, n) + sizeof(size_t));
	ours = (struct outcome){.n = 0};
	t->quiet = true; /* there is no socket */
	w->window = (const char *)wire;
	w->nwindow = nwire;
	w->active = t;
	w->nout = 0;
	while (t->err == 0 && !t->eof && (n > 0 || !t->quiet) && ours.n + each <= sizeof(ours.data)) {
		w->idle = 0;
		w->delivered = w->received = false;
		t->quiet = true;
		n = tls_direct_read(t, (char *)ours.data + ours.n, each);
		ours.n += n;
	}
	if (t->err != 0)
		ours.end = -1;
	else if (t->eof)
		ours.end = 1;
	read_answers(&ours, &b->own, (const uint8_t *)w->out, w->nout);
	w->active = NULL;
	w->nout = 0;
}

static void read_theirs(struct both *b, size_t each)
{
	uint8_t *said;
	long n;
	int idle = 0;
	size_t got;

	theirs = (struct outcome){.n = 0};
	BIO_write(b->up, wire, (int)nwire);
	while (theirs.end == 0 && theirs.n + each <= sizeof(theirs.data) && idle < 2000) {
		if (SSL_read_ex(b->server, theirs.data + theirs.n, each, &got)) {
			theirs.n += got;
			continue;
		}
		switch (SSL_get_error(b->server, 0)) {
		case SSL_ERROR_WANT_READ:
			idle += BIO_pending(b->up) == 0 ? 500 : 1; /* it may have more to say of what it holds */
			break;
		case SSL_ERROR_ZERO_RETURN:
			theirs.end = 1;
			break;
		default:
			theirs.end = -1;
		}
	}
	ERR_clear_error();
	n = BIO_get_mem_data(b->down, (char **)&said);
	read_answers(&theirs, &b->open, said, (size_t)n);
}

/* ---- judging ---- */

static int last_fatal(const struct outcome *o)
{
	return o->end < 0 && o->nalerts > 0 ? o->alerts[o->nalerts - 1] : -1;
}

/* Neither read a byte that the other did not, up to where one of them ended. */
static bool is_prefix(void)
{
	return memcmp(ours.data, theirs.data, ours.n < theirs.n ? ours.n : theirs.n) == 0;
}

/* The differences that are meant, with OpenSSL 3.0 to 3.5. Each is a place where the RFC counts, or where OpenSSL goes
 * on over what only a broken or hostile peer sends. */
static const char *meant(bool tls12)
{
	int a = last_fatal(&ours), b = last_fatal(&theirs);

	if (has.alert_length && a == 50 && b == 10)
		return "RFC 8446, 6.2: an alert of a wrong length is decode_error; OpenSSL: unexpected_message";
	if (has.short_record && a == 20 && b != 20)
		return "RFC 8446, 5.2: what is too short for a tag is bad_record_mac; OpenSSL finds other words";
	if (has.padded_over && a == 22)
		return "RFC 8446, 5.4: padding counts towards the limit; OpenSSL takes it off first";
	if (has.damaged && ours.end <= 0 && theirs.end <= 0 && is_prefix())
		return "a damaged head or a lost end: each ends at what it looks at first, or waits for the rest";
	if (has.fatal_end && !tls12 && ours.end >= 0 && theirs.end == -1)
		return "RFC 8446, 6: the level of a closure alert does not count; OpenSSL takes the fatal one for an "
		       "error";
	if (has.warnings >= 5 && a == -1 && b == 10 && ours.end != 0 && is_prefix())
		return "RFC 8446, 6 and 5246, 7.2: close_notify ends and an error alert fails, whatever came before; "
		       "OpenSSL counts it as the fifth warning first";
	if (tls12 && has.type_12 && a == 10 && is_prefix())
		return "RFC 5246, 6.2.1: a type that may not come is refused by its head; OpenSSL opens it first";
	if (tls12 && has.long_message && a == 10 && is_prefix())
		return "a message that may not come ends at its first byte; OpenSSL reads its whole head";
	if (has.long_message && !tls12 && ours.end == -1 && (a == 50 || a == 10))
		return "a message that may not come ends at its first byte, one of a wrong length at its head";
	if (tls12 && has.empty_12 && a == 10)
		return "RFC 5246, 6.2.1: no alert or message is empty; OpenSSL lets 32 pass";
	if (tls12 && has.warning_12)
		return "a no_renegotiation that was not asked for is a warning like others; OpenSSL ends";
	if (tls12 && has.reneg)
		return "renegotiation: OpenSSL reads the hello into its state machine, we decline and count";
	if (tls12 && has.level_12 && a == 47)
		return "RFC 5246, 7.2: no third level; OpenSSL looks at a no_renegotiation before its level";
	return NULL;
}

static bool same(void)
{
	return ours.n == theirs.n && memcmp(ours.data, theirs.data, ours.n) == 0 && ours.end == theirs.end &&
	       last_fatal(&ours) == last_fatal(&theirs);
}

static unsigned long env_number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static unsigned long named, tried;
static char failure[400];

static void try_sequence(uint64_t seed)
{
	static const size_t rooms[] = {1, 700, 16384, 65536};
	struct source s = {seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
	static struct both b;
	bool tls12 = one_in(&s, 2);
	const char *why;

	both_begin(&b, tls12);
	draw_sequence(&b, &s);
	read_ours(&b, rooms[draw_below(&s, 4)] | (nwire > 20000 ? 4096 : 0));
	read_theirs(&b, 16384);
	tried++;
	if (!same()) {
		why = meant(tls12);
		named += why != NULL;
		if (why == NULL)
			snprintf(failure, sizeof(failure),
				 "SEED=%llu TLS 1.%d: ours %zu bytes, end %d, alert %d (%s); OpenSSL's %zu bytes, "
				 "end %d, alert %d",
				 (unsigned long long)seed, tls12 ? 2 : 3, ours.n, ours.end, last_fatal(&ours),
				 b.t.cause != NULL ? b.t.cause : "-", theirs.n, theirs.end, last_fatal(&theirs));
	}
	both_end(&b);
}

/* In a coroutine: the layer asks the worker for the time. */
static void try_all(void *arg)
{
	unsigned long n = env_number("SEQUENCES", 20000), first = env_number("SEED", 1);

	(void)arg;
	for (unsigned long i = 0; i < n && failure[0] == '\0'; i++)
		try_sequence(first + i);
}

static void random_sequences_have_one_outcome(void **state)
{
	const struct np_worker_opts o = {.name = "records", .cpu = -1, .main = try_all};

	(void)state;
	make_contexts();
	assert_int_equal(np_run(&o), 0);
	if (failure[0] != '\0')
		kit_fail("%s", failure);
	printf("%lu sequences, %lu with a difference that is meant\n", tried, named);
	assert_true(tried < 1000 || named < tried / 4); /* a list that excuses everything would prove nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST("V34 D20", random_sequences_have_one_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
