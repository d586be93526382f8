/* dump: the effective configuration as YAML that loads to the same model, in the table's order.
 * The walk is decode's in the other direction, so a key that can be read can be printed: no key
 * is named here either. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/dump.h"
#include "config/text/utf8.h"
#include "config/value.h"
#include "config/value_put.h"

/* Comments start in this column, unless the value is longer or the line shorter. */
#define COMMENT_COLUMN 44
#define COMMENT_LEAST  24 /* columns that a sentence has beside its value; else it stands below */
#define INDENT         2

/* What stands behind each value. */
enum remark { REMARK_ORIGIN, REMARK_HELP, REMARK_NONE };

struct dump {
	FILE       *out;
	const struct config *of; /* whose files remarks name; NULL: there are none */
	enum remark remark;
	const struct config_notes *notes; /* NULL: nobody has more to say */
	int         columns; /* of a line; 0: as many as it takes */
};

/* One map of the output: the keys below prefix, out of obj. */
struct level {
	const void *obj;
	const char *prefix;
	int         indent;
	bool        dash;   /* the next line opens a list element */
	bool        repeat; /* an element before this one has explained its keys */
};

/* key_origin takes a struct that it may write to; a dump has a const one. */
static struct config_pos origin_of(const struct config_key *k, const void *obj)
{
	const struct key_scope *s = &key_scopes[k->scope];
	const struct config_pos *origin = (const void *)((const char *)obj + s->origin);

	return origin[(size_t)(k - key_rows) - s->first];
}

/* The key and its colon, behind the dash of its element if it is the element's first. Returns
 * the column behind it. */
static int dump_key(const struct dump *u, struct level *at, const struct config_key *k)
{
	int n = fprintf(u->out, "%*s%s%s:", at->dash ? at->indent - INDENT : at->indent, "", at->dash ? "- " : "",
	                key_name(k));

	at->dash = false;
	return n;
}

/* Where remarks stand, so that they can be read down. */
static int comment_column(const struct dump *u)
{
	return u->columns == 0 || u->columns > COMMENT_COLUMN + COMMENT_LEAST ? COMMENT_COLUMN : u->columns / 2;
}

/* On the line of its value however long both are, so that a line that grep finds tells both; a long one begins
 * further left where that makes the line fit. */
static void dump_origin(const struct dump *u, struct config_pos at, int column)
{
	const char *file = pos_known(at) ? config_file(u->of, at) : "default";
	char line[16] = "";
	int begin = comment_column(u), width;

	if (pos_known(at))
		snprintf(line, sizeof(line), ":%u", at.line);
	width = (int)(strlen("# ") + strlen(file) + strlen(line));
	if (u->columns > 0 && begin + width > u->columns)
		begin = u->columns - width;
	fprintf(u->out, "%*s# ", column < begin ? begin - column : 1, "");
	utf8_put(u->out, file, strlen(file), 0); /* a line end in a name would be one of the file */
	fputs(line, u->out);
}

/* A sentence and the line's end, behind a value that ends in `column`, or below it. */
static void dump_sentence(const struct dump *u, const char *text, int column)
{
	int begin = comment_column(u);
	bool beside = column < begin || column + 1 + COMMENT_LEAST <= u->columns;
	char indent[2 * COMMENT_COLUMN + sizeof("# ")];

	if (u->columns > 0 && (!beside || column > 2 * COMMENT_COLUMN - 1)) {
		putc('\n', u->out);
		column = 0;
	}
	if (column >= begin)
		begin = column + 1;
	fprintf(u->out, "%*s# ", begin - column, "");
	snprintf(indent, sizeof(indent), "%*s# ", begin, "");
	utf8_put_hanging(u->out, text, begin + 2, u->columns, indent);
}

/* Once a server, behind its first key: that line stands for the whole of it. */
static void dump_note(const struct dump *u, const struct level *at, const struct config_key *k)
{
	if (u->notes != NULL && k == &key_rows[key_scopes[KEY_SERVER].first])
		u->notes->of_server(u->notes->arg, u->out, at->obj);
}

/* The elements of a list explain their keys once: the remark of the second would be the first's
 * again. */
static void dump_help(const struct dump *u, const struct level *at, const struct config_key *k, int column)
{
	if (at->repeat)
		putc('\n', u->out);
	else
		dump_sentence(u, k->help, column);
}

static void dump_remark(const struct dump *u, const struct level *at, const struct config_key *k, int column)
{
	if (u->remark == REMARK_HELP)
		dump_help(u, at, k, column);
	if (u->remark == REMARK_ORIGIN) {
		dump_origin(u, origin_of(k, at->obj), column);
		dump_note(u, at, k);
	}
	if (u->remark != REMARK_HELP)
		putc('\n', u->out);
}

/* A key with one value: `idle: 1h`. */
static void dump_plain(const struct dump *u, struct level *at, const struct config_key *k)
{
	int column = dump_key(u, at, k);

	putc(' ', u->out);
	column += 1 + value_put(u->out, k, key_field_const(k, at->obj));
	dump_remark(u, at, k, column);
}

/* Of addresses to listen on that are nothing but an address. */
static struct config_text dumped_address(const struct config_key *k, const void *obj, size_t i)
{
	const struct config_bind *b = key_get_list(k, obj).elements;

	return (struct config_text){b[i].text, b[i].origin[0]};
}

static struct config_text dumped_item(const struct config_key *k, const void *obj, size_t i)
{
	struct config_text item;

	if (k->kind == KEY_LIST)
		return dumped_address(k, obj, i);
	memcpy(&item, (const char *)key_get_list(k, obj).elements + i * value_item_size(k), sizeof(item));
	return item;
}

/* A list of which each element can be written as its shorthand, and the list as its one element. */
static bool is_short(const struct config_key *k, const void *obj)
{
	struct key_list list = key_get_list(k, obj);
	const struct config_bind *b = list.elements;

	if (!(k->flags & KEY_ALONE))
		return false;
	for (size_t i = 0; i < list.n; i++)
		if (b[i].mode != NULL || b[i].owner != NULL || b[i].proxy_protocol != NULL)
			return false;
	return true;
}

static void dump_item(const struct dump *u, const struct level *at, const struct config_key *k,
                     const struct config_text *item)
{
	int column = fprintf(u->out, "%*s- ", at->indent + INDENT, "");

	column += value_put_item(u->out, k, item);
	if (u->remark == REMARK_ORIGIN)
		dump_origin(u, item->at, column);
	putc('\n', u->out);
}

/* One value stands beside its key, several below it. */
static void dump_several(const struct dump *u, struct level *at, const struct config_key *k)
{
	size_t n = key_get_list(k, at->obj).n;
	int column = dump_key(u, at, k);
	struct config_text item;

	if (n == 1) {
		putc(' ', u->out);
		item = dumped_item(k, at->obj, 0);
		column += 1 + value_put_item(u->out, k, &item);
	}
	dump_remark(u, at, k, column);
	for (size_t i = 0; i < n && n > 1; i++) {
		item = dumped_item(k, at->obj, i);
		dump_item(u, at, k, &item);
	}
}

/* A section's own line says what it is for; where it was written is said by its values. */
static void dump_section(const struct dump *u, struct level *at, const struct config_key *k)
{
	int column = dump_key(u, at, k);

	if (u->remark == REMARK_HELP)
		dump_help(u, at, k, column);
	else
		putc('\n', u->out);
}

static void dump_map(const struct dump *u, struct level *at);

/* Each element opens with its dash, which dump_key prints before the element's first key. */
static void dump_list(const struct dump *u, const struct level *above, const struct config_key *k)
{
	const struct key_scope *s = key_elements(k);
	struct key_list list = key_get_list(k, above->obj);

	for (size_t i = 0; i < list.n; i++) {
		struct level at = {.obj = (const char *)list.elements + i * s->size,
		                   .prefix = s->prefix,
		                   .indent = above->indent + 2 * INDENT,
		                   .dash = true,
		                   .repeat = above->repeat || i > 0};

		dump_map(u, &at);
	}
}

/* A MAP's keys are its struct's own, a BLOCK's those of the struct it points to. */
static void dump_inside(const struct dump *u, const struct level *at, const struct config_key *k)
{
	struct level below = {.obj = k->kind == KEY_BLOCK ? key_get_block(k, at->obj) : at->obj,
	                      .prefix = k->path,
	                      .indent = at->indent + INDENT,
	                      .repeat = at->repeat};

	if (k->kind == KEY_LIST)
		dump_list(u, at, k);
	else
		dump_map(u, &below);
}

/* What is absent has no text that would load to it but its absence. */
static void dump_row(const struct dump *u, struct level *at, const struct config_key *k)
{
	if (key_is_absent(k, at->obj) || (k->flags & KEY_FOLDED))
		return;
	if (key_is_section(k) && !is_short(k, at->obj)) {
		dump_section(u, at, k);
		dump_inside(u, at, k);
	} else if (key_is_section(k) || key_is_several(k)) {
		dump_several(u, at, k);
	} else {
		dump_plain(u, at, k);
	}
}

static void dump_map(const struct dump *u, struct level *at)
{
	const struct config_key *k = NULL;

	while ((k = key_next(at->prefix, k)) != NULL)
		dump_row(u, at, k);
}

void config_dump_noted(FILE *out, const struct config *c, const struct config_notes *notes)
{
	struct dump u = {.out = out, .of = c, .remark = REMARK_ORIGIN, .notes = notes};
	struct level top = {.obj = c, .prefix = ""};

	dump_map(&u, &top);
}

void config_dump(FILE *out, const struct config *c, int columns)
{
	struct dump u = {.out = out, .of = c, .remark = REMARK_ORIGIN, .columns = columns};
	struct level top = {.obj = c, .prefix = ""};

	dump_map(&u, &top);
}

void config_dump_help(FILE *out, const struct config *c, int columns)
{
	struct dump u = {.out = out, .of = c, .remark = REMARK_HELP, .columns = columns};
	struct level top = {.obj = c, .prefix = ""};

	dump_map(&u, &top);
}

/* ---- comparing ---- */

static void dump_block(FILE *out, enum key_scope_id scope, const void *obj)
{
	struct dump u = {.out = out, .remark = REMARK_NONE};
	struct level top = {.obj = obj, .prefix = key_scopes[scope].prefix};

	dump_map(&u, &top);
}

void dump_one(FILE *out, const struct config_key *k, const void *obj)
{
	struct dump u = {.out = out, .remark = REMARK_NONE};
	struct level at = {.obj = obj, .prefix = ""};

	dump_row(&u, &at, k);
}

void config_dump_tls_in(FILE *out, const struct config_tls_in *t)
{
	dump_block(out, KEY_TLS_IN, t);
}

void config_dump_tls_out(FILE *out, const struct config_tls_out *t)
{
	dump_block(out, KEY_TLS_OUT, t);
}

/* NULL: no memory. */
static char *dumped_text(const struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	bool whole;

	if (f == NULL)
		return NULL;
	config_dump(f, c, 0);
	whole = ferror(f) == 0;
	if (fclose(f) == 0 && whole)
		return text;
	free(text);
	return NULL;
}

/* The numbers first: a file with a listener more needs no text to be told apart. */
bool config_same(const struct config *a, const struct config *b)
{
	char *text_a, *text_b;
	bool same;

	if (a->nlisteners != b->nlisteners || a->nupstreams != b->nupstreams)
		return false;
	text_a = dumped_text(a);
	text_b = dumped_text(b);
	same = text_a != NULL && text_b != NULL && strcmp(text_a, text_b) == 0;
	free(text_a);
	free(text_b);
	return same;
}
