/* The registry of servers: one object per upstream name and address, found by hash, counted by the
 * upstreams that list it and by the connections that use it. Why nobody but the control thread
 * frees: server.h. */
#include "proxy/upstream/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/hash.h"
#include "netpoll/netpoll.h"
#include "proxy/base/probe.h"
#include "proxy/upstream/upstream_doubt.h"
#include "proxy/upstream/waiter.h"

/* Fixed: with a hundred thousand servers a look-up walks about a hundred. */
#define BUCKETS 1024
#define FAILURE_MS INT64_C(1000000) /* ns */

struct server_registry {
	unsigned count, nworkers;
	struct list lives; /* of struct upstream_live */
	struct list leaving; /* no upstream lists them; slots may still be taken */
	struct list buckets[BUCKETS];
};

struct server_registry *server_registry_new(unsigned nworkers)
{
	struct server_registry *r = malloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->count = 0;
	r->nworkers = nworkers;
	list_init(&r->lives);
	list_init(&r->leaving);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&r->buckets[i]);
	return r;
}

struct list *server_registry_lives(struct server_registry *r)
{
	return &r->lives;
}

struct upstream_live *server_registry_live(struct server_registry *r, const char *upstream)
{
	return upstream_live_get(&r->lives, upstream, r->nworkers);
}

unsigned server_registry_workers(const struct server_registry *r)
{
	return r->nworkers;
}

unsigned server_registry_count(const struct server_registry *r)
{
	return r->count;
}

/* Also frees one that server_new could not complete. */
static struct server *server_free(struct server *s)
{
	if (s->passive.state != SERVER_IN)
		(void)passive_forget(s, np_nanotime());
	free((void *)(uintptr_t)s->name);
	free((void *)(uintptr_t)s->text);
	free(s->stats);
	free(s->minute);
	free(s->check);
	free(s->agent);
	list_remove(&s->link);
	upstream_live_put(s->live);
	free(s);
	return NULL;
}

static struct server *server_new(struct server_registry *r, const char *upstream,
	const char *address, const char *text)
{
	struct server *s = aligned_alloc(_Alignof(struct server), sizeof(*s));
	char *name = NULL;

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	list_init(&s->bucket);
	list_init(&s->leaving);
	list_init(&s->link);
	s->since = np_nanotime();
	s->hash = hash_text(address);
	s->text = strdup(text);
	s->stats = server_stats_new(r->nworkers);
	s->live = server_registry_live(r, upstream);
	if (s->text == NULL || s->stats == NULL || s->live == NULL)
		return server_free(s);
	list_push_back(&s->live->servers, &s->link);
	if (asprintf(&name, "%s/%s", upstream, address) < 0)
		return server_free(s);
	s->name = name;
	return s;
}

/* The address is compared too: different ones may have the same text, since control bytes of a path
 * are escaped. */
static bool server_matches(const struct server *s, const char *upstream, const struct np_addr *addr)
{
	size_t n = strlen(upstream);

	return !s->retired && np_addr_equal(&s->addr, addr) && strncmp(s->name, upstream, n) == 0 &&
		s->name[n] == '/';
}

struct server *server_get(struct server_registry *r, const char *upstream,
	const struct np_addr *addr, const char *text)
{
	char address[NP_ADDR_TEXT];
	struct list *bucket;
	struct server *s;

	np_addr_format(&addr->u.sa, addr->len, address, sizeof(address));
	bucket = &r->buckets[hash_text(address) % BUCKETS];
	list_for_each(it, bucket) {
		s = list_entry(it, struct server, bucket);
		if (!server_matches(s, upstream, addr))
			continue;
		if (s->holders++ == 0)
			PROBE(server_state, s->name, "listed");
		list_remove(&s->leaving);
		return s;
	}
	s = server_new(r, upstream, address, text != NULL ? text : address);
	if (s == NULL)
		return NULL;
	s->addr = *addr;
	s->holders = 1;
	list_push_back(bucket, &s->bucket);
	r->count++;
	PROBE(server_state, s->name, "listed");
	return s;
}

void server_put(struct server_registry *r, struct server *s)
{
	CHECK(s->holders > 0, "a server is put once for each time it was got");
	DCHECK(list_empty(&s->leaving), "a server that is held is not leaving");
	if (--s->holders > 0)
		return;
	if (s->passive.state != SERVER_IN)
		(void)passive_forget(s, np_nanotime()); /* picks of its upstream need not look at it */
	list_push_back(&r->leaving, &s->leaving);
	PROBE(server_state, s->name, "leaving");
}

/* Whose last slot is back, and that no upstream lists and no worker keeps. The acquires pair with the releases in
 * server_release and server_unkeep: what was counted of it is there. */
static bool server_is_over(const struct server *s)
{
	return s->holders == 0 && __atomic_load_n(&s->slots.used, __ATOMIC_ACQUIRE) == 0 &&
	       __atomic_load_n(&s->kept, __ATOMIC_ACQUIRE) == 0;
}

bool server_retire(struct server_registry *r, struct server *s)
{
	if (s->retired || !server_is_over(s))
		return s->retired;
	server_stats_sum(&s->live->gone, s->stats, r->nworkers);
	s->retired = true;
	return true;
}

/* No worker can reach an upstream that lists a leaving server, so a count of 0 is final. The
 * acquire pairs with the release in server_release: after it the worker does not read the server
 * again. */
void server_registry_sweep(struct server_registry *r)
{
	list_for_each_safe(it, &r->leaving) {
		struct server *s = list_entry(it, struct server, leaving);

		DCHECK(s->holders == 0, "a leaving server is in no upstream");
		if (s->lists > 0 || !server_is_over(s))
			continue;
		list_remove(&s->leaving);
		list_remove(&s->bucket);
		r->count--;
		PROBE(server_state, s->name, "gone");
		server_free(s);
	}
}

struct server_registry *server_registry_free(struct server_registry *r)
{
	if (r == NULL)
		return NULL;
	server_registry_sweep(r);
	CHECK(r->count == 0, "a server is held, or a slot taken, after the end");
	free(r);
	return NULL;
}

/* ---- the word ---- */

/* That it is back begins with the change of its word, whether a client comes then or an hour later: who was away and is
 * drained yet is back when that ends, too. Only who makes a server go away stores that it is, and the field that does
 * it is changed back by the same thread: so the store is done before another one may find the server usable. */
static void note_back(struct server *s, uint64_t from, uint64_t to)
{
	if (server_is_away(to)) {
		if (!server_is_away(from))
			__atomic_store_n(&s->back, SERVER_AWAY, __ATOMIC_RELEASE);
		return;
	}
	if (__atomic_load_n(&s->back, __ATOMIC_ACQUIRE) == SERVER_AWAY && server_usable(to, 1, NULL) != USABLE_NO)
		__atomic_store_n(&s->back, np_nanotime(), __ATOMIC_RELAXED);
}

void server_is_new(struct server *s)
{
	bool usable = server_usable(server_now(s), 1, NULL) != USABLE_NO;

	__atomic_store_n(&s->back, usable ? np_nanotime() : SERVER_AWAY, __ATOMIC_RELEASE);
}

/* Since when it is as it is begins anew where another input decides. The configured weight is its members' and does not
 * change: any but 0 will do. Two who write at once may store in either order; both times are of now, and nothing but a
 * display reads them. */
static void note_move(struct server *s, uint64_t from, uint64_t to)
{
	enum server_why before, after;

	(void)server_usable(from, 1, &before);
	(void)server_usable(to, 1, &after);
	if (before != after)
		__atomic_store_n(&s->since, np_nanotime(), __ATOMIC_RELAXED);
	note_back(s, from, to);
}

/* Compare and swap: other fields have other owners, who change theirs meanwhile. Who sees it counted sees all
 * of it. */
uint64_t server_change_word(struct server *s, server_word_change *change, const void *arg)
{
	uint64_t word = server_now(s), wanted;

	do {
		wanted = change(word, arg);
		if (wanted == word)
			break;
	} while (!__atomic_compare_exchange_n(&s->word, &word, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	note_move(s, word, wanted);
	if (wanted != word)
		__atomic_add_fetch(&s->live->changes, 1, __ATOMIC_RELEASE);
	return word;
}

static uint64_t leaving_to(uint64_t word, const void *leaving)
{
	struct server_inputs now = server_inputs(word);

	now.leaving = *(const bool *)leaving;
	return server_word(&now);
}

void server_set_leaving(struct server *s, bool leaving)
{
	(void)server_change_word(s, leaving_to, &leaving);
}

static uint64_t admin_to(uint64_t word, const void *inputs)
{
	const struct server_inputs *in = inputs;
	struct server_inputs now = server_inputs(word);

	now.admin = in->admin;
	now.admin_weight = in->admin_weight;
	now.admin_most = in->admin_most;
	return server_word(&now);
}

void server_set_admin(struct server *s, const struct server_inputs *in, const int64_t ends[SERVER_SETS])
{
	(void)server_change_word(s, admin_to, in);
	for (unsigned i = 0; i < SERVER_SETS; i++)
		__atomic_store_n(&s->ends[i], ends[i], __ATOMIC_RELAXED);
	upstream_wake(s->live, np_nanotime());
}

static uint64_t check_to(uint64_t word, const void *to)
{
	return server_word_check(word, *(const enum server_check *)to);
}

enum server_check server_set_check(struct server *s, enum server_check to)
{
	uint64_t before = server_change_word(s, check_to, &to);

	upstream_wake(s->live, np_nanotime());
	return server_inputs(before).check;
}

/* Where the health thread has said something meanwhile, that stays. */
static uint64_t none_to(uint64_t word, const void *to)
{
	return server_inputs(word).check == SERVER_CHECK_NONE ? check_to(word, to) : word;
}

void server_await_check(struct server *s)
{
	const enum server_check unknown = SERVER_CHECK_UNKNOWN;

	(void)server_change_word(s, none_to, &unknown);
}

/* ---- slots ---- */

/* Compare and swap, although the caller holds its upstream's lock: a release needs no lock. */
bool server_try_take(struct server *s, uint32_t max)
{
	uint32_t n = server_active(s);

	do {
		if (max != 0 && n >= max)
			return false;
	} while (!__atomic_compare_exchange_n(
		&s->slots.used, &n, n + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	if (unlikely(max != 0 && n >= __atomic_load_n(&s->slots.high, __ATOMIC_RELAXED)))
		limit_note_high(&s->slots, n + 1);
	return true;
}

/* Out of line: without it a release needs no frame. */
static no_inline void wake_waiting(struct upstream_live *live)
{
	upstream_wake(live, np_nanotime());
}

void server_release(struct server *s)
{
	struct upstream_live *live = s->live;
	uint32_t n = __atomic_fetch_sub(&s->slots.used, 1, __ATOMIC_SEQ_CST);

	CHECK(n > 0, "a slot is given back exactly once");
	if (unlikely(upstream_waiting(live) != 0))
		wake_waiting(live);
}

void server_take_moved(struct server *s)
{
	limit_take_moved(&s->slots);
}

void server_pass(struct server *s)
{
	if (!limit_pass(&s->slots))
		server_release(s);
}

void server_keep(struct server *s)
{
	__atomic_add_fetch(&s->kept, 1, __ATOMIC_RELAXED);
}

void server_unkeep(struct server *s)
{
	uint32_t n = __atomic_fetch_sub(&s->kept, 1, __ATOMIC_RELEASE);

	CHECK(n > 0, "a server is given up once for each time it was kept");
}

/* ---- the lesson: milliseconds and its second in one word ---- */

#define LESSON_MS_BITS    24 /* 4 h */
#define LESSON_HEDGE_AT   24
#define LESSON_HEDGE_BITS 20
#define LESSON_EARLY_AT   44
#define LESSON_STAMP_AT   45
#define LESSON_STAMP_BITS 19 /* seconds, round in six days */
#define LESSON_KEEPS      5  /* s */

static uint64_t lesson_ms(int64_t ns, unsigned bits)
{
	uint64_t ms = (uint64_t)(ns / FAILURE_MS), most = (UINT64_C(1) << bits) - 1;

	return ms < most ? ms : most;
}

static uint64_t lesson_stamp(int64_t now)
{
	return (uint64_t)(now / (1000 * FAILURE_MS)) & ((UINT64_C(1) << LESSON_STAMP_BITS) - 1);
}

/* Whole milliseconds: what is learnt is a bound of a bucket, never as exact as that. */
void server_learn(struct server *s, const struct server_lesson *l, int64_t now)
{
	uint64_t word = lesson_ms(l->answer, LESSON_MS_BITS) |
			lesson_ms(l->hedge, LESSON_HEDGE_BITS) << LESSON_HEDGE_AT |
			(uint64_t)l->early_ends_count << LESSON_EARLY_AT;

	__atomic_store_n(&s->learnt, word | lesson_stamp(now) << LESSON_STAMP_AT, __ATOMIC_RELAXED);
}

/* The reader's clock may be of a turn ago, and so of the second before the teacher's: that is no age at all. */
struct server_lesson server_lesson_of(uint64_t word, int64_t now)
{
	uint64_t age = (lesson_stamp(now) - (word >> LESSON_STAMP_AT)) & ((UINT64_C(1) << LESSON_STAMP_BITS) - 1);

	if (age > LESSON_KEEPS && age != (UINT64_C(1) << LESSON_STAMP_BITS) - 1)
		return (struct server_lesson){0};
	return (struct server_lesson){
		.answer = (int64_t)(word & ((UINT64_C(1) << LESSON_MS_BITS) - 1)) * FAILURE_MS,
		.hedge = (int64_t)(word >> LESSON_HEDGE_AT & ((UINT64_C(1) << LESSON_HEDGE_BITS) - 1)) * FAILURE_MS,
		.early_ends_count = (word >> LESSON_EARLY_AT & 1) != 0,
	};
}

/* ---- the last failure: why, error and milliseconds in one word, so that no reader sees halves of two ---- */

#define FAILURE_WHY_BITS 8
#define FAILURE_ERR_BITS 16

void server_note_failure(struct server *s, const struct server_failure *f)
{
	uint64_t word = (uint64_t)(f->at / FAILURE_MS);

	DCHECK(f->why > 0 && f->why < 1U << FAILURE_WHY_BITS && f->err <= 0 && f->err > -(1 << FAILURE_ERR_BITS),
	       "a failure fits into a word");
	word = word << FAILURE_ERR_BITS | (unsigned)-f->err;
	__atomic_store_n(&s->failure, word << FAILURE_WHY_BITS | f->why, __ATOMIC_RELAXED);
	upstream_doubt(s->live);
}

struct server_failure server_last_failure(const struct server *s)
{
	uint64_t word = __atomic_load_n(&s->failure, __ATOMIC_RELAXED);
	struct server_failure f = {.why = word & ((1U << FAILURE_WHY_BITS) - 1)};

	word >>= FAILURE_WHY_BITS;
	f.err = -(int)(word & ((1U << FAILURE_ERR_BITS) - 1));
	f.at = (int64_t)(word >> FAILURE_ERR_BITS) * FAILURE_MS;
	return f;
}
