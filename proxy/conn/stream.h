/* stream: one end of a connection, plain or TLS. Code that moves bytes never asks which. For a
 * plain stream each function is its np_fd_ namesake, inline and with the same results. A TLS stream
 * differs in three points, which cost a plain one nothing:
 *
 *   stream_buffered   there may be more bytes although no event will come: read again. Ask after
 *                     every read that was short or returned -NP_EAGAIN
 *   stream_backlog    a write took all its bytes, but their ciphertext is not all in the socket:
 *                     watch for room, and stream_flush before anything else is read for this stream
 *   stream_truncated  a read returned 0, but the peer sent no close_notify: bytes may be missing
 *
 * Every function: owner worker, none parks. */
#ifndef PROXY_CONN_STREAM_H
#define PROXY_CONN_STREAM_H

#include "proxy/tls/tls.h"

/* Embed it. fd comes first: np_fd_init, np_dial and np_fd_accept make it, tls_accept or tls_connect
 * make it speak TLS. */
struct stream {
	struct np_fd fd;
	struct tls *tls; /* owned; NULL: plain */
};

static inline bool stream_is_plain(const struct stream *s)
{
	return likely(s->tls == NULL);
}

/* One read of at most n bytes.
 *   Returns  bytes; 0 at the end of this direction; -NP_EAGAIN: nothing now; or the error. */
must_use static inline ssize_t stream_try_read(struct stream *s, void *buf, size_t n)
{
	return stream_is_plain(s) ? np_fd_try_read(&s->fd, buf, n) : tls_try_read(s->tls, buf, n);
}

/* One write of at most n bytes; n = 0 asks whether the peer is still there.
 *   Returns  bytes taken; -NP_EAGAIN: no room, or a backlog is left; or the error. */
must_use static inline ssize_t stream_try_write(struct stream *s, const void *buf, size_t n)
{
	return stream_is_plain(s) ? np_fd_try_write(&s->fd, buf, n) : tls_try_write(s->tls, buf, n);
}

/* After a short read: may there be more bytes without a further event? */
static inline bool stream_buffered(const struct stream *s)
{
	return stream_is_plain(s) ? np_fd_may_have_more(&s->fd) : tls_buffered(s->tls);
}

/* Ciphertext that waits for room in the socket, in bytes. */
static inline size_t stream_backlog(const struct stream *s)
{
	return stream_is_plain(s) ? 0 : tls_backlog(s->tls);
}

/* Sends the backlog.
 *   Returns  0: none is left; -NP_EAGAIN: some is; or the error: it can never be sent. */
must_use static inline int stream_flush(struct stream *s)
{
	return stream_is_plain(s) ? 0 : tls_flush(s->tls);
}

/* After a read returned 0: the peer ended without close_notify. */
static inline bool stream_truncated(const struct stream *s)
{
	return !stream_is_plain(s) && tls_truncated(s->tls);
}

/* Why TLS broke, in static words for the log; NULL: nothing more than the error's code. */
static inline const char *stream_cause(const struct stream *s)
{
	return stream_is_plain(s) ? NULL : tls_cause(s->tls);
}

/* An event said that nothing can be sent any more: a reset, or both ways are shut. */
static inline bool stream_failed(const struct stream *s)
{
	return np_fd_failed(&s->fd);
}

/* Bytes the peer has not acknowledged yet, the backlog among them; or -NP_Exxx. */
static inline ssize_t stream_unsent(const struct stream *s)
{
	int n = np_fd_unsent(&s->fd);

	return n < 0 ? n : n + (ssize_t)stream_backlog(s);
}

/* Stand `task` at this side; the results are np_fd_watch's. */
must_use static inline int stream_watch(struct stream *s, enum np_mode mode, struct np_g *task)
{
	return np_fd_watch(&s->fd, mode, task);
}

static inline void stream_unwatch(struct stream *s, struct np_g *task)
{
	np_fd_unwatch(&s->fd, task);
}

/* The end of what is written: close_notify, then FIN. -NP_EAGAIN (TLS): call it again when there is
 * room. */
must_use static inline int stream_close_write(struct stream *s)
{
	return stream_is_plain(s) ? np_fd_close_write(&s->fd) : tls_close_write(s->tls);
}

/* stream_move: *to, which is not open, becomes *from, at which nobody stands; from is nothing any more. */
static inline void stream_move(struct stream *to, struct stream *from)
{
	np_fd_move(&to->fd, &from->fd);
	to->tls = from->tls;
	from->tls = NULL;
	if (to->tls != NULL)
		tls_moved(to->tls, &to->fd);
}

/* Orderly: close_notify if it can be sent at once, then FIN. Safe on a stream without a
 * descriptor. */
static inline void stream_close(struct stream *s)
{
	s->tls = tls_free(s->tls, true);
	np_fd_close(&s->fd);
}

/* FIN without close_notify: the bytes sent are not complete, and a TLS peer can tell. */
static inline void stream_close_cut(struct stream *s)
{
	s->tls = tls_free(s->tls, false);
	np_fd_close(&s->fd);
}

/* RST. Bytes that the peer has not acknowledged are lost. */
static inline void stream_close_reset(struct stream *s)
{
	s->tls = tls_free(s->tls, false);
	np_fd_close_reset(&s->fd);
}

#endif
