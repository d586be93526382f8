/* source: a config text in memory. A copy is kept even of a file, because its excerpts are
 * printed after the load, when the file may have changed. */
#include "config/text/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/err.h"

#define BOM     "\xEF\xBB\xBF"
#define BOM_LEN (sizeof(BOM) - 1)

int source_new(struct source **out, const char *name, const char *text, size_t n)
{
	struct source *s;

	if (n > SOURCE_MAX)
		return -EFBIG;
	if (n >= BOM_LEN && memcmp(text, BOM, BOM_LEN) == 0) {
		text += BOM_LEN;
		n -= BOM_LEN;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -NP_ENOMEM;
	s->name = strdup(name);
	s->text = malloc(n + 1);
	if (s->name == NULL || s->text == NULL) {
		source_free(s);
		return -NP_ENOMEM;
	}
	if (n > 0)
		memcpy(s->text, text, n);
	s->text[n] = '\0';
	s->n = n;
	*out = s;
	return 0;
}

void source_cut(struct source *s)
{
	char *mark = memchr(s->text, SOURCE_MARK, s->n);

	if (mark == NULL)
		return;
	s->given = mark + 1;
	s->ngiven = s->n - (size_t)(mark + 1 - s->text);
	s->n = (size_t)(mark - s->text);
	*mark = '\0';
}

/* What has no mark behind it is left out: it may be cut off. */
bool source_given(const struct source *s, const char **at, struct source_part *out)
{
	size_t left = s->ngiven - (size_t)(*at - s->given);
	const char *mark = memchr(*at, SOURCE_MARK, left);
	const char *line = mark != NULL ? memchr(*at, '\n', (size_t)(mark - *at)) : NULL;

	if (line == NULL)
		return false;
	*out = (struct source_part){*at, line + 1, (size_t)(line - *at), (size_t)(mark - line - 1)};
	*at = mark + 1;
	return true;
}

struct source *source_free(struct source *s)
{
	if (s == NULL)
		return NULL;
	free(s->name);
	free(s->text);
	free(s);
	return NULL;
}

/* Asks for one byte more than allowed, so that the size of a pipe is judged too: fstat tells
 * nothing about one. */
static int read_all(FILE *f, const char *path, struct source **out)
{
	char *buf = malloc(SOURCE_MAX + 1);
	size_t n;
	int err;

	if (buf == NULL)
		return -NP_ENOMEM;
	n = fread(buf, 1, SOURCE_MAX + 1, f);
	err = ferror(f) ? err_from_errno() : source_new(out, path, buf, n);
	free(buf);
	return err;
}

int source_read(struct source **out, const char *path)
{
	FILE *f = fopen(path, "re");
	int err;

	if (f == NULL)
		return err_from_errno();
	err = read_all(f, path, out);
	fclose(f);
	return err;
}

/* Through stdio as the other: a short read is no end, and one reader needs one bound. */
int source_read_open(struct source **out, int fd, const char *name)
{
	FILE *f = fdopen(fd, "r");
	int err;

	if (f == NULL) {
		err = err_from_errno();
		close(fd);
		return err;
	}
	err = read_all(f, name, out);
	fclose(f);
	return err;
}

/* A walk from the start: it is called once for each printed problem, and an index would have to
 * be kept for files that have none. */
const char *source_line(const struct source *s, uint32_t line, size_t *len)
{
	const char *p = s->text, *end = s->text + s->n, *nl;

	for (; line > 1 && p != NULL; line--) {
		nl = memchr(p, '\n', (size_t)(end - p));
		p = nl == NULL ? NULL : nl + 1;
	}
	if (p == NULL || line == 0)
		return NULL;
	nl = memchr(p, '\n', (size_t)(end - p));
	*len = (size_t)((nl == NULL ? end : nl) - p);
	if (*len > 0 && p[*len - 1] == '\r')
		--*len;
	return p;
}
