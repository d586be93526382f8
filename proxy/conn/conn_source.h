/* conn_source: a connection's place among those of its source (proxy/policy/source.h).
 * It is taken behind the PROXY
 * header, if there is one, and before everything else; it hangs on the block conn_extra,
 * which gives it back wherever
 * the connection ends or leaves.
 *
 *   [header] -> conn_take_source -> [hello] -> [tls] -> [route] -> [connect] -> relay -> conn_end
 *                   |    |                                                       ^          |
 *                   |    '-- waits: parked at the client, until there is room    |          v
 *                   '------- refused: rate_limited, and nothing was dialled      |   conn_leave_source
 *                                                                                |
 *   from another process, or after a reload with other prefixes: conn_count_source
 *
 * A connection has one place or none: of the listener that accepted it, by the prefix
 * that is in force. None: its source
 * is exempt or has no address, or the table had no room for one more; then nobody asks again.
 *
 * Who waits holds a place of the process's limit and of its listener's, since it was
 * admitted there before: so at most an
 * eighth of the listener's places may wait, and a source whose clients all wait leaves
 * seven eighths to the others. It
 * polls, as those do who wait for a place of a limit: whoever makes room is on any
 * worker, and would have to know who
 * waits where.
 *
 * Every function: owner worker. */
#ifndef PROXY_CONN_CONN_SOURCE_H
#define PROXY_CONN_CONN_SOURCE_H

#include "proxy/conn/conn.h"

/* conn_take_source: a stage (stages.h), of a listener that limits sources. by: when the
 * preread's time is over, until
 * which it may wait.   Parks  with action: wait. */
must_use enum close_reason conn_take_source(struct conn *c, int64_t by);

/* conn_count_source: the same of one that lives already, so nobody asks for limits: it
 * has come from another process
 * (moved), or l, of the generation in force, has other prefixes than the one it was
 * counted by. Harmless where it is
 * counted well. Without memory it goes uncounted. */
void conn_count_source(struct conn *c, const struct listener *l, bool moved);

/* conn_leave_source: of conn_extra_free. Harmless without one. */
void conn_leave_source(struct conn *c);

/* Is a refused one to be reset? Else it is closed in good order. */
bool conn_source_resets(const struct conn *c);

#endif
