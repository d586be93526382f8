/* cli_proxy: a config file made of options. It is text, and read like every other: one way in,
 * one set of checks, and what --print-config shows is what ran. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/text.h"
#include "proxy/cli/cli_args.h"
#include "proxy/control/control_path.h"
#include "proxy/control/state_file.h"
#include "proxy/process.h"

#define YAML_MAX ((size_t)256 << 10) /* room for what a command line can hold, escaped: no list is cut silently */
#define NAME     "command line"      /* the file's name in messages */

/* A double-quoted scalar; its escapes are JSON's. */
static void yaml_quoted(struct text *t, const char *s, size_t n)
{
	text_char(t, '"');
	text_escape(t, s, n, TEXT_JSON);
	text_char(t, '"');
}

/* "a,b" as ["a", "b"]. An empty element stays one, for the reader of addresses to refuse:
 * nothing is dropped here. */
static void yaml_list(struct text *t, const char *key, const char *commas)
{
	const char *before = "[";
	size_t n;

	text_str(t, key);
	for (;;) {
		n = strcspn(commas, ",");
		text_str(t, before);
		yaml_quoted(t, commas, n);
		if (commas[n] == '\0')
			break;
		commas += n + 1;
		before = ", ";
	}
	text_str(t, "]\n");
}

/* The options are the command line's; every value that a person typed is quoted, so no option
 * can inject a key. */
static void yaml_of_options(struct text *t, const struct cli_args *a)
{
	const char *sink = a->value[CLI_OPT_ACCESS_LOG], *balance = a->value[CLI_OPT_BALANCE];

	if (sink != NULL) {
		text_str(t, "log:\n  access: ");
		yaml_quoted(t, sink, strlen(sink));
		text_char(t, '\n');
	}
	text_str(t, "listeners:\n  - name: proxy\n    upstream: servers\n");
	yaml_list(t, "    bind: ", a->value[CLI_OPT_FROM]);
	text_str(t, "upstreams:\n  - name: servers\n");
	if (balance != NULL) {
		text_str(t, "    balance: ");
		text_str(t, balance);
		text_char(t, '\n');
	}
	yaml_list(t, "    servers: ", a->value[CLI_OPT_TO]);
}

/* Text to model; its problems go to stderr.   Returns  0 or the exit code. */
static int parse_yaml(const struct cli_args *a, const struct text *yaml, struct config **out)
{
	struct diag *d = diag_new();
	int err = d != NULL ? config_parse(NAME, yaml->p, yaml->n, out, d) : -NP_ENOMEM;

	if (d != NULL)
		diag_print(stderr, d, cli_look(a, stderr), NULL);
	diag_free(d);
	if (err == -NP_ENOMEM)
		cli_complain("%s", np_err_text(err));
	if (err == 0)
		return 0;
	return err == -NP_ENOMEM ? EXIT_FAILED : EXIT_CONFIG;
}

/* Shown before it runs: --print-config prints only text that loads. */
static int build_config(const struct cli_args *a, char *room, struct config **out)
{
	struct text yaml;
	int status;

	text_init(&yaml, room, YAML_MAX);
	yaml_of_options(&yaml, a);
	if (yaml.cut)
		return cli_misused(a->verb, "more addresses than fit: write a file for run");
	status = parse_yaml(a, &yaml, out);
	if (status == 0 && a->value[CLI_OPT_PRINT_CONFIG] != NULL)
		fwrite(yaml.p, 1, yaml.n, stdout);
	return status;
}

/* Two options are needed; the rest of a configuration has defaults. */
int cli_proxy(const struct cli_args *a)
{
	struct process_opts o = {.version = cli_version_text()};
	char *room;
	int status;

	if (a->value[CLI_OPT_FROM] == NULL || a->value[CLI_OPT_TO] == NULL)
		return cli_misused(a->verb, "proxy needs both --from and --to");
	room = malloc(YAML_MAX);
	if (room == NULL)
		return EXIT_FAILED;
	status = build_config(a, room, &o.config);
	free(room);
	if (status != 0)
		return status;
	CHECK(o.config != NULL, "built without an error, and yet no configuration");
	if (a->value[CLI_OPT_PRINT_CONFIG] == NULL) {
		/* Without a file it may be one of many: a control socket only where one is asked for. */
		setenv(CONTROL_ENV, "off", 0);
		setenv(STATE_ENV, "off", 0);
		return process_run(&o);
	}
	config_free(o.config);
	return EXIT_OK;
}
