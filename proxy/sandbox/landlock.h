/* landlock: this process may use the files below chosen directories, and no others: a rule holds for the directory, so
 * for files that come later or are replaced, too. What is open stays open, and sockets are not concerned: connecting to
 * a Unix socket needs no right, making one does.
 *
 *   int err = landlock_begin(&l);
 *   landlock_allow(&l, "/etc/staunch", LANDLOCK_READ);
 *   err = landlock_enforce(&l);
 *
 * Errors are -NP_Exxx; -ENOSYS and -EOPNOTSUPP: this kernel has none, or it is off there.
 * Calls: the only thread of a process. */
#ifndef PROXY_SANDBOX_LANDLOCK_H
#define PROXY_SANDBOX_LANDLOCK_H

#include "netpoll/base.h"

enum landlock_use {
	LANDLOCK_READ,  /* files and directories are read */
	LANDLOCK_RUN,   /* the same, and programs are started */
	LANDLOCK_WRITE, /* everything but that: files, directories, sockets and links are made and removed */
};

struct landlock {
	int fd;       /* owned, until landlock_enforce; -1: none */
	unsigned abi; /* what the kernel knows */
};

/* landlock_begin: nothing is allowed yet.   Returns  0 or the error, and then there is nothing to end. */
must_use int landlock_begin(struct landlock *l);

/* landlock_allow: what is below path, or that one file, which is followed if it is a link. Where there is none, or none
 * that we may see, nothing happens: it cannot be used later either.
 *   Returns  false, and nothing is allowed: it is the root, below which everything is. */
bool landlock_allow(struct landlock *l, const char *path, enum landlock_use use);

/* landlock_enforce: from here on nothing else can be opened, by this thread and all it starts. no_new_privs is set.
 *   Returns  0; -E2BIG: it is confined sixteen times already; or the error. l is ended either way. */
must_use int landlock_enforce(struct landlock *l);

/* landlock_denies: would opening this path fail, although its mode lets us? So it says nothing of a path that does not
 * exist, or that we may not open anyway. LANDLOCK_RUN counts as LANDLOCK_READ. Nothing is changed.   Any thread. */
bool landlock_denies(const char *path, enum landlock_use use);

#endif
