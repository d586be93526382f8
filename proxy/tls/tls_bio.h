/* tls_bio: the bytes under the records, with one BIO per worker, and the frame of every TLS
 * operation: tls_bio_begin lends the worker's buffers to one connection, tls_bio_end takes them
 * back. Owner worker; nothing here parks. */
#ifndef PROXY_TLS_TLS_BIO_H
#define PROXY_TLS_TLS_BIO_H

#include <openssl/bio.h>

#include "netpoll/base.h"

struct tls;
struct tls_worker;

/* A new method, the caller's to free; NULL: no memory. Any thread. */
must_use BIO_METHOD *tls_bio_method(void);

/* Every call of OpenSSL that may read or write, and every use of the worker's buffers, stands
 * between these two. begin makes t the worker's active connection; early: n bytes of ciphertext
 * that were read before, borrowed until end. end keeps what is left of the input in t->in, and
 * sends what was written; the rest of that waits in t->out. hold: all of it waits there, for the
 * next write.
 *   Returns  end: 0; -NP_EAGAIN: something waits for room; -NP_ENOMEM; or why nothing can be sent
 *            any more. */
void tls_bio_begin(struct tls *t, const void *early, size_t n);
must_use int tls_bio_end(struct tls *t, bool hold);

/* After begin: what was held goes ahead of what is written now, in the same send. */
void tls_bio_take_held(struct tls *t);

/* After begin: more bytes behind those in the window, from the socket unless it is known to have
 * none.
 *   Returns  whether some came; if not, t->io and t->fin say why. */
must_use bool tls_bio_fill(struct tls_worker *w, struct tls *t);

/* Outside an operation, before the descriptor is closed: reads and forgets what the socket holds,
 * within bounds. A close with unread input becomes a reset, and that may overtake the alert we
 * sent. */
void tls_bio_drain(struct tls *t);

/* Outside an operation: sends what waits in t->out.
 *   Returns  0: nothing waits; -NP_EAGAIN: some still does; or why it can never be sent. */
must_use int tls_bio_flush(struct tls *t);

#endif
