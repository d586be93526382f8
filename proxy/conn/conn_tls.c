/* TLS before the relay: with the client, whose listener ends it, and with the server. And why one
 * of them failed, in the words of close_tbl.h: a separate close reason where the operator's remedy
 * differs. */
#include <stdlib.h>
#include <string.h>

#include "proxy/base/name_set.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_handshakes.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/conn/stages.h"
#include "proxy/tls/tls_ctx.h"
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

/* Until a server is told, or the relay starts. */
static enum close_reason keep_cert(struct conn *c, struct tls_der *cert)
{
	struct preread *o = cert->p != NULL ? conn_preread(c) : NULL;

	if (cert->p == NULL)
		return CLOSE_NONE;
	if (o == NULL) {
		free(cert->p);
		return CLOSE_OVERLOAD;
	}
	o->cert = cert->p;
	o->ncert = cert->n;
	return CLOSE_NONE;
}

static void count_handshake(const struct conn *c, int64_t ns)
{
	struct listener_stats *l = conn_listener_stats(c);
	bool resumed;
	bool is_13 = tls_session(c->client.tls, &resumed) == 0x0304;

	histogram_add(&l->handshake, &histogram_latency, ns);
	STAT_ADD(l, handshakes[is_13][resumed], 1);
}

static enum close_reason shake_hands(struct conn *c)
{
	const struct listener *f = c->listener;
	int64_t deadline = np_deadline_after(f->handshake_timeout);
	int64_t began = np_now();
	struct iovec early = take_early_bytes(c);
	enum close_reason silent = read_first_bytes(c, deadline, &early);
	struct tls_der cert = {.p = NULL};
	struct tls_from from = {.early = &early, .deadline = deadline};
	struct tls_why why;
	int err;

	if (silent != CLOSE_NONE)
		return silent;
	from.cert = f->keeps_cert ? &cert : NULL;
	err = tls_accept(&c->client.tls, &c->client.fd, f->tls[c->shard->id], &from, &why);
	if (keep_cert(c, &cert) != CLOSE_NONE)
		return CLOSE_OVERLOAD;
	if (c->kill != CLOSE_NONE)
		return c->kill;
	if (err == 0) {
		count_handshake(c, np_now() - began);
		count_records(c->shard, c->client.tls);
		trace_at(c, TRACE_TLS, NULL);
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
	c->setup = SETUP_TLS;
	if (!handshake_begin(&handshake, c))
		return c->kill != CLOSE_NONE ? c->kill : CLOSE_MAX_HANDSHAKES;
	why = shake_hands(c);
	handshake_end(&handshake);
	return why;
}

/* ---- the server ---- */

/* What the client's own TLS said, for a server that is to hear it too; "" nothing. */
struct asked {
	char sni[NAME_MAX_BYTES + 1];
	char alpn[TLS_FACT];
};

/* As RFC 6066, 3, has a host name: no address, without a dot at its end. What is no such name was never
 * one to ask for. */
static void copy_asked_name(struct asked *a, const char *name, size_t n)
{
	if (hello_judge_name(name, n) != HELLO_NAME_USABLE)
		return;
	n -= name[n - 1] == '.';
	DCHECK(n <= NAME_MAX_BYTES, "a host name that was judged to be one");
	for (size_t i = 0; i < n; i++)
		a->sni[i] = name_lower(name[i]);
	a->sni[n] = '\0';
}

/* Of a hello that is passed on the name alone: its protocols are agreed on by its server, in the TLS
 * that our own TLS with the server then carries. */
static no_inline void ask_client(const struct conn *c, struct asked *a)
{
	const struct preread *o = c->extra != NULL ? c->extra->preread : NULL;
	struct tls_facts f;
	const char *sni;
	size_t n;

	if (!stream_is_plain(&c->client)) {
		tls_facts(c->client.tls, &f);
		copy_asked_name(a, f.sni, strlen(f.sni));
		memcpy(a->alpn, f.alpn, sizeof(a->alpn));
		return;
	}
	sni = o != NULL && o->tls ? hello_sni(&o->hello, &n) : NULL;
	if (sni != NULL)
		copy_asked_name(a, sni, n);
}

/* Parks. Of a failure nothing is told yet. */
static int shake_with_server(struct conn *c, const struct target *t, const struct server *server, int64_t deadline,
			     struct tls_why *why)
{
	struct tls_ctx *ctx = t->tls[c->shard->id];
	struct tls_towards to = {
		.server = &server->addr, .watch = &c->client.fd, .deadline = deadline};
	struct asked asked = {.sni = "", .alpn = ""};
	int64_t began = np_now();
	int err;

	if (ctx->client_sni || ctx->client_alpn)
		ask_client(c, &asked);
	to.sni = asked.sni[0] != '\0' ? asked.sni : NULL;
	to.alpn = asked.alpn[0] != '\0' ? asked.alpn : NULL;
	err = tls_connect(&c->upstream.tls, &c->upstream.fd, ctx, &to, why);
	if (err == 0)
		histogram_add(&conn_listener_stats(c)->upstream_handshake, &histogram_latency, np_now() - began);
	return err;
}

/* Both agree, whoever shook hands. */
static void server_agrees(struct conn *c, const struct server *server)
{
	count_records(c->shard, c->upstream.tls);
	trace_at(c, TRACE_UPSTREAM_TLS, server);
}

int conn_tls_warm(struct conn *c, const struct target *t, const struct server *server, int64_t deadline)
{
	struct tls_why why;
	int err = stream_is_plain(&c->upstream) ? shake_with_server(c, t, server, deadline, &why) : 0;

	if (err == 0)
		server_agrees(c, server);
	return err;
}

enum close_reason conn_tls_server(struct conn *c, const struct target *t,
	const struct server *server, int64_t deadline)
{
	struct shard *s = c->shard;
	struct tls_why why;
	int err = shake_with_server(c, t, server, deadline, &why);

	if (err == 0) {
		server_agrees(c, server);
		return CLOSE_NONE;
	}
	if (err == -NP_ECANCELED) { /* the client left: no server is blamed */
		c->err = (int16_t)-err;
		return CLOSE_CLIENT_RST;
	}
	STAT_ADD(&server->stats[s->id], failed, 1);
	note_tls_failure(c, err, &why);
	log_limited(LVL_WARNING, "upstream_tls_failed", server->name, (int)why.code, "server %s: %s",
		server->name, tls_said(c->upstream.tls) != NULL ? tls_said(c->upstream.tls) :
								  tls_why_sentence(why.code));
	if (why.code == TLS_WHY_MEMORY)
		return CLOSE_OVERLOAD;
	return why.code == TLS_WHY_CERT_NAME ? CLOSE_UPSTREAM_TLS_NAME : CLOSE_UPSTREAM_TLS_FAILED;
}
