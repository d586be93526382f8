/* rates: how fast the counts of the process, of listeners, upstreams and servers have grown over the last ten
 * seconds, by one clock. Admin samples them once a second from the cells of the workers, which know nothing of it. */
#ifndef PROXY_ADMIN_RATES_H
#define PROXY_ADMIN_RATES_H

#include "proxy/policy/inventory.h"

#define RATES_SECONDS 10

enum rate {
	RATE_CONNECTIONS, /* accepted; of upstreams and servers: connects that worked */
	RATE_REJECTED,    /* turned away; of an upstream: retries; of a server: 0 */
	RATE_FAILED,      /* ended by a fault of ours or of the server; of servers: connects that did not work */
	RATE_BYTES_IN,
	RATE_BYTES_OUT,
	RATES
};

/* The counts of one object at the last samples. */
struct rate_ring {
	uint64_t first; /* the number of its first sample */
	uint64_t v[RATES_SECONDS + 1][RATES];
};

/* Zero-initialise, then set at[0], when all counts were 0, and samples = 1. Owner: the admin worker. */
struct rates {
	struct inventory *inv;  /* held: of whose objects the rings are; NULL: no sample yet */
	uint64_t samples;       /* that at the begin among them */
	int64_t at[RATES_SECONDS + 1];
	struct rate_ring process;
	struct rate_ring *rings; /* owned: listeners, upstreams, then servers, in the inventory's order */
};

/* rates_sample: the counts now. Objects that inv has as well as the one before keep their rings; all others began
 * with 0 after the last sample.
 *   Returns  false: no memory; the one before stays. */
bool rates_sample(struct rates *r, struct inventory *inv, int64_t now);
void rates_fini(struct rates *r);

/* Each gives the thousandths a second of an object of inv; all 0 where there are no two samples of it yet. */
void rates_process(const struct rates *r, uint64_t out[RATES]);
void rates_listener(const struct rates *r, const struct inventory *inv, unsigned i, uint64_t out[RATES]);
void rates_upstream(const struct rates *r, const struct inventory *inv, unsigned i, uint64_t out[RATES]);
void rates_server(const struct rates *r, const struct inventory *inv, unsigned i, uint64_t out[RATES]);

/* rates_is_fault: of such an end somebody other than the client was the cause. */
bool rates_is_fault(enum close_reason why);
uint64_t rates_connects_failed(const struct server_stats *s);
/* The same, and the connections that another server was given (replay). */
uint64_t rates_failed(const struct server_stats *s);

#endif
