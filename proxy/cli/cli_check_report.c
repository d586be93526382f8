/* The forms for programs: JSON for scripts, workflow commands and SARIF for code hosts, which show the problems beside
 * the lines of a change. */
#include "proxy/cli/cli_check_report.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/text/utf8.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/json.h"
#include "proxy/cli/cli.h"
#include "proxy/control/problems.h"

/* ---- JSON's strings ---- */

/* Messages quote the file, so they may hold any bytes. */
static void json_problem_string(FILE *out, const char *s)
{
	size_t n = strlen(s), len;
	char room[JSON_ESCAPE];
	struct text t;

	putc('"', out);
	for (; n > 0; s += len, n -= len) {
		text_init(&t, room, sizeof(room));
		len = json_character(&t, s, n);
		fwrite(t.p, 1, t.n, out);
	}
	putc('"', out);
}

static const char *severity_word(const struct diag_problem *b)
{
	DCHECK(b->message[0] != '\0', "a problem without a message");
	return diag_severity(b->code) == DIAG_ERROR ? "error" : "warning";
}

/* Message, guess and, behind `between`, the help: for forms that show one text. */
#define WHOLE_ROOM 640

static void whole_text(char out[WHOLE_ROOM], const struct diag_problem *b, const char *between)
{
	bool guess = b->suggestion[0] != '\0', help = b->help[0] != '\0';

	snprintf(out, WHOLE_ROOM, "%s%s%s%s%s%s", b->message, guess ? "; did you mean \"" : "", b->suggestion,
		 guess ? "\"?" : "", help ? between : "", b->help);
}

/* ---- json: one object a file, on one line ---- */

static void json_problem(FILE *out, const struct diag_problem *b)
{
	char *room = malloc(PROBLEM_ROOM);
	struct text t;
	struct json j = {.t = &t};

	if (room == NULL) {
		cli_complain("%s", np_err_text(-NP_ENOMEM));
		return;
	}
	text_init(&t, room, PROBLEM_ROOM);
	problem_put(&j, b);
	DCHECK(!t.cut, "PROBLEM_ROOM has room for every problem");
	fwrite(t.p, 1, t.n, out);
	free(room);
}

static void json_file(FILE *out, const char *path, const struct diag *d, size_t before)
{
	(void)before;
	fputs("{\"schema\":1,\"file\":", out);
	json_problem_string(out, path);
	fprintf(out, ",\"errors\":%zu,\"warnings\":%zu,\"problems\":[", diag_count(d, DIAG_ERROR),
		diag_count(d, DIAG_WARNING));
	for (size_t i = 0; i < diag_shown(d); i++) {
		fputs(i > 0 ? "," : "", out);
		json_problem(out, diag_get(d, i));
	}
	fputs("]}\n", out);
}

/* ---- github: one workflow command a problem ---- */

/* Percent signs, ends of lines and what acts on a terminal are escaped; in a property `also` is, too. */
static void put_escaped(FILE *out, const char *s, const char *also)
{
	size_t n = strlen(s), len;
	uint32_t c;

	for (size_t i = 0; i < n; i += len) {
		bool plain;

		len = utf8_decode(s + i, n - i, &c);
		plain = len > 0 && c != '%' && !utf8_is_hostile(c) && (c > 0x7f || strchr(also, (int)c) == NULL);
		len = len == 0 ? 1 : len;
		if (plain)
			fwrite(s + i, 1, len, out);
		for (size_t j = i; !plain && j < i + len; j++)
			fprintf(out, "%%%02X", (unsigned)(unsigned char)s[j]);
	}
}

static void github_problem(FILE *out, const char *path, const struct diag_problem *b)
{
	char text[WHOLE_ROOM];

	fprintf(out, "::%s file=", severity_word(b));
	put_escaped(out, b->source != NULL ? b->source->name : path, ":,");
	if (pos_known(b->at))
		fprintf(out, ",line=%u,col=%u,endColumn=%u", b->at.line, b->at.column, b->at.column + b->at.width);
	fprintf(out, ",title=%s::", diag_code_text(b->code));
	whole_text(text, b, "\nhelp: ");
	put_escaped(out, text, "");
	putc('\n', out);
}

static void github_file(FILE *out, const char *path, const struct diag *d, size_t before)
{
	(void)before;
	for (size_t i = 0; i < diag_shown(d); i++)
		github_problem(out, path, diag_get(d, i));
}

/* ---- sarif: one document for all files ---- */

static void sarif_begin(FILE *out)
{
	static const enum diag_code codes[] = {
#define X(name, letter, number, meaning) DIAG_##name,
		DIAG_TBL(X)
#undef X
	};

	fprintf(out,
		"{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{"
		"\"tool\":{\"driver\":{\"name\":\"staunch\",\"version\":\"%s\",\"rules\":[",
		cli_version_text());
	for (size_t i = 0; i < array_len(codes); i++) {
		fprintf(out, "%s{\"id\":\"%s\",\"shortDescription\":{\"text\":", i > 0 ? "," : "",
			diag_code_text(codes[i]));
		json_problem_string(out, diag_code_meaning(codes[i]));
		fputs("}}", out);
	}
	fputs("]}},\"columnKind\":\"unicodeCodePoints\",\"results\":[", out);
}

/* RFC 3986: a path as the reference of a URI. */
static void sarif_uri(FILE *out, const char *path)
{
	fputs(path[0] == '/' ? "\"file://" : "\"", out);
	for (; *path != '\0'; path++)
		if (isalnum((unsigned char)*path) || strchr("-._~/", *path) != NULL)
			putc(*path, out);
		else
			fprintf(out, "%%%02X", (unsigned)(unsigned char)*path);
	putc('"', out);
}

static void sarif_problem(FILE *out, const char *path, const struct diag_problem *b)
{
	char text[WHOLE_ROOM];

	whole_text(text, b, "\n");
	fprintf(out, "{\"ruleId\":\"%s\",\"level\":\"%s\",\"message\":{\"text\":", diag_code_text(b->code),
		severity_word(b));
	json_problem_string(out, text);
	fputs("},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":", out);
	sarif_uri(out, b->source != NULL ? b->source->name : path);
	putc('}', out);
	if (pos_known(b->at))
		fprintf(out, ",\"region\":{\"startLine\":%u,\"startColumn\":%u,\"endColumn\":%u}", b->at.line,
			b->at.column, b->at.column + b->at.width);
	fputs("}}]}", out);
}

static void sarif_file(FILE *out, const char *path, const struct diag *d, size_t before)
{
	for (size_t i = 0; i < diag_shown(d); i++) {
		fputs(before + i > 0 ? "," : "", out);
		sarif_problem(out, path, diag_get(d, i));
	}
}

static void sarif_end(FILE *out)
{
	fputs("]}]}\n", out);
}

static const struct check_report reports[] = {
	{"json", NULL, json_file, NULL},
	{"github", NULL, github_file, NULL},
	{"sarif", sarif_begin, sarif_file, sarif_end},
};

const struct check_report *check_report_find(const char *word)
{
	for (size_t i = 0; i < array_len(reports); i++)
		if (strcmp(word, reports[i].word) == 0)
			return &reports[i];
	return NULL;
}
