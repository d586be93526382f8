/* cli_top_screen: the terminal of `staunch top`, and the only file that knows ncurses.
 *
 *   head             3 lines; the last says that the instance has gone, where it has, or the first warning, which is
 *                    broken where it is long
 *   listeners        a heading, and a quarter of the room; more while it is the chosen list
 *   servers          a heading, and the rest
 *   keys             1 line; where the filter is typed, and a question asked
 *
 * One row of the chosen list is marked, by its place: the question about it has its name, for an answer may bring
 * another server to that place. */
#ifndef PROXY_CLI_CLI_TOP_SCREEN_H
#define PROXY_CLI_CLI_TOP_SCREEN_H

#include "proxy/cli/cli_top_model.h"

/* What is to be said of a server, as `staunch server` does. */
struct top_order {
	const char *word; /* drain, ready; NULL: nothing */
	char name[TOP_NAME];
};

struct top_screen {
	void *terminal; /* ncurses' SCREEN; NULL: not open */
	bool colour;
	size_t chosen;          /* the list that keys act on */
	size_t top[TOP_LISTS];  /* the first row that is shown */
	size_t room[TOP_LISTS]; /* rows that fit */
	size_t mark[TOP_LISTS]; /* the marked row */
	struct top_order asked; /* the question that is shown */
	struct top_order order; /* answered with y: who reads the keys carries it out and takes it away */
	char said[400];         /* in the last line until the next key */
	bool typing, help;
};

/* top_screen_open: takes the terminal of stdin and stdout.
 *   Returns  0; -NP_EINVAL: TERM says nothing that ncurses knows. Then the terminal is as it was.
 *   Owns     the terminal's state: top_screen_close gives it back as it was, and may be called twice. */
must_use int top_screen_open(struct top_screen *s, bool colour);
void top_screen_close(struct top_screen *s);
/* Asks the terminal for its size: after SIGWINCH. */
void top_screen_resize(struct top_screen *s);
/* gone: why the instance does not answer; then the numbers are greyed. NULL: it answers. */
void top_screen_draw(struct top_screen *s, const struct top_model *m, const char *gone);
/* top_screen_keys: take all keys that were typed.   Returns  false: q was among them. */
must_use bool top_screen_keys(struct top_screen *s, struct top_model *m);

#endif
