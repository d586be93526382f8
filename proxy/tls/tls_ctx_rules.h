/* tls_ctx_rules: what holds for a name: versions, protocols, and what clients are asked for. A
 * listener has one set of rules, and one more for each entry of `certificates` that has settings of
 * its own for its `names`; entries that say the same share one.
 *
 * A plan is what the contexts are built from and is dropped then; rules are what stays of it. */
#ifndef PROXY_TLS_TLS_CTX_RULES_H
#define PROXY_TLS_TLS_CTX_RULES_H

#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_ctx_auth.h"

#define TLS_RULES_MAGIC 0x715c4013u

struct tls_allow;

/* Frozen once made. */
struct tls_rules {
	uint32_t magic;
	enum config_client_auth_mode mode;
	struct tls_allow *allow; /* owned; NULL: each certificate that is verified */
	struct tls_alpn alpn;
};

/* The rules as the config says them. Borrowed, but for auth. */
struct tls_terms {
	enum config_tls_version min, max;
	const struct config_text *alpn;
	size_t nalpn;
	const struct config_client_auth *client;
	struct tls_auth auth; /* owned */
};

struct tls_plan {
	struct tls_terms *terms; /* owned; by the number of the rules; [0] are the listener's */
	unsigned n;
	uint16_t *of_cert; /* owned: the rules for the names that the entry says */
};

/* tls_plan_load: find out which rules there are, read their files, and make x->rules.
 *   Returns  0, -NP_ENOMEM, or another error: then err is a sentence about a file or a key.
 *   Calls    control thread; blocks on the disk.
 *   Owns     *p, on failure too: tls_plan_fini. */
must_use int tls_plan_load(struct tls_ctx *x, const struct config_tls_in *c, struct tls_plan *p,
			   struct text *err);
void tls_plan_fini(struct tls_plan *p);

/* Takes NULL. */
void tls_rules_free(struct tls_rules *r, unsigned n);

/* tls_rules_use: handshakes of this context go by r, which outlives it. Returns 0 or -NP_ENOMEM. */
must_use int tls_rules_use(SSL_CTX *ssl, struct tls_rules *r, const struct tls_terms *says);

/* tls_rules_alpn: which of the protocols that a client offers is taken. in: as on the wire.
 *   Returns  false: they have none in common. *out points into either list. */
must_use bool tls_rules_alpn(const struct tls_rules *r, const unsigned char *in, unsigned nin,
			     const unsigned char **out, unsigned char *n);

/* The rules that a server's connection goes by, since its hello. Any worker. */
static inline const struct tls_rules *tls_rules_of(const SSL *ssl)
{
	return OBJ_CAST(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), tls_rules, TLS_RULES_MAGIC);
}

#endif
