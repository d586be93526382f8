/* TLS before the relay: with the client, whose listener ends it, and with the server. And why one
 * of them failed, in the words of close_tbl.h: a separate close reason where the operator's remedy
 * differs. */
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_handshakes.h"
#include "proxy/conn/stages.h"
#include "proxy/tls/tls_handshake.h"

#define FIRST_READ (16 * 1024) /* a ClientHello fits, and more than it does not come before our answer */

/* The log's detail is OpenSSL's own text where it gives one, else our sentence for the failure. */
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

static enum close_reason client_failure(const struct tls_why *w)
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
	case TLS_WHY_CERT_DENIED:
		return CLOSE_DENIED;
	case TLS_WHY_MEMORY:
		return CLOSE_OVERLOAD;
	default:
		return CLOSE_TLS_FAILED;
	}
}

/* Bytes that were read behind a PROXY header are the first of the handshake. They count as taken:
 * the relay must not send them to the server. */
static struct iovec take_early_bytes(const struct conn *c)
{
	struct preread *o = c->extra != NULL ? c->extra->preread : NULL;
	struct iovec early = {.iov_base = NULL};

	if (o == NULL || chunk_held(o->rest) == 0)
		return early;
	early.iov_base = o->rest->bytes + o->rest->from;
	early.iov_len = chunk_held(o->rest);
	o->rest->from = o->rest->to;
	return early;
}

/* The first bytes of the handshake, read into the worker's scratch, if none were read before. A
 * client that leaves without a byte was a probe, and no handshake has failed; until the first byte
 * comes there is nothing to fail, and no memory is spent on OpenSSL's object.
 *   Returns  CLOSE_NONE with *early set, or why there is none.   Parks. */
static enum close_reason read_first_bytes(struct conn *c, int64_t deadline, struct iovec *early)
{
	ssize_t n;

	if (early->iov_len > 0)
		return CLOSE_NONE;
	np_fd_set_read_deadline(&c->client.fd, deadline);
	n = np_fd_read(&c->client.fd, c->shard->scratch, FIRST_READ);
	if (c->kill != CLOSE_NONE)
		return c->kill;
	if (n == -NP_EDEADLINE)
		return CLOSE_TLS_TIMEOUT;
	if (n <= 0)
		return conn_left_silently(c, n);
	*early = (struct iovec){.iov_base = c->shard->scratch, .iov_len = (size_t)n};
	return CLOSE_NONE;
}

static enum close_reason shake_hands(struct conn *c)
{
	const struct listener *f = c->listener;
	int64_t deadline = np_deadline_after(f->handshake_timeout);
	int64_t began = np_now();
	struct iovec early = take_early_bytes(c);
	enum close_reason silent = read_first_bytes(c, deadline, &early);
	struct tls_why why;
	int err;

	if (silent != CLOSE_NONE)
		return silent;
	err = tls_accept(&c->client.tls, &c->client.fd, f->tls[c->shard->id],
			 &(struct tls_from){.early = &early, .deadline = deadline}, &why);
	if (c->kill != CLOSE_NONE)
		return c->kill;
	if (err == 0) {
		histogram_add(&conn_listener_stats(c)->handshake, &histogram_latency, np_now() - began);
		count_records(c->shard, c->client.tls);
		return CLOSE_NONE;
	}
	STAT_ADD(conn_listener_stats(c), handshakes_failed, 1);
	note_tls_failure(c, err, &why);
	return client_failure(&why);
}

enum close_reason conn_tls(struct conn *c)
{
	struct handshake handshake;
	enum close_reason why;

	DCHECK_CONN(c);
	DCHECK(stream_is_plain(&c->client), "the client's TLS begins once");
	if (!handshake_begin(&handshake, c))
		return c->kill != CLOSE_NONE ? c->kill : CLOSE_MAX_HANDSHAKES;
	why = shake_hands(c);
	handshake_end(&handshake);
	return why;
}

/* ---- the server ---- */

enum close_reason conn_tls_server(struct conn *c, const struct target *t,
	const struct server *server, int64_t deadline)
{
	const struct tls_towards to = {
		.server = &server->addr, .watch = &c->client.fd, .deadline = deadline};
	struct shard *s = c->shard;
	int64_t began = np_now();
	struct tls_why why;
	int err = tls_connect(&c->upstream.tls, &c->upstream.fd, t->tls[s->id], &to, &why);

	if (err == 0) {
		histogram_add(&conn_listener_stats(c)->upstream_handshake, &histogram_latency, np_now() - began);
		count_records(s, c->upstream.tls);
		return CLOSE_NONE;
	}
	if (err == -NP_ECANCELED) { /* the client left: no server is blamed */
		c->err = (int16_t)-err;
		return CLOSE_CLIENT_RST;
	}
	STAT_ADD(&server->stats[s->id], failed, 1);
	note_tls_failure(c, err, &why);
	log_limited(&s->connect_site, LVL_WARNING, "upstream_tls_failed", "server %s: %s",
		server->name, tls_said(c->upstream.tls) != NULL ? tls_said(c->upstream.tls) :
								  tls_why_sentence(why.code));
	if (why.code == TLS_WHY_MEMORY)
		return CLOSE_OVERLOAD;
	return why.code == TLS_WHY_CERT_NAME ? CLOSE_UPSTREAM_TLS_NAME : CLOSE_UPSTREAM_TLS_FAILED;
}
