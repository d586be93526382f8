/* cgroup: the processor time and the memory that a process's control groups allow, of version 2 and 1. root: "" for the
 * machine; a test gives a directory that holds proc/ and the mounted groups. pid: 0 is this process.
 *   Calls    any thread; reads files of proc and cgroup, which never block. */
#ifndef PROXY_CONTROL_CGROUP_H
#define PROXY_CONTROL_CGROUP_H

#include <sys/types.h>

#include "netpoll/base.h"

/* cgroup_cpus: processors' worth of time, rounded up: the tightest quota of all levels that are
 * visible, from the process's group up to the root of the mount.
 *   Returns  at least 1; 0: there is no quota, or none to be seen. */
unsigned cgroup_cpus(const char *root, pid_t pid);

/* cgroup_memory: the same of memory, in bytes; where a level slows down before it kills, that counts.
 *   Returns  0: there is no limit, or none to be seen. */
int64_t cgroup_memory(const char *root, pid_t pid);

#endif
