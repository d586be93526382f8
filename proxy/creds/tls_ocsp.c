/* Makes OCSP requests (RFC 6960) and judges responses, for one certificate each. */
#include "proxy/creds/tls_ocsp.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

struct tls_ocsp {
	X509 *leaf, *issuer; /* owned: copies */
	OCSP_CERTID *id;     /* owned: the leaf, as requests and responses name it */
	char *text;          /* owned: the responder's URL; url.path points into it */
	struct http_url url;
};

/* ---- the question ---- */

/* By way of DER, into the default library context: X509_dup would keep the worker's, whose locks
 * the control thread should not take while connections are served. */
static X509 *copy_cert(const X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	const unsigned char *p = der;
	X509 *made = n > 0 ? d2i_X509(NULL, &p, n) : NULL;

	OPENSSL_free(der);
	return made;
}

/* Takes the first URL of the certificate that can be asked. Returns NULL, or what the certificate
 * lacks. */
static const char *find_url(struct tls_ocsp *o)
{
	STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(o->leaf);
	const char *why = "names no OCSP responder";

	for (int i = 0; i < sk_OPENSSL_STRING_num(urls) && o->text == NULL; i++) {
		why = "names no OCSP responder with an http URL";
		o->text = strdup(sk_OPENSSL_STRING_value(urls, i));
		if (o->text != NULL && http_url_read(o->text, &o->url) != 0) {
			free(o->text);
			o->text = NULL;
		}
	}
	X509_email_free(urls);
	return o->text != NULL ? NULL : why;
}

/* The one of these certificates that issued the leaf, copied; NULL: none did. */
static X509 *issuer_among(const struct stack_st_X509 *list, X509 *leaf)
{
	for (int i = 0; i < sk_X509_num(list); i++)
		if (X509_check_issued(sk_X509_value(list, i), leaf) == X509_V_OK)
			return copy_cert(sk_X509_value(list, i));
	return NULL;
}

/* From the operator's own file, else from anywhere in the chain: its order is the operator's.
 * Returns NULL, or what is missing. */
static const char *take_issuer(struct tls_ocsp *o, const struct tls_cert *c, const char *path)
{
	struct stack_st_X509 *list = NULL;
	char scratch[1];
	struct text silent;

	text_init(&silent, scratch, 0);
	if (path == NULL) {
		o->issuer = issuer_among(c->chain, o->leaf);
		return o->issuer != NULL
			       ? NULL
			       : "is not followed by its issuer's certificate, which an OCSP "
				 "request needs: append it, or name it as ocsp_issuer";
	}
	if (tls_cert_list(NULL, path, &list, &silent) != 0)
		return "has an ocsp_issuer that holds no certificate in PEM form";
	o->issuer = issuer_among(list, o->leaf);
	sk_X509_pop_free(list, X509_free);
	return o->issuer != NULL ? NULL : "was not issued by the certificate in its ocsp_issuer";
}

static int ocsp_build(struct tls_ocsp *o, const struct tls_cert *c, const char *issuer,
		      const char **why)
{
	o->leaf = copy_cert(c->leaf);
	if (o->leaf == NULL)
		return -NP_ENOMEM;
	*why = find_url(o);
	if (*why != NULL)
		return -NP_EINVAL;
	*why = take_issuer(o, c, issuer);
	if (*why != NULL)
		return -NP_EINVAL;
	/* NULL is SHA-1, the hash that RFC 5019, 2.1.1 has every responder know. */
	o->id = OCSP_cert_to_id(NULL, o->leaf, o->issuer);
	return o->id != NULL ? 0 : -NP_ENOMEM;
}

int tls_ocsp_new(const struct tls_cert *c, const char *issuer, struct tls_ocsp **out,
		 const char **why)
{
	struct tls_ocsp *o = calloc(1, sizeof(*o));
	int err = o != NULL ? ocsp_build(o, c, issuer, why) : -NP_ENOMEM;

	ERR_clear_error();
	DCHECK(err != 0 || o->url.path != NULL, "a question knows whom to ask");
	if (err == 0)
		*out = o;
	else
		tls_ocsp_free(o);
	return err;
}

struct tls_ocsp *tls_ocsp_free(struct tls_ocsp *o)
{
	if (o == NULL)
		return NULL;
	X509_free(o->leaf);
	X509_free(o->issuer);
	OCSP_CERTID_free(o->id);
	free(o->text);
	free(o);
	return NULL;
}

bool tls_ocsp_key(const struct tls_cert *c, uint8_t key[TLS_OCSP_KEY])
{
	return X509_digest(c->leaf, EVP_sha256(), key, NULL) == 1;
}

const struct http_url *tls_ocsp_url(const struct tls_ocsp *o)
{
	return &o->url;
}

const char *tls_ocsp_text(const struct tls_ocsp *o)
{
	return o->text;
}

/* Without a nonce: it proves that a response is fresh, which means nothing for one that is kept for
 * days, and large responders serve responses that were made before (RFC 5019, 4). */
int tls_ocsp_request(const struct tls_ocsp *o, unsigned char **der)
{
	OCSP_REQUEST *r = OCSP_REQUEST_new();
	OCSP_CERTID *id = OCSP_CERTID_dup(o->id);
	unsigned char *made = NULL;
	int n = -NP_ENOMEM;

	if (r != NULL && id != NULL && OCSP_request_add0_id(r, id) != NULL) {
		id = NULL; /* the request owns it now */
		n = i2d_OCSP_REQUEST(r, &made);
	}
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(r);
	ERR_clear_error();
	if (n <= 0)
		return -NP_ENOMEM;
	*der = made;
	return n;
}

void tls_ocsp_request_free(unsigned char *der)
{
	OPENSSL_free(der);
}

/* RFC 5019, 5: a request that takes up to 255 bytes as a URL is sent with GET, so that caches can
 * answer it. The base64 digits that mean something in a URL are escaped. */
bool tls_ocsp_get_path(const struct tls_ocsp *o, char out[TLS_OCSP_GET])
{
	unsigned char digits[TLS_OCSP_GET] = "", *der;
	int n = tls_ocsp_request(o, &der);
	struct text t;

	if (n < 0)
		return false;
	if (n <= TLS_OCSP_GET / 4 * 3 - 3)
		EVP_EncodeBlock(digits, der, n);
	tls_ocsp_request_free(der);
	text_init(&t, out, TLS_OCSP_GET - 1);
	for (const unsigned char *c = digits; *c != '\0'; c++) {
		if (*c == '+')
			text_str(&t, "%2B");
		else if (*c == '/')
			text_str(&t, "%2F");
		else if (*c == '=')
			text_str(&t, "%3D");
		else
			text_char(&t, (char)*c);
	}
	out[t.n] = '\0';
	return !t.cut && t.n > 0 && strlen(o->text) + 1 + t.n < TLS_OCSP_GET;
}

/* ---- the response ---- */

/* The response in n bytes, with nothing behind it. NULL: *why says what the bytes are instead. */
static OCSP_BASICRESP *parse_response(const uint8_t *der, size_t n, const char **why)
{
	const unsigned char *p = der;
	OCSP_RESPONSE *r = n <= TLS_OCSP_MOST ? d2i_OCSP_RESPONSE(NULL, &p, (long)n) : NULL;
	OCSP_BASICRESP *b = NULL;

	*why = n <= TLS_OCSP_MOST ? "it is not an OCSP response"
				  : "it is larger than the 16 KiB that clients take";
	if (r != NULL && p == der + n) {
		*why = OCSP_response_status_str(OCSP_response_status(r));
		if (OCSP_response_status(r) == OCSP_RESPONSE_STATUS_SUCCESSFUL) {
			*why = "it is not an OCSP response";
			b = OCSP_response_get1_basic(r);
		}
	}
	OCSP_RESPONSE_free(r);
	return b;
}

/* Signed by the issuer, or by a responder whose certificate the issuer signed for this
 * (ocspSigning, RFC 6960, 4.2.2.2)? The store holds the issuer alone, so no other authority can
 * vouch. */
static bool is_signed_by_issuer(const struct tls_ocsp *o, OCSP_BASICRESP *b)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *certs = sk_X509_new_null();
	bool ok = store != NULL && certs != NULL && X509_STORE_add_cert(store, o->issuer) &&
		  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) &&
		  sk_X509_push(certs, o->issuer) > 0 && OCSP_basic_verify(b, certs, store, 0) == 1;

	sk_X509_free(certs);
	X509_STORE_free(store);
	return ok;
}

/* thisUpdate and nextUpdate. A response without nextUpdate is good for TLS_OCSP_HOLD. */
static bool read_times(const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *until,
		       int64_t now, struct tls_ocsp_verdict *v)
{
	if (from == NULL || !tls_cert_time(from, &v->from))
		return false;
	if (until != NULL)
		return tls_cert_time(until, &v->until) && v->until >= v->from;
	v->until = now + TLS_OCSP_HOLD;
	return true;
}

/* v->why is set to the next possible flaw before each check, so every return leaves the right one.
 * */
static int judge_response(const struct tls_ocsp *o, OCSP_BASICRESP *b, int64_t now,
			  struct tls_ocsp_verdict *v)
{
	ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
	int status = V_OCSP_CERTSTATUS_UNKNOWN;

	v->why = "it is not signed by the certificate's issuer or a responder of it";
	if (!is_signed_by_issuer(o, b))
		return -NP_EPROTO;
	v->why = "it is about another certificate";
	if (OCSP_resp_find_status(b, o->id, &status, NULL, NULL, &from, &until) != 1)
		return -NP_EPROTO;
	v->why = "it does not say from when to when it is valid";
	if (!read_times(from, until, now, v))
		return -NP_EPROTO;
	v->why = "it is not valid yet: is a clock wrong?";
	if (v->from > now + TLS_OCSP_SKEW)
		return -NP_EPROTO;
	v->why = "it has expired";
	if (v->until <= now)
		return -NP_EPROTO;
	v->why = "the certificate is revoked";
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return -NP_EACCES;
	v->why = "the responder does not know the certificate";
	return status == V_OCSP_CERTSTATUS_GOOD ? 0 : -NP_EPROTO;
}

int tls_ocsp_judge(const struct tls_ocsp *o, const uint8_t *der, size_t n, int64_t now,
		   struct tls_ocsp_verdict *v)
{
	OCSP_BASICRESP *b = parse_response(der, n, &v->why);
	int err = b != NULL ? judge_response(o, b, now, v) : -NP_EPROTO;

	OCSP_BASICRESP_free(b);
	ERR_clear_error();
	return err;
}

int tls_ocsp_until(const uint8_t *der, size_t n, int64_t *until)
{
	const char *why;
	OCSP_BASICRESP *b = parse_response(der, n, &why);
	int64_t first = INT64_MAX, end;

	for (int i = 0; b != NULL && i < OCSP_resp_count(b); i++) {
		ASN1_GENERALIZEDTIME *next = NULL;

		OCSP_single_get0_status(OCSP_resp_get0(b, i), NULL, NULL, NULL, &next);
		if (next != NULL && tls_cert_time(next, &end) && end < first)
			first = end;
	}
	if (b != NULL)
		*until = first;
	OCSP_BASICRESP_free(b);
	ERR_clear_error();
	return b != NULL ? 0 : -NP_EPROTO;
}
