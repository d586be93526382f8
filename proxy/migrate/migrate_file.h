/* migrate_file: the files of a translation, bounded in number, size and depth. */
#ifndef PROXY_MIGRATE_MIGRATE_FILE_H
#define PROXY_MIGRATE_MIGRATE_FILE_H

#include "proxy/migrate/migrate_job.h"

/* migrate_file_open: the first file; its directory becomes the job's.
 *   Returns  NULL: it cannot be read, and j->err has been told. */
const struct migrate_file *migrate_file_open(struct migrate_job *j, const char *path);
/* migrate_file_text: the same of bytes in memory. */
const struct migrate_file *migrate_file_text(struct migrate_job *j, const char *name, const char *text, size_t n);
/* migrate_file_include: a file that the word at i of d names. One that cannot be read breaks the input.
 *   Returns  NULL: it is too large, too deep or one too many; then it has broken the input as well. */
const struct migrate_file *migrate_file_include(struct migrate_job *j, const struct migrate_line *d, size_t i,
						const char *path);

/* The paths that the glob pattern matches, in order; without a match none. A path without * ? [ is itself. */
const char **migrate_file_glob(struct migrate_job *j, const char *pattern, size_t *n);

/* migrate_path: relative paths start at the first file's directory, as both programs have it. */
const char *migrate_path(struct migrate_job *j, const char *path);
/* Is there such a file? A translation may look; it needs none. */
bool migrate_file_is_there(const char *path);

#endif
