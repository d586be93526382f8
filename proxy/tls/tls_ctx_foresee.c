/* In the order of a handshake: the name chooses the group, the group has versions and rules, the rules have
 * protocols. */
#include "proxy/tls/tls_ctx_foresee.h"

#include <string.h>

#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "proxy/tls/tls_ctx_rules.h"

/* The newest version that both speak; 0: there is none. */
static uint16_t version_with(SSL_CTX *group, uint16_t newest)
{
	long least = SSL_CTX_get_min_proto_version(group), most = SSL_CTX_get_max_proto_version(group);

	if (most != 0 && newest > most)
		newest = (uint16_t)most;
	return newest < least ? 0 : newest;
}

/* Where one side has no protocols nothing is agreed on, and nothing fails. */
static enum tls_failure agree_alpn(const struct tls_rules *r, const struct tls_offer *o, char alpn[256])
{
	const unsigned char *found;
	unsigned char n;

	if (r->alpn.n == 0 || o->nalpn == 0)
		return TLS_WHY_NONE;
	if (!tls_rules_alpn(r, o->alpn, (unsigned)o->nalpn, &found, &n))
		return TLS_WHY_NO_ALPN;
	memcpy(alpn, found, n);
	alpn[n] = '\0';
	return TLS_WHY_NONE;
}

void tls_ctx_foresee(const struct tls_ctx *x, const struct tls_offer *o, struct tls_forecast *f)
{
	const struct tls_group *g;
	const struct tls_rules *r;
	uint32_t group;

	DCHECK(x->server, "a handshake with a client is foreseen");
	*f = (struct tls_forecast){.why = tls_ctx_group_of(x, o->sni, o->nsni, &group)};
	if (f->why != TLS_WHY_NONE)
		return;
	g = &x->groups[group];
	r = &x->rules[g->rules];
	f->client_auth = r->mode;
	f->client_allow = r->allow != NULL;
	f->version = version_with(g->ssl, o->version);
	f->why = f->version == 0 ? TLS_WHY_NO_PROTOCOL : agree_alpn(r, o, f->alpn);
}
