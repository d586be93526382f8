/* cli_server_list: every server of the running process, once: may it take connections, since when, and why not.
 *
 *   server                              usable    active  weight  for
 *   app/10.0.0.1:8443                   yes            2       1  3m12s
 *   app/10.0.0.2:8443                   no             0       1  12s
 *       its check fails: the connect is refused
 *       back when its check passes 2 times in a row; the next one is in 2s
 *   app/10.0.0.3:5432                   yes            0       1  3m12s
 *       of db.internal:5432
 *
 * A line has 80 columns at most; a long name has a line of its own. Numbers that a limit or an override changes are
 * shown with it: 2/6 of six connections, 5/10 of a weight of ten. */
#include <stdio.h>

#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_query.h"
#include "proxy/cli/cli_server.h"

#define LIST_NAME 35 /* columns; less those of the tier, where there is one */
#define LIST_TIER 5

/* Tiers are worth a column only where somebody is in another than the first. */
static bool has_tiers(const char *body)
{
	for (const char *at = json_first(body, "servers"); at != NULL; at = json_next(at))
		if (json_number(at, "tier") > 0)
			return true;
	return false;
}

/* A name as the other verbs take it: UPSTREAM/ADDR.   Returns  its columns. */
static int put_server_name(const char *at)
{
	size_t nup = 0, n = 0;
	const char *upstream = json_find(at, "upstream", &nup), *name = json_find(at, "server", &n);

	if (upstream == NULL || name == NULL)
		return printf("-");
	return printf("%.*s/%.*s", (int)nup, upstream, (int)n, name);
}

/* "2", or "2/6" where there is something to compare it with. */
static void put_part(long long n, bool of, long long whole, int width)
{
	char text[48];

	if (of)
		snprintf(text, sizeof(text), "%lld/%lld", n, whole);
	else
		snprintf(text, sizeof(text), "%lld", n);
	printf(" %*s", width, text);
}

/* Within the last ten seconds, and no check has been good since. */
static bool connects_fail(const char *at)
{
	bool well = json_is(at, "check", "up") && json_is(at, "last_check.result", "ok");

	if (json_is(at, "rates.failed", "0") || !json_is_there(at, "last_connect_error"))
		return false;
	return !well || json_number(at, "last_check.ago_ms") > json_number(at, "last_connect_error.ago_ms");
}

/* Of one that takes connections all the same. */
static void show_remark(const char *at)
{
	char ago[CLI_AGE_TEXT];
	struct cli_paragraph p;

	if (json_is_there(at, "note_text"))
		cli_show_value(stdout, "    ", at, "note_text");
	if (!connects_fail(at) || !cli_paragraph_begin(&p))
		return;
	fputs("it fails now, the last time ", p.f);
	fprintf(p.f, "%s ago: ", cli_age(json_number(at, "last_connect_error.ago_ms"), ago));
	json_print(p.f, at, "last_connect_error.text");
	cli_paragraph_end(&p, stdout, "    ");
}

/* Columns of a fixed width, so that numbers stand below one another; then, indented, what is in the way of the server,
 * in the words of the process, and what is worth a look although it is used. */
static void show_server_row(const char *at, bool tiers)
{
	long long weight = json_number(at, "weight"), effective = json_number(at, "effective_weight");
	char age[CLI_AGE_TEXT];
	int room = LIST_NAME - (tiers ? LIST_TIER : 0), width = put_server_name(at);
	size_t n = 0;

	printf(width <= room ? "%*s " : "\n%*s ", width <= room ? room - width : room, "");
	json_print(stdout, at, "usable");
	(void)json_find(at, "usable", &n);
	printf("%*s", n < 6 ? 6 - (int)n : 0, "");
	if (tiers)
		printf(" %*lld", LIST_TIER - 1, json_number(at, "tier"));
	put_part(json_number(at, "active"), json_is_there(at, "max_connections"), json_number(at, "max_connections"),
		 9);
	put_part(effective, effective != weight, weight, 7);
	printf("  %s\n", cli_age(json_number(at, "for_ms"), age));
	if (json_is_there(at, "name"))
		cli_show_value(stdout, "    of ", at, "name");
	if (json_is_there(at, "why_text"))
		cli_show_value(stdout, "    ", at, "why_text");
	if (json_is_there(at, "back_text"))
		cli_show_value(stdout, "    back ", at, "back_text");
	show_remark(at);
}

/* The sum last, where the eye is. */
static void show_server_list(const char *body)
{
	bool tiers = has_tiers(body);
	unsigned n = 0, usable = 0, spare = 0;

	printf("%-*s usable%s %9s %7s  %s\n", LIST_NAME - (tiers ? LIST_TIER : 0), "server", tiers ? " tier" : "",
	       "active", "weight", "for");
	for (const char *at = json_first(body, "servers"); at != NULL; at = json_next(at), n++) {
		usable += json_is(at, "usable", "yes");
		spare += json_is(at, "usable", "spare");
		show_server_row(at, tiers);
	}
	printf("%u server%s, %u usable", n, n == 1 ? "" : "s", usable);
	if (spare > 0)
		printf(", %u spare: used where no other is left", spare);
	putchar('\n');
}

/* Returns  the path, with the upstream that was asked for; NULL: no memory. */
static const char *list_path(struct cli_query *q, const struct cli_args *a)
{
	if (!cli_query_begin(q, "/v1/servers"))
		return NULL;
	if (a->noperands > 1)
		cli_query_add(q, "upstream", a->operands[1]);
	return cli_query_end(q);
}

/* Like the other verbs that only ask: the answer as it came for programs, a table for people. Nothing is changed, so it
 * needs no right beyond that of the socket. */
int cli_server_list(const struct cli_args *a)
{
	struct cli_answer w = {0};
	struct cli_query q;
	const char *path = list_path(&q, a);
	int code = path != NULL ? cli_ask(a, "GET", path, CLI_PATIENCE, &w) : EXIT_FAILED;

	cli_query_free(&q);
	if (code == EXIT_OK && w.status != 200)
		code = cli_answer_failed(&w);
	else if (code == EXIT_OK && a->value[CLI_OPT_JSON] != NULL)
		fputs(w.body, stdout);
	else if (code == EXIT_OK)
		show_server_list(w.body);
	cli_answer_free(&w);
	return code;
}
