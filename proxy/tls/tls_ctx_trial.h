/* tls_ctx_trial: can these settings shake hands at all? Answered by handshakes in memory, when a
 * configuration is loaded: rules about keys, curves, signature algorithms, ciphers and versions are
 * OpenSSL's and change with it, and a second set of them here would be wrong sooner or later.
 *
 * The other side of a trial is a peer that accepts whatever OpenSSL knows. Two of them are tried,
 * since a peer picks the version before anything else and does not fall back:
 *
 *   any      speaks TLS 1.2 and 1.3, as today's peers do
 *   old      speaks TLS 1.2 alone; tried if min_version allows it */
#ifndef PROXY_TLS_TLS_CTX_TRIAL_H
#define PROXY_TLS_TLS_CTX_TRIAL_H

#include <openssl/types.h>

#include "proxy/base/text.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/tls/tls_ctx.h"

struct tls_trial {
	bool any, old; /* that handshake is possible; old is true where it is not tried */
	char why[120]; /* what OpenSSL says of the first one that is not */
};

/* tls_trial_server: with this certificate; tls_trial_client: with this one to show, or NULL for
 * none.
 *   Returns  0 or -NP_ENOMEM.
 *   Calls    control thread; some milliseconds of signing, and the making of an RSA key if the
 *            ciphers need one. */
must_use int tls_trial_server(OSSL_LIB_CTX *lib, const struct tls_ctx_limits *l,
			      const struct tls_cert *c, struct tls_trial *out);
must_use int tls_trial_client(OSSL_LIB_CTX *lib, const struct tls_ctx_limits *l,
			      const struct tls_cert *c, struct tls_trial *out);

/* tls_trial_key: "RSA-PSS, 2048 bits", "EC, secp256k1", to be appended to a sentence. */
void tls_trial_key(struct text *t, const EVP_PKEY *key);

#endif
