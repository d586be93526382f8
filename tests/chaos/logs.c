/* Following the process log, and reading the access log's files. */
#include "tests/chaos/logs.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/close_tbl.h"

static const char *const reasons[] = {
#define X(code, word, class, by, letters, sentence) #word,
	CLOSE_TBL(X)
#undef X
};

/* ---- the process log ---- */

/* Errors that the disturbances bring about by design. */
static const char *const expected_errors[] = {
	"reload_failed", "tls_failed", "listen_failed", "log_failed", "limit_too_high", "access_log_failed",
	"access_log_reopen_failed",
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

/* The number before " access records". */
static uint64_t records_in(const char *line)
{
	const char *at = strstr(line, " access records");

	while (at != NULL && at > line && isdigit((unsigned char)at[-1]))
		at--;
	return at != NULL ? strtoull(at, NULL, 10) : 0;
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
		p->lost += records_in(line);
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

/* ---- lines of the access log ---- */

static const char *json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		p += *p == '\\' ? 2 : 1;
	}
	return p + 1;
}

static const char *json_value(const char *p)
{
	if (*p == '"')
		return json_string(p);
	if (strncmp(p, "true", 4) == 0 || strncmp(p, "null", 4) == 0)
		return p + 4;
	if (strncmp(p, "false", 5) == 0)
		return p + 5;
	if (!isdigit((unsigned char)*p))
		return NULL;
	return p + strspn(p, "0123456789.");
}

/* One object without objects inside, and a newline. */
static bool is_json(const char *p)
{
	if (*p++ != '{')
		return false;
	for (;;) {
		p = json_string(p);
		if (p == NULL || *p != ':')
			return false;
		p = json_value(p + 1);
		if (p == NULL)
			return false;
		if (*p == '}')
			return strcmp(p, "}\n") == 0;
		if (*p++ != ',')
			return false;
	}
}

/* The word after a mark, up to one of the characters in ends. */
static bool word_after(const char *line, const char *mark, const char *ends, char word[64])
{
	const char *at = strstr(line, mark);
	size_t n;

	if (at == NULL)
		return false;
	at += strlen(mark);
	n = strcspn(at, ends);
	if (n >= 64)
		return false;
	memcpy(word, at, n);
	word[n] = '\0';
	return true;
}

static bool is_reason(const char *word)
{
	for (size_t i = 0; i < array_len(reasons); i++)
		if (strcmp(reasons[i], word) == 0)
			return true;
	return false;
}

static int place_named(const char *word)
{
	for (int i = 0; i < PLACES; i++)
		if (strcmp(place_facts[i].word, word) == 0)
			return i;
	return -1;
}

static void access_line(struct access_lines *a, const char *line, bool json)
{
	char reason[64], listener[64];
	bool whole;

	if (json)
		whole = is_json(line) && word_after(line, "\"staunch.close_reason\":\"", "\"", reason) &&
			word_after(line, "\"staunch.listener\":\"", "\"", listener);
	else
		whole = strchr(line, '\n') != NULL && word_after(line, " reason=", " \n", reason) &&
			word_after(line, " listener=", " \n", listener);
	if (!whole || !is_reason(reason) || place_named(listener) < 0) {
		if (a->torn++ == 0)
			snprintf(a->sample, sizeof(a->sample), "%s", line);
		return;
	}
	a->at[place_named(listener)]++;
	a->all++;
}

static void access_file(struct access_lines *a, const char *path, bool json)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (f == NULL)
		kit_fail("cannot read %s", path);
	while (getline(&line, &room, f) > 0)
		access_line(a, line, json);
	free(line);
	fclose(f);
	a->files++;
}

static void access_folder(struct access_lines *a, const char *folder)
{
	DIR *d = opendir(folder);
	char path[KIT_PATH * 2];
	struct dirent *e;

	if (d == NULL)
		kit_fail("cannot read %s", folder);
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "access.", 7) != 0 || strcmp(e->d_name, log_file(LOG_PIPE)) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		access_file(a, path, strncmp(e->d_name, log_file(LOG_TEXT), strlen(log_file(LOG_TEXT))) != 0);
	}
	closedir(d);
}

void access_lines_count(struct access_lines *a)
{
	char small[KIT_PATH];

	*a = (struct access_lines){0};
	snprintf(small, sizeof(small), "%s/small", kit_dir());
	access_folder(a, kit_dir());
	access_folder(a, small);
}
