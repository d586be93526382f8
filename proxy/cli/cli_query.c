/* Parameters of a question. */
#include "proxy/cli/cli_query.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/base/digit.h"

bool cli_query_begin(struct cli_query *q, const char *route)
{
	*q = (struct cli_query){.before = '?'};
	q->f = open_memstream(&q->path, &q->n);
	if (q->f == NULL)
		return false;
	fputs(route, q->f);
	return true;
}

/* Names may have any byte; what is not plain is escaped. */
void cli_query_escape(struct cli_query *q, const char *s, const char *safe)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (digit_is_decimal(*s) || (unsigned)((c | 0x20) - 'a') < 26 || strchr(safe, c) != NULL)
			putc(c, q->f);
		else
			fprintf(q->f, "%%%02X", c);
	}
}

void cli_query_add(struct cli_query *q, const char *name, const char *value)
{
	fprintf(q->f, "%c%s=", q->before, name);
	q->before = '&';
	cli_query_escape(q, value, "-._");
}

/* The control plane writes names as JSON does. */
const char *cli_query_name(enum cli_opt_id opt, char name[32])
{
	snprintf(name, 32, "%s", cli_opts[opt].word);
	for (char *p = name; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

void cli_query_add_opts(struct cli_query *q, const struct cli_args *a, const enum cli_opt_id *opts, size_t n)
{
	char name[32];

	for (size_t i = 0; i < n; i++)
		if (a->value[opts[i]] != NULL)
			cli_query_add(q, cli_query_name(opts[i], name), a->value[opts[i]]);
}

const char *cli_query_end(struct cli_query *q)
{
	bool whole = ferror(q->f) == 0;

	if (fclose(q->f) == 0 && whole)
		return q->path;
	cli_complain("%s", np_err_text(-NP_ENOMEM));
	return NULL;
}

void cli_query_free(struct cli_query *q)
{
	free(q->path);
	q->path = NULL;
}
