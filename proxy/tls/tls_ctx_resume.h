/* tls_ctx_resume: who may resume a session with a listener, and for how long.
 *
 * A session is good only for the certificates and the rules it was made with: a resumed client is
 * asked neither for another cipher nor for its certificate. The session id context of a group is a
 * hash of both, so OpenSSL takes a ticket of other settings for no ticket (CVE-2025-23419). The
 * hash is the same in every process that reads the same files. */
#ifndef PROXY_TLS_TLS_CTX_RESUME_H
#define PROXY_TLS_TLS_CTX_RESUME_H

#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_ctx_rules.h"

/* tls_resume_scope: bind the sessions of group g to its certificates and rules. Returns 0 or
 * -NP_ENOMEM. */
must_use int tls_resume_scope(const struct tls_ctx *x, const struct tls_group *g,
			      const struct config_tls_in *c, const struct tls_terms *says);
/* tls_resume_tickets: give out tickets and take them, as x says; x must outlive ssl. */
void tls_resume_tickets(struct tls_ctx *x, SSL_CTX *ssl);

#endif
