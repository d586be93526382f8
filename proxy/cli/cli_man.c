/* cli_man: staunch(1) from the tables, so that no manual can name an option that is gone. The verb prints the other
 * pages, too. */
#include <string.h>

#include "config/schema.h"
#include "config/text/utf8.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_man_api.h"
#include "proxy/cli/cli_man_log.h"
#include "proxy/cli/cli_man_metrics.h"
#include "proxy/cli/cli_man_probes.h"
#include "proxy/control/control_path.h"
#include "proxy/control/state_file.h"
#include "proxy/control/upgrade_spawn.h"

/* Every text that comes from a table passes the roff escapes; what surrounds it is roff. */
static void page_line(FILE *out, const char *before, const char *s, const char *after)
{
	fputs(before, out);
	utf8_put_roff(out, s);
	fputs(after, out);
}

/* As help shows an option, in bold. */
static void page_option(FILE *out, const struct cli_opt *o, const char *help)
{
	fputs(".TP\n.B ", out);
	if (o->letter != 0)
		fprintf(out, "\\-%c, ", o->letter);
	page_line(out, "\\-\\-", o->word, "");
	if (o->value != CLI_NOTHING)
		page_line(out, " ", cli_kind_text(o->value, o->words), "");
	page_line(out, "\n", help, ".\n");
}

/* The options of every verb have a section of their own: each verb's would repeat them. */
static bool is_everywhere(const struct cli_opt *o)
{
	return o->verbs == ~0u;
}

/* A verb's section: usage, sentences, its own options. */
static void page_verb(FILE *out, const struct cli_verb *v)
{
	page_line(out, ".SS staunch ", v->word, "");
	if (v->max > 0) {
		fputs(v->min == 0 ? " [" : " ", out);
		utf8_put_roff(out, cli_kind_text(v->operand, v->words));
		fputs(v->min == 0 ? "]" : "", out);
	}
	/* Help is a phrase: here it is a sentence. */
	fprintf(out, "\n%c", v->help[0] - 'a' + 'A');
	page_line(out, "", v->help + 1, ".\n");
	if (v->more != NULL)
		page_line(out, "", v->more, "\n");
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (cli_opt_fits(&cli_opts[i], v) && !is_everywhere(&cli_opts[i]))
			page_option(out, &cli_opts[i], cli_opt_help(&cli_opts[i], v));
}

static void page_examples(FILE *out)
{
	fputs(".SH EXAMPLES\n", out);
	for (size_t i = 0; i < cli_example_count; i++) {
		page_line(out, ".TP\n.B ", cli_examples[i].line, "\n");
		page_line(out, "", cli_examples[i].meaning, ".\n");
	}
}

static void page_codes(FILE *out)
{
	fputs(".SH EXIT STATUS\n", out);
#define X(id, code, start, meaning) fprintf(out, ".TP\n.B %d\n%s.\n", code, meaning);
	EXIT_TBL(X)
#undef X
}

/* The sections in the order of man-pages(7). */
static void put_page(FILE *out)
{
	page_line(out, ".TH STAUNCH 1 \"\" \"staunch ", cli_version_text(), "\"\n");
	fputs(".SH NAME\nstaunch \\- TCP proxy and load balancer\n"
	      ".SH SYNOPSIS\n.B staunch\n.I VERB\n[\\fIOPTION\\fR]...\n"
	      ".SH DESCRIPTION\nRelays TCP connections to the servers behind it, byte for byte.\n"
	      ".SH VERBS\n", out);
	for (size_t i = 0; i < CLI_VERBS; i++)
		page_verb(out, &cli_verbs[i]);
	fputs(".SH OPTIONS OF EVERY VERB\n", out);
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (is_everywhere(&cli_opts[i]))
			page_option(out, &cli_opts[i], cli_opts[i].help);
	page_examples(out);
	page_codes(out);
	fputs(".SH SIGNALS\n.TP\n.B TERM, INT, QUIT\nDrain; a second TERM or INT stops at once.\n"
	      ".TP\n.B HUP\nReload, and open the logs anew.\n.TP\n.B USR1\nOpen the logs anew.\n"
	      ".TP\n.B USR2\nHave the program that now stands at the same path take over, as\n"
	      ".B staunch upgrade\ndoes.\n"
	      ".SH ENVIRONMENT\n.TP\n.B " CLI_CONFIG_ENV "\nThe config file when no option names one.\n"
	      ".TP\n.B " CONTROL_ENV "\nThe control socket of a process, and whom status, reload and drain ask; "
	      "off is none.\n"
	      ".TP\n.B " STATE_ENV "\nThe state file where control.state is auto; off is none.\n"
	      ".TP\n.B COLUMNS\nThe columns of a line that goes to no terminal; 80 without it.\n"
	      ".TP\n.B NO_COLOR\nSwitches colours off, unless empty.\n"
	      ".TP\n.B NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID\nThe service manager, as sd_notify(3) has it.\n"
	      ".TP\n.B LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES\nSockets that systemd passes: sd_listen_fds(3).\n"
	      ".TP\n.B FDSTORE\nHow many sockets systemd keeps over a crash; 0 is none. systemd says it from 254 on.\n"
	      ".TP\n.B " UPGRADE_ENV "\nThe process before sets it for the program that takes over; nobody else may.\n"
	      ".SH SYSTEMD\nWith Type=notify the service manager hears when clients are accepted, of each reload "
	      "and of the end. systemctl status shows connections, addresses, servers that are up and the "
	      "generation in force; where the last reload was refused the first problem stands before them. "
	      "With WatchdogSec= it gets a sign of life only while every thread of the process turns.\n"
	      ".PP\nbind: \"systemd:NAME\" accepts at the sockets of a socket unit with FileDescriptorName=NAME: they "
	      "outlive the process, so that a restart refuses nobody. With FileDescriptorStoreMax= the sockets that "
	      "staunch opens itself outlive a crash.\n"
	      ".SH FILES\n.TP\n.B " CLI_CONFIG_PATH "\nThe config file when nothing names one.\n"
	      ".TP\n.B /run/staunch/control.sock\nThe control socket, unless control.socket names another.\n"
	      ".TP\n.B /var/lib/staunch/state.yaml\nWhat was said of servers, unless control.state names another.\n"
	      ".SH SEE ALSO\n.BR staunch.yaml (5),\n.BR staunch\\-api (7),\n.BR staunch\\-log (7),\n"
	      ".BR staunch\\-metrics (7),\n.BR staunch\\-probes (7)\n", out);
}

int cli_man(const struct cli_args *a)
{
	if (strcmp(a->operands[0], "staunch") == 0)
		put_page(stdout);
	else if (strcmp(a->operands[0], "staunch-probes") == 0)
		cli_man_probes(stdout);
	else if (strcmp(a->operands[0], "staunch-api") == 0)
		cli_man_api(stdout);
	else if (strcmp(a->operands[0], "staunch-log") == 0)
		cli_man_log(stdout);
	else if (strcmp(a->operands[0], "staunch-metrics") == 0)
		cli_man_metrics(stdout);
	else
		schema_man(stdout);
	return EXIT_OK;
}
