/* source_told: the table of one process, told to the one that takes over from it. */
#include <string.h>

#include "proxy/policy/source_priv.h"

uint32_t source_copy(struct source_table *t, unsigned shard, struct source_entry *out, uint32_t room)
{
	struct source_shard *sh = &t->shard[shard];
	uint32_t n = 0;

	pthread_mutex_lock(&sh->lock);
	for (uint32_t k = 0; k < t->nheads; k++)
		for (uint32_t i = sh->heads[k]; i != 0 && n < room; i = source_at(t, i)->chain)
			out[n++] = *source_at(t, i);
	pthread_mutex_unlock(&sh->lock);
	return n;
}

uint32_t source_conns(struct source_table *t, const struct source_key *key)
{
	struct source_home home = source_home_of(t, key);
	uint32_t i, n = 0;

	pthread_mutex_lock(&home.shard->lock);
	i = source_find(t, &home, key);
	if (i != 0)
		n = source_at(t, i)->conns + source_at(t, i)->waiting;
	pthread_mutex_unlock(&home.shard->lock);
	return n;
}

bool source_told(struct source_table *t, const struct source_key *key, uint32_t before, int64_t tat, int64_t now)
{
	struct source_home home = source_home_of(t, key);
	uint32_t i;

	pthread_mutex_lock(&home.shard->lock);
	i = source_get(t, &home, key, now);
	if (i != 0) {
		struct source_entry *s = source_at(t, i);

		s->before = before;
		s->tat = tat > s->tat ? tat : s->tat;
		source_settle(t, home.shard, i, now);
	}
	pthread_mutex_unlock(&home.shard->lock);
	return i != 0;
}

/* Who comes next is read first: an entry may be forgotten here. */
static void end_before(struct source_table *t, struct source_shard *sh, uint32_t *head, int64_t now)
{
	uint32_t i = *head;

	while (i != 0) {
		uint32_t next = source_at(t, i)->chain;

		if (source_at(t, i)->before > 0) {
			source_at(t, i)->before = 0;
			source_settle(t, sh, i, now);
		}
		i = next;
	}
}

void source_alone(struct source_table *t, int64_t now)
{
	for (unsigned k = 0; k < SOURCE_SHARDS; k++) {
		struct source_shard *sh = &t->shard[k];

		pthread_mutex_lock(&sh->lock);
		for (uint32_t b = 0; b < t->nheads; b++)
			end_before(t, sh, &sh->heads[b], now);
		pthread_mutex_unlock(&sh->lock);
	}
}
