#include "config/text/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/text/diag.h"
#include "config/text/utf8.h"
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

struct source *source_free(struct source *s)
{
	if (s == NULL)
		return NULL;
	free(s->name);
	free(s->text);
	free(s);
	return NULL;
}

/* One byte more than allowed is asked for, so that a pipe without a size is measured too. */
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

/* The first place of one kind of problem, and how many lines have it. */
struct finding {
	struct config_pos at;
	uint32_t          lines, last;
	uint32_t          c; /* the character; 0 when the bytes are none */
};

static void found(struct finding *f, uint32_t line, uint32_t column, uint32_t c)
{
	if (f->lines == 0) {
		f->at = (struct config_pos){line, column, 1};
		f->c = c;
	}
	if (f->last != line)
		f->lines++;
	f->last = line;
}

static void check_line(const char *s, size_t n, uint32_t line, struct finding f[3])
{
	struct finding *broken = &f[0], *control = &f[1], *tab = &f[2];
	bool indent = true;
	uint32_t c, column = 1;
	size_t len, blank = strspn(s, " \t");

	for (size_t i = 0; i < n; i += len, column++) {
		len = utf8_decode(s + i, n - i, &c);
		if (len == 0) {
			found(broken, line, column, 0);
			return; /* columns mean nothing after it */
		}
		if (c == '\t' && indent && blank < n)
			found(tab, line, column, c);
		if (c != '\t' && utf8_is_hostile(c))
			found(control, line, column, c);
		if (c != ' ' && c != '\t')
			indent = false;
	}
}

static void more_lines(struct diag *d, const struct finding *f)
{
	if (f->lines > 1)
		diag_note(d, "and on %u more line%s", f->lines - 1, f->lines == 2 ? "" : "s");
}

bool source_check(const struct source *s, struct diag *d)
{
	struct finding f[3] = {0};
	size_t n;
	uint32_t line = 1;

	for (const char *p = s->text, *end = s->text + s->n; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl == NULL ? end : nl;

		n = (size_t)(stop - p);
		if (nl != NULL && n > 0 && p[n - 1] == '\r')
			n--;
		check_line(p, n, line, f);
		p = stop + 1;
	}
	if (f[0].lines > 0) {
		diag_error(d, DIAG_CHARACTERS, f[0].at, "the text is not UTF-8 here");
		more_lines(d, &f[0]);
	}
	if (f[1].lines > 0) {
		diag_error(d, DIAG_CHARACTERS, f[1].at, "invisible character U+%04X", f[1].c);
		more_lines(d, &f[1]);
	}
	if (f[2].lines > 0) {
		diag_error(d, DIAG_REFUSED, f[2].at, "a tab in the indentation; indent with spaces");
		more_lines(d, &f[2]);
	}
	return f[0].lines + f[1].lines + f[2].lines == 0;
}
