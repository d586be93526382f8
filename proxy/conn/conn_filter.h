/* conn_filter: which connections are meant: by an operator's table, an order to end some, a trace. A
 * filter is a value without pointers, so it goes to other threads with a message. All zero matches every
 * connection.
 *
 * A connection learns its facts in order: its PROXY header names the client, its ClientHello the name, a
 * rule the upstream, the dial the server. What is not known yet may match later: CONN_MAYBE. */
#ifndef PROXY_CONN_CONN_FILTER_H
#define PROXY_CONN_CONN_FILTER_H

#include "config/cidr.h"
#include "proxy/base/name_set.h"
#include "proxy/conn/conn.h"

#define CONN_FILTER_NAME   64  /* bytes of a listener's or an upstream's name, with the NUL */
#define CONN_FILTER_SERVER 192 /* bytes of a server: "upstream/address", or the address alone */
#define CONN_SNI           256 /* bytes of a name as the client sent it, with the NUL */

struct conn_filter {
	char listener[CONN_FILTER_NAME], upstream[CONN_FILTER_NAME]; /* "": any, as the next two */
	char server[CONN_FILTER_SERVER];
	char sni[NAME_MAX_BYTES + 1]; /* small letters; "*.example.com": every name below it */
	bool has_src, has_pending;
	struct cidr src;              /* with has_src: the client's network */
	uint8_t pending;              /* with has_pending: enum close_reason; CLOSE_NONE: any of them */
	int64_t older, idle;          /* ns: at least so old; at least so long without a byte; 0: any */
};

enum conn_match {
	CONN_NEVER, /* it does not match, and will not */
	CONN_MAYBE, /* what is known matches, but not all is known yet, or not old enough */
	CONN_MATCH,
};

/* conn_filter_match: judge c at the moment now of the monotonic clock.   Calls  owner worker. */
must_use enum conn_match conn_filter_match(const struct conn_filter *f, const struct conn *c, int64_t now);

/* Does it match every connection? Any thread. */
bool conn_filter_is_empty(const struct conn_filter *f);

/* conn_sni: the name that the client asked for, in its own spelling, cut to fit; "": none, or not known.
 *   Calls  owner worker. */
void conn_sni(const struct conn *c, char out[CONN_SNI]);

/* conn_pending: the reason with which c will end, where one of its ends is known already; CLOSE_NONE:
 * neither is.   Calls  owner worker. */
enum close_reason conn_pending(const struct conn *c);

/* Is it known which upstream c goes to?   Calls  owner worker. */
bool conn_is_routed(const struct conn *c);

/* How long no byte has moved, ns. Before the relay: since the accept.   Calls  owner worker. */
int64_t conn_silence(const struct conn *c, int64_t now);

#endif
