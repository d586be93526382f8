/* source_pair: clients from chosen addresses at a proxy_edge: admitted to a server, or reset before it hears of them.
 * Part of the test that includes it. */
#ifndef TESTS_FLOW_KIT_SOURCE_PAIR_H
#define TESTS_FLOW_KIT_SOURCE_PAIR_H

#include <unistd.h>

#include "tests/flow/kit/proxy_edge.h"

/* A client of ours whose server has accepted it. */
struct pair {
	int client, server;
};

static inline struct pair is_admitted(const struct edge *e, int listener, int from)
{
	struct pair p = {.client = edge_connect_from(e, from)};

	p.server = kit_accept(listener);
	return p;
}

static inline void leave(struct pair p)
{
	close(p.server);
	kit_expect_fin(p.client);
	close(p.client);
}

static inline void is_reset(const struct edge *e, int listener, int from)
{
	int fd = edge_connect_from(e, from);

	kit_expect_rst(fd);
	close(fd);
	edge_untouched(listener);
}

#endif
