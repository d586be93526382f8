/* balance_model: the rules of balance in their plainest form, to compare with over random operations. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_BALANCE_MODEL_H
#define TESTS_UNIT_PROXY_UPSTREAM_BALANCE_MODEL_H

#include <math.h>

#include "tests/unit/proxy/upstream/servers.h"

struct model {
	uint64_t *bits;
	struct upstream *u;
	unsigned active[SERVERS_MAX];
	int64_t credit[SERVERS_MAX], bound;
	bool tried[SERVERS_MAX], eligible[SERVERS_MAX];
	unsigned neligible;
};

static inline void model_narrow(struct model *m, uint32_t priority, int *refusal)
{
	for (unsigned i = 0; i < m->u->members->n; i++) {
		const struct member *s = &m->u->members->at[i];
		bool wanted = s->priority == priority && s->weight > 0 && !m->tried[i];
		bool full = s->max_connections > 0 && m->active[i] >= s->max_connections;

		m->eligible[i] = wanted && !full;
		m->neligible += m->eligible[i];
		if (wanted && full)
			*refusal = -NP_EAGAIN;
	}
}

static inline double model_load(const struct model *m, unsigned i)
{
	return (double)m->active[i] / m->u->members->at[i].weight;
}

/* Fractions of such small numbers differ by far more than 1e-9, or not at all. */
static inline bool model_less(double a, double b)
{
	return a < b - 1e-9;
}

static inline double model_least(const struct model *m)
{
	double least = INFINITY;

	for (unsigned i = 0; i < m->u->members->n; i++) {
		if (m->eligible[i] && model_load(m, i) < least)
			least = model_load(m, i);
	}
	return least;
}

/* Round robin over the eligible; who carries more than `least` is paid, but not chosen. */
static inline unsigned model_turn(struct model *m, double least)
{
	unsigned best = SERVERS_MAX;
	int64_t paid = 0;

	for (unsigned i = 0; i < m->u->members->n; i++) {
		if (!m->eligible[i])
			continue;
		m->credit[i] += m->u->members->at[i].weight;
		paid += m->u->members->at[i].weight;
		if (model_less(least, model_load(m, i)))
			continue;
		if (best == SERVERS_MAX || m->credit[i] > m->credit[best])
			best = i;
	}
	m->credit[best] -= paid;
	for (unsigned i = 0; i < m->u->members->n; i++) {
		if (m->credit[i] > m->bound)
			m->credit[i] = m->bound;
		if (m->credit[i] < -m->bound)
			m->credit[i] = -m->bound;
	}
	return best;
}

/* The first eligible server in the key's own order, which a fresh upstream of the same servers,
 * without limits, gives by refusing them one after the other. */
static inline unsigned model_rank(const struct model *m, struct upstream *fresh, uint64_t key)
{
	const struct server *tried[SERVERS_MAX];
	struct pick_args a = {.hash = key, .tried = tried};

	for (;;) {
		int err;
		unsigned i = servers_pick(fresh, &a, &err);

		assert_int_equal(err, 0);
		server_release(fresh->members->at[i].server);
		if (m->eligible[i])
			return i;
		tried[a.ntried++] = fresh->members->at[i].server;
	}
}

/* With two or more to choose from, the one worse than all others is never the better of two. */
static inline bool model_worst(const struct model *m, unsigned place)
{
	for (unsigned i = 0; i < m->u->members->n; i++) {
		if (i != place && m->eligible[i] && !model_less(model_load(m, i), model_load(m, place)))
			return false;
	}
	return m->neligible > 1;
}

static inline void model_expect(
	struct model *m, struct upstream *fresh, const struct pick_args *a, unsigned got)
{
	assert_true(m->eligible[got]);
	switch (m->u->balance) {
	case BALANCE_ROUND_ROBIN:
		assert_int_equal(got, model_turn(m, INFINITY));
		break;
	case BALANCE_LEAST_CONN:
		assert_int_equal(got, model_turn(m, model_least(m)));
		break;
	case BALANCE_RANDOM_TWO:
		assert_false(model_worst(m, got));
		break;
	case BALANCE_SOURCE_HASH:
	case BALANCE_MAGLEV:
		assert_int_equal(got, model_rank(m, fresh, a->hash));
		break;
	}
}

static inline void model_pick(struct model *m, struct upstream *fresh)
{
	const struct server *tried[SERVERS_MAX];
	struct pick_args a = {.random = servers_random(m->bits), .tried = tried};
	uint64_t fate = servers_random(m->bits);
	int err, refusal = -NP_ENOENT;
	unsigned got;

	a.hash = servers_random(m->bits) | 1;
	for (unsigned i = 0; i < m->u->members->n; i++) {
		m->tried[i] = (fate >> 3 * i & 7) < (fate >> 60) % 8; /* none to nearly all */
		if (m->tried[i])
			tried[a.ntried++] = m->u->members->at[i].server;
	}
	m->neligible = 0;
	for (uint32_t priority = 0; priority < 2 && m->neligible == 0; priority++)
		model_narrow(m, priority, &refusal);
	got = servers_pick(m->u, &a, &err);
	assert_int_equal(err, m->neligible > 0 ? 0 : refusal);
	if (err != 0)
		return;
	model_expect(m, fresh, &a, got);
	m->active[got]++;
}

static inline void model_release(struct model *m)
{
	unsigned i = (unsigned)(servers_random(m->bits) % m->u->members->n);

	if (m->active[i] == 0)
		return;
	server_release(m->u->members->at[i].server);
	m->active[i]--;
}

static inline void model_run(enum balance balance, uint64_t *bits)
{
	struct server_registry *registry = server_registry_new(1), *other = server_registry_new(1);
	struct model m = {
		.bits = bits,
		.u = servers_open(balance, "3/6 1/2 2/9 0 7/11 1 5/3b 2b", registry),
		.bound = 3 + 1 + 2 + 0 + 7 + 1 + 5 + 2,
	};
	struct upstream *fresh = servers_open(balance == BALANCE_MAGLEV ? BALANCE_MAGLEV : BALANCE_SOURCE_HASH,
					      "3 1 2 0 7 1 5b 2b", other);

	for (int op = 0; op < 25000; op++) {
		if (servers_random(bits) % 20 < 9)
			model_pick(&m, fresh);
		else
			model_release(&m);
		for (unsigned i = 0; i < m.u->members->n; i++)
			assert_int_equal(server_active(m.u->members->at[i].server), m.active[i]);
	}
	servers_close(m.u, registry);
	servers_close(fresh, other);
}

#endif
