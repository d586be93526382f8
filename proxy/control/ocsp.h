/* ocsp: fetches the OCSP responses that are stapled, and fetches each anew before it expires. Runs
 * on the control worker: renew_poll asks a few times a second whether a response is due, and a few
 * coroutines ask the responders.
 *
 *   a response  again at half of its validity; past that half, at half of what is left
 *   a failure   again after 1 s, 2 s, 4 s ... an hour; what is stapled stays until it expires
 *   "revoked"   what is stapled is taken away at once; again as after a failure
 *
 * Nothing waits for any of this: not the start, not a handshake, not a reload. */
#ifndef PROXY_CONTROL_OCSP_H
#define PROXY_CONTROL_OCSP_H

#include "netpoll/netpoll.h"
#include "proxy/conn/shard.h"
#include "proxy/creds/tls_staple.h"

#define OCSP_AT_ONCE    4    /* attempts; each holds one descriptor, two while it resolves a name */
#define OCSP_RETRY_MOST 3600 /* s */

/* Control worker. */
struct ocsp {
	const struct registry
		*registry; /* const: its certificates are stapled to; not while it is lent */
	struct shard *shards;            /* const: their workers staple */
	unsigned nshards;                /* const */
	struct stats *stats;             /* attempts are counted there */
	struct list asking;              /* of struct ocsp_ask: attempts under way */
	unsigned running;                /* coroutines */
	bool stopping;
	struct np_event ended;           /* set when stopping and none runs */
};

/* ocsp_init: borrows all that it is given, until ocsp_stop.   Calls  any thread, before the workers
 * start. */
void ocsp_init(struct ocsp *o, const struct registry *registry, struct shard *shards,
	       unsigned nshards, struct stats *stats);

/* ocsp_poll: start an attempt for each response that is due, OCSP_AT_ONCE at most.   Calls  control
 * worker; never waits. */
void ocsp_poll(struct ocsp *o);

/* ocsp_stop: cancel the attempts under way; none is begun any more.
 *   Parks    until the last attempt has ended, which is at once.   Calls  control worker, once. */
void ocsp_stop(struct ocsp *o);

/* ocsp_retry_after: seconds until another attempt, after so many failures. */
int64_t ocsp_retry_after(unsigned failures);

/* ocsp_refresh_at: when a response is asked for anew; now and the result in seconds since 1970. */
int64_t ocsp_refresh_at(const struct tls_ocsp_verdict *v, int64_t now);

#endif
