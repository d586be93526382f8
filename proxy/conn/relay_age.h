/* relay_age: how old a relay may become, and whether those who are silent are still there. Owner worker. */
#ifndef PROXY_CONN_RELAY_AGE_H
#define PROXY_CONN_RELAY_AGE_H

#include "proxy/conn/conn.h"

/* What keepalive takes to find a peer that is gone: 2 minutes of silence, 4 probes 15 s apart, and their answers. */
#define RELAY_KEEPALIVE (195 * NP_S)

/* relay_lifetime_end: when c has reached timeouts.lifetime, less its share of the jitter. The share is drawn by the
 * connection's id: the same at each call and in each process, without a byte to keep it.
 *   Returns  DEADLINE_NEVER: it may become as old as it likes. */
no_inline int64_t relay_lifetime_end(const struct conn *c);

/* relay_draw_lifetime: c's deadline is its drawn one from now on.
 *   Calls  after relay_start, only where there is a jitter, so that a relay without one has no test for it. */
void relay_draw_lifetime(struct conn *c);

/* relay_grow_old: c is no short connection: a dead server is worth looking for. Its socket gets keepalive, once.
 *   Calls  half a minute after the accept, or when somebody asks whether it is alive. */
no_inline void relay_grow_old(struct conn *c);

/* relay_is_alive: has each side's kernel acknowledged something within RELAY_KEEPALIVE? A Unix socket has no answer,
 * and counts as alive: its peer's end is always told. From now on both sides are looked for. */
must_use no_inline bool relay_is_alive(struct conn *c);

/* The rule of one leg. Any thread. */
bool relay_leg_is_alive(const struct np_tcp_info *leg);

#endif
