#include <string.h>

#include "netpoll/check.h"
#include "proxy/log/log_priv.h"
#include "proxy/log/log_ring.h"

/* One byte more than is shown, so that the line can say that there was more. */
#define NAME_MAX_PACKED (TEXT_FIELD_MAX + 1)

static size_t name_len(const char *name)
{
	return name != NULL ? strnlen(name, NAME_MAX_PACKED) : 0;
}

static char *put_name(char *at, const char *name, size_t n)
{
	if (n > 0)
		memcpy(at, name, n);
	at[n] = '\0';
	return at + n + 1;
}

/* ---- what only some have ---- */

static size_t extra_len(const struct access_extra *x)
{
	size_t n = sizeof(*x);

#define X(field, full, brief) n += name_len(x->field) + 1;
	ACCESS_TEXT_TBL(X)
#undef X
	return n;
}

static char *put_extra(char *at, const struct access_extra *x)
{
	memcpy(at, x, sizeof(*x));
	at += sizeof(*x);
#define X(field, full, brief) at = put_name(at, x->field, name_len(x->field));
	ACCESS_TEXT_TBL(X)
#undef X
	return at;
}

static const char *take_name(const char **at)
{
	const char *name = *at;

	*at += strlen(name) + 1;
	return name;
}

static const char *unpack_extra(struct access_extra *x, const char *at)
{
	memcpy(x, at, sizeof(*x));
	at += sizeof(*x);
#define X(field, full, brief) x->field = take_name(&at);
	ACCESS_TEXT_TBL(X)
#undef X
	return at;
}

/* ---- the record ---- */

bool log_access(struct log_ring *r, const struct access_record *rec)
{
	size_t listener, upstream, server, extra;
	char *at;

	if (r == NULL)
		return true; /* the log is off: nothing was asked for, nothing is lost */
	listener = name_len(rec->listener);
	upstream = name_len(rec->upstream);
	server = name_len(rec->server_name);
	extra = rec->extra != NULL ? extra_len(rec->extra) : 0;
	at = log_ring_reserve(r, sizeof(*rec) + listener + upstream + server + 3 + extra);
	if (at == NULL)
		return false;
	memcpy(at, rec, sizeof(*rec));
	at = put_name(at + sizeof(*rec), rec->listener, listener);
	at = put_name(at, rec->upstream, upstream);
	at = put_name(at, rec->server_name, server);
	if (rec->extra != NULL)
		put_extra(at, rec->extra);
	log_ring_commit(r);
	return true;
}

void log_record_unpack(struct access_record *rec, struct access_extra *x, const void *p, size_t n)
{
	const char *at = (const char *)p + sizeof(*rec);

	memcpy(rec, p, sizeof(*rec));
	rec->listener = take_name(&at);
	rec->upstream = take_name(&at);
	rec->server_name = take_name(&at);
	if (rec->extra != NULL) {
		at = unpack_extra(x, at);
		rec->extra = x;
	}
	DCHECK(at == (const char *)p + n, "a record is the struct, its strings, and what only some have");
	(void)n;
}
