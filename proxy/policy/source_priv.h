/* source_priv: what the files of the table of sources share. Private to source_*.c.
 *
 *   key -> siphash13 -> shard (6 bits), bucket (the upper half) -> chain of entries, by index
 *
 *   an entry is   in a chain, with connections, or with some that wait, or the process before has some
 *                 in a chain and among the idle: it has none, and its bucket is not full yet
 *                 free: of its shard's list, or never used (from source_table.used on)
 *
 * source_settle makes one of the first three of it after each change. Entries wander:
 * one that is unused may be taken by
 * another shard that has none, so an index is a shard's only as long as the entry is in
 * use; who holds a place of it may
 * therefore read its shard without a lock.
 *
 * When no entry was never used and none of the own shard is free or idle, the lock is
 * let go, the other shards are asked
 * one after the other, and the key is looked for again: somebody may have added it
 * meanwhile. So two threads hold two
 * locks at most, one each, and none waits for another with a lock in its hand. */
#ifndef PROXY_POLICY_SOURCE_PRIV_H
#define PROXY_POLICY_SOURCE_PRIV_H

#include "netpoll/check.h"
#include "proxy/policy/source.h"

/* Where a key belongs. */
struct source_home {
	struct source_shard *shard;
	uint32_t *head;
	uint8_t number; /* of the shard */
};

static inline struct source_entry *source_at(struct source_table *t, uint32_t i)
{
	DCHECK(i > 0 && i <= t->most, "an index that the table gave");
	return &t->at[i - 1];
}

struct source_home source_home_of(struct source_table *t, const struct source_key *key);

/* The next three: under the shard's lock. */

/* source_find: 0: it is not known. */
uint32_t source_find(struct source_table *t, const struct source_home *home, const struct source_key *key);
/* source_get: the same, made on first use. The lock is let go meanwhile where the table is full.
 *   Returns  0: all have connections. */
uint32_t source_get(struct source_table *t, const struct source_home *home, const struct source_key *key, int64_t now);
/* source_settle: something of it has changed, or it was asked for: it has its place
 * accordingly, or is forgotten. */
void source_settle(struct source_table *t, struct source_shard *sh, uint32_t i, int64_t now);

#endif
