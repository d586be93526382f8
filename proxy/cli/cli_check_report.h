/* cli_check_report: the problems that `check` found, in a form for programs, on stdout. Programs read these: a change
 * that breaks one raises "schema" (JSON). Sources: GitHub's workflow commands; SARIF 2.1.0 (OASIS). */
#ifndef PROXY_CLI_CLI_CHECK_REPORT_H
#define PROXY_CLI_CLI_CHECK_REPORT_H

#include <stdio.h>

#include "config/text/diag.h"

/* One form: begin, then file once for each file that was checked, then end; begin and end may be NULL. `before` is how
 * many problems the files before it had. */
struct check_report {
	const char *word; /* of --format */
	void (*begin)(FILE *out);
	void (*file)(FILE *out, const char *path, const struct diag *d, size_t before);
	void (*end)(FILE *out);
};

/* The form that a word names; NULL: it is none for programs. */
const struct check_report *check_report_find(const char *word);

#endif
