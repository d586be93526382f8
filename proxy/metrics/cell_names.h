/* cell_names: what the numbers of a cell are called, so that another process, of another release perhaps, can take them
 * over: its own cells may stand in another order, or have none of that name. Of each kind of cell every count has a row
 * here, but for numbers of now, which are not added up. */
#ifndef PROXY_METRICS_CELL_NAMES_H
#define PROXY_METRICS_CELL_NAMES_H

#include "netpoll/base.h"

/* Numbers of 64 bits that stand in a row. */
struct cell_row {
	const char *name;
	uint16_t at, n; /* the index of the first within the cell; how many */
};

struct cell_names {
	const char *cell; /* "listener", ... */
	const struct cell_row *rows;
	unsigned nrows, nnumbers; /* numbers: of the whole cell */
};

enum cell_kind { CELL_PROCESS, CELL_LISTENER, CELL_UPSTREAM, CELL_SERVER, CELL_KINDS };
#define CELL_NUMBERS_MOST 192 /* of any kind */

extern const struct cell_names cell_names[CELL_KINDS];

/* cell_row_named: NULL: there is no such number. name: n bytes without a NUL. Any thread. */
const struct cell_row *cell_row_named(enum cell_kind kind, const uint8_t *name, size_t n);

#endif
