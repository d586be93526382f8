/* ocsp: fetches the OCSP responses that are stapled to certificates, and renews them in time. Runs
 * on the control worker: renew_poll looks now and then whether a response is due, and a few
 * coroutines ask the responders.
 *
 *   response      asked again at half of its lifetime, or, if that is past, at half of the rest
 *   failure       asked again after 1 s, 2 s, 4 s ... an hour; the last response stays until it expires
 *   "revoked"     the last response is dropped at once; asked again as after a failure
 *
 * The start, handshakes and reloads do not wait for it. */
#ifndef PROXY_CONTROL_OCSP_H
#define PROXY_CONTROL_OCSP_H

#include "netpoll/netpoll.h"
#include "proxy/conn/shard.h"
#include "proxy/creds/tls_staple.h"

#define OCSP_AT_ONCE    4           /* attempts; each holds one descriptor */
#define OCSP_RETRY_MOST 3600        /* s */

struct names;

/* Control worker. */
struct ocsp {
	const struct registry *registry; /* const: its staples are kept fresh, but while it is lent */
	struct shard *shards;             /* const: the workers that staple */
	unsigned nshards;
	struct names *names;              /* const: looks up responders, by the block `dns` in force */
	struct stats *stats;              /* counts attempts */
	struct list asking;               /* of struct ocsp_ask: attempts under way */
	unsigned running;                 /* coroutines */
	bool stopping;
	struct np_event ended;            /* set when stopping and no coroutine runs */
};

void ocsp_init(struct ocsp *o, const struct registry *registry, struct shard *shards,
	       struct names *names, struct stats *stats);
/* ocsp_poll: start attempts that are due. Never waits. Control worker. */
void ocsp_poll(struct ocsp *o);
/* ocsp_stop: cancel all attempts; no new one starts. Parks until the last one has ended, which is
 * soon. */
void ocsp_stop(struct ocsp *o);
/* Seconds until the next attempt, after that many failures in a row. */
int64_t ocsp_retry_after(unsigned failures);
/* When a response is renewed; seconds since 1970. */
int64_t ocsp_refresh_at(const struct tls_ocsp_verdict *v, int64_t now);

#endif
