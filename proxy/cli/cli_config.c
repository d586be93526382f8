/* cli_config: the verbs that read the config file or its table and print: run's loading, config,
 * schema. */
#include "proxy/cli/cli_config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "config/schema.h"
#include "config/text/utf8.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_check_live.h"
#include "proxy/cli/cli_client.h"
#include "proxy/control/problems.h"
#include "proxy/control/upgrade.h"
#include "proxy/control/reload.h"
#include "proxy/log/log.h"
#include "proxy/process.h"

#define STANDARD_INPUT "standard input"
#define INPUT_MAX ((size_t)2 << 20) /* bytes; a configuration has at most half of it */

static bool is_standard_input(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* The first two of the rule; NULL: neither is there. */
static const char *named_path(const struct cli_args *a)
{
	const char *env = getenv(CLI_CONFIG_ENV);

	if (a->value[CLI_OPT_CONFIG] != NULL)
		return a->value[CLI_OPT_CONFIG];
	if (a->verb->operand == CLI_FILE && a->noperands > 0)
		return a->operands[0];
	return env != NULL && env[0] != '\0' ? env : NULL;
}

bool cli_config_is_named(const struct cli_args *a)
{
	return named_path(a) != NULL;
}

/* A relative one is seen from where the process was started; who may not look there is shown its name in /proc. */
const char *cli_config_of_process(const char *status, char room[CLI_CONFIG_ROOM])
{
	size_t n = 0;
	const char *at = json_find(status, "config.path", &n);
	int pid = (int)json_number(status, "pid");
	char cwd[64];
	ssize_t len;

	if (at == NULL || n == 0 || n >= CLI_CONFIG_ROOM / 2 || !json_is_there(status, "config.path"))
		return NULL;
	if (at[0] == '/') {
		snprintf(room, CLI_CONFIG_ROOM, "%.*s", (int)n, at);
		return room;
	}
	snprintf(cwd, sizeof(cwd), "/proc/%d/cwd", pid);
	len = readlink(cwd, room, CLI_CONFIG_ROOM / 2 - 1);
	if (len <= 0)
		len = snprintf(room, CLI_CONFIG_ROOM, "%s", cwd);
	snprintf(room + len, CLI_CONFIG_ROOM - (size_t)len, "/%.*s", (int)n, at);
	return room;
}

/* A verb that reads a file is nearly always about the process that runs: an operator who types `config show` wants its
 * file and not one in /etc that nobody uses. Nobody need be there, so a socket that is not is no complaint.
 *   Returns  NULL: no process tells of a file. */
static const char *path_of_process(const struct cli_args *a, char room[CLI_CONFIG_ROOM])
{
	char where[CONTROL_PATH_ROOM];
	const char *path = a->value[CLI_OPT_SOCKET] != NULL ? a->value[CLI_OPT_SOCKET] : control_path_found(where);
	struct cli_answer w = {0};
	const char *file = NULL;

	if (path == NULL || access(path, F_OK) != 0)
		return NULL;
	if (cli_ask(a, "GET", "/v1/status", CLI_PATIENCE, &w) == EXIT_OK && w.status == 200)
		file = cli_config_of_process(w.body, room);
	cli_answer_free(&w);
	return file;
}

const char *cli_config_path(const struct cli_args *a, char room[CLI_CONFIG_ROOM])
{
	const char *path = named_path(a);

	if (path == NULL && a->verb != &cli_verbs[CLI_VERB_RUN])
		path = path_of_process(a, room);
	return path != NULL ? path : CLI_CONFIG_PATH;
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

/* Problems, warnings too, go to stderr. */
static int load_path(const struct cli_args *a, const char *path, struct config **out)
{
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

int cli_config_load(const struct cli_args *a, struct config **out)
{
	char room[CLI_CONFIG_ROOM];

	return load_path(a, cli_config_path(a, room), out);
}

/* stderr is the process log, from the first line on: what a program reads there is never anything else. */
static int run_load(const struct cli_args *a, const char *path, struct config **out)
{
	struct diag *d;
	int err;

	log_init(LVL_NOTICE, LOG_FORMAT_AUTO, STDERR_FILENO);
	if (log_is_seen())
		return load_path(a, path, out);
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
	char room[CLI_CONFIG_ROOM];
	struct process_opts o = {.config_path = cli_config_path(a, room), .version = cli_version_text()};
	int status = run_load(a, o.config_path, &o.config);

	if (status != 0)
		upgrade_refuse(status, "its configuration has mistakes; they are in the log");
	/* It cannot be read a second time: SIGHUP opens the logs anew and keeps the configuration. */
	if (is_standard_input(o.config_path))
		o.config_path = NULL;
	return status != 0 ? status : process_run(&o);
}

/* What is in force, printed as a file: two remarks to choose from, since one line holds one. */
int cli_config(const struct cli_args *a)
{
	char room[CLI_CONFIG_ROOM];
	const char *path;
	struct config *c;
	int status;

	if (a->value[CLI_OPT_EFFECTIVE] != NULL && a->value[CLI_OPT_ANNOTATED] != NULL)
		return cli_misused(a->verb, "--effective and --annotated write different remarks; choose one");
	if (a->value[CLI_OPT_DIFF] != NULL)
		return cli_diff_running(a);
	path = cli_config_path(a, room);
	status = load_path(a, path, &c);
	if (status != 0)
		return status;
	if (!cli_config_is_named(a)) { /* who named none is told which one it is; a line of a file is never broken */
		fputs("# ", stdout);
		utf8_put(stdout, path, strlen(path), 2);
		putchar('\n');
	}
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
