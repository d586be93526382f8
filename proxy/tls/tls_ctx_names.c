/* Which certificates a client gets: from the names in them to the groups that serve them, and from
 * the name in the ClientHello to a group. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "proxy/proto/hello.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"

/* ---- building ---- */

static int count_name(void *arg, const char *name)
{
	(void)name;
	++*(size_t *)arg;
	return 0;
}

struct naming {
	struct tls_ctx *x;
	int cert;
	struct tls_group
		*by_name; /* owned, by the name's number: certificates only, no SSL_CTX yet */
};

/* The first certificate of each kind that has the name serves it. */
static int assign_name(void *arg, const char *name)
{
	struct naming *n = arg;
	uint32_t before = n->x->names.n;
	int id = name_set_add(&n->x->names, name);
	int16_t *slot;

	if (id == -NP_EINVAL)
		return 0; /* not a host name, as an address in a DNS field: no client asks for it */
	if (id < 0)
		return id;
	if ((uint32_t)id == before)
		memset(n->by_name[id].cert, -1, sizeof(n->by_name[id].cert));
	slot = &n->by_name[id].cert[n->x->certs[n->cert].kind];
	if (*slot < 0)
		*slot = (int16_t)n->cert;
	return 0;
}

/* The group with these certificates, made if there is none yet. Names with equal certificates share
 * one. */
static uint32_t group_with(struct tls_ctx *x, const int16_t cert[TLS_CERT_KINDS])
{
	for (unsigned i = 0; i < x->ngroups; i++)
		if (memcmp(x->groups[i].cert, cert, sizeof(x->groups[i].cert)) == 0)
			return i;
	memcpy(x->groups[x->ngroups].cert, cert, sizeof(x->groups[0].cert));
	return x->ngroups++;
}

/* Makes groups[0]: the group of a name whose certificate is the config's first one. If that
 * certificate has no names, it forms a group alone. */
static void default_group(struct tls_ctx *x, const struct tls_group *by_name)
{
	int16_t alone[TLS_CERT_KINDS];

	memset(alone, -1, sizeof(alone));
	alone[x->certs[0].kind] = 0;
	for (uint32_t i = 0; i < x->names.n; i++)
		if (by_name[i].cert[x->certs[0].kind] == 0) {
			group_with(x, by_name[i].cert);
			return;
		}
	group_with(x, alone);
}

int tls_ctx_name_groups(struct tls_ctx *x)
{
	size_t most = 0;
	struct naming n = {.x = x};
	int err = 0;

	for (unsigned i = 0; i < x->ncerts && err == 0; i++)
		err = tls_cert_names(&x->certs[i], count_name, &most);
	if (err == 0)
		err = name_set_init(&x->names, most, NAME_ONE_LABEL);
	n.by_name = calloc(most + 1, sizeof(*n.by_name));
	x->group_of = calloc(most + 1, sizeof(*x->group_of));
	x->groups = calloc(most + 1, sizeof(*x->groups));
	if (n.by_name == NULL || x->group_of == NULL || x->groups == NULL)
		err = -NP_ENOMEM;
	for (; err == 0 && n.cert < (int)x->ncerts; n.cert++)
		err = tls_cert_names(&x->certs[n.cert], assign_name, &n);
	if (err == 0)
		default_group(x, n.by_name);
	for (uint32_t i = 0; err == 0 && i < x->names.n; i++)
		x->group_of[i] = group_with(x, n.by_name[i].cert);
	free(n.by_name);
	return err;
}

/* ---- the ClientHello ---- */

/* The name that the client asks for, by the parser that routes use too (hello.h). h->sent is the
 * name in lower case, of h->nsent bytes: 0 without one. A malformed extension gives no name here,
 * and OpenSSL refuses it a moment later. */
static void read_asked_name(SSL *ssl, struct hello *h)
{
	const unsigned char *body;
	size_t n;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body, &n))
		hello_read_name(h, body, n);
	else
		hello_init(h, HELLO_MAX);
}

/* RFC 6066, 3: a session is not resumed under another name. OpenSSL sees to it in TLS 1.3; in TLS
 * 1.2 it would resume under the old name. */
bool tls_ctx_other_name(SSL *ssl, const SSL_SESSION *s)
{
	const char *had = SSL_SESSION_get0_hostname(s);
	struct hello h;

	if (SSL_SESSION_get_protocol_version(s) >= TLS1_3_VERSION)
		return false;
	read_asked_name(ssl, &h);
	if (had == NULL || h.name == HELLO_NAME_NONE)
		return had != NULL || h.name != HELLO_NAME_NONE;
	return strlen(had) != h.nsent || strncasecmp(had, h.sent, h.nsent) != 0;
}

/* OK acknowledges the name: then OpenSSL keeps it in the session, and SSL_get_servername returns it
 * for a resumed session too. */
int tls_ctx_servername(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	(void)arg;
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL ? SSL_TLSEXT_ERR_OK
									  : SSL_TLSEXT_ERR_NOACK;
}

/* The newest version of the hello, for the log: supported_versions (RFC 8446, 4.2.1: a byte of
 * length, then versions), else the legacy field. GREASE and drafts have another first byte than 3.
 * */
static uint16_t newest_version(SSL *ssl)
{
	unsigned newest = SSL_client_hello_get0_legacy_version(ssl);
	const unsigned char *p;
	size_t n;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &p, &n))
		return (uint16_t)newest;
	newest = 0;
	for (size_t i = 1; i + 1 < n; i += 2)
		if (p[i] == 3 && 0x300u + p[i + 1] > newest)
			newest = 0x300u + p[i + 1];
	return (uint16_t)newest;
}

/* SSL_set_SSL_CTX brings certificates and the session id context, but no versions. */
static void use_group(SSL *ssl, SSL_CTX *group)
{
	SSL_set_SSL_CTX(ssl, group);
	(void)!SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(group));
	(void)!SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(group));
}

/* Chooses the group by the name, before OpenSSL looks at anything else: tickets above all, since
 * they are judged by the group's rules. */
int tls_ctx_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = OBJ_CAST(SSL_get_app_data(ssl), tls, TLS_MAGIC);
	struct tls_ctx *x = OBJ_CAST(arg, tls_ctx, TLS_CTX_MAGIC);
	struct hello h;
	int id = -1;

	t->offered = newest_version(ssl);
	read_asked_name(ssl, &h);
	if (h.nsent > 0)
		id = name_set_find(&x->names, h.sent, h.nsent);
	if (id < 0 && x->strict) {
		t->why = TLS_WHY_UNKNOWN_NAME;
		tls_said_name(t, h.sent, h.nsent);
		if (t->refused == NULL &&
		    h.nsent > 0) /* SSL_get_servername does not know the name yet */
			t->refused = strndup(h.sent, h.nsent);
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	DCHECK(id < (int)x->names.n, "a name's number is that of a name of this context");
	if (id >= 0 && x->group_of[id] != 0)
		use_group(ssl, x->groups[x->group_of[id]].ssl);
	return SSL_CLIENT_HELLO_SUCCESS;
}
