/* usable: the words for a server's state. */
#include "proxy/policy/usable.h"

#include "netpoll/err.h"
#include "netpoll/netpoll.h"
#include "proxy/base/text.h"
#include "proxy/upstream/server.h"

static enum usable usable_now(const struct inventory_server *s, enum server_why *why)
{
	return server_usable(server_now(s->server), s->weight, why);
}

const char *usable_word(const struct inventory_server *s, const char **why)
{
	enum server_why what;
	enum usable u = usable_now(s, &what);

	if (why != NULL)
		*why = server_why_text(what);
	return usable_text(u);
}

/* ---- the sentence ---- */

/* ": the connect is refused". What a check could not do for itself has an error of this machine, which says more. */
static void say_check(struct text *t, const struct server *s)
{
	const struct server_check_last last = server_checked_last(&s->checked);

	if (last.at == 0 || last.result == CHECK_OK)
		return;
	text_str(t, ": ");
	text_str(t, check_result_sentence(last.result));
	if (last.err != 0 && last.result == CHECK_FAILED) {
		text_str(t, ": ");
		text_str(t, np_err_text(last.err));
	}
}

/* ": out for 8 s more (connect)": the word is the fault of the last one. */
static void say_out(struct text *t, struct server *s)
{
	const struct passive p = passive_now(s);
	int64_t left = p.until - np_nanotime();

	text_str(t, ": out for ");
	text_i64(t, left > 0 ? (left + NP_S - 1) / NP_S : 0);
	text_str(t, " s more (");
	text_str(t, fault_word((enum fault)p.fault));
	text_char(t, ')');
}

/* " until 2026-11-29T22:49:19Z", where it has an end. */
static void say_end(struct text *t, const struct server *s)
{
	int64_t ends = server_set_ends(s, SERVER_SET_STATE);

	if (ends == 0)
		return;
	text_str(t, " until ");
	text_time(t, ends);
	if (!t->cut) { /* no fraction of a second: a person reads it */
		t->n -= sizeof(".000000Z") - 1;
		text_char(t, 'Z');
	}
}

/* The sentence of the table, and behind it what only that input knows: what a check found, how long an ejection lasts
 * yet, when an order ends by itself. It is put together when somebody looks, so it costs nothing where nobody does. */
const char *usable_sentence(const struct inventory_server *s, char out[USABLE_SENTENCE])
{
	enum server_why why;
	struct text t;

	if (usable_now(s, &why) == USABLE_YES)
		return NULL;
	text_init(&t, out, USABLE_SENTENCE - 1);
	text_str(&t, why == SERVER_WHY_PASSIVE_OUT ? "its connections failed" : server_why_sentence(why));
	if (why == SERVER_WHY_CHECK_DOWN || why == SERVER_WHY_CHECK_UNKNOWN)
		say_check(&t, s->server);
	else if (why == SERVER_WHY_PASSIVE_OUT)
		say_out(&t, s->server);
	else if (why == SERVER_WHY_DRAIN || why == SERVER_WHY_MAINT)
		say_end(&t, s->server);
	out[t.n] = '\0';
	return out;
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
