/* cli_migrate: a file of another proxy as one of ours: proxy/migrate makes the text, this writes it where it is
 * wanted. */
#include <stdio.h>
#include <stdlib.h>

#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/migrate/migrate.h"

/* Whole or not at all would need a second file; what is not whole says so by the exit code.   Returns  0 or an
 * error. */
static int write_output(const char *path, const char *text, size_t n)
{
	FILE *f = path != NULL ? fopen(path, "we") : stdout;
	int err = f == NULL ? err_from_errno() : 0;

	if (err != 0)
		return err;
	if (fwrite(text, 1, n, f) != n)
		err = err_from_errno();
	if (fflush(f) != 0 && err == 0)
		err = err_from_errno();
	if (path != NULL && fclose(f) != 0 && err == 0)
		err = err_from_errno();
	return err;
}

/* What was lost is on stderr by then. */
int cli_migrate(const struct cli_args *a)
{
	struct migrate_opts o = {.program = a->operands[0], .file = a->operands[1], .err = stderr};
	const char *path = a->value[CLI_OPT_OUTPUT];
	char *text = NULL;
	size_t n = 0;
	int code = migrate_run(&o, &text, &n), err = 0;

	if (text != NULL)
		err = write_output(path, text, n);
	free(text);
	if (err == 0)
		return code;
	cli_complain("%s: %s", path != NULL ? path : "stdout", np_err_text(err));
	return EXIT_FAILED;
}
