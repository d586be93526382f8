/* usable: the words for a server's state. */
#include "proxy/admin/usable.h"

#include "proxy/upstream/server.h"

const char *usable_word(const struct inventory_server *s, const char **why)
{
	static const char *const words[] = {[USABLE_NO] = "no", [USABLE_SPARE] = "spare", [USABLE_YES] = "yes"};
	enum server_why decides;
	enum usable u = server_usable(server_now(s->server), s->weight, &decides);

	if (why != NULL)
		*why = server_why_text(decides);
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
		const char *word;

		if (!inv->servers[i].listed)
			continue;
		word = usable_word(&inv->servers[i], NULL);
		n.servers++;
		n.usable += word[0] == 'y';
		n.spare += word[0] == 's';
	}
	return n;
}
