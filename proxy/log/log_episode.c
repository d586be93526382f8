/* A table of episodes: chains of entries by the key's hash. */
#include "proxy/log/log_episode.h"

#include <stdio.h>

#include "netpoll/check.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t hash_byte(uint64_t h, unsigned char c)
{
	return (h ^ c) * FNV_PRIME;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = hash_byte(h, (unsigned char)*s);
	return hash_byte(h, 0);
}

uint64_t log_episode_key(const char *event, const char *who, int cause)
{
	uint64_t h = hash_text(hash_text(FNV_BASIS, event), who != NULL ? who : "");

	for (unsigned i = 0; i < sizeof(cause); i++)
		h = hash_byte(h, (unsigned char)((unsigned)cause >> 8 * i));
	return h != 0 ? h : 1;
}

static uint16_t *bucket_of(struct log_episodes *t, uint64_t key)
{
	return &t->bucket[key % LOG_EPISODES];
}

/* The entry of that key, or the shared one if that is where it is counted; NULL: no episode. */
static struct log_episode *find(struct log_episodes *t, uint64_t key)
{
	for (uint16_t i = *bucket_of(t, key); i != 0; i = t->at[i].chain)
		if (t->at[i].key == key)
			return &t->at[i];
	return NULL;
}

/* A free entry in its bucket; without one, the shared entry. */
static struct log_episode *add(struct log_episodes *t, uint64_t key)
{
	uint16_t *first = bucket_of(t, key), i = t->free;

	if (i != 0)
		t->free = t->at[i].chain;
	else if (t->used < LOG_EPISODES)
		i = ++t->used;
	if (i == 0)
		return &t->at[0];
	t->at[i] = (struct log_episode){.chain = *first};
	*first = i;
	return &t->at[i];
}

static void remove_entry(struct log_episodes *t, struct log_episode *e)
{
	uint16_t i = (uint16_t)(e - t->at);
	uint16_t *link = bucket_of(t, e->key);

	e->key = 0;
	__atomic_store_n(&t->open, t->open - 1, __ATOMIC_RELAXED);
	if (i == 0)
		return;
	while (*link != i)
		link = &t->at[*link].chain;
	*link = e->chain;
	e->chain = t->free;
	t->free = i;
}

/* The line that e writes at `now`, if it may. */
static bool line_due(struct log_episode *e, int64_t now, uint64_t *suppressed)
{
	if (now < e->next) {
		e->suppressed++;
		return false;
	}
	*suppressed = e->suppressed;
	e->suppressed = 0;
	e->next = now + e->gap;
	if (e->gap < LOG_EPISODE_GAP_MAX)
		e->gap *= 2;
	return true;
}

bool log_episode_admit(struct log_episodes *t, uint64_t key, int64_t now, uint64_t *suppressed, bool *first)
{
	struct log_episode *e;
	bool admitted;

	pthread_mutex_lock(&t->lock);
	e = find(t, key);
	if (e == NULL)
		e = add(t, key);
	*first = e->key == 0;
	if (*first) {
		*e = (struct log_episode){
			.key = key, .began = now, .next = now, .gap = LOG_EPISODE_GAP, .chain = e->chain};
		__atomic_store_n(&t->open, t->open + 1, __ATOMIC_RELAXED);
	}
	e->last = now;
	admitted = line_due(e, now, suppressed);
	pthread_mutex_unlock(&t->lock);
	return admitted;
}

void log_episode_begin(struct log_episodes *t, uint64_t key, enum log_level level, const char *event,
		       const char *msg)
{
	struct log_episode *e;

	pthread_mutex_lock(&t->lock);
	e = find(t, key);
	if (e == NULL && t->at[0].key == key)
		e = &t->at[0];
	if (e != NULL) {
		e->event = event;
		e->level = level;
		snprintf(e->msg, sizeof(e->msg), "%s%s", e == t->at ? "and others: " : "", msg);
	}
	pthread_mutex_unlock(&t->lock);
}

static bool episode_is_over(const struct log_episode *e, int64_t now)
{
	return e->key != 0 && e->event != NULL && now - e->last >= LOG_EPISODE_CALM;
}

bool log_episode_over(struct log_episodes *t, int64_t now, struct log_episode *out)
{
	bool found = false;

	pthread_mutex_lock(&t->lock);
	for (uint16_t i = 0; i <= t->used && !found; i++) {
		found = episode_is_over(&t->at[i], now);
		if (!found)
			continue;
		*out = t->at[i];
		remove_entry(t, &t->at[i]);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

bool log_episode_open(const struct log_episodes *t)
{
	return __atomic_load_n(&t->open, __ATOMIC_RELAXED) > 0;
}
