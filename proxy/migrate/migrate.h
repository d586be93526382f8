/* migrate: a configuration of nginx (stream{}) or HAProxy (mode tcp) as one of staunch.
 *
 *   file -> reader -> directives -> translator -> tree of YAML -> check -> text
 *                                       |                           |
 *                                       +------> losses <-----------+
 *
 * Both languages have a reader (migrate_nginx_read.h, migrate_haproxy_read.h), a table of directives
 * (migrate_nginx_tbl.h, migrate_haproxy_tbl.h) and a translator. What they make is given to the check of
 * configurations, and what that refuses becomes a loss: so the output always loads. */
#ifndef PROXY_MIGRATE_MIGRATE_H
#define PROXY_MIGRATE_MIGRATE_H

#include <stdio.h>

#include "netpoll/base.h"

struct migrate_opts {
	const char *program; /* "nginx" or "haproxy" */
	const char *file;    /* its path; messages call it so */
	const char *text;    /* of n bytes, instead of the file; or NULL */
	size_t      n;
	FILE       *err;     /* losses, and what is broken */
};

/* migrate_run: *out is the text that was made, *n its length: memory for free(), NULL where nothing was made.
 *   Returns  the exit code: EXIT_OK, EXIT_LOSSES, EXIT_CONFIG (the input is broken, or nothing in it can be kept),
 *            EXIT_FAILED (no memory). */
must_use int migrate_run(const struct migrate_opts *o, char **out, size_t *n);

#endif
