/* migrate_nginx_read: nginx's tokenizer, by the rules of its own: words between spaces, a directive up to ; or {,
 * quotes only where a word begins, a backslash before any byte, comments only where a word could begin.
 *
 *   text -> next_word -> read_directive -> tree
 *
 * An include is read where it stands, so a file that it names must be balanced in itself. */
#include "proxy/migrate/migrate_nginx_read.h"

#include <string.h>

#include "proxy/migrate/migrate_file.h"

struct nginx_reader {
	struct migrate_job        *job;
	const struct migrate_file *f;
	const char                *at, *end, *line_start;
	uint32_t                   line;
	char                      *word; /* MIGRATE_WORD bytes and a NUL */
};

/* ---- bytes ---- */

static struct migrate_word nginx_place_of(const struct nginx_reader *r)
{
	return (struct migrate_word){"", r->line, (uint32_t)(r->at - r->line_start) + 1, false};
}

static void pass_byte(struct nginx_reader *r)
{
	if (*r->at++ == '\n') {
		r->line++;
		r->line_start = r->at;
	}
}

static bool is_space_byte(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Spaces and comments. */
static void pass_space(struct nginx_reader *r)
{
	while (r->at < r->end && (is_space_byte(*r->at) || *r->at == '#')) {
		const char *newline = *r->at == '#' ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : r->at;

		r->at = newline != NULL ? newline : r->end;
		if (newline != NULL)
			pass_byte(r);
	}
}

/* ---- words ---- */

static void nginx_put_byte(struct nginx_reader *r, const struct migrate_word *start, size_t *n, char c)
{
	if (c == '\0')
		migrate_break(r->job, r->f, start, "a NUL byte: this is not a text");
	if (*n == MIGRATE_WORD)
		migrate_break(r->job, r->f, start, "a word of more than %d bytes: is a quote or a ; missing?",
			      MIGRATE_WORD);
	r->word[(*n)++] = c;
}

/* A backslash and what is behind it: nginx undoes five escapes and leaves all others as they are. */
static void nginx_put_escape(struct nginx_reader *r, const struct migrate_word *start, size_t *n)
{
	static const char from[] = "\"'\\trn", to[] = "\"'\\\t\r\n";
	const char *known;

	pass_byte(r);
	if (r->at == r->end) {
		nginx_put_byte(r, start, n, '\\');
		return;
	}
	known = *r->at != '\0' ? strchr(from, *r->at) : NULL;
	if (known != NULL) {
		nginx_put_byte(r, start, n, to[known - from]);
	} else {
		nginx_put_byte(r, start, n, '\\');
		nginx_put_byte(r, start, n, *r->at);
	}
	pass_byte(r);
}

static bool ends_word(const struct nginx_reader *r, char quote, bool variable)
{
	if (quote != '\0')
		return *r->at == quote;
	return is_space_byte(*r->at) || *r->at == ';' || (*r->at == '{' && !variable);
}

/* Behind a closing quote nginx takes an end of the word and nothing else. */
static void pass_quote(struct nginx_reader *r)
{
	struct migrate_word behind;

	pass_byte(r);
	behind = nginx_place_of(r);
	if (r->at < r->end && !is_space_byte(*r->at) && strchr(";{)", *r->at) == NULL)
		migrate_break(r->job, r->f, &behind, "a space, a ; or a { must stand behind the quote");
}

/* One word, at which the reader stands. */
static struct migrate_word nginx_next_word(struct nginx_reader *r)
{
	struct migrate_word w = nginx_place_of(r);
	char quote = *r->at == '"' || *r->at == '\'' ? *r->at : '\0', before = '\0';
	size_t n = 0;

	if (quote != '\0')
		pass_byte(r);
	while (r->at < r->end && !ends_word(r, quote, before == '$')) {
		before = *r->at;
		if (*r->at == '\\') {
			nginx_put_escape(r, &w, &n);
			continue;
		}
		nginx_put_byte(r, &w, &n, *r->at);
		pass_byte(r);
	}
	if (r->at == r->end && quote != '\0')
		migrate_break(r->job, r->f, &w, "this quote is never closed");
	if (quote != '\0')
		pass_quote(r);
	w.text = migrate_copy(r->job, r->word, n);
	w.quoted = quote != '\0';
	return w;
}

/* ---- directives ---- */

/* The code of another language, up to the brace that ends it: no rule of nginx's holds in it. */
static void pass_code(struct nginx_reader *r, const struct migrate_word *start)
{
	for (size_t depth = 1; r->at < r->end; pass_byte(r)) {
		depth += *r->at == '{';
		depth -= *r->at == '}';
		if (depth == 0) {
			pass_byte(r);
			return;
		}
	}
	migrate_break(r->job, r->f, start, "this block is never closed");
}

/* Is the block, or one around it, of no interest? */
static bool is_foreign(const struct migrate_line *block)
{
	for (; block != NULL; block = block->parent)
		if (strcmp(migrate_arg(block, 0), "http") == 0 || strcmp(migrate_arg(block, 0), "mail") == 0)
			return true;
	return false;
}

static void follow_include(struct nginx_reader *r, struct migrate_line *d)
{
	size_t n = 0;
	const char **paths;

	if (d->n != 2)
		migrate_break_at(r->job, d, 0, "include needs one file");
	paths = migrate_file_glob(r->job, migrate_path(r->job, d->words[1].text), &n);
	r->job->depth++;
	for (size_t i = 0; i < n; i++)
		migrate_nginx_read(r->job, migrate_file_include(r->job, d, 1, paths[i]), d->parent);
	r->job->depth--;
}

static bool nginx_is_code(const struct migrate_line *d)
{
	const char *name = migrate_arg(d, 0), *at = strstr(name, "_by_lua_block");

	return at != NULL && strcmp(at, "_by_lua_block") == 0;
}

/* A directive from its first word to the ; or the {. */
static struct migrate_line *read_directive(struct nginx_reader *r, struct migrate_line *parent)
{
	struct migrate_line *d = migrate_line_new(r->job, r->f, parent);
	struct migrate_word here;

	for (;;) {
		pass_space(r);
		here = nginx_place_of(r);
		if (r->at == r->end)
			migrate_break_at(r->job, d, 0, "the file ends within this directive: is a ; or a } missing?");
		if (*r->at == ';' || *r->at == '{')
			break;
		if (*r->at == '}')
			migrate_break(r->job, r->f, &here, "a } within a directive: is a ; missing before it?");
		migrate_word_add(r->job, d, nginx_next_word(r));
	}
	if (d->n == 0)
		migrate_break(r->job, r->f, &here, "nothing stands before this %c", *r->at);
	d->block = *r->at == '{';
	pass_byte(r);
	return d;
}

/* The block that d has opened is the one to go on in. */
static struct migrate_line *enter(struct nginx_reader *r, struct migrate_line *d, size_t *depth)
{
	if (nginx_is_code(d)) {
		pass_code(r, &d->words[0]);
		return d->parent;
	}
	if (++*depth > MIGRATE_BLOCKS)
		migrate_break_at(r->job, d, 0, "too many blocks within each other");
	return d;
}

void migrate_nginx_read(struct migrate_job *j, const struct migrate_file *f, struct migrate_line *parent)
{
	struct nginx_reader r = {j, f, f->text, f->text + f->n, f->text, 1, migrate_alloc(j, MIGRATE_WORD + 1)};
	struct migrate_line *block = parent, *d;
	struct migrate_word here;
	size_t depth = 0;

	for (;;) {
		pass_space(&r);
		if (r.at == r.end)
			break;
		here = nginx_place_of(&r);
		if (*r.at == '}' && block == parent)
			migrate_break(j, f, &here, "this } closes no block");
		if (*r.at == '}') {
			pass_byte(&r);
			block = block->parent;
			depth--;
			continue;
		}
		d = read_directive(&r, block);
		if (d->block)
			block = enter(&r, d, &depth);
		else if (strcmp(migrate_arg(d, 0), "include") == 0 && !is_foreign(block))
			follow_include(&r, d);
	}
	if (block != parent)
		migrate_break_at(j, block, 0, "this block is never closed");
}
