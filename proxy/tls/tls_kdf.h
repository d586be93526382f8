/* tls_kdf: TLS 1.3's key schedule (RFC 8446, 7.1) as an OpenSSL provider of one algorithm, loaded
 * into a worker's library context beside the default one. For two reasons:
 *
 *   the secrets of the connection that is shaking hands pass here, so that its records need no
 *   connection object later (tls_direct.c). The other public way to them,
 *   SSL_CTX_set_keylog_callback, prints five of them as text: 8 % of a handshake
 *
 *   OpenSSL 3.0 derives some twenty secrets in each handshake, and looks up, allocates and frees a
 *   digest and a MAC for each one: 20 % of a handshake. Here both stand ready */
#ifndef PROXY_TLS_TLS_KDF_H
#define PROXY_TLS_TLS_KDF_H

#include <openssl/types.h>

#include "netpoll/base.h"

struct tls_worker;

/* Properties for SSL_CTX_new_ex: of the two key schedules in the library context OpenSSL then
 * prefers the worker's. */
#define TLS_KDF_PROPERTIES "?provider=staunch"

/* tls_kdf_load: loads both providers into w->lib; w->crypto must be ready before the first
 * handshake.
 *   Returns  0 or -NP_ENOMEM.   Calls  the thread that makes the worker. */
must_use int tls_kdf_load(struct tls_worker *w);
/* Takes a worker whose load failed. Contexts of w->lib are gone. */
void tls_kdf_unload(struct tls_worker *w);

#endif
