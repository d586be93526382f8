/* cli_check: the whole verdict on config files, for people on stderr, or for programs on stdout. */
#include "proxy/cli/cli_check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_check_live.h"
#include "proxy/cli/cli_check_names.h"
#include "proxy/cli/cli_check_report.h"
#include "proxy/cli/cli_check_start.h"
#include "proxy/cli/cli_check_tls.h"
#include "proxy/policy/metrics_page.h"
#include "proxy/cli/cli_config.h"

/* ---- for people ---- */

/* A noun in the number that fits. */
static void sum_count(FILE *out, size_t n, const char *one, const char *more)
{
	fprintf(out, "%zu %s", n, n == 1 ? one : more);
}

/* What was found valid, in numbers: a person sees at once that it is the file that was meant. */
static void sum_config(FILE *out, const char *path, const struct config *c)
{
	size_t binds = 0, servers = 0, passed = 0;
	struct cli_paragraph p;

	for (size_t i = 0; i < c->nlisteners; i++)
		binds += c->listeners[i].nbind;
	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t j = 0; j < c->listeners[i].nbind; j++)
			passed += np_addr_is_named(&c->listeners[i].bind[j].addr);
	for (size_t i = 0; i < c->nupstreams; i++)
		servers += c->upstreams[i].nservers;
	if (!cli_paragraph_begin(&p))
		return;
	fprintf(p.f, "%s is valid: ", path);
	sum_count(p.f, c->nlisteners, "listener on ", "listeners on ");
	sum_count(p.f, binds, "address, ", "addresses, ");
	sum_count(p.f, c->nupstreams, "upstream with ", "upstreams with ");
	sum_count(p.f, servers, "server", "servers");
	if (passed > 0)
		fprintf(p.f, "; %s", "sockets of systemd are known at a start alone");
	cli_paragraph_end(&p, out, "");
}

/* As whom it looked: a file that root may read, the service's user may not. */
static void sum_user(FILE *out, const struct cli_args *a)
{
	char user[64];

	if (a->value[CLI_OPT_OFFLINE] != NULL)
		fputs("ports, files and limits of this machine were not looked at\n", out);
	else
		fprintf(out, "looked as user %s%s\n", cli_check_user(user),
			geteuid() == 0 ? ", who may use any port and read any file" : "");
}

/* The exit code. Warnings alone are success, unless --strict says that they are not. */
static int check_verdict(const struct cli_args *a, const struct diag *d)
{
	size_t problems = diag_count(d, DIAG_ERROR);

	if (a->value[CLI_OPT_STRICT] != NULL)
		problems += diag_count(d, DIAG_WARNING);
	return problems > 0 ? EXIT_CONFIG : EXIT_OK;
}

/* Problems to stderr, the verdict to stdout, so that a script may drop one of them. */
static void report_to_people(const struct cli_args *a, const char *path, const struct config *c, const struct diag *d)
{
	struct diag_look look = cli_look(a, stderr);

	look.checked = true;
	diag_print(stderr, d, look, NULL);
	if (diag_count(d, DIAG_ERROR) == 0) {
		CHECK(c != NULL, "no errors, and yet no configuration");
		sum_config(stdout, path, c);
	}
}

/* ---- metrics ---- */

static void count_servers(struct metrics_size *size, const struct config_upstream *u)
{
	size->servers += (unsigned)u->nservers;
	size->checked += config_check_of(u) != NULL ? (unsigned)u->nservers : 0;
	for (size_t i = 0; i < u->nservers; i++)
		size->limited += u->servers[i].max_connections != CONFIG_OFF;
}

/* Some families of servers would be missing from each page. */
static void check_series(const struct config *c, struct diag *d)
{
	struct metrics_size size = {
		.threads = c->workers != CONFIG_AUTO ? (unsigned)c->workers : 1,
		.listeners = (unsigned)c->nlisteners,
		.upstreams = (unsigned)c->nupstreams,
	};
	uint64_t series;

	for (size_t i = 0; i < c->nupstreams; i++)
		count_servers(&size, &c->upstreams[i]);
	series = metrics_series(&size);
	if (series <= (uint64_t)c->metrics.series)
		return;
	diag_warn(d, DIAG_SERIES, config_place(c, "metrics.series"),
		  "the metrics have %llu series, and metrics.series allows %lld: those of servers are left out in part",
		  (unsigned long long)series, (long long)c->metrics.series);
	diag_help(d, "metrics.series: %llu", (unsigned long long)series);
}

int cli_check_look(const char *path, bool offline, struct config **out, struct diag *d)
{
	int err = cli_config_read(path, out, d);

	if (err != 0)
		return err;
	check_series(*out, d);
	if (!offline) {
		err = cli_check_tls(*out, d);
		cli_check_start(*out, d);
		cli_check_names(*out, d);
	}
	return err;
}

/* ---- the verb ---- */

/* What is common to the files of one command. */
struct check_run {
	const struct cli_args *args;
	const struct check_report *report; /* NULL: for people */
	size_t problems;                   /* of the files so far */
	int status;                        /* out: the exit code so far */
};

/* One file is loaded, then tried; all problems are reported in one list, in the order of the file. */
static void check_file(struct check_run *run, const char *path)
{
	struct config *c = NULL;
	struct diag *d = diag_new();
	bool offline = run->args->value[CLI_OPT_OFFLINE] != NULL;
	int err = d != NULL ? cli_check_look(path, offline, &c, d) : -NP_ENOMEM;

	if (err == -NP_ENOMEM) {
		cli_complain("%s: %s", path, np_err_text(err));
		run->status = EXIT_FAILED;
	} else {
		if (run->report != NULL)
			run->report->file(stdout, path, d, run->problems);
		else
			report_to_people(run->args, path, c, d);
		run->problems += diag_shown(d);
		if (run->status == EXIT_OK)
			run->status = check_verdict(run->args, d);
	}
	config_free(c);
	diag_free(d);
}

int cli_check(const struct cli_args *a)
{
	const char *format = a->value[CLI_OPT_FORMAT];
	struct check_run run = {.args = a, .status = EXIT_OK};
	char room[CLI_CONFIG_ROOM];

	if (a->noperands > 0 && a->value[CLI_OPT_CONFIG] != NULL)
		return cli_misused(a->verb, "both --config and a file are given");
	if (a->noperands > 1 && a->value[CLI_OPT_AGAINST_LIVE] != NULL)
		return cli_misused(a->verb, "--against-live takes one file");
	if (a->value[CLI_OPT_AGAINST_LIVE] != NULL && format != NULL && strcmp(format, "human") != 0 &&
	    strcmp(format, "json") != 0)
		return cli_misused(a->verb, "--against-live has the formats human and json");
	if (a->value[CLI_OPT_AGAINST_LIVE] != NULL)
		return cli_check_live(a, cli_config_path(a, room));
	if (format == NULL && a->value[CLI_OPT_JSON] != NULL)
		format = "json";
	if (format != NULL)
		run.report = check_report_find(format);
	if (run.report != NULL && run.report->begin != NULL)
		run.report->begin(stdout);
	if (a->noperands == 0)
		check_file(&run, cli_config_path(a, room));
	for (int i = 0; i < a->noperands; i++)
		check_file(&run, a->operands[i]);
	if (run.report != NULL && run.report->end != NULL)
		run.report->end(stdout);
	if (run.report == NULL && run.status == EXIT_OK)
		sum_user(stdout, a);
	return run.status;
}
