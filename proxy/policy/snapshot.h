/* snapshot: one generation of the configuration as the workers see it: frozen listeners, limits and
 * upstreams. A connection keeps the snapshot it started with, so a reload never changes what is
 * under way.
 *
 *   snapshot_new -> snapshot_enact -> current -> superseded; connections hold it -> freed
 *        '-- refused: snapshot_free
 *
 * Lifetime without a shared write per connection: each worker counts its own uses (its current
 * snapshot is one, each of its connections another) in a word of its own. The worker whose count
 * ends gives up its share, and the last share returns the snapshot to the control thread, which
 * alone frees. */
#ifndef PROXY_POLICY_SNAPSHOT_H
#define PROXY_POLICY_SNAPSHOT_H

#include "netpoll/netpoll.h"
#include "proxy/base/cidr_set.h"
#include "proxy/base/limit.h"
#include "proxy/base/text.h"
#include "proxy/policy/acl.h"
#include "proxy/policy/registry.h"
#include "proxy/policy/route.h"
#include "proxy/policy/source.h"
#include "proxy/proto/pp.h"
#include "proxy/upstream/upstream.h"

struct config;
struct config_listener;
struct snapshot;
struct tls_ctx;

/* An upstream and how many snapshots use it. Control thread. */
struct shared_upstream {
	struct upstream *u;
	unsigned snapshots;
};

#define TARGET_HASH_SOURCE 0 /* the client's address */
#define TARGET_HASH_SNI    1 /* the name that it asked for */

/* An upstream, and how one generation speaks to it. Frozen. */
struct target {
	struct upstream *upstream;
	uint8_t header; /* the version of the PROXY header in front of all bytes; 0: none */
	uint8_t want; /* bits of enum pp_want */
	uint8_t hash_on; /* by what a balance by hash goes: TARGET_HASH_SOURCE, _SNI, or the type of a TLV */
	uint32_t replay; /* bytes of a client that are kept until the server's first, for another server; 0: off */
	unsigned ncustoms;
	struct pp_tlv *customs; /* owned; their values are the config's */
	struct tls_ctx **tls; /* owned: one per worker; NULL: bytes pass as they come */
	struct tls_ctx **check_tls; /* owned: the health thread's; NULL: its checks speak no TLS to these servers */
	struct tls_ctx **probe_tls; /* the same of its probes, which speak as connections do */
	int64_t handshake_timeout; /* ns */
	uint32_t warm;    /* connections that each worker keeps ready to each server (proxy/conn/warm.h); 0: none */
	int64_t warm_age; /* ns: none of them gets older */
};

/* One address of a listener. Frozen. */
struct listener_at {
	struct listener *listener; /* the listener, or one of its own with another PROXY header */
	int mode; /* of a Unix socket's file; 0: what the umask leaves */
	bool owned; /* the file is given to owner */
	struct np_unix_owner owner;
};

/* One listener of one generation. Frozen. */
struct listener {
	struct snapshot *snap;
	const char *name; /* the config's */
	struct listener_counts *counts; /* a reference */
	struct route_table *routes; /* owned; NULL: no rules */
	const struct target **targets; /* owned: one per rule, then the default; NULL there: none */
	unsigned nrules;
	bool wants_header;           /* each connection begins with a PROXY header */
	bool wants_byte;             /* no server is dialled before the client's first byte */
	bool wants_hello;            /* rules look at the client's first bytes, which TLS does not end here */
	struct acl *acl;             /* a reference: who may connect; NULL: everybody */
	const struct acl *gate;      /* the same, asked at accept; NULL: no acl, or a PROXY header says who it is */
	bool guarded;                /* something is asked at accept, before its limits: gate, rate */
	int64_t rate_interval;       /* ns between two new connections, by GCRA; 0: no limit */
	int64_t rate_burst;          /* ns: so many intervals at once */
	int64_t rate;                /* the same in a minute, for messages */
	struct source_rule *sources; /* owned: what a source may take; NULL: everything */
	bool wants_preread;          /* a header, a hello, a byte, or a place among the connections of its source */
	bool has_stages;             /* something precedes the dial: one of these, TLS, rules; or a rate */
	struct cidr_set trusted;     /* sources whose PROXY headers are accepted */
	bool reads_untrusted;        /* of others the header is read and not accepted; else they are closed */
	int64_t header_timeout, hello_timeout, handshake_timeout;
	int64_t hello_silence;       /* without a byte so long: a client without TLS; INT64_MAX: off */
	bool silent_passes;          /* the same at hello_timeout; else it is closed then */
	uint32_t header_max, hello_max;
	struct tls_ctx **tls;        /* owned: one per worker; NULL: TLS does not end here */
	uint32_t max_connections, max_handshakes; /* UINT32_MAX: no limit */
	bool keeps_cert;             /* of a client, until a server is told: one of the targets is */
	bool wait_at_limit;
	bool ends_at_fin;            /* of either side; else the other direction goes on */
	bool skip_empty;             /* log.skip_empty */
	bool log_start;              /* log.start */
	bool starts_more;            /* a relay that begins has a record, or draws its lifetime */
	bool idle_alive;             /* who is silent is kept while the kernel hears of both sides */
	bool log_tcp, log_tcp_all;   /* log.tcp_info: of some; of all */
	uint64_t download, upload;   /* bytes a second of a connection; 0: as fast as it goes */
	int backlog;
	int64_t idle, half_close, lifetime, linger; /* ns; INT64_MAX: off */
	int64_t lifetime_spread; /* ns: a connection may end so much earlier; 0: none does */
	const struct config_listener *config; /* its bind addresses */
	struct listener_at *at; /* owned: one per bind address */
	/* the config's: where all its connections are accepted; NULL: several addresses, or a wildcard */
	const struct np_addr *only_at;
};

/* The entry of this address; NULL: the listener does not name it. */
const struct listener_at *listener_entry(const struct listener *l, const struct np_addr *a);

struct snapshot {
	uint64_t generation; /* 0 until enacted: a refused one has no number */
	uint32_t max_connections; /* of the process */
	uint32_t max_series; /* metrics.series */
	struct config *config; /* owned; names and addresses point into it */
	struct listener *listeners;
	unsigned nlisteners;
	struct target *targets; /* one per upstream */
	unsigned ntargets;
	struct shared_upstream **upstreams; /* references: shared by snapshots while unchanged */
	unsigned nupstreams;
	int64_t shutdown_delay; /* ns */
	int64_t shutdown_timeout; /* ns; INT64_MAX: as long as connections last */
	uint32_t shares; /* atomic: workers that still use it */
	struct snapshot_use *use; /* one per worker, its owner's alone */
	struct registry *registry;
	struct list retired;  /* registry.retired, while that is lent */
	struct np_msg retire; /* to the control worker: the last share was given up */
};

/* A cache line of its own per worker. */
struct snapshot_use {
	cache_aligned uint32_t count;
};

/* snapshot_new: freeze a checked config. What did not change since prev (may be NULL) is taken over
 * from it: upstream objects with their place in the round, counts of servers and listeners.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: why says which file TLS could not use. c is still the
 *            caller's then.
 *   Owns     c, with success.   Calls  control thread; blocks on the disk. */
must_use int snapshot_new(struct registry *r, struct config *c, const struct snapshot *prev,
			  struct snapshot **out, struct text *why);
/* snapshot_same: does b serve exactly as a does? They are of one config then, and of the same
 * contexts and owners.   Calls  control thread. */
bool snapshot_same(const struct snapshot *a, const struct snapshot *b);
/* snapshot_enact: s becomes the current generation and gets its number and limits, before a worker
 * sees it. One that nothing changed is enacted again, with the same max, and gets the next number.
 * max: connections that the process may hold.   Calls  control thread. */
void snapshot_enact(struct snapshot *s, uint32_t max);
/* snapshot_free: takes NULL, returns NULL. No share may be in use.   Calls  control thread. */
struct snapshot *snapshot_free(struct snapshot *s);

/* Each worker calls hold once per use and drop at its end; the drop that ends the last use of the
 * last worker posts the snapshot to the control thread, which frees it. A worker that adopts it
 * late has its share reserved from the start. Calls: the worker of that number. */
static inline void snapshot_hold(struct snapshot *s, unsigned worker)
{
	s->use[worker].count++;
}

void snapshot_drop(struct snapshot *s, unsigned worker);

#endif
