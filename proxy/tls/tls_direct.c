/* A server's connection after its handshake, TLS 1.3 or 1.2: records without OpenSSL's connection
 * object (tls_record.h says why, tls_takeover.c begins it).
 *
 *   socket --recv--> worker's `in` --open--> the caller
 *                        '-- part of a record --> t->in
 *   the caller --seal--> worker's `out` --send--> socket
 *                        '-- not taken --> t->out
 *
 * A client may then send little: data, alerts, KeyUpdate or, in TLS 1.2, the wish to renegotiate,
 * which is declined. Everything else is unexpected, and a record that may not be ends the
 * connection with its alert. Connections that this file cannot serve (clients, other ciphers, short
 * fragments) stay with OpenSSL: tls_openssl.c. */
#include "proxy/tls/tls_direct.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/tls/tls_bio.h"
#include "proxy/tls/tls_priv.h"

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

#define ALERT_WARNING 1 /* RFC 5246, 7.2: AlertLevel; TLS 1.3 does not look at it */
#define KEY_UPDATE 24 /* RFC 8446, 4: HandshakeType */

/* ---- records out ---- */

/* One record into the worker's `out`, which has room for it. */
static int seal_record(struct tls *t, enum tls_type type, const void *p, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	ssize_t len;

	DCHECK(w->nout + n + TLS_ADD_MOST <= TLS_OUT,
	       "the worker's buffer has room for the record");
	len = tls_record_seal(&t->direct->out, type, p, n, (uint8_t *)w->out + w->nout);
	if (len < 0)
		return tls_fail(t, (int)len);
	w->nout += (size_t)len;
	return 0;
}

/* Our keys move on, because the peer asks or because they have sealed enough. The KeyUpdate goes
 * with the old ones. */
static int update_out(struct tls *t)
{
	static const uint8_t message[] = {KEY_UPDATE, 0, 0, 1, 0};
	int err = seal_record(t, TLS_TYPE_HANDSHAKE, message, sizeof(message));

	if (err == 0)
		err = tls_record_key_update(&t->direct->out, &t->ctx->worker->crypto);
	return err != 0 ? tls_fail(t, err) : 0;
}

/* The connection is over, and the peer is told why. */
static void send_fatal(struct tls *t, uint8_t alert)
{
	const uint8_t message[] = {2, alert};

	if (seal_record(t, TLS_TYPE_ALERT, message, sizeof(message)) == 0)
		tls_fail(t, -NP_EPROTO);
}

size_t tls_direct_write(struct tls *t, const char *p, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	size_t done = 0, some;

	DCHECK_ACTIVE(t);
	if (!t->direct->out.tls12 && t->direct->out.seq >= w->seal_most && update_out(t) != 0)
		return 0;
	while (done < n && t->err == 0 && w->nout + TLS_ADD_MOST < TLS_OUT) {
		some = TLS_OUT - w->nout - TLS_ADD_MOST;
		if (some > TLS_PLAIN_MOST)
			some = TLS_PLAIN_MOST;
		if (some > n - done)
			some = n - done;
		if (seal_record(t, TLS_TYPE_DATA, p + done, some) == 0)
			done += some;
	}
	return done;
}

void tls_direct_notify(struct tls *t)
{
	static const uint8_t message[] = {ALERT_WARNING, ALERT_CLOSE_NOTIFY};

	DCHECK(!t->direct->out.tls12 || t->direct->out.seq > 0, "Finished was sealed before");
	(void)!seal_record(t, TLS_TYPE_ALERT, message, sizeof(message));
}

/* ---- records in ---- */

static void on_alert(struct tls *t, const uint8_t *p, ssize_t n)
{
	if (n != 2) {
		send_fatal(t, ALERT_DECODE);
		return;
	}
	if (p[1] == ALERT_CLOSE_NOTIFY)
		tls_ended(t);
	else if (p[1] != ALERT_CANCELED && !(t->direct->in.tls12 && p[0] == ALERT_WARNING))
		tls_fail(t, -NP_EPROTO);
}

/* The peer moves on to its next keys, and we to ours if it asks for that. */
static void on_key_update(struct tls *t, uint8_t asked)
{
	int err = asked > 1 ? -NP_EPROTO :
			      tls_record_key_update(&t->direct->in, &t->ctx->worker->crypto);

	if (asked > 1)
		send_fatal(t, ALERT_ILLEGAL);
	else if (err != 0)
		tls_fail(t, err);
	else if (asked == 1)
		(void)!update_out(t);
}

/* TLS 1.2: a client that asks for new keys hears that it may go on with those it has. */
static void decline_renegotiation(struct tls *t)
{
	static const uint8_t message[] = {ALERT_WARNING, ALERT_NO_RENEGOTIATION};

	(void)!seal_record(t, TLS_TYPE_ALERT, message, sizeof(message));
}

/* A KeyUpdate, in one record or in several. It must end where its record ends: the next one has
 * other keys. */
static void on_handshake(struct tls *t, const uint8_t *p, ssize_t n)
{
	struct tls_direct *d = t->direct;

	if (n == 0 || (size_t)n > sizeof(d->message) - d->nmessage) {
		send_fatal(t, ALERT_UNEXPECTED);
		return;
	}
	memcpy(d->message + d->nmessage, p, (size_t)n);
	d->nmessage += (uint8_t)n;
	if (memcmp(d->message, (const uint8_t[]){KEY_UPDATE, 0, 0, 1},
		   d->nmessage < 4 ? d->nmessage : 4) != 0)
		send_fatal(t, ALERT_UNEXPECTED);
	if (t->err != 0 || d->nmessage < sizeof(d->message))
		return;
	d->nmessage = 0;
	on_key_update(t, d->message[4]);
}

/* Room for the content of a record that the caller's buffer cannot hold: opened, it waits for the
 * next read. */
static uint8_t *spill_room(struct tls *t, size_t n)
{
	struct chunk *c = chunk_new(n);

	if (c == NULL) {
		tls_fail(t, -NP_ENOMEM);
		return NULL;
	}
	t->direct->spilt = c;
	return (uint8_t *)c->bytes;
}

static size_t take_spilt(struct tls *t, char *buf, size_t n)
{
	struct chunk *c = t->direct->spilt;
	size_t some = c->to - c->from;

	if (some > n)
		some = n;
	memcpy(buf, c->bytes + c->from, some);
	c->from += (uint32_t)some;
	if (c->from == c->to) {
		OPENSSL_cleanse(c->bytes, c->to);
		chunk_drop(&t->direct->spilt);
	}
	return some;
}

static void on_record(struct tls *t, uint8_t type, const uint8_t *p, ssize_t n)
{
	if (type == TLS_TYPE_ALERT)
		on_alert(t, p, n);
	else if (type == TLS_TYPE_HANDSHAKE && t->direct->in.tls12)
		decline_renegotiation(t);
	else if (type == TLS_TYPE_HANDSHAKE)
		on_handshake(t, p, n);
	else if (type != TLS_TYPE_DATA || t->direct->nmessage > 0) /* data inside a message */
		send_fatal(t, ALERT_UNEXPECTED);
}

/* A whole record at the window's front, n bytes. Returns how much of it went to buf; one that may
 * not be ends t. */
static size_t open_record(struct tls *t, size_t n, char *buf, size_t room)
{
	struct tls_direct *d = t->direct;
	const uint8_t *rec = (const uint8_t *)t->ctx->worker->window;
	bool fits = n - d->in.added <= room;
	uint8_t *to = fits ? (uint8_t *)buf : spill_room(t, n - d->in.added);
	uint8_t type = 0;
	ssize_t len;

	if (to == NULL)
		return 0;
	len = tls_record_open(&d->in, rec, n, to, &type);
	if (len < 0)
		send_fatal(t, ALERT_BAD_MAC);
	else if (len > TLS_PLAIN_MOST)
		send_fatal(t, ALERT_OVERFLOW);
	else
		on_record(t, type, to, len);
	len = t->err == 0 && type == TLS_TYPE_DATA ? len : 0;
	if (fits)
		return (size_t)len;
	d->spilt->to = (uint32_t)len;
	return take_spilt(t, buf, room);
}

/* By its head: in TLS 1.3 every record looks like data. */
static bool may_arrive(const struct tls_record_key *k, uint8_t type)
{
	return type == TLS_TYPE_DATA ||
	       (k->tls12 && (type == TLS_TYPE_ALERT || type == TLS_TYPE_HANDSHAKE));
}

/* The length of the record at the window's front, 0 while its head is not there; one that may not
 * be ends t. */
static size_t record_length(struct tls *t)
{
	const struct tls_worker *w = t->ctx->worker;
	const uint8_t *p = (const uint8_t *)w->window;
	size_t body;

	if (w->nwindow < TLS_HEAD)
		return 0;
	body = (size_t)p[3] << 8 | p[4];
	if (!may_arrive(&t->direct->in, p[0]))
		send_fatal(t, ALERT_UNEXPECTED);
	else if (body > TLS_BODY_MOST)
		send_fatal(t, ALERT_OVERFLOW);
	else if (TLS_HEAD + body < t->direct->in.added)
		send_fatal(t, ALERT_BAD_MAC);
	return TLS_HEAD + body;
}

/* Opens one more record, or receives bytes for it. Returns whether the next call may bring more. */
static bool read_record(struct tls *t, char *buf, size_t n, size_t *got)
{
	struct tls_worker *w = t->ctx->worker;
	size_t len = record_length(t), some;

	if (t->err != 0)
		return false;
	if (len == 0 || len > w->nwindow) {
		if (tls_bio_fill(w, t))
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

	DCHECK_ACTIVE(t);
	if (t->direct->spilt != NULL)
		return take_spilt(t, buf, n);
	while (got < n && read_record(t, buf, n, &got))
		;
	return got;
}

bool tls_direct_has(const struct tls *t)
{
	return t->direct->spilt != NULL;
}

struct tls_direct *tls_direct_free(struct tls_direct *d)
{
	if (d == NULL)
		return NULL;
	tls_record_key_fini(&d->in);
	tls_record_key_fini(&d->out);
	if (d->spilt != NULL)
		OPENSSL_cleanse(d->spilt->bytes, d->spilt->to);
	chunk_drop(&d->spilt);
	free(d);
	return NULL;
}
