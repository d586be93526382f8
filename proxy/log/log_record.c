/* Packs an access record into a ring, and takes it apart again on the other side. */
#include "proxy/log/log_priv.h"

#include <string.h>

#include "netpoll/check.h"
#include "proxy/log/log_ring.h"

/* One byte more than the line shows, so that it can say that the name was longer. */
#define NAME_MAX_PACKED (TEXT_FIELD_MAX + 1)

static size_t packed_len(const char *name)
{
	return name != NULL ? strnlen(name, NAME_MAX_PACKED) : 0;
}

/* Copies the first n bytes of a name and a NUL to `at`. Returns the place behind them. */
static char *pack_name(char *at, const char *name, size_t n)
{
	if (n > 0)
		memcpy(at, name, n);
	at[n] = '\0';
	return at + n + 1;
}

/* ---- the fields that only some records have ---- */

static size_t tried_len(const struct access_tried *tried)
{
	size_t n = sizeof(*tried);

	for (unsigned i = 0; i < tried->n; i++)
		n += packed_len(tried->tries[i].server) + 1;
	return n;
}

static size_t extra_len(const struct access_extra *x)
{
	size_t n = sizeof(*x) + (x->tried != NULL ? tried_len(x->tried) : 0);

#define X(field, ...) n += packed_len(x->field) + 1;
	ACCESS_TEXT_TBL(X)
#undef X
	return n;
}

static void pack_tried(char *at, const struct access_tried *tried)
{
	memcpy(at, tried, sizeof(*tried));
	at += sizeof(*tried);
	for (unsigned i = 0; i < tried->n; i++)
		at = pack_name(at, tried->tries[i].server, packed_len(tried->tries[i].server));
}

static void pack_extra(char *at, const struct access_extra *x)
{
	memcpy(at, x, sizeof(*x));
	at += sizeof(*x);
#define X(field, ...) at = pack_name(at, x->field, packed_len(x->field));
	ACCESS_TEXT_TBL(X)
#undef X
	if (x->tried != NULL)
		pack_tried(at, x->tried);
}

/* Returns the name at *at, and moves *at behind it. */
static const char *unpack_name(const char **at)
{
	const char *name = *at;

	*at += strlen(name) + 1;
	return name;
}

static const char *unpack_tried(struct access_tried *tried, const char *at)
{
	memcpy(tried, at, sizeof(*tried));
	at += sizeof(*tried);
	for (unsigned i = 0; i < tried->n; i++)
		tried->tries[i].server = unpack_name(&at);
	return at;
}

static const char *unpack_extra(struct log_record_room *room, const char *at)
{
	struct access_extra *x = &room->extra;

	memcpy(x, at, sizeof(*x));
	at += sizeof(*x);
#define X(field, ...) x->field = unpack_name(&at);
	ACCESS_TEXT_TBL(X)
#undef X
	if (x->tried != NULL) {
		at = unpack_tried(&room->tried, at);
		x->tried = &room->tried;
	}
	return at;
}

/* ---- the record ---- */

bool log_access(struct log_ring *r, const struct access_record *rec)
{
	size_t listener, upstream, server, extra; /* bytes of each */
	char *at;

	if (r == NULL)
		return true; /* the access log is off, so no record is lost */
	listener = packed_len(rec->listener);
	upstream = packed_len(rec->upstream);
	server = packed_len(rec->server_name);
	extra = rec->extra != NULL ? extra_len(rec->extra) : 0;
	at = log_ring_reserve(r, sizeof(*rec) + listener + upstream + server + 3 + extra);
	if (at == NULL)
		return false;
	memcpy(at, rec, sizeof(*rec));
	at = pack_name(at + sizeof(*rec), rec->listener, listener);
	at = pack_name(at, rec->upstream, upstream);
	at = pack_name(at, rec->server_name, server);
	if (rec->extra != NULL)
		pack_extra(at, rec->extra);
	log_ring_commit(r);
	return true;
}

void log_record_unpack(struct access_record *rec, struct log_record_room *room, const void *p, size_t n)
{
	const char *at = (const char *)p + sizeof(*rec);

	DCHECK(n > sizeof(*rec), "a record has three texts, empty or not");
	memcpy(rec, p, sizeof(*rec));
	rec->listener = unpack_name(&at);
	rec->upstream = unpack_name(&at);
	rec->server_name = unpack_name(&at);
	if (rec->extra != NULL) {
		at = unpack_extra(room, at);
		rec->extra = &room->extra; /* until here it was the pointer of the producer */
	}
	DCHECK(at == (const char *)p + n, "a record ends with its last text");
	(void)n;
}
