/* conn_judge: what becomes of a connection is told to its server's passive state (proxy/upstream/passive.h): by each
 * stage, as it happens, and once of each kind.
 *
 *   connect.c     the dial or the preamble failed; it is connected
 *   connect_hedge.c  the dial was slower than another server's
 *   relay.c       the server's first byte
 *   relay_end.c   the server ended before it; no byte in the time that an answer takes; the client gave up
 *   conn_end.c    a trial has no verdict
 *
 * Where all is well a connection pays a load of the server's row at the connect and at the first byte, and a load of
 * the lesson when its relay begins. What changes a server's state is a line of the process log and an event.
 * Owner worker, all. */
#ifndef PROXY_CONN_CONN_JUDGE_H
#define PROXY_CONN_CONN_JUDGE_H

#include "proxy/conn/conn.h"

/* The dial of this time to s, or what precedes the client's bytes, has failed with c->err; a failure of this machine or
 * of the client says nothing of the server. */
no_inline void judge_connect_failed(struct conn *c, struct server *s, enum close_reason why, int64_t dialled);

/* The dial of this time to s was still under way when another server had answered. */
no_inline void judge_slow_connect(struct conn *c, struct server *s, int64_t dialled);

/* A report of a connection that has its server: c->server. Of a trial it is the verdict, unless it only says that the
 * connect has worked while more than connects had failed. */
no_inline void judge_report(struct conn *c, enum report_kind kind);

/* It is connected, or the first byte has come: kind. In line, for mostly nobody asks. */
static inline void judge_success(struct conn *c, enum report_kind kind)
{
	if (unlikely(c->trial || !passive_is_clean(&c->server->passive)))
		judge_report(c, kind);
}

/* The server's first byte; st is the server's cell of this worker. */
static inline void judge_answered(struct conn *c, struct server_stats *st)
{
	if (st->answered < (uint64_t)c->accepted)
		STAT_ADD(st, answered, (uint64_t)c->accepted - st->answered);
	judge_success(c, REPORT_ANSWERED);
}

/* The server has ended, by FIN or reset, before any byte of its own, and the client has not. */
no_inline void judge_early_end(struct conn *c, bool reset);

/* Is a time known in which c's server has to answer, or given? At the begin of each relay, so in line. */
static inline bool judge_expects(const struct conn *c)
{
	int64_t answer = conn_target(c)->upstream->passive.answer;

	if (likely(answer == PASSIVE_LEARNT))
		return __atomic_load_n(&c->server->learnt, __ATOMIC_RELAXED) != 0;
	return answer != 0;
}

/* judge_answer_time: how long an answer of c's server may take.
 *   Returns  0: that is not known, or not judged. */
int64_t judge_answer_time(const struct conn *c);

/* When to look whether c, which is judged, has its answer. */
int64_t judge_answer_due(const struct conn *c);

/* Is the time over that an answer may take? Judged is a server that has acknowledged all of the client's bytes (unsent:
 * it has not) and has said nothing since, once; where the client has said nothing, there is nothing to answer. */
no_inline void judge_look(struct conn *c, int64_t now, bool unsent);

/* The client has reset, and the server was still to answer. */
no_inline void judge_gave_up(struct conn *c);

#endif
