/* What few connections have beside struct conn: what was read before the relay, and what it told. */
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn.h"

struct conn_extra *conn_extra(struct conn *c)
{
	if (c->extra == NULL)
		c->extra = calloc(1, sizeof(*c->extra));
	return c->extra;
}

void conn_preread_free(struct conn_extra *s)
{
	if (s->preread == NULL)
		return;
	chunk_drop(&s->preread->rest);
	free(s->preread);
	s->preread = NULL;
}

void conn_extra_free(struct conn *c)
{
	if (likely(c->extra == NULL))
		return;
	conn_preread_free(c->extra);
	free(c->extra->sni);
	free(c->extra);
	c->extra = NULL;
}

struct ulid conn_id(struct conn *c)
{
	struct shard *s = c->shard;
	struct ulid id;

	if (c->extra != NULL && c->extra->named)
		return c->extra->id;
	id = ulid_make((uint64_t)(shard_wall(s, c->accepted) / NP_MS), (uint16_t)shard_random(s), shard_random(s));
	if (c->extra != NULL) {
		c->extra->id = id;
		c->extra->named = true;
	}
	return id;
}

void conn_forget_detail(struct conn *c)
{
	if (c->extra != NULL)
		c->extra->detail = NULL;
}

void conn_detail(struct conn *c, const char *detail)
{
	struct conn_extra *s = conn_extra(c);

	if (s != NULL)
		s->detail = detail;
}
