/* beneath: files below one directory. No link, no ".." and no leading / leads out of it, and nothing is opened that is
 * no regular file: a FIFO would hold up its reader, and a device does something when it is opened.
 *
 * Who may write below the directory is believed as little as what is written there: neither a link that is put in
 * place of a folder meanwhile nor one that was there leads out (beneath_walk.h where the kernel does not help).
 *
 * Calls: the control thread at a load and a plan, and the verbs that read a file. Nothing here parks. */
#ifndef CONFIG_TEXT_BENEATH_H
#define CONFIG_TEXT_BENEATH_H

#include <sys/types.h>

#include "netpoll/base.h"

/* beneath_open: the file at path, for reading.
 *   Returns  a descriptor; -EXDEV where path leads out of dir; -NP_EINVAL where it is no regular file (*mode says what
 *            it is); why it cannot be opened. */
must_use int beneath_open(int dir, const char *path, mode_t *mode);

/* Names in the byte order. Owned: beneath_names_fini. */
struct beneath_names {
	char **name;
	size_t n, room;
};

/* beneath_match: the names in one folder below dir that a pattern of the shell (*, ?, [...]) matches, at most `most` of
 * them; one that begins with a dot is matched by a dot alone.
 *   Returns  0; -E2BIG where there are more; as beneath_open. *out is to be given back in either case. */
must_use int beneath_match(int dir, const char *folder, const char *pattern, size_t most, struct beneath_names *out);
/* Does the pattern match the name, as there? */
bool beneath_is_match(const char *pattern, const char *name);
void beneath_names_fini(struct beneath_names *names);

/* "a directory", of what is no regular file. */
const char *beneath_kind(mode_t mode);

#endif
