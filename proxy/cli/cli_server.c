/* What an operator says of one server of the running process. */
#include "proxy/cli/cli_server.h"

#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "netpoll/addr.h"
#include "proxy/base/text.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_query.h"

#define NAME_MOST  1024 /* bytes: a group, a slash, and an address */
#define BODY_ROOM  256

/* ---- the question ---- */

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

/* What it names, as the list that the process takes. */
static void put_forget(struct text *body, const char *what)
{
	bool both = strcmp(what, "both") == 0;

	text_str(body, ",\"forget\":[\"");
	text_str(body, both ? "passive\",\"check" : what);
	text_str(body, "\"]");
}

/* Returns EXIT_OK and the body. */
static no_inline int make_body(const struct cli_args *a, struct text *body)
{
	const char *word = a->operands[0], *lasts = a->value[CLI_OPT_FOR], *over = a->value[CLI_OPT_CLOSE_OVER];
	bool weighs = strcmp(word, "weight") == 0;
	int code;

	if (a->value[CLI_OPT_FORGET] != NULL && strcmp(word, "ready") != 0)
		return cli_misused(a->verb, "--forget goes with ready, not with %s", word);
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
	if (a->value[CLI_OPT_FORGET] != NULL)
		put_forget(body, a->value[CLI_OPT_FORGET]);
	text_char(body, '}');
	if (code == EXIT_OK && body->cut)
		return cli_misused(a->verb, "a value is too long");
	return code;
}

/* ---- the answer ---- */

/* Nothing is printed for what has no end. */
static void put_until(FILE *f, const char *body, const char *name)
{
	if (!json_is_there(body, name))
		return;
	fputs(" until ", f);
	json_print(f, body, name);
}

/* A version that says nothing of it is not complained of. */
bool cli_server_is_kept(const char *answer)
{
	size_t n = 0;
	const char *at = json_find(answer, "persisted", &n);

	return at == NULL || *at == 't';
}

/* What it was is what is gone now: nobody can look it up any more. */
static void show_forgotten(const char *body, const char *name, const char *what)
{
	struct cli_paragraph p;

	if (!json_is_there(body, name) || !cli_paragraph_begin(&p))
		return;
	fprintf(p.f, "forgotten: %s; it was ", what);
	json_print(p.f, body, name);
	cli_paragraph_end(&p, stdout, "  ");
}

/* A weight of 0 is no weight: what it does is said. */
static void show_weight(const char *body)
{
	bool said = json_is_there(body, "weight"), none = json_is(body, "effective_weight", "0");
	struct cli_paragraph p;

	if ((!said && !none) || !cli_paragraph_begin(&p))
		return;
	fprintf(p.f, "weight %lld", json_number(body, said ? "weight" : "effective_weight"));
	put_until(p.f, body, "weight_until");
	if (none)
		fputs(": it gets no new clients, those that it has go on", p.f);
	cli_paragraph_end(&p, stdout, "  ");
}

/* One line for the usual case; weight and max_connections only where they differ from the file. */
static no_inline void show_override(const char *body)
{
	struct cli_paragraph p;

	if (cli_paragraph_begin(&p)) {
		json_print(p.f, body, "server");
		fputs(": ", p.f);
		json_print(p.f, body, "state");
		if (json_number(body, "servers") > 1)
			fprintf(p.f, ", each of %lld servers", json_number(body, "servers"));
		put_until(p.f, body, "state_until");
		cli_paragraph_end(&p, stdout, "");
	}
	show_weight(body);
	if (json_is_there(body, "max_connections") && cli_paragraph_begin(&p)) {
		fputs("max_connections ", p.f);
		json_print(p.f, body, "max_connections");
		put_until(p.f, body, "max_connections_until");
		cli_paragraph_end(&p, stdout, "  ");
	}
	show_forgotten(body, "forgot.passive", "what became of its connections");
	show_forgotten(body, "forgot.check", "the verdict of its check");
	if (!cli_server_is_kept(body))
		cli_complain("this is not kept over a restart: the state file is off, or is not written");
}

/* Returns the path, or NULL. */
static const char *path_of_server(struct cli_query *q, const char *name)
{
	if (!cli_query_begin(q, "/v1/servers/"))
		return NULL;
	cli_query_escape(q, name, "-._~:/[]");
	return cli_query_end(q);
}

int cli_server_post(const struct cli_args *a, const char *name, const char *body, size_t n, struct cli_answer *w)
{
	struct cli_question ask = {.method = "POST", .body = body, .n = n};
	struct cli_query q;
	int code = EXIT_FAILED;

	*w = (struct cli_answer){0};
	ask.path = path_of_server(&q, name);
	if (ask.path != NULL)
		code = cli_ask_with(a, &ask, CLI_PATIENCE, w);
	cli_query_free(&q);
	return code;
}

/* Those that change something belong to an order, and the order needs its server. */
static int misused_server(const struct cli_args *a, bool lists)
{
	static const enum cli_opt_id of_order[] = {CLI_OPT_FOR, CLI_OPT_CLOSE_OVER, CLI_OPT_MAX_CONNECTIONS,
						   CLI_OPT_FORGET};

	for (size_t i = 0; lists && i < array_len(of_order); i++)
		if (a->value[of_order[i]] != NULL)
			return cli_misused(a->verb, "--%s belongs to an order: server drain, maint, ready or weight",
					   cli_opts[of_order[i]].word);
	if (lists && a->noperands > 2)
		return cli_misused(a->verb, "list: \"%s\" is one word too many", a->operands[2]);
	if (!lists && a->noperands < 2)
		return cli_misused(a->verb, "%s needs a server, UPSTREAM/ADDR; staunch server lists them",
				   a->operands[0]);
	return EXIT_OK;
}

int cli_server(const struct cli_args *a)
{
	bool lists = a->noperands == 0 || strcmp(a->operands[0], "list") == 0;
	char body_room[BODY_ROOM];
	struct cli_answer w = {0};
	struct text body;
	int code = misused_server(a, lists);

	if (code != EXIT_OK || lists)
		return code != EXIT_OK ? code : cli_server_list(a);
	text_init(&body, body_room, sizeof(body_room) - 1);
	code = make_body(a, &body);
	if (code == EXIT_OK && strlen(a->operands[1]) > NAME_MOST)
		code = cli_misused(a->verb, "no server has so long a name");
	if (code != EXIT_OK)
		return code;
	code = cli_server_post(a, a->operands[1], body_room, body.n, &w);
	if (code == EXIT_OK && w.status != 200)
		code = cli_answer_failed(&w);
	else if (code == EXIT_OK && a->value[CLI_OPT_JSON] != NULL)
		fputs(w.body, stdout);
	else if (code == EXIT_OK)
		show_override(w.body);
	cli_answer_free(&w);
	return code;
}
