/* tls_digest: the SHA-256 of all that something is made of: settings as text, and what files hold.
 * Two things with one digest are the same thing, whenever their files were written. */
#ifndef PROXY_CREDS_TLS_DIGEST_H
#define PROXY_CREDS_TLS_DIGEST_H

#include "netpoll/base.h"

#define TLS_DIGEST 32 /* bytes of a SHA-256 */

struct tls_digest;

/* NULL: no memory. Owns: tls_digest_end. Any thread. */
must_use struct tls_digest *tls_digest_begin(void);
/* tls_digest_add: n bytes, told apart from those of the next call. tls_digest_file: what the file
 * holds now; one that cannot be read counts as another content than any other. Blocks on the disk. */
void tls_digest_add(struct tls_digest *d, const void *p, size_t n);
void tls_digest_file(struct tls_digest *d, const char *path);
/* Frees d, also when it is NULL or had no memory: then it returns -NP_ENOMEM. Else 0 and *out. */
must_use int tls_digest_end(struct tls_digest *d, uint8_t out[TLS_DIGEST]);

#endif
