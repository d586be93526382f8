/* A connection after its handshake, TLS 1.3 or 1.2: records without OpenSSL's connection object
 * (tls_record.h says why, tls_takeover.c begins it).
 *
 *   socket --recv--> worker's `in` --open--> the caller
 *                        '-- part of a record --> t->in
 *   the caller --seal--> worker's `out` --send--> socket
 *                        '-- not taken --> t->out
 *
 * The peer may then send little: data, alerts, and of handshake messages
 *
 *              from a client                         from a server
 *   TLS 1.3    KeyUpdate                             KeyUpdate, NewSessionTicket (dropped)
 *   TLS 1.2    ClientHello (declined)                HelloRequest (declined)
 *
 * A record that may not be ends the connection with the alert of its rule: tls_break_tbl.h has them
 * all. Work without progress is bounded in a row (empty records, warnings) and per second
 * (KeyUpdate, each of which costs a key derivation). Connections that this file cannot serve stay
 * with OpenSSL: tls_openssl.c. */
#include "proxy/tls/tls_direct.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/tls/tls_bio.h"
#include "proxy/tls/tls_break.h"
#include "proxy/tls/tls_priv.h"

#define ALERT_WARNING 1 /* RFC 5246, 7.2: AlertLevel; TLS 1.3 does not look at it */
#define ALERT_FATAL   2

/* RFC 8446, 4; RFC 5246, 7.4: HandshakeType. */
enum { HELLO_REQUEST = 0, CLIENT_HELLO = 1, NEW_SESSION_TICKET = 4, KEY_UPDATE = 24 };

/* The longest message that is dropped: what OpenSSL takes of a ClientHello or a ticket. */
#define MESSAGE_MOST 131396

/* ---- records out ---- */

/* One record into the worker's `out`, which has room for it. */
static int seal_record(struct tls *t, enum tls_type type, const void *p, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	ssize_t len;

	DCHECK(w->nout + n + TLS_ADD_MOST <= TLS_OUT, "the worker's buffer has room for it");
	len = tls_record_seal(&t->direct->out, type, p, n, (uint8_t *)w->out + w->nout);
	if (len < 0)
		return tls_fail(t, (int)len, "OpenSSL's provider failed to seal a record");
	w->nout += (size_t)len;
	return 0;
}

/* Our keys move on, because the peer asks or because they have sealed enough. The KeyUpdate goes
 * with the old ones. After our close_notify nothing may follow, not even the answer to a request.
 */
static int update_out(struct tls *t)
{
	static const uint8_t message[] = {KEY_UPDATE, 0, 0, 1, 0};
	int err;

	if (t->notified)
		return 0;
	err = seal_record(t, TLS_TYPE_HANDSHAKE, message, sizeof(message));
	if (err != 0)
		return err;
	err = tls_record_key_update(&t->direct->out, &t->ctx->worker->crypto);
	return err != 0 ? tls_fail(t, err, "the next key of TLS could not be made") : 0;
}

/* The peer broke a rule: it is sent the alert, and the connection is over. Nothing follows our
 * close_notify, so after that the rule is only told in the log. */
static void break_off(struct tls *t, enum tls_break rule)
{
	const uint8_t message[] = {ALERT_FATAL, (uint8_t)tls_break_alert(rule)};

	t->alerted = !t->notified;
	if (t->notified || seal_record(t, TLS_TYPE_ALERT, message, sizeof(message)) == 0)
		tls_fail(t, -NP_EPROTO, tls_break_text(rule));
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
	static const uint8_t message[] = {ALERT_WARNING, TLS_ALERT_CLOSE_NOTIFY};

	DCHECK_ACTIVE(t);
	(void)!seal_record(t, TLS_TYPE_ALERT, message, sizeof(message));
}

/* ---- alerts in ---- */

/* Something that may be ignored a few times. Data and new keys set the count back. */
static void count_warning(struct tls *t)
{
	if (++t->direct->warnings >= TLS_WARNING_MOST)
		break_off(t, TLS_BREAK_WARNING_FLOOD);
}

/* RFC 8446, 6: of all alerts only close_notify and user_canceled are no errors; the level does not
 * count. */
static void on_alert_13(struct tls *t, uint8_t alert)
{
	if (alert == TLS_ALERT_CLOSE_NOTIFY)
		tls_ended(t);
	else if (alert == TLS_ALERT_USER_CANCELED)
		count_warning(t);
	else
		tls_fail(t, -NP_EPROTO, tls_break_received(alert));
}

/* RFC 5246, 7.2: the level tells an error from a warning. */
static void on_alert_12(struct tls *t, uint8_t level, uint8_t alert)
{
	if (level != ALERT_WARNING && level != ALERT_FATAL)
		break_off(t, TLS_BREAK_ALERT_LEVEL);
	else if (level == ALERT_FATAL)
		tls_fail(t, -NP_EPROTO, tls_break_received(alert));
	else if (alert == TLS_ALERT_CLOSE_NOTIFY)
		tls_ended(t);
	else
		count_warning(t);
}

static void on_alert(struct tls *t, const uint8_t *p, size_t n)
{
	if (n != 2)
		break_off(t, TLS_BREAK_ALERT_LENGTH);
	else if (t->direct->in.tls12)
		on_alert_12(t, p[0], p[1]);
	else
		on_alert_13(t, p[1]);
}

/* ---- handshake messages in ---- */

/* The peer moves on to its next keys, and we to ours if it asks for that. */
static void on_key_update(struct tls *t, uint8_t asked)
{
	int err;

	if (asked > 1) {
		break_off(t, TLS_BREAK_UPDATE_VALUE);
		return;
	}
	if (!tls_update_admitted(t)) {
		break_off(t, TLS_BREAK_UPDATE_FLOOD);
		return;
	}
	t->direct->warnings = 0;
	err = tls_record_key_update(&t->direct->in, &t->ctx->worker->crypto);
	if (err != 0)
		tls_fail(t, err, "the next key of TLS could not be made");
	else if (asked == 1)
		(void)!update_out(t);
}

/* TLS 1.2: a peer that asks for new keys hears that it may go on with those it has. */
static void decline_renegotiation(struct tls *t)
{
	static const uint8_t message[] = {ALERT_WARNING, TLS_ALERT_NO_RENEGOTIATION};

	count_warning(t);
	if (t->err == 0 && !t->notified)
		(void)!seal_record(t, TLS_TYPE_ALERT, message, sizeof(message));
}

/* The four bytes of a message's head are there. What is not looked at is dropped as it comes. */
static void on_message_head(struct tls *t)
{
	struct tls_direct *d = t->direct;
	const uint8_t *p = d->message;
	uint32_t n = (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	bool fits = n <= MESSAGE_MOST;

	if (p[0] == KEY_UPDATE)
		fits = n == 1;
	else if (p[0] == HELLO_REQUEST)
		fits = n == 0;
	if (!fits) {
		break_off(t, TLS_BREAK_MESSAGE_LENGTH);
		return;
	}
	if (p[0] == KEY_UPDATE)
		return;
	d->skip = n;
	d->nmessage = 0;
	if (d->in.tls12)
		decline_renegotiation(t);
}

/* By its first byte, so that no one can make us wait for the rest of a message that may not come.
 */
static bool message_may_come(const struct tls *t, uint8_t type)
{
	if (t->direct->in.tls12)
		return type == (t->ctx->server ? CLIENT_HELLO : HELLO_REQUEST);
	return type == KEY_UPDATE || (type == NEW_SESSION_TICKET && !t->ctx->server);
}

/* Takes some bytes of a message, of the n that its record still has: of its body, or one of its
 * head. Returns how many. */
static size_t take_message(struct tls *t, const uint8_t *p, size_t n)
{
	struct tls_direct *d = t->direct;
	size_t some = d->skip < n ? d->skip : n;

	if (some > 0) {
		d->skip -= (uint32_t)some;
		return some;
	}
	d->message[d->nmessage++] = *p;
	if (d->nmessage == 1 && !message_may_come(t, *p)) {
		break_off(t, TLS_BREAK_MESSAGE);
	} else if (d->nmessage == 4) {
		on_message_head(t);
	} else if (d->nmessage == 5) {
		d->nmessage = 0;
		/* The next record has other keys, so nothing may stand behind it in this one. */
		if (n > 1)
			break_off(t, TLS_BREAK_KEY_CHANGE);
		else
			on_key_update(t, *p);
	}
	return 1;
}

static bool inside_message(const struct tls_direct *d)
{
	return d->nmessage > 0 || d->skip > 0;
}

static void on_handshake(struct tls *t, const uint8_t *p, size_t n)
{
	while (n > 0 && t->err == 0) {
		size_t some = take_message(t, p, n);

		p += some;
		n -= some;
	}
}

/* ---- data in ---- */

/* Room for the content of a record that the caller's buffer cannot hold: opened, it waits for the
 * next read. */
static uint8_t *spill_room(struct tls *t, size_t n)
{
	struct chunk *c = chunk_new(n);

	if (c == NULL) {
		tls_fail(t, -NP_ENOMEM, "out of memory");
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

/* ---- records in ---- */

/* A record without content carries nothing on: of data some in a row may come, of alerts and
 * messages none (RFC 8446, 5.1; RFC 5246, 6.2.1). */
static void on_empty(struct tls *t, uint8_t type)
{
	if (type != TLS_TYPE_DATA)
		break_off(t, TLS_BREAK_EMPTY_MESSAGE);
	else if (++t->direct->empties > TLS_EMPTY_MOST)
		break_off(t, TLS_BREAK_EMPTY_FLOOD);
}

static bool is_known(uint8_t type)
{
	return type == TLS_TYPE_DATA || type == TLS_TYPE_ALERT || type == TLS_TYPE_HANDSHAKE;
}

/* A record is open: n bytes of this type. */
static void on_record(struct tls *t, uint8_t type, const uint8_t *p, size_t n)
{
	struct tls_direct *d = t->direct;

	if (type == 0) {
		break_off(t, TLS_BREAK_PADDING_ALONE);
	} else if (!is_known(type)) {
		break_off(t, TLS_BREAK_TYPE);
	} else if (type != TLS_TYPE_HANDSHAKE && inside_message(d) && !d->in.tls12) {
		break_off(t, TLS_BREAK_INTERLEAVED);
	} else if (n == 0) {
		on_empty(t, type);
	} else {
		d->empties = 0;
		if (type == TLS_TYPE_DATA)
			d->warnings = 0;
		if (type == TLS_TYPE_ALERT)
			on_alert(t, p, n);
		else if (type == TLS_TYPE_HANDSHAKE)
			on_handshake(t, p, n);
	}
}

/* The record could not be opened: a wrong tag is the peer's, anything else is ours. */
static void on_closed(struct tls *t, int err)
{
	if (err == -NP_EPROTO)
		break_off(t, TLS_BREAK_MAC);
	else
		tls_fail(t, err, "OpenSSL's provider failed to open a record");
}

/* A whole record at the window's front, n bytes. Returns how much of it went to buf; one that may
 * not be ends t. */
static size_t open_record(struct tls *t, size_t n, char *buf, size_t room)
{
	struct tls_direct *d = t->direct;
	const uint8_t *rec = (const uint8_t *)t->ctx->worker->window;
	size_t content = n - d->in.added;
	bool fits = content <= room;
	uint8_t *to = fits ? (uint8_t *)buf : spill_room(t, content);
	uint8_t type = 0;
	ssize_t len;

	if (to == NULL)
		return 0;
	len = tls_record_open(&d->in, rec, n, to, &type);
	if (len < 0)
		on_closed(t, (int)len);
	else if (content > TLS_PLAIN_MOST) /* padding counts, too */
		break_off(t, TLS_BREAK_CONTENT_LENGTH);
	else
		on_record(t, type, to, (size_t)len);
	len = t->err == 0 && type == TLS_TYPE_DATA ? len : 0;
	if (fits)
		return (size_t)len;
	d->spilt->to = (uint32_t)len;
	return take_spilt(t, buf, room);
}

/* By its head: in TLS 1.3 every record looks like data. */
static bool may_arrive(const struct tls_record_key *k, uint8_t type)
{
	return type == TLS_TYPE_DATA || (k->tls12 && is_known(type));
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
		break_off(t, TLS_BREAK_TYPE);
	else if (body > TLS_BODY_MOST)
		break_off(t, TLS_BREAK_RECORD_LENGTH);
	else if (TLS_HEAD + body < t->direct->in.added)
		break_off(t, TLS_BREAK_TOO_SHORT);
	return TLS_HEAD + body;
}

/* The record at the window's front is not whole. Returns whether bytes came for it. */
static bool receive_more(struct tls *t)
{
	if (tls_bio_fill(t->ctx->worker, t))
		return true;
	if (t->fin)
		tls_ended(t);
	else if (np_err_class(t->io) == NP_CLASS_PEER)
		tls_fail(t, t->io, NULL);
	return false;
}

/* Opens one more record, or receives bytes for it. Returns whether the next call may bring more. */
static bool read_record(struct tls *t, char *buf, size_t n, size_t *got)
{
	struct tls_worker *w = t->ctx->worker;
	size_t len = record_length(t), some;

	if (t->err != 0)
		return false;
	if (len == 0 || len > w->nwindow)
		return receive_more(t);
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
