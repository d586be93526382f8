/* conn_aside: waiting for a place of a limit, and giving up a wait for the sake of another process. */
#include "proxy/conn/conn_aside.h"

#include "proxy/conn/conn_extra.h"
#include "proxy/conn/connect.h"
#include "proxy/conn/stages.h"
#include "proxy/policy/limit_watch.h"
#include "proxy/tls/tls_export.h"

#define PLACE_POLL (10 * NP_MS) /* as the acceptor: any worker frees places */

/* Of its kind of wait: the accept, or the begin in the queue. A replay waits for bytes of its own to be kept: it does
 * not move. 0: it does not wait, or cannot say. */
static int64_t waits_since(const struct conn *c)
{
	const struct conn_extra *x = c->extra;

	if (c->phase == CONN_NEW && c->setup == SETUP_HELD)
		return c->accepted;
	if (c->phase != CONN_CONNECTING || c->setup != SETUP_QUEUE || x == NULL || x->replay != NULL)
		return 0;
	return stream_is_plain(&c->client) || tls_movable(c->client.tls) == TLS_MOVES ? x->waits_since : 0;
}

bool aside_late(struct conn *c)
{
	struct conn_extra *x = conn_extra(c);

	DCHECK_CONN(c);
	if (x == NULL || x->late || x->replay != NULL || c->kill != CLOSE_NONE ||
	    (!stream_is_plain(&c->client) && tls_movable(c->client.tls) != TLS_MOVES))
		return false;
	x->late = true;
	c->setup = SETUP_ASIDE;
	return true;
}

bool aside_is_late(const struct conn *c)
{
	return conn_stands_aside(c) && c->extra != NULL && c->extra->late && c->extra->waits_since == 0;
}

/* The deadline of its wait is not lost with it: it stands in the block of the connection, and counts where it waits
 * next. */
bool aside_ask(struct conn *c, int64_t since)
{
	DCHECK_CONN(c);
	if (c->kill != CLOSE_NONE || waits_since(c) <= since)
		return false;
	c->setup = SETUP_ASIDE;
	np_fd_set_read_deadline(&c->client.fd, 1); /* it is over: the coroutine wakes */
	return true;
}

/* From here on nobody reads from its client or waits for it, so the descriptor may go to another process; what is told
 * to it meanwhile (conn_kill) is found by the coroutine that takes it up. */
void conn_is_aside(struct conn *c)
{
	DCHECK_CONN(c);
	DCHECK(c->setup == SETUP_ASIDE && c->server == NULL, "who was told to, and has no server");
	c->setup = c->phase == CONN_NEW ? SETUP_HELD : SETUP_QUEUE;
	c->phase = CONN_FROZEN;
	(void)np_fd_deregister(&c->client.fd);
}

/* A client that is gone is found out here: while its acceptor holds it nobody looks at it. */
enum close_reason conn_wait_for_place(struct conn *c)
{
	struct limit *full;
	int err = 0;

	DCHECK_CONN(c);
	while ((full = conn_admit(c->shard, c->listener)) != NULL) {
		limit_acted(c->shard->watch, full, false);
		err = park_at_client(c, np_deadline_after(PLACE_POLL));
		if (err != -NP_EDEADLINE)
			return client_is_gone(c, err) ? CLOSE_CLIENT_RST : CLOSE_OVERLOAD;
		if (c->setup == SETUP_ASIDE)
			return CONN_ASIDE;
	}
	np_fd_set_read_deadline(&c->client.fd, 0);
	c->phase = CONN_CONNECTING;
	c->setup = SETUP_BEGUN;
	return CLOSE_NONE;
}
