/* cpu_quota: the processor time that this process's control groups allow, of version 2 and 1. */
#ifndef PROXY_CONTROL_CPU_QUOTA_H
#define PROXY_CONTROL_CPU_QUOTA_H

#include "netpoll/base.h"

/* cpu_quota: processors' worth of time, rounded up: the tightest quota of all levels that are
 * visible, from this process's group up to the root of the mount. root: "" for the machine; a test
 * gives a directory that holds proc/ and the mounted groups.
 *   Returns  at least 1; 0: there is no quota, or none to be seen.
 *   Calls    any thread; reads files of proc and cgroup, which never block. */
unsigned cpu_quota(const char *root);

#endif
