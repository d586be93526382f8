/* The closers of servers: who has one, and what stops it. */
#include "proxy/control/server_close.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/closer.h"
#include "proxy/control/control.h"
#include "proxy/log/event.h"

#define DOWN_OVER  (4 * NP_S)   /* on_down: close: within five seconds, its last tick included */
#define LOOK_EVERY (10 * NP_MS) /* at the end of the process: whether all have stopped */

struct server_close {
	struct list link;
	struct process *p;
	struct closer *closer; /* owned; its filter has the server's name */
	bool stop;
};

void server_closes_init(struct server_closes *s)
{
	*s = (struct server_closes){.n = 0};
	list_init(&s->all);
}

/* Takes it out of the list first. */
static void server_close_free(struct server_close *one)
{
	list_remove(&one->link);
	one->p->closes.n--;
	free(one->closer);
	free(one);
}

/* "upstream/address": what both the filter and the overrides go by. */
static const char *closed_server(const struct server_close *one)
{
	return one->closer->order.filter.server;
}

/* ---- the coroutine ---- */

/* Asked each tick; what judges is called when overrides change, so that a tick costs nothing. */
static bool close_goes_on(struct closer *k, void *arg)
{
	const struct server_close *one = arg;

	(void)k;
	return !one->stop;
}

/* Those that ended by themselves meanwhile are not among the ended ones. */
static void say_closed(const struct server_close *one)
{
	const struct closer *k = one->closer;
	struct event *e = event_begin();

	event_fact(e, "server", closed_server(one));
	event_number(e, "matched", (int64_t)k->matched);
	event_number(e, "ended", (int64_t)k->ended);
	event_log(e, LVL_NOTICE, "server_closed", "server %s: %llu of %llu connections were ended%s",
		  closed_server(one),
		  (unsigned long long)k->ended, (unsigned long long)k->matched, k->cut ? "; called off" : "");
}

/* The block goes with its coroutine, whatever ends it. */
static void close_main(void *arg)
{
	struct server_close *one = arg;

	closer_run(one->closer, close_goes_on, one);
	say_closed(one);
	server_close_free(one);
}

/* ---- begin and end ---- */

/* Returns NULL: no memory, and nothing is listed. */
static struct server_close *server_close_new(struct process *p, const char *server, enum close_reason why,
					     int64_t over)
{
	struct server_close *one = calloc(1, sizeof(*one));
	struct closer *k = closer_new(p->shards, p->nworkers);

	if (one == NULL || k == NULL) {
		free(one);
		free(k);
		return NULL;
	}
	snprintf(k->order.filter.server, sizeof(k->order.filter.server), "%s", server);
	k->order.why = why;
	k->order.over = over;
	*one = (struct server_close){.p = p, .closer = k};
	list_push_back(&p->closes.all, &one->link);
	p->closes.n++;
	return one;
}

/* The one before notices at its next tick: until then each connection is ended by one of the two. */
static void stop_closes_of(struct process *p, const char *server)
{
	list_for_each(it, &p->closes.all) {
		struct server_close *one = list_entry(it, struct server_close, link);

		one->stop |= strcmp(closed_server(one), server) == 0;
	}
}

static int begin_close(struct process *p, const char *server, enum close_reason why, int64_t over)
{
	struct server_close *one;
	int err;

	DCHECK(np_self() == p->registry.control, "closes are the control thread's");
	stop_closes_of(p, server);
	one = server_close_new(p, server, why, over);
	if (one == NULL)
		return -NP_ENOMEM;
	err = np_go("server close", close_main, one);
	if (err != 0)
		server_close_free(one);
	return err;
}

int server_close_start(struct process *p, const struct server *s, int64_t over)
{
	if (p->closes.n >= SERVER_CLOSES_MOST)
		return -NP_EAGAIN;
	return begin_close(p, s->name, CLOSE_DRAIN, over);
}

/* An operator's order for the same server goes on: it ends more, and in good order. */
static bool is_being_closed(const struct process *p, const char *server)
{
	list_for_each(it, &p->closes.all) {
		const struct server_close *one = list_entry(it, struct server_close, link);

		if (!one->stop && one->closer->order.why == CLOSE_DRAIN && strcmp(closed_server(one), server) == 0)
			return true;
	}
	return false;
}

/* Without memory its connections live on, as without the key. */
void server_close_verdict(struct process *p, const char *server, bool down)
{
	if (down && !is_being_closed(p, server)) {
		if (begin_close(p, server, CLOSE_SERVER_DOWN, DOWN_OVER) != 0)
			log_msg(LVL_ERROR, "out_of_memory", "server %s: its connections are not closed: out of memory",
				server);
		return;
	}
	list_for_each(it, &p->closes.all) {
		struct server_close *one = list_entry(it, struct server_close, link);

		one->stop |= !down && one->closer->order.why == CLOSE_SERVER_DOWN &&
			     strcmp(closed_server(one), server) == 0;
	}
}

void server_closes_judge(struct process *p)
{
	list_for_each(it, &p->closes.all) {
		struct server_close *one = list_entry(it, struct server_close, link);

		one->stop |= one->closer->order.why == CLOSE_DRAIN &&
			     !overrides_hold_out(&p->overrides, closed_server(one));
	}
}

/* A closer asks workers, so none may be joined before all have stopped. */
void server_closes_end(struct process *p)
{
	list_for_each(it, &p->closes.all)
		list_entry(it, struct server_close, link)->stop = true;
	while (p->closes.n > 0)
		np_sleep(LOOK_EVERY);
}
