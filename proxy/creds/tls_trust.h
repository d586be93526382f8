/* tls_trust: whom the system trusts, for upstreams whose config names nobody.
 *
 *   files --control thread, once a generation--> table of certificates as they came --name asked for--> worker's store
 *
 * OpenSSL's own way (SSL_CTX_set_default_verify_paths) reads directories when a handshake asks for a name, on the
 * worker, which must not wait for a disk; and it reads the bundle once for every context: a hundred and fifty parsed
 * certificates for each upstream and worker. Here all share one table, and a worker parses the one or two that its
 * servers' chains lead to, in its own library context: no lock is shared either. */
#ifndef PROXY_CREDS_TLS_TRUST_H
#define PROXY_CREDS_TLS_TRUST_H

#include <openssl/types.h>

#include "proxy/base/text.h"

struct tls_trust; /* the table. Frozen but for its count of roots, which is the control thread's */
struct tls_roots; /* one worker's part of it: a store that fills itself */

/* tls_trust_load: every certificate of the system's bundle and directories, where OpenSSL would look for them
 * (SSL_CERT_FILE, SSL_CERT_DIR).
 *   Returns  0, -NP_ENOMEM, or -NP_EINVAL: there is none, and err says so.   Calls  control thread; blocks on the disk.
 *   Owns     *out, one user of it: tls_trust_put. */
must_use int tls_trust_load(struct tls_trust **out, struct text *err);
void tls_trust_put(struct tls_trust *t); /* takes NULL */

/* Uses t. For contexts and connections of one worker. NULL: no memory. Control thread. */
struct tls_roots *tls_roots_new(struct tls_trust *t, OSSL_LIB_CTX *lib);
struct tls_roots *tls_roots_get(struct tls_roots *r); /* one user more. Control thread */
void tls_roots_put(struct tls_roots *r);              /* takes NULL. Control thread; no handshake uses it any more */
X509_STORE *tls_roots_store(const struct tls_roots *r); /* borrowed; for SSL_CTX_set1_cert_store */

/* tls_trust_share: the system's, read now, for these workers: each one's `roots`. end: contexts made from now on ask
 * again; takes places that are NULL.   Returns, Calls  as tls_trust_load. */
struct tls_worker;
must_use int tls_trust_share(struct tls_worker **workers, unsigned n, struct text *err);
void tls_trust_end(struct tls_worker **workers, unsigned n);

/* The store's callback finds them: of the connection whose handshake asks. tls_ctx_client.c */
struct tls_roots *tls_roots_of(X509_STORE_CTX *asks);

#endif
