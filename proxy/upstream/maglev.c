/* maglev: the table is filled in turns. */
#include "proxy/upstream/maglev.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/upstream/balance_hash.h"

#define FREE UINT16_MAX

/* One member's way through the places: place, place + step, ... */
struct walker {
	uint64_t key;
	uint32_t place, step;
	uint32_t weight, saved; /* of turns: it has one for each `most` that it has saved */
	uint16_t number;
};

static int walker_by_key(const void *a, const void *b)
{
	const struct walker *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* Returns how many have a weight. They stand by key, since who comes first in a turn takes what another one wants. */
static unsigned make_walkers(struct walker *w, const struct member *at, unsigned n)
{
	unsigned used = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t h = balance_mix(at[i].key);

		if (at[i].weight == 0)
			continue;
		w[used++] = (struct walker){
			.key = at[i].key,
			.place = (uint32_t)(h % MAGLEV_SIZE),
			.step = (uint32_t)(balance_mix(~h) % (MAGLEV_SIZE - 1)) + 1,
			.weight = at[i].weight,
			.number = (uint16_t)i,
		};
	}
	qsort(w, used, sizeof(*w), walker_by_key);
	return used;
}

static void take_place(uint16_t *table, struct walker *w)
{
	while (table[w->place] != FREE)
		w->place = (w->place + w->step) % MAGLEV_SIZE;
	table[w->place] = w->number;
}

static void fill_table(uint16_t *table, struct walker *w, unsigned n)
{
	unsigned left = MAGLEV_SIZE;
	uint32_t most = 0;

	for (unsigned i = 0; i < n; i++)
		most = w[i].weight > most ? w[i].weight : most;
	for (unsigned i = 0; left > 0; i = i + 1 < n ? i + 1 : 0) {
		w[i].saved += w[i].weight;
		if (w[i].saved < most)
			continue;
		w[i].saved -= most;
		take_place(table, &w[i]);
		left--;
	}
}

uint16_t *maglev_build(const struct member *at, unsigned n)
{
	struct walker *w = n > 0 && n < FREE ? calloc(n, sizeof(*w)) : NULL;
	uint16_t *table = malloc(MAGLEV_SIZE * sizeof(*table));
	unsigned used = w != NULL ? make_walkers(w, at, n) : 0;

	if (table != NULL && used > 0) {
		memset(table, 0xff, MAGLEV_SIZE * sizeof(*table));
		fill_table(table, w, used);
	} else {
		free(table);
		table = NULL;
	}
	free(w);
	return table;
}
