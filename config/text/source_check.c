/* source_check: one pass over the text, and the first place of each kind of fault. Only the
 * first: a file in another encoding would otherwise be a problem on each line, and hide the ones
 * that a person can mend. */
#include "config/text/source_check.h"

#include <string.h>

#include "config/text/utf8.h"

/* The first place of one kind of fault, and how many lines have it. */
struct finding {
	struct config_pos at;
	uint32_t          lines, last;
	uint32_t          c; /* the character; 0 when the bytes are none */
};

static void note_finding(struct finding *f, uint32_t line, uint32_t column, uint32_t c)
{
	if (f->lines == 0) {
		f->at = (struct config_pos){.line = line, .column = column, .width = 1};
		f->c = c;
	}
	if (f->last != line)
		f->lines++;
	f->last = line;
}

/* The indentation ends at the first byte that is neither space nor tab. A tab matters only
 * there: YAML counts columns of indentation, and readers differ on the width of a tab. In a line
 * that is blank throughout it indents nothing. */
static void check_line(const char *s, size_t n, uint32_t line, struct finding f[3])
{
	struct finding *broken = &f[0], *control = &f[1], *tab = &f[2];
	bool indent = true;
	uint32_t c, column = 1;
	size_t len, blank = strspn(s, " \t");

	for (size_t i = 0; i < n; i += len, column++) {
		len = utf8_decode(s + i, n - i, &c);
		if (len == 0) {
			note_finding(broken, line, column, 0);
			return; /* columns mean nothing after it */
		}
		if (c == '\t' && indent && blank < n)
			note_finding(tab, line, column, c);
		if (c != '\t' && utf8_is_hostile(c))
			note_finding(control, line, column, c);
		if (c != ' ' && c != '\t')
			indent = false;
	}
}

static void note_more_lines(struct diag *d, const struct finding *f)
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
	for (size_t i = 0; i < array_len(f); i++)
		f[i].at.part = s->part;
	if (f[0].lines > 0) {
		diag_error(d, DIAG_CHARACTERS, f[0].at, "the text is not UTF-8 here");
		diag_help(d, "save the file as UTF-8");
		note_more_lines(d, &f[0]);
	}
	if (f[1].lines > 0) {
		diag_error(d, DIAG_CHARACTERS, f[1].at, "invisible character U+%04X", f[1].c);
		diag_help(d, "type the line anew");
		note_more_lines(d, &f[1]);
	}
	if (f[2].lines > 0) {
		diag_error(d, DIAG_REFUSED, f[2].at, "a tab in the indentation; indent with spaces");
		note_more_lines(d, &f[2]);
	}
	return f[0].lines + f[1].lines + f[2].lines == 0;
}
