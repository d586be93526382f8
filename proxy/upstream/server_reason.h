/* server_reason: why a server gets no clients, or fewer, and what ends that: the sentences of the tables
 * (server_state.h, upstream.h) with what is known of this server beside them. Every verb and page has them from here,
 * so that no two say it differently. They are put together when somebody looks, so they cost nothing where nobody
 * does.
 *
 * Sentences are about "it", the server. Calls: any thread that holds the server; they take the upstream's lock. */
#ifndef PROXY_UPSTREAM_SERVER_REASON_H
#define PROXY_UPSTREAM_SERVER_REASON_H

#include "proxy/upstream/server.h"

#define SERVER_REASON 256 /* bytes of one, with its NUL */

/* server_reason: what decides, and what was found: "its check fails: the connect is refused".
 *   Returns  out; NULL: nothing is in its way (SERVER_WHY_NOTHING). */
const char *server_reason(const struct server *s, enum server_why why, char out[SERVER_REASON]);
/* server_reason_back: what ends that, and when, without the "back" in front: "when its check passes 2 times in a row".
 * probed: who is left out is probed (health.passive.probe).
 *   Returns  as server_reason. */
const char *server_reason_back(const struct server *s, enum server_why why, bool probed, char out[SERVER_REASON]);
/* server_reason_share: it gets so much of its share, of 1024 parts (slow_start_factor), and all of it in so many ns.
 *   Returns  out. */
const char *server_reason_share(uint64_t factor, int64_t left, char out[SERVER_REASON]);

#endif
