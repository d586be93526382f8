/* watch_files: finds out that a file which TLS reads, or the configuration itself, has changed. On the thread of file
 * work; blocks for a stat of each file. */
#ifndef PROXY_CONTROL_WATCH_FILES_H
#define PROXY_CONTROL_WATCH_FILES_H

#include "netpoll/base.h"

struct config;

/* watch_files_state: a hash of the states of all files that c names and TLS reads: certificates,
 * keys, passwords, CAs, CRLs, OCSP responses. Two results differ when a file between them was
 * written, replaced, made or removed.
 *   Returns  0: there are none. */
uint64_t watch_files_state(const struct config *c);

/* watch_texts_state: the same of the file that c was loaded from, of those that it includes and of the directories
 * where it looks for them. Never 0. */
uint64_t watch_texts_state(const struct config *c);

/* watch_texts_differ: whether these files say something else now than c does; also if they cannot be loaded.
 *   Calls  reads and checks all of them. */
bool watch_texts_differ(const struct config *c);

#endif
