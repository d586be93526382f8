/* tally: bytes of live connections in the numbers of their listener and server, soon after they
 * passed (O17). The relay counts a connection's bytes and nothing else. While somebody reads the
 * numbers, or with log.periodic, control asks each worker once a second to look at its connections: what is new is
 * added to both cells, and conn_end adds the rest. Rejected: to add to both cells at each message, 2 % of a
 * request; a timer of each worker, which is always due soon and makes each turn read the clock twice,
 * 3 %.
 *
 * conn.counted has the low bits of bytes / 16 at the last look: so 64 GiB may pass between two looks,
 * and a live connection's last 15 bytes are told at its end.
 *
 * The same look samples which directions wait for room (listener_stats.blocked), and writes the records of
 * log.periodic: each connection at its own age, so that they are no burst. */
#ifndef PROXY_CONN_TALLY_H
#define PROXY_CONN_TALLY_H

#include "proxy/conn/conn.h"

#define TALLY_UNIT_BITS 4
#define TALLY_TURN      256 /* connections a turn, fewer where some have a record: */
#define TALLY_RECORD    4   /* it costs as much as looks at so many */
#define TALLY_STEP_MAX  (2 * NP_S)

/* tally_ask: have the shard's worker look at all its connections, TALLY_TURN a turn. One that has not
 * done yet what was asked before, or that has no connections, is left alone. every: of log.periodic, ns;
 * 0: off.   Calls  one thread, while the worker runs. */
void tally_ask(struct shard *s, int64_t every);

/* tally_conn: what is new of a live connection.
 *   Returns  whether it has a record in the access log now.   Calls  owner worker. */
bool tally_conn(struct conn *c);

/* tally_pass: the numbers have all whole units of its bytes.   Calls  owner worker. */
void tally_pass(struct conn *c);

/* Bytes of direction i that no look has seen, at the end. */
static inline uint64_t tally_rest(const struct conn *c, unsigned i)
{
	uint64_t seen = (uint64_t)c->counted[i] << TALLY_UNIT_BITS;

	if (likely(!c->tallied))
		return c->dir[i].bytes;
	return (c->dir[i].bytes - seen) & ((UINT64_C(1) << (32 + TALLY_UNIT_BITS)) - 1);
}

#endif
