/* stream: one end of a connection, plain or TLS; whoever moves bytes never asks which. For a plain one each function is
 * its np_fd_ namesake, inline and with the same results; the TLS end differs in three points, which cost a plain one
 * nothing:
 *
 *   stream_buffered   bytes may be had although no event will come: try again. To be asked after every read that was
 *                     short, or that said -NP_EAGAIN
 *   stream_backlog    a write took all its bytes, yet their ciphertext is not all in the socket: watch for room and
 *                     stream_flush before anything else is read for this stream
 *   stream_truncated  a read said 0, but the peer never said that this is the end: bytes may be missing
 *
 * Every function: owner worker, none parks. */
#ifndef PROXY_CONN_STREAM_H
#define PROXY_CONN_STREAM_H

#include "proxy/tls/tls.h"

/* Embed it. fd first: np_fd_init, np_dial and np_fd_accept make it, tls_accept or tls_connect make it speak TLS. */
struct stream {
	struct np_fd fd;
	struct tls *tls; /* owned; NULL: plain */
};

static inline bool stream_is_plain(const struct stream *s)
{
	return likely(s->tls == NULL);
}

/* -NP_EAGAIN: nothing now. 0: the end of this direction. */
must_use static inline ssize_t stream_try_read(struct stream *s, void *buf, size_t n)
{
	return stream_is_plain(s) ? np_fd_try_read(&s->fd, buf, n) : tls_try_read(s->tls, buf, n);
}

/* Bytes taken. -NP_EAGAIN: no room, or a backlog that is still not gone. n = 0 asks whether the peer is still there. */
must_use static inline ssize_t stream_try_write(struct stream *s, const void *buf, size_t n)
{
	return stream_is_plain(s) ? np_fd_try_write(&s->fd, buf, n) : tls_try_write(s->tls, buf, n);
}

/* After a short read: may there be more without a further event? np_fd_hung_up's question, and TLS's. */
static inline bool stream_buffered(const struct stream *s)
{
	return stream_is_plain(s) ? np_fd_hung_up(&s->fd) : tls_buffered(s->tls);
}

/* Ciphertext that still waits for room in the socket, in bytes. */
static inline size_t stream_backlog(const struct stream *s)
{
	return stream_is_plain(s) ? 0 : tls_backlog(s->tls);
}

/* 0: no backlog is left; -NP_EAGAIN: some is; or why it can never be sent. */
must_use static inline int stream_flush(struct stream *s)
{
	return stream_is_plain(s) ? 0 : tls_flush(s->tls);
}

static inline bool stream_truncated(const struct stream *s)
{
	return !stream_is_plain(s) && tls_truncated(s->tls);
}

/* Why TLS broke, in static words for the log; NULL: nothing more than the error's code. */
static inline const char *stream_cause(const struct stream *s)
{
	return stream_is_plain(s) ? NULL : tls_cause(s->tls);
}

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

must_use static inline int stream_watch(struct stream *s, enum np_mode mode, struct np_g *task)
{
	return np_fd_watch(&s->fd, mode, task);
}

static inline void stream_unwatch(struct stream *s, struct np_g *task)
{
	np_fd_unwatch(&s->fd, task);
}

/* The end of what is written: close_notify, then FIN. -NP_EAGAIN (TLS): call it again when there is room. */
must_use static inline int stream_close_write(struct stream *s)
{
	return stream_is_plain(s) ? np_fd_close_write(&s->fd) : tls_close_write(s->tls);
}

/* Of a stream that never had a descriptor, too. */
static inline void stream_close(struct stream *s)
{
	s->tls = tls_free(s->tls, true);
	np_fd_close(&s->fd);
}

/* Closed, but not signed as complete: no close_notify. */
static inline void stream_close_cut(struct stream *s)
{
	s->tls = tls_free(s->tls, false);
	np_fd_close(&s->fd);
}

static inline void stream_close_reset(struct stream *s)
{
	s->tls = tls_free(s->tls, false);
	np_fd_close_reset(&s->fd);
}

#endif
