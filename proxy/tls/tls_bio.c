/* The bytes under the records.
 *
 *   socket --recv--> worker's `in` --window--> OpenSSL
 *                         '-- left at the end --> t->in
 *   OpenSSL --> worker's `out` --send--> socket
 *                         '-- not taken --> t->out
 *
 * A callback never waits and never parks: OpenSSL's error queue belongs to the thread, and another
 * coroutine would find this one's errors in it. When there is nothing to read it says so, and the
 * caller of OpenSSL waits, outside.
 *
 * Writing cannot fail either: what the socket does not take is kept. So OpenSSL never asks for the
 * same write again, and a read that must write (the answer to a KeyUpdate) is no special case.
 *
 * The BIO is the worker's: each connection holds a reference, and `active` says whose bytes it
 * moves. OpenSSL pushes a buffer before it while a handshake runs and pops it after; the one
 * pointer this leaves in the shared BIO (to the buffer that was pushed last) is never followed,
 * since the chain is only ever walked from its head. */
#include "proxy/tls/tls_bio.h"

#include <string.h>

#include <openssl/err.h>

#include "proxy/tls/tls_priv.h"

#define DRAIN_MOST 16 /* reads of TLS_IN bytes: then the peer gets its reset */

/* ---- reading ---- */

/* The rest of the window moves to the front of the worker's memory, so that a recv can go behind
 * it. */
static void move_window(struct tls_worker *w, struct tls *t)
{
	if (w->nwindow > 0)
		memmove(w->in, w->window, w->nwindow);
	w->window = w->in;
	chunk_drop(&t->in);
}

bool tls_bio_fill(struct tls_worker *w, struct tls *t)
{
	size_t most = TLS_IN - w->nwindow;
	ssize_t n;

	DCHECK_ACTIVE(t);
	t->io = -NP_EAGAIN;
	if (t->quiet || (w->delivered && w->received))
		return false;
	if (t->fin) {
		t->io = 0;
		return false;
	}
	move_window(w, t);
	if (most > w->recv_most)
		most = w->recv_most;
	n = np_fd_try_read(t->fd, w->in + w->nwindow, most);
	w->received = true;
	t->io = n > 0 ? 0 : (int)n;
	t->fin = n == 0;
	/* Short: the socket is empty, unless an event said that more than bytes came. */
	t->quiet = n < 0 || (n > 0 && (size_t)n < most && !np_fd_may_have_more(t->fd));
	w->nwindow += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static int bio_read(BIO *b, char *buf, int n)
{
	struct tls_worker *w = BIO_get_data(b);
	struct tls *t = w->active;
	size_t some = (size_t)n;

	BIO_clear_retry_flags(b);
	if (w->nwindow == 0 && !tls_bio_fill(w, t)) {
		w->starved = true;
		if (t->fin)
			return 0;
		/* A deadline or a close of ours must not look to OpenSSL like a broken connection.
		 */
		if (np_err_class(t->io) != NP_CLASS_PEER)
			BIO_set_retry_read(b);
		return -1;
	}
	if (some > w->nwindow)
		some = w->nwindow;
	memcpy(buf, w->window, some);
	w->window += some;
	w->nwindow -= some;
	return (int)some;
}

/* ---- writing ---- */

/* Appends to t->out. The cost is linear in the bytes that are ever appended: it grows by a factor,
 * and what waits moves to the front only once at least as much has left. Returns 0 or -NP_ENOMEM.
 */
static int keep_out(struct tls *t, const char *p, size_t n)
{
	size_t held = chunk_held(t->out), need = held + n;
	struct chunk *c = t->out;

	if (need > TLS_BACKLOG_MOST)
		return -NP_ENOMEM;
	if (c != NULL && (size_t)c->to + n > t->out_room && c->from >= held) {
		memmove(c->bytes, c->bytes + c->from, held);
		c->from = 0;
		c->to = (uint32_t)held;
	}
	if (c == NULL || (size_t)c->to + n > t->out_room) {
		/* Exact at first, since most backlogs never grow; then by half as much again. */
		size_t room = c == NULL ? n : (c->to + n) * 3 / 2;

		if (!chunk_grow(&t->out, room))
			return -NP_ENOMEM;
		t->out_room = (uint32_t)room;
	}
	chunk_put(t->out, p, n);
	return 0;
}

int tls_bio_flush(struct tls *t)
{
	struct chunk *c = t->out;
	ssize_t put;

	t->held = false;
	if (c == NULL)
		return 0;
	put = np_fd_try_write(t->fd, c->bytes + c->from, c->to - c->from);
	if (put < 0 && put != -NP_EAGAIN)
		chunk_drop(&t->out); /* the socket is broken: nothing can be sent any more */
	if (put < 0)
		return (int)put;
	c->from += (uint32_t)put;
	if (c->from < c->to)
		return -NP_EAGAIN;
	chunk_drop(&t->out);
	return 0;
}

/* The worker's `out` is sent, after what waits in t->out. hold: all of it waits there for the next
 * write. */
static int send_out(struct tls_worker *w, struct tls *t, bool hold)
{
	size_t n = w->nout;
	ssize_t put;
	int err;

	w->nout = 0;
	if (n == 0)
		return hold || t->held ? 0 : tls_bio_flush(t);
	if (hold || t->out != NULL) {
		t->held = hold && (t->out == NULL || t->held);
		err = keep_out(t, w->out, n);
		return err != 0 || hold ? err : tls_bio_flush(t);
	}
	put = np_fd_try_write(t->fd, w->out, n);
	if (put == (ssize_t)n || (put < 0 && put != -NP_EAGAIN))
		return put < 0 ? (int)put : 0;
	put = put < 0 ? 0 : put;
	err = keep_out(t, w->out + put, n - (size_t)put);
	return err != 0 ? err : -NP_EAGAIN;
}

static int bio_write(BIO *b, const char *p, int n)
{
	struct tls_worker *w = BIO_get_data(b);
	size_t left = (size_t)n, some;

	BIO_clear_retry_flags(b);
	w->active->sealed++; /* OpenSSL writes record by record once the handshake is over */
	while (left > 0) {
		/* Full: a long chain of certificates. A failure will show again at the end. */
		if (w->nout == TLS_OUT) {
			w->active->pushed = true;
			(void)!send_out(w, w->active, false);
		}
		some = left < TLS_OUT - w->nout ? left : TLS_OUT - w->nout;
		memcpy(w->out + w->nout, p + (size_t)n - left, some);
		w->nout += some;
		left -= some;
	}
	return n;
}

void tls_bio_drain(struct tls *t)
{
	struct tls_worker *w = t->ctx->worker;
	ssize_t n = 1;

	DCHECK(w->active == NULL, "no operation is under way");
	if (np_fd_close_write(t->fd) != 0)
		return;
	for (int i = 0; i < DRAIN_MOST && n > 0; i++)
		n = np_fd_try_read(t->fd, w->in, TLS_IN);
}

/* ---- an operation ---- */

void tls_bio_take_held(struct tls *t)
{
	struct tls_worker *w = t->ctx->worker;
	size_t n = chunk_held(t->out);

	DCHECK_ACTIVE(t);
	if (!t->held || n > TLS_OUT / 2)
		return;
	memcpy(w->out, t->out->bytes + t->out->from, n);
	w->nout = n;
	chunk_drop(&t->out);
	t->held = false;
}

void tls_bio_begin(struct tls *t, const void *early, size_t n)
{
	struct tls_worker *w = t->ctx->worker;

	DCHECK_TLS(t);
	CHECK(w->active == NULL, "one TLS operation began inside another");
	/* The error queue is the thread's: empty before OpenSSL is called, empty after. */
	if (unlikely(ERR_peek_error() != 0))
		ERR_clear_error();
	w->active = t;
	w->window = early;
	w->nwindow = n;
	if (t->in != NULL) {
		CHECK(n == 0, "early bytes come before any that were received");
		w->window = t->in->bytes + t->in->from;
		w->nwindow = t->in->to - t->in->from;
	}
	w->received = w->delivered = w->starved = false;
	w->nout = 0;
	w->idle = 0;
}

/* After end the worker's memory belongs to the next connection: what OpenSSL has not taken moves to
 * t. */
static int keep_window(struct tls_worker *w, struct tls *t)
{
	if (w->nwindow == 0) {
		chunk_drop(&t->in);
		return 0;
	}
	if (t->in != NULL) { /* the window was there */
		t->in->from = t->in->to - (uint32_t)w->nwindow;
		return 0;
	}
	t->in = chunk_of(w->window, w->nwindow);
	return t->in != NULL ? 0 : -NP_ENOMEM;
}

int tls_bio_end(struct tls *t, bool hold)
{
	struct tls_worker *w = t->ctx->worker;
	int kept, sent;

	DCHECK_ACTIVE(t);
	kept = keep_window(w, t);
	sent = send_out(w, t, hold);
	w->active = NULL;
	return kept != 0 ? kept : sent;
}

/* ---- the method ---- */

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	const struct tls_worker *w = BIO_get_data(b);

	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH: /* tls_bio_end does */
		return 1;
	case BIO_CTRL_EOF:
		return w->active != NULL && w->active->fin && w->nwindow == 0;
	default:
		return 0;
	}
}

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "staunch worker");

	if (m == NULL)
		return NULL;
	if (BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}
