/* cli_check_live: check --against-live: what a reload of a file would change in the running process, and how many
 * connections that touches; and the short list of it, config show --diff running. The process plans it, and nothing
 * changes. */
#include "proxy/cli/cli_check_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_config.h"

#define TEXT_MOST     ((size_t)1 << 20) /* bytes of a configuration; the process refuses more */
#define PLAN_PATIENCE 60000             /* ms: a load is given up after half of it */
#define WIDTH         78
#define OBJECT_COLUMN 40

static bool wants_json(const struct cli_args *a)
{
	const char *format = a->value[CLI_OPT_FORMAT];

	return a->value[CLI_OPT_JSON] != NULL || (format != NULL && strcmp(format, "json") == 0);
}

/* ---- the file ---- */

/* Mistakes of the text itself, with their lines; what the text names is the process's to read. */
static int look_at_text(const struct cli_args *a, const char *path, const char *text, size_t n)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	int err = d != NULL ? config_parse(path, text, n, &c, d) : -NP_ENOMEM;

	if (d != NULL && !wants_json(a) && err != 0)
		diag_print(stderr, d, cli_colour(a, stderr), "only checked");
	diag_free(d);
	config_free(c);
	if (err == -NP_ENOMEM)
		cli_complain("%s: %s", path, np_err_text(err));
	if (err == 0)
		return EXIT_OK;
	return err == -NP_ENOMEM ? EXIT_FAILED : EXIT_CONFIG;
}

/* Returns the text on the heap, or NULL with a line on stderr. */
static char *read_config_text(const char *path, size_t *n)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = malloc(TEXT_MOST + 1);
	int err = f == NULL ? err_from_errno() : 0;

	*n = 0;
	if (f != NULL && text != NULL)
		*n = fread(text, 1, TEXT_MOST + 1, f);
	if (f != NULL && ferror(f) != 0)
		err = err_from_errno();
	if (f != NULL && f != stdin)
		fclose(f);
	if (text == NULL)
		err = -NP_ENOMEM;
	if (err == 0 && *n > TEXT_MOST)
		err = -EFBIG;
	if (err == 0)
		return text;
	cli_complain("%s: %s", path, np_err_text(err));
	free(text);
	return NULL;
}

/* ---- the plan ---- */

/* Keys in a column of their own, as many on a line as fit. */
static void show_keys(const char *change)
{
	size_t n = 0;
	const char *at = json_find(change, "keys", &n);
	size_t column = 0;

	for (at = at != NULL ? json_next(at) : NULL; at != NULL; at = json_next(at)) {
		const char *key = json_find(at, "", &n);

		if (column == 0 || column + n + 2 > WIDTH)
			column = (size_t)printf("%s%8s%.*s", column > 0 ? ",\n" : "", "", (int)n, key);
		else
			column += (size_t)printf(", %.*s", (int)n, key);
	}
	if (column > 0)
		putchar('\n');
}

static const char *words_of_effect(const char *word)
{
	static const struct {
		const char *word, *says;
	} effects[] = {{"none", "at once"}, {"new_only", "new ones only"}, {"drained", "no new ones"},
		       {"restart", "after a restart"}};

	for (size_t i = 0; word != NULL && i < array_len(effects); i++)
		if (strncmp(word, effects[i].word, strlen(effects[i].word)) == 0)
			return effects[i].says;
	return "-";
}

static void show_change(const char *at)
{
	size_t n = 0;
	const char *object = json_find(at, "object", &n);
	const char *effect;
	size_t len;

	if (object == NULL)
		return;
	json_print(stdout, at, "kind");
	(void)json_find(at, "kind", &len);
	printf("%*s%.*s", (int)(8 - len), "", (int)n, object);
	if (n > OBJECT_COLUMN)
		printf("\n%8s", "");
	effect = json_find(at, "effect", &len);
	printf("%*s %8lld  %s\n", n > OBJECT_COLUMN ? OBJECT_COLUMN : (int)(OBJECT_COLUMN - n), "",
	       json_number(at, "connections"), words_of_effect(effect));
	show_keys(at);
}

static void show_changes(const char *body)
{
	size_t n = 0;
	const char *list = json_find(body, "changes", &n), *at = list != NULL ? json_next(list) : NULL;

	if (at == NULL) {
		printf("nothing differs from generation %lld\n", json_number(body, "generation"));
		return;
	}
	printf("%-*s %8s  %s\n", OBJECT_COLUMN + 8, "change", "live", "holds for");
	for (; at != NULL; at = json_next(at))
		show_change(at);
	printf("generation %lld is in force; nothing was changed\n", json_number(body, "generation"));
}

/* The process names its own file; the person thinks of this one.   Returns  whether there are any. */
static bool show_plan_problems(const char *path, const char *body, const char *list)
{
	size_t n = 0;
	const char *at = json_find(body, list, &n);
	bool some = false;

	for (at = at != NULL ? json_next(at) : NULL; at != NULL; at = json_next(at), some = true) {
		json_print(stderr, at, "severity");
		fputs("[", stderr);
		json_print(stderr, at, "code");
		fputs("]: ", stderr);
		json_print(stderr, at, "message");
		if (json_number(at, "line") > 0)
			fprintf(stderr, "\n  --> %s:%lld:%lld", path, json_number(at, "line"),
				json_number(at, "column"));
		putc('\n', stderr);
	}
	return some;
}

static int show_plan(const struct cli_args *a, const char *path, const char *body)
{
	size_t n = 0;
	const char *errors = json_find(body, "errors", &n);

	if (wants_json(a)) {
		fputs(body, stdout);
		return errors != NULL && json_next(errors) != NULL ? EXIT_CONFIG : EXIT_OK;
	}
	(void)show_plan_problems(path, body, "warnings");
	if (show_plan_problems(path, body, "errors"))
		return EXIT_CONFIG;
	show_changes(body);
	return EXIT_OK;
}

/* What differs, without what a reload would do about it. A script asks by the exit code. */
static int show_differences(const struct cli_args *a, const char *path, const char *body)
{
	const char *at = json_first(body, "changes");
	bool differs = at != NULL;

	(void)a;
	if (show_plan_problems(path, body, "errors"))
		return EXIT_CONFIG;
	if (!differs)
		printf("nothing differs from generation %lld\n", json_number(body, "generation"));
	for (; at != NULL; at = json_next(at)) {
		size_t len = 0;

		json_print(stdout, at, "kind");
		(void)json_find(at, "kind", &len);
		printf("%*s", (int)(8 - len), "");
		json_print(stdout, at, "object");
		putchar('\n');
		show_keys(at);
	}
	return differs ? EXIT_FAILED : EXIT_OK;
}

/* Both verbs ask the same of the process, and show another part of its answer. */
static int show_plan_of(const struct cli_args *a, const char *path,
			int (*show)(const struct cli_args *a, const char *path, const char *body))
{
	struct cli_question q = {.method = "POST", .path = "/v1/plan"};
	struct cli_answer w = {0};
	char *text = read_config_text(path, &q.n);
	int code = EXIT_CONFIG;

	if (text == NULL)
		return code;
	q.body = text;
	code = wants_json(a) ? EXIT_OK : look_at_text(a, path, text, q.n);
	if (code == EXIT_OK)
		code = cli_look_alive(a);
	if (code == EXIT_OK)
		code = cli_ask_with(a, &q, PLAN_PATIENCE, &w);
	if (code == EXIT_OK)
		code = w.status == 200 ? show(a, path, w.body) : cli_answer_failed(&w);
	cli_answer_free(&w);
	free(text);
	return code;
}

int cli_check_live(const struct cli_args *a, const char *path)
{
	return show_plan_of(a, path, show_plan);
}

int cli_diff_running(const struct cli_args *a)
{
	return show_plan_of(a, cli_config_path(a), show_differences);
}
