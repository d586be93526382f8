/* server: the live side of one server: how many connections it has now, and its numbers. One per
 * upstream name and address in the process, so that a reload, which builds its upstreams anew, goes
 * on counting where the old ones stopped.
 *
 * A server is born and freed on the control thread. It lives while an upstream lists it or a slot
 * is taken, a worker keeps it, or an inventory has it, and workers never free it: they only give slots back. The
 * registry keeps what no upstream lists any more as "leaving" and frees it, once its last slot is
 * back, when an upstream is next freed. Rejected: a counted reference that the last release drops,
 * since the registry would then need a lock that workers wait for. */
#ifndef PROXY_UPSTREAM_SERVER_H
#define PROXY_UPSTREAM_SERVER_H

#include "netpoll/addr.h"
#include "netpoll/base.h"
#include "proxy/metrics/server_stats.h"
#include "proxy/upstream/passive.h"
#include "proxy/upstream/server_agent.h"
#include "proxy/upstream/server_checked.h"
#include "proxy/upstream/server_state.h"
#include "proxy/upstream/upstream_live.h"

/* What an operator can set of a server, each with an end of its own. */
enum server_set { SERVER_SET_STATE, SERVER_SET_WEIGHT, SERVER_SET_MOST, SERVER_SETS };

struct check;
#define SERVER_AWAY INT64_MIN /* server.back: it is not back yet */

struct server_minute;

struct server {
	const char *name; /* "upstream/address"; const after init, as all up to hash; owned */
	const char *text; /* the address as the configuration that introduced it spells it; owned */
	struct np_addr addr;
	uint64_t hash;       /* of the address as text: the same on every machine */
	uint32_t holders;    /* upstreams that list it; control thread */
	uint32_t lists;      /* inventories that list it; control thread */
	uint32_t kept;       /* atomic: workers that keep connections to it ready (server_keep) */
	bool retired;        /* its numbers are in live->gone, and it is not found again; control thread */
	struct upstream_live *live; /* of its upstream; const, a reference */
	struct list link;    /* in live->servers; control thread */
	struct list bucket;  /* in the registry; control thread */
	struct list leaving; /* in the registry's list when no upstream lists it; control thread */

	struct server_stats *stats; /* const, owned: one cell per worker, which writes it; any thread reads */

	uint64_t word;               /* atomic: server_state.h */
	int64_t since;               /* atomic: monotonic ns: server_since */
	int64_t back;                /* atomic: the same: when it was usable again after it was away (server_is_away);
				      * SERVER_AWAY; or 0: it never was */
	int64_t ends[SERVER_SETS];   /* atomic: wall clock, ns: when that override ends by itself; 0: it does not */
	uint64_t learnt;        /* atomic: server_learn */
	struct server_minute *minute; /* the teacher's, which may be NULL; owned: free(3) */
	struct passive passive; /* under live->lock */
	uint64_t full_walk; /* the same: the last walk that found it full (upstream_full.c) */
	int64_t credit; /* the same: what round robin owes it, in picks times the sum of weights */
	struct check *check; /* the checker's, which may be NULL; owned: free(3) */
	struct server_checked checked;
	struct check *agent; /* as check, of its agent */
	struct server_agent_heard agent_heard;

	/* all workers write; used: live connections and dials; high: with a limit; hits: who found it, and all, full */
	struct limit slots cache_aligned;
	bool slots_act; /* an episode of that limit counts as a list; control thread */
	uint64_t failure; /* atomic: the last connect that did not work (server_note_failure); 0: none */
};

struct server_registry; /* every server of the process; control thread only */

/* For so many workers.   Returns  NULL: no memory. */
struct server_registry *server_registry_new(unsigned nworkers);
/* Returns NULL. Every upstream is freed and every slot given back (CHECK). */
struct server_registry *server_registry_free(struct server_registry *r);
/* Frees the leaving servers whose last slot is back. */
void server_registry_sweep(struct server_registry *r);
/* Of struct upstream_live, by their link. */
struct list *server_registry_lives(struct server_registry *r);
/* As upstream_live_get, for an upstream of this registry. */
must_use struct upstream_live *server_registry_live(struct server_registry *r, const char *upstream);
unsigned server_registry_workers(const struct server_registry *r);
unsigned server_registry_count(const struct server_registry *r); /* leaving ones included */

/* server_get: the server of that upstream and address, made when it is not known yet.
 * text: NULL: the address as np_addr_format has it.
 *   Returns  the server, to be given back with server_put; NULL: no memory.
 *   Calls    control thread. */
must_use struct server *server_get(struct server_registry *r, const char *upstream,
	const struct np_addr *addr, const char *text);
/* The upstream no longer lists it. It stays as "leaving" until its last slot is back. Control
 * thread. */
void server_put(struct server_registry *r, struct server *s);

/* server_retire: what nobody uses any more passes its numbers on to its upstream, and a server of this
 * address that comes later begins anew.
 *   Returns  whether it is, or was, retired.   Calls  control thread. */
bool server_retire(struct server_registry *r, struct server *s);

/* server_try_take: take a slot, if fewer than max are taken (0: no limit). The caller's upstream
 * lists the server.
 *   Returns  false when it is full.
 *   Calls    any thread. */
must_use bool server_try_take(struct server *s, uint32_t max);
/* A connection that has come from another process, or goes there, has its slot (limit.h): a moved one's is taken
 * whatever the limit is; one that is passed on wakes nobody.   Calls  control thread, or a worker that it waits for. */
void server_take_moved(struct server *s);
void server_pass(struct server *s);
/* Gives a slot back: exactly once for each one taken (CHECK); where somebody waits for one it is handed on. s may be
 * gone when this returns, but the caller still holds its upstream.   Calls  any thread. */
void server_release(struct server *s);

/* server_keep: it lives at least until server_unkeep, once for each; no slot is taken for it.
 *   Calls  any thread: the first within upstream_each, which has it from a list; then who keeps it already. */
void server_keep(struct server *s);
void server_unkeep(struct server *s);

/* When a connect to it did not work last, and why. */
struct server_failure {
	unsigned why; /* enum close_reason; 0: every connect has worked */
	int err;      /* -NP_Exxx; 0: no call failed */
	int64_t at;   /* monotonic ns, to the millisecond */
};

/* server_note_failure: a connect to it did not work. Any thread that has a slot. */
void server_note_failure(struct server *s, const struct server_failure *f);
struct server_failure server_last_failure(const struct server *s); /* any thread that holds s */

/* What the connections of the last minute teach, for a judgement of the next ones. All 0: not known. */
struct server_lesson {
	int64_t answer; /* ns: the others' first bytes come well within it, so longer silence is this server's fault */
	int64_t hedge;  /* ns: a dial that takes longer is a slow one */
	bool early_ends_count; /* the others answer, and almost none of them ends before it has */
};

/* server_learn: for 5 s from now on that is what is known.   Calls  one thread, the teacher. */
void server_learn(struct server *s, const struct server_lesson *l, int64_t now);
struct server_lesson server_lesson_of(uint64_t word, int64_t now); /* of a word that is not 0 */

/* What is known at `now`: all 0 where nobody has taught for longer, since of a minute that is over nothing follows.
 * Any thread. In line, for mostly nothing is known. */
static inline struct server_lesson server_learnt(const struct server *s, int64_t now)
{
	uint64_t word = __atomic_load_n(&s->learnt, __ATOMIC_RELAXED);

	if (likely(word == 0))
		return (struct server_lesson){0};
	return server_lesson_of(word, now);
}

/* server_is_new: it comes to neighbours that serve already, as one does that was away.   Calls  control thread. */
void server_is_new(struct server *s);

/* server_change_word: the word becomes what `change` makes of it, which may be asked again, when another owner has
 * changed a field of his meanwhile: so it only computes.
 *   Returns  the word before.   Calls  the owner of the fields that are changed: server_state.h. */
typedef uint64_t server_word_change(uint64_t word, const void *arg);
uint64_t server_change_word(struct server *s, server_word_change *change, const void *arg);

/* server_set_leaving: whether the name of its upstream that had this address no longer has it (the dns field of the
 * word). Connections go on; no pick of an older generation takes it.   Calls  control thread. */
void server_set_leaving(struct server *s, bool leaving);

/* server_set_admin: the operator's part of the word becomes that of `in`, and of the ends those; the rest stays as it
 * is. It counts from the next pick of every worker on.   Calls  control thread. */
void server_set_admin(struct server *s, const struct server_inputs *in, const int64_t ends[SERVER_SETS]);

/* server_set_check: the verdict becomes `to`; the rest of the word stays as it is. It counts from the next pick on.
 *   Returns  the verdict before.   Calls  the health thread, which owns it; control while that does not run. */
enum server_check server_set_check(struct server *s, enum server_check to);
/* server_await_check: a server that has never been checked is spare until it has been. Does nothing to any other.
 *   Calls  control thread, before workers can pick it. */
void server_await_check(struct server *s);

/* The inputs of now, for server_inputs, server_usable, server_weight and server_most. Any thread. */
static inline uint64_t server_now(const struct server *s)
{
	return __atomic_load_n(&s->word, __ATOMIC_RELAXED);
}

/* server_since: since when the same input decides whether it is usable: monotonic ns; of a server that nothing has ever
 * held out, since it is known. Any thread. */
static inline int64_t server_since(const struct server *s)
{
	return __atomic_load_n(&s->since, __ATOMIC_RELAXED);
}

/* Has an operator said anything of it? Any thread. */
static inline bool server_is_set(const struct server *s)
{
	return (server_now(s) & SERVER_ADMIN) != 0;
}

/* When an operator's setting ends by itself: wall clock, ns; 0: it does not, or there is none. Any thread. */
static inline int64_t server_set_ends(const struct server *s, enum server_set which)
{
	return __atomic_load_n(&s->ends[which], __ATOMIC_RELAXED);
}

/* Live connections and dials; another worker may change it at once. Any thread. Why in that order: upstream_waiting. */
static inline uint32_t server_active(const struct server *s)
{
	return __atomic_load_n(&s->slots.used, __ATOMIC_SEQ_CST);
}

#endif
