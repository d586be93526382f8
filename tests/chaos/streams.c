/* All streams: their beginning, their turns, and when they are judged. */
#include "tests/chaos/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "tests/chaos/ends.h"

enum {
	STUCK_MS = 60000, /* longer than any timeout that the plans allow */
	SLOW_MS = 5,      /* a slow reader's turn */
	/* Of a slow reader: what it takes is seen on the other side only when half of its buffer is free
	 * again, or a segment, which is 64 KiB on the loopback. With the kernel's own buffer that may last
	 * longer than half_close. */
	SLOW_WINDOW = 8192,
	GRACE_MS = 4000,  /* for the server's end, once the client's is over */
};

void streams_init(struct streams *s, struct setup *setup)
{
	*s = (struct streams){.setup = setup, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	s->now = s->turned = kit_now_ms();
	if (s->epoll < 0)
		kit_fail("no epoll: errno %d", errno);
	s->client_ctx = wire_client_ctx(setup->ca);
	s->server_ctx = wire_server_ctx(setup->back_cert, setup->back_key);
}

void streams_start(struct streams *s, const struct plan *p)
{
	struct stream *st = calloc(1, sizeof(*st));
	struct end *e;
	int err;

	if (st == NULL)
		kit_fail("no memory");
	e = &st->client;
	*st = (struct stream){.next = s->live, .plan = *p, .began = s->now, .moved = s->now};
	*e = (struct end){.watched = WATCHED_END, .stream = st, .wire.fd = -1};
	s->live = st;
	s->nlive++;
	s->made++;
	err = wire_connect(&e->wire, &s->setup->place[p->place].sa, s->setup->place_len[p->place],
			   p->slow != 0 ? SLOW_WINDOW : 0);
	if (err == 0) {
		end_watch(s, e);
		return;
	}
	end_fail(e, err);
	end_over(s, e);
}

void streams_accepted(struct streams *s, int fd, int server)
{
	struct end *e = calloc(1, sizeof(*e));

	if (e == NULL)
		kit_fail("no memory");
	*e = (struct end){.watched = WATCHED_END, .is_server = true, .server = server, .wire.fd = fd, .next = s->ends};
	s->ends = e;
	s->nends++;
	if (server_kind(server) == SERVER_SAFE)
		wire_secure(&e->wire, s->server_ctx, NULL);
	end_watch(s, e);
}

void streams_reset_server(struct streams *s, int server)
{
	for (struct end *e = s->ends; e != NULL; e = e->next)
		if (e->server == server && !e->over) {
			e->killed = true;
			end_reset(s, e);
		}
}

/* Slow by the clock: turns that a busy machine left out are made up for, or a timeout would end the stream by right. */
static int64_t slow_turns(const struct streams *s)
{
	int64_t turns = (s->now - s->turned) / SLOW_MS;

	return turns > 1 ? turns : 1;
}

static void end_turn_over(struct streams *s, struct end *e)
{
	if (e->over)
		return;
	if (e->resume != 0 && s->now >= e->resume)
		e->resume = 0;
	if (!e->is_server)
		e->allowance = (int64_t)e->stream->plan.slow * slow_turns(s);
	if (e->is_server || e->ready)
		end_pump(s, e);
}

static bool is_settled(const struct streams *s, const struct stream *st)
{
	if (!st->client.over)
		return false;
	if (st->back != NULL)
		return st->back->over;
	return st->plan.ending == ENDING_PROBE || !st->connected || s->now - st->over > GRACE_MS;
}

static void end_cut(struct streams *s, struct end *e)
{
	if (!e->over)
		end_reset(s, e);
}

static void look_for_stuck(struct streams *s, struct stream *st)
{
	if (s->now - st->moved < STUCK_MS)
		return;
	st->stuck = true;
	end_cut(s, &st->client);
	if (st->back != NULL)
		end_cut(s, st->back);
}

static void forget(struct streams *s, struct stream *st)
{
	for (struct end *e = s->ends; e != NULL; e = e->next)
		if (e->stream == st) {
			end_cut(s, e);
			e->stream = NULL;
		}
	free(st);
	s->nlive--;
	s->done++;
}

static void sweep_streams(struct streams *s, void (*judge)(void *arg, const struct stream *st), void *arg)
{
	for (struct stream **at = &s->live; *at != NULL;) {
		struct stream *st = *at;

		look_for_stuck(s, st);
		if (!is_settled(s, st)) {
			at = &st->next;
			continue;
		}
		judge(arg, st);
		*at = st->next;
		forget(s, st);
	}
}

static void sweep_ends(struct streams *s)
{
	for (struct end **at = &s->ends; *at != NULL;) {
		struct end *e = *at;

		if (!e->over || (e->stream != NULL && e->stream->back == e)) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		free(e);
		s->nends--;
	}
}

/* Between two batches of events: nobody holds a pointer to what is freed. */
void streams_turn(struct streams *s, void (*judge)(void *arg, const struct stream *st), void *arg)
{
	for (struct stream *st = s->live; st != NULL; st = st->next)
		end_turn_over(s, &st->client);
	for (struct end *e = s->ends; e != NULL; e = e->next)
		end_turn_over(s, e);
	sweep_streams(s, judge, arg);
	sweep_ends(s);
	s->turned = s->now;
}
