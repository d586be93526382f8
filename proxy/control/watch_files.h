/* watch_files: finds out that a file which TLS reads has changed. Control thread; blocks for a stat
 * of each file. */
#ifndef PROXY_CONTROL_WATCH_FILES_H
#define PROXY_CONTROL_WATCH_FILES_H

#include "netpoll/base.h"

struct config;

/* watch_files_state: a hash of the states of all files that c names and TLS reads: certificates,
 * keys, passwords, CAs, CRLs, OCSP responses. Two results differ when a file between them was
 * written, replaced, made or removed.
 *   Returns  0: there are none. */
uint64_t watch_files_state(const struct config *c);

#endif
