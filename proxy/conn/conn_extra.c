/* Optional state of a connection, allocated on first use: bytes read before the relay and facts
 * from them. */
#include "proxy/conn/conn_extra.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn_source.h"
#include "proxy/conn/conn_trace.h"

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

#define ROOM_FIRST 512 /* most headers and hellos fit; it doubles */

/* It doubles, so that a hello that comes byte by byte is not copied for each. */
static bool make_room(struct preread *o, size_t n)
{
	size_t used = o->rest != NULL ? o->rest->to : 0, room = o->room > 0 ? o->room : ROOM_FIRST;

	if (used + n <= o->room)
		return true;
	while (room < used + n)
		room *= 2;
	if (!chunk_grow(&o->rest, room))
		return false;
	o->room = (uint32_t)room;
	return true;
}

bool conn_preread_put(struct preread *o, const void *p, size_t n)
{
	if (!make_room(o, n))
		return false;
	chunk_put(o->rest, p, n);
	return true;
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

static void free_tried(struct conn_extra *x)
{
	for (unsigned i = 0; x->tried != NULL && i < x->tried->n; i++)
		free((void *)(uintptr_t)x->tried->tries[i].server);
	free(x->tried);
	free(x->last_tried);
}

void conn_extra_free(struct conn *c)
{
	DCHECK_CONN(c);
	if (likely(c->extra == NULL))
		return;
	conn_leave_source(c);
	conn_preread_free(c->extra);
	free(c->extra->replay);
	free(c->extra->sni);
	free(c->extra->words);
	free_tried(c->extra);
	trace_marks_free(c->extra->marks);
	free(c->extra->update);
	free(c->extra->paced);
	free(c->extra);
	c->extra = NULL;
}

/* It was zeroed when it was made, and each part that goes takes its pointer away. */
void conn_extra_trim(struct conn *c)
{
	static const struct conn_extra nothing;

	DCHECK_CONN(c);
	if (c->extra != NULL && memcmp(c->extra, &nothing, sizeof(nothing)) == 0)
		conn_extra_free(c);
}

/* Each step can be undone, so two connections have the same 80 bits only if they have the same worker
 * and the same moment: on one worker no two have that. The seed tells processes apart. The wall clock
 * is the one of the start, or an id would change when that clock is set. */
struct ulid conn_id(const struct conn *c)
{
	const struct shard *s = c->shard;
	uint64_t low = (uint64_t)c->accepted ^ s->id_seed;

	DCHECK_CONN(c);
	if (unlikely(c->extra != NULL && c->extra->has_id))
		return c->extra->id;
	low = (low ^ low >> 32) * UINT64_C(0xd6e8feb86659fd93);
	low = (low ^ low >> 32) * UINT64_C(0xd6e8feb86659fd93);
	low ^= low >> 32;
	return ulid_make((uint64_t)(c->accepted + s->id_epoch) / NP_MS,
		(uint16_t)(s->id ^ s->id_seed >> 48 ^ low >> 24), low);
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

/* Of those beyond the list only the last one's name is kept. */
static void add_try(struct conn_extra *x, const struct server *server, const struct access_try *one)
{
	char *name = strdup(server->text), *last = strdup(server->text);

	if (name == NULL || last == NULL || x->tried->n == ACCESS_TRIES) {
		x->tried->more++;
		free(name);
	} else {
		x->tried->tries[x->tried->n] = *one;
		x->tried->tries[x->tried->n++].server = name;
	}
	free(x->last_tried);
	x->last_tried = last;
	memcpy(&x->last_addr, &server->addr.u, sizeof(x->last_addr));
}

void conn_note_try(struct conn *c, const struct server *server, const struct access_try *one)
{
	struct conn_extra *x = c->shard->log != NULL ? conn_extra(c) : NULL;

	if (x != NULL && x->tried == NULL)
		x->tried = calloc(1, sizeof(*x->tried));
	if (x != NULL && x->tried != NULL)
		add_try(x, server, one);
}
