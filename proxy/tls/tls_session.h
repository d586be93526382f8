/* tls_session: sessions with servers, to be resumed. All workers share those of one upstream's
 * settings, so the n-th connection resumes whichever worker made the first; other settings have a
 * table of their own and never meet them.
 *
 *   worker A   handshake --i2d--> bytes, in the place of the server's address and name
 *   worker B   bytes --d2i--> a session of its own, for the next handshake with that server
 *
 * Sessions travel as bytes, since each worker has a library context of its own and an SSL_SESSION
 * holds objects of one. A TLS 1.3 ticket is taken out when it is used: it should be shown once (RFC
 * 8446, C.4). A TLS 1.2 session stays.
 *
 * A lock per place is held while a few pointers or kilobytes are copied, never while anything
 * waits. */
#ifndef PROXY_TLS_TLS_SESSION_H
#define PROXY_TLS_TLS_SESSION_H

#include <openssl/ssl.h>

#include "netpoll/addr.h"

#define TLS_SESSIONS      64          /* places: servers remembered; the newest of those that share one */
#define TLS_SESSION_MOST  (16 * 1024) /* bytes of one; a larger one (a large certificate) is not kept */
#define TLS_SESSION_SPARE 4           /* TLS 1.3 tickets kept of one server, for connections at once */

struct tls_sessions;

struct tls_sessions *tls_sessions_new(void); /* one use of it; NULL: no memory. Control thread */
struct tls_sessions *tls_sessions_get(struct tls_sessions *c); /* one use more. Control thread */
/* Gives a use back; takes NULL, returns NULL. Control thread; no connection of the context is left.
 * */
struct tls_sessions *tls_sessions_free(struct tls_sessions *c);

/* Whose sessions: of a server, under the name that it was asked for. A session says nothing of the
 * certificate any more, so one that was made under a name must not be resumed under another: the
 * other name would be taken for verified. */
struct tls_session_of {
	const struct np_addr *server;
	const char *name; /* NULL: none was asked for */
};

/* tls_sessions_take: a session with the server that may still be resumed, the newest first.
 *   Returns  it, or NULL: none, or no memory.   Calls  any worker.   Owns  the caller:
 *            SSL_SESSION_free. */
SSL_SESSION *tls_sessions_take(struct tls_sessions *c, const struct tls_session_of *of);
/* tls_sessions_keep: for the next handshake with the server, on any worker. Does not keep s itself.
 * Any worker. */
void tls_sessions_keep(struct tls_sessions *c, const struct tls_session_of *of, const SSL_SESSION *s);
/* The handshake that used a session failed: what is left of this server's under the name is suspect,
 * too. Any worker. */
void tls_sessions_forget(struct tls_sessions *c, const struct tls_session_of *of);

#endif
