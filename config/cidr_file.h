/* cidr_file: a file of networks, one in each line, for listeners[].allow and deny. Blank lines do not count, nor what
 * follows a #.
 *
 * A thread that may block on the disk calls. */
#ifndef CONFIG_CIDR_FILE_H
#define CONFIG_CIDR_FILE_H

#include "config/cidr.h"

struct config;
struct diag;

/* What is done with a network.   Returns  0, or the error that ends the reading. */
typedef int cidr_take(void *arg, const struct cidr *net);

struct cidr_fault {
	unsigned line;   /* 0: it is about the file */
	const char *why; /* static */
};

/* cidr_file_read: calls take for each network, in their order.
 *   Returns  0; take's error; -NP_ENOMEM; or -NP_EINVAL, and *fault. Some may have been taken then. */
must_use int cidr_file_read(const char *path, cidr_take *take, void *arg, struct cidr_fault *fault);

/* cidr_check_files: an error with its place for each of these files that has a wrong line. One that is not there is
 * left to the load, which says so: a check may be made on another machine. */
void cidr_check_files(const struct config *c, struct diag *d);

#endif
