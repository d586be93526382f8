/* cli_kill: staunch conns --kill: end the connections that match. It asks first, or is told --yes; Ctrl-C stops it, and
 * those that are not ended yet live on. */
#include "proxy/cli/cli_kill.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/units.h"
#include "proxy/base/text.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_query.h"

#define BODY_ROOM 1024
#define RATE_MOST 1000000

/* ---- the question ---- */

/* A text, as JSON has it. */
static void kill_member(struct text *body, const char *name, const char *value)
{
	text_str(body, body->n > 1 ? ",\"" : "\"");
	text_str(body, name);
	text_str(body, "\":\"");
	text_escape(body, value, strlen(value), TEXT_JSON);
	text_char(body, '"');
}

/* Without a value: what was not said is false. */
static void kill_truth(struct text *body, const char *name)
{
	text_str(body, body->n > 1 ? ",\"" : "\"");
	text_str(body, name);
	text_str(body, "\":true");
}

/* The body but for its last brace. */
static int kill_body(const struct cli_args *a, struct text *body)
{
	static const enum cli_opt_id opts[] = {CLI_FILTER_OPTS,		CLI_OPT_OLDER,	  CLI_OPT_IDLE,
					       CLI_OPT_REASON_PENDING, CLI_OPT_PATIENCE};
	const char *rate = a->value[CLI_OPT_RATE];
	struct units_refusal why;
	char name[32];
	int64_t n;

	text_char(body, '{');
	for (size_t i = 0; i < array_len(opts); i++)
		if (a->value[opts[i]] != NULL)
			kill_member(body, cli_query_name(opts[i], name), a->value[opts[i]]);
	if (a->value[CLI_OPT_ALL] != NULL)
		kill_truth(body, "all");
	if (rate == NULL)
		return EXIT_OK;
	if (units_count(&n, rate, &why) != 0 || n < 1 || n > RATE_MOST)
		return cli_misused(a->verb, "--rate is a number a second, from 1 to 1000000, not \"%s\"", rate);
	text_str(body, body->n > 1 ? ",\"rate\":" : "\"rate\":");
	text_i64(body, n);
	return EXIT_OK;
}

/* ---- the answer ---- */

/* Takes the body without its end, and leaves it so. */
static int ask_kill(const struct cli_args *a, struct text *body, bool dry, struct cli_answer *w)
{
	size_t n = body->n;
	int code;

	if (dry)
		kill_truth(body, "dry_run");
	text_char(body, '}');
	if (body->cut)
		return cli_misused(a->verb, "a value is too long");
	code = cli_look_alive(a);
	if (code == EXIT_OK)
		code = cli_ask_with(a, &(struct cli_question){"POST", "/v1/conns/kill", body->p, body->n, false},
				    dry ? CLI_PATIENCE : 0, w);
	body->n = n;
	if (code == EXIT_OK && w->status != 200)
		code = cli_answer_failed(w);
	return code;
}

/* "1 connection", "2 connections". */
static const char *kill_plural(long long n)
{
	return n == 1 ? "" : "s";
}

/* Of those that matched when the order came. */
static const char *rest_of_them(const struct cli_answer *w)
{
	if (json_is(w->body, "complete", "false"))
		return "; the instance stops";
	if (json_number(w->body, "killed") < json_number(w->body, "matched"))
		return "; the others ended by themselves";
	return "";
}

/* Returns the exit code: an order that was cut short has failed. */
static int show_killed(const struct cli_args *a, const struct cli_answer *w)
{
	long long matched = json_number(w->body, "matched"), killed = json_number(w->body, "killed");
	bool cut = json_is(w->body, "complete", "false");

	if (a->value[CLI_OPT_JSON] != NULL)
		fputs(w->body, stdout);
	else if (json_is(w->body, "dry_run", "true"))
		printf("%lld connection%s would be ended\n", matched, kill_plural(matched));
	else
		printf("%lld of %lld connection%s ended%s\n", killed, matched, kill_plural(matched), rest_of_them(w));
	return cut ? EXIT_FAILED : EXIT_OK;
}

/* Who sits at a terminal is shown how many there are, and asked. */
static bool says_yes(long long matched)
{
	char line[8] = "";

	printf("%lld connection%s would be ended. End them? [y/N] ", matched, kill_plural(matched));
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

/* Between question and order others may come and go: the order counts anew. */
static int kill_asked(const struct cli_args *a, struct text *body)
{
	struct cli_answer w = {0};
	int code = ask_kill(a, body, true, &w);
	bool yes = code == EXIT_OK && says_yes(json_number(w.body, "matched"));

	cli_answer_free(&w);
	if (code != EXIT_OK || yes)
		return code;
	puts("nothing was ended");
	return EXIT_FAILED;
}

/* ---- the verb ---- */

/* An option that means something else here would be taken for a limit of what is ended. */
static int check_kill_options(const struct cli_args *a)
{
	static const enum cli_opt_id of_table[] = {CLI_OPT_LIMIT, CLI_OPT_SORT, CLI_OPT_TCP};
	static const enum cli_opt_id of_kill[] = {CLI_OPT_DRY_RUN, CLI_OPT_YES, CLI_OPT_ALL, CLI_OPT_RATE,
						  CLI_OPT_PATIENCE};
	bool kills = a->value[CLI_OPT_KILL] != NULL;

	for (size_t i = 0; kills && i < array_len(of_table); i++)
		if (a->value[of_table[i]] != NULL)
			return cli_misused(a->verb, "--kill ends all that match: --%s is for the table",
					   cli_opts[of_table[i]].word);
	for (size_t i = 0; !kills && i < array_len(of_kill); i++)
		if (a->value[of_kill[i]] != NULL)
			return cli_misused(a->verb, "--%s goes with --kill", cli_opts[of_kill[i]].word);
	return EXIT_OK;
}

/* The order goes out only when nothing is wrong with the line, and somebody has agreed to it. */
int cli_kill_checked(const struct cli_args *a)
{
	bool dry = a->value[CLI_OPT_DRY_RUN] != NULL, yes = a->value[CLI_OPT_YES] != NULL;
	char room[BODY_ROOM];
	struct cli_answer w = {0};
	struct text body;
	int code = check_kill_options(a);

	if (code != EXIT_OK || a->value[CLI_OPT_KILL] == NULL)
		return code;
	text_init(&body, room, sizeof(room));
	code = kill_body(a, &body);
	if (code == EXIT_OK && !dry && !yes && !isatty(STDIN_FILENO))
		code = cli_misused(a->verb, "--kill asks at a terminal; elsewhere it needs --yes, or --dry-run");
	if (code == EXIT_OK && !dry && !yes)
		code = kill_asked(a, &body);
	if (code == EXIT_OK)
		code = ask_kill(a, &body, dry, &w);
	if (code == EXIT_OK)
		code = show_killed(a, &w);
	cli_answer_free(&w);
	return code;
}
