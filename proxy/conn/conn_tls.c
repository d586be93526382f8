/* TLS before the relay: with the client, where the listener ends TLS, and with the server. A failed
 * handshake becomes a close reason of close_tbl.h: a separate one where the operator's remedy
 * differs. */
#include "proxy/conn/conn.h"
#include "proxy/tls/tls_handshake.h"

/* The failure for the log, in OpenSSL's own words where it has some. */
static void note_tls_failure(struct conn *c, int err, const struct tls_why *w)
{
	const char *detail = tls_why_detail(w);

	c->err = (int16_t)-err;
	conn_detail(c, detail[0] != '\0' ? detail : tls_why_sentence(w->code));
}

/* Who makes the connection's records from now on. A row of tls_records_tbl.h is a counter of that
 * name. */
static void count_records(struct shard *s, const struct tls *t)
{
	switch (tls_records(t)) {
	case TLS_RECORDS_NONE:
		break;
#define COUNT(code, word)                            \
	case TLS_RECORDS_##code:                     \
		STAT_ADD(&s->stats, records_##word, 1); \
		break;
	COUNT(OWN, own)
	COUNT(CONFIGURED, configured)
	COUNT(TICKET, ticket)
	COUNT(CIPHER, cipher)
	COUNT(FRAGMENT, fragment)
	COUNT(EXTENSION, extension)
	COUNT(UNREAD, unread)
	COUNT(COUNT, count)
	COUNT(SECRET, secret)
	COUNT(CHECK, check)
	COUNT(SUITE, suite)
	COUNT(MEMORY, memory)
#undef COUNT
	}
}

/* ---- the client ---- */

static enum close_reason client_reason(const struct tls_why *w)
{
	switch (w->code) {
	case TLS_WHY_TIMEOUT:
		return CLOSE_TLS_TIMEOUT;
	case TLS_WHY_NO_ALPN:
		return CLOSE_TLS_NO_ALPN;
	case TLS_WHY_CERT_MISSING:
	case TLS_WHY_CERT_UNTRUSTED:
	case TLS_WHY_CERT_EXPIRED:
	case TLS_WHY_CERT_REVOKED:
		return CLOSE_TLS_CLIENT_CERT;
	case TLS_WHY_MEMORY:
		return CLOSE_OVERLOAD;
	default:
		return CLOSE_TLS_FAILED;
	}
}

/* Bytes that were read behind a PROXY header are the handshake's first. */
static struct iovec early_bytes(const struct conn *c)
{
	struct preread *o = c->extra != NULL ? c->extra->preread : NULL;
	struct iovec early = {.iov_base = NULL};

	if (o == NULL || o->rest == NULL || o->rest->from == o->rest->to)
		return early;
	early.iov_base = o->rest->bytes + o->rest->from;
	early.iov_len = o->rest->to - o->rest->from;
	o->rest->from = o->rest->to;
	return early;
}

enum close_reason conn_tls(struct conn *c)
{
	const struct listener *f = c->listener;
	struct iovec early = early_bytes(c);
	const struct tls_from from = {
		.early = early.iov_len > 0 ? &early : NULL,
		.deadline = np_deadline_after(f->handshake_timeout),
	};
	struct handshake handshake;
	struct tls_why why;
	int err;

	if (!handshake_begin(&handshake, c))
		return CLOSE_MAX_HANDSHAKES;
	err = tls_accept(&c->client.tls, &c->client.fd, f->tls[c->shard->id], &from, &why);
	handshake_end(&handshake);
	if (c->kill != CLOSE_NONE)
		return c->kill;
	if (err == 0) {
		STAT_ADD(&c->shard->stats, handshakes_ok, 1);
		count_records(c->shard, c->client.tls);
		return CLOSE_NONE;
	}
	STAT_ADD(&c->shard->stats, handshakes_failed, 1);
	note_tls_failure(c, err, &why);
	return client_reason(&why);
}

/* ---- the server ---- */

enum close_reason conn_tls_server(struct conn *c, const struct target *t,
				  const struct server *server, int64_t deadline)
{
	const struct tls_towards to = {
		.server = &server->addr, .watch = &c->client.fd, .deadline = deadline};
	struct shard *s = c->shard;
	struct tls_why why;
	int err = tls_connect(&c->upstream.tls, &c->upstream.fd, t->tls[s->id], &to, &why);

	if (err == 0) {
		count_records(s, c->upstream.tls);
		return CLOSE_NONE;
	}
	if (err == -NP_ECANCELED) { /* the client left: the server is not to blame */
		c->err = (int16_t)-err;
		return CLOSE_CLIENT_RST;
	}
	STAT_ADD(&s->stats, connects_failed, 1);
	note_tls_failure(c, err, &why);
	log_limited(&s->connect_site, LVL_WARNING, "upstream_tls_failed", "server %s: %s (%s)",
		    server->name, tls_why_sentence(why.code), tls_why_detail(&why));
	if (why.code == TLS_WHY_MEMORY)
		return CLOSE_OVERLOAD;
	return why.code == TLS_WHY_CERT_NAME ? CLOSE_UPSTREAM_TLS_NAME : CLOSE_UPSTREAM_TLS_FAILED;
}
