/* problems: one object each. */
#include "proxy/control/problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/log/log.h"

#define PROBLEMS_MOST 65536

/* A text without a value is left out. */
static void put_known(struct json *j, const char *name, const char *value)
{
	if (value[0] != '\0')
		json_str(j, name, value);
}

void problem_put(struct json *j, const struct diag_problem *b)
{
	DCHECK(b->message[0] != '\0', "a problem without a message");
	json_enter(j, NULL, '{');
	json_str(j, "code", diag_code_text(b->code));
	json_str(j, "severity", diag_severity(b->code) == DIAG_ERROR ? "error" : "warning");
	put_known(j, "file", b->source != NULL ? b->source->name : "");
	if (pos_known(b->at)) {
		json_u64(j, "line", b->at.line);
		json_u64(j, "column", b->at.column);
		json_u64(j, "width", b->at.width);
	}
	put_known(j, "message", b->message);
	put_known(j, "suggestion", b->suggestion);
	put_known(j, "note", b->note);
	put_known(j, "help", b->help);
	if (b->more > 0)
		json_u64(j, "more", b->more);
	json_leave(j, '}');
}

/* What was written, in as much memory as it takes. */
static char *finish_text(char *room, const struct text *t)
{
	char *text = t->n > 0 ? strndup(t->p, t->n) : NULL;

	free(room);
	return text;
}

/* A set of severities: bits 1 << enum diag_severity. */
static char *text_of_set(const struct diag *d, unsigned set)
{
	char *room = malloc(PROBLEMS_MOST + 1), *one = malloc(PROBLEM_ROOM);
	struct text all, t;

	if (room == NULL || one == NULL) {
		free(room);
		free(one);
		return NULL;
	}
	text_init(&all, room, PROBLEMS_MOST);
	for (size_t i = 0; i < diag_shown(d); i++) {
		struct json j = {.t = &t};

		if (!(set >> diag_severity(diag_get(d, i)->code) & 1))
			continue;
		text_init(&t, one, PROBLEM_ROOM);
		problem_put(&j, diag_get(d, i));
		if (t.cut || all.n + t.n + 1 > all.cap)
			continue;
		if (all.n > 0)
			text_char(&all, ',');
		text_bytes(&all, t.p, t.n);
	}
	free(one);
	return finish_text(room, &all);
}

char *problems_first(const struct diag *d)
{
	for (size_t i = 0; i < diag_shown(d); i++) {
		const struct diag_problem *b = diag_get(d, i);
		char *line = NULL;

		if (diag_severity(b->code) != DIAG_ERROR)
			continue;
		if (!pos_known(b->at) || b->source == NULL)
			return strdup(b->message);
		if (asprintf(&line, "%s:%u:%u: %s", b->source->name, b->at.line, b->at.column, b->message) < 0)
			return NULL;
		return line;
	}
	return NULL;
}

char *problems_text(const struct diag *d)
{
	return text_of_set(d, 1u << DIAG_ERROR | 1u << DIAG_WARNING);
}

char *problems_of(const struct diag *d, enum diag_severity severity)
{
	return text_of_set(d, 1u << severity);
}

char *problem_text(const char *code, const char *message)
{
	char *room = malloc(PROBLEM_ROOM);
	struct text t;
	struct json j = {.t = &t};

	if (room == NULL)
		return NULL;
	text_init(&t, room, PROBLEM_ROOM - 1);
	json_enter(&j, NULL, '{');
	json_str(&j, "code", code);
	json_str(&j, "severity", "error");
	json_str(&j, "message", message);
	json_leave(&j, '}');
	if (t.cut)
		t.n = 0;
	return finish_text(room, &t);
}

/* ---- in the process log ---- */

/* Lines of a list of problems, each with as many as fit. */
struct problem_lines {
	const struct diag *d;
	const char *after;
	char one[LOG_PROBLEMS_MAX];
	struct text list;
	char room[LOG_PROBLEMS_MAX + 1];
};

/* Of the list as a whole. */
static enum log_level level_of(const struct diag *d)
{
	return diag_count(d, DIAG_ERROR) > 0 ? LVL_ERROR : LVL_WARNING;
}

/* A line of the log with the objects collected so far, which it empties. */
static void log_list(struct problem_lines *l)
{
	bool refused = diag_count(l->d, DIAG_ERROR) > 0;

	if (l->list.n == 0)
		return;
	l->room[l->list.n] = '\0';
	log_problems(level_of(l->d), "config_problems", l->room, "configuration %s%s%s%s",
		     refused ? "NOT loaded" : "loaded", l->after != NULL ? " (" : "",
		     l->after != NULL ? l->after : "", l->after != NULL ? ")" : "");
	text_init(&l->list, l->room, LOG_PROBLEMS_MAX);
}

/* Its bytes in l->one; a name of a file that is longer than a line is left out. */
static struct text problem_object(struct problem_lines *l, const struct diag_problem *b)
{
	struct diag_problem nameless = *b;
	struct text t;
	struct json j = {.t = &t};

	text_init(&t, l->one, LOG_PROBLEMS_MAX);
	problem_put(&j, b);
	if (!t.cut)
		return t;
	nameless.source = NULL;
	j.more = false;
	text_init(&t, l->one, LOG_PROBLEMS_MAX);
	problem_put(&j, &nameless);
	return t;
}

/* As many objects as fit in a line, then the next line. */
static void log_objects(struct problem_lines *l)
{
	text_init(&l->list, l->room, LOG_PROBLEMS_MAX);
	for (size_t i = 0; i < diag_shown(l->d); i++) {
		struct text t = problem_object(l, diag_get(l->d, i));

		if (t.cut)
			continue;
		if (l->list.n + t.n + 1 > l->list.cap)
			log_list(l);
		if (l->list.n > 0)
			text_char(&l->list, ',');
		text_bytes(&l->list, t.p, t.n);
	}
	log_list(l);
}

/* As compilers write it: editors know the form. */
static void log_one(const struct diag_problem *b)
{
	char at[32] = "";

	if (pos_known(b->at))
		snprintf(at, sizeof(at), ":%u:%u", b->at.line, b->at.column);
	log_msg(diag_severity(b->code) == DIAG_ERROR ? LVL_ERROR : LVL_WARNING, "config_problem",
		"%s%s%s[%s] %s%s%s%s%s%s", b->source != NULL ? b->source->name : "", at, b->source != NULL ? ": " : "",
		diag_code_text(b->code), b->message, b->suggestion[0] != '\0' ? "; did you mean " : "", b->suggestion,
		b->suggestion[0] != '\0' ? "?" : "", b->help[0] != '\0' ? "; help: " : "", b->help);
}

void problems_log(const struct diag *d, const char *after)
{
	struct problem_lines *l = log_is_json() ? malloc(sizeof(*l)) : NULL;

	if (l != NULL) {
		l->d = d;
		l->after = after;
		log_objects(l);
		free(l);
		return;
	}
	for (size_t i = 0; i < diag_shown(d); i++)
		log_one(diag_get(d, i));
}
