/* A server's connection after its handshake, TLS 1.3 or 1.2: records without OpenSSL's connection object (tls_record.h
 * says why).
 *
 *   socket --recv--> worker's `in` --open--> the caller       the caller --seal--> worker's `out` --send--> socket
 *                        '-- part of a record --> t->in                                 '-- not taken --> t->out
 *
 * What may come from a client then is little: data, alerts, KeyUpdate or, in TLS 1.2, the wish to renegotiate, which is
 * declined. Everything else is unexpected, and whatever is wrong ends the connection with its alert. What does not fit
 * (clients, other ciphers, short fragments) stays with OpenSSL: tls_openssl.c. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"

/* RFC 8446, 6: the alerts that are sent or understood here. */
enum {
	ALERT_CLOSE_NOTIFY = 0,
	ALERT_UNEXPECTED = 10,
	ALERT_BAD_MAC = 20,
	ALERT_OVERFLOW = 22,
	ALERT_ILLEGAL = 47,
	ALERT_DECODE = 50,
	ALERT_CANCELED = 90,
	ALERT_NO_RENEGOTIATION = 100,
};

#define KEY_UPDATE 24

/* ---- what leaves ----------------------------------------------------------------------------- */

/* One record into the worker's `out`, which has room for it. */
static int put_record(struct tls *t, enum tls_type type, const void *p, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	ssize_t len = tls_record_seal(&t->direct->out, type, p, n, (uint8_t *)w->out + w->nout);

	if (len < 0)
		return tls_fail(t, (int)len);
	w->nout += (size_t)len;
	return 0;
}

/* Our own keys move on: asked to, or because they have sealed enough. */
static int update_out(struct tls *t)
{
	static const uint8_t message[] = {KEY_UPDATE, 0, 0, 1, 0};
	int err = put_record(t, TLS_TYPE_HANDSHAKE, message, sizeof(message));

	if (err == 0)
		err = tls_record_key_update(&t->direct->out, &t->ctx->worker->crypto);
	return err != 0 ? tls_fail(t, err) : 0;
}

/* The connection is over, and the peer is told why. */
static void refuse(struct tls *t, uint8_t alert)
{
	const uint8_t message[] = {2, alert};

	if (put_record(t, TLS_TYPE_ALERT, message, sizeof(message)) == 0)
		tls_fail(t, -NP_EPROTO);
}

size_t tls_direct_write(struct tls *t, const char *p, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	size_t done = 0, some;

	if (!t->direct->out.old && t->direct->out.seq >= w->seal_most && update_out(t) != 0)
		return 0;
	while (done < n && t->err == 0 && w->nout + TLS_ADD_MOST < TLS_OUT) {
		some = TLS_OUT - w->nout - TLS_ADD_MOST;
		if (some > TLS_PLAIN_MOST)
			some = TLS_PLAIN_MOST;
		if (some > n - done)
			some = n - done;
		if (put_record(t, TLS_TYPE_DATA, p + done, some) == 0)
			done += some;
	}
	return done;
}

void tls_direct_notify(struct tls *t)
{
	static const uint8_t message[] = {1, ALERT_CLOSE_NOTIFY};

	(void)!put_record(t, TLS_TYPE_ALERT, message, sizeof(message));
}

/* ---- what arrives ---------------------------------------------------------------------------- */

static void took_alert(struct tls *t, const uint8_t *p, ssize_t n)
{
	if (n != 2) {
		refuse(t, ALERT_DECODE);
		return;
	}
	if (p[1] == ALERT_CLOSE_NOTIFY)
		tls_ended(t);
	else if (p[1] != ALERT_CANCELED && !(t->direct->in.old && p[0] == 1)) /* 1.2 has warnings */ {
		tls_said_alert(t, p[1]);
		tls_fail(t, -NP_EPROTO);
	}
}

/* The next keys of the peer's, and of ours if it asks for that. */
static void key_update(struct tls *t, uint8_t asked)
{
	int err = asked > 1 ? -NP_EPROTO : tls_record_key_update(&t->direct->in, &t->ctx->worker->crypto);

	if (asked > 1)
		refuse(t, ALERT_ILLEGAL);
	else if (err != 0)
		tls_fail(t, err);
	else if (asked == 1)
		(void)!update_out(t);
}

/* TLS 1.2: a client that wants new keys is told no, and may go on with those it has. */
static void decline(struct tls *t)
{
	static const uint8_t message[] = {1, ALERT_NO_RENEGOTIATION};

	(void)!put_record(t, TLS_TYPE_ALERT, message, sizeof(message));
}

/* A KeyUpdate, in one record or in several; it ends with its record, since the next one has other keys. */
static void took_handshake(struct tls *t, const uint8_t *p, ssize_t n)
{
	struct tls_direct *d = t->direct;

	if (n == 0 || (size_t)n > sizeof(d->message) - d->nmessage) {
		refuse(t, ALERT_UNEXPECTED);
		return;
	}
	memcpy(d->message + d->nmessage, p, (size_t)n);
	d->nmessage += (uint8_t)n;
	if (memcmp(d->message, (const uint8_t[]){KEY_UPDATE, 0, 0, 1}, d->nmessage < 4 ? d->nmessage : 4) != 0)
		refuse(t, ALERT_UNEXPECTED);
	if (t->err != 0 || d->nmessage < sizeof(d->message))
		return;
	d->nmessage = 0;
	key_update(t, d->message[4]);
}

/* Data for which the caller has too little room: kept, opened. */
static uint8_t *spill(struct tls *t, size_t n)
{
	struct tls_chunk *c = malloc(sizeof(*c) + n);

	if (c == NULL) {
		tls_fail(t, -NP_ENOMEM);
		return NULL;
	}
	c->from = c->to = 0;
	t->direct->spilt = c;
	return (uint8_t *)c->bytes;
}

static size_t take_spilt(struct tls *t, char *buf, size_t n)
{
	struct tls_chunk *c = t->direct->spilt;
	size_t some = c->to - c->from;

	if (some > n)
		some = n;
	memcpy(buf, c->bytes + c->from, some);
	c->from += (uint32_t)some;
	if (c->from == c->to) {
		OPENSSL_cleanse(c->bytes, c->to);
		free(c);
		t->direct->spilt = NULL;
	}
	return some;
}

static void took(struct tls *t, uint8_t type, const uint8_t *p, ssize_t n)
{
	if (type == TLS_TYPE_ALERT)
		took_alert(t, p, n);
	else if (type == TLS_TYPE_HANDSHAKE && t->direct->in.old)
		decline(t);
	else if (type == TLS_TYPE_HANDSHAKE)
		took_handshake(t, p, n);
	else if (type != TLS_TYPE_DATA || t->direct->nmessage > 0) /* data inside a message */
		refuse(t, ALERT_UNEXPECTED);
}

/* A whole record at the window's front, n bytes. Returns how much of it went to buf; what is wrong with it ends t. */
static size_t open_record(struct tls *t, size_t n, char *buf, size_t room)
{
	struct tls_direct *d = t->direct;
	const uint8_t *rec = (const uint8_t *)t->ctx->worker->window;
	bool fits = n - d->in.added <= room;
	uint8_t *to = fits ? (uint8_t *)buf : spill(t, n - d->in.added);
	uint8_t type = 0;
	ssize_t len;

	if (to == NULL)
		return 0;
	len = tls_record_open(&d->in, rec, n, to, &type);
	if (len < 0)
		refuse(t, ALERT_BAD_MAC);
	else if (len > TLS_PLAIN_MOST)
		refuse(t, ALERT_OVERFLOW);
	else
		took(t, type, to, len);
	len = t->err == 0 && type == TLS_TYPE_DATA ? len : 0;
	if (fits)
		return (size_t)len;
	d->spilt->to = (uint32_t)len;
	return take_spilt(t, buf, room);
}

/* In TLS 1.3 every record looks like data. */
static bool may_come(const struct tls_record_key *w, uint8_t type)
{
	return type == TLS_TYPE_DATA || (w->old && (type == TLS_TYPE_ALERT || type == TLS_TYPE_HANDSHAKE));
}

/* The length of the record at the window's front, 0 when its head is not there yet; one that cannot be ends t. */
static size_t record_length(struct tls *t)
{
	const struct tls_worker *w = t->ctx->worker;
	const uint8_t *p = (const uint8_t *)w->window;
	size_t body;

	if (w->nwindow < TLS_HEAD)
		return 0;
	body = (size_t)p[3] << 8 | p[4];
	if (!may_come(&t->direct->in, p[0]))
		refuse(t, ALERT_UNEXPECTED);
	else if (body > TLS_BODY_MOST)
		refuse(t, ALERT_OVERFLOW);
	else if (TLS_HEAD + body < t->direct->in.added)
		refuse(t, ALERT_BAD_MAC);
	return TLS_HEAD + body;
}

/* One record more, or the bytes for it. Returns whether there is any point in going on. */
static bool step(struct tls *t, char *buf, size_t n, size_t *got)
{
	struct tls_worker *w = t->ctx->worker;
	size_t len = record_length(t), some;

	if (t->err != 0)
		return false;
	if (len == 0 || len > w->nwindow) {
		if (tls_window_fill(w, t))
			return true;
		if (t->fin)
			tls_ended(t);
		else if (np_err_class(t->io) == NP_CLASS_PEER)
			tls_fail(t, t->io);
		return false;
	}
	some = open_record(t, len, buf + *got, n - *got);
	w->window += len;
	w->nwindow -= len;
	*got += some;
	w->delivered = *got > 0;
	if (t->err != 0 || t->eof)
		return false;
	return some > 0 || tls_idle_record(t);
}

size_t tls_direct_read(struct tls *t, char *buf, size_t n)
{
	size_t got = 0;

	if (t->direct->spilt != NULL)
		return take_spilt(t, buf, n);
	while (got < n && step(t, buf, n, &got))
		;
	return got;
}

bool tls_direct_has(const struct tls *t)
{
	return t->direct->spilt != NULL;
}

/* ---- from one to the other ------------------------------------------------------------------- */

/* Records in what the handshake's last call wrote: all with our new keys. -1: something else is among them. */
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

void tls_direct_secret(struct tls *t, bool ours, const uint8_t *secret, size_t n)
{
	struct tls_secrets *s = secrets_of(t);

	if (s == NULL || n > TLS_SECRET)
		return; /* then OpenSSL goes on with the connection */
	memcpy(ours ? s->out : s->in, secret, n);
	*(ours ? &s->nout : &s->nin) = n;
}

/* TLS 1.2: what OpenSSL seals first, Finished, tells the nonce it counts on from; and what the client sealed tells how
 * many records that was. By their heads, in the order they go and come (SSL_CTX_set_msg_callback's). */
void tls_direct_head(int ours, int version, int kind, const void *head, size_t n, SSL *ssl, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);
	bool ccs = kind == SSL3_RT_HEADER && n == TLS_HEAD && *(const uint8_t *)head == TLS_TYPE_CCS;

	(void)version; /* the head's: 1.3 says 1.2 there */
	(void)arg;
	if (ours || kind != SSL3_RT_HEADER || t->up || SSL_version(ssl) != TLS1_2_VERSION)
		return;
	if (ccs && secrets_of(t) != NULL)
		t->secrets->sealing = true;
	else if (t->secrets != NULL && t->secrets->sealing)
		t->secrets->opened++;
}

/* In what goes out now: the record behind ChangeCipherSpec. */
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

void tls_direct_note(struct tls *t)
{
	const struct tls_worker *w = t->ctx->worker;

	if (SSL_version(t->ssl) == TLS1_2_VERSION && t->ctx->server)
		note_nonce(t, (const uint8_t *)w->out, w->nout);
	else if (t->secrets != NULL)
		t->secrets->sealed = count_records(w->out, w->nout);
}

void tls_secrets_free(struct tls *t)
{
	if (t->secrets != NULL)
		OPENSSL_cleanse(t->secrets, sizeof(*t->secrets));
	free(t->secrets);
	t->secrets = NULL;
}

/* Of a server's side: one Finished each, in one record each. */
static int suite_of_tls12(const struct tls_secrets *s, uint16_t cipher)
{
	return s->sealed == 1 && s->sealing && s->opened == 1 ? tls12_suite_of(cipher) : -1;
}

/* The suite, if everything is as it must be to do without OpenSSL; else -1. */
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
	bool ok = SSL_SESSION_get_master_key(SSL_get_session(t->ssl), k.master, sizeof(k.master)) == sizeof(k.master) &&
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

void tls_direct_begin(struct tls *t)
{
	int suite = suite_if_fit(t);
	struct tls_known *known = suite >= 0 ? tls_known_new(t) : NULL;
	struct tls_direct *d = known != NULL ? direct_new(t, (enum tls_suite)suite) : NULL;

	tls_secrets_free(t);
	if (d == NULL) {
		free(known);
		return;
	}
	t->direct = d;
	t->known = known;
	SSL_free(t->ssl);
	t->ssl = NULL;
}

struct tls_direct *tls_direct_free(struct tls_direct *d)
{
	if (d == NULL)
		return NULL;
	tls_record_key_fini(&d->in);
	tls_record_key_fini(&d->out);
	if (d->spilt != NULL)
		OPENSSL_cleanse(d->spilt->bytes, d->spilt->to);
	free(d->spilt);
	free(d);
	return NULL;
}
