/* Each criterion gives a verdict of its own; the lowest one counts. */
#include "proxy/conn/conn_filter.h"

#include <stdio.h>
#include <string.h>

#include "proxy/conn/conn_extra.h"

/* ---- what a connection knows of itself ---- */

static bool has_passed(const struct conn *c, enum conn_setup step)
{
	return conn_relays(c) || c->setup > step;
}

bool conn_is_routed(const struct conn *c)
{
	DCHECK_CONN(c);
	return c->listener->routes == NULL || has_passed(c, SETUP_TLS);
}

int64_t conn_silence(const struct conn *c, int64_t now)
{
	int64_t since = conn_relays(c) ? conn_active(c) : c->accepted;

	return now > since ? now - since : 0;
}

/* struct tls_facts has 1 KiB: not beside other frames. */
static no_inline void sni_of_tls(const struct conn *c, char out[CONN_SNI])
{
	struct tls_facts facts;

	tls_facts(c->client.tls, &facts);
	snprintf(out, CONN_SNI, "%s", facts.sni);
}

void conn_sni(const struct conn *c, char out[CONN_SNI])
{
	DCHECK_CONN(c);
	out[0] = '\0';
	if (c->client.tls != NULL)
		sni_of_tls(c, out);
	else if (c->extra != NULL && c->extra->sni != NULL)
		snprintf(out, CONN_SNI, "%s", c->extra->sni);
}

enum close_reason conn_pending(const struct conn *c)
{
	DCHECK_CONN(c);
	if (c->kill != CLOSE_NONE || !conn_relays(c))
		return (enum close_reason)c->kill;
	if (c->dir[0].eof && c->dir[0].reset)
		return CLOSE_CLIENT_RST;
	if (c->dir[1].eof && c->dir[1].reset)
		return CLOSE_SERVER_RST;
	return (enum close_reason)c->first_end;
}

/* ---- the criteria ---- */

static enum conn_match known(bool matches)
{
	return matches ? CONN_MATCH : CONN_NEVER;
}

static enum conn_match match_listener(const struct conn_filter *f, const struct conn *c)
{
	return known(f->listener[0] == '\0' || strcmp(f->listener, c->listener->name) == 0);
}

static enum conn_match match_src(const struct conn_filter *f, const struct conn *c)
{
	struct cidr net = f->src;
	struct cidr_set set = {.nets = &net, .n = 1};
	const union np_inet *client = conn_client(c);

	if (!f->has_src)
		return CONN_MATCH;
	if (c->listener->wants_header && !has_passed(c, SETUP_HEADER))
		return CONN_MAYBE;
	if (net.bits == CIDR_UNIX)
		return known(client->sa.sa_family == AF_UNIX);
	set.nv4 = cidr_is_v4(&net) ? 1 : 0;
	return known(cidr_set_has(&set, &client->sa, sizeof(*client)));
}

static enum conn_match match_sni(const struct conn_filter *f, const struct conn *c)
{
	char name[CONN_SNI];
	const char *tail = name;
	size_t n;

	if (f->sni[0] == '\0')
		return CONN_MATCH;
	conn_sni(c, name);
	n = strlen(name);
	if (n == 0)
		return has_passed(c, SETUP_TLS) ? CONN_NEVER : CONN_MAYBE;
	if (name[n - 1] == '.')
		name[--n] = '\0';
	for (size_t i = 0; i < n; i++)
		name[i] = name_lower(name[i]);
	if (f->sni[0] != '*')
		return known(strcmp(f->sni, name) == 0);
	if (n < strlen(f->sni))
		return CONN_NEVER;
	tail = name + n - (strlen(f->sni) - 1);
	return known(strcmp(f->sni + 1, tail) == 0);
}

static enum conn_match match_upstream(const struct conn_filter *f, const struct conn *c)
{
	const struct target *t = conn_target(c);

	if (f->upstream[0] == '\0')
		return CONN_MATCH;
	if (!conn_is_routed(c))
		return CONN_MAYBE;
	return known(t != NULL && strcmp(f->upstream, t->upstream->name) == 0);
}

static enum conn_match match_server(const struct conn_filter *f, const struct conn *c)
{
	if (f->server[0] == '\0')
		return CONN_MATCH;
	if (c->server == NULL)
		return CONN_MAYBE;
	return known(strcmp(f->server, c->server->name) == 0 || strcmp(f->server, c->server->text) == 0);
}

static enum conn_match match_times(const struct conn_filter *f, const struct conn *c, int64_t now)
{
	return now - c->accepted >= f->older && (f->idle == 0 || conn_silence(c, now) >= f->idle) ? CONN_MATCH :
												     CONN_MAYBE;
}

static enum conn_match match_pending(const struct conn_filter *f, const struct conn *c)
{
	enum close_reason pending;

	if (!f->has_pending)
		return CONN_MATCH;
	pending = conn_pending(c);
	if (pending == CLOSE_NONE)
		return CONN_MAYBE;
	return f->pending == CLOSE_NONE || f->pending == pending ? CONN_MATCH : CONN_MAYBE;
}

static enum conn_match lower(enum conn_match a, enum conn_match b)
{
	return a < b ? a : b;
}

/* The cheap ones first: most connections fail at one of them. */
enum conn_match conn_filter_match(const struct conn_filter *f, const struct conn *c, int64_t now)
{
	enum conn_match m;

	DCHECK_CONN(c);
	m = lower(match_listener(f, c), match_times(f, c, now));
	m = lower(m, match_pending(f, c));
	if (m != CONN_NEVER)
		m = lower(m, match_upstream(f, c));
	if (m != CONN_NEVER)
		m = lower(m, match_server(f, c));
	if (m != CONN_NEVER)
		m = lower(m, match_src(f, c));
	return m != CONN_NEVER ? lower(m, match_sni(f, c)) : m;
}

bool conn_filter_is_empty(const struct conn_filter *f)
{
	return f->listener[0] == '\0' && f->upstream[0] == '\0' && f->server[0] == '\0' && f->sni[0] == '\0' &&
	       !f->has_src && !f->has_pending && f->older == 0 && f->idle == 0;
}
