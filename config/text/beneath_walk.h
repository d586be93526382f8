/* beneath_walk: what openat2 does with RESOLVE_BENEATH, where nobody may call it: a kernel before 5.6, or a sandbox
 * that cannot look into its arguments and so denies it as a whole (systemd's RestrictSUIDSGID=).
 *
 *   dir        d1         d2
 *   held  -->  held  -->  held      "..": the last one is closed; beyond dir: -EXDEV
 *
 * A link's text is put before what is left of the path, and walked like it; one that begins at the root leads out,
 * wherever it points. Links of /proc are texts here as any others: what they stand for is never entered. The last part
 * is opened with O_NOFOLLOW, so what became a link after the look is an error and not followed.
 *
 * What realpath says, and a look at its beginning, would be true for a moment only; O_NOFOLLOW alone would forbid the
 * links that a ConfigMap of Kubernetes consists of.
 *
 * It costs two calls a part, and one more a link: a few dozen at a load, and nothing at run time. */
#ifndef CONFIG_TEXT_BENEATH_WALK_H
#define CONFIG_TEXT_BENEATH_WALK_H

#include "netpoll/base.h"

/* beneath_walk: open path below dir, part by part. No race with whoever may write there: each part is looked up in a
 * directory that is held open, ".." is the one that was held before it, and links are read and walked here.
 *   Returns  a descriptor; -EXDEV where the path leads out of dir; -ELOOP: more links than the kernel follows;
 *            -NP_EAGAIN: the last part has become a link meanwhile; -NP_ENOMEM; another error of openat. */
must_use int beneath_walk(int dir, const char *path, int flags);

#endif
