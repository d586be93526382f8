/* upgrade_spawn: the new program is started, with one end of a pair, and is looked after until it has ended or
 * serves. */
#ifndef PROXY_CONTROL_UPGRADE_SPAWN_H
#define PROXY_CONTROL_UPGRADE_SPAWN_H

#include <sys/types.h>

#include "proxy/systemd/notify.h"

/* The number of the descriptor that a new process finds there. Never a path: nobody else can reach the pair. */
#define UPGRADE_ENV "STAUNCH_UPGRADE_FD"

/* upgrade_spawn: start `binary` (NULL: the program that this process was started from, as it now stands at that path)
 * with the arguments, directory and environment of this process, but for what counts for this one alone; what the
 * service manager said (manager) is in it again. All descriptors but 0 to 2 and the pair are closed in it. By
 * posix_spawn, never fork: the page tables of a large process, and its threads, stay out of it.
 *   Returns  our end of the pair, close-on-exec, and *pid; or the error: there is no such program, it may not be run,
 *            no descriptor, ...
 *   Calls    control thread. */
must_use int upgrade_spawn(const char *binary, const struct notify *manager, pid_t *pid);

/* upgrade_binary: which program that would be, for a message.   Returns  room. */
const char *upgrade_binary(const char *binary, char *room, size_t n);

/* upgrade_ended: has it ended?   Returns  true and *status. */
must_use bool upgrade_ended(pid_t pid, int *status);

#endif
