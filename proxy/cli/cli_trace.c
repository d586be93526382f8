/* cli_trace: the stages of the next connections, as a timeline of each, printed when it has ended. */
#include <stdlib.h>
#include <string.h>

#include "config/text/utf8.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_query.h"

#define ID_ROOM        32
#define DETAIL_COLUMN  28 /* "  12345.678 ms  first_byte  " */

/* A connection whose end has not come yet. */
struct timeline {
	struct timeline *next;
	char id[ID_ROOM];
	char *text;
	size_t n;
	FILE *to; /* of text */
};

struct shown {
	struct timeline *open;
	bool json;
};

/* ---- a line ---- */

/* Appends "before" and the value of a name, if the line has it. */
static void show_member(FILE *f, const char *line, const char *name, const char *before)
{
	if (!json_is_there(line, name))
		return;
	fputs(before, f);
	json_print(f, line, name);
}

/* The order of the table is the order on the screen, whatever the order in the line. */
static void put_details(FILE *f, const char *line)
{
	static const struct {
		const char *name, *before;
	} members[] = {
		{"listener", " listener "}, {"client", " client "}, {"worker", " worker "}, {"rule", " rule "},
		{"upstream", " upstream "}, {"server", " server "}, {"result", " "}, {"reason", " "}, {"error", " "},
		{"message", ": "}, {"detail", "; "}, {"version", " "}, {"cipher", " "}, {"sni", " sni "},
		{"alpn", " alpn "}, {"bytes_in", "; bytes in "}, {"bytes_out", ", out "}, {"retries", ", retries "},
	};

	for (size_t i = 0; i < array_len(members); i++)
		show_member(f, line, members[i].name, members[i].before);
}

/* Milliseconds with three decimals: the columns stay in line up to 11 days. */
static void put_stage_line(FILE *out, const char *line)
{
	long long us = json_number(line, "us");
	size_t n = 0, len = 0;
	const char *stage = json_find(line, "stage", &n);
	char *details = NULL, indent[DETAIL_COLUMN + 1];
	FILE *f = open_memstream(&details, &len);

	if (f == NULL)
		return;
	put_details(f, line);
	fclose(f);
	fprintf(out, "%9lld.%03lld ms  %-*.*s", us / 1000, us % 1000, DETAIL_COLUMN - 18, (int)n,
		stage != NULL ? stage : "");
	snprintf(indent, sizeof(indent), "%*s", DETAIL_COLUMN, "");
	utf8_put_hanging(out, details != NULL && details[0] == ' ' ? details + 1 : "", DETAIL_COLUMN,
			 cli_columns(stdout), indent);
	free(details);
}

/* ---- timelines ---- */

/* Made when its first line comes.   Returns  NULL: no memory, or no id of ours. */
static struct timeline *timeline_of(struct shown *s, const char *id, size_t n)
{
	struct timeline *t = s->open;

	while (t != NULL && (strncmp(t->id, id, n) != 0 || t->id[n] != '\0'))
		t = t->next;
	if (t != NULL || n >= ID_ROOM)
		return t;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	memcpy(t->id, id, n);
	t->to = open_memstream(&t->text, &t->n);
	if (t->to == NULL) {
		free(t);
		return NULL;
	}
	t->next = s->open;
	s->open = t;
	return t;
}

/* Printed as one block, so that connections at the same time do not mix. */
static void end_timeline(struct shown *s, struct timeline *t, const char *how)
{
	struct timeline **at = &s->open;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	fclose(t->to);
	printf("connection %s%s\n%s\n", t->id, how, t->text);
	fflush(stdout);
	free(t->text);
	free(t);
}

static void show_trace_over(const char *line)
{
	static const struct {
		const char *why, *words;
	} ends[] = {
		{"limit", "that is all"}, {"time", "the time is over"}, {"stop", "the process ends"},
	};
	size_t n = 0;
	const char *why = json_find(line, "why", &n);
	long long lost = json_number(line, "lost");

	for (size_t i = 0; why != NULL && i < array_len(ends); i++)
		if (strlen(ends[i].why) == n && memcmp(ends[i].why, why, n) == 0)
			printf("%lld connections traced; %s\n", json_number(line, "connections"), ends[i].words);
	if (lost > 0)
		printf("%lld lines were lost: this terminal was too slow for them\n", lost);
}

/* A line with an id is a stage; one without is the begin or the end of the trace. */
static void take_line(void *arg, char *line)
{
	struct shown *s = arg;
	size_t nid = 0, n = 0;
	const char *id = json_find(line, "id", &nid), *stage = json_find(line, "stage", &n);
	struct timeline *t;

	if (s->json) {
		fputs(line, stdout);
		fflush(stdout);
		return;
	}
	if (id == NULL || stage == NULL) {
		if (json_find(line, "why", &n) == NULL)
			return;
		while (s->open != NULL)
			end_timeline(s, s->open, ", still open");
		show_trace_over(line);
		return;
	}
	t = timeline_of(s, id, nid);
	if (t == NULL)
		return;
	put_stage_line(t->to, line);
	if (n == 3 && memcmp(stage, "end", 3) == 0)
		end_timeline(s, t, "");
}

/* ---- the question ---- */

int cli_trace(const struct cli_args *a)
{
	static const enum cli_opt_id opts[] = {CLI_FILTER_OPTS, CLI_OPT_LIMIT, CLI_OPT_FOR_TIME};
	struct shown s = {.json = a->value[CLI_OPT_JSON] != NULL};
	struct cli_answer w = {0};
	struct cli_query q;
	const char *path = NULL;
	int code = EXIT_FAILED;

	if (cli_query_begin(&q, "/v1/trace")) {
		cli_query_add_opts(&q, a, opts, array_len(opts));
		path = cli_query_end(&q);
	}
	if (path != NULL)
		code = cli_ask_lines(a, path, take_line, &s, &w);
	cli_query_free(&q);
	while (s.open != NULL)
		end_timeline(&s, s.open, ", still open");
	if (code == EXIT_OK && w.status != 200)
		code = cli_answer_failed(&w);
	cli_answer_free(&w);
	return code;
}
