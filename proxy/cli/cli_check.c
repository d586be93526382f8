/* cli_check: the whole verdict on a config file, for people on stderr or for programs as one
 * JSON object on stdout. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "config/text/utf8.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_check_tls.h"
#include "proxy/cli/cli_config.h"

/* ---- for programs ---- */

/* Messages quote the file, so they may hold any bytes; those that are not UTF-8 become U+FFFD. */
static void json_problem_string(FILE *out, const char *s)
{
	size_t n = strlen(s), len;
	uint32_t c;

	putc('"', out);
	for (; n > 0; s += len, n -= len) {
		len = utf8_decode(s, n, &c);
		if (len == 0) {
			fputs("\\ufffd", out);
			len = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", (int)c);
		} else if (c < 0x20 || c == 0x7f) {
			fprintf(out, "\\u%04x", c);
		} else {
			fwrite(s, 1, len, out);
		}
	}
	putc('"', out);
}

/* A member; one without a value is left out. */
static void json_problem_member(FILE *out, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	fprintf(out, ",\"%s\":", name);
	json_problem_string(out, value);
}

/* One problem as an object. Positions are numbers, so that an editor can jump there. */
static void json_problem(FILE *out, const struct diag_problem *b)
{
	bool error = diag_severity(b->code) == DIAG_ERROR;

	DCHECK(b->message[0] != '\0', "a problem without a message");
	fprintf(out, "{\"code\":\"%s\",\"severity\":\"%s\"", diag_code_text(b->code), error ? "error" : "warning");
	json_problem_member(out, "file", b->source != NULL ? b->source->name : "");
	if (pos_known(b->at))
		fprintf(out, ",\"line\":%u,\"column\":%u,\"width\":%u", b->at.line, b->at.column, b->at.width);
	json_problem_member(out, "message", b->message);
	json_problem_member(out, "suggestion", b->suggestion);
	json_problem_member(out, "note", b->note);
	json_problem_member(out, "help", b->help);
	putc('}', out);
}

/* Programs read this: a change that breaks one raises "schema". */
static void json_report(FILE *out, const char *path, const struct diag *d)
{
	fputs("{\"schema\":1,\"file\":", out);
	json_problem_string(out, path);
	fprintf(out, ",\"errors\":%zu,\"warnings\":%zu,\"problems\":[", diag_count(d, DIAG_ERROR),
		diag_count(d, DIAG_WARNING));
	for (size_t i = 0; i < diag_shown(d); i++) {
		fputs(i > 0 ? "," : "", out);
		json_problem(out, diag_get(d, i));
	}
	fputs("]}\n", out);
}

/* ---- for people ---- */

/* A noun in the number that fits. */
static void sum_count(FILE *out, size_t n, const char *one, const char *more)
{
	fprintf(out, "%zu %s", n, n == 1 ? one : more);
}

/* What was found valid, in numbers: a person sees at once that it is the file that was meant. */
static void sum_config(FILE *out, const char *path, const struct config *c)
{
	size_t binds = 0, servers = 0;

	for (size_t i = 0; i < c->nlisteners; i++)
		binds += c->listeners[i].nbind;
	for (size_t i = 0; i < c->nupstreams; i++)
		servers += c->upstreams[i].nservers;
	fprintf(out, "%s is valid: ", path);
	sum_count(out, c->nlisteners, "listener on ", "listeners on ");
	sum_count(out, binds, "address, ", "addresses, ");
	sum_count(out, c->nupstreams, "upstream with ", "upstreams with ");
	sum_count(out, servers, "server\n", "servers\n");
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
static int check_report(const struct cli_args *a, const char *path, const struct config *c, const struct diag *d)
{
	const char *format = a->value[CLI_OPT_FORMAT];

	if (format != NULL && strcmp(format, "json") == 0) {
		json_report(stdout, path, d);
		return check_verdict(a, d);
	}
	diag_print(stderr, d, cli_colour(a, stderr), c != NULL ? "only checked" : NULL);
	if (diag_count(d, DIAG_ERROR) == 0) {
		CHECK(c != NULL, "no errors, and yet no configuration");
		sum_config(stdout, path, c);
	}
	return check_verdict(a, d);
}

/* The file is loaded, then tried; all problems are reported in one list, in the order of the
 * file. */
int cli_check(const struct cli_args *a)
{
	const char *path = cli_config_path(a);
	struct config *c = NULL;
	struct diag *d;
	int err, status;

	if (a->noperands > 0 && a->value[CLI_OPT_CONFIG] != NULL)
		return cli_misused(a->verb, "both --config and a file are given; one is checked at a time");
	d = diag_new();
	err = d != NULL ? config_load(path, &c, d) : -NP_ENOMEM;
	if (err == 0)
		err = cli_check_tls(c, d);
	if (err == -NP_ENOMEM) {
		cli_complain("%s: %s", path, np_err_text(err));
		config_free(c);
		diag_free(d);
		return EXIT_FAILED;
	}
	status = check_report(a, path, c, d);
	config_free(c);
	diag_free(d);
	return status;
}
