/* tls_ocsp: the OCSP request about one certificate, and whether a response to it may be stapled
 * (RFC 6960, and RFC 5019 for what large responders understand).
 *
 * Its certificates are copies in OpenSSL's default library context, which no worker uses. Control
 * thread. */
#ifndef PROXY_CREDS_TLS_OCSP_H
#define PROXY_CREDS_TLS_OCSP_H

#include "netpoll/base.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/proto/http.h"

#define TLS_OCSP_KEY  32       /* bytes of a SHA-256 */
#define TLS_OCSP_GET  256      /* bytes of a URL that is asked with GET, and a NUL */
#define TLS_OCSP_SKEW (5 * 60) /* s: how far a responder's clock may be ahead of ours */
/* Bytes of a response that is stapled: TLS 1.2 sends it in a message of its own, with four bytes
 * more, and OpenSSL's clients take 16 KiB of that. */
#define TLS_OCSP_MOST (16 * 1024 - 4)
#define TLS_OCSP_HOLD 3600     /* s: how long a response without nextUpdate is good */

struct tls_ocsp;

/* tls_ocsp_new: the question about c's leaf, which must name a responder with an http URL. Its
 * issuer's certificate is taken from the PEM file `issuer`, or, if that is NULL, from c's chain.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: *why, a static text, says what the file lacks.
 *   Owns     *out, written on success only: tls_ocsp_free. c may go. */
must_use int tls_ocsp_new(const struct tls_cert *c, const char *issuer, struct tls_ocsp **out,
			  const char **why);
struct tls_ocsp *tls_ocsp_free(struct tls_ocsp *o); /* takes NULL, returns NULL */

/* tls_ocsp_key: the SHA-256 of c's leaf, which tells certificates apart. Returns whether there was
 * memory. */
must_use bool tls_ocsp_key(const struct tls_cert *c, uint8_t key[TLS_OCSP_KEY]);
const struct http_url *tls_ocsp_url(const struct tls_ocsp *o); /* borrowed */
/* The URL as the certificate spells it; borrowed. */
const char *tls_ocsp_text(const struct tls_ocsp *o);

/* tls_ocsp_request: the request in DER.
 *   Returns  its length, or -NP_ENOMEM.   Owns  *der, on success: tls_ocsp_request_free. */
must_use int tls_ocsp_request(const struct tls_ocsp *o, unsigned char **der);
void tls_ocsp_request_free(unsigned char *der);
/* tls_ocsp_get_path: the request as the last part of a URL, for a GET. Returns whether it is short
 * enough for that. */
must_use bool tls_ocsp_get_path(const struct tls_ocsp *o, char out[TLS_OCSP_GET]);

struct tls_ocsp_verdict {
	int64_t from, until; /* thisUpdate and nextUpdate; seconds since 1970 */
	const char *why;     /* on failure: a static text about what is wrong */
};

/* tls_ocsp_judge: is this a response, signed by the issuer or a responder of it, that says that the
 * certificate is good at `now`?
 *   Returns  0: v has its times; -NP_EACCES: the certificate is revoked; -NP_EPROTO: anything else.
 *            v->why says what. */
must_use int tls_ocsp_judge(const struct tls_ocsp *o, const uint8_t *der, size_t n, int64_t now,
			    struct tls_ocsp_verdict *v);
/* tls_ocsp_until: the earliest nextUpdate of a response that was verified before; INT64_MAX if it
 * has none.
 *   Returns  0, or -NP_EPROTO: the bytes are no successful response. */
must_use int tls_ocsp_until(const uint8_t *der, size_t n, int64_t *until);

#endif
