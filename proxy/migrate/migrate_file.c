/* migrate_file: reading and finding files. */
#include "proxy/migrate/migrate_file.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "proxy/base/exit_tbl.h"

#define PIECE ((size_t)64 << 10)

/* A file is called by its path from the first one's directory on: short, and the same wherever that stands. */
static const char *short_name(struct migrate_job *j, const char *path)
{
	size_t n = j->directory != NULL ? strlen(j->directory) : 0;
	const char *slash = strrchr(path, '/');

	if (j->files > 0 && n > 0 && strncmp(path, j->directory, n) == 0 && path[n] == '/')
		return path + n + 1;
	return j->files == 0 && slash != NULL ? slash + 1 : path;
}

const struct migrate_file *migrate_file_text(struct migrate_job *j, const char *name, const char *text, size_t n)
{
	struct migrate_file *f = migrate_alloc(j, sizeof(*f));
	size_t mark = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	f->path = migrate_copy(j, name, strlen(name));
	f->name = short_name(j, f->path);
	f->text = migrate_copy(j, text + mark, n - mark);
	f->n = n - mark;
	j->files++;
	j->bytes += n;
	return f;
}

/* Returns  0, an error of the system, or -NP_EINVAL: more bytes than are left to read. */
static int slurp(struct migrate_job *j, const char *path, const struct migrate_file **out)
{
	FILE *f = fopen(path, "re");
	int err = f == NULL ? err_from_errno() : 0;
	size_t n = 0, cap = 0, got = 1;
	char *text = NULL;
	struct stat st;

	if (f == NULL)
		return err;
	if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))
		err = -EISDIR;
	while (err == 0 && got > 0) {
		char *more = n + PIECE > cap ? realloc(text, cap = cap * 2 + PIECE) : text;

		if (more == NULL) {
			err = -NP_ENOMEM;
			break;
		}
		text = more;
		got = fread(text + n, 1, PIECE, f);
		n += got;
		if (j->bytes + n > MIGRATE_INPUT_MAX)
			err = -NP_EINVAL;
	}
	(void)fclose(f);
	/* The arena's copy ends by a jump where there is no memory: so little is lost then that the end of the
	 * process may free it. */
	if (err == 0)
		*out = migrate_file_text(j, path, text != NULL ? text : "", n);
	free(text);
	return err;
}

const struct migrate_file *migrate_file_open(struct migrate_job *j, const char *path)
{
	const struct migrate_file *f = NULL;
	char *whole = realpath(path, NULL), *slash = whole != NULL ? strrchr(whole, '/') : NULL;
	int err;

	if (slash != NULL)
		j->directory = migrate_copy(j, whole, slash == whole ? 1 : (size_t)(slash - whole));
	free(whole);
	err = slurp(j, path, &f);
	if (err == -NP_EINVAL)
		fprintf(j->err, "staunch: %s: more than %zu MiB\n", path, MIGRATE_INPUT_MAX >> 20);
	else if (err != 0)
		fprintf(j->err, "staunch: %s: %s\n", path, np_err_text(err));
	return f;
}

const struct migrate_file *migrate_file_include(struct migrate_job *j, const struct migrate_line *d, size_t i,
						const char *path)
{
	const struct migrate_file *f = NULL;
	int err;

	if (j->depth >= MIGRATE_DEPTH)
		migrate_break_at(j, d, i, "files that include each other too deep: does this one include itself?");
	if (j->files >= MIGRATE_FILES)
		migrate_break_at(j, d, i, "too many files");
	err = slurp(j, path, &f);
	if (err == -NP_EINVAL)
		migrate_break_at(j, d, i, "all files together are too large");
	if (err != 0)
		migrate_break_at(j, d, i, migrate_format(j, "%s: %s", path, np_err_text(err)));
	return f;
}

const char **migrate_file_glob(struct migrate_job *j, const char *pattern, size_t *n)
{
	const char **paths;
	glob_t g;

	if (strpbrk(pattern, "*?[") == NULL) {
		paths = migrate_alloc(j, sizeof(*paths));
		paths[0] = pattern;
		*n = 1;
		return paths;
	}
	*n = 0;
	if (glob(pattern, 0, NULL, &g) != 0)
		return NULL;
	if (g.gl_pathc > MIGRATE_FILES)
		g.gl_pathc = MIGRATE_FILES;
	paths = migrate_alloc(j, (g.gl_pathc + 1) * sizeof(*paths));
	for (size_t i = 0; i < g.gl_pathc; i++)
		paths[(*n)++] = migrate_copy(j, g.gl_pathv[i], strlen(g.gl_pathv[i]));
	globfree(&g);
	return paths;
}

const char *migrate_path(struct migrate_job *j, const char *path)
{
	if (path[0] == '/' || j->directory == NULL)
		return path;
	return migrate_format(j, "%s/%s", strcmp(j->directory, "/") == 0 ? "" : j->directory, path);
}

bool migrate_file_is_there(const char *path)
{
	return access(path, F_OK) == 0;
}
