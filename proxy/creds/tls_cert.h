/* tls_cert: a certificate, its chain and its key, read from PEM files into a worker's library
 * context.
 *
 *   cert file   leaf | intermediates ...     in the order in which they are sent
 *   key file    one private key, PKCS #8 or the older forms; may be encrypted, may be the same file
 *
 * An error is a sentence that begins with the file's name and says how to mend it. Any thread may
 * call these; they block on the disk, so a worker that serves connections never does. */
#ifndef PROXY_CREDS_TLS_CERT_H
#define PROXY_CREDS_TLS_CERT_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include "proxy/base/text.h"

#define TLS_CERT_SOON 14 /* days: below this, operators are warned of the expiry */

/* Which certificates of one name exclude each other: OpenSSL serves one of each kind. */
enum tls_cert_kind {
	TLS_CERT_RSA,
	TLS_CERT_RSA_PSS,
	TLS_CERT_EC,
	TLS_CERT_ED25519,
	TLS_CERT_ED448,
	TLS_CERT_KINDS
};

/* Paths, borrowed. */
struct tls_cert_files {
	const char *cert, *key;
	const char *password; /* a file of which one line opens the key; NULL: it is not encrypted */
};

/* Frozen once loaded. Its owner is the context that serves it. */
struct tls_cert {
	X509 *leaf;                  /* owned: the first certificate of the file */
	struct stack_st_X509 *chain; /* owned: the others, in the file's order; may be empty */
	EVP_PKEY *key;               /* owned: the leaf's private key */
	enum tls_cert_kind kind;
	bool tls13; /* TLS 1.3 has a signature for the key; TLS 1.2 has one for every kind */
	int64_t expires;             /* the leaf's notAfter, seconds since 1970 */
};

/* tls_cert_load: read a certificate and its key, and see that they belong together.
 *   Returns  0, -NP_ENOMEM, or another error: then err says what is wrong with which file.
 *   Owns     *out, written on success only: tls_cert_fini. */
must_use int tls_cert_load(OSSL_LIB_CTX *lib, const struct tls_cert_files *f, struct tls_cert *out,
			   struct text *err);
void tls_cert_fini(struct tls_cert *c);

/* Whole days until `expires`; negative once it has passed. Warn below TLS_CERT_SOON days. */
int tls_cert_days_left(int64_t expires);

/* tls_cert_time: an X.509 or OCSP time as seconds since 1970.
 *   Returns  whether it can be read. If not, *seconds is 0. */
must_use bool tls_cert_time(const ASN1_TIME *t, int64_t *seconds);

/* tls_cert_first_end: when the first of a PEM file's certificates ends, seconds since 1970. The key is not looked at.
 *   Returns  as tls_cert_load does. */
must_use int tls_cert_first_end(const char *path, int64_t *expires, struct text *err);

/* tls_cert_names: calls fn for each host name of the leaf: its DNS names, or, without any, its
 * common name. Names that contain a NUL are left out.
 *   Returns  0; -NP_ENOMEM; or the first other answer of fn, which ends the walk. */
must_use int tls_cert_names(const struct tls_cert *c, int (*fn)(void *arg, const char *name),
			    void *arg);

/* tls_cert_serial: its number in upper-case hexadecimal digits, as OpenSSL prints it.
 *   Returns  NULL: no memory.   Owns  the caller: free(3). */
must_use char *tls_cert_serial(const struct tls_cert *c);

/* tls_cert_list: all certificates of a PEM file, at least one. tls_cert_crls: all revocation lists.
 *   Returns  as tls_cert_load does.
 *   Owns     *out, written on success only: sk_..._pop_free. */
must_use int tls_cert_list(OSSL_LIB_CTX *lib, const char *path, struct stack_st_X509 **out,
			   struct text *err);
must_use int tls_cert_crls(OSSL_LIB_CTX *lib, const char *path, struct stack_st_X509_CRL **out,
			   struct text *err);

#endif
