/* load: what the config tests share: a text loaded, its report as text, a FILE * that is a
 * string. */
#ifndef TESTS_UNIT_CONFIG_LOAD_H
#define TESTS_UNIT_CONFIG_LOAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/text/diag.h"

struct paper {
	FILE  *f;
	char  *text; /* after paper_read */
	size_t n;
};

static inline struct paper *paper_new(void)
{
	struct paper *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->f = open_memstream(&p->text, &p->n);
	assert_non_null(p->f);
	return p;
}

static inline const char *paper_read(struct paper *p)
{
	assert_int_equal(fflush(p->f), 0);
	return p->text;
}

static inline void paper_free(struct paper *p)
{
	fclose(p->f);
	free(p->text);
	free(p);
}

struct load {
	struct config *c; /* NULL when refused */
	struct diag   *d;
	int            err;
	struct paper  *report;
};

static inline void load_report(struct load *l)
{
	diag_print(l->report->f, l->d, (struct diag_look){0}, NULL);
	paper_read(l->report);
}

static inline struct load load_text(const char *text)
{
	struct load l = {.d = diag_new(), .report = paper_new()};

	assert_non_null(l.d);
	l.err = config_parse("t.yaml", text, strlen(text), &l.c, l.d);
	load_report(&l);
	return l;
}

static inline struct load load_file(const char *path)
{
	struct load l = {.d = diag_new(), .report = paper_new()};

	assert_non_null(l.d);
	l.err = config_load(path, &l.c, l.d);
	load_report(&l);
	return l;
}

static inline void load_free(struct load *l)
{
	config_free(l->c);
	diag_free(l->d);
	paper_free(l->report);
}

/* A text and what its report must hold; NULL: it loads without a word. */
struct load_row {
	const char *text, *says;
};

static inline void load_rows(const struct load_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct load l = load_text(rows[i].text);
		bool silent = l.report->n == 0;

		if (rows[i].says == NULL ? !silent || l.c == NULL : strstr(l.report->text, rows[i].says) == NULL)
			fail_msg("row %zu:\n%s\nsays\n%s\nand not %s", i, rows[i].text, l.report->text,
				 rows[i].says == NULL ? "nothing" : rows[i].says);
		load_free(&l);
	}
}

#endif
