/* A CONN_TLS group, taken apart and judged. The bytes are foreign: whatever they are, this function reads no byte
 * beyond them and CHECKs nothing. What passes here cannot make tls_direct.c meet a state that it could not have come
 * into by itself:
 *
 *   keys      of the length that version and suite ask for, both ways
 *   unread    no more than the worker's buffer holds: it goes there with the next recv
 *   backlog   no more than an end may ever have
 *   spilt     the content of one record
 *   message   the beginning of one that may come from this peer in this version, by its first byte; of KeyUpdate
 *             alone all four bytes of its head, since others are dropped from there on
 *   skip      not beside a message; bounded, as the length of a message is
 *   error     one that stays: an end that says "try again" would be asked for ever
 *   flags     truncated only behind a FIN, held only with bytes
 *
 * Counters and nonces cannot be judged: who sends them has the keys, and could seal anything itself. */
#include <openssl/tls1.h>

#include "proxy/tls/tls_direct.h"
#include "proxy/tls/tls_export.h"
#include "proxy/tls/tls_record_12.h"
#include "proxy/tls/tls_worker.h"

#define LARGEST_MESSAGE (1 << 18) /* that is dropped as it comes: more than tls_direct.c ever does */
#define FLAGS_ALL       0xffu
#define CAUSE_MOST      512
#define HELD_MOST       TLS_OUT   /* a ticket after the handshake is far less */

/* ---- groups ---- */

static bool read_key_group(const struct handover_field *group, struct tls_moved_key *k)
{
	struct handover_reader r;
	struct handover_field f;

	handover_read_group(&r, group);
	while (handover_next(&r, &f))
		switch (f.tag) {
		case HANDOVER_TAG_KEY_SECRET:
			k->secret = f;
			break;
		case HANDOVER_TAG_KEY_IV:
			k->iv = f;
			break;
		case HANDOVER_TAG_KEY_SEQ:
			k->seq = handover_number(&r, &f);
			break;
		case HANDOVER_TAG_KEY_EXPLICIT:
			k->explicit_nonce = handover_number(&r, &f);
			break;
		default:
			r.bad |= f.must;
		}
	return !r.bad;
}

/* A count that fits into a byte. */
static uint8_t small_number(struct handover_reader *r, const struct handover_field *f)
{
	uint64_t n = handover_number(r, f);

	r->bad |= n > UINT8_MAX;
	return (uint8_t)n;
}

/* A time of CLOCK_MONOTONIC, which both processes have. */
static int64_t moment(struct handover_reader *r, const struct handover_field *f)
{
	uint64_t n = handover_number(r, f);

	r->bad |= n > INT64_MAX;
	return (int64_t)(n & INT64_MAX);
}

/* The counts that bound work without progress go on: a move sets none of them back. */
static bool read_limits(const struct handover_field *group, struct tls_moved *m)
{
	struct handover_reader r;
	struct handover_field f;

	handover_read_group(&r, group);
	while (handover_next(&r, &f))
		switch (f.tag) {
		case HANDOVER_TAG_LIMIT_EMPTIES:
			m->empties = small_number(&r, &f);
			break;
		case HANDOVER_TAG_LIMIT_WARNINGS:
			m->warnings = small_number(&r, &f);
			break;
		case HANDOVER_TAG_LIMIT_UPDATES:
			m->updates = small_number(&r, &f);
			break;
		case HANDOVER_TAG_LIMIT_SINCE:
			m->updates_since = moment(&r, &f);
			break;
		default:
			r.bad |= f.must;
		}
	return !r.bad;
}

/* Larger is refused; what is returned then is not used. */
static uint32_t number_below(struct handover_reader *r, const struct handover_field *f, uint32_t below)
{
	uint64_t n = handover_number(r, f);

	r->bad |= n >= below;
	return (uint32_t)n;
}

/* By the number of its cipher of TLS 1.3, which no release changes. */
static void read_suite(struct handover_reader *r, const struct handover_field *f, struct tls_moved *m)
{
	int suite = tls_suite_of((uint16_t)number_below(r, f, 1 << 16));

	r->bad |= suite < 0;
	m->suite = suite >= 0 ? (unsigned)suite : 0;
}

/* The fields that hold bytes of records or of messages.   Returns  whether it is one of them. */
static bool keep_bytes(const struct handover_field *f, struct tls_moved *m)
{
	switch (f->tag) {
	case HANDOVER_TAG_TLS_UNREAD:
		m->unread = *f;
		return true;
	case HANDOVER_TAG_TLS_BACKLOG:
		m->backlog = *f;
		return true;
	case HANDOVER_TAG_TLS_SPILT:
		m->spilt = *f;
		return true;
	case HANDOVER_TAG_TLS_MESSAGE:
		m->message = *f;
		return true;
	case HANDOVER_TAG_TLS_KNOWN:
		m->known = *f;
		return true;
	case HANDOVER_TAG_TLS_CAUSE:
		m->cause = *f;
		return true;
	default:
		return false;
	}
}

/* The last field of a tag counts. */
static void read_tls_field(struct handover_reader *r, const struct handover_field *f, struct tls_moved *m)
{
	switch (f->tag) {
	case HANDOVER_TAG_TLS_SIDE:
		m->side = number_below(r, f, 2);
		break;
	case HANDOVER_TAG_TLS_VERSION:
		m->version = number_below(r, f, 1 << 16);
		break;
	case HANDOVER_TAG_TLS_SUITE:
		read_suite(r, f, m);
		break;
	case HANDOVER_TAG_TLS_KEY_IN:
		r->bad |= !read_key_group(f, &m->in);
		break;
	case HANDOVER_TAG_TLS_KEY_OUT:
		r->bad |= !read_key_group(f, &m->out);
		break;
	case HANDOVER_TAG_TLS_SKIP:
		m->skip = number_below(r, f, LARGEST_MESSAGE);
		break;
	case HANDOVER_TAG_TLS_FLAGS:
		m->flags = number_below(r, f, FLAGS_ALL + 1);
		break;
	case HANDOVER_TAG_TLS_ERR:
		m->err = -(int)number_below(r, f, 1 << 15);
		break;
	case HANDOVER_TAG_TLS_LIMITS:
		r->bad |= !read_limits(f, m);
		break;
	case HANDOVER_TAG_TLS_UP_SINCE:
		m->up_since = moment(r, f);
		break;
	default:
		r->bad |= !keep_bytes(f, m) && f->must;
	}
}

/* ---- is it sound? ---- */

/* A key or an iv that is too short would be read beyond its end. */
static bool has_keys(const struct tls_moved *m)
{
	enum tls_suite s = (enum tls_suite)m->suite;
	size_t secret, iv;

	if (m->version == TLS1_2_VERSION) {
		secret = tls12_key_size(s);
		iv = tls12_iv_size(s);
	} else {
		secret = tls_suite_secret(s);
		iv = 0;
	}
	return m->in.secret.n == secret && m->out.secret.n == secret && m->in.iv.n == iv && m->out.iv.n == iv;
}

/* An error that stays: anything else would be tried again for ever. */
static bool is_final(int err)
{
	if (err == 0 || err == -NP_EPROTO || err == -NP_ENOMEM || err == -NP_EPROTONOSUPPORT)
		return true;
	return np_err_class(err) == NP_CLASS_PEER;
}

/* What tls_direct.c holds of a message it would have taken itself: at most its head, and of those with a fifth byte
 * KeyUpdate alone. */
static bool message_is_sound(const struct tls_moved *m)
{
	static const uint8_t update[] = {24, 0, 0, 1};
	bool tls12 = m->version == TLS1_2_VERSION, server = (m->flags & HANDOVER_TLS_SERVER) != 0;
	uint8_t type;

	if (m->message.n == 0)
		return true;
	type = m->message.p[0];
	if (m->skip > 0 || m->message.n > 4)
		return false;
	if (m->message.n == 4)
		return !tls12 && memcmp(m->message.p, update, sizeof(update)) == 0;
	if (tls12)
		return type == (server ? 1 : 0);
	return type == update[0] || (type == 4 && !server);
}

/* FIN without close_notify needs a FIN; what is held needs bytes, few enough to go with the next write. */
static bool flags_are_sound(const struct tls_moved *m)
{
	bool fin = (m->flags & HANDOVER_TLS_FIN) != 0, held = (m->flags & HANDOVER_TLS_HELD) != 0;

	bool truncated = (m->flags & HANDOVER_TLS_TRUNCATED) != 0;

	return (fin || !truncated) &&
	       (!held || (m->backlog.n > 0 && m->backlog.n <= HELD_MOST));
}

/* Returns  a sentence; NULL: it is sound. */
static const char *refuse_moved(const struct tls_moved *m)
{
	if (m->version != TLS1_2_VERSION && m->version != TLS1_3_VERSION)
		return "its version of TLS is not known here";
	if (!has_keys(m))
		return "its keys of TLS have a wrong length";
	if (m->unread.n > TLS_IN || m->backlog.n > TLS_BACKLOG_MOST || m->spilt.n > TLS_PLAIN_MOST)
		return "more bytes of TLS wait than may";
	if (m->cause.n > CAUSE_MOST || !message_is_sound(m) || !flags_are_sound(m) || !is_final(m->err))
		return "its state of TLS contradicts itself";
	return NULL;
}

bool tls_moved_read(struct tls_moved *m, const struct handover_field *group, const char **why)
{
	struct handover_reader r;
	struct handover_field f;

	*m = (struct tls_moved){.suite = 0};
	handover_read_group(&r, group);
	while (handover_next(&r, &f))
		read_tls_field(&r, &f, m);
	*why = r.bad ? "its state of TLS is not understood here" : refuse_moved(m);
	return *why == NULL;
}
