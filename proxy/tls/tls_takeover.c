/* The hand-over at the end of a handshake: from OpenSSL's connection object to the keys and
 * counters of tls_direct.c. Until then t->secrets gathers:
 *
 *   tls_takeover_secret   tls_kdf.c's secrets (1.3)
 *   tls_takeover_note     our records, and in 1.2 their nonce: read off the worker's `out`
 *   tls_takeover_head     the peer's records (1.2), by OpenSSL's message callback
 *   tls_takeover          when it is complete: everything is known and nothing unusual -> t->direct
 *
 * OpenSSL has no call that tells how many records it has sealed with a key, and none for a nonce:
 * both are read off what goes out. Whatever is not understood leaves the connection with OpenSSL,
 * which costs memory and nothing else. */
#include "proxy/tls/tls_takeover.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_record_12.h"

/* TLS 1.3: the records that the handshake's last call wrote, all with our new keys. -1: there is
 * something else. */
static int64_t count_records(const char *p, size_t n)
{
	int64_t count = 0;

	while (n >= TLS_HEAD && (uint8_t)p[0] == TLS_TYPE_DATA) {
		size_t len = TLS_HEAD + ((size_t)(uint8_t)p[3] << 8 | (uint8_t)p[4]);

		if (len > n)
			return -1;
		p += len;
		n -= len;
		count++;
	}
	return n == 0 ? count : -1;
}

static struct tls_secrets *secrets_of(struct tls *t)
{
	if (t->secrets == NULL)
		t->secrets = calloc(1, sizeof(*t->secrets));
	return t->secrets;
}

void tls_takeover_secret(struct tls *t, bool ours, const uint8_t *secret, size_t n)
{
	struct tls_secrets *s = secrets_of(t);

	if (s == NULL || n > TLS_SECRET)
		return; /* without both secrets the connection stays with OpenSSL */
	memcpy(ours ? s->out : s->in, secret, n);
	if (ours)
		s->nout = n;
	else
		s->nin = n;
}

/* TLS 1.2: our Finished record carries the explicit nonce from which OpenSSL counts on
 * (note_nonce), and the client's records since its ChangeCipherSpec are counted here. Heads come in
 * the order of the records. */
void tls_takeover_head(int ours, int version, int kind, const void *head, size_t n, SSL *ssl,
		       void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);
	bool ccs = kind == SSL3_RT_HEADER && n == TLS_HEAD &&
		   *(const uint8_t *)head == TLS_TYPE_CCS;

	(void)version; /* the head's: 1.3 says 1.2 there */
	(void)arg;
	if (ours || kind != SSL3_RT_HEADER || t->up || SSL_version(ssl) != TLS1_2_VERSION)
		return;
	if (ccs && secrets_of(t) != NULL)
		t->secrets->sealing = true;
	else if (t->secrets != NULL && t->secrets->sealing)
		t->secrets->opened++;
}

/* TLS 1.2: in what goes out now, the record behind ChangeCipherSpec is our Finished. */
static void note_nonce(struct tls *t, const uint8_t *p, size_t n)
{
	while (n >= TLS_HEAD) {
		size_t len = TLS_HEAD + ((size_t)p[3] << 8 | p[4]);

		if (len > n)
			return;
		p += len;
		n -= len;
		if (p[-(ptrdiff_t)len] != TLS_TYPE_CCS || n < TLS_HEAD + 8 || secrets_of(t) == NULL)
			continue;
		for (int i = 0; i < 8; i++)
			t->secrets->nonce = t->secrets->nonce << 8 | p[TLS_HEAD + i];
		t->secrets->sealed = 1;
		return;
	}
}

void tls_takeover_note(struct tls *t)
{
	const struct tls_worker *w = t->ctx->worker;

	DCHECK_ACTIVE(t);
	if (SSL_version(t->ssl) == TLS1_2_VERSION && t->ctx->server)
		note_nonce(t, (const uint8_t *)w->out, w->nout);
	else if (t->secrets != NULL)
		t->secrets->sealed = count_records(w->out, w->nout);
}

void tls_takeover_forget(struct tls *t)
{
	if (t->secrets != NULL)
		OPENSSL_cleanse(t->secrets, sizeof(*t->secrets));
	free(t->secrets);
	t->secrets = NULL;
}

/* TLS 1.2 is understood when each side has sealed exactly one record: its Finished. */
static int suite_of_tls12(const struct tls_secrets *s, uint16_t cipher)
{
	return s->sealed == 1 && s->sealing && s->opened == 1 ? tls12_suite_of(cipher) : -1;
}

/* The suite, if the connection can do without OpenSSL's object; else -1. */
static int suite_if_fit(const struct tls *t)
{
	const struct tls_secrets *s = t->secrets;
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
	const SSL_SESSION *session = SSL_get_session(t->ssl);
	int suite;

	if (s == NULL || s->sealed < 0 || SSL_has_pending(t->ssl))
		return -1;
	if (cipher == NULL || session == NULL || SSL_SESSION_get_max_fragment_length(session) != 0)
		return -1;
	if (SSL_version(t->ssl) == TLS1_2_VERSION)
		return suite_of_tls12(s, SSL_CIPHER_get_protocol_id(cipher));
	suite = tls_suite_of(SSL_CIPHER_get_protocol_id(cipher));
	return suite >= 0 && s->nin == tls_suite_secret(suite) && s->nout == s->nin ? suite : -1;
}

static bool init_tls12(struct tls *t, struct tls_direct *d, enum tls_suite suite)
{
	const struct tls_crypto *c = &t->ctx->worker->crypto;
	struct tls12_secret k = {.servers = false};
	bool ok = SSL_SESSION_get_master_key(SSL_get_session(t->ssl), k.master, sizeof(k.master)) ==
			  sizeof(k.master) &&
		  SSL_get_client_random(t->ssl, k.client, sizeof(k.client)) == sizeof(k.client) &&
		  SSL_get_server_random(t->ssl, k.server, sizeof(k.server)) == sizeof(k.server) &&
		  tls12_record_key_init(&d->in, c, suite, &k, false) == 0;

	k.servers = true;
	ok = ok && tls12_record_key_init(&d->out, c, suite, &k, true) == 0;
	OPENSSL_cleanse(&k, sizeof(k));
	d->in.seq = d->out.seq = 1;
	d->out.next_explicit = t->secrets->nonce + 1;
	return ok;
}

static struct tls_direct *direct_new(struct tls *t, enum tls_suite suite)
{
	struct tls_crypto *c = &t->ctx->worker->crypto;
	struct tls_direct *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	if (SSL_version(t->ssl) == TLS1_2_VERSION)
		return init_tls12(t, d, suite) ? d : tls_direct_free(d);
	if (tls_record_key_init(&d->in, c, suite, t->secrets->in, false) == 0 &&
	    tls_record_key_init(&d->out, c, suite, t->secrets->out, true) == 0) {
		d->out.seq = (uint64_t)t->secrets->sealed;
		return d;
	}
	return tls_direct_free(d);
}

void tls_takeover(struct tls *t)
{
	int suite = suite_if_fit(t);
	struct tls_known *known = suite >= 0 ? tls_known_new(t) : NULL;
	struct tls_direct *d = known != NULL ? direct_new(t, (enum tls_suite)suite) : NULL;

	DCHECK(t->up && t->direct == NULL, "the hand-over comes once, after the handshake");
	tls_takeover_forget(t);
	if (d == NULL) {
		free(known);
		return;
	}
	t->direct = d;
	t->known = known;
	SSL_free(t->ssl);
	t->ssl = NULL;
}
