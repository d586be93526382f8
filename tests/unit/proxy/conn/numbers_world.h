/* numbers_world: connections without sockets, of one shard, one listener and one server, whose numbers a
 * test looks at. No worker runs: what they do is done by the test itself. */
#ifndef TESTS_UNIT_PROXY_CONN_NUMBERS_WORLD_H
#define TESTS_UNIT_PROXY_CONN_NUMBERS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/conn/conn.h"
#include "proxy/conn/walk.h"

static struct numbers_world {
	struct shard *shard;
	struct listener_stats *listener_stats;
	struct server_stats *server_stats;
	struct listener_counts counts;
	struct listener listener;
	struct upstream_live live;
	struct server server;
} world;

static inline int numbers_begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.shard = aligned_alloc(_Alignof(struct shard), sizeof(*world.shard));
	world.listener_stats = listener_stats_new(1);
	world.server_stats = server_stats_new(1);
	if (world.shard == NULL || world.listener_stats == NULL || world.server_stats == NULL)
		return -1;
	world.counts.stats = world.listener_stats;
	world.listener.counts = &world.counts;
	world.server.live = &world.live;
	world.server.stats = world.server_stats;
	return shard_init(world.shard, 0, NULL);
}

static inline struct conn *numbers_conn(void)
{
	struct conn *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->magic = CONN_MAGIC;
	c->phase = CONN_RELAYING;
	c->shard = world.shard;
	c->listener = &world.listener;
	c->server = &world.server;
	list_push_back(&world.shard->conns, &c->link);
	return c;
}

/* As conn_end does. */
static inline void numbers_conn_end(struct conn *c)
{
	walk_leave(world.shard, &c->link);
	list_remove(&c->link);
	free(c);
}

static inline int numbers_end(void **state)
{
	(void)state;
	list_for_each_safe(it, &world.shard->conns)
		numbers_conn_end(list_entry(it, struct conn, link));
	shard_fini(world.shard);
	free(world.shard);
	free(world.listener_stats);
	free(world.server_stats);
	return 0;
}

#endif
