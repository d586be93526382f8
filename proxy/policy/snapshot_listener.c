/* One listener and one upstream of a generation, out of the checked config. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/policy/snapshot.h"

/* ---- upstreams ------------------------------------------------------------------------------- */

static uint8_t want_of(const struct config_upstream *c)
{
	static const uint8_t bits[] = {
		[CONFIG_TLV_AUTHORITY] = PP_WANT_AUTHORITY,
		[CONFIG_TLV_ALPN] = PP_WANT_ALPN,
		[CONFIG_TLV_UNIQUE_ID] = PP_WANT_UNIQUE_ID,
		[CONFIG_TLV_SSL] = PP_WANT_SSL,
		[CONFIG_TLV_CRC32C] = PP_WANT_CRC32C,
	};
	uint8_t want = 0;

	for (size_t i = 0; i < c->ntlvs; i++)
		want |= bits[c->tlvs[i].word];
	return want;
}

static uint8_t version_of(enum config_proxy_send send)
{
	if (send == CONFIG_PROXY_OUT_V1)
		return 1;
	return send == CONFIG_PROXY_OUT_V2 ? 2 : 0;
}

static int customs_of(const struct config_upstream *c, struct target *t)
{
	t->customs = calloc(c->ncustom_tlvs + 1, sizeof(*t->customs));
	if (t->customs == NULL)
		return -NP_ENOMEM;
	for (; t->ncustoms < c->ncustom_tlvs; t->ncustoms++) {
		const struct config_custom_tlv *from = &c->custom_tlvs[t->ncustoms];
		struct pp_tlv *to = &t->customs[t->ncustoms];

		to->type = (uint8_t)from->type;
		to->value.p = (const uint8_t *)from->value; /* NULL: the received one's */
		to->value.n = from->value != NULL ? strlen(from->value) : 0;
	}
	return 0;
}

int target_init(struct snapshot *s, unsigned i, struct text *why)
{
	const struct config_upstream *c = &s->config->upstreams[i];
	struct target *t = &s->targets[i];

	t->upstream = s->upstreams[i]->u;
	t->header = version_of(c->proxy_protocol);
	t->want = want_of(c);
	if (customs_of(c, t) != 0)
		return -NP_ENOMEM;
	if (c->tls == NULL)
		return 0;
	t->handshake_timeout = c->tls->handshake_timeout;
	return contexts_client(s->registry, c->tls, &t->tls, why);
}

void target_fini(struct snapshot *s, struct target *t)
{
	t->tls = contexts_free(s->registry, t->tls);
	free(t->customs);
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* The rules as route.h wants them: lists of bare texts and networks, of the whole listener in one block each. */
struct rules {
	struct route_rule *rule;
	const char **text;
	struct cidr *net;
};

static const char *const *take_texts(struct rules *r, const struct config_text *list, size_t n)
{
	const char **first = r->text;

	for (size_t i = 0; i < n; i++)
		*r->text++ = list[i].text;
	return first;
}

static const struct cidr *take_nets(struct rules *r, const struct config_cidr *list, size_t n)
{
	const struct cidr *first = r->net;

	for (size_t i = 0; i < n; i++)
		*r->net++ = list[i].net;
	return first;
}

static struct route_rule rule_of(struct rules *r, const struct config_route *c)
{
	static const enum route_opening openings[] = {
		[CONFIG_OPENING_ANY] = ROUTE_OPENING_ANY,
		[CONFIG_OPENING_ONLY] = ROUTE_OPENING_TLS,
		[CONFIG_OPENING_NONE] = ROUTE_OPENING_OTHER,
	};

	return (struct route_rule){
		.sni = take_texts(r, c->sni, c->nsni),
		.nsni = c->nsni,
		.alpn = take_texts(r, c->alpn, c->nalpn),
		.nalpn = c->nalpn,
		.source = take_nets(r, c->source, c->nsource),
		.nsource = c->nsource,
		.preread = openings[c->tls],
	};
}

static int routes_of(const struct config_listener *c, struct route_table **out)
{
	size_t ntexts = 0, nnets = 0;
	struct rules all, r;
	int err = -NP_ENOMEM;

	for (size_t i = 0; i < c->nroutes; i++) {
		ntexts += c->routes[i].nsni + c->routes[i].nalpn;
		nnets += c->routes[i].nsource;
	}
	all.rule = calloc(c->nroutes, sizeof(*all.rule));
	all.text = calloc(ntexts + 1, sizeof(char *));
	all.net = calloc(nnets + 1, sizeof(*all.net));
	if (all.rule != NULL && all.text != NULL && all.net != NULL) {
		r = all;
		for (size_t i = 0; i < c->nroutes; i++)
			all.rule[i] = rule_of(&r, &c->routes[i]);
		err = route_table_new(all.rule, c->nroutes, out);
	}
	free(all.rule);
	free(all.text);
	free(all.net);
	return err;
}

static int rules_init(struct snapshot *s, struct listener *f, const struct config_listener *c)
{
	f->targets = calloc(c->nroutes + 1, sizeof(struct target *));
	if (f->targets == NULL)
		return -NP_ENOMEM;
	for (; f->nrules < c->nroutes; f->nrules++)
		f->targets[f->nrules] = &s->targets[c->routes[f->nrules].upstream];
	if (c->upstream != CONFIG_NO_UPSTREAM)
		f->targets[f->nrules] = &s->targets[c->upstream];
	return c->nroutes > 0 ? routes_of(c, &f->routes) : 0;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static int trusted_init(struct listener *f, const struct config_proxy_in *c)
{
	struct cidr *nets = calloc(c->ntrusted + 1, sizeof(*nets));
	int err;

	if (nets == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < c->ntrusted; i++)
		nets[i] = c->trusted[i].net;
	err = cidr_set_init(&f->trusted, nets, c->ntrusted);
	free(nets);
	return err;
}

/* What becomes of a client that sends nothing. A route with tls: none is written for clients without a
 * ClientHello, and one that waits for the server is such a client. */
static bool silent_passes(const struct config_listener *c)
{
	bool none = false;

	for (size_t i = 0; i < c->nroutes; i++)
		none |= c->routes[i].tls == CONFIG_OPENING_NONE;
	return c->preread.on_timeout == CONFIG_ON_TIMEOUT_DEFAULT ||
		(c->preread.on_timeout == CONFIG_ON_TIMEOUT_AUTO && none);
}

int listener_init(struct snapshot *s, unsigned i, struct text *why)
{
	const struct config_listener *c = &s->config->listeners[i];
	struct listener *f = &s->listeners[i];
	int err;

	*f = (struct listener){
		.snap = s,
		.name = c->name,
		.counts = listener_counts_get(s->registry, c->name),
		.wants_header = c->proxy_protocol.accept == CONFIG_PROXY_IN_REQUIRED,
		.header_timeout = c->proxy_protocol.timeout,
		.header_max = (uint32_t)c->proxy_protocol.max_bytes,
		.hello_timeout = c->preread.timeout,
		.hello_silence = c->preread.silence,
		.silent_passes = silent_passes(c),
		.hello_max = (uint32_t)c->preread.max_bytes,
		.wait_at_limit = c->at_limit == CONFIG_AT_LIMIT_WAIT,
		.backlog = (int)c->backlog,
		.idle = c->timeouts.idle,
		.half_close = c->timeouts.half_close,
		.lifetime = c->timeouts.lifetime,
		.linger = c->timeouts.linger,
		.config = c,
	};
	if (f->counts == NULL)
		return -NP_ENOMEM;
	err = rules_init(s, f, c);
	if (err == 0)
		err = trusted_init(f, &c->proxy_protocol);
	if (err != 0)
		return err;
	f->wants_hello = c->tls == NULL && f->routes != NULL && route_needs_hello(f->routes);
	if (c->tls == NULL)
		return 0;
	f->handshake_timeout = c->tls->handshake_timeout;
	return contexts_server(s->registry, c->tls, &f->tls, why);
}

void listener_fini(struct snapshot *s, struct listener *f)
{
	f->tls = contexts_free(s->registry, f->tls);
	cidr_set_fini(&f->trusted);
	f->routes = route_table_free(f->routes);
	free(f->targets);
	listener_counts_put(f->counts);
}
