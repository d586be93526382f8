/* cli_conns: the live connections as a table of 80 columns: those with the most bytes, or the oldest, or the most
 * silent. All that match are counted, though few are shown.
 *
 *   instance -- a line each --> counted, and kept if it is among the first --> sorted, shown, totals
 *                          '--> with --json: printed as it came
 *
 * The instance cuts nothing but JSON: it lists connections worker by worker, in no order, so its first ones are not
 * those that are wanted here. */
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_kill.h"
#include "proxy/cli/cli_query.h"

#define SHOWN      40 /* where --limit says nothing */
#define SHOWN_MOST 100000
#define ADDR_COLS  21 /* an IPv4 address and a port */

/* One that may be shown: its line as it came, and what it is sorted by. */
struct entry {
	long long key;
	char *line; /* owned */
};

struct table {
	const char *by;   /* --sort */
	bool json, tcp;
	bool broken;      /* the list has no proper end */
	size_t limit;
	struct entry *entries; /* owned: twice as many as are shown */
	size_t n;
	unsigned long long all, in, out; /* all that match, and their bytes */
};

/* ---- which ones ---- */

/* What --sort goes by: more of it comes first. */
static long long sort_key(const struct table *t, const char *line)
{
	if (strcmp(t->by, "age") == 0)
		return json_number(line, "age_ms");
	if (strcmp(t->by, "idle") == 0)
		return json_number(line, "idle_ms");
	return json_number(line, "bytes_in") + json_number(line, "bytes_out");
}

/* For qsort: the largest first. The order of equal ones is of no meaning. */
static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->key < y->key) - (x->key > y->key);
}

/* The first `limit` of them stay. */
static void keep_first(struct table *t)
{
	qsort(t->entries, t->n, sizeof(*t->entries), by_key);
	while (t->n > t->limit)
		free(t->entries[--t->n].line);
}

/* There may be far more than are shown: memory is for those alone. A line that there is no memory for is counted all
 * the same. */
static void keep_entry(struct table *t, const char *line)
{
	char *copy = strdup(line);

	if (copy == NULL)
		return;
	if (t->n == 2 * t->limit)
		keep_first(t);
	t->entries[t->n++] = (struct entry){sort_key(t, line), copy};
}

/* A list that has an end of the instance's making says so in its last line. */
static void take_conn(void *arg, char *line)
{
	struct table *t = arg;
	size_t n = 0;

	if (json_find(line, "error", &n) != NULL || line[strlen(line) - 1] != '\n')
		t->broken = true;
	if (t->json)
		fputs(line, stdout);
	if (t->json || t->broken)
		return;
	t->all++;
	t->in += (unsigned long long)json_number(line, "bytes_in");
	t->out += (unsigned long long)json_number(line, "bytes_out");
	keep_entry(t, line);
}

/* ---- the table ---- */

/* In four columns: 0.2s, 59s, 59m, 23h, 999d. */
static void put_age(long long ms)
{
	static const struct {
		long long of;
		char unit;
	} units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {10000, 's'}};

	for (size_t i = 0; i < array_len(units); i++) {
		if (ms >= units[i].of) {
			printf(" %3lld%c", ms / (units[i].unit == 's' ? 1000 : units[i].of), units[i].unit);
			return;
		}
	}
	printf(" %lld.%llds", ms / 1000, ms % 1000 / 100);
}

/* In five: 1023, 9.9K, 1023K, 1.5G. */
static void size_text(unsigned long long n, char text[24])
{
	static const char letters[] = "BKMGTPE";
	unsigned i = 0;
	unsigned long long rest = 0;

	for (; n >= 1024; i++) {
		rest = n % 1024;
		n /= 1024;
	}
	if (i == 0)
		snprintf(text, 24, "%llu", n);
	else if (n < 10)
		snprintf(text, 24, "%llu.%llu%c", n, rest * 10 / 1024, letters[i]);
	else
		snprintf(text, 24, "%llu%c", n, letters[i]);
}

/* A column of the table. The instance counts no negative bytes, but it is not trusted with the layout. */
static void put_bytes(long long n)
{
	char text[24];

	size_text(n > 0 ? (unsigned long long)n : 0, text);
	printf(" %5s", text);
}

/* A long address has the line for itself, so that it can be copied whole. */
static void put_address_of(const char *line, const char *name, int column)
{
	size_t n = 0;
	const char *at = json_find(line, name, &n);

	if (at == NULL || (n == 4 && memcmp(at, "null", 4) == 0))
		at = "-", n = 1;
	printf("%.*s", (int)n, at);
	if (n > ADDR_COLS)
		printf("\n%*s", column + ADDR_COLS, "");
	else
		printf("%*s", ADDR_COLS - (int)n, "");
}

/* Bytes that are here and cannot leave say more than the stage does. */
static void put_stage_of(const char *line)
{
	size_t n = 0;
	const char *stage = json_find(line, "stage", &n);

	if (json_is(line, "blocked", "client"))
		printf(" %-12s", "slow client");
	else if (json_is(line, "blocked", "server"))
		printf(" %-12s", "slow server");
	else
		printf(" %-12.*s", stage != NULL ? (int)n : 0, stage != NULL ? stage : "");
}

/* A leg that is no TCP, or not there yet, has no line. */
static void show_tcp(const char *line, const char *side)
{
	size_t n = 0;
	char path[16];
	const char *leg;
	long long rtt;

	snprintf(path, sizeof(path), "tcp.%s", side);
	leg = json_find(line, path, &n);
	if (leg == NULL || *leg != '{')
		return;
	rtt = json_number(leg, "rtt_us");
	printf("  %s: rtt %lld.%lld ms, cwnd %lld, unacked %lld, retrans %lld, lost %lld\n", side, rtt / 1000,
	       rtt % 1000 / 100, json_number(leg, "cwnd"), json_number(leg, "unacked"), json_number(leg, "retrans"),
	       json_number(leg, "lost"));
}

/* One connection: a line of 80 columns, and with --tcp a line for each leg and one for what holds it up. */
static void show_entry(const struct table *t, const char *line)
{
	put_address_of(line, "client", 0);
	putchar(' ');
	put_address_of(line, "server", ADDR_COLS + 1);
	put_stage_of(line);
	put_age(json_number(line, "age_ms"));
	put_age(json_number(line, "idle_ms"));
	put_bytes(json_number(line, "bytes_in"));
	put_bytes(json_number(line, "bytes_out"));
	putchar('\n');
	if (!t->tcp)
		return;
	show_tcp(line, "client");
	show_tcp(line, "server");
	if (!json_is(line, "bottleneck", "none")) {
		fputs("  bottleneck: ", stdout);
		json_print(stdout, line, "bottleneck");
		putchar('\n');
	}
}

/* Of all that match, so that nobody takes the lines that are shown for all there are. */
static void show_totals(const struct table *t)
{
	char in[24], out[24];

	size_text(t->in, in);
	size_text(t->out, out);
	printf("%llu connection%s: %s bytes in, %s out", t->all, t->all == 1 ? "" : "s", in, out);
	if (t->all > t->n)
		printf("; %llu not shown, of %s %s", t->all - t->n, strcmp(t->by, "bytes") == 0 ? "fewer" : "less",
		       t->by);
	putchar('\n');
}

/* The head stands only over lines; the totals always. */
static void show_table(struct table *t)
{
	keep_first(t);
	if (t->n > 0)
		printf("%-*s %-*s %-12s %4s %4s %5s %5s\n", ADDR_COLS, "client", ADDR_COLS, "server", "stage", "age",
		       "idle", "in", "out");
	for (size_t i = 0; i < t->n; i++)
		show_entry(t, t->entries[i].line);
	show_totals(t);
}

/* ---- the question ---- */

/* The instance need not find out what is not shown; of JSON it sends as many as are wanted. */
static const char *make_query(struct cli_query *q, const struct cli_args *a, const struct table *t)
{
	static const enum cli_opt_id filter[] = {CLI_FILTER_OPTS, CLI_OPT_OLDER, CLI_OPT_IDLE, CLI_OPT_REASON_PENDING};
	static const enum cli_opt_id limit[] = {CLI_OPT_LIMIT};

	if (!cli_query_begin(q, "/v1/conns"))
		return NULL;
	cli_query_add_opts(q, a, filter, array_len(filter));
	if (t->tcp)
		cli_query_add(q, "tcp", "1");
	if (t->json)
		cli_query_add_opts(q, a, limit, 1);
	else
		cli_query_add(q, "fields", t->tcp ?
			"client,server,stage,age_ms,idle_ms,bytes_in,bytes_out,blocked,tcp,bottleneck" :
			"client,server,stage,age_ms,idle_ms,bytes_in,bytes_out,blocked");
	return cli_query_end(q);
}

/* Returns the exit code: a list that has no proper end fails, though its lines are shown. */
static no_inline int list_conns(const struct cli_args *a, struct table *t)
{
	struct cli_query q;
	struct cli_answer w = {0};
	const char *path = make_query(&q, a, t);
	int code = path != NULL ? cli_ask_lines(a, path, take_conn, t, &w) : EXIT_FAILED;

	cli_query_free(&q);
	if (code == EXIT_OK && w.status != 200) {
		code = cli_answer_failed(&w);
	} else if (code == EXIT_OK) {
		if (!t->json)
			show_table(t);
		if (t->broken) {
			cli_complain("the list broke off: the instance ends, or was asked for more than 60 s");
			code = EXIT_FAILED;
		}
	}
	cli_answer_free(&w);
	return code;
}

int cli_conns(const struct cli_args *a)
{
	const char *limit = a->value[CLI_OPT_LIMIT], *by = a->value[CLI_OPT_SORT];
	struct table t = {
		.by = by != NULL ? by : "bytes",
		.json = a->value[CLI_OPT_JSON] != NULL,
		.tcp = a->value[CLI_OPT_TCP] != NULL,
		.limit = SHOWN,
	};
	struct units_refusal why;
	int64_t n = SHOWN;
	int code;

	code = cli_kill_checked(a);
	if (code != EXIT_OK || a->value[CLI_OPT_KILL] != NULL)
		return code;
	if (limit != NULL && (units_count(&n, limit, &why) != 0 || n < 1 || n > SHOWN_MOST))
		return cli_misused(a->verb, "--limit is a number from 1 to 100000, not \"%s\"", limit);
	t.limit = (size_t)n;
	t.entries = calloc(2 * t.limit, sizeof(*t.entries));
	if (t.entries == NULL) {
		cli_complain("out of memory");
		return EXIT_FAILED;
	}
	code = list_conns(a, &t);
	while (t.n > 0)
		free(t.entries[--t.n].line);
	free(t.entries);
	return code;
}
