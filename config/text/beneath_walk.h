/* beneath_walk: what openat2 does with RESOLVE_BENEATH, where nobody may call it: a kernel before 5.6, or a sandbox
 * that cannot look into its arguments and so denies it as a whole (systemd's RestrictSUIDSGID=). */
#ifndef CONFIG_TEXT_BENEATH_WALK_H
#define CONFIG_TEXT_BENEATH_WALK_H

#include "netpoll/base.h"

/* beneath_walk: open path below dir, part by part. No race with whoever may write there: each part is looked up in a
 * directory that is held open, ".." is the one that was held before it, and links are read and walked here.
 *   Returns  a descriptor; -EXDEV where the path leads out of dir; -ELOOP: more links than the kernel follows;
 *            -NP_EAGAIN: the last part has become a link meanwhile; -NP_ENOMEM; another error of openat. */
must_use int beneath_walk(int dir, const char *path, int flags);

#endif
