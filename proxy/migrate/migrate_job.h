/* migrate_job: what one translation has read, what it has made of it and what it could not keep. Both languages
 * come as a tree of directives, so that their translators share everything behind the tokenizers.
 *
 * All memory is the job's arena. Two things end a translation early: input that its own program would not accept
 * either, and a lack of memory. Both jump back to migrate_run, so no function here returns an error. */
#ifndef PROXY_MIGRATE_MIGRATE_JOB_H
#define PROXY_MIGRATE_MIGRATE_JOB_H

#include <setjmp.h>
#include <stdio.h>

#include "config/text/arena.h"
#include "netpoll/base.h"

#define MIGRATE_INPUT_MAX ((size_t)32 << 20)  /* bytes of all files together */
#define MIGRATE_MEMORY    ((size_t)512 << 20) /* of the arena: words cost more than the text they stand in */
#define MIGRATE_FILES     256                 /* files of one translation */
#define MIGRATE_DEPTH     16                  /* of includes within includes */
#define MIGRATE_BLOCKS    64                  /* of blocks within blocks */
#define MIGRATE_WORD      4096                /* bytes of one word: nginx has this limit, too */
#define MIGRATE_WORDS     1024                /* words of one directive */

/* One file, whole. */
struct migrate_file {
	const char *name; /* as comments call it */
	const char *path; /* as it is opened, and as messages call it */
	const char *text; /* n bytes and a NUL, behind a byte order mark */
	size_t      n;
};

struct migrate_word {
	const char *text; /* quotes and escapes undone */
	uint32_t    line, column; /* from 1; columns count bytes */
	bool        quoted;
};

/* A directive, or a block of them. */
struct migrate_line {
	struct migrate_line       *next, *parent, *first, *last; /* the last two: of a block */
	const struct migrate_file *file;
	struct migrate_word       *words;
	size_t                     n; /* words; at least one */
	bool                       block;
	bool                       counted, lost; /* among the directives; among the losses */
	bool                       refused;       /* with everything in it */
};

/* A loss: where, what, and what happens instead. */
struct migrate_loss {
	struct migrate_loss       *next;
	const struct migrate_line *line;
	const char                *what, *instead;
};

struct yaml;

struct migrate_job {
	struct arena          arena;
	jmp_buf               out; /* of migrate_run */
	int                   code; /* of the exit, once it has jumped */
	FILE                 *err;
	const char           *directory; /* the first file's, absolute: relative paths start there */
	size_t                files, bytes, depth; /* read so far; of includes */
	struct migrate_line  *top; /* a block without words: the first file */
	struct yaml          *root;
	struct migrate_loss  *losses, **losses_end;
	size_t                directives, lost;
};

/* Zeroed memory of the job, a copy of a text, a text made by printf. None returns NULL. */
void *migrate_alloc(struct migrate_job *j, size_t n);
char *migrate_copy(struct migrate_job *j, const char *text, size_t n);
char *migrate_format(struct migrate_job *j, const char *fmt, ...) printf_like(2, 3);

/* migrate_word_add: the next word of d, at most MIGRATE_WORDS of them. */
void migrate_word_add(struct migrate_job *j, struct migrate_line *d, struct migrate_word w);
/* migrate_line_new: a directive without words, the last one in the block `parent`. */
struct migrate_line *migrate_line_new(struct migrate_job *j, const struct migrate_file *f, struct migrate_line *parent);
/* The word at i; "" where d has no such word. */
const char *migrate_arg(const struct migrate_line *d, size_t i);
uint32_t migrate_line_number(const struct migrate_line *d);
/* The words of d from the word `from` on, with spaces between them, shortened where they are many. */
const char *migrate_line_text(struct migrate_job *j, const struct migrate_line *d, size_t from);

/* migrate_count: d is one of the directives that are answered for, however often it applies. */
void migrate_count(struct migrate_job *j, struct migrate_line *d);
/* migrate_lose: d, or the part `what` of it, cannot be kept; `instead` is a sentence on what happens. A loss is
 * listed once, however often the directive applies, and a directive counts as lost once, however much of it is
 * lost. */
void migrate_lose(struct migrate_job *j, struct migrate_line *d, const char *what, const char *instead);

/* migrate_break: the input is broken at this place: its line is shown with a caret, and the translation ends with
 * 78. */
no_return void migrate_break(struct migrate_job *j, const struct migrate_file *f, const struct migrate_word *at,
			     const char *fmt, ...) printf_like(4, 5);
/* The same at a word of d. */
no_return void migrate_break_at(struct migrate_job *j, const struct migrate_line *d, size_t word, const char *why);

#endif
