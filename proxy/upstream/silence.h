/* silence: is a row of silent connections the server's fault, or its clients'? Private to proxy/upstream/.
 *
 * A time that was learnt says what answers take, not that each connection gets one so soon: of long polls, every second
 * one say, it knows only those that are over. So a row of silences ejects a server only where it is no accident by the
 * share of silent connections that the others have had of late: three are enough where they have none, eight where one
 * in ten is silent, more than twenty where every second one is.
 *
 * Source: the page of upstreams, E74; the test is that of Bernoulli trials, without memory between connections. */
#ifndef PROXY_UPSTREAM_SILENCE_H
#define PROXY_UPSTREAM_SILENCE_H

#include "proxy/upstream/upstream.h"

/* silence_is_chance: s, of tier t, was silent once more, and its row has grown by that. May the row be an accident, by
 * what the others of the tier that are in have had lately?   Calls  any thread, under the upstream's lock. */
bool silence_is_chance(const struct upstream *u, struct server *s, const struct tier *t, int64_t now);

#endif
