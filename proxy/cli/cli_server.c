/* cli_server: what an operator says of one server of the running process. */
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "netpoll/addr.h"
#include "proxy/base/digit.h"
#include "proxy/base/text.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"

#define PATH_ROOM  1024
#define BODY_ROOM  256

/* ---- the question ---- */

/* Bytes that mean something else in a path are escaped. */
static no_inline void put_path(struct text *t, const char *name)
{
	static const char digits[] = "0123456789ABCDEF", safe[] = "-._~:/[]";

	for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || digit_is_decimal((char)*p);

		if (letter || strchr(safe, *p) != NULL) {
			text_char(t, (char)*p);
			continue;
		}
		text_char(t, '%');
		text_char(t, digits[*p >> 4]);
		text_char(t, digits[*p & 15]);
	}
}

/* Without a number the weight becomes that of the file again. */
static int weight_of(const struct cli_args *a, struct text *body)
{
	struct units_refusal why;
	int64_t weight;

	if (a->noperands < 3) {
		text_str(body, "null");
		return EXIT_OK;
	}
	if (units_count(&weight, a->operands[2], &why) != 0 || weight > 256)
		return cli_misused(a->verb, "a weight is a number from 0 to 256, not \"%s\"", a->operands[2]);
	text_i64(body, weight);
	return EXIT_OK;
}

/* The body begins with its state or weight, so a comma is always right. */
static void put_member(struct text *body, const char *name, const char *value)
{
	text_str(body, ",\"");
	text_str(body, name);
	text_str(body, "\":\"");
	text_escape(body, value, strlen(value), TEXT_JSON);
	text_char(body, '"');
}

/* "default" is null for the process: as the file says. */
static int put_most(const struct cli_args *a, struct text *body)
{
	const char *most = a->value[CLI_OPT_MAX_CONNECTIONS];
	struct units_refusal why;
	int64_t n;

	if (most == NULL)
		return EXIT_OK;
	if (strcmp(most, "off") == 0) {
		put_member(body, "max_connections", most);
		return EXIT_OK;
	}
	if (strcmp(most, "default") != 0 && units_count(&n, most, &why) != 0)
		return cli_misused(a->verb, "--max-connections is a number, off or default, not \"%s\"", most);
	text_str(body, ",\"max_connections\":");
	text_str(body, strcmp(most, "default") == 0 ? "null" : most);
	return EXIT_OK;
}

/* Returns EXIT_OK and the body. */
static no_inline int make_body(const struct cli_args *a, struct text *body)
{
	const char *word = a->operands[0], *lasts = a->value[CLI_OPT_FOR], *over = a->value[CLI_OPT_CLOSE_OVER];
	bool weighs = strcmp(word, "weight") == 0;
	int code;

	if (a->noperands > 2 && !weighs)
		return cli_misused(a->verb, "%s: \"%s\" is one word too many", word, a->operands[2]);
	text_str(body, weighs ? "{\"weight\":" : "{\"state\":\"");
	code = weighs ? weight_of(a, body) : EXIT_OK;
	if (!weighs) {
		text_str(body, word);
		text_char(body, '"');
	}
	if (code == EXIT_OK)
		code = put_most(a, body);
	if (lasts != NULL)
		put_member(body, "for", lasts);
	if (over != NULL)
		put_member(body, "close_over", over);
	text_char(body, '}');
	if (code == EXIT_OK && body->cut)
		return cli_misused(a->verb, "a value is too long");
	return code;
}

/* ---- the answer ---- */

/* Nothing is printed for what has no end. */
static void put_until(const char *body, const char *name)
{
	size_t n = 0;
	const char *at = json_find(body, name, &n);

	if (at == NULL || *at == 'n')
		return;
	fputs(" until ", stdout);
	json_print(stdout, body, name);
}

/* null counts as absent. */
static bool answer_has(const char *body, const char *name)
{
	size_t n = 0;
	const char *at = json_find(body, name, &n);

	return at != NULL && *at != 'n';
}

/* A version that says nothing of it is not complained of. */
static bool is_kept(const char *body)
{
	size_t n = 0;
	const char *at = json_find(body, "persisted", &n);

	return at == NULL || *at == 't';
}

/* One line for the usual case; weight and max_connections only where they differ from the file. */
static no_inline void show_override(const char *body)
{
	json_print(stdout, body, "server");
	fputs(": ", stdout);
	json_print(stdout, body, "state");
	put_until(body, "state_until");
	if (answer_has(body, "weight")) {
		printf("\n  weight %lld", json_number(body, "weight"));
		put_until(body, "weight_until");
	}
	if (answer_has(body, "max_connections")) {
		fputs("\n  max_connections ", stdout);
		json_print(stdout, body, "max_connections");
		put_until(body, "max_connections_until");
	}
	putchar('\n');
	if (!is_kept(body))
		cli_complain("this is not kept over a restart: the state file is off, or is not written");
}

int cli_server(const struct cli_args *a)
{
	char path_room[PATH_ROOM], body_room[BODY_ROOM];
	struct cli_answer w = {0};
	struct text path, body;
	int code;

	text_init(&path, path_room, sizeof(path_room) - 1);
	text_init(&body, body_room, sizeof(body_room) - 1);
	text_str(&path, "/v1/servers/");
	put_path(&path, a->operands[1]);
	code = make_body(a, &body);
	if (code == EXIT_OK && path.cut)
		code = cli_misused(a->verb, "no server has so long a name");
	if (code != EXIT_OK)
		return code;
	path_room[path.n] = body_room[body.n] = '\0';
	code = cli_ask_with(a, &(struct cli_question){"POST", path_room, body_room, body.n, false}, CLI_PATIENCE, &w);
	if (code == EXIT_OK && w.status != 200)
		code = cli_answer_failed(&w);
	else if (code == EXIT_OK && a->value[CLI_OPT_JSON] != NULL)
		fputs(w.body, stdout);
	else if (code == EXIT_OK)
		show_override(w.body);
	cli_answer_free(&w);
	return code;
}
