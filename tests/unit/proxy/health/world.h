/* world: a registry, and an inventory of one upstream "app", made from a text, for the tests of what looks at servers
 * beside the traffic. */
#ifndef TESTS_UNIT_PROXY_HEALTH_WORLD_H
#define TESTS_UNIT_PROXY_HEALTH_WORLD_H

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/policy/inventory.h"
#include "proxy/policy/registry.h"
#include "proxy/policy/snapshot.h"
#include "proxy/upstream/upstream.h"
#include "tests/kit/kit.h"

struct health_world {
	struct registry registry;
	struct snapshot *snap;
};

/* The upstream's keys, from its servers on: the generation that is in force from then on. */
static inline void world_reload(struct health_world *w, const char *keys)
{
	struct snapshot *before = w->snap;
	char text[2048], room[256];
	struct diag *d = diag_new();
	struct config *c = NULL;
	struct text why;
	int n;

	n = snprintf(text, sizeof(text),
		     "listeners:\n  - {name: web, bind: \":80\", upstream: app}\n"
		     "upstreams:\n  - {name: app, %s}\n", keys);
	CHECK(n > 0 && (size_t)n < sizeof(text), "room for the text");
	text_init(&why, room, sizeof(room));
	CHECK(d != NULL && config_parse("test", text, strlen(text), &c, d) == 0, "a config");
	CHECK(snapshot_new(&w->registry, c, before, &w->snap, &why) == 0, "a snapshot");
	snapshot_enact(w->snap, 1000);
	diag_free(d);
	if (before != NULL)
		snapshot_free(before);
}

static inline void world_open(struct health_world *w, unsigned workers, const char *keys)
{
	memset(w, 0, sizeof(*w));
	CHECK(registry_init(&w->registry, workers) == 0, "a registry");
	world_reload(w, keys);
}

static inline void world_close(struct health_world *w)
{
	snapshot_free(w->snap);
	registry_fini(&w->registry);
}

static inline struct inventory *world_inventory(struct health_world *w)
{
	static const struct inventory_process process = {.version = "1"};
	struct inventory *inv = inventory_new(&w->registry, w->snap, &process);

	CHECK(inv != NULL, "memory for an inventory");
	return inv;
}

static inline struct upstream *world_upstream(struct health_world *w)
{
	return w->snap->targets[0].upstream;
}

static inline struct server *world_server(struct health_world *w, unsigned place)
{
	return world_upstream(w)->members->at[place].server;
}

/* So many more answers of it, each of which took so long. */
static inline void world_answer(struct health_world *w, unsigned place, unsigned n, int64_t takes)
{
	for (unsigned i = 0; i < n; i++)
		histogram_add(&world_server(w, place)->stats[0].first_byte, &histogram_latency, takes);
}

#endif
