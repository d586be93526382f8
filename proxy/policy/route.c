/* route: each pattern has the chain of the rules that it stands in, and the rules without a name
 * have one more; each chain is in the rules' order. A client's name matches a handful of patterns,
 * and of each chain only the part before the best rule so far is walked. */
#include "proxy/policy/route.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/cidr_set.h"
#include "proxy/proto/hello.h"
#include "proxy/base/name_set.h"

#define ALPN_MAX 255 /* bytes of a protocol's name */

/* A rule without its names: those are in the chains. Frozen. */
struct rule {
	struct cidr_set source;
	uint8_t *alpn; /* owned; each protocol behind its length */
	size_t nalpn;
	unsigned openings; /* bits of enum route_opening; never 0 */
	bool any_source, any_name;
};

struct link {
	uint32_t rule;
	uint32_t next; /* index + 1 of the chain's next link; 0: the last */
};

struct route_table {
	struct rule *rules;
	struct link *links;
	uint32_t *heads; /* index + 1 of the first link, by a pattern's number, last that of rules
			  * without a name */
	struct name_set names;
	uint32_t n, nlinks;
	bool needs_hello;
};

/* ---- building ---- */

/* Counted first: one block per rule, in the form in which a ClientHello offers them. */
static int copy_protocols(struct rule *r, const struct route_rule *from)
{
	size_t room = 0;

	for (size_t i = 0; i < from->nalpn; i++) {
		size_t n = strlen(from->alpn[i]);

		if (n == 0 || n > ALPN_MAX)
			return -NP_EINVAL;
		room += 1 + n;
	}
	r->alpn = malloc(room + 1); /* + 1: never of size 0 */
	if (r->alpn == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < from->nalpn; i++) {
		size_t n = strlen(from->alpn[i]);

		r->alpn[r->nalpn] = (uint8_t)n;
		memcpy(r->alpn + r->nalpn + 1, from->alpn[i], n);
		r->nalpn += 1 + n;
	}
	return 0;
}

static int copy_rule(struct rule *r, const struct route_rule *from)
{
	int err = copy_protocols(r, from);

	if (err != 0)
		return err;
	r->openings = from->openings != 0 ? from->openings : ROUTE_ANY;
	r->any_source = from->nsource == 0;
	r->any_name = from->nsni == 0;
	return cidr_set_init(&r->source, from->source, from->nsource);
}

/* To the front of the chain: rules are added from the last to the first. */
static void chain_push(struct route_table *t, uint32_t *head, uint32_t rule)
{
	DCHECK(rule < t->n, "a chain names rules of its table");
	t->links[t->nlinks] = (struct link){.rule = rule, .next = *head};
	*head = ++t->nlinks;
}

/* A rule with several names stands in the chain of each; name_set_add gives a pattern that is there
 * already its old number. */
static int chain_rule(struct route_table *t, uint32_t rule, const struct route_rule *from)
{
	if (from->nsni == 0)
		chain_push(t, &t->heads[t->names.max], rule);
	for (size_t i = 0; i < from->nsni; i++) {
		int id = name_set_add(&t->names, from->sni[i]);

		if (id < 0)
			return id;
		chain_push(t, &t->heads[id], rule);
	}
	return 0;
}

static int route_table_fill(struct route_table *t, const struct route_rule *rules, uint32_t n)
{
	size_t npatterns = 0;
	int err;

	for (uint32_t i = 0; i < n; i++)
		npatterns += rules[i].nsni;
	t->rules = calloc((size_t)n + 1, sizeof(t->rules[0])); /* + 1: never of size 0 */
	t->links = calloc(npatterns + n + 1, sizeof(t->links[0]));
	t->heads = calloc(npatterns + 1, sizeof(t->heads[0]));
	if (t->rules == NULL || t->links == NULL || t->heads == NULL)
		return -NP_ENOMEM;
	err = name_set_init(&t->names, npatterns, NAME_ANY_DEPTH);
	t->n = n;
	for (uint32_t i = n; i-- > 0 && err == 0;) {
		err = copy_rule(&t->rules[i], &rules[i]);
		if (err == 0)
			err = chain_rule(t, i, &rules[i]);
	}
	return err;
}

/* Such a rule cannot be decided before the client has sent something. */
static bool looks_at_bytes(const struct rule *r)
{
	return !r->any_name || r->nalpn > 0 || r->openings != ROUTE_ANY;
}

int route_table_new(const struct route_rule *rules, size_t n, struct route_table **out)
{
	struct route_table *t = calloc(1, sizeof(*t));
	int err;

	if (t == NULL)
		return -NP_ENOMEM;
	err = route_table_fill(t, rules, (uint32_t)n);
	if (err != 0) {
		route_table_free(t);
		return err;
	}
	for (uint32_t i = 0; i < t->n; i++)
		t->needs_hello |= looks_at_bytes(&t->rules[i]);
	*out = t;
	return 0;
}

struct route_table *route_table_free(struct route_table *t)
{
	if (t == NULL)
		return NULL;
	for (uint32_t i = 0; i < t->n; i++) {
		free(t->rules[i].alpn);
		cidr_set_fini(&t->rules[i].source);
	}
	name_set_fini(&t->names);
	free(t->heads);
	free(t->links);
	free(t->rules);
	free(t);
	return NULL;
}

/* ---- facts ---- */

void route_facts_name(struct route_facts *f, const char *name, size_t n)
{
	f->sni = hello_judge_name(name, n) == HELLO_NAME_USABLE ? name : NULL;
	f->nsni = n;
}

/* In the form in which a hello offers them: its length, then its bytes. */
void route_facts_alpn(struct route_facts *f, const char *agreed, uint8_t list[ROUTE_ALPN_ONE])
{
	size_t n = strnlen(agreed, ALPN_MAX);

	list[0] = (uint8_t)n;
	memcpy(list + 1, agreed, n);
	f->alpn = list;
	f->nalpn = n > 0 ? n + 1 : 0;
}

/* ---- picking ---- */

static bool offers(const struct rule *r, const struct route_facts *f)
{
	for (const uint8_t *has = NULL; (has = hello_alpn_next(f->alpn, f->nalpn, has)) != NULL;)
		for (const uint8_t *want = NULL;
		     (want = hello_alpn_next(r->alpn, r->nalpn, want)) != NULL;)
			if (want[0] == has[0] && memcmp(want + 1, has + 1, want[0]) == 0)
				return true;
	return false;
}

static bool comes_from(const struct rule *r, const struct sockaddr *source, socklen_t len)
{
	return r->any_source || cidr_set_has(&r->source, source, len);
}

static unsigned opening_of(const struct route_facts *f)
{
	if (!f->tls)
		return ROUTE_PLAIN;
	switch (f->version) {
	case 0x0301:
		return ROUTE_TLS_1_0;
	case 0x0302:
		return ROUTE_TLS_1_1;
	case 0x0303:
		return ROUTE_TLS_1_2;
	case 0x0304:
		return ROUTE_TLS_1_3;
	default:
		return ROUTE_TLS_OLD;
	}
}

/* All conditions but the name, which chose the chain. */
static bool holds(const struct rule *r, const struct route_facts *f)
{
	if (!(r->openings & opening_of(f)))
		return false;
	if (r->nalpn > 0 && !offers(r, f))
		return false;
	return comes_from(r, f->source, f->source_len);
}

/* The first rule of a chain that holds, if it comes before `best`; else `best`. */
static uint32_t better(const struct route_table *t, uint32_t head, uint32_t best,
		       const struct route_facts *f)
{
	for (const struct link *l; head != 0; head = l->next) {
		l = &t->links[head - 1];
		if (l->rule >= best)
			return best;
		if (holds(&t->rules[l->rule], f))
			return l->rule;
	}
	return best;
}

int route_pick(const struct route_table *t, const struct route_facts *f)
{
	/* Rules without a name first: their first hit bounds how far the other chains are walked.
	 */
	uint32_t ids[NAME_MATCH_MAX];
	unsigned n = f->sni == NULL ? 0 : name_set_match(&t->names, f->sni, f->nsni, ids);
	uint32_t best = better(t, t->heads[t->names.max], t->n, f);

	for (unsigned i = 0; i < n; i++)
		best = better(t, t->heads[ids[i]], best, f);
	return best < t->n ? (int)best : ROUTE_NONE;
}

int route_pick_early(const struct route_table *t, const struct sockaddr *source, socklen_t len)
{
	for (uint32_t i = 0; i < t->n; i++) {
		if (!comes_from(&t->rules[i], source, len))
			continue;
		return looks_at_bytes(&t->rules[i]) ? ROUTE_HELLO : (int)i;
	}
	return ROUTE_NONE;
}

bool route_needs_hello(const struct route_table *t)
{
	return t->needs_hello;
}
