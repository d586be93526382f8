/* state_file: the file that keeps what operators said of servers: where it is, who has it, how it is read and replaced.
 * Everything here blocks on the disk and is for a thread of its own.
 *
 *   PATH       the file; mode 0600; replaced as a whole
 *   PATH.tmp   the next one, until it is on the disk
 *   PATH.bad   the last one that could not be read
 *   PATH.lock  held by the process that uses it */
#ifndef PROXY_CONTROL_STATE_FILE_H
#define PROXY_CONTROL_STATE_FILE_H

#include "netpoll/base.h"

#define STATE_PATH_ROOM 512
#define STATE_WHY       512
#define STATE_ENV       "STAUNCH_STATE" /* what `auto` means: a path, or off */

/* state_path_of: what control.state says, with `auto` resolved for this user: STAUNCH_STATE; the system's directory, if
 * it is ours to write; the user's own.
 *   Returns  path, or NULL: off. */
const char *state_path_of(const char *configured, char path[STATE_PATH_ROOM]);

/* state_file_lock: make it ours.
 *   Returns  the lock, to be closed; or -NP_Exxx, and why is a sentence. */
must_use int state_file_lock(const char *path, char why[STATE_WHY]);

/* state_file_read: its bytes, on the heap, at most `most`.
 *   Returns  0, with *text NULL where there is no file; -NP_Exxx: it cannot be used, and why says so. */
must_use int state_file_read(const char *path, size_t most, char **text, size_t *n, char why[STATE_WHY]);

/* state_file_set_aside: it becomes PATH.bad.   Returns  0 or why not. */
must_use int state_file_set_aside(const char *path);

/* state_file_write: n bytes in its place: a crash at any moment leaves the old file or this one.
 *   Returns  0: it is on the disk. */
must_use int state_file_write(const char *path, const char *text, size_t n);

#endif
