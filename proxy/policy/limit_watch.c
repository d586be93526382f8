/* limit_watch: begins and ends of episodes, and their lines. */
#include "proxy/policy/limit_watch.h"

#include <stdio.h>

#include "proxy/log/event.h"

#define WHO_ROOM 256 /* a name has 63 characters, an address 107 */

void limit_acted(struct limit_watch *w, struct limit *l, bool first)
{
	if (first)
		limit_hit(l, np_nanotime());
	else
		limit_still(l, np_nanotime());
	limit_wake(w);
}

void limit_wake(struct limit_watch *w)
{
	if (w != NULL && w->worker != NULL && __atomic_load_n(&w->awake, __ATOMIC_RELAXED) == 0 &&
	    __atomic_exchange_n(&w->awake, 1, __ATOMIC_SEQ_CST) == 0)
		np_post(w->worker, &w->msg);
}

void limit_no_descriptor(struct limit_watch *w, bool first)
{
	if (w != NULL)
		limit_acted(w, &w->descriptors, first);
}

static const char *who_of(const struct limit_words *words, char room[WHO_ROOM])
{
	if (words->server != NULL)
		snprintf(room, WHO_ROOM, "server %s/%s: %s", words->upstream, words->server, words->key);
	else if (words->listener != NULL)
		snprintf(room, WHO_ROOM, "listener %s: %s", words->listener, words->key);
	else if (words->upstream != NULL)
		snprintf(room, WHO_ROOM, "upstream %s: %s", words->upstream, words->key);
	else
		return words->key;
	return room;
}

static struct event *event_of(const struct limit_words *words)
{
	struct event *e = event_begin();

	event_fact(e, "limit", words->key);
	event_fact(e, "listener", words->listener);
	event_fact(e, "upstream", words->upstream);
	event_fact(e, "server", words->server);
	event_number(e, "max", words->max);
	return e;
}

static void episode_begins(struct limit *l, const struct limit_words *words, int64_t now)
{
	char room[WHO_ROOM];

	__atomic_store_n(&l->since, now, __ATOMIC_RELAXED);
	event_log(event_of(words), LVL_WARNING, "limit_reached", "%s %u%s is reached: %s", who_of(words, room),
		  words->max, words->unit != NULL ? words->unit : "", words->then);
}

static void episode_ends(struct limit *l, const struct limit_words *words, uint64_t hits, int64_t last)
{
	int64_t ns = last > l->since ? last - l->since : 0;
	unsigned long long n = hits - l->told, s = (unsigned long long)(ns / NP_S) + 1;
	struct event *e = event_of(words);
	char room[WHO_ROOM];

	event_number(e, "hits", (int64_t)n);
	event_number(e, "ms", ns / NP_MS);
	event_log(e, LVL_NOTICE, "limit_over", "%s acted %llu time%s within %llu s, and not since",
		  who_of(words, room), n, n == 1 ? "" : "s", s);
	l->told = hits;
	__atomic_store_n(&l->since, 0, __ATOMIC_RELAXED);
}

bool limit_look(struct limit *l, const struct limit_words *words, int64_t now)
{
	uint64_t hits = __atomic_load_n(&l->hits, __ATOMIC_ACQUIRE);
	int64_t last = __atomic_load_n(&l->last_hit, __ATOMIC_RELAXED);

	if (hits == l->told)
		return false;
	if (l->since == 0)
		episode_begins(l, words, last);
	if (now - last < LIMIT_CALM)
		return true;
	episode_ends(l, words, hits, last);
	return false;
}

void limit_close(struct limit *l, const struct limit_words *words)
{
	(void)limit_look(l, words, INT64_MAX);
}

void limit_watch_rests(struct limit_watch *w)
{
	__atomic_store_n(&w->awake, 0, __ATOMIC_SEQ_CST);
}

bool limit_watch_resumes(struct limit_watch *w)
{
	return __atomic_exchange_n(&w->awake, 1, __ATOMIC_SEQ_CST) == 0;
}
