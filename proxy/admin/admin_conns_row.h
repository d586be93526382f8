/* admin_conns_row: one connection as a line of JSON. */
#ifndef PROXY_ADMIN_ADMIN_CONNS_ROW_H
#define PROXY_ADMIN_ADMIN_CONNS_ROW_H

#include "proxy/admin/admin_conns_tbl.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/conn/conn_row.h"

#define ADMIN_ROW_ROOM 8192 /* bytes of a line: each text with all of it escaped */

enum conn_field {
#define X(code, word, wants, help) CONN_FIELD_##code,
	CONN_FIELD_TBL(X)
#undef X
	CONN_FIELDS
};

/* conn_fields_read: a list of names of admin_conns_tbl.h, divided by commas; *fields gets a bit for each.
 *   Returns  false: one is unknown. */
must_use bool conn_fields_read(const char *list, uint32_t *fields);
/* What a worker has to find out for these, of enum conn_want. */
unsigned conn_fields_want(uint32_t fields);

/* conn_row_put: r gets the line; there is room for ADMIN_ROW_ROOM bytes. */
void conn_row_put(struct reply *r, const struct conn_row *row, uint32_t fields, uint64_t generation);

#endif
