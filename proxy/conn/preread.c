/* The client's first bytes, read before a server is dialled: a PROXY header where the listener
 * requires one, then a ClientHello where a rule asks for it, then any byte where no server is
 * dialled without one. Behind the header the connection is counted for its source (conn_source.h).
 * The deadlines are absolute: a client that sends a byte now and then gains no time. All bytes are
 * kept, and those behind the header are passed on unchanged.
 *
 * A read goes into the worker's scratch and is copied from there, so a client that sends nothing
 * holds no buffer. */
#include "proxy/conn/relay_age.h"
#include "proxy/conn/stages.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/deadline.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_source.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/proto/pp.h"

#define READ_MOST  (16 * 1024)
/* Limit for the kept bytes of a hello of `max`: record headers may add at most as much again, and
 * one read. */
#define KEEP_MOST(max) (2 * (max) + READ_MOST)

/* ---- bytes ---- */

/* Returns how many bytes more there are now; 0 at the end of the stream; or the error. Parks. */
static ssize_t read_more(struct conn *c)
{
	struct preread *o = c->extra->preread;
	const char *scratch = c->shard->scratch;
	ssize_t n = np_fd_read(&c->client.fd, c->shard->scratch, READ_MOST);

	if (n <= 0)
		return n;
	return conn_preread_put(o, scratch, (size_t)n) ? n : -NP_ENOMEM;
}

enum close_reason conn_left_silently(struct conn *c, ssize_t n)
{
	DCHECK(n <= 0, "a read that brought bytes");
	if (n == 0)
		return CLOSE_CLIENT_FIN;
	c->err = (int16_t)-n;
	return np_err_class((int)n) == NP_CLASS_PEER ? CLOSE_CLIENT_RST : CLOSE_OVERLOAD;
}

/* n is the result of a read that brought no bytes. late, cut: the reason for a deadline, and for an
 * end in the middle. Without a byte before it was a probe: does the port answer? */
static enum close_reason read_failure(struct conn *c, ssize_t n, enum close_reason late,
	enum close_reason cut)
{
	if (c->kill != CLOSE_NONE)
		return c->kill;
	if (n == -NP_EDEADLINE)
		return late;
	if (n == 0 && chunk_held(c->extra->preread->rest) > 0)
		return cut;
	return conn_left_silently(c, n);
}

/* ---- the PROXY header ---- */

static void accept_header(struct conn *c, const struct pp_header *h)
{
	struct preread *o = c->extra->preread;

	o->rest->from = (uint32_t)h->len;
	if (h->tlvs.p != NULL) {
		o->tlvs = (uint32_t)((const char *)h->tlvs.p - o->rest->bytes);
		o->ntlvs = (uint32_t)h->tlvs.n;
	}
	if (!h->proxied)
		return;
	o->src = h->src;
	o->dst = h->dst;
	np_addr_unmap(&o->src);
	np_addr_unmap(&o->dst);
	memcpy(&c->extra->client, &o->src.u, sizeof(c->extra->client));
}

static enum close_reason read_header(struct conn *c)
{
	const struct listener *f = c->listener;
	const struct preread *o = c->extra->preread;
	struct pp_header h = {.version = 0};
	enum pp_result why;
	bool trusted = cidr_set_has(&f->trusted, &c->peer.sa, sizeof(c->peer));

	c->setup = SETUP_HEADER;
	if (!trusted && !f->reads_untrusted)
		return CLOSE_PROXY_UNTRUSTED;
	np_fd_set_read_deadline(&c->client.fd,
		np_deadline_after(f->header_timeout - (np_now() - c->accepted)));
	do {
		ssize_t n = read_more(c);

		if (n <= 0) {
			if (o->rest != NULL || n == -NP_EDEADLINE)
				conn_detail(c, pp_sentence(PP_MORE));
			return read_failure(c, n, CLOSE_PROXY_HEADER_TIMEOUT,
				CLOSE_PROXY_HEADER_INVALID);
		}
		why = pp_read(&h, (const uint8_t *)o->rest->bytes, o->rest->to, f->header_max);
	} while (why == PP_MORE);
	if (why != PP_OK) {
		conn_detail(c, pp_sentence(why));
		return CLOSE_PROXY_HEADER_INVALID;
	}
	if (!trusted) { /* the client stays who connected; the bytes of the header are no payload */
		c->extra->preread->rest->from = (uint32_t)h.len;
		return CLOSE_NONE;
	}
	accept_header(c, &h);
	return CLOSE_NONE;
}

/* ---- the ClientHello ---- */

/* The parser has come to an end: a whole ClientHello, no TLS, or an error. */
static enum close_reason judge_hello(struct conn *c, enum hello_result result)
{
	struct preread *o = c->extra->preread;
	const char *sni = hello_sni(&o->hello, NULL);

	if (result == HELLO_TOO_LONG)
		return CLOSE_HELLO_TOO_LONG;
	if (result == HELLO_BAD) {
		conn_detail(c, o->hello.flaw);
		return CLOSE_HELLO_INVALID;
	}
	if (result == HELLO_NOT_TLS)
		return CLOSE_NONE;
	o->tls = true;
	if (sni != NULL)
		/* for the log alone: without memory the line goes without it */
		c->extra->sni = strdup(sni);
	return CLOSE_NONE;
}

/* The client has sent no byte behind a PROXY header. */
static bool is_silent(const struct preread *o)
{
	return chunk_held(o->rest) == 0;
}

/* A read brought no bytes. A client that has been silent for so long may wait for the server to
 * speak: it is routed like any client without TLS. One that has sent a part of a hello is closed,
 * since its server is not known. */
static enum close_reason hello_failure(struct conn *c, ssize_t n)
{
	const struct listener *f = c->listener;
	bool passes = f->silent_passes || f->hello_silence < f->hello_timeout;

	if (n == -NP_EDEADLINE && c->kill == CLOSE_NONE && passes && is_silent(c->extra->preread))
		return CLOSE_NONE;
	return read_failure(c, n, CLOSE_PREREAD_TIMEOUT, CLOSE_HELLO_INVALID);
}

static enum close_reason read_hello(struct conn *c, int64_t deadline)
{
	const struct listener *f = c->listener;
	struct preread *o = c->extra->preread;
	enum hello_result result = HELLO_MORE;
	uint32_t fed = o->rest != NULL ? o->rest->from : 0;
	int64_t silence = np_deadline_after(f->hello_silence);

	c->setup = SETUP_HELLO;
	hello_init(&o->hello, f->hello_max);
	for (;;) {
		ssize_t n;

		if (o->rest != NULL && fed < o->rest->to)
			result = hello_feed(&o->hello, o->rest->bytes + fed, o->rest->to - fed);
		fed = o->rest != NULL ? o->rest->to : 0;
		if (result != HELLO_MORE)
			return judge_hello(c, result);
		if (chunk_held(o->rest) > KEEP_MOST(f->hello_max))
			return CLOSE_HELLO_TOO_LONG;
		np_fd_set_read_deadline(&c->client.fd,
			is_silent(o) ? deadline_earlier(deadline, silence) : deadline);
		n = read_more(c);
		if (n <= 0)
			return hello_failure(c, n);
	}
}

/* ---- the first byte ---- */

/* Where no server is dialled for a client that says nothing. There is no server yet to be silent, too,
 * so the times of a relay are the client's alone: idle from here on, lifetime from the accept. */
static enum close_reason read_first_byte(struct conn *c)
{
	const struct listener *f = c->listener;
	int64_t idle = deadline_at(np_now(), f->idle), lifetime = relay_lifetime_end(c);
	int64_t first = deadline_earlier(idle, lifetime);
	ssize_t n;

	c->setup = SETUP_HELLO; /* the stage of who is to say what he wants */
	np_fd_set_read_deadline(&c->client.fd, first != DEADLINE_NEVER ? first : 0);
	n = read_more(c);
	if (n > 0)
		return CLOSE_NONE;
	return read_failure(c, n, lifetime == first ? CLOSE_LIFETIME : CLOSE_IDLE_TIMEOUT, CLOSE_CLIENT_FIN);
}

/* ---- in another process ---- */

/* They were judged there: their lengths need no limit any more. */
static bool read_again(struct conn *c, const struct preread_moved *m)
{
	struct preread *o = c->extra->preread;
	struct pp_header h = {.version = 0};

	if (m->header) {
		if (pp_read(&h, (const uint8_t *)o->rest->bytes, m->n, m->n) != PP_OK)
			return false;
		accept_header(c, &h);
	}
	if (m->hello) {
		hello_init(&o->hello, UINT32_MAX / 2);
		o->tls =
			hello_feed(&o->hello, o->rest->bytes + m->from, m->n - m->from) == HELLO_DONE;
	}
	o->rest->from = (uint32_t)m->from;
	return !m->hello || o->tls;
}

int preread_again(struct conn *c, const struct preread_moved *m)
{
	struct preread *o = conn_preread(c);

	DCHECK_CONN(c);
	if (o == NULL || !conn_preread_put(o, m->p, m->n))
		return -NP_ENOMEM;
	return m->from <= m->n && read_again(c, m) ? 0 : -NP_EPROTO;
}

/* ---- all ---- */

/* The source address alone may decide: then the client of a server that speaks first is not kept
 * waiting. */
static bool needs_hello(const struct conn *c)
{
	const union np_inet *client = conn_client(c);

	return c->listener->wants_hello &&
	       route_pick_early(c->listener->routes, &client->sa, sizeof(*client)) == ROUTE_HELLO;
}

/* By the lists of its listener: the header has said who it is. */
static bool is_denied(const struct conn *c)
{
	return c->listener->acl != NULL && acl_denies(c->listener->acl, &conn_client(c)->sa);
}

/* Behind the header. A wait for room among the connections of its source and the hello have one deadline. */
static enum close_reason read_opening(struct conn *c)
{
	const struct listener *f = c->listener;
	enum close_reason why = CLOSE_NONE;
	int64_t by = np_deadline_after(f->hello_timeout);

	if (f->sources != NULL)
		why = conn_take_source(c, by);
	if (why == CLOSE_NONE && needs_hello(c)) {
		why = read_hello(c, by);
		if (why == CLOSE_NONE)
			trace_at(c, TRACE_HELLO, NULL);
	}
	if (why == CLOSE_NONE && f->wants_byte && is_silent(c->extra->preread))
		why = read_first_byte(c);
	return why;
}

enum close_reason preread_run(struct conn *c)
{
	const struct listener *f = c->listener;
	enum close_reason why = CLOSE_NONE;

	DCHECK_CONN(c);
	DCHECK(c->phase == CONN_CONNECTING, "bytes are read first, or not at all");
	if ((f->wants_header || f->wants_hello || f->wants_byte) && conn_preread(c) == NULL)
		return CLOSE_OVERLOAD;
	if (f->wants_header)
		why = read_header(c);
	if (why == CLOSE_NONE && f->wants_header) {
		trace_at(c, TRACE_HEADER, NULL);
		if (is_denied(c))
			why = CLOSE_DENIED;
	}
	if (why == CLOSE_NONE)
		why = read_opening(c);
	/* the dial watches the client: it must not find this one */
	np_fd_set_read_deadline(&c->client.fd, 0);
	return why;
}
