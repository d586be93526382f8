/* source: how many connections each source of clients has, and how fast it makes them (per_source). A source
 * is a prefix of addresses at one listener: /64 of IPv6 is one, a v4-mapped address is the IPv4 source.
 *
 *   source_take -> TAKEN ------------------------------> source_release
 *       |  '----> PASSES: not counted; REFUSED           ^
 *       '-------> WAITS -> source_try ... until it is ---'
 *                    '---- source_leave: its client went, or it waited too long
 *
 * One table a process, bounded by limits.sources: entries by index, 64 shards by hash, each behind a mutex of its own.
 * A holder does some dozen loads and stores, parks nowhere and takes no second lock. The hash has a random key, so no
 * client chooses who shares its bucket.
 *
 * Rate is GCRA: an entry keeps the time at which its bucket will be full again, `tat`; each connection moves it by one
 * interval, and none may move it further than the burst from now. Without connections an entry whose bucket is full
 * says nothing and is forgotten; one whose bucket is not full stands among the idle of its shard, the oldest first, and
 * leaves early only when the table is full. One with connections never leaves: if all have some, new ones go uncounted.
 *
 * Rejected: a share of each limit for every worker, which refuses a source that still has places elsewhere; a table for
 * each worker, with messages between them for each connection. */
#ifndef PROXY_POLICY_SOURCE_H
#define PROXY_POLICY_SOURCE_H

#include <pthread.h>
#include <sys/socket.h>

#include "netpoll/base.h"
#include "proxy/base/cidr_set.h"

#define SOURCE_SHARDS  64
#define SOURCE_WAITING 64 /* connections of a source that wait at a time */

/* Who it is. As it is hashed: no padding. */
struct source_key {
	uint8_t addr[16];  /* the prefix: an IPv4 address is v4-mapped, the host's bits are zero */
	uint32_t listener; /* listener_counts.id */
	uint32_t bits;     /* of the prefix, in 128 */
};

/* One source. All is its shard's lock's. While it has connections, older and younger are free for who needs 8 bytes of
 * it, and so are 4 at the end: it may have 56. */
struct source_entry {
	uint8_t addr[16];
	int64_t tat;             /* monotonic ns: when its bucket is full again; in the past: it is full */
	uint32_t listener;
	uint32_t conns;          /* of this process */
	uint32_t before;         /* of the process before it, while that lives */
	uint32_t chain;          /* index of the next in its bucket, or of the free ones; 0: none */
	uint32_t older, younger; /* of the idle; 0: none */
	uint8_t bits;
	uint8_t waiting;
	uint8_t shard;
	bool idle;               /* it is among them */
};
_Static_assert(sizeof(struct source_entry) <= 56, "with its part of a shard and of the buckets 64 bytes a source");

struct source_shard {
	pthread_mutex_t lock;
	uint32_t *heads;          /* of the table's memory: the first of each bucket */
	uint32_t oldest, youngest; /* of the idle */
	uint32_t free;            /* the first that was used and is not any more */
	uint32_t n;               /* sources that it knows; atomic for readers without the lock */
};
_Static_assert(sizeof(struct source_shard) <= 64, "1,024 sources pay for 64 of them");

struct source_table {
	uint64_t key[2];      /* const, secret */
	uint32_t most, nheads; /* const: entries; buckets of a shard, a power of two */
	uint32_t used;        /* atomic: entries that were ever used, those in front */
	struct source_entry *at;    /* owned: index 1 is the first */
	struct source_shard shard[SOURCE_SHARDS];
};

enum source_action { SOURCE_RESET, SOURCE_CLOSE, SOURCE_WAIT };

/* What one generation says of a listener's sources. Const. */
struct source_rule {
	struct source_table *table; /* borrowed: the registry's */
	uint32_t listener;          /* listener_counts.id */
	uint32_t most;              /* connections of a source; UINT32_MAX: no limit */
	int64_t interval;           /* ns between two new ones; 0: no limit */
	int64_t burst;              /* ns: so many intervals at once */
	uint8_t v4, v6;             /* bits of a prefix */
	uint8_t action;             /* enum source_action */
	bool dry_run;
	struct cidr_set exempt;
};

enum source_verdict {
	SOURCE_PASSES,  /* it is not counted: exempt, no address, or no room for it */
	SOURCE_TAKEN,
	SOURCE_REFUSED,
	SOURCE_WAITS,
};
enum source_limit { SOURCE_NO_LIMIT, SOURCE_CONNECTIONS, SOURCE_RATE, SOURCE_LIMITS };

struct source_place {
	uint32_t source;        /* the index; 0: none */
	enum source_limit over; /* the limit that refuses, or makes it wait; with TAKEN: that would, but for dry_run */
	bool full;              /* PASSES: the table is full of sources with connections */
	int64_t until;          /* WAITS: not before then */
};

/* source_table_new: for so many sources.
 *   Returns  NULL: no memory, no random numbers.   Calls  any thread.   Owns  source_table_free, which takes NULL. */
must_use struct source_table *source_table_new(uint32_t most);
struct source_table *source_table_free(struct source_table *t);

/* source_take: a connection of that address, now. *out tells more; with TAKEN and WAITS out->source is its.
 *   Calls  any thread, as all below. */
must_use enum source_verdict source_take(const struct source_rule *r, const struct sockaddr *sa, int64_t now,
					 struct source_place *out);
/* source_try: one that waits and whose time has come: it is TAKEN if there is room. */
must_use bool source_try(const struct source_rule *r, uint32_t source, int64_t now);
/* source_leave: one that waits goes, and gives back its place in the rate. */
void source_leave(const struct source_rule *r, uint32_t source, int64_t now);
/* source_release: one that was TAKEN or counted has ended. */
void source_release(struct source_table *t, uint32_t source, int64_t now);

/* source_count: a connection that lives already, whatever the limits are. moved: it was one of the process before.
 *   Returns  its source; 0: not counted. */
must_use uint32_t source_count(const struct source_rule *r, const struct sockaddr *sa, int64_t now, bool moved);

/* Is it counted for this rule's prefix? */
bool source_fits(const struct source_rule *r, uint32_t source);

/* source_text: the source of that address, as a network. Returns out, which has SOURCE_TEXT bytes. */
#define SOURCE_TEXT CIDR_TEXT
const char *source_text(const struct source_rule *r, const struct sockaddr *sa, char *out);

/* How many the table knows, a moment ago. */
uint32_t source_known(const struct source_table *t);

/* ---- to another process ---- */

/* source_copy: what a shard has, as many as there is room for.   Returns  how many. */
uint32_t source_copy(struct source_table *t, unsigned shard, struct source_entry *out, uint32_t room);
/* source_conns: connections of this process that the source has or waits for; 0 too: it is not known. */
uint32_t source_conns(struct source_table *t, const struct source_key *key);
/* source_told: the process before has so many connections of this source, and its bucket is full at tat.
 *   Returns  false: there is no room. */
must_use bool source_told(struct source_table *t, const struct source_key *key, uint32_t before, int64_t tat,
			  int64_t now);
/* source_alone: the process before has ended. */
void source_alone(struct source_table *t, int64_t now);

#endif
