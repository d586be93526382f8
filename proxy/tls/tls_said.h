/* tls_said: words about a connection that failed, for the log: who the peer is and what it offered,
 * where OpenSSL's reason does not tell. Made only when something fails; the peer's bytes in it are
 * escaped.
 *
 *   no application protocol in common (ALPN): the client offers h2, http/1.1
 *   the peer ended the handshake with an alert: handshake failure; offered TLS 1.2 to 1.3, name db.internal */
#ifndef PROXY_TLS_TLS_SAID_H
#define PROXY_TLS_TLS_SAID_H

#include "proxy/tls/tls_priv.h"

/* Inside a callback that refuses the client: the name it asks for (n 0: none), the protocols it
 * offers. */
void tls_said_name(struct tls *t, enum tls_failure code, const char *name, size_t n);
void tls_said_alpn(struct tls *t, const unsigned char *list, size_t n);
/* Inside a callback that refuses the peer for a reason of its own. */
void tls_said_words(struct tls *t, const char *sentence);
/* tls_said_failure: after a handshake failed with w, while OpenSSL's object still knows the peer.
 * alpn: the one protocol that was offered to a server instead of the context's; NULL: none was.
 * Keeps words that a callback left. */
void tls_said_failure(struct tls *t, const struct tls_why *w, const char *alpn);

#endif
