/* tls_ocsp: the question whether a certificate is revoked, and whether an answer to it is one to be believed and
 * stapled. Its certificates are copies in the default library context, which no worker uses. Control thread. */
#ifndef PROXY_CREDS_TLS_OCSP_H
#define PROXY_CREDS_TLS_OCSP_H

#include "netpoll/base.h"
#include "proxy/proto/http.h"
#include "proxy/creds/tls_cert.h"

#define TLS_OCSP_KEY  32 /* bytes of a SHA-256 */
#define TLS_OCSP_SKEW (5 * 60) /* s: how far a responder's clock may be ahead of ours */
#define TLS_OCSP_HOLD 3600     /* s: how long an answer is good that does not say so itself */

struct tls_ocsp;

/* tls_ocsp_new: the question about c's first certificate. Its issuer has to be the next one, and it has to name a
 * responder that is asked by http.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: *why, a static text, says what the file lacks. */
must_use int tls_ocsp_new(const struct tls_cert *c, struct tls_ocsp **out, const char **why);
struct tls_ocsp *tls_ocsp_free(struct tls_ocsp *o); /* takes NULL, returns NULL */

/* Which certificate it is: the hash of it. Returns whether there was memory. */
must_use bool tls_ocsp_key(const struct tls_cert *c, uint8_t key[TLS_OCSP_KEY]);
const struct http_url *tls_ocsp_url(const struct tls_ocsp *o);
const char *tls_ocsp_text(const struct tls_ocsp *o); /* the URL as the certificate spells it */

/* The request's bytes. Owns *der with success: tls_ocsp_request_free.   Returns  their number, or -NP_ENOMEM. */
must_use int tls_ocsp_request(const struct tls_ocsp *o, unsigned char **der);
void tls_ocsp_request_free(unsigned char *der);

struct tls_ocsp_verdict {
	int64_t from, until; /* when the answer is good; seconds since 1970 */
	const char *why;     /* else: a static text about what is wrong */
};

/* tls_ocsp_judge: is this an answer, signed by the issuer or by whom it names, that says of this certificate now that
 * it is good?
 *   Returns  0: v has its times; -NP_EACCES: it is revoked; -NP_EPROTO: none of this. v->why says what. */
must_use int tls_ocsp_judge(const struct tls_ocsp *o, const uint8_t *der, size_t n, int64_t now,
			    struct tls_ocsp_verdict *v);
/* Of an answer that somebody else has judged: the first moment at which a part of it is good no more.
 *   Returns  0, or -NP_EPROTO: it is none. */
must_use int tls_ocsp_until(const uint8_t *der, size_t n, int64_t *until);

#endif
