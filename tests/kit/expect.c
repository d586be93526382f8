/* expect: what a test's client sends, and what must come back; anything else fails the test there
 * and then. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/kit/own.h"

enum { PIECE = 16 * 1024 };

void kit_send(int fd, const void *buf, size_t n)
{
	int err = kit_io_write(fd, buf, n);

	if (err != 0)
		kit_fail("cannot send %zu bytes: %s", n, strerror(-err));
}

void kit_send_stream(int fd, uint64_t seed, uint64_t offset, size_t n)
{
	char buf[PIECE];
	size_t k;

	for (; n > 0; n -= k, offset += k) {
		k = n < sizeof(buf) ? n : sizeof(buf);
		kit_stream_fill(seed, offset, buf, k);
		kit_send(fd, buf, k);
	}
}

/* Exactly n bytes, or the test fails. */
static void take(int fd, void *buf, size_t n)
{
	ssize_t r = kit_io_read_all(fd, buf, n);

	if (r < 0)
		kit_fail("reading %zu bytes: %s", n, strerror((int)-r));
	if ((size_t)r < n)
		kit_fail("the stream ends %zu bytes early", n - (size_t)r);
}

void kit_expect(int fd, const void *bytes, size_t n)
{
	const char *want = bytes;
	char buf[PIECE];
	size_t k;

	for (; n > 0; n -= k, want += k) {
		k = n < sizeof(buf) ? n : sizeof(buf);
		take(fd, buf, k);
		assert_memory_equal(buf, want, k);
	}
}

void kit_expect_stream(int fd, uint64_t seed, uint64_t offset, size_t n)
{
	char buf[PIECE];
	size_t k;

	for (; n > 0; n -= k, offset += k) {
		k = n < sizeof(buf) ? n : sizeof(buf);
		take(fd, buf, k);
		if (!kit_stream_same(seed, offset, buf, k))
			kit_fail("wrong bytes between %llu and %llu", (unsigned long long)offset,
				 (unsigned long long)(offset + k));
	}
}

void kit_expect_fin(int fd)
{
	char byte;
	ssize_t r = kit_io_read(fd, &byte, 1);

	if (r != 0)
		kit_fail("expected FIN, found %s", r > 0 ? "a byte" : strerror((int)-r));
}

void kit_expect_rst(int fd)
{
	char byte;
	ssize_t r = kit_io_read(fd, &byte, 1);

	if (r >= 0)
		kit_fail("expected RST, found %s", r > 0 ? "a byte" : "FIN");
	if (r != -ECONNRESET)
		kit_fail("expected RST, found %s", strerror((int)-r));
}

void kit_half_close(int fd)
{
	if (shutdown(fd, SHUT_WR) < 0)
		kit_fail("cannot half-close: errno %d", errno);
}

void kit_reset(int fd)
{
	int err = kit_io_reset(fd);

	if (err != 0)
		kit_fail("cannot reset: %s", strerror(-err));
}
