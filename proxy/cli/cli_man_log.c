/* cli_man_log: staunch-log(7), from the tables of fields, of close reasons, of events and of levels. */
#include "proxy/cli/cli_man_log.h"

#include "config/text/utf8.h"
#include "proxy/base/close.h"
#include "proxy/cli/cli.h"
#include "proxy/log/access_tbl.h"
#include "proxy/log/event_tbl.h"
#include "proxy/log/log.h"

/* Fields stand in the order of a line, so that a line can be read beside the page. An address and its port are two of
 * them in JSON. */
static const struct field {
	const char *full, *brief, *help;
} fields[] = {
#define X(id, full, brief, help) {full, brief, help},
	ACCESS_FIELD_TBL(X)
#undef X
};

/* Events stand in the order of their table, that of the alphabet: who reads a line looks its word up. */
static const struct event_row {
	const char *event, *levels, *help;
} events[] = {
#define X(event, levels, help) {#event, levels, help},
	EVENT_TBL(X)
#undef X
};

/* X(field, help): of the process log. */
#define LINE_TBL(X)                                                                                               \
	X("time", "When it happened, RFC 3339, UTC, in microseconds.")                                            \
	X("level", "One of error, warning, notice, info and debug. log.level is the least that is written.")      \
	X("event", "What happened: a word of the list below, which never changes.")                               \
	X("of", "With the event suppressed: the event that was.")                                                 \
	X("message", "The same for people; 512 bytes at most, the rest is cut and marked.")                       \
	X("suppressed", "How many lines like this one were left out since the last one. Absent if none were.")    \
	X("missed", "How many lines before this one could not be written. Absent if none.")                       \
	X("problems", "What is wrong with a configuration: a list of code, file, line, column, message, help.")

/* X(what, program): shell. Each was run. */
#define EXAMPLE_TBL(X)                                                                                            \
	X("Why do connections end, and how often?",                                                               \
	  "jq -r '.\"staunch.close_reason\" // empty' access.log \\\n  | sort | uniq -c | sort -rn")              \
	X("Which server failed, and with which error?",                                                           \
	  "jq -r '.\"staunch.tried\"[]? | select(.result != \"connected\")\n"                                     \
	  "  | [.server, .result, .errno] | @tsv' access.log | sort | uniq -c")                                   \
	X("What is with this connection?", "grep 01ARYZ6S41 access.log | jq .")                                   \
	X("Bytes that passed in each record's time, with log.periodic:",                                          \
	  "jq -c 'select(.event != \"connection_start\") | [.time,\n"                                             \
	  "  .\"staunch.conn_id\", .\"staunch.bytes_in_delta\" // .\"staunch.bytes_in\"]' access.log")            \
	X("Warnings and worse, under systemd:", "journalctl -u staunch -p warning")                               \
	X("What a refused file was refused for:",                                                                 \
	  "jq -c 'select(.event == \"config_problems\") | .problems[]' process.log")

/* One item of a list: its word in bold, what stands beside it in parentheses (NULL: nothing), and its sentences. */
static void put_item(FILE *out, const char *name, const char *beside, const char *help)
{
	fputs(".TP\n.B ", out);
	utf8_put_roff(out, name);
	if (beside != NULL)
		fprintf(out, "\n.RI ( %s )", beside);
	putc('\n', out);
	utf8_put_roff(out, help);
	putc('\n', out);
}

/* What a reader has to know before the list: when there is a record, and how its values are written. */
static void put_fields(FILE *out)
{
	fputs(".SH ACCESS LOG\nOne record for each connection, at its end: log.access says where, log.format how. "
	      "log.start adds one when bytes begin to pass, log.periodic one now and then while it lives; "
	      "log.skip_empty leaves "
	      "out those without a byte. A worker hands its records over and never waits: what is not taken in "
	      "time is counted in staunch_log_dropped_total, and access_log_dropping says so. Lines of "
	      "different workers may be out of order by some milliseconds.\n.PP\n"
	      "As JSON a line is one object with the names in bold. As text it has the time, the client, an arrow, the "
	      "server, and fields with the short names in parentheses. What there is none of is left out. Bytes of "
	      "peers are escaped: what is not printable ASCII, as well as \\(dq and \\e, is \\eu00NN in JSON and "
	      "\\exNN in text. A text is cut after 256 bytes and marked.\n", out);
	for (size_t i = 0; i < array_len(fields); i++)
		put_item(out, fields[i].full, fields[i].brief, fields[i].help);
}

/* Words, sentences and blame are those of close_tbl.h, as in staunch-metrics(7). */
static void put_reasons_of_log(FILE *out)
{
	fputs(".SH REASONS\nEach connection ends for exactly one of these.\n", out);
	for (unsigned i = CLOSE_NONE + 1; i < CLOSE_REASONS; i++) {
		enum close_reason why = (enum close_reason)i;

		fprintf(out, ".TP\n.B %s\n", close_word(why));
		utf8_put_roff(out, close_sentence(why));
		fprintf(out, ". By the %s.\n", close_by(why));
	}
}

/* The fields of a line are few and the same for all events; what tells them apart is the word. */
static void put_events(FILE *out)
{
	fputs(".SH PROCESS LOG\nOne line for each event, on stderr. A line never holds up a worker. "
	      "What repeats itself is written ever more seldom, each server and cause by itself; the "
	      "last line of an episode says how many were left out.\n", out);
#define X(field, help) put_item(out, field, NULL, help);
	LINE_TBL(X)
#undef X
	fputs(".SS Events\n", out);
	for (size_t i = 0; i < array_len(events); i++)
		put_item(out, events[i].event, events[i].levels, events[i].help);
}

/* As config_tbl.h says of log.format, one form after the other. */
static void put_formats(FILE *out)
{
	fputs(".SH FORMATS\nlog.format is of both logs, and each asks for itself where its lines go.\n"
	      ".TP\n.B auto\nText on a terminal, journal where systemd reads (JOURNAL_STREAM), JSON elsewhere.\n"
	      ".TP\n.B json\nOne object on a line.\n"
	      ".TP\n.B text\nLines for people. The process log stays JSON where it is no terminal.\n"
	      ".TP\n.B journal\nText behind <N>, its level as sd\\-daemon(3) numbers them: 3 error, 4 warning, "
	      "5 notice, 6 info and each access record, 7 debug.\n", out);
}

/* Programs stand as they are typed, line by line. */
static void put_examples(FILE *out)
{
	fputs(".SH EXAMPLES\n", out);
#define X(what, program)                           \
	fputs(".TP\n", out);                       \
	utf8_put_roff(out, what);                  \
	fputs("\n.nf\n", out);                     \
	utf8_put_roff(out, program);               \
	fputs("\n.fi\n", out);
	EXAMPLE_TBL(X)
#undef X
}

/* The sections in the order of need: what a record says, why connections end, what the process says, and how to read
 * all of it. The page is for the version that prints it: its tables are those that this binary writes from. */
void cli_man_log(FILE *out)
{
	fprintf(out, ".TH STAUNCH\\-LOG 7 \"\" \"staunch %s\"\n", cli_version_text());
	fputs(".SH NAME\nstaunch\\-log \\- what a running staunch writes into its logs\n"
	      ".SH DESCRIPTION\nThere are two logs: the access log has records of connections, the process log has "
	      "events of the process. Names, words and events of this page are promises; fields are only "
	      "added.\n", out);
	put_fields(out);
	put_reasons_of_log(out);
	put_events(out);
	put_formats(out);
	put_examples(out);
	fputs(".SH SEE ALSO\n.BR staunch (1),\n.BR staunch.yaml (5),\n.BR staunch\\-metrics (7),\n.BR jq (1)\n", out);
}
