/* cli_orders: reload and drain: they wait, and their exit code is the result. */
#include <string.h>

#include "config/units.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"

#define RELOAD_PATIENCE 60000 /* ms: a load is given up after half of it */
#define MS              UNITS_MS

/* The problems first, as check prints them; the last line says that nothing happened. */
static int show_refusal(const struct cli_answer *w)
{
	struct cli_paragraph p;

	(void)cli_show_problems(w->body, "problems", NULL, NULL);
	if (!cli_paragraph_begin(&p))
		return EXIT_CONFIG;
	fputs("reload refused: ", p.f);
	json_print(p.f, w->body, "error.message");
	fprintf(p.f, "; running generation %lld unchanged", json_number(w->body, "generation"));
	cli_paragraph_end(&p, stderr, "staunch: ");
	return EXIT_CONFIG;
}

/* With --json the answer as it came, and the exit code all the same. */
static int reload_result(const struct cli_args *a, const struct cli_answer *w)
{
	if (a->value[CLI_OPT_JSON] != NULL)
		fputs(w->body, stdout);
	if (w->status == 422)
		return a->value[CLI_OPT_JSON] != NULL ? EXIT_CONFIG : show_refusal(w);
	if (w->status != 200)
		return cli_answer_failed(w);
	if (a->value[CLI_OPT_JSON] != NULL)
		return EXIT_OK;
	printf("generation %lld is in force%s\n", json_number(w->body, "generation"),
	       json_is(w->body, "restart_needed", "true") ? "; some of it waits for a restart" : "");
	cli_show_changes("  ", w->body, "changes");
	return EXIT_OK;
}

/* It waits: an exit code of 0 says that the new file is in force. */
int cli_reload(const struct cli_args *a)
{
	struct cli_answer w = {0};
	int code = cli_look_alive(a);

	if (code == EXIT_OK)
		code = cli_ask(a, "POST", "/v1/reload", RELOAD_PATIENCE, &w);
	if (code == EXIT_OK)
		code = reload_result(a, &w);
	cli_answer_free(&w);
	return code;
}

/* Appends "name=MS" of an option, if it was given.   Returns  EXIT_OK or EXIT_USAGE. */
static int add_duration(const struct cli_args *a, enum cli_opt_id id, const char *name, char *path, size_t room)
{
	const char *text = a->value[id];
	struct units_refusal why;
	size_t n = strlen(path);
	int64_t ns;

	if (text == NULL)
		return EXIT_OK;
	if (units_duration(&ns, text, &why) != 0)
		return cli_misused(a->verb, "--%s cannot be \"%s\": %s", cli_opts[id].word, text, why.why);
	snprintf(path + n, room - n, "%c%s=%lld", strchr(path, '?') != NULL ? '&' : '?', name,
		 (long long)(ns / MS));
	return EXIT_OK;
}

static int drain_result(const struct cli_args *a, const struct cli_answer *w)
{
	bool was_cut = json_is(w->body, "cut", "true");

	if (a->value[CLI_OPT_JSON] != NULL)
		fputs(w->body, stdout);
	if (w->status != 200)
		return cli_answer_failed(w);
	if (a->value[CLI_OPT_JSON] == NULL)
		puts(was_cut ? "stopped; some connections were cut" : "stopped; every connection ended by itself");
	return was_cut ? EXIT_CUT : EXIT_OK;
}

/* It waits for the last connection, however long that takes. */
int cli_drain(const struct cli_args *a)
{
	struct cli_answer w = {0};
	char path[128] = "/v1/drain";
	int code = add_duration(a, CLI_OPT_DELAY, "delay_ms", path, sizeof(path));

	if (code == EXIT_OK)
		code = add_duration(a, CLI_OPT_TIMEOUT, "timeout_ms", path, sizeof(path));
	if (code == EXIT_OK)
		code = cli_look_alive(a);
	if (code == EXIT_OK)
		code = cli_ask(a, "POST", path, 0, &w);
	if (code == EXIT_OK)
		code = drain_result(a, &w);
	cli_answer_free(&w);
	return code;
}
