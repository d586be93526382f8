/* tls_ctx_allow: which clients a listener lets in by what their certificates say
 * (client_auth.allow). Asked during verification, so a client that is turned away has an alert, and
 * no server has heard of it. Built by the control thread, frozen then; a copy of the config's
 * values. */
#ifndef PROXY_TLS_TLS_CTX_ALLOW_H
#define PROXY_TLS_TLS_CTX_ALLOW_H

#include <openssl/types.h>

#include "config/config.h"
#include "proxy/base/text.h"

struct tls_allow;

/* tls_allow_new: the rules of c, of which each list may be empty.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: err is a sentence about a key.
 *   Calls    control thread.
 *   Owns     *out: tls_allow_free, which takes NULL and returns NULL. */
must_use int tls_allow_new(const struct config_client_allow *c, struct tls_allow **out,
			   struct text *err);
struct tls_allow *tls_allow_free(struct tls_allow *a);

/* tls_allow_has: does one of the rules name this certificate? Its verification is the caller's part.
 * Any worker. */
bool tls_allow_has(const struct tls_allow *a, const X509 *cert);

#endif
