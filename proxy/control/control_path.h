/* control_path: where the control socket is: for the process that makes it, and for the verbs that ask there. */
#ifndef PROXY_CONTROL_CONTROL_PATH_H
#define PROXY_CONTROL_CONTROL_PATH_H

#include "netpoll/base.h"

#define CONTROL_PATH_ROOM 256 /* more than a socket may have, so that a longer one is seen to be too long */
#define CONTROL_ENV "STAUNCH_CONTROL" /* what `auto` means: a path, or off */

struct config;
struct stat;

/* control_path_of: what control.socket says, with `auto` resolved for this user: STAUNCH_CONTROL; the system's
 * directory, if it is ours to write; the user's own. Never /tmp, where everybody may make a file of that name.
 *   Returns  path, or NULL: off.   Calls  any thread; looks at the disk. */
const char *control_path_of(const char *configured, char path[CONTROL_PATH_ROOM]);

/* control_path_found: the same for a verb: the first of these that is there; the first at all where none is.
 *   Returns  path, or NULL: STAUNCH_CONTROL is off. */
const char *control_path_found(char path[CONTROL_PATH_ROOM]);

/* control_path_stat: look at the socket's directory.   Returns  false: the path names none, or it is not there. */
must_use bool control_path_stat(const char *path, struct stat *out);

/* control_path_is_open: may others write to the socket's directory? Whoever may can put a socket of his own in its
 * place. */
bool control_path_is_open(const char *path);

/* control_path_is_ours: is it a directory in which we may make files? */
bool control_path_is_ours(const char *path);

/* control_is_on: does the configuration have a control plane, by socket or by TCP? */
bool control_is_on(const struct config *c);

#endif
