/* stuck_tty: a terminal that nobody reads: poll says that it can be written, and then a write blocks. Nothing else that
 * a test can make does both for certain, since a pipe can be written without waiting. */
#ifndef TESTS_UNIT_PROXY_LOG_STUCK_TTY_H
#define TESTS_UNIT_PROXY_LOG_STUCK_TTY_H

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "tests/kit/kit.h"

struct stuck_tty {
	int reader, writer;
};

static void tty_open(struct stuck_tty *t)
{
	struct termios raw;

	t->reader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->reader >= 0);
	assert_int_equal(grantpt(t->reader) + unlockpt(t->reader), 0);
	t->writer = open(ptsname(t->reader), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->writer >= 0);
	assert_int_equal(tcgetattr(t->writer, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(t->writer, TCSANOW, &raw), 0);
	assert_int_equal(fcntl(t->reader, F_SETFL, O_NONBLOCK), 0);
}

/* Reads what is there, so that a write that hangs goes on. Returns the lines. */
static unsigned tty_read(struct stuck_tty *t)
{
	char buf[4096];
	unsigned lines = 0;
	ssize_t n;

	while ((n = read(t->reader, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	return lines;
}

#endif
