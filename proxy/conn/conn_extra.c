/* Optional state of a connection, allocated on first use: bytes read before the relay and facts
 * from them. */
#include "proxy/conn/conn_extra.h"

#include <stdlib.h>
#include <string.h>

struct conn_extra *conn_extra(struct conn *c)
{
	DCHECK_CONN(c);
	if (c->extra == NULL)
		c->extra = calloc(1, sizeof(*c->extra));
	return c->extra;
}

struct preread *conn_preread(struct conn *c)
{
	struct conn_extra *x = conn_extra(c);

	if (x != NULL && x->preread == NULL)
		x->preread = calloc(1, sizeof(*x->preread));
	return x != NULL ? x->preread : NULL;
}

void conn_preread_free(struct conn_extra *x)
{
	if (x->preread == NULL)
		return;
	chunk_drop(&x->preread->rest);
	free(x->preread->cert);
	free(x->preread);
	x->preread = NULL;
}

void conn_extra_free(struct conn *c)
{
	DCHECK_CONN(c);
	if (likely(c->extra == NULL))
		return;
	conn_preread_free(c->extra);
	free(c->extra->sni);
	free(c->extra);
	c->extra = NULL;
}

/* Without a block no server was told an id (connect_header makes one first), so a fresh one is as
 * good. */
struct ulid conn_id(struct conn *c)
{
	struct shard *s = c->shard;
	struct ulid id;

	DCHECK_CONN(c);
	if (c->extra != NULL && c->extra->named)
		return c->extra->id;
	id = ulid_make((uint64_t)(shard_wall(s, c->accepted) / NP_MS), (uint16_t)shard_random(s),
		shard_random(s));
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
	struct conn_extra *x = conn_extra(c);

	if (x != NULL)
		x->detail = detail;
}
