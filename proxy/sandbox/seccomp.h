/* seccomp: the process can make the system calls of call_tbl.h and no others. Those of forbidden_tbl.h fail with EPERM;
 * whatever else there is, now or in a later kernel, fails with ENOSYS, so that a C library takes the older way.
 * Calls: the only thread of a process, with no_new_privs set; what it starts inherits it. It is never taken back. */
#ifndef PROXY_SANDBOX_SECCOMP_H
#define PROXY_SANDBOX_SECCOMP_H

#include "netpoll/base.h"

/* seccomp_close: from here on.   Returns  0 or the error: this kernel has no filter of calls, or one forbids it. */
must_use int seccomp_close(void);

#endif
