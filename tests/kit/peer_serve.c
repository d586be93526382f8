/* peer_serve: how a peer behaves on one connection; one function per behaviour, each told from
 * accept to end. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/kit/own.h"

enum { PIECE = 64 * 1024 };

/* Reads to the end of the stream, checking it. */
static void drain(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	char buf[PIECE];
	ssize_t n;

	while ((n = kit_io_read(fd, buf, sizeof(buf))) > 0) {
		r->intact = r->intact && kit_stream_same(o->seed, r->read, buf, (size_t)n);
		r->read += (uint64_t)n;
	}
	r->end = (int)n;
}

static void pour(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	char buf[PIECE];
	uint64_t left;
	size_t n;

	while (r->end == 0 && (left = o->bytes - r->written) > 0) {
		n = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		kit_stream_fill(o->seed, r->written, buf, n);
		r->end = kit_io_write(fd, buf, n);
		if (r->end == 0)
			r->written += n;
	}
}

/* However long the client is silent; kit_peer_stop wakes it. */
static void wait_for_client(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

static void serve_echo(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	char buf[PIECE];
	ssize_t n;

	(void)o;
	while (wait_for_client(fd), (n = kit_io_read(fd, buf, sizeof(buf))) > 0) {
		r->read += (uint64_t)n;
		r->end = kit_io_write(fd, buf, (size_t)n);
		if (r->end != 0)
			return;
		r->written += (uint64_t)n;
	}
	r->end = (int)n;
}

static void serve_source(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	pour(fd, o, r);
	if (r->end != 0)
		return;
	shutdown(fd, SHUT_WR);
	drain(fd, o, r);
}

static void serve_answer(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	drain(fd, o, r);
	if (r->end == 0)
		pour(fd, o, r);
}

static void serve_reset(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	pour(fd, o, r);
	if (r->end == 0)
		r->end = kit_io_wait_sent(fd);
	/* The caller's close becomes the RST. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* Nothing is read, so nothing but kit_peer_stop's shutdown, or a reset, wakes the poll. */
static void serve_mute(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	struct pollfd p = {.fd = fd, .events = 0};

	(void)o;
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	r->end = (p.revents & POLLERR) != 0 ? -ECONNRESET : 0;
}

void peer_serve(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r)
{
	static void (*const serve[])(int, const struct kit_peer_opts *, struct kit_peer_report *) = {
		[KIT_ECHO] = serve_echo,     [KIT_SINK] = drain,        [KIT_SOURCE] = serve_source,
		[KIT_ANSWER] = serve_answer, [KIT_RESET] = serve_reset, [KIT_MUTE] = serve_mute,
	};

	r->intact = true;
	serve[o->serve](fd, o, r);
}
