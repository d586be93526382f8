/* upstream_full: who was turned away, or had to wait, because every server is full. Each server that is full has acted,
 * and its episode is told by what it has counted; but where a thousand servers are full and clients keep coming, they
 * come by the thousand, too. So a walk over the servers notes which of them are full, and those who come within the
 * next moment are one number of the upstream, which the servers of that walk are given with the next one. */
#include "proxy/upstream/balance_gather.h"
#include "proxy/upstream/upstream.h"

#define WALK_EVERY INT64_C(10000000) /* ns: a walk over a thousand servers takes a thousandth of it */

static void hit_slots(struct server *s, uint64_t n, int64_t last)
{
	__atomic_store_n(&s->slots.last_hit, last, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->slots.hits, n, __ATOMIC_RELEASE);
}

/* Those that are full for a: they have turned away so many. */
static void hit_full_ones(struct upstream *u, const struct pick_args *a, uint64_t n, uint64_t walk)
{
	for (unsigned i = 0; i < u->members->n; i++) {
		struct member *m = &u->members->at[i];

		if (balance_standing(u, m, a, GRADE_SPARE) != STANDING_FULL)
			continue;
		hit_slots(m->server, n, a->now);
		if (walk != 0)
			m->server->full_walk = walk;
	}
}

/* One who has tried servers in vain has had a dial for each, so a walk of his own is little beside them. */
void upstream_note_full(struct upstream *u, const struct pick_args *a)
{
	struct upstream_full *full = &u->live->full;

	pthread_mutex_lock(&u->live->lock);
	if (a->ntried > 0) {
		hit_full_ones(u, a, 1, 0);
	} else if (full->walk != 0 && a->now - full->walked < WALK_EVERY) {
		full->n++;
		full->last = a->now;
	} else {
		full->walked = a->now;
		hit_full_ones(u, a, full->n + 1, ++full->walk);
		full->n = 0;
	}
	pthread_mutex_unlock(&u->live->lock);
}

void upstream_settle_full(struct upstream_live *live)
{
	struct upstream_full *full = &live->full;

	pthread_mutex_lock(&live->lock);
	if (full->n > 0)
		list_for_each(it, &live->servers) {
			struct server *s = list_entry(it, struct server, link);

			if (s->full_walk == full->walk)
				hit_slots(s, full->n, full->last);
		}
	full->n = 0;
	pthread_mutex_unlock(&live->lock);
}
