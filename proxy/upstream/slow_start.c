/* slow_start: who is young, and what its share is now. */
#include "proxy/upstream/slow_start.h"

#include "proxy/upstream/balance.h"

#define FIRST (SLOW_START_UNIT / 10) /* at the begin */

/* What it was held out for makes its caches cold, or proves nothing else than that it was away. A drain or a weight of
 * 0 does not: it served until then. */
static bool was_away(const struct member *m)
{
	enum server_why why;

	(void)server_usable(m->seen, m->weight, &why);
	return why == SERVER_WHY_MAINT || why == SERVER_WHY_CHECK_DOWN || why == SERVER_WHY_PASSIVE_OUT ||
	       why == SERVER_WHY_PASSIVE_TRIAL || why == SERVER_WHY_AGENT_DOWN;
}

static void note_age(const struct upstream *u, const struct member *m, int64_t now)
{
	struct server *s = m->server;

	if (m->grade < GRADE_SPARE) {
		if (s->young != SERVER_COLD && was_away(m))
			s->young = SERVER_COLD;
		return;
	}
	if (s->young == SERVER_COLD)
		s->young = now;
	if (s->young != 0 && now - s->young >= u->slow_start)
		s->young = 0;
}

static bool is_young(const struct member *m)
{
	return m->grade >= GRADE_SPARE && m->server->young != 0;
}

/* In 1024ths. The clock of another worker may be a turn ahead. */
static uint64_t factor_of(const struct upstream *u, const struct member *m, int64_t now)
{
	int64_t age = now > m->server->young ? now - m->server->young : 0;

	return (uint64_t)(FIRST + (SLOW_START_UNIT - FIRST) * age / u->slow_start);
}

/* Also back to the whole, where another generation has seen the end of it. */
static void scale_member(const struct upstream *u, struct member *m, bool ramps, int64_t now)
{
	uint64_t factor = ramps ? factor_of(u, m, now) : SLOW_START_UNIT, most;

	if (!ramps && !m->ramps)
		return;
	most = server_most(m->seen, m->max_connections);
	m->share = (uint32_t)(server_weight(m->seen, m->weight) * factor);
	m->most = (uint32_t)(most * factor / SLOW_START_UNIT);
	if (m->most == 0 && most != 0)
		m->most = 1;
	m->ramps = ramps;
}

void slow_start_ramp(const struct upstream *u, int64_t now)
{
	for (unsigned t = 0; t < u->members->ntiers; t++) {
		const struct tier *tier = &u->members->tiers[t];
		bool warm = false;

		for (unsigned i = tier->first; i < tier->end; i++) {
			const struct member *m = &u->members->at[i];

			note_age(u, m, now);
			warm |= m->grade >= GRADE_SPARE && !is_young(m);
		}
		for (unsigned i = tier->first; i < tier->end; i++) {
			struct member *m = &u->members->at[i];

			scale_member(u, m, warm && is_young(m), now);
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
