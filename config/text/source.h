/* source: the text of one config file, kept as long as its problems may be printed. */
#ifndef CONFIG_TEXT_SOURCE_H
#define CONFIG_TEXT_SOURCE_H

#include "config/text/pos.h"

#define SOURCE_MAX ((size_t)1 << 20)

struct source {
	struct source *next; /* owned by the diag that took it */
	char          *name; /* owned; as the user gave it, for messages */
	char          *text; /* owned; terminated, a leading byte order mark cut off */
	size_t         n;
	uint32_t       rank; /* among the sources of one diag: problems are shown in this order */
	uint16_t       part; /* of the places in it (pos.h) */
	const char    *given; /* within text, behind n: the files that it includes; NULL: they are on the disk */
	size_t         ngiven;
};

/* source_read: the file at path, at most SOURCE_MAX bytes of it.
 *   Returns  0, -NP_ENOMEM, -EFBIG, or why the file cannot be read. *out is written on success only. */
must_use int source_read(struct source **out, const char *path);
/* The same of an open file, whose name is only said in messages.   Owns fd. */
must_use int source_read_open(struct source **out, int fd, const char *name);
/* The same from memory; -EFBIG above SOURCE_MAX. */
must_use int source_new(struct source **out, const char *name, const char *text, size_t n);

/* A text may bring the files that it includes, for a reader who is not to look for them: behind it each has a mark, its
 * path, a newline and its bytes; the last thing is a mark. No config file can hold the mark (source_check.h). */
#define SOURCE_MARK '\x1c' /* ASCII's file separator */

/* source_cut: the text ends at the first mark, if there is one. */
void source_cut(struct source *s);
/* source_given: the next of the files that s brings; *at is s->given at first.
 *   Returns  false: there are no more. *name has nname bytes, *text n; none is terminated. */
struct source_part {
	const char *name, *text;
	size_t nname, n;
};
bool source_given(const struct source *s, const char **at, struct source_part *out);

/* Takes NULL, returns NULL. */
struct source *source_free(struct source *s);

/* Line `line` (from 1) without its end; NULL past the last. */
const char *source_line(const struct source *s, uint32_t line, size_t *len);

#endif
