/* cli_man_probes: staunch-probes(7), from the tables of probes and of close reasons. */
#include "proxy/cli/cli_man_probes.h"

#include "config/text/utf8.h"
#include "proxy/base/close.h"
#include "proxy/base/probe_tbl.h"
#include "proxy/cli/cli.h"

static const struct probe_row {
	const char *name, *arguments, *fires;
} rows[] = {
#define X(name, n, arguments, fires) {#name, arguments, fires},
	PROBE_TBL(X)
#undef X
};

/* X(what, program): shell. */
#define EXAMPLE_TBL(X)                                                                        \
	X("Which probes does this program have?", "bpftrace -l 'usdt:/usr/bin/staunch:*'")    \
	X("Connects by server and error:",                                                    \
	  "bpftrace -e 'usdt:/usr/bin/staunch:connected {\n"                                  \
	  "  @[str(arg1), arg2] = count(); }'")                                               \
	X("How long connections live, in ms:",                                                \
	  "bpftrace -e 'usdt:/usr/bin/staunch:conn_accept { @t[arg0] = nsecs; }\n"            \
	  "usdt:/usr/bin/staunch:conn_end /@t[arg0]/ {\n"                                     \
	  "  @ms = hist((nsecs - @t[arg0]) / 1000000); delete(@t[arg0]); }'")                 \
	X("How long servers take to send their first byte, in us:",                           \
	  "bpftrace -e 'usdt:/usr/bin/staunch:connected /!arg2/ { @c[arg0] = nsecs; }\n"      \
	  "usdt:/usr/bin/staunch:first_byte /@c[arg0]/ {\n"                                   \
	  "  @us = hist((nsecs - @c[arg0]) / 1000); delete(@c[arg0]); }'")                    \
	X("With perf instead:", "perf buildid-cache --add /usr/bin/staunch; perf list sdt")

static void put_rows(FILE *out)
{
	for (size_t i = 0; i < array_len(rows); i++) {
		fputs(".TP\n.B ", out);
		utf8_put_roff(out, rows[i].name);
		fputs("\n.RI ( ", out);
		fprintf(out, "\"%s\" ).\nFires when ", rows[i].arguments);
		utf8_put_roff(out, rows[i].fires);
		fputs(".\n", out);
	}
}

static void put_reasons(FILE *out)
{
	for (unsigned i = CLOSE_NONE + 1; i < CLOSE_REASONS; i++)
		fprintf(out, ".TP\n.B %u\n%s: %s.\n", i, close_word((enum close_reason)i),
			close_sentence((enum close_reason)i));
}

void cli_man_probes(FILE *out)
{
	fprintf(out, ".TH STAUNCH\\-PROBES 7 \"\" \"staunch %s\"\n", cli_version_text());
	fputs(".SH NAME\nstaunch\\-probes \\- places where a tracer may attach to a running staunch\n"
	      ".SH DESCRIPTION\nThe program has USDT probes, of the provider \\(lqstaunch\\(rq, if sys/sdt.h was there "
	      "when it was built (\\(lqstaunch version\\(rq tells). With nobody attached each of them is one nop; "
	      "while a connection is relayed it meets first_byte once, and splice_on each time that bulk gets a "
	      "pipe. Nothing has to be restarted or configured. To attach takes the rights of root, or CAP_BPF and "
	      "CAP_PERFMON.\n.PP\n"
	      "\\(lqconn\\(rq is an address that is the same in all probes of one connection, until its conn_end. "
	      "Names are C strings. Errors are positive numbers of errno; 0 is none. For one connection told in words, "
	      "without a tracer, see \\(lqstaunch trace\\(rq.\n"
	      ".SH PROBES\n", out);
	put_rows(out);
	fputs(".SH REASONS\nThe second argument of conn_end, as numbered in this version:\n", out);
	put_reasons(out);
	fputs(".SH EXAMPLES\n", out);
#define X(what, program)                         \
	fputs(".PP\n" what "\n.PP\n.EX\n", out); \
	utf8_put_roff(out, program);             \
	fputs("\n.EE\n", out);
	EXAMPLE_TBL(X)
#undef X
	fputs(".SH SEE ALSO\n.BR staunch (1)\n", out);
}
