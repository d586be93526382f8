/* cli_events: what happened, a paragraph an event. None is cut: cause and duration stand at its end. */
#include <stdio.h>
#include <string.h>

#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"

#define WHEN_ROOM 16 /* the time as it is shown, and its NUL */

struct told {
	const char *since; /* NULL: all that is kept */
	bool json, follow;
	bool over;         /* the last line came */
	unsigned n;        /* events */
};

/* "2026-01-02T03:04:05.000006Z" as "01-02 03:04:05 ". */
static void write_when(char out[WHEN_ROOM], const char *line)
{
	size_t n = 0;
	const char *at = json_find(line, "time", &n);

	out[0] = '\0';
	if (at != NULL && n >= 19)
		snprintf(out, WHEN_ROOM, "%.5s %.8s ", at + 5, at + 11);
}

/* A value of an object has a length and no end. */
static bool word_is(const char *word, size_t n, const char *text)
{
	return word != NULL && strlen(text) == n && memcmp(word, text, n) == 0;
}

/* The result first: what does not fit is who asked. */
static void put_audit(FILE *f, const char *line)
{
	size_t n = 0;
	bool tcp = json_find(line, "facts.client", &n) != NULL;

	json_print(f, line, "facts.path");
	fprintf(f, ": %lld, by %s ", json_number(line, "facts.status"), tcp ? "client" : "uid");
	json_print(f, line, tcp ? "facts.client" : "facts.uid");
	if (!tcp) {
		fputs(" comm ", f);
		json_print(f, line, "facts.comm");
	}
}

static void show_event(const char *line)
{
	struct cli_paragraph p;
	char when[WHEN_ROOM];
	size_t n = 0;
	const char *kind = json_find(line, "kind", &n);

	if (!cli_paragraph_begin(&p))
		return;
	json_print(p.f, line, "kind");
	fputs(": ", p.f);
	if (word_is(kind, n, "audit"))
		put_audit(p.f, line);
	else
		json_print(p.f, line, "message");
	write_when(when, line);
	cli_paragraph_end(&p, stdout, when);
}

/* Either reason may hold, or both. */
static void show_gap(const struct told *t, const char *line)
{
	size_t n = 0;
	const char *restart = json_find(line, "restart", &n);
	long long lost = json_number(line, "lost");

	if (restart != NULL && n == 4)
		printf("-- the process of event %s has ended: this is another one\n",
		       t->since != NULL ? t->since : "?");
	if (lost > 0)
		printf("-- %lld event%s lost\n", lost, lost == 1 ? " is" : "s are");
}

/* The last line tells how to go on. */
static void show_events_over(const struct told *t, const char *line)
{
	if (t->follow)
		puts("-- the process ends");
	else if (t->n == 0)
		puts("-- nothing happened");
	else
		printf("-- what comes later: staunch events --since %lld\n", json_number(line, "seq"));
}

/* An event has a kind; begin, gap and end of the answer have the member "events". */
static void take_event_line(void *arg, char *line)
{
	struct told *t = arg;
	size_t n = 0;
	const char *word = json_find(line, "events", &n);

	if (word_is(word, n, "over"))
		t->over = true;
	if (t->json) {
		fputs(line, stdout);
	} else if (word == NULL) {
		t->n++;
		show_event(line);
	} else if (t->over) {
		show_events_over(t, line);
	} else if (word_is(word, n, "gap")) {
		show_gap(t, line);
	}
	fflush(stdout);
}

/* 16 digits: microseconds since 1970 for three centuries. */
static bool is_event_number(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && n <= 16 && text[n] == '\0';
}

int cli_events(const struct cli_args *a)
{
	struct told t = {
		.since = a->value[CLI_OPT_SINCE],
		.json = a->value[CLI_OPT_JSON] != NULL,
		.follow = a->value[CLI_OPT_FOLLOW] != NULL,
	};
	struct cli_answer w;
	char path[64];
	int code;

	if (t.since != NULL && !is_event_number(t.since))
		return cli_misused(a->verb, "--since takes the number of an event, not \"%s\"", t.since);
	snprintf(path, sizeof(path), "/v1/events?follow=%d%s%s", t.follow, t.since != NULL ? "&since=" : "",
		 t.since != NULL ? t.since : "");
	code = cli_ask_lines(a, path, take_event_line, &t, &w);
	if (code == EXIT_OK && w.status != 200)
		code = cli_answer_failed(&w);
	else if (code == EXIT_OK && !t.over) {
		cli_complain("the answer broke off: the instance is gone");
		code = EXIT_FAILED;
	}
	cli_answer_free(&w);
	return code;
}
