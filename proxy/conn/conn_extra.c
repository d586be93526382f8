/* What few connections have beside struct conn: what was read before the relay, and what it told. */
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn.h"

struct setup *conn_setup(struct conn *c)
{
	if (c->setup == NULL)
		c->setup = calloc(1, sizeof(*c->setup));
	return c->setup;
}

void conn_opening_free(struct setup *s)
{
	if (s->opening == NULL)
		return;
	free(s->opening->rest);
	free(s->opening);
	s->opening = NULL;
}

void conn_setup_free(struct conn *c)
{
	if (likely(c->setup == NULL))
		return;
	conn_opening_free(c->setup);
	free(c->setup->sni);
	free(c->setup);
	c->setup = NULL;
}

struct ulid conn_id(struct conn *c)
{
	struct shard *s = c->shard;
	struct ulid id;

	if (c->setup != NULL && c->setup->named)
		return c->setup->id;
	id = ulid_make((uint64_t)(shard_wall(s, c->accepted) / NP_MS), (uint16_t)shard_random(s), shard_random(s));
	if (c->setup != NULL) {
		c->setup->id = id;
		c->setup->named = true;
	}
	return id;
}

void conn_forget_detail(struct conn *c)
{
	if (c->setup != NULL)
		c->setup->detail = NULL;
}

void conn_detail(struct conn *c, const char *detail)
{
	struct setup *s = conn_setup(c);

	if (s != NULL)
		s->detail = detail;
}
