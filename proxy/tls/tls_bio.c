/* The bytes under the records.
 *
 *   socket --recv--> worker's `in` --window--> OpenSSL                 OpenSSL --> worker's `out` --send--> socket
 *                         '-- left at the end --> t->in                                '-- not taken --> t->out
 *
 * A callback never waits and never parks: OpenSSL's error queue belongs to the thread, and another coroutine would find
 * this one's errors in it. When there is nothing to read it says so, and whoever called OpenSSL waits, outside.
 *
 * Writing cannot fail either: what the socket does not take is kept. So OpenSSL never asks for the same write again,
 * and a read that must write (the answer to a KeyUpdate) is no special case.
 *
 * The BIO is the worker's: each connection holds a reference, and `active` says whose bytes it moves. OpenSSL pushes a
 * buffer before it while a handshake runs and pops it after; the one pointer this leaves in the shared BIO (to what was
 * pushed last) is followed by nobody, since the chain is only ever walked from its head. */
#include "proxy/tls/tls_bio.h"

#include <string.h>

#include <openssl/err.h>

#include "proxy/tls/tls_priv.h"

#define BACKLOG_MOST (1024 * 1024) /* of one connection; a peer that makes us write and does not read gets no further */

/* ---- reading --------------------------------------------------------------------------------- */

/* What is left of the window, at the front of the worker's memory. */
static void window_move(struct tls_worker *w, struct tls *t)
{
	if (w->nwindow > 0)
		memmove(w->in, w->window, w->nwindow);
	w->window = w->in;
	chunk_drop(&t->in);
}

bool tls_window_fill(struct tls_worker *w, struct tls *t)
{
	size_t most = TLS_IN - w->nwindow;
	ssize_t n;

	t->io = -NP_EAGAIN;
	if (t->quiet || (w->delivered && w->received))
		return false;
	if (t->fin) {
		t->io = 0;
		return false;
	}
	window_move(w, t);
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
	if (w->nwindow == 0 && !tls_window_fill(w, t)) {
		w->starved = true;
		if (t->fin)
			return 0;
		/* A deadline or a close of ours must not look to OpenSSL like a broken connection. */
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

/* ---- writing --------------------------------------------------------------------------------- */

/* Appends to what t keeps. Returns 0 or -NP_ENOMEM. */
static int keep(struct tls *t, const char *p, size_t n)
{
	size_t old = chunk_held(t->out);
	struct chunk *c = old + n <= BACKLOG_MOST ? chunk_new(old + n) : NULL;

	if (c == NULL)
		return -NP_ENOMEM;
	if (old > 0)
		chunk_put(c, t->out->bytes + t->out->from, old);
	chunk_put(c, p, n);
	chunk_drop(&t->out);
	t->out = c;
	return 0;
}

int tls_flush(struct tls *t)
{
	struct chunk *c = t->out;
	ssize_t put;

	t->lazy = false;
	if (c == NULL)
		return 0;
	put = np_fd_try_write(t->fd, c->bytes + c->from, c->to - c->from);
	if (put < 0 && put != -NP_EAGAIN)
		chunk_drop(&t->out); /* nobody will ever read it */
	if (put < 0)
		return (int)put;
	c->from += (uint32_t)put;
	if (c->from < c->to)
		return -NP_EAGAIN;
	chunk_drop(&t->out);
	return 0;
}

/* What was gathered leaves, after what was left before. hold: it may wait for the next write. */
static int push(struct tls_worker *w, struct tls *t, bool hold)
{
	size_t n = w->nout;
	ssize_t put;
	int err;

	w->nout = 0;
	if (n == 0)
		return hold || t->lazy ? 0 : tls_flush(t);
	if (hold || t->out != NULL) {
		t->lazy = hold && (t->out == NULL || t->lazy);
		err = keep(t, w->out, n);
		return err != 0 || hold ? err : tls_flush(t);
	}
	put = np_fd_try_write(t->fd, w->out, n);
	if (put == (ssize_t)n || (put < 0 && put != -NP_EAGAIN))
		return put < 0 ? (int)put : 0;
	put = put < 0 ? 0 : put;
	err = keep(t, w->out + put, n - (size_t)put);
	return err != 0 ? err : -NP_EAGAIN;
}

static int bio_write(BIO *b, const char *p, int n)
{
	struct tls_worker *w = BIO_get_data(b);
	size_t left = (size_t)n, some;

	BIO_clear_retry_flags(b);
	while (left > 0) {
		/* Full: a long chain of certificates. A failure will show again at the end. */
		if (w->nout == TLS_OUT)
			(void)!push(w, w->active, false);
		some = left < TLS_OUT - w->nout ? left : TLS_OUT - w->nout;
		memcpy(w->out + w->nout, p + (size_t)n - left, some);
		w->nout += some;
		left -= some;
	}
	return n;
}

/* ---- an operation ---------------------------------------------------------------------------- */

void tls_take_lazy(struct tls *t)
{
	struct tls_worker *w = t->ctx->worker;
	size_t n = chunk_held(t->out);

	if (!t->lazy || n > TLS_OUT / 2)
		return;
	memcpy(w->out, t->out->bytes + t->out->from, n);
	w->nout = n;
	chunk_drop(&t->out);
	t->lazy = false;
}

void tls_begin(struct tls *t, const void *early, size_t n)
{
	struct tls_worker *w = t->ctx->worker;

	CHECK(w->active == NULL, "one TLS operation began inside another");
	/* The error queue is the thread's: empty before OpenSSL is called, empty after. */
	if (unlikely(ERR_peek_error() != 0))
		ERR_clear_error();
	w->active = t;
	w->window = early;
	w->nwindow = n;
	if (t->in != NULL) {
		CHECK(n == 0, "early bytes after others were received");
		w->window = t->in->bytes + t->in->from;
		w->nwindow = t->in->to - t->in->from;
	}
	w->received = w->delivered = w->starved = false;
	w->nout = 0;
	w->idle = 0;
}

/* The worker's memory is somebody else's from here on. */
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

int tls_end(struct tls *t, bool hold)
{
	struct tls_worker *w = t->ctx->worker;
	int kept = keep_window(w, t);
	int sent = push(w, t, hold);

	w->active = NULL;
	return kept != 0 ? kept : sent;
}

/* ---- the method ------------------------------------------------------------------------------ */

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	const struct tls_worker *w = BIO_get_data(b);

	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH: /* tls_end does */
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
	if (BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}
