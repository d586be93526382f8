/* override_text: the state file's text, which is YAML, to rows and back. A row is one entry of the list, nine nodes at
 * most, so that as many as there may be fit into NODE_MAX; what is known of names (names_text.h) is one node:
 *
 *   schema: 1
 *   overrides:
 *     - {server: "app/10.0.0.1:80", state: "drain until 2026-01-02T03:04:05.000006Z", weight: "5"}
 *   names: >-
 *     host db.internal 1796083200 10.0.0.1 10.0.0.2 ; */
#ifndef PROXY_CONTROL_OVERRIDE_TEXT_H
#define PROXY_CONTROL_OVERRIDE_TEXT_H

#include "proxy/base/text.h"
#include "proxy/control/overrides.h"

#define OVERRIDE_TEXT_MOST ((size_t)1 << 20) /* bytes of a state file */
#define OVERRIDE_TEXT_WHY  320

struct override_row {
	char upstream[OVERRIDE_UPSTREAM], address[NP_ADDR_TEXT];
	struct server_inputs said;
	int64_t ends[SERVER_SETS]; /* wall clock, ns; 0: none */
};

/* override_text_read: n bytes of a state file.
 *   Returns  how many rows there are, in *rows, which the caller frees, as *names, NULL where it says nothing of names;
 *            -NP_ENOMEM; -NP_EINVAL: it is damaged, and why says where.   Calls  any thread. */
must_use int override_text_read(const char *text, size_t n, struct override_row **rows, char **names,
				char why[OVERRIDE_TEXT_WHY]);

/* Append the head of a file; one entry; behind all entries, that names follow. t->cut in the end: it was too much. */
void override_text_head(struct text *t);
void override_text_names(struct text *t);
void override_text_row(struct text *t, const char *upstream, const char *address, const struct server_inputs *said,
		       const int64_t ends[SERVER_SETS]);

#endif
