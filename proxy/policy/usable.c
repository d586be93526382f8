/* usable: the words for a server's state. */
#include "proxy/policy/usable.h"

#include "netpoll/netpoll.h"
#include "proxy/upstream/slow_start.h"

static enum usable usable_now(const struct inventory_server *s, enum server_why *why)
{
	uint64_t word = server_now(s->server);

	/* what passive once said holds nobody out where it is off: balance.c */
	return server_usable(s->judged ? word : server_word_passive(word, SERVER_IN), s->weight, why);
}

const char *usable_word(const struct inventory_server *s, const char **why)
{
	enum server_why what;
	enum usable u = usable_now(s, &what);

	if (why != NULL)
		*why = server_why_text(what);
	return usable_text(u);
}

/* ---- the sentences ---- */

const char *usable_sentence(const struct inventory_server *s, char out[SERVER_REASON])
{
	enum server_why why;

	(void)usable_now(s, &why);
	return server_reason(s->server, why, out);
}

const char *usable_back(const struct inventory_server *s, char out[SERVER_REASON])
{
	enum server_why why;

	(void)usable_now(s, &why);
	return server_reason_back(s->server, why, s->probed, out);
}

/* ---- slow start ---- */

/* Does another one of its tier take connections that is not young itself? Or nobody would take what this one does not:
 * as slow_start_ramp asks. */
static bool has_warm_neighbour(const struct inventory *inv, const struct inventory_server *s, int64_t now)
{
	for (unsigned i = 0; i < inv->nservers; i++) {
		const struct inventory_server *o = &inv->servers[i];

		if (o != s && o->listed && o->server->live == s->server->live && o->tier == s->tier &&
		    usable_now(o, NULL) != USABLE_NO &&
		    slow_start_factor(o->server, s->slow_start, now) == SLOW_START_UNIT)
			return true;
	}
	return false;
}

uint64_t usable_share(const struct inventory *inv, const struct inventory_server *s, int64_t *left)
{
	int64_t now = np_nanotime(), back = __atomic_load_n(&s->server->back, __ATOMIC_RELAXED);
	uint64_t factor = SLOW_START_UNIT;

	if (s->slow_start != 0 && usable_now(s, NULL) != USABLE_NO)
		factor = slow_start_factor(s->server, s->slow_start, now);
	if (factor == SLOW_START_UNIT || !has_warm_neighbour(inv, s, now))
		return SLOW_START_UNIT;
	*left = back + s->slow_start - now;
	return factor;
}

/* ---- what counts ---- */

uint32_t usable_weight(const struct inventory_server *s)
{
	return server_weight(server_now(s->server), s->weight);
}

uint32_t usable_most(const struct inventory_server *s)
{
	return server_most(server_now(s->server), s->max_connections);
}

static void count_usable_server(struct usable_count *n, const struct inventory_server *s)
{
	enum usable is;

	if (!s->listed)
		return;
	is = usable_now(s, NULL);
	n->servers++;
	n->usable += is == USABLE_YES;
	n->spare += is == USABLE_SPARE;
}

struct usable_count usable_count(const struct inventory *inv, const struct inventory_upstream *u)
{
	unsigned from = u != NULL ? u->first : 0, to = u != NULL ? u->first + u->n : inv->nservers;
	struct usable_count n = {0};

	for (unsigned i = from; i < to; i++)
		count_usable_server(&n, &inv->servers[i]);
	return n;
}

/* Tiers are ranks without a gap, so the largest one tells how many there are. */
unsigned usable_tiers(const struct inventory *inv, const struct inventory_upstream *u)
{
	unsigned n = 0;

	for (unsigned i = u->first; i < u->first + u->n; i++)
		if (inv->servers[i].listed && inv->servers[i].tier >= n)
			n = inv->servers[i].tier + 1;
	return n;
}

struct usable_count usable_tier(const struct inventory *inv, const struct inventory_upstream *u, unsigned tier)
{
	struct usable_count n = {0};

	for (unsigned i = u->first; i < u->first + u->n; i++)
		if (inv->servers[i].tier == tier)
			count_usable_server(&n, &inv->servers[i]);
	return n;
}
