/* migrate_haproxy_read: HAProxy's tokenizer: a directive is a line; words between spaces, "weak" and 'strong' quotes
 * anywhere in a word, a backslash before a space, a quote, #, n, r, t or xHH, comments from # on.
 *
 *   text -> physical lines -> read_words -> section or line; .if in between */
#include "proxy/migrate/migrate_haproxy_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_haproxy_if.h"

struct haproxy_reader {
	struct migrate_job        *job;
	const struct migrate_file *f;
	const char                *at, *end, *line_start;
	uint32_t                   line;
	char                      *word; /* MIGRATE_WORD bytes and a NUL */
	size_t                     n;
	struct migrate_word        start; /* of the word that is read */
};

/* ---- the environment ---- */

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The variable at *at, which stands behind the $; *at moves behind it. NULL: there is none, and none was given for
 * it. */
static const char *env_value(struct migrate_job *j, const char **at)
{
	bool braces = **at == '{';
	const char *name = *at + braces, *end = name, *other, *close, *value;

	while (is_name_byte(*end))
		end++;
	value = getenv(migrate_copy(j, name, (size_t)(end - name)));
	*at = end;
	if (!braces)
		return value;
	close = strchr(end, '}');
	if (close == NULL)
		return value;
	*at = close + 1;
	other = *end == '-' ? end + 1 : NULL;
	return value == NULL && other != NULL ? migrate_copy(j, other, (size_t)(close - other)) : value;
}

const char *migrate_haproxy_env(struct migrate_job *j, const char *text)
{
	const char *dollar = strchr(text, '$'), *rest, *value;

	if (dollar == NULL)
		return text;
	rest = dollar + 1;
	if (*rest != '{' && !is_name_byte(*rest))
		return text;
	value = env_value(j, &rest);
	/* What is put in is not looked at again, so that no value can make this run for ever. */
	return migrate_format(j, "%.*s%s%s", (int)(dollar - text), text, value != NULL ? value : "",
			      migrate_haproxy_env(j, rest));
}

/* ---- words ---- */

static void add_byte(struct haproxy_reader *r, char c)
{
	if (c == '\0')
		migrate_break(r->job, r->f, &r->start, "a NUL byte: this is not a text");
	if (r->n == MIGRATE_WORD)
		migrate_break(r->job, r->f, &r->start, "a word of more than %d bytes: is a quote missing?",
			MIGRATE_WORD);
	r->word[r->n++] = c;
}

static void next_byte(struct haproxy_reader *r)
{
	if (*r->at++ == '\n') {
		r->line++;
		r->line_start = r->at;
	}
}

static struct migrate_word here_of(const struct haproxy_reader *r)
{
	return (struct migrate_word){"", r->line, (uint32_t)(r->at - r->line_start) + 1, false};
}

static int hex_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* At a line's end, with a carriage return before it or without. */
static bool at_line_end(const struct haproxy_reader *r)
{
	return r->at == r->end || *r->at == '\n' || (*r->at == '\r' && (r->at + 1 == r->end || r->at[1] == '\n'));
}

/* Behind a backslash: in weak quotes it escapes \ " and $ alone, outside also spaces, #, ' and bytes by name.
 * Before a line's end it is a byte as any other: no line is continued. */
static void haproxy_read_escape(struct haproxy_reader *r, bool weak)
{
	static const char plain[] = "\\\"$", outside[] = " #'", from[] = "nrt", to[] = "\n\r\t";
	const char *known;

	if (at_line_end(r)) {
		add_byte(r, '\\');
		return;
	}
	if (strchr(plain, *r->at) != NULL || (!weak && strchr(outside, *r->at) != NULL)) {
		add_byte(r, *r->at);
	} else if ((known = strchr(from, *r->at)) != NULL && !weak) {
		add_byte(r, to[known - from]);
	} else if (*r->at == 'x' && !weak && r->end - r->at > 2 && hex_of(r->at[1]) >= 0 && hex_of(r->at[2]) >= 0) {
		add_byte(r, (char)(hex_of(r->at[1]) * 16 + hex_of(r->at[2])));
		next_byte(r);
		next_byte(r);
	} else {
		add_byte(r, '\\');
		add_byte(r, *r->at);
	}
	next_byte(r);
}

/* A variable within weak quotes. */
static void read_variable(struct haproxy_reader *r)
{
	const char *limit = r->at + strcspn(r->at, "\"\n"), *rest, *text, *value;

	text = migrate_copy(r->job, r->at, (size_t)(limit - r->at));
	rest = text + 1;
	if (*rest != '{' && !is_name_byte(*rest)) {
		add_byte(r, '$');
		next_byte(r);
		return;
	}
	value = env_value(r->job, &rest);
	for (; value != NULL && *value != '\0'; value++)
		add_byte(r, *value);
	r->at += rest - text;
}

/* Up to the quote that closes; the reader stands behind the one that opens. */
static void read_quoted(struct haproxy_reader *r, char quote)
{
	struct migrate_word opened = here_of(r);

	opened.column--;
	while (!at_line_end(r) && *r->at != quote) {
		if (quote == '"' && *r->at == '$') {
			read_variable(r);
			continue;
		}
		if (quote == '"' && *r->at == '\\') {
			next_byte(r);
			haproxy_read_escape(r, true);
			continue;
		}
		add_byte(r, *r->at);
		next_byte(r);
	}
	if (at_line_end(r))
		migrate_break(r->job, r->f, &opened, "this quote is not closed on its line");
	next_byte(r);
}

static void haproxy_read_word(struct haproxy_reader *r, struct migrate_line *d)
{
	r->n = 0;
	r->start = here_of(r);
	while (!at_line_end(r) && *r->at != ' ' && *r->at != '\t' && *r->at != '#') {
		char c = *r->at;

		next_byte(r);
		if (c == '"' || c == '\'') {
			r->start.quoted = true;
			read_quoted(r, c);
		} else if (c == '\\') {
			haproxy_read_escape(r, false);
		} else {
			add_byte(r, c);
		}
	}
	r->start.text = migrate_copy(r->job, r->word, r->n);
	if (r->n > 0 || r->start.quoted)
		migrate_word_add(r->job, d, r->start);
}

/* The words of a line into d. */
static void haproxy_read_words(struct haproxy_reader *r, struct migrate_line *d)
{
	while (!at_line_end(r) && *r->at != '#') {
		if (*r->at == ' ' || *r->at == '\t')
			next_byte(r);
		else
			haproxy_read_word(r, d);
	}
	while (r->at < r->end && *r->at != '\n')
		r->at++;
	if (r->at < r->end)
		next_byte(r);
}

/* ---- lines and sections ---- */

static bool is_section(const char *word)
{
	static const char *const sections[] = {
		"global", "defaults", "frontend", "backend", "listen", "resolvers", "peers", "mailers", "userlist",
		"cache", "program", "ring", "http-errors", "fcgi-app", "crt-store", "log-forward", "log-profile",
			"traces",
	};

	for (size_t i = 0; i < array_len(sections); i++)
		if (strcmp(word, sections[i]) == 0)
			return true;
	return false;
}

/* Lines before any section are those of a section without words. */
static struct migrate_line *section_of_line(struct haproxy_reader *r, struct migrate_line *top,
					    struct migrate_line *section)
{
	if (section == NULL) {
		section = migrate_line_new(r->job, r->f, top);
		section->block = true;
	}
	return section;
}

void migrate_haproxy_read(struct migrate_job *j, const struct migrate_file *f, struct migrate_line *top)
{
	struct haproxy_reader r = {j, f, f->text, f->text + f->n, f->text, 1, migrate_alloc(j, MIGRATE_WORD + 1), 0,
		{0}};
	struct migrate_line *section = NULL, *d;
	struct migrate_ifs ifs = {.depth = 0};

	while (r.at < r.end) {
		d = migrate_line_new(j, f, NULL);
		haproxy_read_words(&r, d);
		if (d->n == 0)
			continue;
		if (migrate_if(j, &ifs, d) || !migrate_if_holds(&ifs))
			continue;
		if (is_section(migrate_arg(d, 0))) {
			d->block = true;
			d->parent = top;
			section = d;
		} else {
			section = section_of_line(&r, top, section);
			d->parent = section;
		}
		*(d->parent->last != NULL ? &d->parent->last->next : &d->parent->first) = d;
		d->parent->last = d;
	}
	migrate_if_end(j, &ifs);
}
