#include <string.h>

#include "netpoll/check.h"
#include "proxy/log_priv.h"
#include "proxy/log_ring.h"

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

bool log_access(struct log_ring *r, const struct access_record *rec)
{
	size_t listener, upstream, server;
	char *at;

	if (r == NULL)
		return true; /* the log is off: nothing was asked for, nothing is lost */
	listener = name_len(rec->listener);
	upstream = name_len(rec->upstream);
	server = name_len(rec->server_name);
	at = log_ring_reserve(r, sizeof(*rec) + listener + upstream + server + 3);
	if (at == NULL)
		return false;
	memcpy(at, rec, sizeof(*rec));
	at = put_name(at + sizeof(*rec), rec->listener, listener);
	at = put_name(at, rec->upstream, upstream);
	put_name(at, rec->server_name, server);
	log_ring_commit(r);
	return true;
}

void log_record_unpack(struct access_record *rec, const void *p, size_t n)
{
	const char *at = (const char *)p + sizeof(*rec);

	memcpy(rec, p, sizeof(*rec));
	rec->listener = at;
	rec->upstream = rec->listener + strlen(rec->listener) + 1;
	rec->server_name = rec->upstream + strlen(rec->upstream) + 1;
	DCHECK(rec->server_name + strlen(rec->server_name) + 1 == (const char *)p + n,
	       "a record is the struct and three strings");
	(void)n;
}
