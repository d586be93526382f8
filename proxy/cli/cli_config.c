/* cli_config: the verbs that read the config file or its table and print: run's loading, config,
 * schema. */
#include "proxy/cli/cli_config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "config/schema.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_check_live.h"
#include "proxy/control/problems.h"
#include "proxy/control/reload.h"
#include "proxy/log/log.h"
#include "proxy/process.h"

#define STANDARD_INPUT "standard input"
#define INPUT_MAX ((size_t)2 << 20) /* bytes; a configuration has at most half of it */

static bool is_standard_input(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* The order is that of most programs: the line, the environment, the usual place. */
const char *cli_config_path(const struct cli_args *a)
{
	const char *env = getenv(CLI_CONFIG_ENV);

	if (a->value[CLI_OPT_CONFIG] != NULL)
		return a->value[CLI_OPT_CONFIG];
	if (a->verb->operand == CLI_FILE && a->noperands > 0)
		return a->operands[0];
	return env != NULL && env[0] != '\0' ? env : CLI_CONFIG_PATH;
}

/* A person who named no file may not know that one is needed. */
static void hint_at_files(const struct cli_args *a, const char *path)
{
	const char *show = strcmp(a->verb->word, "config") == 0 ? " show" : "";

	if (strcmp(path, CLI_CONFIG_PATH) == 0 && access(path, F_OK) != 0)
		fprintf(stderr, "  = help: staunch %s%s -c FILE, or without a file: staunch help proxy\n",
			a->verb->word, show);
}

/* Read to its end, or to more than a configuration may have: config_parse then says so. */
static int read_standard_input(struct config **out, struct diag *d)
{
	char *text = malloc(INPUT_MAX);
	size_t n;
	int err;

	if (text == NULL)
		return -NP_ENOMEM;
	n = fread(text, 1, INPUT_MAX, stdin);
	err = ferror(stdin) ? err_from_errno() : 0;
	if (err == 0)
		err = config_parse(STANDARD_INPUT, text, n, out, d);
	else
		diag_error(d, DIAG_UNREADABLE, (struct config_pos){0}, "cannot read " STANDARD_INPUT ": %s",
			   np_err_text(err));
	free(text);
	return err;
}

int cli_config_read(const char *path, struct config **out, struct diag *d)
{
	return is_standard_input(path) ? read_standard_input(out, d) : config_load(path, out, d);
}

int cli_config_parse(const char *path, struct config **out, struct diag *d)
{
	return is_standard_input(path) ? read_standard_input(out, d) : config_load_texts(path, out, d);
}

int cli_config_load(const struct cli_args *a, struct config **out)
{
	const char *path = cli_config_path(a);
	struct diag *d = diag_new();
	int err = d != NULL ? cli_config_read(path, out, d) : -NP_ENOMEM;

	if (d != NULL)
		diag_print(stderr, d, cli_look(a, stderr), NULL);
	diag_free(d);
	if (err == 0)
		return 0;
	if (err == -NP_ENOMEM)
		cli_complain("%s: %s", path, np_err_text(err));
	hint_at_files(a, path);
	return err == -NP_ENOMEM ? EXIT_FAILED : EXIT_CONFIG;
}

/* stderr is the process log, from the first line on: what a program reads there is never anything else. */
static int run_load(const struct cli_args *a, struct config **out)
{
	const char *path = cli_config_path(a);
	struct diag *d;
	int err;

	log_init(LVL_NOTICE, LOG_FORMAT_AUTO, STDERR_FILENO);
	if (log_is_seen())
		return cli_config_load(a, out);
	d = diag_new();
	err = d != NULL ? cli_config_read(path, out, d) : -NP_ENOMEM;
	if (err == 0)
		reload_log_level(*out);
	if (err == -NP_ENOMEM)
		log_msg(LVL_ERROR, "files_failed", "%s: %s", path, np_err_text(err));
	else
		problems_log(d, NULL);
	diag_free(d);
	if (err == 0)
		return 0;
	return err == -NP_ENOMEM ? EXIT_FAILED : EXIT_CONFIG;
}

/* The file is loaded before the process is set up: a mistake in it costs nothing but the
 * message. */
int cli_run(const struct cli_args *a)
{
	struct process_opts o = {.config_path = cli_config_path(a), .version = cli_version_text()};
	int status = run_load(a, &o.config);

	/* It cannot be read a second time: SIGHUP opens the logs anew and keeps the configuration. */
	if (is_standard_input(o.config_path))
		o.config_path = NULL;
	return status != 0 ? status : process_run(&o);
}

/* What is in force, printed as a file: two remarks to choose from, since one line holds one. */
int cli_config(const struct cli_args *a)
{
	struct config *c;
	int status;

	if (a->value[CLI_OPT_EFFECTIVE] != NULL && a->value[CLI_OPT_ANNOTATED] != NULL)
		return cli_misused(a->verb, "--effective and --annotated write different remarks; choose one");
	if (a->value[CLI_OPT_DIFF] != NULL)
		return cli_diff_running(a);
	status = cli_config_load(a, &c);
	if (status != 0)
		return status;
	if (a->value[CLI_OPT_ANNOTATED] != NULL)
		config_dump_help(stdout, c, cli_columns(stdout));
	else
		config_dump(stdout, c, cli_columns(stdout));
	config_free(c);
	return EXIT_OK;
}

int cli_schema(const struct cli_args *a)
{
	(void)a;
	schema_json(stdout);
	return EXIT_OK;
}
