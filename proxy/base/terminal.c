/* terminal: one question of the kernel. */
#include "proxy/base/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS       80 /* of a line that no terminal bounds */
#define COLUMNS_LEAST 40
#define COLUMNS_MOST  100000

static int bounded_columns(unsigned long n)
{
	if (n > COLUMNS_MOST)
		return COLUMNS_MOST;
	return n < COLUMNS_LEAST ? COLUMNS_LEAST : (int)n;
}

/* POSIX's word for the width that a user prefers: a script that searches our lines can have them whole. */
static int preferred_columns(void)
{
	const char *text = getenv("COLUMNS");
	unsigned long n = text != NULL ? strtoul(text, NULL, 10) : 0;

	return n == 0 ? COLUMNS : bounded_columns(n);
}

int terminal_columns(int fd)
{
	struct winsize size;

	if (fd < 0)
		return 0;
	if (isatty(fd) != 1 || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return preferred_columns();
	return bounded_columns(size.ws_col);
}
