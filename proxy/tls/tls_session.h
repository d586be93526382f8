/* tls_session: sessions with servers, to be resumed. They belong to one upstream's context on one
 * worker, so that neither another worker nor other settings can use them; within it they are found
 * by the server's address. Owner worker. */
#ifndef PROXY_TLS_TLS_SESSION_H
#define PROXY_TLS_TLS_SESSION_H

#include <openssl/ssl.h>

#include "netpoll/addr.h"

#define TLS_SESSIONS 64 /* servers remembered: the newest of those that share a place */

struct tls_sessions;

struct tls_sessions *tls_sessions_new(void); /* NULL: no memory */
struct tls_sessions *tls_sessions_free(struct tls_sessions *c); /* takes NULL, returns NULL */
/* The server's latest session that may still be resumed, or NULL. Borrowed. */
SSL_SESSION *tls_sessions_find(const struct tls_sessions *c, const struct np_addr *server);
/* Owns s from now on. */
void tls_sessions_keep(struct tls_sessions *c, const struct np_addr *server, SSL_SESSION *s);
/* The server refused the session, or the handshake that used it failed. */
void tls_sessions_forget(struct tls_sessions *c, const struct np_addr *server);

#endif
