/* problems: one object each. */
#include "proxy/control/problems.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"

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

char *problems_text(const struct diag *d)
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
