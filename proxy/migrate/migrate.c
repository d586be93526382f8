/* migrate: the way of one file, from its text to the text of another. */
#include "proxy/migrate/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/migrate/migrate_check.h"
#include "proxy/migrate/migrate_file.h"
#include "proxy/migrate/migrate_haproxy.h"
#include "proxy/migrate/migrate_haproxy_read.h"
#include "proxy/migrate/migrate_nginx.h"
#include "proxy/migrate/migrate_nginx_read.h"
#include "proxy/migrate/migrate_remark_tbl.h"
#include "proxy/migrate/migrate_yaml.h"

#define X(text) text,
static const char *const nginx_remarks[] = {NGINX_REMARK_TBL(X) NULL};
static const char *const haproxy_remarks[] = {HAPROXY_REMARK_TBL(X) NULL};
#undef X

/* ---- the two languages ---- */

static const struct language {
	const char *word;
	void (*read)(struct migrate_job *j, const struct migrate_file *f, struct migrate_line *top);
	void (*translate)(struct migrate_job *j);
	const char *const *remarks;
} languages[] = {
	{"nginx", migrate_nginx_read, migrate_nginx, nginx_remarks},
	{"haproxy", migrate_haproxy_read, migrate_haproxy, haproxy_remarks},
};

static const struct language *language_of(const char *word)
{
	for (size_t i = 0; i < array_len(languages); i++)
		if (strcmp(languages[i].word, word) == 0)
			return &languages[i];
	return NULL;
}

/* ---- the output ---- */

/* "limit_conn perip 10", or "listen 443: fastopen=256". */
static const char *loss_text(struct migrate_job *j, const struct migrate_loss *l)
{
	const char *line = migrate_line_text(j, l->line, 0);

	if (l->what[0] == '\0' || strcmp(l->what, line) == 0)
		return line;
	return migrate_format(j, "%s: %.80s", line, l->what);
}

/* "nginx.conf:12: limit_conn perip 10: what happens". No byte of the input acts on a
 * terminal, or is one that a file of ours may not have. */
static void put_loss(struct migrate_job *j, FILE *f, const char *file, const struct migrate_loss *l)
{
	char *text = migrate_format(j, "%s:%u: %s: %s\n", file, migrate_line_number(l->line), loss_text(j, l),
		l->instead);

	for (char *c = text; *c != '\0'; c++)
		if (((unsigned char)*c < 0x20 && c[1] != '\0') || (unsigned char)*c > 0x7e)
			*c = '?';
	fputs(text, f);
}

static void write_head(struct migrate_job *j, FILE *f, const struct migrate_opts *o, const struct language *l)
{
	fprintf(f, "# Made by staunch migrate %s; comments say which line each thing comes from.\n#\n", o->program);
	fprintf(f, "# What works otherwise than in %s:\n", o->program);
	for (const char *const *remark = l->remarks; *remark != NULL; remark++)
		fprintf(f, "# - %s\n", *remark);
	if (j->losses != NULL)
		fputs("#\n# What is lost, and what happens instead:\n", f);
	for (const struct migrate_loss *loss = j->losses; loss != NULL; loss = loss->next) {
		fputs("# - ", f);
		put_loss(j, f, loss->line->file->name, loss);
	}
	fputs("\n", f);
}

static void say_losses(struct migrate_job *j)
{
	for (const struct migrate_loss *loss = j->losses; loss != NULL; loss = loss->next)
		put_loss(j, j->err, loss->line->file->path, loss);
	fprintf(j->err, "%zu of %zu directives translated", j->directives - j->lost, j->directives);
	if (j->lost > 0)
		fprintf(j->err, ", %zu with losses", j->lost);
	fputc('\n', j->err);
}

/* ---- the way ---- */

/* All of it; what breaks jumps out. */
static void translate(struct migrate_job *j, const struct migrate_opts *o, const struct language *l)
{
	const struct migrate_file *f;

	f = o->text != NULL ? migrate_file_text(j, o->file, o->text, o->n) : migrate_file_open(j, o->file);
	if (f == NULL) {
		j->code = EXIT_CONFIG;
		longjmp(j->out, 1);
	}
	j->top = migrate_line_new(j, f, NULL);
	j->top->block = true;
	l->read(j, f, j->top);
	l->translate(j);
	migrate_check(j);
	if (yaml_find(j->root, "listeners") == NULL || yaml_find(j->root, "listeners")->first == NULL) {
		say_losses(j);
		migrate_break_at(j, j->top->first != NULL ? j->top->first : j->top, 0,
				 "nothing in this file can be relayed by staunch");
	}
	j->code = j->losses != NULL ? EXIT_LOSSES : EXIT_OK;
}

static no_inline int run_guarded(struct migrate_job *j, const struct migrate_opts *o, const struct language *l)
{
	if (setjmp(j->out) == 0)
		translate(j, o, l);
	return j->code;
}

/* A second guard, as memory may end here, too. */
static no_inline int write_guarded(struct migrate_job *j, const struct migrate_opts *o, const struct language *l,
	FILE *f)
{
	if (setjmp(j->out) == 0) {
		write_head(j, f, o, l);
		(void)yaml_write(f, j->root, 1);
		say_losses(j);
	}
	return j->code;
}

int migrate_run(const struct migrate_opts *o, char **out, size_t *n)
{
	struct migrate_job j = {.err = o->err};
	const struct language *l = language_of(o->program);
	FILE *f;
	int code;

	CHECK(l != NULL, "the command line takes the two words");
	*out = NULL;
	*n = 0;
	j.losses_end = &j.losses;
	arena_init(&j.arena, MIGRATE_MEMORY);
	code = run_guarded(&j, o, l);
	if (code == EXIT_OK || code == EXIT_LOSSES) {
		f = open_memstream(out, n);
		code = f != NULL ? write_guarded(&j, o, l, f) : EXIT_FAILED;
		if (f != NULL && fclose(f) != 0)
			code = EXIT_FAILED;
	}
	arena_fini(&j.arena);
	return code;
}
