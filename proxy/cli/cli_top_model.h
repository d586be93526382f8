/* cli_top_model: what the instance said last, as rows and cells of text, and which rows are shown in which order. It
 * knows nothing of a terminal. */
#ifndef PROXY_CLI_CLI_TOP_MODEL_H
#define PROXY_CLI_CLI_TOP_MODEL_H

#include "netpoll/base.h"

#define TOP_NAME    256
#define TOP_NOTE    96
#define TOP_STATE   8
#define TOP_NUMBERS 9
#define TOP_WORD    64 /* of a filter */
#define TOP_CELL    16

enum top_unit { TOP_COUNT, TOP_BYTES, TOP_MS, TOP_USABLE };

/* One number of a row. */
struct top_column {
	const char *title;
	const char *path; /* in the JSON of the row */
	enum top_unit unit;
	int width; /* with the blank before it */
	int from;  /* a narrower screen leaves it out */
	bool tells_apart; /* and so does one where it is 0 in every row */
};

struct top_row {
	char name[TOP_NAME];
	char state[TOP_STATE];      /* usable: yes, no; "" for a listener */
	char note[TOP_NOTE];        /* why it is not usable, else its last error */
	double number[TOP_NUMBERS]; /* NAN: not known */
	size_t given;               /* its place in the configuration */
	bool exact;                 /* name is that of the instance, byte for byte: an order may be given by it */
	bool steered;               /* an operator has said drain or maint */
};

/* Listeners, or servers. */
struct top_list {
	const char *title;
	const struct top_column *columns;
	size_t ncolumns;
	struct top_row *rows; /* owned */
	size_t n;
	const struct top_row **shown; /* owned: those that match the filter, in order */
	size_t nshown;
	unsigned left_out; /* a bit for each column that is not worth its room now */
	size_t sort; /* 0: by name; c: by columns[c - 1] */
	bool reverse;
	char filter[TOP_WORD];
};

enum { TOP_LISTENERS, TOP_SERVERS, TOP_LISTS };

struct top_model {
	struct top_list lists[TOP_LISTS];
	char head[3][256]; /* lines */
	char time[16];     /* of the answer: 12:34:56 */
	bool warned;       /* the last line of the head is a warning */
};

/* top_model_init: empty lists.   Owns  what is in *m: top_model_fini. */
void top_model_init(struct top_model *m);
void top_model_fini(struct top_model *m);
/* top_model_take: the bodies of /v1/status, /v1/listeners and /v1/servers replace what was there.
 *   Returns  0; -NP_ENOMEM, and the rows that were there stay. */
must_use int top_model_take(struct top_model *m, const char *status, const char *listeners, const char *servers);
/* top_list_arrange: after a change of sort, reverse or filter. */
void top_list_arrange(struct top_list *l);
/* The text of a number, in at most 6 columns. */
const char *top_cell(const struct top_row *r, const struct top_column *c, size_t i, char text[TOP_CELL]);
/* Is the column shown on a screen of so many columns? */
bool top_shows(const struct top_list *l, size_t c, int columns);
/* May something be wrong with this server or listener? */
bool top_row_fails(const struct top_list *l, const struct top_row *r);

#endif
