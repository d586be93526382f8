/* Which certificates a client gets: from the names in them to the groups that serve them, and from the name in the
 * ClientHello to a group. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ssl.h>

#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_priv.h"

/* ---- building -------------------------------------------------------------------------------- */

static int count_name(void *arg, const char *name)
{
	(void)name;
	++*(size_t *)arg;
	return 0;
}

struct naming {
	struct tls_ctx *x;
	int cert;
	struct tls_group *by_name; /* by the name's number: not made yet, certificates alone */
};

/* The first certificate of each kind that has the name serves it. */
static int take_name(void *arg, const char *name)
{
	struct naming *n = arg;
	uint32_t before = n->x->names.n;
	int id = name_set_add(&n->x->names, name);
	int16_t *slot;

	if (id == -NP_EINVAL)
		return 0; /* an internal name or an address in the wrong field: nobody can ask for it */
	if (id < 0)
		return id;
	if ((uint32_t)id == before)
		memset(n->by_name[id].cert, -1, sizeof(n->by_name[id].cert));
	slot = &n->by_name[id].cert[n->x->certs[n->cert].kind];
	if (*slot < 0)
		*slot = (int16_t)n->cert;
	return 0;
}

/* The group with these certificates, made if there is none yet. */
static uint32_t group_with(struct tls_ctx *x, const int16_t cert[TLS_CERT_KINDS])
{
	for (unsigned i = 0; i < x->ngroups; i++)
		if (memcmp(x->groups[i].cert, cert, sizeof(x->groups[i].cert)) == 0)
			return i;
	memcpy(x->groups[x->ngroups].cert, cert, sizeof(x->groups[0].cert));
	return x->ngroups++;
}

/* Where the first certificate's first name leads; nameless, it stands alone. */
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

	for (unsigned i = 0; i < x->ncerts; i++)
		(void)!tls_cert_names(&x->certs[i], count_name, &most);
	err = name_set_init(&x->names, most, NAME_ONE_LABEL);
	n.by_name = calloc(most + 1, sizeof(*n.by_name));
	x->group_of = calloc(most + 1, sizeof(*x->group_of));
	x->groups = calloc(most + 1, sizeof(*x->groups));
	if (n.by_name == NULL || x->group_of == NULL || x->groups == NULL)
		err = -NP_ENOMEM;
	for (; err == 0 && n.cert < (int)x->ncerts; n.cert++)
		err = tls_cert_names(&x->certs[n.cert], take_name, &n);
	if (err == 0)
		default_group(x, n.by_name);
	for (uint32_t i = 0; err == 0 && i < x->names.n; i++)
		x->group_of[i] = group_with(x, n.by_name[i].cert);
	free(n.by_name);
	return err;
}

/* ---- the ClientHello ------------------------------------------------------------------------- */

/* The host name of the extension's body: list length, type 0, length, bytes. Returns its length, 0 if there is none;
 * what is malformed OpenSSL refuses by itself, a moment later. */
static size_t host_name(const unsigned char *p, size_t n, const char **name)
{
	size_t len;

	if (n < 5 || p[2] != 0)
		return 0;
	len = (size_t)p[3] << 8 | p[4];
	*name = (const char *)p + 5;
	return len <= n - 5 ? len : 0;
}

/* RFC 6066, 3: a session is not resumed under another name. TLS 1.2 would go on under the old one. */
bool tls_ctx_other_name(SSL *ssl, const SSL_SESSION *s)
{
	const char *had = SSL_SESSION_get0_hostname(s), *name = NULL;
	const unsigned char *ext;
	size_t n = 0;

	if (SSL_SESSION_get_protocol_version(s) >= TLS1_3_VERSION)
		return false;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &n))
		n = host_name(ext, n, &name);
	if (had == NULL || name == NULL)
		return had != NULL || name != NULL;
	return strlen(had) != n || strncasecmp(had, name, n) != 0;
}

/* The name counts as heard: it is kept with the session, and resuming tells it again. */
int tls_ctx_servername(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	(void)arg;
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Before OpenSSL looks at anything, tickets above all: these belong to the name. */
int tls_ctx_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);
	struct tls_ctx *x = arg;
	const unsigned char *ext;
	const char *name = NULL;
	size_t n = 0;
	int id = -1;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &n))
		n = host_name(ext, n, &name);
	if (name != NULL && n > 0)
		id = name_set_find(&x->names, name, n);
	if (id < 0 && x->strict) {
		t->why = TLS_WHY_UNKNOWN_NAME;
		if (t->refused == NULL && n > 0)
			t->refused = strndup(name, n); /* OpenSSL will not have got that far */
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (id >= 0 && x->group_of[id] != 0)
		SSL_set_SSL_CTX(ssl, x->groups[x->group_of[id]].ssl);
	return SSL_CLIENT_HELLO_SUCCESS;
}
