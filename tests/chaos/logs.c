/* Following the process log. */
#include "tests/chaos/logs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the process log ---- */

/* Errors that the disturbances bring about by design. */
static const char *const expected_errors[] = {
	"reload_failed", "tls_failed", "listen_failed", "log_failed", "limit_too_high", "access_log_failed",
	"access_log_reopen_failed", "config_problems",
};

static const char *const alarms[] = {"Sanitizer", "runtime error", "CHECK", "\"level\":\"error\""};

static bool has_event(const char *line, const char *event)
{
	char text[64];

	snprintf(text, sizeof(text), "\"event\":\"%s\"", event);
	return strstr(line, text) != NULL;
}

static bool is_expected(const char *line)
{
	for (size_t i = 0; i < array_len(expected_errors); i++)
		if (has_event(line, expected_errors[i]))
			return true;
	return false;
}

static void look_for_alarm(struct process_log *p, const char *line)
{
	for (size_t i = 0; i < array_len(alarms); i++) {
		if (strstr(line, alarms[i]) == NULL || is_expected(line))
			continue;
		if (p->alarms++ == 0)
			snprintf(p->alarm, sizeof(p->alarm), "%s", line);
		return;
	}
}

/* The number before " access record" or " access records". */
static uint64_t records_in(const char *line)
{
	const char *at = strstr(line, " access record");

	while (at != NULL && at > line && isdigit((unsigned char)at[-1]))
		at--;
	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static void note_lost(struct process_log *p, const char *line)
{
	p->lost += records_in(line);
	p->losses++;
}

static void answer(struct process_log *p, enum answer a)
{
	if (a == ANSWER_TAKEN)
		p->taken++;
	else
		p->refused++;
	if (p->asked)
		p->answer = a;
	p->asked = false;
}

/* A reload runs from its signal to its answer without a break, so the next answer after the signal is its own; others
 * are those of files that changed. */
static void process_line(struct process_log *p, const char *line)
{
	look_for_alarm(p, line);
	if (has_event(line, "signal") && strstr(line, "SIGHUP") != NULL)
		p->asked = true;
	else if (has_event(line, "reloaded"))
		answer(p, ANSWER_TAKEN);
	else if (has_event(line, "reload_failed"))
		answer(p, ANSWER_REFUSED);
	else if (has_event(line, "files_changed"))
		p->renewals++;
	else if (has_event(line, "access_log_recovered"))
		p->dropped += records_in(line);
	else if (has_event(line, "access_log_lost"))
		note_lost(p, line);
	else if (has_event(line, "drain_deadline"))
		p->cut = true;
	else if (has_event(line, "stopped"))
		p->stopped = true;
	else if (has_event(line, "worker_stalled"))
		p->stalls++;
}

void process_log_follow(struct process_log *p)
{
	FILE *f = fopen(p->path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (f == NULL)
		return;
	if (fseek(f, p->offset, SEEK_SET) == 0)
		while ((n = getline(&line, &room, f)) > 0 && line[n - 1] == '\n') {
			process_line(p, line);
			p->offset += n;
		}
	free(line);
	fclose(f);
}
