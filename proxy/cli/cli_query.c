/* Parameters of a question. */
#include "proxy/cli/cli_query.h"

#include <stdio.h>
#include <string.h>

#include "proxy/base/digit.h"

void cli_query_begin(char path[CLI_PATH_ROOM], const char *route)
{
	snprintf(path, CLI_PATH_ROOM, "%s", route);
}

/* Names may have any byte; what is not plain is escaped. */
static void put_query(FILE *f, char before, const char *name, const char *value)
{
	fprintf(f, "%c%s=", before, name);
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (digit_is_decimal(*value) || (unsigned)((c | 0x20) - 'a') < 26 || strchr("-._", c) != NULL)
			putc(c, f);
		else
			fprintf(f, "%%%02X", c);
	}
}

/* The path keeps its NUL: fmemopen writes one, where there is room. */
void cli_query_add(char path[CLI_PATH_ROOM], const char *name, const char *value)
{
	size_t n = strlen(path);
	FILE *f = fmemopen(path + n, CLI_PATH_ROOM - n, "w");

	if (f == NULL)
		return;
	put_query(f, strchr(path, '?') != NULL ? '&' : '?', name, value);
	fclose(f);
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

void cli_query_add_opts(char path[CLI_PATH_ROOM], const struct cli_args *a, const enum cli_opt_id *opts, size_t n)
{
	char name[32];

	for (size_t i = 0; i < n; i++)
		if (a->value[opts[i]] != NULL)
			cli_query_add(path, cli_query_name(opts[i], name), a->value[opts[i]]);
}
