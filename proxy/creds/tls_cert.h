/* tls_cert: a certificate, its chain and its key, read from PEM files into a worker's library context. What is wrong is
 * said as a sentence that begins with the file's name. Any thread; blocks on the disk, so never a worker's. */
#ifndef PROXY_CREDS_TLS_CERT_H
#define PROXY_CREDS_TLS_CERT_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include "proxy/base/text.h"

#define TLS_CERT_SOON 14

/* Which certificates of one name exclude each other: OpenSSL serves one of each kind. */
enum tls_cert_kind { TLS_CERT_RSA, TLS_CERT_EC, TLS_CERT_ED25519, TLS_CERT_OTHER, TLS_CERT_KINDS };

struct tls_cert_files {
	const char *cert, *key;
	const char *password; /* a file whose first line opens the key; NULL: it is not encrypted */
};

struct tls_cert {
	X509 *leaf;
	struct stack_st_X509 *chain; /* without the leaf; may be empty */
	EVP_PKEY *key;
	enum tls_cert_kind kind;
	int64_t expires; /* seconds since 1970 */
};

/* tls_cert_load: returns 0, -NP_ENOMEM, or another error: then err says what to do about which file.
 *   Owns  *out, written on success only: tls_cert_fini. */
must_use int tls_cert_load(OSSL_LIB_CTX *lib, const struct tls_cert_files *f, struct tls_cert *out, struct text *err);
void tls_cert_fini(struct tls_cert *c);
/* Whole days until `expires`; negative: it has expired. Below TLS_CERT_SOON somebody should be told. */
int tls_cert_days_left(int64_t expires);
/* A time of a certificate or of what is said about one, in seconds since 1970. Returns whether it is one; else 0. */
must_use bool tls_cert_time(const ASN1_TIME *t, int64_t *seconds);

/* Calls fn for each host name it is for: its DNS names, or without any its common name. A name with a NUL in it is
 * none.
 *   Returns  0, or the first other answer of fn. */
must_use int tls_cert_names(const struct tls_cert *c, int (*fn)(void *arg, const char *name), void *arg);

/* tls_cert_list: all certificates of a PEM file, at least one. Returns as tls_cert_load does. */
must_use int tls_cert_list(OSSL_LIB_CTX *lib, const char *path, struct stack_st_X509 **out, struct text *err);
/* The revocation lists of a PEM file, at least one. */
must_use int tls_cert_crls(OSSL_LIB_CTX *lib, const char *path, struct stack_st_X509_CRL **out, struct text *err);
/* "FILE: WHAT", and returns code. */
int tls_cert_wrong(struct text *err, const char *path, const char *what, int code);

#endif
