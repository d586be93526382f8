/* cli_doctor_list: the rows, run one after the other, and what they found, for people or as JSON.
 *
 * A line has 80 columns at most, but for commands: one that is broken over two lines cannot be copied. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/text/utf8.h"
#include "netpoll/check.h"
#include "proxy/base/json.h"
#include "proxy/cli/cli.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_doctor.h"

#define INDENT     "         "
#define LINE_ROOM  2048
#define OBJECT     (8 * LINE_ROOM) /* a finding as JSON, escaped */
#define NS_A_SECOND INT64_C(1000000000)

const struct doctor_row doctor_rows[] = {
#define X(word, what, probe, why, fix) {word, what, probe, why, fix},
	DOCTOR_TBL(X)
#undef X
};

const size_t doctor_row_count = array_len(doctor_rows);

/* ---- findings ---- */

void doctor_found(struct doctor *d, const struct doctor_finding *f)
{
	DCHECK(d->row != NULL, "a probe runs for its row");
	if (d->n == DOCTOR_FINDINGS) {
		d->more++;
		return;
	}
	d->findings[d->n] = *f;
	d->findings[d->n++].row = d->row;
}

void doctor_unseen(struct doctor *d)
{
	d->unseen = true;
}

/* In the order of the table. What did not fit into the list counts as problems: nobody has looked at it. */
size_t doctor_run(struct doctor *d, const char **passed, const char **unseen)
{
	size_t problems = 0;

	for (size_t i = 0; i < doctor_row_count; i++) {
		size_t before = d->n + d->more;

		d->row = &doctor_rows[i];
		d->unseen = false;
		d->row->probe(d);
		if (d->unseen)
			*unseen++ = d->row->word;
		else if (d->n + d->more == before)
			*passed++ = d->row->word;
	}
	*passed = *unseen = NULL;
	for (size_t i = 0; i < d->n; i++)
		problems += !d->findings[i].note;
	return problems + d->more;
}

/* ---- texts ---- */

/* What stands for {name}; NULL: nothing does. */
static const char *meant(const struct doctor *d, const struct doctor_finding *f, const char *name, size_t n,
			 char pid[16])
{
	const struct {
		const char *name, *text;
	} names[] = {
		{"value", f->value},
		{"wanted", f->wanted},
		{"subject", f->subject},
		{"file", d->file != NULL ? d->file : "FILE"},
		{"socket", d->socket},
		{"pid", pid},
	};

	snprintf(pid, 16, "%d", (int)d->pid);
	for (size_t i = 0; i < array_len(names); i++)
		if (strlen(names[i].name) == n && memcmp(names[i].name, name, n) == 0)
			return names[i].text;
	return NULL;
}

/* A brace without a name that is known stays as it is. */
char *doctor_expand(const struct doctor *d, const struct doctor_finding *f, const char *text)
{
	char pid[16], *out = malloc(LINE_ROOM);
	struct text t;

	if (out == NULL)
		return NULL;
	text_init(&t, out, LINE_ROOM - 1);
	while (*text != '\0') {
		size_t name = *text == '{' ? strcspn(text, "}") - 1 : 0;
		const char *said = name > 0 ? meant(d, f, text + 1, name, pid) : NULL;

		if (said != NULL)
			text_str(&t, said);
		else
			text_char(&t, *text);
		text += said != NULL ? name + 2 : 1;
	}
	out[t.n] = '\0';
	return out;
}

/* Does the explanation, or the command, not name it? */
static bool is_apart(const struct doctor_finding *f)
{
	return f->subject[0] != '\0' && strstr(f->row->why, "{subject}") == NULL &&
	       strstr(f->row->fix, "{subject}") == NULL;
}

/* Behind a label as wide as the indent.   Takes text. */
static void put_paragraph(FILE *out, char *text)
{
	if (text != NULL)
		utf8_put_hanging(out, text, (int)strlen(INDENT), cli_columns(out), INDENT);
	free(text);
}

void doctor_print(FILE *out, const struct doctor *d, const struct doctor_finding *f, bool colour)
{
	const char *on = f->note ? "\033[1;36m" : "\033[1;33m";
	char *fix = doctor_expand(d, f, f->row->fix), *line = NULL;

	if (asprintf(&line, "%s: %s%s%s%s%s%s", f->row->what, f->value, f->wanted[0] != '\0' ? ", wanted " : "",
		     f->wanted,
		     is_apart(f) ? " (" : "", is_apart(f) ? f->subject : "", is_apart(f) ? ")" : "") < 0)
		line = NULL;
	fprintf(out, "%s%s%s ", colour ? on : "", f->note ? "note:   " : "problem:", colour ? "\033[0m" : "");
	put_paragraph(out, line);
	fputs(INDENT, out);
	put_paragraph(out, doctor_expand(d, f, f->row->why));
	fprintf(out, "%s       > ", colour ? "\033[1m" : "");
	if (fix != NULL)
		utf8_put(out, fix, strlen(fix), (int)strlen(INDENT)); /* one line: it is copied */
	fprintf(out, "%s\n", colour ? "\033[0m" : "");
	free(fix);
}

/* A list of words as JSON. */
static void put_words(struct json *j, const char *name, const char *const *words)
{
	json_enter(j, name, '[');
	for (; *words != NULL; words++)
		json_str(j, NULL, *words);
	json_leave(j, ']');
}

/* Takes text. */
static void put_expanded(struct json *j, const char *name, char *text)
{
	json_str(j, name, text);
	free(text);
}

/* "check" and "level" are for machines; the others may be read out to a person as they are. */
static void put_finding(struct json *j, const struct doctor *d, const struct doctor_finding *f)
{
	json_enter(j, NULL, '{');
	json_str(j, "check", f->row->word);
	json_str(j, "level", f->note ? "note" : "problem");
	json_str(j, "what", f->row->what);
	json_str(j, "subject", f->subject[0] != '\0' ? f->subject : NULL);
	json_str(j, "value", f->value);
	json_str(j, "wanted", f->wanted[0] != '\0' ? f->wanted : NULL);
	put_expanded(j, "why", doctor_expand(d, f, f->row->why));
	put_expanded(j, "fix", doctor_expand(d, f, f->row->fix));
	json_leave(j, '}');
}

/* The room is for the longest texts, all escaped. */
void doctor_print_json(FILE *out, const struct doctor *d, const char *const *passed, const char *const *unseen)
{
	size_t room = OBJECT * (d->n + 2);
	char *p = malloc(room);
	struct json j = {0};
	struct text t;

	if (p == NULL)
		return;
	text_init(&t, p, room);
	j.t = &t;
	json_enter(&j, NULL, '{');
	json_u64(&j, "schema", 1);
	if (d->status != NULL)
		json_i64(&j, "generation", json_number(d->status, "generation"));
	else
		json_null(&j, "generation");
	json_time(&j, "time", (int64_t)time(NULL) * NS_A_SECOND);
	json_str(&j, "file", d->file);
	if (d->pid != 0)
		json_i64(&j, "pid", d->pid);
	else
		json_null(&j, "pid");
	json_enter(&j, "findings", '[');
	for (size_t i = 0; i < d->n; i++)
		put_finding(&j, d, &d->findings[i]);
	json_leave(&j, ']');
	json_u64(&j, "left_out", d->more);
	put_words(&j, "passed", passed);
	put_words(&j, "unseen", unseen);
	json_leave(&j, '}');
	text_char(&t, '\n');
	fwrite(t.p, 1, t.n, out);
	free(p);
}
