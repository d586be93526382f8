/* migrate_job: memory, directives, losses, and the caret under what is broken. */
#include "proxy/migrate/migrate_job.h"

#include <stdarg.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/base/exit_tbl.h"

#define EXCERPT 100 /* bytes of a line that are shown, around the caret */

/* ---- memory ---- */

static no_return void give_up(struct migrate_job *j)
{
	fputs("staunch: the file needs more memory than there is\n", j->err);
	j->code = EXIT_FAILED;
	longjmp(j->out, 1);
}

void *migrate_alloc(struct migrate_job *j, size_t n)
{
	void *p = arena_alloc(&j->arena, n);

	if (p == NULL)
		give_up(j);
	return p;
}

char *migrate_copy(struct migrate_job *j, const char *text, size_t n)
{
	char *copy = arena_text(&j->arena, text, n);

	if (copy == NULL)
		give_up(j);
	return copy;
}

char *migrate_format(struct migrate_job *j, const char *fmt, ...)
{
	va_list ap;
	char *out;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0, "a format that printf refuses");
	out = migrate_alloc(j, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(out, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return out;
}

/* ---- directives ---- */

void migrate_word_add(struct migrate_job *j, struct migrate_line *d, struct migrate_word w)
{
	/* Room for a power of two of words: full when n is one. */
	if (d->n == MIGRATE_WORDS)
		migrate_break(j, d->file, &w, "more than %d words in one directive", MIGRATE_WORDS);
	if ((d->n & (d->n - 1)) == 0) {
		struct migrate_word *more = migrate_alloc(j, (d->n == 0 ? 1 : d->n * 2) * sizeof(*more));

		if (d->n > 0)
			memcpy(more, d->words, d->n * sizeof(*more));
		d->words = more;
	}
	d->words[d->n++] = w;
}

struct migrate_line *migrate_line_new(struct migrate_job *j, const struct migrate_file *f, struct migrate_line *parent)
{
	struct migrate_line *d = migrate_alloc(j, sizeof(*d));

	d->file = f;
	d->parent = parent;
	if (parent == NULL)
		return d;
	if (parent->last != NULL)
		parent->last->next = d;
	else
		parent->first = d;
	parent->last = d;
	return d;
}

const char *migrate_arg(const struct migrate_line *d, size_t i)
{
	return i < d->n ? d->words[i].text : "";
}

uint32_t migrate_line_number(const struct migrate_line *d)
{
	return d->n > 0 ? d->words[0].line : 1;
}

const char *migrate_line_text(struct migrate_job *j, const struct migrate_line *d, size_t from)
{
	char room[96] = "";
	size_t at = 0;

	for (size_t i = from; i < d->n && at < sizeof(room) - 1; i++) {
		int n = snprintf(room + at, sizeof(room) - at, "%s%s", i > from ? " " : "", d->words[i].text);

		at += n > 0 ? (size_t)n : 0;
	}
	if (at >= sizeof(room))
		memcpy(room + sizeof(room) - 4, "...", 4);
	return migrate_copy(j, room, strlen(room));
}

void migrate_count(struct migrate_job *j, struct migrate_line *d)
{
	j->directives += !d->counted;
	d->counted = true;
}

void migrate_lose(struct migrate_job *j, struct migrate_line *d, const char *what, const char *instead)
{
	struct migrate_loss *loss;

	migrate_count(j, d);
	for (loss = j->losses; loss != NULL; loss = loss->next)
		if (loss->line == d && strcmp(loss->what, what) == 0 && strcmp(loss->instead, instead) == 0)
			return;
	j->lost += !d->lost;
	d->lost = true;
	loss = migrate_alloc(j, sizeof(*loss));
	*loss = (struct migrate_loss){NULL, d, what, instead};
	*j->losses_end = loss;
	j->losses_end = &loss->next;
}

/* ---- what is broken ---- */

/* The line of that number; its length goes to *n. */
static const char *line_of(const struct migrate_file *f, uint32_t number, size_t *n)
{
	const char *at = f->text, *end = f->text + f->n, *next;

	while (number > 1 && (next = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at = next + 1;
		number--;
	}
	next = memchr(at, '\n', (size_t)(end - at));
	*n = (size_t)((next != NULL ? next : end) - at);
	return at;
}

/* A window of the line, each byte that could act on a terminal as '?', and the caret below. */
static void show_excerpt(FILE *f, const char *line, size_t n, const struct migrate_word *at)
{
	size_t caret = at->column - 1 < n ? at->column - 1 : n, from = 0, width = strlen(at->text);
	int margin = snprintf(NULL, 0, "%u", at->line);

	if (caret > EXCERPT / 2 && n > EXCERPT)
		from = caret - EXCERPT / 2;
	if (n > from + EXCERPT)
		n = from + EXCERPT;
	while (n > from && line[n - 1] == '\r')
		n--;
	fprintf(f, "%*s |\n%u | ", margin, "", at->line);
	for (size_t i = from; i < n; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c == '\t')
			c = ' ';
		fputc(c < 0x20 || c >= 0x7f ? '?' : (int)c, f);
	}
	fprintf(f, "\n%*s | %*s", margin, "", (int)(caret - from), "");
	for (size_t i = 0; i < (width == 0 ? 1 : width) && (i == 0 || caret + i < n); i++)
		fputc('^', f);
	fputc('\n', f);
}

void migrate_break(struct migrate_job *j, const struct migrate_file *f, const struct migrate_word *at, const char *fmt,
		   ...)
{
	size_t n = 0;
	const char *line = line_of(f, at->line, &n);
	va_list ap;

	fputs("error: ", j->err);
	va_start(ap, fmt);
	(void)vfprintf(j->err, fmt, ap);
	va_end(ap);
	fprintf(j->err, "\n  --> %s:%u:%u\n", f->path, at->line, at->column);
	show_excerpt(j->err, line, n, at);
	j->code = EXIT_CONFIG;
	longjmp(j->out, 1);
}

void migrate_break_at(struct migrate_job *j, const struct migrate_line *d, size_t word, const char *why)
{
	static const struct migrate_word start = {"", 1, 1, false};

	if (word >= d->n && d->n > 0)
		word = d->n - 1;
	migrate_break(j, d->file, d->n > 0 ? &d->words[word] : &start, "%s", why);
}
