/* tls: one end of a connection that speaks TLS, in the relay's hands. proxy/conn/stream.h chooses
 * between it and the plain socket, with the same contracts: what tls_try_read returns is what
 * np_fd_try_read would.
 *
 *   tls_accept, tls_connect    a coroutine, until both sides agree          tls_handshake.h
 *   tls_try_read, _write ...   the relay's task: never park                 here
 *
 * An idle end keeps two keys and struct tls, or OpenSSL's object: no record buffer, no ciphertext,
 * no BIO of its own.
 *
 * Every function: owner worker, outside any other TLS operation; none parks. None is inlined: the relay of
 * plain connections, which calls none of them, would pay in registers. */
#ifndef PROXY_TLS_TLS_H
#define PROXY_TLS_TLS_H

#include "netpoll/netpoll.h"
#include "proxy/tls/tls_facts.h"
#include "proxy/tls/tls_records.h"

struct tls;

/* Plaintext, at most n bytes.
 *   Returns  bytes; 0: the end of this direction; -NP_EAGAIN: nothing now; or an error that stays.
 */
must_use no_inline ssize_t tls_try_read(struct tls *t, void *buf, size_t n);
/* Takes plaintext. What the socket does not take of its ciphertext becomes the backlog, so that a
 * write is never half done. n = 0 asks whether the peer is still there.
 *   Returns  bytes; -NP_EAGAIN: there is a backlog still; or an error. */
must_use no_inline ssize_t tls_try_write(struct tls *t, const void *buf, size_t n);
/* Sends the backlog.   Returns  0: none is left; -NP_EAGAIN: some is; or why it can never be sent.
 */
must_use no_inline int tls_flush(struct tls *t);
/* close_notify, then FIN.   Returns  0; -NP_EAGAIN: call it again when there is room; or an error.
 */
must_use no_inline int tls_close_write(struct tls *t);
/* Something may be read although no event will come. */
no_inline bool tls_buffered(const struct tls *t);
/* After a read said 0: the peer sent FIN without close_notify, so bytes may be missing. */
no_inline bool tls_truncated(const struct tls *t);
/* Why it broke, in static words that tell the rule and the alert; NULL: the error's code says all.
 */
no_inline const char *tls_cause(const struct tls *t);
/* tls_said: what the log should say of a failed handshake: the cause, who the peer is, what it
 * offered. Escaped. NULL: it did not fail, or t is NULL.   Owns  t. */
no_inline const char *tls_said(const struct tls *t);
/* Who makes its records, and why. */
no_inline enum tls_records tls_records(const struct tls *t);
/* Bytes of ciphertext that wait for room in the socket. */
no_inline size_t tls_backlog(const struct tls *t);
/* Its descriptor has another place now (np_fd_move). */
no_inline void tls_moved(struct tls *t, struct np_fd *fd);
/* Frees it; the descriptor stays open. may_notify: close_notify goes first, if the socket takes it
 * at once. Takes NULL, returns NULL. */
no_inline struct tls *tls_free(struct tls *t, bool may_notify);

#endif
