/* waiter: the queue of an upstream whose servers all have max_connections: first come, first served, over all workers
 * and generations.
 *
 *   worker    pick: all are full -> waiter_join .. parks .............. granted: dials
 *                                                     wake (a message) '   or waiter_leave: timeout, reset
 *   any       a slot comes back, a server gets usable, a limit is raised, the list is replaced: upstream_wake
 *
 * Who frees a slot subtracts first and then looks whether somebody waits; who begins to wait says so first and then
 * looks for a slot. So one of the two sees the other (waiter.c). Where nobody waits, a release pays one load and a
 * pick a comparison. A slot is granted under the lock, so whoever comes later finds it taken, and a limit is never
 * exceeded.
 *
 * Rejected: a queue for each server, or a wake-up after which the waiter picks by itself: the first binds a client to
 * one server before it is known which becomes free first, the second lets a newcomer overtake.
 * Source: the page of upstreams, E42 to E44. */
#ifndef PROXY_UPSTREAM_WAITER_H
#define PROXY_UPSTREAM_WAITER_H

#include "proxy/upstream/upstream.h"

/* One who waits: on the stack of its parked coroutine, which holds u. Set u, args and wake; the rest is zero. */
struct waiter {
	struct list link;       /* in live->waiters; empty: it does not wait, or no longer */
	struct upstream *u;     /* of the generation that its connection began with: its list of servers counts */
	struct pick_args *args; /* of the pick that found no slot; while it waits any thread writes them, locked */
	int64_t since;          /* monotonic: it came then, perhaps to another process: its place in the queue */
	bool anyway;            /* it was let into a queue before: u->queue_max does not turn it away */
	struct server *server;  /* granted: a slot of it is the waiter's */
	bool refused;           /* no server of u is usable any more, so no slot will come back to wait for */
	/* It has a slot, or is refused. Called once, by any thread, without the lock; it must not take one. The waiter
	 * is there until this has been called. */
	void (*wake)(struct waiter *w);
};

/* waiter_join: into the queue, behind those who came before it: mostly to its end.
 *   Returns  0: a slot was free after all, w->server, and wake is not called; -NP_EAGAIN: it waits, until wake is
 *            called or waiter_leave; -NP_ENOBUFS: u->queue_max already wait; -NP_ENOENT: nobody is usable.
 *   Calls    any thread.   Owns  a slot, as upstream_pick. */
must_use int waiter_join(struct waiter *w);

/* waiter_leave: it waits no longer.
 *   Returns  false: it had a slot by then, w->server, or was refused, and wake has been called, or is about to be.
 *   Calls    any thread, after waiter_join has returned -NP_EAGAIN. */
must_use bool waiter_leave(struct waiter *w);

/* upstream_wake: something has changed that may let somebody in: the slots that there are go to those who wait, the
 * oldest first, each to whoever may use it. Who finds no usable server at all is refused, as a newcomer would be (E13).
 * now: monotonic ns; trials that are due then are begun.
 *   Calls  any thread without the lock, after whatever changed: a server's word, its passive state, its count of
 *          connections, the list of members. Where nobody waits it is one load. */
void upstream_wake(struct upstream_live *live, int64_t now);

/* waiter_enact: u's list of servers is in force: the max_connections of its servers holds for those, too, who wait with
 * the list of an older generation. Else a reload that raises a limit would let only newcomers in.
 *   Calls  control thread, once u can be picked from. */
void waiter_enact(struct upstream *u);

/* waiter_hold: n wait in the process that hands over. gate: until waiter_open nobody is given a slot here, for those
 * are to come yet, and stand before him.   waiter_open: all that could move have come.   Calls  control thread. */
void waiter_hold(struct upstream_live *live, uint32_t n, bool gate);
void waiter_open(struct upstream_live *live);

/* waiter_pick_behind: upstream_pick while others wait: they come first.   Private to proxy/upstream/. */
must_use int waiter_pick_behind(struct upstream *u, struct pick_args *a, struct server **out);

#endif
