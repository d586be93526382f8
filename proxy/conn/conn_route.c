/* Which rule a connection falls under. The rules are asked with the client's address and, where TLS
 * is passed on, with the name, protocols and newest version of its ClientHello; where TLS ends here,
 * with those that the handshake has agreed on. */
#include "proxy/conn/stages.h"

#include <string.h>

#include "proxy/conn/conn_extra.h"

static int pick_agreed(const struct conn *c, struct route_facts *facts)
{
	struct tls_facts agreed;
	uint8_t alpn[ROUTE_ALPN_ONE];

	tls_facts(c->client.tls, &agreed);
	facts->tls = true;
	facts->version = agreed.protocol;
	route_facts_name(facts, agreed.sni, strlen(agreed.sni));
	route_facts_alpn(facts, agreed.alpn, alpn);
	return route_pick(c->listener->routes, facts);
}

uint16_t conn_pick_rule(const struct conn *c)
{
	const struct preread *o = c->extra != NULL ? c->extra->preread : NULL;
	const union np_inet *client = conn_client(c);
	struct route_facts facts = {.source = &client->sa, .source_len = sizeof(*client)};
	int rule;

	DCHECK_CONN(c);
	DCHECK(c->listener->routes != NULL, "a listener without rules has one target");
	if (o != NULL && o->tls) {
		facts.tls = true;
		facts.version = hello_version(&o->hello);
		facts.sni = hello_sni(&o->hello, &facts.nsni);
		facts.alpn = o->hello.alpn;
		facts.nalpn = o->hello.nalpn;
	}
	if (stream_is_plain(&c->client))
		rule = route_pick(c->listener->routes, &facts);
	else
		rule = pick_agreed(c, &facts);
	return (uint16_t)(rule == ROUTE_NONE ? (int)c->listener->nrules : rule);
}
