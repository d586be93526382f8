/* source: buckets of chained entries, and for each shard a list of the idle ones. Who finds no free entry takes the
 * oldest idle one of its own shard, or of another: with no lock held in between, since locks are never nested. */
#include "proxy/policy/source_priv.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/cidr.h"
#include "netpoll/check.h"
#include "proxy/base/siphash.h"

#define REAP_LOOKS  2 /* idle ones that a new source lets go, if their buckets are full by now */
#define LEAVE_LOOKS 8 /* idle ones among which one with a full bucket is looked for */

/* ---- the table ---- */

struct source_table *source_table_new(uint32_t most)
{
	uint32_t nheads = 1;
	struct source_table *t = calloc(1, sizeof(*t));
	uint32_t *heads;

	if (t == NULL)
		return NULL;
	while (nheads * 2 * SOURCE_SHARDS <= most)
		nheads *= 2;
	t->most = most;
	t->nheads = nheads;
	/* zeroed by the kernel, where it is large: who is never used takes no memory */
	t->at = calloc(1, most * sizeof(*t->at) + (size_t)nheads * SOURCE_SHARDS * sizeof(*heads));
	if (t->at == NULL || getrandom(t->key, sizeof(t->key), 0) != (ssize_t)sizeof(t->key)) {
		free(t->at);
		free(t);
		return NULL;
	}
	heads = (uint32_t *)(void *)(t->at + most);
	for (unsigned i = 0; i < SOURCE_SHARDS; i++) {
		pthread_mutex_init(&t->shard[i].lock, NULL);
		t->shard[i].heads = heads + (size_t)i * nheads;
	}
	return t;
}

struct source_table *source_table_free(struct source_table *t)
{
	if (t == NULL)
		return NULL;
	for (unsigned i = 0; i < SOURCE_SHARDS; i++)
		pthread_mutex_destroy(&t->shard[i].lock);
	free(t->at);
	free(t);
	return NULL;
}

/* ---- keys ---- */

struct source_home source_home_of(struct source_table *t, const struct source_key *key)
{
	uint64_t h = siphash13(t->key, key, sizeof(*key));
	struct source_home home = {.number = (uint8_t)(h % SOURCE_SHARDS)};

	home.shard = &t->shard[home.number];
	home.head = &home.shard->heads[(h >> 32) & (t->nheads - 1)];
	return home;
}

static struct source_key key_of_source(const struct source_entry *s)
{
	struct source_key key = {.listener = s->listener, .bits = s->bits};

	memcpy(key.addr, s->addr, sizeof(key.addr));
	return key;
}

static void mask(uint8_t addr[16], uint32_t bits)
{
	uint32_t whole = bits / 8;

	if (whole >= 16)
		return;
	addr[whole] &= (uint8_t)~(0xff >> bits % 8);
	memset(addr + whole + 1, 0, 15 - whole);
}

/* Returns  false: no source: a Unix client, or one that is exempt. */
static bool source_key_of(const struct source_rule *r, const struct sockaddr *sa, struct source_key *key)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

	*key = (struct source_key){.listener = r->listener};
	if (sa->sa_family == AF_INET6) {
		memcpy(key->addr, &in6->sin6_addr, sizeof(key->addr));
		key->bits = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? CIDR_V4_BITS + r->v4 : r->v6;
	} else if (sa->sa_family == AF_INET) {
		key->addr[10] = key->addr[11] = 0xff;
		memcpy(key->addr + 12, &in4->sin_addr, sizeof(in4->sin_addr));
		key->bits = CIDR_V4_BITS + r->v4;
	} else {
		return false;
	}
	if (r->exempt.n > 0 && cidr_set_has(&r->exempt, sa, sizeof(struct sockaddr_in6)))
		return false;
	mask(key->addr, key->bits);
	return true;
}

static bool is_key_of(const struct source_entry *s, const struct source_key *key)
{
	return s->listener == key->listener && s->bits == key->bits && memcmp(s->addr, key->addr, sizeof(s->addr)) == 0;
}

/* ---- one shard, under its lock ---- */

static void count_known(struct source_shard *sh, uint32_t by)
{
	__atomic_store_n(&sh->n, sh->n + by, __ATOMIC_RELAXED);
}

static void idle_push(struct source_table *t, struct source_shard *sh, uint32_t i)
{
	struct source_entry *s = source_at(t, i);

	s->idle = true;
	s->older = sh->youngest;
	s->younger = 0;
	if (sh->youngest != 0)
		source_at(t, sh->youngest)->younger = i;
	else
		sh->oldest = i;
	sh->youngest = i;
}

static void idle_remove(struct source_table *t, struct source_shard *sh, struct source_entry *s)
{
	if (s->older != 0)
		source_at(t, s->older)->younger = s->younger;
	else
		sh->oldest = s->younger;
	if (s->younger != 0)
		source_at(t, s->younger)->older = s->older;
	else
		sh->youngest = s->older;
	s->idle = false;
	s->older = s->younger = 0;
}

/* Out of its bucket and of the idle. It is the caller's then. */
static void unlink_source(struct source_table *t, struct source_shard *sh, uint32_t i)
{
	struct source_entry *s = source_at(t, i);
	struct source_key key = key_of_source(s);
	uint32_t *at = source_home_of(t, &key).head;

	if (s->idle)
		idle_remove(t, sh, s);
	while (*at != i)
		at = &source_at(t, *at)->chain;
	*at = s->chain;
	count_known(sh, UINT32_MAX);
}

static void forget_source(struct source_table *t, struct source_shard *sh, uint32_t i)
{
	unlink_source(t, sh, i);
	source_at(t, i)->chain = sh->free;
	sh->free = i;
}

static bool is_in_use(const struct source_entry *s)
{
	return s->conns > 0 || s->before > 0 || s->waiting > 0;
}

void source_settle(struct source_table *t, struct source_shard *sh, uint32_t i, int64_t now)
{
	struct source_entry *s = source_at(t, i);

	if (s->idle)
		idle_remove(t, sh, s);
	if (is_in_use(s))
		return;
	if (s->tat <= now)
		forget_source(t, sh, i);
	else
		idle_push(t, sh, i);
}

/* Those whose buckets have become full have nothing to tell any more. */
static void reap_idle(struct source_table *t, struct source_shard *sh, int64_t now)
{
	for (int looks = 0; looks < REAP_LOOKS && sh->oldest != 0; looks++) {
		if (source_at(t, sh->oldest)->tat > now)
			return;
		forget_source(t, sh, sh->oldest);
	}
}

/* An entry that nobody uses: a free one, or an idle one, rather with a full bucket.   Returns  0: none. */
static uint32_t take_unused(struct source_table *t, struct source_shard *sh, int64_t now)
{
	uint32_t i = sh->free, best = sh->oldest;

	if (i != 0) {
		sh->free = source_at(t, i)->chain;
		return i;
	}
	i = sh->oldest;
	for (int looks = 0; looks < LEAVE_LOOKS && i != 0; looks++, i = source_at(t, i)->younger) {
		if (source_at(t, i)->tat > now)
			continue;
		best = i;
		break;
	}
	if (best != 0)
		unlink_source(t, sh, best);
	return best;
}

uint32_t source_find(struct source_table *t, const struct source_home *home, const struct source_key *key)
{
	uint32_t i = *home->head;

	while (i != 0 && !is_key_of(source_at(t, i), key))
		i = source_at(t, i)->chain;
	return i;
}

static uint32_t add_source(struct source_table *t, const struct source_home *home, const struct source_key *key,
			   uint32_t i)
{
	struct source_entry *s = source_at(t, i);

	*s = (struct source_entry){
		.listener = key->listener,
		.bits = (uint8_t)key->bits,
		.chain = *home->head,
		.shard = home->number,
	};
	memcpy(s->addr, key->addr, sizeof(s->addr));
	*home->head = i;
	count_known(home->shard, 1);
	return i;
}

/* ---- finding room ---- */

/* One that was never used.   Returns  0: all were. */
static uint32_t take_fresh(struct source_table *t)
{
	uint32_t used = __atomic_load_n(&t->used, __ATOMIC_RELAXED);

	while (used < t->most)
		if (__atomic_compare_exchange_n(&t->used, &used, used + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return used + 1;
	return 0;
}

/* Of any shard but this one; no lock is held. */
static uint32_t take_elsewhere(struct source_table *t, const struct source_home *home, int64_t now)
{
	uint32_t i = 0;

	for (unsigned k = 1; k < SOURCE_SHARDS && i == 0; k++) {
		struct source_shard *sh = &t->shard[(home->number + k) % SOURCE_SHARDS];

		pthread_mutex_lock(&sh->lock);
		i = take_unused(t, sh, now);
		pthread_mutex_unlock(&sh->lock);
	}
	return i;
}

/* Another thread may have added it while the lock was not held: then the entry is one more that is free. */
static uint32_t add_from_elsewhere(struct source_table *t, const struct source_home *home,
				   const struct source_key *key, int64_t now)
{
	uint32_t i, found;

	pthread_mutex_unlock(&home->shard->lock);
	i = take_elsewhere(t, home, now);
	pthread_mutex_lock(&home->shard->lock);
	found = source_find(t, home, key);
	if (found == 0)
		return i != 0 ? add_source(t, home, key, i) : 0;
	if (i != 0) {
		source_at(t, i)->chain = home->shard->free;
		home->shard->free = i;
	}
	return found;
}

uint32_t source_get(struct source_table *t, const struct source_home *home, const struct source_key *key,
			   int64_t now)
{
	uint32_t i = source_find(t, home, key);

	if (i != 0)
		return i;
	reap_idle(t, home->shard, now);
	i = home->shard->free != 0 ? take_unused(t, home->shard, now) : take_fresh(t);
	if (i == 0)
		i = take_unused(t, home->shard, now);
	if (i == 0)
		return add_from_elsewhere(t, home, key, now);
	return add_source(t, home, key, i);
}

/* ---- limits ---- */

static int64_t tat_after(const struct source_rule *r, const struct source_entry *s, int64_t now)
{
	return (s->tat > now ? s->tat : now) + r->interval;
}

static bool may_have_more(const struct source_rule *r, const struct source_entry *s)
{
	return (uint64_t)s->conns + s->before < r->most;
}

/* Who comes while others wait stands behind them, whatever room there is just now. */
static enum source_verdict judge_source(const struct source_rule *r, struct source_entry *s, int64_t now,
					struct source_place *out)
{
	int64_t tat = tat_after(r, s, now);
	bool late = r->interval > 0 && tat - now > r->burst;
	bool behind = r->action == SOURCE_WAIT && s->waiting > 0;

	if (!may_have_more(r, s))
		out->over = SOURCE_CONNECTIONS;
	else if (late)
		out->over = SOURCE_RATE;
	if (r->dry_run || (out->over == SOURCE_NO_LIMIT && !behind)) {
		s->conns++;
		s->tat = late ? s->tat : tat;
		return SOURCE_TAKEN;
	}
	if (r->action != SOURCE_WAIT || s->waiting == SOURCE_WAITING)
		return SOURCE_REFUSED;
	if (out->over == SOURCE_NO_LIMIT)
		out->over = r->interval > 0 ? SOURCE_RATE : SOURCE_CONNECTIONS;
	s->waiting++;
	s->tat = tat;
	out->until = tat - r->burst;
	return SOURCE_WAITS;
}

enum source_verdict source_take(const struct source_rule *r, const struct sockaddr *sa, int64_t now,
				struct source_place *out)
{
	struct source_table *t = r->table;
	enum source_verdict verdict = SOURCE_PASSES;
	struct source_key key;
	struct source_home home;
	uint32_t i;

	*out = (struct source_place){0};
	if (!source_key_of(r, sa, &key))
		return SOURCE_PASSES;
	home = source_home_of(t, &key);
	pthread_mutex_lock(&home.shard->lock);
	i = source_get(t, &home, &key, now);
	if (i != 0) {
		verdict = judge_source(r, source_at(t, i), now, out);
		source_settle(t, home.shard, i, now);
	}
	pthread_mutex_unlock(&home.shard->lock);
	out->full = i == 0;
	if (verdict == SOURCE_TAKEN || verdict == SOURCE_WAITS)
		out->source = i;
	return verdict;
}

/* Of one that is in use, so it has its shard until the lock is let go. */
static struct source_shard *lock_source(struct source_table *t, uint32_t i)
{
	struct source_shard *sh = &t->shard[source_at(t, i)->shard];

	pthread_mutex_lock(&sh->lock);
	return sh;
}

bool source_try(const struct source_rule *r, uint32_t source, int64_t now)
{
	struct source_shard *sh = lock_source(r->table, source);
	struct source_entry *s = source_at(r->table, source);
	bool room = may_have_more(r, s);

	CHECK(s->waiting > 0, "who tries waits");
	if (room) {
		s->waiting--;
		s->conns++;
	}
	source_settle(r->table, sh, source, now);
	pthread_mutex_unlock(&sh->lock);
	return room;
}

void source_leave(const struct source_rule *r, uint32_t source, int64_t now)
{
	struct source_shard *sh = lock_source(r->table, source);
	struct source_entry *s = source_at(r->table, source);

	CHECK(s->waiting > 0, "who leaves has waited");
	s->waiting--;
	s->tat -= r->interval;
	source_settle(r->table, sh, source, now);
	pthread_mutex_unlock(&sh->lock);
}

void source_release(struct source_table *t, uint32_t source, int64_t now)
{
	struct source_shard *sh = lock_source(t, source);
	struct source_entry *s = source_at(t, source);

	CHECK(s->conns > 0, "a connection of a source ends once");
	s->conns--;
	source_settle(t, sh, source, now);
	pthread_mutex_unlock(&sh->lock);
}

uint32_t source_count(const struct source_rule *r, const struct sockaddr *sa, int64_t now, bool moved)
{
	struct source_key key;
	struct source_home home;
	uint32_t i;

	if (!source_key_of(r, sa, &key))
		return 0;
	home = source_home_of(r->table, &key);
	pthread_mutex_lock(&home.shard->lock);
	i = source_get(r->table, &home, &key, now);
	if (i != 0) {
		struct source_entry *s = source_at(r->table, i);

		s->conns++;
		s->before -= moved && s->before > 0;
		source_settle(r->table, home.shard, i, now);
	}
	pthread_mutex_unlock(&home.shard->lock);
	return i;
}

bool source_fits(const struct source_rule *r, uint32_t source)
{
	struct source_shard *sh = lock_source(r->table, source);
	const struct source_entry *s = source_at(r->table, source);
	bool v4 = s->bits > CIDR_V4_BITS && memcmp(s->addr, (const uint8_t[12]){[10] = 0xff, [11] = 0xff}, 12) == 0;
	bool fits = s->bits == (v4 ? CIDR_V4_BITS + r->v4 : r->v6);

	pthread_mutex_unlock(&sh->lock);
	return fits;
}

const char *source_text(const struct source_rule *r, const struct sockaddr *sa, char *out)
{
	struct source_key key;
	struct cidr net = {0};

	if (!source_key_of(r, sa, &key))
		net.bits = CIDR_UNIX;
	else
		net.bits = (uint8_t)key.bits;
	memcpy(net.addr, key.addr, sizeof(net.addr));
	return cidr_format(&net, out);
}

uint32_t source_known(const struct source_table *t)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < SOURCE_SHARDS; i++)
		n += __atomic_load_n(&t->shard[i].n, __ATOMIC_RELAXED);
	return n;
}
