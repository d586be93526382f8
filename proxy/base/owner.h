/* owner: who a Unix socket's file is given to, from the text of the configuration: user, user:group
 * or :group, by name or by number. */
#ifndef PROXY_BASE_OWNER_H
#define PROXY_BASE_OWNER_H

#include "netpoll/netpoll.h"

/* owner_find: look the names up. May read files or ask a directory service: not on a worker.
 *   Returns  NULL with *out written, or what is wrong, in static words.
 *   Calls    the thread of file work, or a process of one thread: the C library answers in memory of
 *            its own. */
must_use const char *owner_find(const char *text, struct np_unix_owner *out);

#endif
