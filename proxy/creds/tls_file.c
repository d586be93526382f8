/* Replaces small files of ours as a whole, so that no reader ever sees half of one. */
#include "proxy/creds/tls_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "netpoll/err.h"

static int write_private(const char *path, const void *text, size_t n)
{
	int fd, code = 0;
	ssize_t put;

	unlink(path); /* a crash may have left it */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_from_errno();
	put = write(fd, text, n);
	if (put < 0 || fsync(fd) != 0)
		code = err_from_errno();
	if (code == 0 && put != (ssize_t)n)
		code = -ENOSPC;
	close(fd);
	return code;
}

/* rename replaces an existing file; link refuses to, so of two machines that start together one
 * wins. */
static int put_in_place(const char *from, const char *to, bool fresh)
{
	int code = 0;

	if (fresh && link(from, to) != 0)
		code = err_from_errno();
	if (fresh)
		unlink(from);
	if (!fresh && rename(from, to) != 0)
		code = err_from_errno();
	return code;
}

/* By way of a temporary file in the same folder. */
int tls_file_replace(const char *path, const void *text, size_t n, bool fresh)
{
	char *temp;
	int code;

	if (asprintf(&temp, "%s.%ld", path, (long)getpid()) < 0)
		return -NP_ENOMEM;
	code = write_private(temp, text, n);
	if (code == 0)
		code = put_in_place(temp, path, fresh);
	free(temp);
	return code;
}
