/* io: blocking bytes under a deadline, and streams whose every byte is known. Safe in any thread;
 * nothing here fails a test. Sockets are in blocking mode; poll comes first, so that a stuck peer
 * costs KIT_MS and not for ever. */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/own.h"

static int wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, KIT_MS);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

int kit_io_write(int fd, const void *buf, size_t n)
{
	const char *at = buf;
	ssize_t w;
	int err;

	while (n > 0) {
		err = wait_for(fd, POLLOUT);
		if (err != 0)
			return err;
		w = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (w < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (w > 0) {
			at += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

ssize_t kit_io_read(int fd, void *buf, size_t n)
{
	ssize_t r;
	int err = wait_for(fd, POLLIN);

	if (err != 0)
		return err;
	do
		r = recv(fd, buf, n, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

ssize_t kit_io_read_all(int fd, void *buf, size_t n)
{
	size_t got = 0;
	ssize_t r;

	while (got < n) {
		r = kit_io_read(fd, (char *)buf + got, n - got);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

struct unsent {
	int fd, err;
};

static bool nothing_unsent(void *arg)
{
	struct unsent *u = arg;
	int left = 0;

	u->err = ioctl(u->fd, SIOCOUTQ, &left) < 0 ? -errno : 0;
	return u->err != 0 || left == 0;
}

int kit_io_wait_sent(int fd)
{
	struct unsent u = {.fd = fd};

	return kit_wait(nothing_unsent, &u, KIT_MS) ? u.err : -ETIMEDOUT;
}

int kit_io_reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	int err = setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0 ? -errno : 0;

	close(fd);
	return err;
}

/* splitmix64's finisher: eight bytes of the stream, made from their place alone. */
static uint64_t stream_word(uint64_t seed, uint64_t i)
{
	uint64_t z = seed * 0x9e3779b97f4a7c15U + i * 0xd1342543de82ef95U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

static unsigned char stream_byte(uint64_t seed, uint64_t offset)
{
	return (unsigned char)(stream_word(seed, offset / 8) >> (offset % 8 * 8));
}

void kit_stream_fill(uint64_t seed, uint64_t offset, void *buf, size_t n)
{
	unsigned char *out = buf;

	for (size_t i = 0; i < n; i++)
		out[i] = stream_byte(seed, offset + i);
}

bool kit_stream_same(uint64_t seed, uint64_t offset, const void *buf, size_t n)
{
	const unsigned char *in = buf;

	for (size_t i = 0; i < n; i++)
		if (in[i] != stream_byte(seed, offset + i))
			return false;
	return true;
}
