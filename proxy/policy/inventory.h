/* inventory: what there is to tell numbers of: the listeners, upstreams, servers and certificates of
 * one publication. It is immutable, and holds what it lists, so who has it needs no snapshot, no
 * lock and no reference count.
 *
 *   control   inventory_new -> inventory_post .............................. inventory_free
 *   reader                      '-> current -> inventory_hold, _drop, ... -> posted back '
 *
 * A reader is a worker that shows the numbers. It gets each publication by a message, and posts an
 * older one back once the last of its coroutines has dropped it. Numbers are read from the cells of
 * the workers at any time (listener_stats.h, server_stats.h).
 *
 * What a reload has removed is listed as well while a connection of it lives, unlisted: then it is in
 * the sums, and no series of its own. What has ended before an inventory was made is in `gone`. So no
 * total ever falls (O16). */
#ifndef PROXY_POLICY_INVENTORY_H
#define PROXY_POLICY_INVENTORY_H

#include "netpoll/netpoll.h"
#include "proxy/metrics/listener_stats.h"
#include "proxy/metrics/server_stats.h"
#include "proxy/metrics/stats.h"
#include "proxy/policy/check_plan.h"

struct config;
struct config_listener;
struct config_upstream;
struct limit;
struct listener_counts;
struct registry;
struct server;
struct snapshot;
struct tls_ctx;
struct tls_staple;
struct upstream_live;

struct inventory_listener {
	struct listener_counts *counts; /* held; it has the name */
	bool listed;                    /* a listener of the publication */
	bool tls;                       /* TLS ends here */
	bool limits_sources;            /* per_source */
	bool upstream_tls;              /* one of its upstreams is spoken to over TLS */
	uint32_t max_connections, max_handshakes; /* UINT32_MAX: no limit */
	const struct config_listener *config; /* within inventory.config; NULL: not listed */
};

#define INVENTORY_ZONE 64 /* bytes of a zone's name, with its NUL */

struct inventory_server {
	struct server *server; /* held */
	bool listed;
	uint32_t weight;
	uint32_t max_connections; /* 0: no limit */
	uint32_t priority, tier;
	int64_t slow_start; /* ns; 0: off */
	bool judged, probed; /* by its connections (health.passive); and while it is left out */
	bool warm; /* connections to it are kept ready */
	char zone[INVENTORY_ZONE]; /* "": not said */
	const char *name; /* that DNS resolves to its address, as configured; within inventory.config; NULL: none */
};

struct inventory_upstream {
	struct upstream_live *live; /* a reference; it has the name */
	bool listed;
	unsigned first, n;        /* its servers: servers[first] and the following */
	struct server_stats gone; /* of servers that are no more */
	bool judges, probes;      /* by what becomes of connections; and those that are left out */
	bool hedges;              /* its slow dials: how long a connect takes must be known */
	int64_t connect_timeout;  /* ns */
	uint8_t header;           /* version of the PROXY header in front of all bytes; 0: none */
	struct check_plan *check; /* owned; NULL: its servers are not checked */
	struct check_plan *agent; /* owned; NULL: no agent speaks for its servers */
	unsigned panic;           /* percent of the weight; 0: off */
	unsigned queue_max;       /* who may wait for a slot; 0: nobody */
	int dns_members;          /* servers that its names have; -1: it lists no name */
	bool closes_down;         /* on_down: close */
	struct tls_ctx **check_tls, **probe_tls; /* uses, of the health thread's contexts; NULL: it speaks no TLS so */
	const struct config_upstream *config; /* as a listener's */
};

struct inventory_certificate {
	const char *listener, *file; /* owned */
	const char *names;           /* owned: one after the other, each with its NUL, and one more at the end */
	const char *serial;          /* owned: in hexadecimal digits */
	int64_t expires;             /* seconds since 1970 */
	int64_t ocsp_until;          /* of a response from a file; 0: none */
	struct tls_staple *staple;   /* a use of it: the response is fetched; NULL: it is not */
};

/* Of the process. All that it borrows is there until the last inventory is freed. */
struct inventory_process {
	const char *version;               /* static */
	const struct limit *connections;
	const uint32_t *reload_failed;     /* atomic: the last reload was refused; NULL: not known */
	const struct stats *const *stats;  /* of each thread that counts */
	unsigned nstats;
	struct np_worker *const *workers;
	unsigned nworkers;
};

struct source_table;

struct inventory {
	uint64_t generation;
	int64_t published;        /* wall clock, ns since 1970 */
	const struct source_table *sources; /* of the registry; NULL: sources were never limited */
	struct config *config;    /* a share: the model in force */
	uint32_t max_connections; /* of the process */
	uint32_t max_series;      /* metrics.series */
	struct inventory_process process;
	struct inventory_listener *listeners; /* owned, as all lists; listed ones first, in their order */
	unsigned nlisteners;
	struct inventory_upstream *upstreams;
	unsigned nupstreams;
	struct inventory_server *servers;
	unsigned nservers;
	struct inventory_certificate *certificates;
	unsigned ncertificates;
	struct listener_stats *gone; /* owned: of listeners that are no more */

	struct registry *registry;
	struct inventory_reader *reader; /* that it was posted to; const from then on */
	unsigned holds;       /* the reader's worker: being current is one */
	struct list returned; /* control: registry.returned, while that is lent */
	struct np_msg msg;    /* there, and back */
};

/* Zero-initialise, then set worker, and arrived if need be. The memory must last until inventory_reader_close has
 * returned. */
struct inventory_reader {
	struct np_worker *worker;   /* const */
	struct inventory *current;  /* worker; NULL before the first */
	void (*arrived)(struct inventory_reader *r); /* const: there is a new one; NULL: nobody asks */
	bool closed;                /* worker */
};

/* inventory_new: what s, which is the current snapshot, and what lives of older ones has. What has
 * ended meanwhile is retired.
 *   Returns  NULL: no memory; the one before stays good.
 *   Calls    control thread, while the registry is not lent. */
must_use struct inventory *inventory_new(struct registry *r, const struct snapshot *s,
					 const struct inventory_process *p);
/* inventory_free: takes NULL, returns NULL. One that was posted frees itself when it is back.
 *   Calls  control thread. */
struct inventory *inventory_free(struct inventory *inv);

/* inventory_post: make inv the reader's current one.   Calls  control worker. Owns  inv. */
void inventory_post(struct inventory *inv, struct inventory_reader *to);

/* inventory_reader_close: the reader drops its current one and will have no other. Every coroutine
 * that held one has dropped it.
 *   Calls  control worker, while the reader's runs.   Parks  until all are posted back. */
void inventory_reader_close(struct inventory_reader *reader);

/* inventory_hold: the current one, until inventory_drop; NULL: none was published yet, or the reader
 * is closed. It may park between the two.   Calls  the reader's worker, both. */
struct inventory *inventory_hold(struct inventory_reader *reader);
void inventory_drop(struct inventory *inv);

/* inventory_panics: does a pick of u take servers now that checks or failures hold out? *percent of the weight is
 * usable. Any thread that holds inv. */
bool inventory_panics(const struct inventory *inv, const struct inventory_upstream *u, unsigned *percent);

/* inventory_totals: the sum of all listeners, removed ones too, of all workers. Any thread that holds
 * inv. */
void inventory_totals(const struct inventory *inv, struct listener_stats *total);
/* The same of one upstream and its servers, and its retries. */
void inventory_upstream_totals(const struct inventory *inv, const struct inventory_upstream *u,
			       struct server_stats *total, uint64_t *retries);

#endif
