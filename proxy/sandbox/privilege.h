/* privilege: what a process may do beyond its user, given up for good.
 * Calls: the only thread of a process; what it starts inherits both. */
#ifndef PROXY_SANDBOX_PRIVILEGE_H
#define PROXY_SANDBOX_PRIVILEGE_H

#include "netpoll/base.h"
#include "proxy/sandbox/capability_tbl.h"

/* privilege_fix: no program that this process starts gains anything by its file (set-user-ID, file capabilities).
 *   Returns  0 or the error. */
must_use int privilege_fix(void);

/* privilege_drop: of the capabilities only those of CAPABILITY_TBL stay, and those that are root's only for root. What
 * stays is ambient, so that a program which takes over has it, too.
 *   Returns  0; or the error: a filter of system calls forbids it, and what was held is held. */
must_use int privilege_drop(void);

/* privilege_held: what is held, as bits by number. */
uint64_t privilege_held(void);

#endif
