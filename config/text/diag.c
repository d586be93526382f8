/* diag: the list is an array of slots and an array of pointers into it in file order. One slot
 * is always spare: a new problem is written there first, and then either takes its place in the
 * order or is the one that is dropped. So a full list needs no special case, and adding cannot
 * fail. */
#include "config/text/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"

struct diag {
	struct source       *sources; /* owned; the newest first */
	struct source       *whole;   /* the config file that problems are about, or NULL; borrowed from sources */
	struct diag_problem *last;    /* the problem added last; the spare slot when it was not kept */
	size_t               shown, count[2];
	struct diag_problem *order[DIAG_SHOWN + 1]; /* into slots, in file order; the one behind `shown` is spare */
	struct diag_problem  slots[DIAG_SHOWN + 1];
};

/* The rows of diag_tbl.h; the letter decides the severity, so that the two cannot disagree. */
static const struct {
	enum diag_severity severity;
	const char        *text, *meaning;
} codes[] = {
#define SEVERITY_E DIAG_ERROR
#define SEVERITY_W DIAG_WARNING
#define X(name, letter, number, meaning) {SEVERITY_##letter, #letter #number, meaning},
	DIAG_TBL(X)
#undef X
};

enum diag_severity diag_severity(enum diag_code code)
{
	return codes[code].severity;
}

const char *diag_code_text(enum diag_code code)
{
	return codes[code].text;
}

const char *diag_code_meaning(enum diag_code code)
{
	return codes[code].meaning;
}

struct diag *diag_new(void)
{
	struct diag *d = calloc(1, sizeof(*d));

	for (size_t i = 0; d != NULL && i < array_len(d->slots); i++)
		d->order[i] = &d->slots[i];
	return d;
}

struct diag *diag_free(struct diag *d)
{
	if (d == NULL)
		return NULL;
	for (struct source *s = d->sources, *next; s != NULL; s = next) {
		next = s->next;
		source_free(s);
	}
	free(d);
	return NULL;
}

/* Ranks grow with the order in which sources come. */
void diag_take_part(struct diag *d, struct source *s)
{
	s->next = d->sources;
	s->rank = d->sources == NULL ? 1 : d->sources->rank + 1;
	d->sources = s;
}

void diag_take_source(struct diag *d, struct source *s)
{
	diag_take_part(d, s);
	d->whole = s;
}

/* The newest is the first of the list. */
const struct source *diag_source(const struct diag *d, size_t i)
{
	const struct source *s = d->sources;

	while (s != NULL && s->rank != i + 1)
		s = s->next;
	return s;
}

/* The parts of the config file were taken after it. NULL: a place of a load whose texts are gone. */
static const struct source *source_of(const struct diag *d, struct config_pos at)
{
	const struct source *s = d->sources;

	while (s != NULL && s != d->whole && s->part != at.part)
		s = s->next;
	return s == NULL || s->part != at.part ? NULL : s;
}

/* In file order: by source, then by place. Problems without a source come first. */
static int pos_compare(const struct diag_problem *a, const struct diag_problem *b)
{
	uint32_t ra = a->source == NULL ? 0 : a->source->rank, rb = b->source == NULL ? 0 : b->source->rank;

	if (ra != rb)
		return ra < rb ? -1 : 1;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return 0;
}

/* An alias is decoded where it is used, so one place in the file can be found wrong twice. */
static bool is_reported(const struct diag *d, const struct diag_problem *p)
{
	for (size_t i = 0; i < d->shown; i++) {
		const struct diag_problem *o = d->order[i];

		if (o->code == p->code && pos_compare(o, p) == 0 && strcmp(o->message, p->message) == 0)
			return true;
	}
	return false;
}

/* What is refused is not doubted as well: the doubt is of what was put in its place. */
static bool is_refused(const struct diag *d, const struct diag_problem *p)
{
	if (diag_severity(p->code) != DIAG_WARNING || !pos_known(p->at))
		return false;
	for (size_t i = 0; i < d->shown; i++)
		if (diag_severity(d->order[i]->code) == DIAG_ERROR && pos_compare(d->order[i], p) == 0)
			return true;
	return false;
}

/* The index of the problem that goes when there is one too many: the last warning, or the last
 * of all when every one is an error. */
static size_t one_too_many(const struct diag *d)
{
	for (size_t i = d->shown; i-- > 0;)
		if (diag_severity(d->order[i]->code) == DIAG_WARNING)
			return i;
	return d->shown - 1;
}

static void drop_problem(struct diag *d, size_t i)
{
	struct diag_problem *p = d->order[i];

	memmove(&d->order[i], &d->order[i + 1], (d->shown - i - 1) * sizeof(d->order[0]));
	d->order[--d->shown] = p;
}

/* Problems come nearly in order, so the place is looked for from the end. Of equal places the
 * earlier find stays first. */
static void insert_in_order(struct diag *d)
{
	struct diag_problem *p = d->order[d->shown];
	size_t i = d->shown++;

	for (; i > 0 && pos_compare(d->order[i - 1], p) > 0; i--)
		d->order[i] = d->order[i - 1];
	d->order[i] = p;
	if (d->shown > DIAG_SHOWN)
		drop_problem(d, one_too_many(d));
}

/* The part of a message that names the slip; behind it stands the section in which it was made. */
static size_t slip_length(const char *message)
{
	const char *in = strstr(message, " in ");

	return in != NULL ? (size_t)(in - message) : strlen(message);
}

static bool is_repeat(const struct diag_problem *a, const struct diag_problem *b)
{
	size_t n = slip_length(a->message);

	return a->code == b->code && a->source == b->source && n == slip_length(b->message) &&
	       memcmp(a->message, b->message, n) == 0;
}

/* A slip that was copied along is shown three times and then counted: fifty of them would push
 * every other problem off the page. */
static bool is_folded(struct diag *d, const struct diag_problem *p)
{
	struct diag_problem *last = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < d->shown; i++) {
		if (!is_repeat(d->order[i], p))
			continue;
		last = d->order[i];
		n++;
	}
	if (n < DIAG_REPEATS)
		return false;
	last->more++;
	return true;
}

/* The one way in. A problem that is not kept is still counted. */
static void diag_add(struct diag *d, enum diag_code code, struct config_pos at, const char *fmt, va_list args)
{
	struct diag_problem *p = d->order[d->shown];

	memset(p, 0, sizeof(*p));
	p->code = code;
	p->source = source_of(d, at);
	p->at = at;
	vsnprintf(p->message, sizeof(p->message), fmt, args);
	/* Before the check: what diag_note and diag_help add to a repeated problem then lands in
	 * the spare slot and not in another problem. */
	d->last = p;
	if (is_reported(d, p) || is_refused(d, p))
		return;
	d->count[diag_severity(code)]++;
	if (!is_folded(d, p))
		insert_in_order(d);
}

void diag_error(struct diag *d, enum diag_code code, struct config_pos at, const char *fmt, ...)
{
	va_list args;

	CHECK(diag_severity(code) == DIAG_ERROR, "a warning's code was added as an error");
	va_start(args, fmt);
	diag_add(d, code, at, fmt, args);
	va_end(args);
}

void diag_warn(struct diag *d, enum diag_code code, struct config_pos at, const char *fmt, ...)
{
	va_list args;

	CHECK(diag_severity(code) == DIAG_WARNING, "an error's code was added as a warning");
	va_start(args, fmt);
	diag_add(d, code, at, fmt, args);
	va_end(args);
}

void diag_suggest(struct diag *d, const char *word)
{
	if (d->last != NULL && word != NULL)
		snprintf(d->last->suggestion, sizeof(d->last->suggestion), "%s", word);
}

void diag_note(struct diag *d, const char *fmt, ...)
{
	va_list args;

	if (d->last == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(d->last->note, sizeof(d->last->note), fmt, args);
	va_end(args);
}

void diag_help(struct diag *d, const char *fmt, ...)
{
	va_list args;

	if (d->last == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(d->last->help, sizeof(d->last->help), fmt, args);
	va_end(args);
}

/* Of a name that is too long the end is kept: it tells files apart. */
struct diag_place diag_place(const struct diag *d, struct config_pos at)
{
	const struct source *s = source_of(d, at);
	size_t n = s == NULL ? 0 : strlen(s->name), most = 160;
	struct diag_place p;

	if (s == NULL || (d->last != NULL && d->last->source == s))
		snprintf(p.text, sizeof(p.text), "%u:%u", at.line, at.column);
	else
		snprintf(p.text, sizeof(p.text), "%s:%u:%u", s->name + (n > most ? n - most : 0), at.line, at.column);
	return p;
}

size_t diag_count(const struct diag *d, enum diag_severity severity)
{
	return d->count[severity];
}

size_t diag_shown(const struct diag *d)
{
	return d->shown;
}

const struct diag_problem *diag_get(const struct diag *d, size_t i)
{
	CHECK(i < d->shown, "a problem past the last was asked for");
	return d->order[i];
}
