/* usable: the words for a server's state. */
#include "proxy/policy/usable.h"

#include "proxy/upstream/server.h"

static enum usable usable_now(const struct inventory_server *s, enum server_why *why)
{
	return server_usable(server_now(s->server), s->weight, why);
}

const char *usable_word(const struct inventory_server *s, const char **why)
{
	static const char *const words[] = {
		[USABLE_NO] = "no",
		[USABLE_SPARE] = "spare",
		[USABLE_YES] = "yes",
	};
	enum server_why what;
	enum usable u = usable_now(s, &what);

	if (why != NULL)
		*why = server_why_text(what);
	return words[u];
}

uint32_t usable_weight(const struct inventory_server *s)
{
	return server_weight(server_now(s->server), s->weight);
}

uint32_t usable_most(const struct inventory_server *s)
{
	return server_most(server_now(s->server), s->max_connections);
}

struct usable_count usable_count(const struct inventory *inv, const struct inventory_upstream *u)
{
	unsigned from = u != NULL ? u->first : 0, to = u != NULL ? u->first + u->n : inv->nservers;
	struct usable_count n = {0};

	for (unsigned i = from; i < to; i++) {
		enum usable is;

		if (!inv->servers[i].listed)
			continue;
		is = usable_now(&inv->servers[i], NULL);
		n.servers++;
		n.usable += is == USABLE_YES;
		n.spare += is == USABLE_SPARE;
	}
	return n;
}
