/* overrides_find: a server's address, the address as written, and names. A slip is answered with the nearest word. */
#include "proxy/control/overrides_find.h"

#include <stdio.h>
#include <string.h>

#include "config/text/word.h"
#include "proxy/policy/snapshot.h"

const char *overrides_address(const struct server *s)
{
	return strchr(s->name, '/') + 1;
}

const struct upstream *overrides_upstream(const struct snapshot *s, struct server_change *c)
{
	struct word_search search;

	word_search_init(&search, c->upstream);
	for (unsigned i = 0; i < s->nupstreams; i++) {
		if (strcmp(s->upstreams[i]->u->name, c->upstream) == 0)
			return s->upstreams[i]->u;
		word_search_try(&search, s->upstreams[i]->u->name);
	}
	c->result = CHANGE_NO_UPSTREAM;
	snprintf(c->nearest, sizeof(c->nearest), "%s", search.best != NULL ? search.best : "");
	return NULL;
}

/* The name that has its address; NULL: none has. */
static const char *name_of_member(const struct upstream *u, const struct member *m)
{
	return m->from > 0 ? u->listed[m->from - 1].text : NULL;
}

bool overrides_mean(const struct upstream *u, const struct member *m, const char *server)
{
	const char *name = name_of_member(u, m);

	return strcmp(overrides_address(m->server), server) == 0 || strcmp(m->server->text, server) == 0 ||
	       (name != NULL && strcmp(name, server) == 0);
}

unsigned overrides_members(const struct upstream *u, struct server_change *c)
{
	struct word_search search;
	unsigned n = 0;

	word_search_init(&search, c->server);
	for (unsigned i = 0; i < u->members->n; i++) {
		const struct member *m = &u->members->at[i];
		const char *name = name_of_member(u, m);

		n += overrides_mean(u, m, c->server);
		word_search_try(&search, m->server->text);
		if (name != NULL)
			word_search_try(&search, name);
	}
	if (n > 0)
		return n;
	c->result = CHANGE_NO_SERVER;
	snprintf(c->nearest, sizeof(c->nearest), "%s", search.best != NULL ? search.best : "");
	return 0;
}
