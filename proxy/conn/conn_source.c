/* conn_source: the stage that asks whether its source may have one more connection, and those who wait for a yes. */
#include "proxy/conn/conn_source.h"

#include "proxy/base/deadline.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/connect.h"

#define ROOM_POLL     (10 * NP_MS) /* as the acceptor: any worker's connections end */
#define WAITING_SHARE 8            /* one in so many of the listener's places is for those who wait */

/* ---- what is told ---- */

static const char *const limit_words[SOURCE_LIMITS] = {
	[SOURCE_CONNECTIONS] = "per_source.connections",
	[SOURCE_RATE] = "per_source.rate",
};

static void note_limited(struct conn *c, enum source_limit over, enum limited_how how)
{
	STAT_ADD(conn_listener_stats(c), limited[over - 1][how], 1);
}

/* A line for each source, and ever fewer while it goes on (log_episode.h). */
static void tell_limited(const struct conn *c, enum source_limit over)
{
	const struct source_rule *r = c->listener->sources;
	char source[SOURCE_TEXT];

	source_text(r, &conn_client(c)->sa, source);
	if (r->dry_run)
		log_limited(LVL_NOTICE, "would_deny", source, (int)over, "listener %s: %s of source %s is reached",
			    c->listener->name, limit_words[over], source);
	else
		log_limited(LVL_NOTICE, "source_limited", source, (int)over, "listener %s: %s of source %s is reached",
			    c->listener->name, limit_words[over], source);
}

static enum close_reason refuse_source(struct conn *c, enum source_limit over)
{
	note_limited(c, over, c->listener->sources->action == SOURCE_CLOSE ? LIMITED_CLOSE : LIMITED_RESET);
	conn_detail(c, limit_words[over]);
	tell_limited(c, over);
	return CLOSE_RATE_LIMITED;
}

static void tell_full(const struct conn *c)
{
	log_limited(LVL_WARNING, "source_table_full", NULL, 0,
		    "limits.sources %u is reached: a new source of listener %s is not counted",
		    c->listener->sources->table->most, c->listener->name);
}

/* ---- waiting ---- */

static uint32_t waiting_most(const struct listener *l)
{
	uint32_t places = l->max_connections;

	if (places > l->snap->max_connections)
		places = l->snap->max_connections;
	return places > WAITING_SHARE ? places / WAITING_SHARE : 1;
}

static bool join_waiting(const struct listener *l)
{
	if (__atomic_add_fetch(&l->counts->sources_waiting, 1, __ATOMIC_RELAXED) <= waiting_most(l))
		return true;
	__atomic_sub_fetch(&l->counts->sources_waiting, 1, __ATOMIC_RELAXED);
	return false;
}

/* Until it is taken, or cannot be. */
static enum close_reason wait_for_source(struct conn *c, const struct source_place *p, int64_t by)
{
	const struct source_rule *r = c->listener->sources;
	int64_t next = p->until;
	int err;

	for (;;) {
		if (np_now() >= p->until) {
			if (source_try(r, p->source, np_now()))
				return CLOSE_NONE;
			next = np_deadline_after(ROOM_POLL);
		}
		if (np_now() >= by)
			return CLOSE_RATE_LIMITED;
		err = park_at_client(c, deadline_earlier(next, by));
		if (c->kill != CLOSE_NONE)
			return c->kill;
		if (err != -NP_EDEADLINE)
			return client_is_gone(c, err) ? CLOSE_CLIENT_RST : CLOSE_OVERLOAD;
	}
}

static enum close_reason wait_at_source(struct conn *c, const struct source_place *p, int64_t by)
{
	const struct source_rule *r = c->listener->sources;
	enum close_reason why;

	if (!join_waiting(c->listener)) {
		source_leave(r, p->source, np_now());
		return refuse_source(c, p->over);
	}
	note_limited(c, p->over, LIMITED_WAIT);
	why = wait_for_source(c, p, by);
	__atomic_sub_fetch(&c->listener->counts->sources_waiting, 1, __ATOMIC_RELAXED);
	np_fd_set_read_deadline(&c->client.fd, 0);
	if (why == CLOSE_NONE) {
		c->extra->source = p->source;
		return CLOSE_NONE;
	}
	source_leave(r, p->source, np_now());
	return why == CLOSE_RATE_LIMITED ? refuse_source(c, p->over) : why;
}

/* ---- the stage ---- */

enum close_reason conn_take_source(struct conn *c, int64_t by)
{
	const struct source_rule *r = c->listener->sources;
	struct source_place p;

	DCHECK_CONN(c);
	if (conn_extra(c) == NULL)
		return CLOSE_OVERLOAD;
	DCHECK(c->extra->source == 0, "a connection is counted once");
	switch (source_take(r, &conn_client(c)->sa, np_now(), &p)) {
	case SOURCE_PASSES:
		if (unlikely(p.full))
			tell_full(c);
		break;
	case SOURCE_TAKEN:
		c->extra->source = p.source;
		if (unlikely(p.over != SOURCE_NO_LIMIT)) {
			note_limited(c, p.over, LIMITED_DRY_RUN);
			tell_limited(c, p.over);
		}
		break;
	case SOURCE_REFUSED:
		return refuse_source(c, p.over);
	case SOURCE_WAITS:
		return wait_at_source(c, &p, by);
	}
	return CLOSE_NONE;
}

void conn_count_source(struct conn *c, const struct listener *l, bool moved)
{
	const struct source_rule *r = l->sources;
	struct conn_extra *x;

	DCHECK_CONN(c);
	if (r == NULL || (c->extra != NULL && c->extra->source != 0 && source_fits(r, c->extra->source)))
		return;
	x = conn_extra(c);
	if (x == NULL)
		return;
	conn_leave_source(c);
	x->source = source_count(r, &conn_client(c)->sa, np_now(), moved);
}

/* The table is the process's: its listener may be of a generation that did not limit sources yet. */
void conn_leave_source(struct conn *c)
{
	if (c->extra->source != 0)
		source_release(c->listener->snap->registry->sources, c->extra->source, np_now());
	c->extra->source = 0;
}

bool conn_source_resets(const struct conn *c)
{
	return c->phase != CONN_NEW && c->listener->sources != NULL && c->listener->sources->action != SOURCE_CLOSE;
}
