/* The check at a worker's start. The secrets and counters of a connection are read off OpenSSL's
 * behaviour (tls_takeover.c), which no documentation promises: so a worker tries, with the library
 * that it has loaded, whether they still mean what they meant. It costs a few milliseconds once.
 *
 *   client SSL <-- two memory BIOs --> server SSL         both in the worker's library context
 *        '-- secrets, counts: t[0] --> d[0]    '-- secrets, counts: t[1] --> d[1]
 *
 * Then the own keys of each side must open a record that the other SSL wrote, and each SSL must
 * read a record that the other side's own keys sealed. */
#include "proxy/tls/tls_selfcheck.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proxy/log/log.h"
#include "proxy/tls/tls_kdf.h"
#include "proxy/tls/tls_priv.h"

#define FLIGHTS 10 /* calls after which a handshake is complete or never will be */

static const char question[] = "question", answer[] = "the answer";

/* Per suite: its name in TLS 1.2 and in TLS 1.3. */
static const char *const names[TLS_SUITES][2] = {
	[TLS_SUITE_AES_128] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"},
	[TLS_SUITE_AES_256] = {"ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"},
	[TLS_SUITE_CHACHA20] = {"ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"},
};

/* What all handshakes of a check share. */
struct material {
	EVP_PKEY *key;
	X509 *cert;
	SSL_CTX *ctx[2]; /* the client's, the server's */
};

/* One handshake. Index 0 is the client, 1 the server. */
struct check {
	struct tls_worker *w;
	SSL *ssl[2];
	BIO *to[2];               /* borrowed: the memory that this side reads */
	struct tls t[2];          /* what the takeover sees: no descriptor, no coroutine */
	struct tls_ctx tls_ctx[2];
	struct tls_direct d[2];
	bool tls13;
};

/* ---- set up ---- */

static X509 *self_signed(EVP_PKEY *key, OSSL_LIB_CTX *lib)
{
	X509 *x = X509_new_ex(lib, NULL);

	if (x != NULL && X509_set_version(x, X509_VERSION_3) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), 3600) != NULL && X509_set_pubkey(x, key) &&
	    X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static SSL_CTX *context(struct tls_worker *w, int side)
{
	SSL_CTX *x = SSL_CTX_new_ex(w->lib, TLS_KDF_PROPERTIES, TLS_method());

	if (x == NULL)
		return NULL;
	SSL_CTX_set_msg_callback(x, tls_takeover_watch);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(x, (size_t)side); /* the server's one ticket is a sealed record */
	return x;
}

/* A context costs ten times as much as a handshake, so one serves all versions and suites. */
static SSL *side_of(SSL_CTX *x, const char *name, bool tls13)
{
	int version = tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	SSL *ssl = SSL_new(x);

	if (ssl != NULL && SSL_set_min_proto_version(ssl, version) &&
	    SSL_set_max_proto_version(ssl, version) &&
	    (tls13 ? SSL_set_ciphersuites(ssl, name) : SSL_set_cipher_list(ssl, name)))
		return ssl;
	SSL_free(ssl);
	return NULL;
}

static bool set_up_side(struct check *c, SSL_CTX *x, int side, const char *name)
{
	c->ssl[side] = side_of(x, name, c->tls13);
	c->to[side] = BIO_new(BIO_s_mem());
	c->tls_ctx[side] = (struct tls_ctx){
		.magic = TLS_CTX_MAGIC, .worker = c->w, .server = side == 1};
	c->t[side] = (struct tls){
		.magic = TLS_MAGIC, .ctx = &c->tls_ctx[side], .ssl = c->ssl[side]};
	return c->ssl[side] != NULL && c->to[side] != NULL &&
	       SSL_set_app_data(c->ssl[side], &c->t[side]);
}

/* Each side reads its own memory and writes the other's. */
static void connect_sides(struct check *c)
{
	for (int side = 0; side < 2; side++) {
		BIO_up_ref(c->to[side]);
		BIO_up_ref(c->to[!side]);
		SSL_set_bio(c->ssl[side], c->to[side], c->to[!side]);
	}
	SSL_set_connect_state(c->ssl[0]);
	SSL_set_accept_state(c->ssl[1]);
}

static bool set_up(struct check *c, const struct material *m, const char *name)
{
	if (!set_up_side(c, m->ctx[0], 0, name) || !set_up_side(c, m->ctx[1], 1, name))
		return false;
	connect_sides(c);
	return SSL_use_cert_and_key(c->ssl[1], m->cert, m->key, NULL, 1) == 1;
}

static void tear_down(struct check *c)
{
	for (int side = 0; side < 2; side++) {
		SSL_free(c->ssl[side]);
		BIO_free(c->to[side]);
		tls_takeover_forget(&c->t[side]);
		tls_record_key_fini(&c->d[side].in);
		tls_record_key_fini(&c->d[side].out);
	}
	c->w->active = NULL;
	ERR_clear_error();
}

/* ---- the handshake ---- */

/* One call, with what tls_handshake.c does around it: the worker's `out` holds what was written. */
static bool advance(struct check *c, int side)
{
	struct tls_worker *w = c->w;
	char *wrote;
	long n;

	w->active = &c->t[side];
	if (SSL_do_handshake(c->ssl[side]) != 1 &&
	    SSL_get_error(c->ssl[side], -1) != SSL_ERROR_WANT_READ)
		return false;
	n = BIO_get_mem_data(c->to[!side], &wrote);
	if (n < 0 || n > TLS_OUT)
		return false;
	memcpy(w->out, wrote, (size_t)n);
	w->nout = (size_t)n;
	tls_takeover_note(&c->t[side]);
	w->nout = 0;
	return true;
}

static bool handshake_with_self(struct check *c)
{
	for (int i = 0; i < FLIGHTS; i++) {
		if (!advance(c, 0) || !advance(c, 1))
			return false;
		if (SSL_is_init_finished(c->ssl[0]) && SSL_is_init_finished(c->ssl[1]))
			return true;
	}
	return false;
}

/* ---- records ---- */

/* What this side's own key seals, the other SSL reads. */
static bool is_read(struct check *c, int side)
{
	uint8_t rec[sizeof(question) + TLS_ADD_MOST];
	char got[sizeof(question)];
	ssize_t n = tls_record_seal(&c->d[side].out, TLS_TYPE_DATA, question, sizeof(question),
				    rec);

	c->w->active = &c->t[!side];
	return n > 0 && BIO_write(c->to[!side], rec, (int)n) == n &&
	       SSL_read(c->ssl[!side], got, sizeof(got)) == sizeof(got) &&
	       memcmp(got, question, sizeof(got)) == 0;
}

/* The other SSL's record is behind what the handshake left (tickets): this side's own key opens it.
 */
static bool is_opened(struct check *c, int side)
{
	uint8_t got[sizeof(answer) + 1], type = 0;
	char *left;
	long before, n;

	before = BIO_get_mem_data(c->to[side], &left);
	c->w->active = &c->t[!side];
	if (SSL_write(c->ssl[!side], answer, sizeof(answer)) != sizeof(answer))
		return false;
	n = BIO_get_mem_data(c->to[side], &left) - before;
	if (n != (long)sizeof(answer) + c->d[side].in.added)
		return false;
	return tls_record_open(&c->d[side].in, (const uint8_t *)left + before, (size_t)n, got,
			       &type) == sizeof(answer) &&
	       type == TLS_TYPE_DATA && memcmp(got, answer, sizeof(answer)) == 0;
}

/* A client in TLS 1.3 has not read the server's ticket yet, so its count is the server's. */
static bool make_key_pair(struct check *c)
{
	for (int side = 0; side < 2; side++) {
		struct tls_secrets *s = c->t[side].secrets;

		if (s == NULL || s->sealed < 0 ||
		    tls_takeover_keys(c->ssl[side], s, &c->w->crypto, side == 1, &c->d[side]) !=
			    TLS_RECORDS_OWN)
			return false;
	}
	return !c->tls13 || c->d[1].out.seq == 1;
}

/* The other SSL reads what its peer SSL wrote, so that both have counted it. */
static bool is_followed(struct check *c, int side)
{
	char got[sizeof(answer)];

	c->w->active = &c->t[side];
	return SSL_read(c->ssl[side], got, sizeof(got)) == sizeof(got);
}

/* Each direction: OpenSSL seals a record, which our key and OpenSSL open; then ours seals the next.
 */
static bool compare(struct check *c)
{
	if (!make_key_pair(c))
		return false;
	if (c->tls13)
		c->d[0].in.seq = c->d[1].out.seq;
	for (int side = 0; side < 2; side++) {
		struct tls_record_key *theirs = &c->d[!side].out;

		if (!is_opened(c, side) || !is_followed(c, side))
			return false;
		theirs->seq++;
		if (theirs->tls12)
			theirs->next_explicit++;
		if (!is_read(c, !side))
			return false;
	}
	return true;
}

static bool suite_is_right(struct tls_worker *w, const struct material *m, const char *name,
			   bool tls13)
{
	struct check *c = calloc(1, sizeof(*c));
	bool ok;

	if (c == NULL)
		return false;
	c->w = w;
	c->tls13 = tls13;
	ok = set_up(c, m, name) && handshake_with_self(c) && compare(c);
	tear_down(c);
	free(c);
	return ok;
}

static bool make_material(struct tls_worker *w, struct material *m)
{
	m->key = EVP_PKEY_Q_keygen(w->lib, NULL, "EC", "P-256");
	m->cert = m->key != NULL ? self_signed(m->key, w->lib) : NULL;
	m->ctx[0] = context(w, 0);
	m->ctx[1] = context(w, 1);
	return m->cert != NULL && m->ctx[0] != NULL && m->ctx[1] != NULL;
}

void tls_selfcheck(struct tls_worker *w)
{
	struct material m = {.key = NULL};
	bool ready = make_material(w, &m);

	for (int tls13 = 0; tls13 < 2; tls13++) {
		for (int suite = 0; suite < TLS_SUITES; suite++) {
			const char *name = names[suite][tls13];

			if (ready && suite_is_right(w, &m, name, tls13))
				continue;
			w->suites_off[tls13] |= (uint8_t)(1U << suite);
			log_msg(LVL_WARNING, "tls_suite_off",
				"%s: our records and OpenSSL's differ, or it has no such cipher: "
				"connections with it stay with OpenSSL",
				name);
		}
	}
	SSL_CTX_free(m.ctx[0]);
	SSL_CTX_free(m.ctx[1]);
	X509_free(m.cert);
	EVP_PKEY_free(m.key);
	ERR_clear_error();
}
