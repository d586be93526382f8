/* upstream: a named set of servers, and which of them gets the next connection.
 *
 * One per process, not one per worker: "any sum(w) picks in a row give each server its weight"
 * must hold whichever workers take the connections, and no sum of per-worker figures gives that.
 * Hence one mutex around the pick, that of the name (upstream_live.h), so that generations of one upstream go on with
 * one round. It is taken once per connection and held for 15 to 35 ns with
 * three servers, 0.1 to 0.9 us with a hundred, beside system calls of many microseconds; its holder
 * never parks or allocates. It also makes a refusal exact: while one worker looks at the
 * servers in turn, slots can come back but none can be taken, so what it found full was full all
 * at once. Releases need no lock.
 *
 *   a trial is due ---> its server
 *   a tier -> not tried, usable, not full -> the algorithm -> a slot taken -> server
 *     '-- none --> its spare ones -- none --> the next tier, the same way
 *           -- no tier left --> -NP_EAGAIN; none is full --> one that its failures hold out, or -NP_ENOENT
 *
 * Servers of one priority are a tier; where the process has a zone, those of its zone are one, and behind them the
 * others. A tier of whose configured weight less than failover_below is usable is joined by the next: the two are
 * looked at together. Where less than `panic` of the weight is usable that operators, names and agents allow, those
 * that a check or their failures hold out are picked as if they were well: then the checks are doubted, not the
 * servers.
 *
 * What servers' words (server_state.h) make of the members is worked out when one has changed, which is counted: so
 * what operators, checks and agents say costs a pick one comparison, however many servers there are. */
#ifndef PROXY_UPSTREAM_UPSTREAM_H
#define PROXY_UPSTREAM_UPSTREAM_H

#include "netpoll/addr.h"
#include "netpoll/base.h"
#include "proxy/upstream/server.h"
#include "proxy/upstream/server_reason.h"

#define UPSTREAM_WEIGHT_MAX 256

/* How a server stands with one pick: may this connection be given to it, and if not, why. Whether it is usable at all
 * is another question (server_usable): a server of a later tier is, and is not taken. The first three are taken.
 * X(id, why) */
#define STANDING_TBL(X)                                                        \
	X(USABLE, NULL)                                                         \
	X(LAST, "its connections failed, but no other server is left")          \
	X(PANIC, "it is held out, but too little weight is usable: a panic")    \
	X(SPARE, "a server of a tier before it is usable")                      \
	X(HELD, NULL) /* by one of its inputs: server_reason */                 \
	X(LOADED, "it has max_load: more than its share of the connections")    \
	X(RAMPS, NULL) /* by slow start, at this pick: server_reason_share */   \
	X(TRIED, "this connection has tried it in vain")                        \
	X(FULL, "full: it has max_connections")

enum standing {
#define X(id, why) STANDING_##id,
	STANDING_TBL(X)
#undef X
};

enum balance {
	/* smooth weighted: 5,1,1 gives a a b a c a a; equal weights, strict order */
	BALANCE_ROUND_ROBIN,
	BALANCE_LEAST_CONN,  /* fewest active for the weight; round robin among equals */
	/* two different ones drawn by weight; the less loaded for its weight */
	BALANCE_RANDOM_TWO,
	/* from here on by a key: the same server for the same key, and round robin without one */
	BALANCE_SOURCE_HASH, /* weighted rendezvous */
	BALANCE_MAGLEV,      /* a table (maglev.h) */
};

static inline bool balance_is_by_key(enum balance b)
{
	return b >= BALANCE_SOURCE_HASH;
}

struct server_spec {
	struct np_addr addr;      /* len 0: a name, of which upstream_replace brings the addresses */
	const char *text;         /* the address as configured, or the name; NULL: as np_addr_format has it */
	uint32_t from;            /* of a name's address: the place of the name in the configured list, and 1; or 0 */
	uint32_t weight;          /* 0 to UPSTREAM_WEIGHT_MAX (CHECK); 0 takes no connections */
	uint32_t max_connections; /* 0: no limit */
	uint32_t priority;        /* the lowest is used first: of an SRV record, or the configured one */
	const char *zone;         /* where it runs; NULL: not said */
};

/* What an upstream is made from; all of it borrowed for the call. */
struct upstream_spec {
	const char *name;
	enum balance balance;
	const struct server_spec *servers;
	unsigned nservers;
	int64_t connect_timeout, retry_budget; /* ns */
	unsigned retries;
	unsigned failover_below; /* percent of a tier's configured weight; 0: only where none is left */
	unsigned panic;          /* percent of the allowed weight; 0: off */
	int64_t slow_start;      /* ns; 0: off */
	unsigned max_load;       /* percent of the mean load, of the two hashes; 0: off */
	const char *zone;        /* of the process; NULL: zones count for nothing */
	struct passive_rules passive;
	uint64_t seed; /* of source_hash: the same in all proxies that should agree */
	int64_t hedge;      /* ns: a second server is dialled when the first has not answered by then; 0: none is */
	bool hedge_learns;  /* ... or later, where the server's connects take longer */
	unsigned queue_max;    /* who may wait for a slot, all generations and workers together; 0: nobody */
	int64_t queue_timeout; /* ns: each of them at most so long */
};

/* A server's part in one upstream. Const after init but for what is under the lock. */
struct member {
	struct server *server; /* held */
	/* under the lock, as the next four: what the server's word makes of weight and max_connections */
	uint64_t seen;         /* that word */
	uint8_t grade;         /* enum grade */
	bool ramps;            /* share and most are less than the whole, since it is young */
	bool fresh;            /* const: the list before this one did not have its server */
	uint32_t share;        /* its weight, in 1 / unit; 0 only of GRADE_NO */
	uint32_t most;         /* 0: no limit */
	uint32_t tier;         /* from 0: its place among the tiers */
	uint64_t key;          /* the server's part of a source_hash score */
	uint32_t from;         /* the place in upstream.listed of the name that has this address, and 1; 0: none has */
	uint32_t weight;
	uint32_t max_connections; /* under the lock; control thread: also of a newer generation (waiter_enact) */
	char *zone;            /* owned; NULL: not said */
	uint32_t priority;
	uint32_t place;        /* in the list that it was made from */
};

/* Those that one pick chooses from: tier by tier, and within one as configured. */
struct pool {
	const struct members *of; /* const */
	struct member **at;       /* const, owned: room for all */
	unsigned n;
	int err; /* upstream_pick's refusal, where n is 0 */
};

/* Its members stand side by side. */
struct tier {
	unsigned first, end; /* const, as the next: members->at[first] up to the one before at[end] */
	uint64_t weight;     /* of all, as configured */
	bool weak;           /* under the lock: less than failover_below of it is usable, so the next tier joins */
};

/* The members of an upstream, as a whole: another list takes its place when a name has other addresses. The control
 * thread replaces it under the lock, so control may read what is const without the lock, and workers only under it. */
struct members {
	unsigned n, ntiers;   /* const */
	uint64_t round;       /* const: of which servers with which weights it is; never 0 */
	uint64_t changes;     /* live->changes when the words of its servers were read last; 0: they never were */
	int64_t weight;       /* of all, as server_weight has it; not in units */
	struct pool ready;    /* of who has tried nobody; empty: each pick must gather its own */
	struct pool scratch;  /* of one pick */
	bool panics;          /* so little is usable that those that checks and failures hold out are picked, too */
	uint16_t *table;      /* const, owned: of maglev; NULL: none */
	struct tier *tiers;   /* owned: in the order in which they are used */
	struct member at[];   /* tier by tier, and within one as configured */
};

struct upstream {
	const char *name; /* const after init, as all but members; owned */
	enum balance balance;
	unsigned retries;
	int64_t connect_timeout, retry_budget; /* ns */
	unsigned failover_below, panic; /* percent */
	int64_t slow_start;      /* ns; 0: off, as with the two hashes */
	uint32_t unit;           /* of a share to a weight of 1 */
	unsigned max_load;       /* percent; 0: off, as with all but the two hashes */
	const char *zone;        /* of the process; owned; NULL: none */
	struct passive_rules passive;
	uint64_t seed;
	int64_t hedge;
	bool hedge_learns;
	unsigned queue_max;
	int64_t queue_timeout;

	struct upstream_live *live; /* a reference */
	struct server_registry *registry; /* borrowed: lives longer than every upstream */
	struct members *members; /* owned; under live->lock, as the next three */
	unsigned waiters, wide; /* who wait for a slot of it (waiter.h); and of them, who have tried no server yet */
	uint32_t dry;           /* the pass (live->pass) in which even those found none */
	struct server_spec *listed; /* const, owned with its texts: as configured; names among them */
	unsigned nlisted;
};

/* upstream_new: copies what it needs of the spec and holds the servers. Names have no members yet.
 *   Returns  NULL: no memory.
 *   Calls    control thread; any worker may pick once it is published. */
must_use struct upstream *upstream_new(const struct upstream_spec *spec,
	struct server_registry *registry);
/* upstream_replace: from the next pick on it has these servers. Who stays keeps its place in the round; a slot that is
 * taken of one that goes stays taken.
 *   Returns  0, or -NP_ENOMEM and nothing has changed.   Calls  control thread. */
must_use int upstream_replace(struct upstream *u, const struct server_spec *servers, unsigned n);
/* Takes NULL, returns NULL. No worker can reach it any more; slots may still be taken. Control
 * thread. */
struct upstream *upstream_free(struct upstream *u);
/* upstream_same: whether the spec describes exactly this upstream. Then a reload keeps it, and
 * round robin keeps its place. What is compared is the configured list, whatever became of its names. The text of an
 * address is not: a server keeps its first spelling anyway. Any thread. */
bool upstream_same(const struct upstream *u, const struct upstream_spec *spec);

/* upstream_member: s, as u has it.   Returns  NULL: u lists s no longer.   Calls  under the lock; or control. */
const struct member *upstream_member(const struct upstream *u, const struct server *s);

/* upstream_never_had: has no upstream of this name had a server, since the first of them was made? Any thread. */
static inline bool upstream_never_had(const struct upstream *u)
{
	return __atomic_load_n(&u->live->had, __ATOMIC_RELAXED) == 0;
}

/* Does its pick hang on args.random? With least_conn only who is young may be passed over by lot (slow_start.h). */
static inline bool upstream_draws(const struct upstream *u)
{
	return u->balance == BALANCE_RANDOM_TWO || (u->slow_start != 0 && u->balance == BALANCE_LEAST_CONN);
}

struct pick_args {
	/* of the client's address, for source_hash; 0: it has none, so round robin */
	uint64_t hash;
	uint64_t random; /* 64 fresh random bits, where upstream_draws; else nobody reads them */
	int64_t now;     /* monotonic, when the dial begins */
	bool hedge;      /* beside a dial under way: it is nobody's trial, and passes nobody who waits (-NP_EAGAIN) */
	bool may_retry;  /* another server is tried if this one fails */
	bool trial;      /* out: it is the server's trial (passive.h): its end is reported with that */

	/* by this connection, in vain: they are not picked again */
	const struct server *const *tried;
	unsigned ntried;
};

/* upstream_pick: choose a server and take one of its slots.
 *   Returns  0; -NP_EAGAIN when all servers left are full, or another one waits for them (waiter.h); -NP_ENOENT
 *            when none is left. A refusal changes nothing: round robin goes on as if it had not been asked.
 *   Calls    any thread.
 *   Owns     the slot is the caller's, until server_release; *out is valid as long. */
must_use int upstream_pick(struct upstream *u, struct pick_args *a, struct server **out);

/* upstream_has_other: would a pick with these args find a server now, or one that is only full? No slot is taken, so
 * the pick itself may find it otherwise.
 *   Returns  as upstream_pick.   Calls  any thread. */
must_use int upstream_has_other(struct upstream *u, const struct pick_args *a);

/* upstream_note_full: the pick with these args has found no server with room, so each that only its max_connections
 * keeps from him has turned him away, or made him wait. One of many within 10 ms is one number more, which the servers
 * get with the next walk, or with upstream_settle_full.   Calls  any thread; takes the lock. */
void upstream_note_full(struct upstream *u, const struct pick_args *a);
/* upstream_settle_full: the servers have counted all of them.   Calls  control thread; takes the lock. */
void upstream_settle_full(struct upstream_live *live);

/* upstream_hangs_alone: has another server of it given a first byte to a connection that was accepted later, and s to
 * none? One that answers those who came later works, and the connection is a long poll.   Calls  any thread. */
bool upstream_hangs_alone(struct upstream *u, const struct server *s, int64_t accepted);

/* upstream_each: call fn for each server of its list, under the lock: fn may neither allocate nor park nor take a lock.
 * Not if the list is still the one that *round says; afterwards *round says the present one. 0 says none.
 *   Returns  whether fn was called.   Calls  any thread. */
typedef void upstream_each_fn(void *arg, struct server *s, uint32_t weight);
bool upstream_each(struct upstream *u, uint64_t *round, upstream_each_fn *fn, void *arg);

/* One server, as a pick sees it. */
struct member_view {
	const struct server *server; /* valid as long as the upstream */
	enum standing standing;
	enum usable usable;   /* by its inputs: the same answer as in /v1/servers */
	enum server_why input; /* which of them decides */
	uint32_t weight, max_connections, active;
	uint32_t share; /* by which it is chosen */
	uint64_t factor;    /* what slow start leaves of that, in 1024ths: slow_start_factor */
	int64_t share_left; /* ns until it is all */
	uint32_t priority, tier;
	const char *zone; /* NULL: not said */
	double weight_share; /* of the weights of all that the next pick chooses from, 0 to 1 */
	double chance; /* that the next pick takes it; all or nothing unless the algorithm draws */
};

/* upstream_view: what upstream_pick would do, and how each server stands. No slot is taken and no
 * credit moved, and a->random does not count.
 *   Returns  as upstream_pick; views[] has room for u->members->n and is written in any case.
 *   Calls    any thread; where the algorithm draws it takes time by the square of their number. */
must_use int upstream_view(struct upstream *u, const struct pick_args *a, struct member_view *views);
/* member_view_why: why the pick does not take it, takes it seldom, or takes it all the same: a sentence of the server
 * (server_reason.h) or of the pick.   Returns  it, perhaps in out; NULL: nothing is in the way. */
const char *member_view_why(const struct member_view *v, char out[SERVER_REASON]);
const char *standing_sentence(enum standing standing); /* NULL: it is the server's, or there is none */

#endif
