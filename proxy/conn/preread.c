/* The client's first bytes, before anything is dialled: a PROXY header where the listener requires one, then a
 * ClientHello where a rule asks for it. All of it under absolute deadlines, which no byte moves; all bytes are kept,
 * and what is behind the header is passed on as it came.
 *
 * A read goes into the worker's scratch and is copied from there, so a client that says nothing holds no buffer. */
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn.h"
#include "proxy/proto/pp.h"

#define READ_MOST  (16 * 1024)
#define ROOM_FIRST 512 /* most headers and hellos fit; it doubles */
/* Bytes kept for a hello of `max`: its records' headers too, unless they are most of it. */
#define KEEP_MOST(max) (2 * (max) + READ_MOST)

/* ---- bytes ----------------------------------------------------------------------------------- */

static int make_room(struct preread *o, size_t n)
{
	size_t used = o->rest != NULL ? o->rest->to : 0, room = o->room > 0 ? o->room : ROOM_FIRST;
	struct rest *r;

	if (used + n <= o->room)
		return 0;
	while (room < used + n)
		room *= 2;
	r = realloc(o->rest, sizeof(*r) + room);
	if (r == NULL)
		return -NP_ENOMEM;
	if (o->rest == NULL)
		r->from = r->to = 0;
	o->rest = r;
	o->room = (uint32_t)room;
	return 0;
}

/* Returns how many bytes more there are now; 0 at the end of the stream; or the error. Parks. */
static ssize_t read_more(struct conn *c)
{
	struct preread *o = c->extra->preread;
	const char *scratch = c->shard->scratch;
	ssize_t n = np_fd_read(&c->client.fd, c->shard->scratch, READ_MOST);

	if (n <= 0)
		return n;
	if (make_room(o, (size_t)n) != 0)
		return -NP_ENOMEM;
	memcpy(o->rest->bytes + o->rest->to, scratch, (size_t)n);
	o->rest->to += (uint32_t)n;
	return n;
}

/* Why a read brought nothing. late, cut: the stage's own words for a deadline, and for an end in the middle. */
static enum close_reason why_nothing(struct conn *c, ssize_t n, enum close_reason late, enum close_reason cut)
{
	const struct rest *r = c->extra->preread->rest;

	if (c->kill != CLOSE_NONE)
		return c->kill;
	if (n == 0) /* without a byte it was somebody who looked whether the port is open */
		return r != NULL && r->from < r->to ? cut : CLOSE_CLIENT_FIN;
	if (n == -NP_EDEADLINE)
		return late;
	c->err = (int16_t)-n;
	return np_err_class((int)n) == NP_CLASS_PEER ? CLOSE_CLIENT_RST : CLOSE_OVERLOAD;
}

/* ---- the PROXY header ------------------------------------------------------------------------ */

static void believe(struct conn *c, const struct pp_header *h)
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
	memcpy(&c->extra->client, &h->src.u, sizeof(c->extra->client));
}

static enum close_reason read_header(struct conn *c)
{
	const struct listener *f = c->listener;
	const struct preread *o = c->extra->preread;
	struct pp_header h = {.version = 0};
	enum pp_result why;
	bool trusted = cidr_set_has(&f->trusted, &c->peer.sa, sizeof(c->peer));

	if (!trusted && !f->reads_untrusted)
		return CLOSE_PROXY_UNTRUSTED;
	np_fd_set_read_deadline(&c->client.fd, np_deadline_after(f->header_timeout - (np_now() - c->accepted)));
	do {
		ssize_t n = read_more(c);

		if (n <= 0) {
			conn_detail(c, pp_sentence(PP_MORE));
			return why_nothing(c, n, CLOSE_PROXY_HEADER_TIMEOUT, CLOSE_PROXY_HEADER_INVALID);
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
	believe(c, &h);
	return CLOSE_NONE;
}

/* ---- the ClientHello ------------------------------------------------------------------------- */

/* It ended, this way or that. */
static enum close_reason judge(struct conn *c, enum hello_result result)
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
		c->extra->sni = strdup(sni); /* for the log alone: without memory it is not told */
	return CLOSE_NONE;
}

static enum close_reason read_hello(struct conn *c)
{
	const struct listener *f = c->listener;
	struct preread *o = c->extra->preread;
	enum hello_result result = HELLO_MORE;
	uint32_t fed = o->rest != NULL ? o->rest->from : 0;

	hello_init(&o->hello, f->hello_max);
	np_fd_set_read_deadline(&c->client.fd, np_deadline_after(f->hello_timeout));
	for (;;) {
		ssize_t n;

		if (o->rest != NULL && fed < o->rest->to)
			result = hello_feed(&o->hello, o->rest->bytes + fed, o->rest->to - fed);
		fed = o->rest != NULL ? o->rest->to : 0;
		if (result != HELLO_MORE)
			return judge(c, result);
		if (o->rest != NULL && o->rest->to - o->rest->from > KEEP_MOST(f->hello_max))
			return CLOSE_HELLO_TOO_LONG;
		n = read_more(c);
		if (n <= 0)
			return why_nothing(c, n, CLOSE_PREREAD_TIMEOUT, CLOSE_HELLO_INVALID);
	}
}

/* ---- both ------------------------------------------------------------------------------------ */

/* The source alone may decide: then a server that speaks first is not kept waiting. */
static bool needs_hello(const struct conn *c)
{
	const union np_inet *client = conn_client(c);

	return c->listener->wants_hello &&
	       route_pick_early(c->listener->routes, &client->sa, sizeof(*client)) == ROUTE_HELLO;
}

enum close_reason preread_run(struct conn *c)
{
	struct conn_extra *s = conn_extra(c);
	enum close_reason why = CLOSE_NONE;

	if (s != NULL)
		s->preread = calloc(1, sizeof(*s->preread));
	if (s == NULL || s->preread == NULL)
		return CLOSE_OVERLOAD;
	if (c->listener->wants_header)
		why = read_header(c);
	if (why == CLOSE_NONE && needs_hello(c))
		why = read_hello(c);
	np_fd_set_read_deadline(&c->client.fd, 0); /* the dial stands there, too */
	return why;
}
