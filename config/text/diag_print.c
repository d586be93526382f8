/* diag_print: problems as people read them in a terminal: place, excerpt, caret, and the word
 * perhaps meant. */
#include <string.h>

#include "config/text/diag.h"
#include "config/text/utf8.h"

/* A long line is shown through a window of so many columns, in which the fault begins at most
 * LEAD(window) in: the caret stays under the word on any terminal. */
#define WINDOW       100 /* where lines have no bound */
#define WINDOW_LEAST 20
#define LEAD(window) ((window) * 3 / 5)
#define DOTS         3 /* "...", on either side of the window */
#define FRAME        4 /* " | " and the space in front of the gutter */

/* ANSI escapes, or nothing. */
struct palette {
	const char *error, *warning, *frame, *off;
};

static const struct palette plain = {"", "", "", ""};
static const struct palette colours = {"\033[1;31m", "\033[1;33m", "\033[1;34m", "\033[0m"};

struct printer {
	FILE                 *out;
	const struct palette *ink;
	int                   gutter; /* digits of the line number */
	int                   columns; /* of a line; 0: no bound */
};

/* The part of a line that is shown, and where the caret stands under it. */
struct view {
	const char *text;
	size_t      n;
	int         pad, carets;
	bool        cut_left, cut_right;
};

/* Bytes and columns that `count` characters take from s on; stops at the end of the line. */
static size_t skip_columns(const char *s, size_t n, uint32_t count, int *columns)
{
	size_t i = 0, len;
	uint32_t c;

	for (; i < n && count > 0; count--, i += len) {
		len = utf8_decode(s + i, n - i, &c);
		if (len == 0) { /* a broken byte is shown as one '?' */
			len = 1;
			*columns += 1;
		} else if (c == '\t') {
			*columns += TEXT_TAB - *columns % TEXT_TAB;
		} else {
			*columns += utf8_width(c);
		}
	}
	return i;
}

/* For a line of so many columns: beside the frame and, of a line that is cut, the dots at both ends. */
static int window_of(const struct printer *p, int all)
{
	int room = p->columns - p->gutter - FRAME;

	if (p->columns == 0)
		return WINDOW;
	if (all > room)
		room -= 2 * DOTS;
	return room < WINDOW_LEAST ? WINDOW_LEAST : room;
}

/* Three measures of the line: the columns before the fault, of the whole line, and, once the
 * window is placed, of the fault itself. The window opens only when the line is long and the
 * fault far to the right, and no further than to the line's end. */
static struct view view_of(const struct printer *p, const char *line, size_t n, struct config_pos at)
{
	struct view v = {.text = line, .n = n};
	uint32_t before = at.column - 1, hidden = 0, lead;
	size_t start, stop, end;
	int columns = 0, all = 0, last, window;

	skip_columns(line, n, before, &columns);
	skip_columns(line, n, UINT32_MAX, &all);
	window = window_of(p, all);
	lead = (uint32_t)LEAD(window);
	if (all > window && columns > (int)lead && before > lead / 2) {
		hidden = before - lead / 2;
		if (hidden > (uint32_t)(all - window))
			hidden = (uint32_t)(all - window);
		v.cut_left = true;
		columns = 0;
		start = skip_columns(line, n, hidden, &columns);
		v.text += start;
		v.n -= start;
	}
	start = skip_columns(v.text, v.n, before - hidden, &v.pad);
	last = v.pad;
	skip_columns(v.text + start, v.n - start, at.width, &last);
	columns = 0;
	for (stop = 0, end = v.n; stop < end && columns < window;)
		stop += skip_columns(v.text + stop, end - stop, 1, &columns);
	v.cut_right = stop < end;
	v.n = stop;
	if (last > columns)
		last = columns;
	v.carets = last > v.pad ? last - v.pad : 1;
	return v;
}

/* The gutter: the line number, or as many spaces, and the bar. */
static void put_frame(const struct printer *p, const char *number, const char *mark)
{
	fprintf(p->out, "%s %*s %s%s", p->ink->frame, p->gutter, number, mark, p->ink->off);
}

/* One line of the file through its window; dots where it was cut. Nothing hostile reaches the
 * terminal. */
static void put_source_line(const struct printer *p, uint32_t line, const struct view *v)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", line);
	put_frame(p, number, "| ");
	fputs(v->cut_left ? "..." : "", p->out);
	utf8_put(p->out, v->text, v->n, 0);
	fputs(v->cut_right ? "...\n" : "\n", p->out);
}

/* The line before shows at a glance where in the file this is; a blank one shows nothing. */
static void put_line_before(const struct printer *p, const struct diag_problem *b)
{
	size_t n;
	const char *line = source_line(b->source, b->at.line - 1, &n);
	struct view v;

	if (line == NULL || strspn(line, " \t") >= n)
		return;
	v = view_of(p, line, n, (struct config_pos){.line = b->at.line - 1, .column = 1, .width = 1});
	put_source_line(p, b->at.line - 1, &v);
}

/* Behind the carets, which end in column `at`, or below them where the line is too short. */
static void put_guess(const struct printer *p, const struct diag_problem *b, int at)
{
	static const char before[] = " did you mean \"", behind[] = "\"?";
	int n = (int)(sizeof(before) + sizeof(behind) + strlen(b->suggestion)) - 2;

	if (b->suggestion[0] == '\0')
		return;
	if (p->columns > 0 && at + n > p->columns) {
		fprintf(p->out, "%s\n", p->ink->off);
		put_frame(p, "", "|");
	}
	fputs(before, p->out);
	utf8_put(p->out, b->suggestion, strlen(b->suggestion), 0);
	fputs(behind, p->out);
}

/* Frame, the line before, the line, and carets under the fault with the guess behind them. */
static void put_excerpt(const struct printer *p, const struct diag_problem *b, const char *ink)
{
	size_t n;
	const char *line = source_line(b->source, b->at.line, &n);
	struct view v;

	if (line == NULL)
		return;
	put_frame(p, "", "|\n");
	put_line_before(p, b);
	v = view_of(p, line, n, b->at);
	put_source_line(p, b->at.line, &v);
	put_frame(p, "", "| ");
	fprintf(p->out, "%*s%s", v.pad + (v.cut_left ? DOTS : 0), "", ink);
	for (int i = 0; i < v.carets; i++)
		putc('^', p->out);
	put_guess(p, b, p->gutter + FRAME + (v.cut_left ? DOTS : 0) + v.pad + v.carets);
	fprintf(p->out, "%s\n", p->ink->off);
}

static int count_digits(uint32_t n)
{
	int d = 1;

	for (; n >= 10; n /= 10)
		d++;
	return d;
}

/* What it is, in as many lines as it takes. */
static void put_headline(const struct printer *p, const struct diag_problem *b, const char *ink)
{
	const char *word = diag_severity(b->code) == DIAG_ERROR ? "error" : "warning";
	int at = (int)(strlen(word) + strlen(diag_code_text(b->code)) + strlen("[]: "));

	fprintf(p->out, "%s%s[%s]%s: ", ink, word, diag_code_text(b->code), p->ink->off);
	utf8_put_hanging(p->out, b->message, at, p->columns, "    ");
}

/* Behind the place, which ends in column `at`, or below it where the line is too short for both. */
static void put_remark(const struct printer *p, const struct diag_problem *b, int at)
{
	static const char label[] = "          note: ", below[] = "      ";
	int n = (int)sizeof(label) - 1;

	if (b->note[0] == '\0') {
		fputs(at > 0 ? "\n" : "", p->out);
		return;
	}
	if (at == 0 || (p->columns > 0 && at + n + (int)strlen(b->note) > p->columns)) {
		fprintf(p->out, "%s%s", at > 0 ? "\n" : "", "    note: ");
		utf8_put_hanging(p->out, b->note, (int)strlen("    note: "), p->columns, below);
		return;
	}
	fputs(label, p->out);
	utf8_put_hanging(p->out, b->note, at + n, 0, "");
}

/* "  --> file:5:7".   Returns  the column behind it; 0: there is no place, and no line was begun. */
static int put_place(const struct printer *p, const struct diag_problem *b, bool placed)
{
	int at = (placed ? p->gutter + 1 : 2) + (int)strlen("--> ");

	if (b->source == NULL)
		return 0;
	fprintf(p->out, "%s%*s-->%s ", p->ink->frame, placed ? p->gutter + 1 : 2, "", p->ink->off);
	at = utf8_put(p->out, b->source->name, strlen(b->source->name), at);
	return placed ? at + fprintf(p->out, ":%u:%u", b->at.line, b->at.column) : at;
}

/* A problem's whole page, as the drawing in diag.h shows it. */
static void put_diagnosis(struct printer *p, const struct diag_problem *b)
{
	bool placed = b->source != NULL && pos_known(b->at);
	const char *ink = diag_severity(b->code) == DIAG_ERROR ? p->ink->error : p->ink->warning;
	static const char help[] = "= help: ";
	char indent[32];

	p->gutter = count_digits(b->at.line);
	put_headline(p, b, ink);
	put_remark(p, b, put_place(p, b, placed));
	if (placed)
		put_excerpt(p, b, ink);
	if (b->more > 0) {
		put_frame(p, "", "= ");
		fprintf(p->out, "the same in %u more place%s\n", b->more, b->more == 1 ? "" : "s");
	}
	if (b->help[0] != '\0') {
		put_frame(p, "", help);
		snprintf(indent, sizeof(indent), "%*s", p->gutter + 2 + (int)strlen(help), "");
		utf8_put_hanging(p->out, b->help, (int)strlen(indent), p->columns, indent);
	}
}

/* The summary's counts include problems that were not kept. */
static void put_summary(FILE *out, const struct diag *d, bool checked, const char *aftermath)
{
	size_t errors = diag_count(d, DIAG_ERROR), warnings = diag_count(d, DIAG_WARNING);

	size_t kept = diag_shown(d);

	for (size_t i = 0; i < diag_shown(d); i++)
		kept += diag_get(d, i)->more;
	if (errors + warnings > kept)
		fprintf(out, "... and %zu more\n", errors + warnings - kept);
	if (errors > 0)
		fprintf(out, "%zu error%s%s", errors, errors == 1 ? "" : "s", warnings > 0 ? ", " : "");
	if (warnings > 0)
		fprintf(out, "%zu warning%s", warnings, warnings == 1 ? "" : "s");
	if (checked)
		fprintf(out, " - a start or reload would %s it", errors > 0 ? "refuse" : "take");
	else
		fprintf(out, " - configuration %s", errors > 0 ? "NOT loaded" : "loaded");
	if (aftermath != NULL)
		fprintf(out, " (%s)", aftermath);
	putc('\n', out);
}

void diag_print(FILE *out, const struct diag *d, struct diag_look look, const char *aftermath)
{
	struct printer p = {.out = out, .ink = look.colour ? &colours : &plain, .columns = look.columns};

	if (diag_shown(d) == 0)
		return;
	for (size_t i = 0; i < diag_shown(d); i++)
		put_diagnosis(&p, diag_get(d, i));
	put_summary(out, d, look.checked, aftermath);
}
