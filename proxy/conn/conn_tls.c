/* TLS before the relay: with the client, whose listener ends it, and with the server. And why one of them failed, in
 * the words of close_tbl.h: a row of its own where an operator does something else about it. */
#include "proxy/conn/conn.h"

/* OpenSSL's own words where it has some. */
static void note(struct conn *c, int err, const struct tls_why *w)
{
	const char *detail = tls_why_detail(w);

	c->err = (int16_t)-err;
	conn_detail(c, detail[0] != '\0' ? detail : tls_why_sentence(w->code));
}

/* ---- the client ------------------------------------------------------------------------------ */

static enum close_reason why_client(const struct tls_why *w)
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

/* What was read behind a PROXY header is the handshake's. */
static struct iovec early_of(const struct conn *c)
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
	struct iovec early = early_of(c);
	struct handshake handshake;
	struct tls_why why;
	int err;

	if (!handshake_begin(&handshake, c))
		return CLOSE_MAX_HANDSHAKES;
	err = tls_accept(&c->client, f->tls[c->shard->id], early.iov_len > 0 ? &early : NULL,
			 np_deadline_after(f->handshake_timeout), &why);
	handshake_end(&handshake);
	if (c->kill != CLOSE_NONE)
		return c->kill;
	if (err == 0) {
		STAT_ADD(&c->shard->stats, handshakes_ok, 1);
		return CLOSE_NONE;
	}
	STAT_ADD(&c->shard->stats, handshakes_failed, 1);
	note(c, err, &why);
	return why_client(&why);
}

/* ---- the server ------------------------------------------------------------------------------ */

enum close_reason conn_tls_server(struct conn *c, const struct target *t, const struct server *server, int64_t deadline)
{
	const struct tls_towards to = {.server = &server->addr, .watch = &c->client.fd, .deadline = deadline};
	struct shard *s = c->shard;
	struct tls_why why;
	int err = tls_connect(&c->upstream, t->tls[s->id], &to, &why);

	if (err == 0)
		return CLOSE_NONE;
	if (err == -NP_ECANCELED) { /* no server's fault */
		c->err = (int16_t)-err;
		return CLOSE_CLIENT_RST;
	}
	STAT_ADD(&s->stats, connects_failed, 1);
	note(c, err, &why);
	log_limited(&s->connect_site, LVL_WARNING, "upstream_tls_failed", "server %s: %s", server->name,
		    tls_said(c->upstream.tls) != NULL ? tls_said(c->upstream.tls) : tls_why_sentence(why.code));
	if (why.code == TLS_WHY_MEMORY)
		return CLOSE_OVERLOAD;
	return why.code == TLS_WHY_CERT_NAME ? CLOSE_UPSTREAM_TLS_NAME : CLOSE_UPSTREAM_TLS_FAILED;
}
