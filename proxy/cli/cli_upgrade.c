/* cli_upgrade: another program takes over; waits until it serves, or is known not to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/base/text.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"

#define BODY_ROOM 8192 /* a path, each byte of it escaped */

/* Absolute, since the running process stands in another directory.   Returns  EXIT_OK, or the code with its line. */
static int binary_body(const struct cli_args *a, char *room, size_t *n)
{
	const char *given = a->value[CLI_OPT_BINARY];
	char *path = given != NULL ? realpath(given, NULL) : NULL;
	int err = err_from_errno();
	struct text body;

	*n = 0;
	if (given == NULL)
		return EXIT_OK;
	if (path == NULL) {
		cli_complain("%s: %s", given, np_err_text(err));
		return EXIT_FAILED;
	}
	text_init(&body, room, BODY_ROOM);
	text_str(&body, "{\"binary\":\"");
	text_escape(&body, path, strlen(path), TEXT_JSON);
	text_str(&body, "\"}");
	free(path);
	*n = body.n;
	return body.cut ? cli_misused(a->verb, "the path of the program is too long") : EXIT_OK;
}

static void show_count(int64_t n, const char *one, const char *many)
{
	printf("%lld connection%s", (long long)n, n == 1 ? one : many);
}

static int upgrade_result(const struct cli_args *a, const struct cli_answer *w)
{
	int64_t left;

	if (a->value[CLI_OPT_JSON] != NULL)
		fputs(w->body, stdout);
	if (w->status != 200 && a->value[CLI_OPT_JSON] != NULL)
		return EXIT_FAILED;
	if (w->status != 200)
		return cli_answer_failed(w);
	if (a->value[CLI_OPT_JSON] != NULL)
		return EXIT_OK;
	left = json_number(w->body, "left");
	printf("process %lld serves; ", (long long)json_number(w->body, "pid"));
	show_count(json_number(w->body, "moved"), " has moved there", "s have moved there");
	if (left > 0) {
		fputs(", ", stdout);
		show_count(left, " moves later, or ends with the old process",
			   "s move later, or end with the old process");
	}
	putchar('\n');
	return EXIT_OK;
}

int cli_upgrade(const struct cli_args *a)
{
	struct cli_question q = {.method = "POST", .path = "/v1/upgrade"};
	struct cli_answer w = {0};
	char *room = malloc(BODY_ROOM);
	int code = room != NULL ? binary_body(a, room, &q.n) : EXIT_FAILED;

	q.body = room;
	if (code == EXIT_OK)
		code = cli_look_alive(a);
	if (code == EXIT_OK)
		code = cli_ask_with(a, &q, 0, &w);
	if (code == EXIT_OK)
		code = upgrade_result(a, &w);
	cli_answer_free(&w);
	free(room);
	return code;
}
