/* The hand-over at the end of a handshake: from OpenSSL's connection object to the keys and
 * counters of tls_direct.c. Until then t->secrets gathers:
 *
 *   tls_takeover_secret   tls_kdf.c's secrets (1.3)
 *   tls_takeover_note     our records, and in 1.2 their nonce: read off the worker's `out`
 *   tls_takeover_watch    the peer's records and the extensions, by OpenSSL's message callback
 *   tls_takeover          when it is complete: everything is known and nothing unusual -> t->direct
 *
 * OpenSSL has no call that tells how many records it has sealed with a key, and none for a nonce:
 * both are read off what goes out. So the result is checked: the new key must open the last record
 * that OpenSSL sealed with its own. Whatever is not understood leaves the connection with OpenSSL,
 * which costs memory and nothing else; each reason is a row of tls_records_tbl.h. */
#include "proxy/tls/tls_takeover.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/log/log.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_record_12.h"

#define TICKET_WAIT NP_S

enum { SERVER_HELLO = 2, ENCRYPTED_EXTENSIONS = 8, KEY_UPDATE_13 = 24 }; /* HandshakeType */
enum { MAX_FRAGMENT_LENGTH = 1, RECORD_SIZE_LIMIT = 28 };                /* ExtensionType */

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

/* ---- what OpenSSL sealed ---- */

/* The length of the record at p, its head included; 0: it is not whole. */
static size_t record_at(const char *p, size_t n)
{
	size_t len = n < TLS_HEAD ? 0 : TLS_HEAD + ((size_t)(uint8_t)p[3] << 8 | (uint8_t)p[4]);

	return len <= n ? len : 0;
}

static void keep_last(struct tls_secrets *s, const char *p, size_t n)
{
	chunk_drop(&s->last);
	s->last = n <= TLS_IN ? chunk_of(p, n) : NULL;
}

/* TLS 1.3: the records that the handshake's last call wrote, all with our new keys. */
static void note_records(struct tls_secrets *s, const char *p, size_t n)
{
	size_t len;

	for (s->sealed = 0; (len = record_at(p, n)) > 0 && p[0] == TLS_TYPE_DATA; s->sealed++) {
		if (len == n)
			keep_last(s, p, len);
		p += len;
		n -= len;
	}
	if (n > 0)
		s->sealed = -1; /* something else is among them */
}

/* TLS 1.2: in what goes out now, the record behind ChangeCipherSpec is our Finished, and carries
 * the explicit nonce from which OpenSSL counts on. */
static void note_finished(struct tls_secrets *s, const char *p, size_t n)
{
	bool changed = false;
	size_t len;

	for (; (len = record_at(p, n)) > 0; p += len, n -= len) {
		if (changed && len >= TLS_HEAD + 8) {
			for (int i = 0; i < 8; i++)
				s->nonce = s->nonce << 8 | (uint8_t)p[TLS_HEAD + i];
			keep_last(s, p, len);
			s->sealed = 1;
			return;
		}
		changed = p[0] == TLS_TYPE_CCS;
	}
}

void tls_takeover_note(struct tls *t)
{
	const struct tls_worker *w = t->ctx->worker;
	struct tls_secrets *s = t->secrets;

	DCHECK_ACTIVE(t);
	if (SSL_version(t->ssl) == TLS1_2_VERSION && (s = secrets_of(t)) != NULL)
		note_finished(s, w->out, w->nout);
	else if (s != NULL && t->ctx->server)
		note_records(s, w->out, w->nout);
	/* Output that left in the middle of the call was not seen. */
	if (s != NULL && t->pushed)
		s->sealed = -1;
}

/* ---- what the message callback shows ---- */

/* Extensions that leave the records as they are, or are asked for elsewhere: server_name,
 * max_fragment_length, status_request, groups, point formats, ALPN, SCT, certificate types,
 * encrypt_then_mac (no AEAD), extended_master_secret, session_ticket, pre_shared_key, early_data,
 * supported_versions, key_share, renegotiation_info. A new one is none of these. */
static bool is_harmless(unsigned extension)
{
	static const uint16_t known[] = {0,  1,  5,  10, 11, 16, 18, 19,    20,
					 22, 23, 35, 41, 42, 43, 51, 0xff01};

	for (size_t i = 0; i < array_len(known); i++)
		if (known[i] == extension)
			return true;
	return false;
}

/* A list of extensions, n bytes behind its length. */
static enum tls_records judge_extensions(const uint8_t *p, size_t n)
{
	while (n >= 4) {
		unsigned extension = (unsigned)p[0] << 8 | p[1];
		size_t len = 4 + ((size_t)p[2] << 8 | p[3]);

		if (extension == RECORD_SIZE_LIMIT)
			return TLS_RECORDS_FRAGMENT;
		if (len > n || !is_harmless(extension))
			return TLS_RECORDS_EXTENSION;
		p += len;
		n -= len;
	}
	return TLS_RECORDS_NONE;
}

/* The server's answer to the client's extensions: in EncryptedExtensions (1.3) or ServerHello
 * (1.2). */
static enum tls_records judge_message(const uint8_t *p, size_t n)
{
	size_t at = 4;

	if (p[0] == SERVER_HELLO) {
		at += 2 + 32;
		if (n > at)
			at += 1U + p[at]; /* the session id */
		at += 2 + 1;
	}
	return n >= at + 2 ? judge_extensions(p + at + 2, n - at - 2) : TLS_RECORDS_NONE;
}

static void watch_message(struct tls *t, bool ours, const uint8_t *p, size_t n)
{
	bool servers = ours == t->ctx->server;

	if (!ours && t->up && p[0] == KEY_UPDATE_13) {
		if (t->secrets != NULL)
			t->secrets->updated = true;
		if (!tls_update_admitted(t))
			tls_fail(t, -NP_EPROTO, "more than 100 KeyUpdates in a second");
	}
	if (servers && (p[0] == SERVER_HELLO || p[0] == ENCRYPTED_EXTENSIONS) &&
	    secrets_of(t) != NULL && t->secrets->extension == TLS_RECORDS_NONE)
		t->secrets->extension = (uint8_t)judge_message(p, n);
}

/* Heads come in the order of the records. TLS 1.2: those since the peer's ChangeCipherSpec are
 * counted; TLS 1.3: those after the handshake. */
static void watch_head(struct tls *t, uint8_t type, const SSL *ssl)
{
	bool tls12 = SSL_version(ssl) == TLS1_2_VERSION;

	if (tls12 && type == TLS_TYPE_CCS && secrets_of(t) != NULL)
		t->secrets->sealing = true;
	else if (t->secrets != NULL && (tls12 ? t->secrets->sealing : t->up))
		t->secrets->opened++;
}

void tls_takeover_watch(int ours, int version, int kind, const void *p, size_t n, SSL *ssl,
			void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);

	(void)version; /* a head's: 1.3 says 1.2 there */
	(void)arg;
	if (t == NULL)
		return;
	if (kind == SSL3_RT_HANDSHAKE && n > 0)
		watch_message(t, ours, p, n);
	else if (kind == SSL3_RT_HEADER && !ours && n == TLS_HEAD)
		watch_head(t, *(const uint8_t *)p, ssl);
}

void tls_takeover_forget(struct tls *t)
{
	if (t->secrets == NULL)
		return;
	chunk_drop(&t->secrets->last);
	OPENSSL_cleanse(t->secrets, sizeof(*t->secrets));
	free(t->secrets);
	t->secrets = NULL;
}

/* ---- keys ---- */

static enum tls_records keys_12(const SSL *ssl, const struct tls_secrets *s,
				const struct tls_crypto *c, bool server, struct tls_direct *d)
{
	uint16_t cipher = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl));
	int suite = tls12_suite_of(cipher);
	struct tls12_secret k = {.servers = !server};
	size_t n;
	bool ok;

	if (suite < 0 || c->aead[suite] == NULL || c->prf == NULL)
		return TLS_RECORDS_CIPHER;
	n = SSL_SESSION_get_master_key(SSL_get_session(ssl), k.master, sizeof(k.master));
	ok = n == sizeof(k.master) &&
	     SSL_get_client_random(ssl, k.client, sizeof(k.client)) == sizeof(k.client) &&
	     SSL_get_server_random(ssl, k.server, sizeof(k.server)) == sizeof(k.server) &&
	     tls12_record_key_init(&d->in, c, (enum tls_suite)suite, &k, false) == 0;
	k.servers = server;
	ok = ok && tls12_record_key_init(&d->out, c, (enum tls_suite)suite, &k, true) == 0;
	OPENSSL_cleanse(&k, sizeof(k));
	d->out.next_explicit = s->nonce + 1;
	return ok ? TLS_RECORDS_OWN : TLS_RECORDS_MEMORY;
}

static enum tls_records keys_13(const SSL *ssl, const struct tls_secrets *s, struct tls_crypto *c,
				struct tls_direct *d)
{
	int suite = tls_suite_of(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)));

	if (suite < 0 || c->aead[suite] == NULL)
		return TLS_RECORDS_CIPHER;
	if (s->nin != tls_suite_secret((enum tls_suite)suite) || s->nout != s->nin || s->updated)
		return TLS_RECORDS_SECRET;
	if (tls_record_key_init(&d->in, c, (enum tls_suite)suite, s->in, false) == 0 &&
	    tls_record_key_init(&d->out, c, (enum tls_suite)suite, s->out, true) == 0)
		return TLS_RECORDS_OWN;
	return TLS_RECORDS_MEMORY;
}

enum tls_records tls_takeover_keys(const SSL *ssl, const struct tls_secrets *s,
				   struct tls_crypto *c, bool server, struct tls_direct *d)
{
	enum tls_records how = SSL_version(ssl) == TLS1_2_VERSION ? keys_12(ssl, s, c, server, d)
								  : keys_13(ssl, s, c, d);

	if (how == TLS_RECORDS_OWN) {
		d->in.seq = s->opened;
		d->out.seq = (uint64_t)s->sealed;
	}
	return how;
}

/* ---- the hand-over ---- */

/* OpenSSL alone makes a session of a NewSessionTicket, which a TLS 1.3 server sends after the
 * handshake: a client that wants to resume waits for the first one, but not longer than a second.
 */
static bool awaits_ticket(const struct tls *t)
{
	return !t->ctx->server && t->ctx->sessions != NULL && !t->ticket &&
	       SSL_version(t->ssl) == TLS1_3_VERSION && np_now() < t->up_since + TICKET_WAIT;
}

/* Between two records: neither a part of one nor data that was not read is in OpenSSL's hands. */
static bool between_records(const SSL *ssl)
{
	return !SSL_has_pending(ssl) && strcmp(SSL_rstate_string(ssl), "RH") == 0;
}

/* What OpenSSL knows and we may not pass over. */
static enum tls_records judge(const struct tls *t)
{
	const struct tls_secrets *s = t->secrets;
	const SSL_SESSION *session = SSL_get_session(t->ssl);

	if (t->ctx->records == CONFIG_TLS_RECORDS_OPENSSL)
		return TLS_RECORDS_CONFIGURED;
	if (s == NULL || SSL_get_current_cipher(t->ssl) == NULL || session == NULL)
		return TLS_RECORDS_SECRET;
	if (s->extension != TLS_RECORDS_NONE)
		return (enum tls_records)s->extension;
	if (SSL_SESSION_get_max_fragment_length(session) != 0)
		return TLS_RECORDS_FRAGMENT;
	if (awaits_ticket(t))
		return TLS_RECORDS_TICKET;
	if (!between_records(t->ssl))
		return TLS_RECORDS_UNREAD;
	/* TLS 1.2 is understood when each side has sealed exactly one record: its Finished. */
	if (s->sealed < 0 ||
	    (SSL_version(t->ssl) == TLS1_2_VERSION && (s->sealed != 1 || s->opened != 1)))
		return TLS_RECORDS_COUNT;
	return TLS_RECORDS_OWN;
}

/* The key must open the last record that OpenSSL sealed, under the number that we think it had.
 * Opening turns the cipher's context around; the next seal turns it back. Without such a record the
 * check at the worker's start stands for this one. */
static bool opens_last(const struct tls *t, const struct tls_direct *d)
{
	const struct chunk *last = t->secrets->last;
	struct tls_record_key k = d->out;
	uint8_t type, *room = (uint8_t *)t->ctx->worker->in;
	bool ok;

	if (last == NULL)
		return true;
	k.seq = d->out.seq - 1;
	ok = chunk_held(last) >= k.added &&
	     tls_record_open(&k, (const uint8_t *)last->bytes, chunk_held(last), room, &type) >= 0;
	OPENSSL_cleanse(&k, sizeof(k));
	return ok;
}

static enum tls_records make_direct(struct tls *t, struct tls_direct *d)
{
	struct tls_worker *w = t->ctx->worker;
	enum tls_records how = tls_takeover_keys(t->ssl, t->secrets, &w->crypto, t->ctx->server, d);

	if (how != TLS_RECORDS_OWN)
		return how;
	if (w->suites_off[!d->out.tls12] & 1U << d->out.suite)
		return TLS_RECORDS_SUITE;
	if (opens_last(t, d))
		return TLS_RECORDS_OWN;
	log_limited(LVL_ERROR, "tls_check_failed", SSL_get_cipher_name(t->ssl), 0,
		    "%s, %s: our keys do not open OpenSSL's last record; it keeps such connections",
		    SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl));
	return TLS_RECORDS_CHECK;
}

/* A client in TLS 1.3 counts from its handshake on; its Finished is sealed with another key. */
static void count_clients_records(struct tls *t)
{
	if (t->secrets != NULL && !t->ctx->server && SSL_version(t->ssl) == TLS1_3_VERSION)
		t->secrets->sealed = t->sealed;
}

void tls_takeover_again(struct tls *t)
{
	DCHECK_TLS(t);
	if (t->err == 0 && !t->eof && !t->notified && !awaits_ticket(t) && between_records(t->ssl))
		tls_takeover(t);
	tls_crypto_wipe(&t->ctx->worker->crypto);
}

void tls_takeover(struct tls *t)
{
	enum tls_records how;
	struct tls_known *known;
	struct tls_direct *d;

	DCHECK(t->up && t->direct == NULL, "the hand-over comes once, after the handshake");
	DCHECK(t->ctx->worker->active == NULL, "no operation is under way");
	count_clients_records(t);
	how = judge(t);
	known = how == TLS_RECORDS_OWN ? tls_known_new(t) : NULL;
	d = known != NULL ? calloc(1, sizeof(*d)) : NULL;
	if (how == TLS_RECORDS_OWN)
		how = d != NULL ? make_direct(t, d) : TLS_RECORDS_MEMORY;
	t->records = (uint8_t)how;
	t->waits = how == TLS_RECORDS_TICKET;
	if (t->waits)
		return;
	tls_takeover_forget(t);
	if (how != TLS_RECORDS_OWN) {
		tls_direct_free(d);
		free(known);
		return;
	}
	t->direct = d;
	t->known = known;
	t->quiet = false; /* whole records may wait in t->in */
	/* Else OpenSSL takes the missing close_notify for an attack, and forbids to resume the
	 * session. */
	SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	t->ssl = NULL;
}
