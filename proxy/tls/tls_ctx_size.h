/* tls_ctx_size: what is too large for a handshake, found when a configuration is loaded and not by
 * the first client. The limits are those of the protocol and of the library of most peers, which
 * take no larger message of a kind unless they are told to. */
#ifndef PROXY_TLS_TLS_CTX_SIZE_H
#define PROXY_TLS_TLS_CTX_SIZE_H

#include "proxy/base/text.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/tls/tls_ctx.h"

/* tls_size_chain: the certificates of the file at path, with a stapled response of nstaple bytes.
 * Warns of a chain that most peers refuse.
 *   Returns  0, -NP_ENOMEM, or -NP_EINVAL: no peer can be sent it, and err says so. */
must_use int tls_size_chain(struct tls_ctx *x, const char *path, const struct tls_cert *c,
			    size_t nstaple, struct text *err);
/* Do the names of these authorities fit into one request? */
bool tls_size_names_fit(const struct stack_st_X509 *ca);

/* tls_ctx_warn: a setting works in part only; the sentence is "PLACE: WORDS". Worker 0 keeps it, for
 * all. Returns 0 or -NP_ENOMEM. */
must_use int tls_ctx_warn(struct tls_ctx *x, const char *place, const char *fmt, ...)
	printf_like(3, 4);

#endif
