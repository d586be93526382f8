/* cli_status: is it alive, since when, with which configuration, and what acts on it? */
#include <stdio.h>
#include <string.h>

#include "config/units.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"

#define LIMIT_NAME 30 /* columns: a line has 80 at most */

static void show_workers(const char *body)
{
	unsigned n = 0, silent = 0;

	for (const char *at = json_first(body, "workers"); at != NULL; at = json_next(at), n++) {
		if (json_number(at, "silent_ms") == 0)
			continue;
		silent++;
		printf("worker      %lld has not turned for %lld ms\n", json_number(at, "id"),
		       json_number(at, "silent_ms"));
	}
	printf("workers     %u%s\n", n, silent == 0 ? ", all turn" : "");
}

static void show_last_hit(const char *limit)
{
	char text[CLI_AGE_TEXT];

	if (json_number(limit, "hits") == 0)
		fputs("never", stdout);
	else
		printf("%s ago", cli_age(json_number(limit, "last_hit_ago_ms"), text));
}

/* "app/10.0.0.1:80 max_connections".   Returns  its columns. */
static int show_server_limit(const char *at)
{
	size_t nupstream = 0, nserver = 0;
	const char *upstream = json_find(at, "upstream", &nupstream), *server = json_find(at, "server", &nserver);

	return printf("%.*s/%.*s max_connections", (int)nupstream, upstream, (int)nserver, server);
}

/* "web max_connections" of "listeners[].max_connections" with its listener; of an upstream or a server likewise.
 *   Returns  its columns. */
static int show_limit_name(const char *at)
{
	size_t nname = 0, nowner = 0;
	const char *name = json_find(at, "name", &nname), *dot = memmem(name, nname, "[].", 3);
	const char *member = json_is_there(at, "upstream") ? "upstream" : "listener";
	const char *owner = json_find(at, member, &nowner);

	if (json_is(at, "name", "upstreams[].servers[].max_connections"))
		return show_server_limit(at);
	if (dot == NULL || owner == NULL || !json_is_there(at, member))
		return printf("%.*s", (int)nname, name);
	return printf("%.*s %.*s", (int)nowner, owner, (int)(nname - (size_t)(dot + 3 - name)), dot + 3);
}

/* A listener's long name has a line of its own. */
static void show_limit(const char *at)
{
	size_t n = 0;
	const char *name = json_find(at, "name", &n);
	const char *max = json_find(at, "max", &n), *episode = json_find(at, "episode", &n);
	int width;

	if (name == NULL || max == NULL || episode == NULL)
		return;
	width = show_limit_name(at);
	printf(width < LIMIT_NAME ? "%*s" : "\n%*s", width < LIMIT_NAME ? LIMIT_NAME - width : LIMIT_NAME, "");
	printf("%9lld ", json_number(at, "used"));
	if (*max == 'n')
		printf("%8s", "off");
	else
		printf("%8lld", json_number(at, "max"));
	printf(" %8lld %9lld  ", json_number(at, "high"), json_number(at, "hits"));
	if (*episode == 't')
		fputs("acts now", stdout);
	else
		show_last_hit(at);
	putchar('\n');
}

/* One line each; a long name has a line of its own. */
static void show_limits(const char *body)
{
	printf("\n%-*s%9s %8s %8s %9s  %s\n", LIMIT_NAME, "limit", "used", "max", "most", "hits", "last hit");
	for (const char *at = json_first(body, "limits"); at != NULL; at = json_next(at))
		show_limit(at);
}

/* Clients that wait in a queue, before it is full: their servers are all at max_connections. */
static void show_waiting(const char *body)
{
	for (const char *at = json_first(body, "limits"); at != NULL; at = json_next(at)) {
		struct cli_paragraph p;

		if (!json_is(at, "name", "upstreams[].queue.max") || json_number(at, "used") <= 0 ||
		    !cli_paragraph_begin(&p))
			continue;
		fputs("upstream ", p.f);
		json_print(p.f, at, "upstream");
		fprintf(p.f, ": every server has max_connections; %lld of at most %lld wait in its queue",
			json_number(at, "used"), json_number(at, "max"));
		cli_paragraph_end(&p, stdout, "waiting     ");
	}
}

/* Only upstreams with more than one tier have rows: which of them carries the load is not said elsewhere. */
static void show_tiers(const char *body)
{
	for (const char *at = json_first(body, "tiers"); at != NULL; at = json_next(at)) {
		struct cli_paragraph p;

		if (!cli_paragraph_begin(&p))
			return;
		fputs("upstream ", p.f);
		json_print(p.f, at, "upstream");
		fprintf(p.f, ", tier %lld: %lld of %lld usable", json_number(at, "tier"), json_number(at, "usable"),
			json_number(at, "servers"));
		cli_paragraph_end(&p, stdout, "tier        ");
	}
}

static void show_warnings(const char *body)
{
	for (const char *at = json_first(body, "warnings"); at != NULL; at = json_next(at))
		cli_show_value(stdout, "warning     ", at, "text");
}

/* Version, process and file are as long as somebody chose to name them. */
static void show_process(const char *body)
{
	char up[UNITS_TEXT];
	struct cli_paragraph p;

	if (cli_paragraph_begin(&p)) {
		json_print(p.f, body, "version");
		fprintf(p.f, ", process %lld, ", json_number(body, "pid"));
		json_print(p.f, body, "state");
		fprintf(p.f, ", up %s", units_duration_format(json_number(body, "uptime_ms") / 1000 * UNITS_S, up));
		cli_paragraph_end(&p, stdout, "staunch     ");
	}
	if (cli_paragraph_begin(&p)) {
		json_print(p.f, body, "config.path");
		fprintf(p.f, ", generation %lld, in force since ", json_number(body, "generation"));
		json_print(p.f, body, "config.loaded_at");
		cli_paragraph_end(&p, stdout, "config      ");
	}
}

/* What is asked first at night: is it up, since when, with which file. */
static void show_status(const struct cli_args *a, const char *body)
{
	show_process(body);
	if (json_is_there(body, "config.last_error"))
		cli_show_value(stdout, "reload      refused: ", body, "config.last_error");
	cli_show_changes("changed     ", body, "config.changes");
	printf("connections %lld of %lld, %lld since the start\n", json_number(body, "connections.active"),
	       json_number(body, "connections.max"), json_number(body, "connections.total"));
	if (json_is_there(body, "predecessor.pid"))
		printf("before it   process %lld, which still has %lld connection%s\n",
		       json_number(body, "predecessor.pid"), json_number(body, "predecessor.connections"),
		       json_number(body, "predecessor.connections") == 1 ? "" : "s");
	show_workers(body);
	if (json_is_there(body, "sandbox.text"))
		cli_show_value(stdout, "confined    by ", body, "sandbox.text");
	show_tiers(body);
	show_waiting(body);
	show_warnings(body);
	if (a->value[CLI_OPT_LIMITS] != NULL)
		show_limits(body);
}

/* --quiet: for health checks, which read the exit code alone. */
int cli_status(const struct cli_args *a)
{
	struct cli_answer w;
	int code = cli_ask(a, "GET", "/v1/status", CLI_PATIENCE, &w);

	if (code != EXIT_OK)
		return code;
	if (w.status != 200)
		code = cli_answer_failed(&w);
	else if (a->value[CLI_OPT_JSON] != NULL)
		fputs(w.body, stdout);
	else if (a->value[CLI_OPT_QUIET] == NULL)
		show_status(a, w.body);
	cli_answer_free(&w);
	return code;
}
