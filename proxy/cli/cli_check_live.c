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

#define PLAN_PATIENCE 60000             /* ms: a load is given up after half of it */
#define OBJECT_COLUMN 40

static bool wants_json(const struct cli_args *a)
{
	const char *format = a->value[CLI_OPT_FORMAT];

	return a->value[CLI_OPT_JSON] != NULL || (format != NULL && strcmp(format, "json") == 0);
}

/* ---- the file ---- */

/* What is sent: the text, and the files that it includes, for they are those of its own directory, which the process
 * may not be able to read, or has files of the same names. What the texts name (certificates, sockets) is looked for
 * where a reload would look: in the directory of the file in force. */
struct plan_text {
	const char *path;
	char *text; /* owned */
	size_t n;
	struct diag *d;   /* owned; its texts are those that were read */
	size_t folder;    /* bytes of path up to its last slash: names of parts begin with them */
};

static void plan_text_free(struct plan_text *t)
{
	free(t->text);
	diag_free(t->d);
	*t = (struct plan_text){0};
}

/* The path of a part from the file's directory on, as `include` has it; NULL: there are no more. */
static const struct source *part_of(const struct plan_text *t, size_t i, const char **path)
{
	const struct source *s = diag_source(t->d, i + 1);

	if (s != NULL)
		*path = s->name + t->folder;
	return s;
}

/* Appends the parts. A name that could be taken for another is left out: the process says that it misses it. */
static int put_parts(struct plan_text *t)
{
	FILE *f = open_memstream(&t->text, &t->n);
	const struct source *s = diag_source(t->d, 0);
	const char *path;

	if (f == NULL || s == NULL)
		return -NP_ENOMEM;
	fwrite(s->text, 1, s->n, f);
	putc(SOURCE_MARK, f);
	for (size_t i = 0; (s = part_of(t, i, &path)) != NULL; i++) {
		if (strchr(path, '\n') != NULL || strchr(path, SOURCE_MARK) != NULL)
			continue;
		fprintf(f, "%s\n", path);
		fwrite(s->text, 1, s->n, f);
		putc(SOURCE_MARK, f);
	}
	return fclose(f) == 0 ? 0 : -NP_ENOMEM;
}

/* Mistakes of the texts themselves are shown with their lines; a program gets those of the process, in one form.
 *   Returns  EXIT_OK and *t; or the exit code, with lines on stderr.   Owns  *t in any case. */
static int plan_text_read(const struct cli_args *a, const char *path, struct plan_text *t)
{
	const char *slash = strrchr(path, '/');
	struct config *c = NULL;
	int err;

	*t = (struct plan_text){.path = path, .folder = slash == NULL ? 0 : (size_t)(slash - path) + 1};
	t->d = diag_new();
	err = t->d != NULL ? cli_config_parse(path, &c, t->d) : -NP_ENOMEM;
	config_free(c);
	if (err == -NP_EINVAL && (!wants_json(a) || diag_source(t->d, 0) == NULL)) {
		struct diag_look look = cli_look(a, stderr);

		look.checked = true;
		diag_print(stderr, t->d, look, NULL);
		return EXIT_CONFIG;
	}
	if (err != -NP_ENOMEM)
		err = put_parts(t);
	if (err == 0)
		return EXIT_OK;
	cli_complain("%s: %s", path, np_err_text(err));
	return EXIT_FAILED;
}

/* ---- the plan ---- */

/* Keys in a column of their own, as many on a line as fit. */
static void show_keys(const char *change)
{
	size_t n = 0;
	const char *at = json_find(change, "keys", &n);
	size_t column = 0, columns = (size_t)cli_columns(stdout);

	for (at = at != NULL ? json_next(at) : NULL; at != NULL; at = json_next(at)) {
		const char *key = json_find(at, "", &n);

		if (column == 0 || column + n + 2 > columns)
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

/* The process names its own file, and parts as they were sent; the person thinks of those that were read here. */
static void name_here(const void *arg, FILE *f, const char *file, size_t n)
{
	const struct plan_text *t = arg;
	const char *path;

	for (size_t i = 0; part_of(t, i, &path) != NULL; i++)
		if (strlen(path) == n && memcmp(path, file, n) == 0) {
			fprintf(f, "%.*s%s", (int)t->folder, t->path, path);
			return;
		}
	fputs(t->path, f);
}

static int show_plan(const struct cli_args *a, const struct plan_text *t, const char *body)
{
	size_t n = 0;
	const char *errors = json_find(body, "errors", &n);

	if (wants_json(a)) {
		fputs(body, stdout);
		return errors != NULL && json_next(errors) != NULL ? EXIT_CONFIG : EXIT_OK;
	}
	(void)cli_show_problems(body, "warnings", name_here, t);
	if (cli_show_problems(body, "errors", name_here, t))
		return EXIT_CONFIG;
	show_changes(body);
	return EXIT_OK;
}

/* What differs, without what a reload would do about it. A script asks by the exit code. */
static int show_differences(const struct cli_args *a, const struct plan_text *t, const char *body)
{
	const char *at = json_first(body, "changes");
	bool differs = at != NULL;

	(void)a;
	if (cli_show_problems(body, "errors", name_here, t))
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
			int (*show)(const struct cli_args *a, const struct plan_text *t, const char *body))
{
	struct cli_question q = {.method = "POST", .path = "/v1/plan"};
	struct cli_answer w = {0};
	struct plan_text t;
	int code = plan_text_read(a, path, &t);

	q.body = t.text;
	q.n = t.n;
	if (code == EXIT_OK)
		code = cli_look_alive(a);
	if (code == EXIT_OK)
		code = cli_ask_with(a, &q, PLAN_PATIENCE, &w);
	if (code == EXIT_OK)
		code = w.status == 200 ? show(a, &t, w.body) : cli_answer_failed(&w);
	cli_answer_free(&w);
	plan_text_free(&t);
	return code;
}

int cli_check_live(const struct cli_args *a, const char *path)
{
	return show_plan_of(a, path, show_plan);
}

int cli_diff_running(const struct cli_args *a)
{
	char room[CLI_CONFIG_ROOM];

	return show_plan_of(a, cli_config_path(a, room), show_differences);
}
