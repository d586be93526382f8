/* The JSON of three answers becomes rows. */
#include "proxy/cli/cli_top_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/cli/cli.h"
#include "proxy/cli/cli_client.h"

/* At 80 columns a listener has all numbers but the last two, a server all but its bytes. */
static const struct top_column listener_columns[] = {
	{"active", "active", TOP_COUNT, 7, 0, false},
	{"conn/s", "rates.connections", TOP_COUNT, 7, 0, false},
	{"fail/s", "rates.failed", TOP_COUNT, 7, 0, false},
	{"in/s", "rates.bytes_in", TOP_BYTES, 7, 60, false},
	{"out/s", "rates.bytes_out", TOP_BYTES, 7, 60, false},
	{"rej/s", "rates.rejected", TOP_COUNT, 7, 100, false},
	{"total", "connections", TOP_COUNT, 7, 100, false},
};
static const struct top_column server_columns[] = {
	{"usable", "usable", TOP_USABLE, 7, 0, false},
	{"tier", "tier", TOP_COUNT, 5, 60, true},
	{"active", "active", TOP_COUNT, 7, 0, false},
	{"conn/s", "rates.connects", TOP_COUNT, 7, 60, false},
	{"fail/s", "rates.failed", TOP_COUNT, 7, 0, false},
	{"p50ms", "connect_ms.p50", TOP_MS, 6, 70, false},
	{"p99ms", "connect_ms.p99", TOP_MS, 6, 70, false},
	{"in/s", "rates.bytes_in", TOP_BYTES, 7, 110, false},
	{"out/s", "rates.bytes_out", TOP_BYTES, 7, 110, false},
};

/* The first order is that of names: rows that jump each second cannot be read. */
void top_model_init(struct top_model *m)
{
	*m = (struct top_model){
		.lists = {{.title = "listeners",
			   .columns = listener_columns,
			   .ncolumns = array_len(listener_columns)},
			  {.title = "servers", .columns = server_columns, .ncolumns = array_len(server_columns)}},
	};
}

void top_model_fini(struct top_model *m)
{
	for (size_t i = 0; i < TOP_LISTS; i++) {
		free(m->lists[i].rows);
		free(m->lists[i].shown);
	}
}

/* ---- values ---- */

/* Copies the text at the path. The instance escapes what is not ASCII; a byte that is a terminal's order becomes "?"
 * all the same, for the screen trusts nobody. An absent text and null are "". */
static const char *shown_text(char *out, size_t room, const char *object, const char *path)
{
	size_t n = 0, k = 0;
	const char *at = json_find(object, path, &n);

	if (at == NULL || (n == 4 && memcmp(at, "null", 4) == 0))
		n = 0;
	for (size_t i = 0; i < n && k + 1 < room; i++) {
		if (at[i] == '\\' && i + 1 < n && (at[i + 1] == '"' || at[i + 1] == '\\'))
			i++;
		out[k++] = at[i];
		if (at[i] < 0x20 || at[i] > 0x7e)
			out[k - 1] = '?';
	}
	out[k] = '\0';
	return out;
}

/* NAN where there is none, so that "0" is said only of what is 0. */
static double number_at(const char *object, const char *path)
{
	size_t n = 0;
	const char *at = json_find(object, path, &n);
	char *end;
	double v;

	if (at == NULL || n == 0)
		return NAN;
	v = strtod(at, &end);
	return end == at ? NAN : v;
}

/* At most 5 columns: 0.3, 12, 999, 12.3K, 4.5M. By 1024 for bytes, by 1000 for all else. */
static void number_text(double v, double step, char text[TOP_CELL])
{
	static const char letters[] = " KMGTPE";
	size_t i = 0;

	for (; v >= (i == 0 && step < 1024 ? 100000 : step) && i < sizeof(letters) - 2; i++)
		v /= step;
	if (i == 0)
		snprintf(text, TOP_CELL, v > 0 && v < 10 && v != (double)(long long)v ? "%.1f" : "%.0f", v);
	else
		snprintf(text, TOP_CELL, v < 10 ? "%.1f%c" : "%.0f%c", v, letters[i]);
}

/* "-" is not 0: the instance does not know it, as of a server without a connect. */
const char *top_cell(const struct top_row *r, const struct top_column *c, size_t i, char text[TOP_CELL])
{
	double v = r->number[i];

	if (c->unit == TOP_USABLE)
		snprintf(text, TOP_CELL, "%s", r->state);
	else if (isnan(v))
		snprintf(text, TOP_CELL, "-");
	else
		number_text(v, c->unit == TOP_BYTES ? 1024 : 1000, text);
	return text;
}

/* ---- rows ---- */

/* What the operator asks first of a server: why is it out, or is it full; else when was its last error, and which: both
 * within the 15 columns that a screen of 80 has for it. All errors are of a connection, which therefore need not be
 * said. */
static void take_note(struct top_row *r, const char *at)
{
	static const char needless[] = "connection ";
	char age[CLI_AGE_TEXT], error[TOP_NOTE / 2];
	const char *text = error;

	shown_text(r->note, sizeof(r->note), at, "why");
	if (r->note[0] == '\0' && json_is(at, "full", "true"))
		snprintf(r->note, sizeof(r->note), "full");
	shown_text(error, sizeof(error), at, "last_connect_error.text");
	if (strncmp(error, needless, sizeof(needless) - 1) == 0)
		text += sizeof(needless) - 1;
	if (r->note[0] == '\0' && error[0] != '\0')
		snprintf(r->note, sizeof(r->note), "%s: %s",
			 cli_age(json_number(at, "last_connect_error.ago_ms"), age), text);
}

/* An order shall not go to another server, whose name begins alike, or looks alike on this screen. */
static bool is_exact(const struct top_row *r, const char *at)
{
	size_t nup = 0, n = 0;

	return json_find(at, "upstream", &nup) != NULL && json_find(at, "server", &n) != NULL &&
	       strlen(r->name) == nup + 1 + n && strpbrk(r->name, "?\\") == NULL;
}

/* A server's name is that of the other verbs: UPSTREAM/ADDR. */
static void take_row(const struct top_list *l, struct top_row *r, const char *at)
{
	char upstream[TOP_NAME / 2], name[TOP_NAME / 2];

	*r = (struct top_row){0};
	if (l->columns == server_columns) {
		shown_text(upstream, sizeof(upstream), at, "upstream");
		shown_text(name, sizeof(name), at, "server");
		snprintf(r->name, sizeof(r->name), "%s/%s", upstream, name);
		shown_text(r->state, sizeof(r->state), at, "usable");
		r->exact = is_exact(r, at);
		r->steered = json_is(at, "why", "drain") || json_is(at, "why", "maint");
		take_note(r, at);
	} else {
		shown_text(r->name, sizeof(r->name), at, "name");
		shown_text(r->note, sizeof(r->note), at, "upstream");
	}
	for (size_t i = 0; i < l->ncolumns; i++)
		r->number[i] = l->columns[i].unit == TOP_USABLE ? strcmp(r->state, "yes") != 0 :
								  number_at(at, l->columns[i].path);
}

/* A column that is 0 everywhere says nothing, and its room is the name's. */
static void leave_out_columns(struct top_list *l)
{
	l->left_out = 0;
	for (size_t c = 0; c < l->ncolumns; c++) {
		bool says = !l->columns[c].tells_apart;

		for (size_t i = 0; i < l->n && !says; i++)
			says = l->rows[i].number[c] > 0;
		l->left_out |= says ? 0 : 1U << c;
	}
}

bool top_shows(const struct top_list *l, size_t c, int columns)
{
	return columns >= l->columns[c].from && (l->left_out >> c & 1) == 0;
}

/* Counts first: the rows are replaced at once, or not at all. */
static int take_list(struct top_list *l, const char *body, const char *path)
{
	size_t n = 0;
	struct top_row *rows;
	const struct top_row **shown;

	for (const char *at = json_first(body, path); at != NULL; at = json_next(at))
		n++;
	rows = calloc(n + 1, sizeof(*rows));
	shown = calloc(n + 1, sizeof(*shown));
	if (rows == NULL || shown == NULL) {
		free(rows);
		free(shown);
		return -NP_ENOMEM;
	}
	free(l->rows);
	free(l->shown);
	l->rows = rows;
	l->shown = shown;
	l->n = 0;
	for (const char *at = json_first(body, path); at != NULL; at = json_next(at), l->n++) {
		take_row(l, &rows[l->n], at);
		rows[l->n].given = l->n;
	}
	leave_out_columns(l);
	top_list_arrange(l);
	return 0;
}

/* By the rate, which falls to 0 some seconds after the last failure, and not by the last error, which stays for
 * ever. */
bool top_row_fails(const struct top_list *l, const struct top_row *r)
{
	for (size_t i = 0; i < l->ncolumns; i++)
		if (strcmp(l->columns[i].path, "rates.failed") == 0)
			return r->number[i] > 0;
	return false;
}

/* ---- the order ---- */

/* Names come as a person counts, 9 before 10; of numbers the largest is first; what is not known is last, either
 * way round. Equal ones stay as configured, so that rows do not jump. */
static int by_sort(const void *a, const void *b, void *arg)
{
	const struct top_list *l = arg;
	const struct top_row *x = *(const struct top_row *const *)a, *y = *(const struct top_row *const *)b;
	int order = 0;

	if (l->sort == 0) {
		order = strverscmp(x->name, y->name);
	} else {
		double v = x->number[l->sort - 1], w = y->number[l->sort - 1];

		if (isnan(v) != isnan(w))
			return isnan(v) ? 1 : -1;
		order = (v < w) - (v > w);
	}
	if (order == 0)
		return (x->given > y->given) - (x->given < y->given);
	return l->reverse ? -order : order;
}

/* The filter looks at the note as well: "/refused" finds the servers that refuse. */
void top_list_arrange(struct top_list *l)
{
	l->nshown = 0;
	for (size_t i = 0; i < l->n; i++)
		if (strcasestr(l->rows[i].name, l->filter) != NULL || strcasestr(l->rows[i].note, l->filter) != NULL)
			l->shown[l->nshown++] = &l->rows[i];
	if (l->nshown > 0)
		qsort_r(l->shown, l->nshown, sizeof(*l->shown), by_sort, l);
}

/* ---- the head ---- */

/* A rate of the instance, with its unit where it counts bytes. */
static const char *rate_text(const char *status, const char *path, double step, char text[TOP_CELL])
{
	double v = number_at(status, path);

	number_text(isnan(v) ? 0 : v, step, text);
	return text;
}

/* The last line has the first warning, and how many there are. */
static void take_warnings(struct top_model *m, const char *status)
{
	const char *first = json_first(status, "warnings");
	char text[192] = "";
	unsigned n = 0;

	for (const char *at = first; at != NULL; at = json_next(at))
		n++;
	m->warned = n > 0;
	if (first != NULL)
		shown_text(text, sizeof(text), first, "text");
	snprintf(m->head[2], sizeof(m->head[2]), "servers %lld of %lld usable  warnings %u%s%s",
		 json_number(status, "upstreams.usable"), json_number(status, "upstreams.servers"), n,
		 n > 0 ? ": " : "", text);
}

/* The head is made once for each answer and not at each key. Its first words matter most: a narrow screen cuts it. A
 * version between two releases is longer than what follows it is worth: its beginning will do. */
static void take_status(struct top_model *m, const char *status)
{
	char version[24], state[24], age[CLI_AGE_TEXT], rate[5][TOP_CELL], time[40];

	shown_text(version, sizeof(version), status, "version");
	shown_text(state, sizeof(state), status, "state");
	shown_text(time, sizeof(time), status, "time");
	snprintf(m->time, sizeof(m->time), "%.8s", strlen(time) > 19 ? time + 11 : "");
	snprintf(m->head[0], sizeof(m->head[0]), "staunch %s  process %lld  %s  up %s  generation %lld", version,
		 json_number(status, "pid"), state, cli_age(json_number(status, "uptime_ms"), age),
		 json_number(status, "generation"));
	snprintf(m->head[1], sizeof(m->head[1]),
		 "connections %lld of %lld  %s/s  failed %s/s  rejected %s/s  in %s/s  out %s/s",
		 json_number(status, "connections.active"), json_number(status, "connections.max"),
		 rate_text(status, "rates.connections", 1000, rate[0]),
		 rate_text(status, "rates.failed", 1000, rate[1]), rate_text(status, "rates.rejected", 1000, rate[2]),
		 rate_text(status, "rates.bytes_in", 1024, rate[3]),
		 rate_text(status, "rates.bytes_out", 1024, rate[4]));
	take_warnings(m, status);
}

/* The lists come first: where there is no memory for them, the old head stays with the old rows. */
int top_model_take(struct top_model *m, const char *status, const char *listeners, const char *servers)
{
	int err = take_list(&m->lists[TOP_LISTENERS], listeners, "listeners");

	if (err == 0)
		err = take_list(&m->lists[TOP_SERVERS], servers, "servers");
	if (err == 0)
		take_status(m, status);
	return err;
}
