/* diag: the list of problems of one load. Nothing stops at the first: a step that finds a
 * problem adds it and goes on. Problems are kept and printed in file order, the same one once;
 * the first DIAG_SHOWN are kept, the rest are counted, and a warning never displaces an error.
 * No memory is taken after diag_new, so adding cannot fail.
 *
 *   error[E102]: unknown key "upsteam" in listener "web"
 *     --> /etc/staunch/staunch.yaml:5:5          note: ...
 *      |
 *    4 |     bind: "0.0.0.0:443"
 *    5 |     upsteam: app
 *      |     ^^^^^^^ did you mean "upstream"?
 *      = help: staunch explain listeners[].upstream */
#ifndef CONFIG_TEXT_DIAG_H
#define CONFIG_TEXT_DIAG_H

#include <stdio.h>

#include "config/text/diag_tbl.h"
#include "config/text/pos.h"
#include "config/text/source.h"

#define DIAG_SHOWN   20
#define DIAG_REPEATS 3 /* the same slip in more places than these is folded into the last of them */

enum diag_code {
#define X(name, letter, number, meaning) DIAG_##name,
	DIAG_TBL(X)
#undef X
	DIAG_CODES, /* how many */
};

/* An error refuses the load, a warning does not. */
enum diag_severity { DIAG_ERROR, DIAG_WARNING };

/* One problem, for printers of other forms than diag_print's. Frozen once the load is over. */
struct diag_problem {
	enum diag_code       code;
	const struct source *source;       /* borrowed from the diag; NULL when there is no text */
	struct config_pos    at;
	char                 message[256];
	char                 suggestion[64];
	unsigned             more; /* repeats of it that were not kept */
	char                 note[256];
	char                 help[160];
};

struct diag;

/* diag_new: an empty list. Returns NULL when out of memory.
 *   Calls  one thread at a time, as everything here. */
struct diag *diag_new(void);
/* Frees the list and its sources. Takes NULL, returns NULL. */
struct diag *diag_free(struct diag *d);

/* diag_take_source: problems added from now on are about s, or about the parts taken after it.
 *   Owns s. */
void diag_take_source(struct diag *d, struct source *s);
/* The same of a file that s includes: s->part is set, and is that of the places in it. */
void diag_take_part(struct diag *d, struct source *s);

/* diag_error, diag_warn: add one problem; the code's letter must agree (CHECK). Words quoted
 * from the file may hold anything: hostile characters are shown as '?'. */
printf_like(4, 5) void diag_error(struct diag *d, enum diag_code code, struct config_pos at, const char *fmt, ...);
printf_like(4, 5) void diag_warn(struct diag *d, enum diag_code code, struct config_pos at, const char *fmt, ...);

/* These say more about the problem added last: the word that was perhaps meant (NULL: none), a
 * remark behind the place, and what to do about it. Without a problem they do nothing. */
void diag_suggest(struct diag *d, const char *word);
printf_like(2, 3) void diag_note(struct diag *d, const char *fmt, ...);
printf_like(2, 3) void diag_help(struct diag *d, const char *fmt, ...);

/* diag_source: the ith text taken, from 0; NULL: there are no more. Borrowed. */
const struct source *diag_source(const struct diag *d, size_t i);

/* Another place, for a remark on the problem added last: "5:7", with the name of its file in front
 * where that is another one. */
struct diag_place {
	char text[192];
};
struct diag_place diag_place(const struct diag *d, struct config_pos at);

/* How many were added, kept or not; how many are kept. */
size_t diag_count(const struct diag *d, enum diag_severity severity);
size_t diag_shown(const struct diag *d);
/* One that is kept, in file order; i < diag_shown() (CHECK). Borrowed: the next problem may move
 * it. */
const struct diag_problem *diag_get(const struct diag *d, size_t i);

enum diag_severity diag_severity(enum diag_code code);
const char *diag_code_text(enum diag_code code);    /* "E102" */
const char *diag_code_meaning(enum diag_code code); /* the sentence of diag_tbl.h */

/* Where problems are printed. */
struct diag_look {
	bool colour;
	int columns; /* of a line; 0: as many as it takes */
	bool checked; /* nobody was about to load it: the last line says what a load would do */
};

/* diag_print (diag_print.c): every kept problem, then "2 errors, 1 warning - configuration NOT
 * loaded (AFTERMATH)". Nothing at all is printed when there is no problem; with warnings alone
 * the line ends in "configuration loaded"; of a file that is only checked it ends in "a start or reload would refuse
 * it", or "take it". The words in brackets are the caller's (such as
 * "running generation 7 unchanged") or NULL. */
void diag_print(FILE *out, const struct diag *d, struct diag_look look, const char *aftermath);

#endif
