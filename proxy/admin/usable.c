/* usable: the words for a server's state. */
#include "proxy/admin/usable.h"

#include "proxy/upstream/server.h"

const char *usable_word(const struct inventory_server *s, const char **why)
{
	bool idle = s->weight == 0;

	if (why != NULL)
		*why = idle ? "weight" : NULL;
	return idle ? "no" : "yes";
}

uint32_t usable_weight(const struct inventory_server *s)
{
	return s->weight;
}

uint32_t usable_most(const struct inventory_server *s)
{
	return s->max_connections;
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
