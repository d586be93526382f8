/* slow_start: who is young, and what its share is now. */
#include "proxy/upstream/slow_start.h"

#include "proxy/upstream/balance_gather.h"

#define FIRST (SLOW_START_UNIT / 10) /* at the begin */

/* The clock of another worker may be a turn ahead. */
uint64_t slow_start_factor(const struct server *s, int64_t slow_start, int64_t now)
{
	int64_t back = __atomic_load_n(&s->back, __ATOMIC_RELAXED), age = now > back ? now - back : 0;

	/* also of one that is away: it is picked only where nobody is left, and then as it is */
	if (back <= 0 || back < __atomic_load_n(&s->live->ramps, __ATOMIC_RELAXED) || age >= slow_start)
		return SLOW_START_UNIT;
	return (uint64_t)(FIRST + (SLOW_START_UNIT - FIRST) * age / slow_start);
}

/* Also back to the whole, where another generation has seen the end of it. */
static void scale_member(struct member *m, uint64_t factor)
{
	bool ramps = factor < SLOW_START_UNIT;
	uint64_t most;

	if (!ramps && !m->ramps)
		return;
	most = server_most(m->seen, m->max_connections);
	m->share = (uint32_t)(server_weight(m->seen, m->weight) * factor);
	m->most = (uint32_t)(most * factor / SLOW_START_UNIT);
	if (m->most == 0 && most != 0)
		m->most = 1;
	m->ramps = ramps;
}

static uint64_t factor_of(const struct upstream *u, const struct member *m, int64_t now)
{
	return m->grade >= GRADE_SPARE ? slow_start_factor(m->server, u->slow_start, now) : SLOW_START_UNIT;
}

void slow_start_ramp(const struct upstream *u, int64_t now)
{
	for (unsigned t = 0; t < u->members->ntiers; t++) {
		const struct tier *tier = &u->members->tiers[t];
		bool warm = false;

		for (unsigned i = tier->first; i < tier->end && !warm; i++) {
			const struct member *m = &u->members->at[i];

			warm = m->grade >= GRADE_SPARE && factor_of(u, m, now) == SLOW_START_UNIT;
		}
		for (unsigned i = tier->first; i < tier->end; i++) {
			struct member *m = &u->members->at[i];

			scale_member(m, warm ? factor_of(u, m, now) : SLOW_START_UNIT);
		}
	}
}

/* By lot, and another lot for each of them. */
static bool is_drawn(const struct pick_args *a, const struct member *m, uint64_t sum)
{
	uint64_t lot = (a->random ^ m->key) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	return lot * sum >> 32 < m->share;
}

void slow_start_thin(const struct pick_args *a, struct pool *p)
{
	uint64_t sum = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		sum += p->at[i]->share;
	for (unsigned i = 0; i < p->n; i++) {
		bool last = n == 0 && i + 1 == p->n;

		if (last || !p->at[i]->ramps || is_drawn(a, p->at[i], sum))
			p->at[n++] = p->at[i];
	}
	p->n = n;
}
