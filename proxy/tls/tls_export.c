/* A TLS end as a group of fields: what of struct tls, tls_direct and tls_record_key travels, and how it is made again.
 * What is not written here is derived, or belongs to a handshake, which does not move:
 * semantics_moved_fields_test.c has a row for each field.
 *
 *   TLS 1.3   the traffic secret; key and iv are derived of it again, and so is each key after a KeyUpdate
 *   TLS 1.2   the cipher's key, the iv and the explicit nonce, which counts by itself
 *   both      the number of the next record, each way
 *
 * Between export and forget this end must not seal: the other process begins with the same number. */
#include "proxy/tls/tls_export.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_record_12.h"

enum tls_movable tls_movable(const struct tls *t)
{
	DCHECK_TLS(t);
	if (t->direct != NULL)
		return TLS_MOVES;
	return t->waits ? TLS_MOVES_SOON : TLS_STAYS;
}

/* ---- writing ---- */

/* The cipher's key of TLS 1.2, and the secret of 1.3, of which key and iv are made again. */
static void put_key(struct handover_writer *w, enum handover_tag tag, const struct tls_record_key *k)
{
	enum tls_suite s = (enum tls_suite)k->suite;
	uint32_t at = handover_group(w, tag);

	if (k->tls12) {
		handover_put(w, HANDOVER_TAG_KEY_SECRET, k->key, tls12_key_size(s));
		handover_put(w, HANDOVER_TAG_KEY_IV, k->iv, tls12_iv_size(s));
		handover_put_number(w, HANDOVER_TAG_KEY_EXPLICIT, k->next_explicit);
	} else {
		handover_put(w, HANDOVER_TAG_KEY_SECRET, k->secret, tls_suite_secret(s));
	}
	handover_put_number(w, HANDOVER_TAG_KEY_SEQ, k->seq);
	handover_group_end(w, at);
}

/* What waits; nothing: no field. */
static void put_chunk(struct handover_writer *w, enum handover_tag tag, const struct chunk *c)
{
	if (chunk_held(c) > 0)
		handover_put(w, tag, c->bytes + c->from, chunk_held(c));
}

static uint64_t flags_of(const struct tls *t)
{
	return (t->ctx->server ? HANDOVER_TLS_SERVER : 0u) | (t->fin ? HANDOVER_TLS_FIN : 0u) |
	       (t->eof ? HANDOVER_TLS_EOF : 0u) | (t->truncated ? HANDOVER_TLS_TRUNCATED : 0u) |
	       (t->notified ? HANDOVER_TLS_NOTIFIED : 0u) | (t->alerted ? HANDOVER_TLS_ALERTED : 0u) |
	       (t->shut ? HANDOVER_TLS_SHUT : 0u) | (t->held ? HANDOVER_TLS_HELD : 0u);
}

static void put_tls_limits(struct handover_writer *w, const struct tls *t)
{
	uint32_t at = handover_group(w, HANDOVER_TAG_TLS_LIMITS);

	handover_put_number(w, HANDOVER_TAG_LIMIT_EMPTIES, t->direct->empties);
	handover_put_number(w, HANDOVER_TAG_LIMIT_WARNINGS, t->direct->warnings);
	handover_put_number(w, HANDOVER_TAG_LIMIT_UPDATES, t->updates);
	handover_put_number(w, HANDOVER_TAG_LIMIT_SINCE, (uint64_t)t->updates_since);
	handover_group_end(w, at);
}

void tls_export(const struct tls *t, struct handover_writer *w, unsigned side)
{
	const struct tls_direct *d = t->direct;
	uint32_t at = handover_group(w, HANDOVER_TAG_CONN_TLS);

	DCHECK_TLS(t);
	CHECK(d != NULL && t->ctx->worker->active != t, "an end that moves, between two operations");
	handover_put_number(w, HANDOVER_TAG_TLS_SIDE, side);
	handover_put_number(w, HANDOVER_TAG_TLS_VERSION, d->in.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	handover_put_number(w, HANDOVER_TAG_TLS_SUITE, tls_suite_cipher((enum tls_suite)d->in.suite));
	put_key(w, HANDOVER_TAG_TLS_KEY_IN, &d->in);
	put_key(w, HANDOVER_TAG_TLS_KEY_OUT, &d->out);
	put_chunk(w, HANDOVER_TAG_TLS_UNREAD, t->in);
	put_chunk(w, HANDOVER_TAG_TLS_BACKLOG, t->out);
	put_chunk(w, HANDOVER_TAG_TLS_SPILT, d->spilt);
	if (d->nmessage > 0)
		handover_put(w, HANDOVER_TAG_TLS_MESSAGE, d->message, d->nmessage);
	if (d->skip > 0)
		handover_put_number(w, HANDOVER_TAG_TLS_SKIP, d->skip);
	handover_put_number(w, HANDOVER_TAG_TLS_FLAGS, flags_of(t));
	if (t->err != 0)
		handover_put_number(w, HANDOVER_TAG_TLS_ERR, (uint64_t)-t->err);
	handover_put_text(w, HANDOVER_TAG_TLS_CAUSE, t->cause);
	put_tls_limits(w, t);
	handover_put_number(w, HANDOVER_TAG_TLS_UP_SINCE, (uint64_t)t->up_since);
	tls_known_export(t->known, w);
	handover_group_end(w, at);
	handover_must(w, at);
}

struct tls *tls_forget(struct tls *t)
{
	if (t == NULL)
		return NULL;
	t->alerted = false; /* what follows an alert is the other process's to do */
	return tls_free(t, false);
}

/* ---- making it again ---- */

static struct chunk *chunk_of_field(const struct handover_field *f, bool *ok)
{
	struct chunk *c = f->n > 0 ? chunk_of(f->p, f->n) : NULL;

	*ok = *ok && (c != NULL || f->n == 0);
	return c;
}

/* The key goes on where it stopped: the same number, and in TLS 1.2 the same nonce, never serve twice. */
static int import_key(struct tls_record_key *k, struct tls_crypto *c, const struct tls_moved *m,
		      const struct tls_moved_key *from, bool seals)
{
	enum tls_suite s = (enum tls_suite)m->suite;
	int err;

	if (m->version == TLS1_2_VERSION)
		err = tls12_record_key_again(k, c, s, &(struct tls12_parts){from->secret.p, from->iv.p}, seals);
	else
		err = tls_record_key_init(k, c, s, from->secret.p, seals);
	k->seq = from->seq;
	if (m->version == TLS1_2_VERSION)
		k->next_explicit = from->explicit_nonce;
	return err;
}

/* Both keys, and what stands between two records. */
static struct tls_direct *import_direct(struct tls_crypto *c, const struct tls_moved *m)
{
	struct tls_direct *d = calloc(1, sizeof(*d));
	bool ok;

	if (d == NULL)
		return NULL;
	ok = import_key(&d->in, c, m, &m->in, false) == 0 && import_key(&d->out, c, m, &m->out, true) == 0;
	tls_crypto_wipe(c);
	d->spilt = chunk_of_field(&m->spilt, &ok);
	d->skip = m->skip;
	if (m->message.n > 0)
		memcpy(d->message, m->message.p, m->message.n);
	d->nmessage = (uint8_t)m->message.n;
	d->empties = m->empties;
	d->warnings = m->warnings;
	return ok ? d : tls_direct_free(d);
}

/* The cause is a static text in the process where it broke; here the words are t's own. */
static bool import_cause(struct tls *t, const struct handover_field *cause)
{
	if (cause->n == 0)
		return true;
	t->said = strndup((const char *)cause->p, cause->n);
	t->cause = t->said;
	return t->said != NULL;
}

/* What is not set here is as after a handshake: nothing is known of the socket. */
static bool import_rest(struct tls *t, const struct tls_moved *m)
{
	bool ok = true;

	t->in = chunk_of_field(&m->unread, &ok);
	t->out = chunk_of_field(&m->backlog, &ok);
	t->out_room = m->backlog.n;
	t->known = tls_known_import(&m->known);
	t->err = m->err;
	t->up_since = m->up_since;
	t->updates_since = m->updates_since;
	t->updates = m->updates;
	t->held = (m->flags & HANDOVER_TLS_HELD) != 0;
	t->fin = (m->flags & HANDOVER_TLS_FIN) != 0;
	t->eof = (m->flags & HANDOVER_TLS_EOF) != 0;
	t->truncated = (m->flags & HANDOVER_TLS_TRUNCATED) != 0;
	t->notified = (m->flags & HANDOVER_TLS_NOTIFIED) != 0;
	t->alerted = (m->flags & HANDOVER_TLS_ALERTED) != 0;
	t->shut = (m->flags & HANDOVER_TLS_SHUT) != 0;
	return ok && t->known != NULL && import_cause(t, &m->cause);
}

/* What only this worker can say. */
static const char *refuse_here(const struct tls_ctx *x, const struct tls_moved *m)
{
	const struct tls_worker *w = x->worker;

	if (x->server != ((m->flags & HANDOVER_TLS_SERVER) != 0))
		return "it has the other part in TLS here";
	if (w->crypto.aead[m->suite] == NULL || (w->suites_off[m->version == TLS1_3_VERSION] & 1U << m->suite) != 0)
		return "its cipher is not to be had here";
	return NULL;
}

int tls_import(struct tls **out, struct np_fd *fd, struct tls_ctx *x, const struct tls_moved *m, const char **why)
{
	struct tls *t;

	*why = refuse_here(x, m);
	if (*why != NULL)
		return -NP_EINVAL;
	*why = "out of memory";
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -NP_ENOMEM;
	t->magic = TLS_MAGIC;
	t->ctx = x;
	t->fd = fd;
	t->records = TLS_RECORDS_OWN;
	t->up = true;
	t->direct = import_direct(&x->worker->crypto, m);
	if (t->direct == NULL || !import_rest(t, m)) {
		tls_forget(t);
		return -NP_ENOMEM;
	}
	*out = t;
	return 0;
}
