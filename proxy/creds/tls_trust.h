/* tls_trust: the system's CA certificates, for upstreams whose config names no `ca`.
 *
 *   files --control thread, once a generation--> table of DER --issuer's name, in a handshake--> worker's store
 *
 * OpenSSL's own way (SSL_CTX_set_default_verify_paths) reads directories when a handshake asks for
 * a name, on the worker, which must not wait for a disk; and it reads the bundle once per context:
 * a hundred and fifty parsed certificates for each upstream and worker. Here the system's CA
 * certificates are read once per configuration generation and shared by all workers, and by the
 * generations before if they are the same; a worker
 * parses the one or two that its servers' chains lead to, in its own library context, so workers
 * share no lock either. */
#ifndef PROXY_CREDS_TLS_TRUST_H
#define PROXY_CREDS_TLS_TRUST_H

#include <openssl/types.h>

#include "netpoll/base.h"
#include "proxy/base/text.h"

struct tls_trust; /* the table: frozen but for its count of users, which is the control thread's */
struct tls_roots; /* one worker's store, which fills itself from the table */

/* tls_trust_load: every certificate of the system's bundle and directories, where OpenSSL would
 * look for them (SSL_CERT_FILE, SSL_CERT_DIR).
 *   Returns  0, -NP_ENOMEM, or -NP_EINVAL: the system has none, and err says so.
 *   Calls    control thread; blocks on the disk.
 *   Owns     *out, one use of it: tls_trust_put. */
must_use int tls_trust_load(struct tls_trust **out, struct text *err);
void tls_trust_put(struct tls_trust *t); /* takes NULL */

/* tls_roots_new: a store for the contexts and connections of one worker, whose stores are all: the
 * one that has the certificates of t already, or a new one, which uses t.
 *   Returns  NULL if there is no memory.   Calls  control thread.   Owns  one use of it:
 *            tls_roots_put. */
struct tls_roots *tls_roots_new(struct list *all, struct tls_trust *t, OSSL_LIB_CTX *lib);
/* TLS_DIGEST bytes: of all its certificates. Borrowed. */
const uint8_t *tls_roots_digest(const struct tls_roots *r);
struct tls_roots *tls_roots_get(struct tls_roots *r); /* one use more. Control thread */
/* Takes NULL. Control thread; no handshake uses it any more. */
void tls_roots_put(struct tls_roots *r);
X509_STORE *tls_roots_store(const struct tls_roots *r); /* borrowed; for SSL_CTX_set1_cert_store */

#endif
