/* Ends: what each may send and read by its plan, and when it is over. */
#include "tests/chaos/ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	PIECE = 64 * 1024,
	ROUNDS = 4, /* of writing and reading for one event */
};

/* ---- epoll ---- */

static void end_arm(struct streams *s, struct end *e, uint32_t want)
{
	struct epoll_event ev = {.events = want, .data.ptr = e};

	if (e->wire.fd < 0 || e->armed == want)
		return;
	if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, e->wire.fd, &ev) < 0)
		kit_fail("epoll: errno %d", errno);
	e->armed = want;
}

void end_watch(struct streams *s, struct end *e)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = e};

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, e->wire.fd, &ev) < 0)
		kit_fail("epoll: errno %d", errno);
	e->armed = ev.events;
}

void end_over(struct streams *s, struct end *e)
{
	e->over = true;
	if (e->stream != NULL)
		e->stream->over = s->now;
}

void end_reset(struct streams *s, struct end *e)
{
	e->did_reset = true;
	wire_reset(&e->wire);
	end_over(s, e);
}

void end_fail(struct end *e, int failure)
{
	if (e->failure == 0)
		e->failure = failure;
}

/* ---- what the plan says ---- */

static const struct plan *end_plan(const struct end *e)
{
	return e->stream != NULL ? &e->stream->plan : NULL;
}

static uint64_t end_total(const struct end *e)
{
	if (e->stream == NULL)
		return 0;
	return e->is_server ? e->stream->plan.down : e->stream->plan.up;
}

static bool end_sent_all(const struct end *e)
{
	return e->ready && e->stream != NULL && e->out == end_total(e);
}

/* Taking turns: how far this side may be, by what the other one has said. */
static uint64_t end_turn(const struct end *e, const struct plan *p)
{
	if (p->request == 0)
		return end_total(e);
	if (e->is_server)
		return (e->in - PREAMBLE) / p->request * p->answer;
	return PREAMBLE + (e->in / p->answer + 1) * p->request;
}

/* Up to which byte it may send now. */
static uint64_t end_limit(const struct end *e)
{
	const struct plan *p = end_plan(e);
	uint64_t limit;

	if (p == NULL || !e->ready || e->resume != 0)
		return 0;
	if (e->is_server && p->ending == ENDING_ANSWER && !e->eof)
		return 0;
	limit = end_turn(e, p);
	if (limit > end_total(e))
		limit = end_total(e);
	if (!e->is_server && p->pause_ms != 0 && !e->paused && limit > p->pause_at)
		limit = p->pause_at;
	return limit;
}

static void end_pause(const struct streams *s, struct end *e)
{
	const struct plan *p = end_plan(e);

	if (p == NULL || e->is_server || p->pause_ms == 0 || e->paused || !e->ready || e->out < p->pause_at)
		return;
	e->paused = true;
	e->resume = s->now + p->pause_ms;
}

/* ---- writing ---- */

static const uint8_t *end_bytes(const struct end *e, uint8_t preamble[PREAMBLE], size_t *n)
{
	if (!e->is_server && e->out < PREAMBLE) {
		preamble_put(e->stream->plan.id, preamble);
		if (*n > PREAMBLE - e->out)
			*n = (size_t)(PREAMBLE - e->out);
		return preamble + e->out;
	}
	return content_at(content_key(e->stream->plan.id, e->is_server), e->out, n);
}

static bool end_write(struct streams *s, struct end *e)
{
	uint64_t limit = end_limit(e);
	uint8_t preamble[PREAMBLE];
	const uint8_t *p;
	ssize_t r;
	size_t n;

	if (e->over || e->fin || e->failure != 0 || e->out >= limit)
		return false;
	n = limit - e->out < PIECE ? (size_t)(limit - e->out) : PIECE;
	p = end_bytes(e, preamble, &n);
	r = wire_write(&e->wire, p, n);
	if (r < 0 && r != -EAGAIN)
		end_fail(e, (int)r);
	if (r <= 0)
		return false;
	e->out += (uint64_t)r;
	e->stream->moved = s->now;
	s->bytes += (uint64_t)r;
	end_pause(s, e);
	return true;
}

/* ---- reading ---- */

static struct stream *stream_find(struct streams *s, uint64_t id)
{
	for (struct stream *st = s->live; st != NULL; st = st->next)
		if (st->plan.id == id)
			return st;
	return NULL;
}

/* A client behind a PROXY header says that it is this one, by the number of the stream. */
static struct sockaddr_in told_client(uint64_t id)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(0x0a000000u | (uint32_t)(id & 0xffffff)),
				    .sin_port = htons((uint16_t)(1024 + id % 60000))};
}

static const uint8_t proxy_mark[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static unsigned header_length(const struct end *e)
{
	return 16 + ((unsigned)e->greeting[14] << 8 | e->greeting[15]);
}

/* How long the greeting is, as far as its first bytes tell. */
static unsigned greeting_length(const struct end *e)
{
	if (server_kind(e->server) != SERVER_TOLD)
		return PREAMBLE;
	return e->ngreeting < 16 ? 16 : header_length(e) + PREAMBLE;
}

/* Does the PROXY header name the client that the stream has? */
static bool header_names(const struct end *e, const struct stream *st)
{
	struct sockaddr_in want = {.sin_port = htons(st->port)};

	if (st->plan.place == PLACE_PROXY_IN)
		want = told_client(st->plan.id);
	if (memcmp(e->greeting, proxy_mark, sizeof(proxy_mark)) != 0 || e->greeting[12] != 0x21)
		return false;
	if (want.sin_addr.s_addr != 0 && memcmp(e->greeting + 16, &want.sin_addr, 4) != 0)
		return false;
	return memcmp(e->greeting + 24, &want.sin_port, 2) == 0;
}

/* The greeting is whole: whose is it? Bytes that are nobody's are an end that fails. */
static void end_name(struct streams *s, struct end *e)
{
	uint64_t id;
	struct stream *st = NULL;

	if (preamble_get(e->greeting + e->ngreeting - PREAMBLE, &id))
		st = stream_find(s, id);
	if (st == NULL) {
		end_fail(e, -EBADMSG);
		return;
	}
	e->stream = st;
	e->ready = true;
	e->in = PREAMBLE;
	st->nbacks++;
	st->moved = s->now;
	if (st->back == NULL)
		st->back = e;
	if (server_kind(e->server) == SERVER_TOLD && !header_names(e, st))
		st->misnamed = true;
}

static bool end_read_greeting(struct streams *s, struct end *e)
{
	unsigned want = greeting_length(e);
	ssize_t r;

	if (want > GREETING) {
		end_fail(e, -EBADMSG);
		return false;
	}
	r = wire_read(&e->wire, e->greeting + e->ngreeting, want - e->ngreeting);
	if (r == 0)
		e->eof = true;
	if (r < 0 && r != -EAGAIN)
		end_fail(e, (int)r);
	if (r <= 0)
		return false;
	e->ngreeting += (unsigned)r;
	if (e->ngreeting == greeting_length(e))
		end_name(s, e);
	return true;
}

static void end_compare(struct end *e, const uint8_t *buf, size_t n)
{
	uint64_t key = content_key(e->stream->plan.id, !e->is_server);
	size_t done = 0, some;

	while (done < n) {
		const uint8_t *want;

		some = n - done;
		want = content_at(key, e->in + done, &some);
		if (memcmp(buf + done, want, some) != 0 && !e->stream->wrong) {
			e->stream->wrong = true;
			e->stream->wrong_at = e->in + done;
		}
		done += some;
	}
}

static bool end_is_slow(const struct end *e)
{
	return !e->is_server && e->stream->plan.slow != 0;
}

static bool end_read(struct streams *s, struct end *e)
{
	static uint8_t buf[PIECE];
	size_t n = sizeof(buf);
	ssize_t r;

	if (e->over || e->eof || e->failure == -EBADMSG)
		return false;
	if (e->stream == NULL)
		return end_read_greeting(s, e);
	if (end_is_slow(e) && (int64_t)n > e->allowance)
		n = (size_t)e->allowance;
	if (n == 0)
		return false;
	r = wire_read(&e->wire, buf, n);
	if (r == 0)
		e->eof = true;
	if (r < 0 && r != -EAGAIN)
		end_fail(e, (int)r);
	if (r <= 0) {
		if (e->failure != 0 && r != -EAGAIN)
			e->eof = true; /* nothing more can come */
		return false;
	}
	end_compare(e, buf, (size_t)r);
	e->in += (uint64_t)r;
	e->allowance -= r;
	e->stream->moved = s->now;
	return true;
}

/* ---- ends ---- */

/* May it say now that it sends no more? */
static bool end_fin_is_due(const struct end *e)
{
	const struct plan *p = end_plan(e);

	if (e->fin || e->failure != 0)
		return false;
	if (p == NULL)
		return e->eof;
	if (!end_sent_all(e)) /* its turn will not come any more */
		return e->eof && e->resume == 0 && end_limit(e) == e->out;
	switch (p->ending) {
	case ENDING_CLIENT_RST:
	case ENDING_SERVER_RST:
		return e->eof; /* it should have been a reset: the ledger sees that */
	case ENDING_SERVER_FIN:
		return e->is_server || e->eof;
	case ENDING_CLIENT_FIN:
	case ENDING_ANSWER:
		return !e->is_server || e->eof;
	default:
		return true;
	}
}

/* Is it this end that the plan has reset, and has all of its own arrived? A client waits until a server knows it: who
 * resets before that never had a connection. */
static bool end_reset_is_due(const struct end *e)
{
	const struct plan *p = end_plan(e);

	if (p == NULL || !e->ready || e->failure != 0)
		return false;
	if (p->ending == ENDING_PROBE)
		return !e->is_server && p->id % 2 == 1 && !place_facts[p->place].local;
	if (p->ending != (e->is_server ? ENDING_SERVER_RST : ENDING_CLIENT_RST))
		return false;
	return end_sent_all(e) && e->stream->back != NULL && wire_all_acknowledged(&e->wire);
}

static void end_finish(struct streams *s, struct end *e)
{
	int r;

	if (e->over)
		return;
	if (end_reset_is_due(e)) {
		end_reset(s, e);
		return;
	}
	if (end_fin_is_due(e)) {
		r = wire_fin(&e->wire);
		/* Who was to be reset, and had an end instead (a Unix server's), may find nobody left. */
		if (r == 0 || (r != -EAGAIN && e->eof && e->stream != NULL && end_plan(e)->ending == ENDING_SERVER_RST))
			e->fin = true;
		else if (r != -EAGAIN)
			end_fail(e, r);
	}
	if ((e->fin && e->eof) || (e->failure != 0 && (e->eof || e->stream == NULL || e->failure == -EBADMSG))) {
		wire_close(&e->wire);
		end_over(s, e);
	}
}

static uint32_t end_wants(const struct end *e)
{
	uint32_t want = 0;

	if (!e->eof && !(e->stream != NULL && end_is_slow(e) && e->allowance <= 0))
		want |= EPOLLIN;
	if (e->failure == 0 && !e->fin && end_limit(e) > e->out)
		want |= e->wire.write_wants_in ? EPOLLIN : EPOLLOUT;
	if (e->wire.read_wants_out)
		want |= EPOLLOUT;
	return want;
}

void end_pump(struct streams *s, struct end *e)
{
	bool moved = true;

	if (e->wire.fd < 0)
		return;
	for (int i = 0; i < ROUNDS && moved; i++) {
		moved = end_write(s, e);
		moved = end_read(s, e) || moved;
	}
	end_finish(s, e);
	end_arm(s, e, end_wants(e));
}

/* ---- connecting ---- */

static void put_header(const struct stream *st, uint8_t out[28])
{
	struct sockaddr_in from = told_client(st->plan.id);

	memcpy(out, proxy_mark, sizeof(proxy_mark));
	memcpy(out + 12, "\x21\x11\x00\x0c", 4);
	memcpy(out + 16, &from.sin_addr, 4);
	memcpy(out + 20, "\x7f\x00\x00\x01", 4);
	memcpy(out + 24, &from.sin_port, 2);
	memcpy(out + 26, "\x01\xbb", 2);
}

static void client_connected(struct streams *s, struct end *e)
{
	const struct place_facts *f = &place_facts[e->stream->plan.place];
	struct sockaddr_in name = {0};
	socklen_t len = sizeof(name);
	uint8_t header[28];

	e->stream->connected = true;
	s->connects[e->stream->plan.place]++;
	if (!f->local && getsockname(e->wire.fd, (struct sockaddr *)&name, &len) == 0)
		e->stream->port = ntohs(name.sin_port);
	e->ready = true;
	if (e->stream->plan.ending == ENDING_PROBE)
		return;
	put_header(e->stream, header);
	if (f->proxy && send(e->wire.fd, header, sizeof(header), MSG_NOSIGNAL) != (ssize_t)sizeof(header))
		end_fail(e, -errno);
	if (f->tls)
		wire_secure(&e->wire, s->client_ctx,
			    e->stream->plan.place == PLACE_SNI ? "back.test" : "edge.test");
	end_pause(s, e);
}

static void client_connect(struct streams *s, struct end *e)
{
	int err = wire_connected(&e->wire);

	if (err == -EINPROGRESS)
		return;
	if (err == 0) {
		client_connected(s, e);
		return;
	}
	end_fail(e, err);
	wire_close(&e->wire);
	end_over(s, e);
}

void streams_event(struct streams *s, struct end *e)
{
	if (e->wire.fd < 0)
		return;
	if (!e->is_server && !e->ready)
		client_connect(s, e);
	if (e->is_server || e->ready)
		end_pump(s, e);
}
