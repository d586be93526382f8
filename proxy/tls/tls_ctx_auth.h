/* tls_ctx_auth: what a listener asks of its clients (client_auth): CA certificates and revocation
 * lists, loaded once for all groups of a context that have the same rules. */
#ifndef PROXY_TLS_TLS_CTX_AUTH_H
#define PROXY_TLS_TLS_CTX_AUTH_H

#include <openssl/ssl.h>

#include "config/config.h"
#include "proxy/base/text.h"
#include "proxy/tls/tls_worker.h"

/* All NULL: clients are asked for nothing. */
struct tls_auth {
	X509_STORE *store;             /* owned: what a client's certificate is verified with */
	struct stack_st_X509 *ca;      /* owned */
	struct stack_st_X509 *names;   /* owned: whose names clients are told; NULL: those of ca */
	bool told;                     /* the names fit into a handshake */
	struct stack_st_X509_CRL *crls; /* owned; NULL: revocation is not checked */
};

/* tls_auth_load: read the files of c into w's library context.
 *   Returns  0, -NP_ENOMEM, or an error: then err is a sentence about a file or a key of the
 *            config.
 *   Calls    control thread; blocks on the disk.
 *   Owns     *a, to be given to tls_auth_fini on failure too. */
must_use int tls_auth_load(struct tls_worker *w, const struct config_client_auth *c,
			   struct tls_auth *a, struct text *err);
void tls_auth_fini(struct tls_auth *a);
/* tls_auth_apply: make handshakes of ssl ask for what a has. Returns 0 or -NP_ENOMEM. */
must_use int tls_auth_apply(SSL_CTX *ssl, const struct config_client_auth *c,
			    const struct tls_auth *a);

#endif
