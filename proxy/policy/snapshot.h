/* snapshot: one generation of the configuration as the workers see it: frozen listeners, limits and upstreams. A
 * connection keeps the snapshot it started with, so a reload never changes what is under way.
 *
 * Lifetime without a shared write per connection: each worker counts its own uses (its current snapshot is one, each
 * of its connections another) in a word of its own; the worker whose count ends gives up its share, and the last share
 * returns the snapshot to the control thread, which alone frees. */
#ifndef PROXY_POLICY_SNAPSHOT_H
#define PROXY_POLICY_SNAPSHOT_H

#include "netpoll/netpoll.h"
#include "proxy/base/text.h"
#include "proxy/base/cidr_set.h"
#include "proxy/base/limit.h"
#include "proxy/proto/pp.h"
#include "proxy/policy/route.h"
#include "proxy/upstream/upstream.h"

struct config;
struct config_listener;
struct snapshot;
struct tls_ctx;
struct tls_worker;

/* What of a listener survives reloads: its name's counts. Control thread owns; freed with the last snapshot of it. */
struct listener_counts {
	struct list link;
	char *name;
	struct limit limit;      /* atomics: any worker */
	uint32_t handshakes_most; /* atomic: under way at once on each worker, its share of max_handshakes */
	unsigned snapshots;      /* control thread */
	uint32_t handshakes[];   /* under way: one per worker, its owner's alone */
};

/* An upstream and how many snapshots use it. Control thread. */
struct shared_upstream {
	struct upstream *u;
	unsigned snapshots;
};

/* An upstream, and how one generation speaks to it. Frozen. */
struct target {
	struct upstream *upstream;
	uint8_t header;              /* the version of the PROXY header in front of all bytes; 0: none */
	uint8_t want;                /* bits of enum pp_want */
	unsigned ncustoms;
	struct pp_tlv *customs;      /* owned; their values are the config's */
	struct tls_ctx **tls;        /* owned: one per worker; NULL: bytes pass as they come */
	int64_t handshake_timeout;
};

/* One listener of one generation. Frozen. */
struct listener {
	struct snapshot *snap;
	const char *name;
	struct listener_counts *counts;
	struct route_table *routes;  /* owned; NULL: no rules */
	const struct target **targets; /* owned: one per rule, then where all else goes; NULL there: nowhere */
	unsigned nrules;
	bool wants_header;           /* each connection begins with a PROXY header */
	bool wants_hello;            /* rules look at the client's first bytes, which TLS does not end here */
	struct cidr_set trusted;     /* whose headers are believed */
	int64_t header_timeout, hello_timeout, handshake_timeout;
	int64_t hello_silence;       /* without a byte so long: a client without TLS; INT64_MAX: off */
	bool silent_passes;          /* the same at hello_timeout; else it is closed then */
	uint32_t header_max, hello_max;
	struct tls_ctx **tls;        /* owned: one per worker; NULL: TLS does not end here */
	bool wait_at_limit;
	int backlog;
	int64_t idle, half_close, lifetime, linger; /* ns; INT64_MAX: off */
	const struct config_listener *config; /* its bind addresses */
};

struct snapshot {
	uint64_t generation;   /* 0 until enacted: a refused one has no number */
	struct config *config; /* owned; names and addresses point into it */
	struct listener *listeners;
	unsigned nlisteners;
	struct target *targets; /* one per upstream */
	unsigned ntargets;
	struct shared_upstream **upstreams; /* held: snapshots share those that did not change */
	unsigned nupstreams;
	int64_t shutdown_delay, shutdown_timeout;
	uint32_t shares;          /* atomic: workers that still use it */
	struct snapshot_use *use; /* one per worker, its owner's alone */
	struct registry *registry;
	struct np_msg retire;     /* to the control worker, from whoever gave up the last share */
};

/* A line of its own per worker. */
struct snapshot_use {
	cache_aligned uint32_t count;
};

/* Everything that outlives a generation. Control thread. */
struct registry {
	struct server_registry *servers;
	struct list listeners; /* of struct listener_counts */
	struct list rings;     /* of struct ring_live: ticket keys, as long as the process runs */
	struct list staples;   /* of struct tls_staple: of the certificates in use */
	struct tls_worker **tls; /* one per worker; NULL until a generation speaks TLS */
	unsigned nworkers;
	unsigned snapshots;    /* alive: the current one, and those that connections keep */
	uint64_t generation;   /* the latest enacted */
	struct np_worker *control; /* const once it runs: retired snapshots are posted here */
};

must_use int registry_init(struct registry *b, unsigned nworkers);
void registry_fini(struct registry *b); /* every snapshot must be gone, and every worker's thread */

/* snapshot_new: freeze a checked config. What did not change since prev (may be NULL) is taken over from it: upstream
 * objects with their place in the round, counts of servers and listeners.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: why says which file TLS could not use. c is still the caller's then.
 *   Owns     c, with success.   Calls  control thread; blocks on the disk. */
must_use int snapshot_new(struct registry *b, struct config *c, const struct snapshot *prev,
			  struct snapshot **out, struct text *why);
/* It is the current generation from now on: it gets its number, and its bounds hold. max: connections that the process
 * may hold. Control thread. */
void snapshot_enact(struct snapshot *s, uint32_t max);
/* Takes NULL, returns NULL. No share may be in use. Control thread. */
struct snapshot *snapshot_free(struct snapshot *s);

/* Each worker calls hold once per use and drop at its end; the drop that ends the last use of the last worker posts the
 * snapshot to the control thread, which frees it. A worker that adopts it late has its share reserved from the start.
 */
static inline void snapshot_hold(struct snapshot *s, unsigned worker)
{
	s->use[worker].count++;
}

void snapshot_drop(struct snapshot *s, unsigned worker);

/* ---- snapshot_listener.c: one listener, and one upstream, out of the config --------------------- */

struct listener_counts *listener_counts_get(struct registry *b, const char *name); /* snapshot.c; NULL: no memory */
void listener_counts_put(struct listener_counts *counts);                                 /* takes NULL */

/* Return as snapshot_new does. fini takes what was begun, too. */
must_use int target_init(struct snapshot *s, unsigned i, struct text *why);
void target_fini(struct snapshot *s, struct target *t);
must_use int listener_init(struct snapshot *s, unsigned i, struct text *why);
void listener_fini(struct snapshot *s, struct listener *f);

/* ---- snapshot_tls.c: what TLS keeps per worker and for the process --------------------------- */

struct config_tls_in;
struct config_tls_out;

/* Contexts for every worker, all or none.   Returns  as snapshot_new does. */
must_use int contexts_server(struct registry *b, const struct config_tls_in *c, struct tls_ctx ***out,
			     struct text *why);
must_use int contexts_client(struct registry *b, const struct config_tls_out *c, struct tls_ctx ***out,
			     struct text *why);
/* A generation has all its contexts: the next one reads the disk anew. */
void contexts_end(struct registry *b);
struct tls_ctx **contexts_free(const struct registry *b, struct tls_ctx **x); /* takes NULL, returns NULL */
void registry_tls_fini(struct registry *b);

/* enact: the ticket keys of s are in force from now on, at the pace it says. forget: those that were made for one that
 * never was are gone; no such snapshot exists any more. Control thread. */
void tickets_enact(const struct snapshot *s);
void registry_forget_tickets(struct registry *b);
/* Rotates ticket keys that are due and takes over what others wrote to their files. say is called for each ring that
 * changed (why empty) or whose file is bad. To be called now and then. Control thread. */
void registry_refresh_tickets(struct registry *b, void (*say)(const char *path, const char *why));
/* Each certificate of the listeners. */
void snapshot_certificates(const struct snapshot *s,
			   void (*fn)(void *arg, const char *listener, const char *file, int64_t expires), void *arg);

#endif
