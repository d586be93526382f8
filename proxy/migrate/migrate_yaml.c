/* migrate_yaml: the tree and its text. */
#include "proxy/migrate/migrate_yaml.h"

#include <ctype.h>
#include <string.h>

#include "config/text/utf8.h"

#define COMMENT_COLUMN 60 /* where the comment on a node's origin begins, if the node is not longer */

struct yaml_writer {
	FILE    *f;
	uint32_t line;
};

/* ---- the tree ---- */

static struct yaml *yaml_node_new(struct migrate_job *j, enum yaml_kind kind, struct migrate_line *from)
{
	struct yaml *n = migrate_alloc(j, sizeof(*n));

	n->kind = kind;
	n->from = from;
	return n;
}

struct yaml *yaml_new(struct migrate_job *j, struct migrate_line *from)
{
	return yaml_node_new(j, YAML_MAP, from);
}

void yaml_append(struct yaml *in, struct yaml *node)
{
	node->next = NULL;
	*(in->last != NULL ? &in->last->next : &in->first) = node;
	in->last = node;
}

static struct yaml *child_of(const struct yaml *map, const char *key, size_t n)
{
	for (struct yaml *c = map->first; c != NULL; c = c->next)
		if (c->key != NULL && strncmp(c->key, key, n) == 0 && c->key[n] == '\0')
			return c;
	return NULL;
}

struct yaml *yaml_find(struct yaml *map, const char *path)
{
	while (map != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");

		map = child_of(map, path, n);
		path += n + (path[n] == '.');
	}
	return map;
}

const char *yaml_text_of(struct yaml *map, const char *path)
{
	struct yaml *n = yaml_find(map, path);

	return n != NULL && n->kind == YAML_TEXT ? n->text : "";
}

/* The node at the path, with what is missing on the way to it. What is there of another kind is replaced:
 * `on_down: off` by a map, say. */
static struct yaml *node_at(struct migrate_job *j, struct yaml *map, const char *path, enum yaml_kind kind,
			    struct migrate_line *from)
{
	while (*path != '\0') {
		size_t n = strcspn(path, ".");
		enum yaml_kind wanted = path[n] == '.' ? YAML_MAP : kind;
		struct yaml *c = child_of(map, path, n);

		if (c == NULL) {
			c = yaml_node_new(j, wanted, from);
			c->key = migrate_copy(j, path, n);
			yaml_append(map, c);
		}
		if (c->kind != wanted) {
			c->kind = wanted;
			c->first = c->last = NULL;
		}
		map = c;
		path += n + (path[n] == '.');
	}
	return map;
}

struct yaml *yaml_map_at(struct migrate_job *j, struct yaml *map, const char *path, struct migrate_line *from)
{
	return node_at(j, map, path, YAML_MAP, from);
}

struct yaml *yaml_list_at(struct migrate_job *j, struct yaml *map, const char *path, struct migrate_line *from)
{
	return node_at(j, map, path, YAML_LIST, from);
}

struct yaml *yaml_set(struct migrate_job *j, struct yaml *map, const char *path, const char *text,
		      struct migrate_line *from)
{
	struct yaml *n = node_at(j, map, path, YAML_TEXT, from);

	n->text = text;
	n->from = from;
	n->instead = n->remark = NULL;
	return n;
}

struct yaml *yaml_add(struct migrate_job *j, struct yaml *map, const char *path, const char *text,
		      struct migrate_line *from)
{
	struct yaml *list = node_at(j, map, path, YAML_LIST, from), *n = yaml_node_new(j, YAML_TEXT, from);

	n->text = text;
	yaml_append(list, n);
	return n;
}

static void take_out(struct yaml *in, struct yaml *node)
{
	struct yaml **at = &in->first, *last = NULL;

	while (*at != NULL && *at != node) {
		last = *at;
		at = &(*at)->next;
	}
	if (*at == NULL)
		return;
	*at = node->next;
	if (in->last == node)
		in->last = last;
}

void yaml_drop(struct yaml *map, const char *path)
{
	size_t n = strcspn(path, ".");
	struct yaml *c = child_of(map, path, n);

	if (c == NULL)
		return;
	if (path[n] == '.')
		yaml_drop(c, path + n + 1);
	if (path[n] != '.' || c->first == NULL)
		take_out(map, c);
}

struct yaml *yaml_clone(struct migrate_job *j, const struct yaml *node)
{
	struct yaml *copy = migrate_alloc(j, sizeof(*copy));

	*copy = *node;
	copy->next = copy->first = copy->last = NULL;
	for (const struct yaml *c = node->first; c != NULL; c = c->next)
		yaml_append(copy, yaml_clone(j, c));
	return copy;
}

void yaml_merge(struct migrate_job *j, struct yaml *to, const struct yaml *from)
{
	for (const struct yaml *c = from->first; c != NULL; c = c->next) {
		struct yaml *there = child_of(to, c->key, strlen(c->key));

		if (there == NULL)
			yaml_append(to, yaml_clone(j, c));
		else if (there->kind == YAML_MAP && c->kind == YAML_MAP)
			yaml_merge(j, there, c);
	}
}

static const struct yaml *yaml_step(const struct yaml *n, const char *but)
{
	while (n != NULL && but != NULL && n->key != NULL && strcmp(n->key, but) == 0)
		n = n->next;
	return n;
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool yaml_same(const struct yaml *a, const struct yaml *b, const char *but)
{
	const struct yaml *x = yaml_step(a->first, but), *y = yaml_step(b->first, but);

	if (a->kind != b->kind || !text_equal(a->text, b->text))
		return false;
	for (; x != NULL && y != NULL; x = yaml_step(x->next, but), y = yaml_step(y->next, but))
		if (!text_equal(x->key, y->key) || !yaml_same(x, y, NULL))
			return false;
	return x == y;
}

/* ---- its text ---- */

/* Words, whole numbers and durations stand as they are; whatever another reader of YAML could take for something
 * else is quoted. */
static bool is_plain(const char *s)
{
	bool digit = isdigit((unsigned char)s[0]);

	if (s[0] == '\0' || s[0] == '-' || s[0] == '.' || (s[0] == '0' && s[1] != '\0'))
		return false;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '_' && *s != '%' && (digit || (*s != '-' && *s != '.')))
			return false;
	return true;
}

/* Characters as they are; bytes that are none, and what acts on a terminal, by number. Returns the columns. */
static int put_text(FILE *f, const char *s)
{
	size_t n = strlen(s);
	int columns = 2;

	if (is_plain(s)) {
		fputs(s, f);
		return (int)n;
	}
	fputc('"', f);
	while (n > 0) {
		uint32_t c = 0;
		size_t step_n = utf8_decode(s, n, &c);

		if (step_n == 0 || utf8_is_hostile(c)) {
			columns += fprintf(f, step_n == 0 ? "\\x%02x" : "\\u%04x", step_n == 0 ? (unsigned char)*s : c);
		} else {
			columns += fprintf(f, "%s%.*s", c == '"' || c == '\\' ? "\\" : "", (int)step_n, s);
		}
		s += step_n == 0 ? 1 : step_n;
		n -= step_n == 0 ? 1 : step_n;
	}
	fputc('"', f);
	return columns;
}

/* In comments: what is not ASCII may be what no file of ours may have. */
static void yaml_put_plain(FILE *f, const char *s)
{
	for (; *s != '\0'; s++)
		fputc((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e ? '?' : *s, f);
}

/* Where a node came from, where that is not where the one around it did. */
static void yaml_end_line(struct yaml_writer *w, const struct yaml *n, const struct migrate_line *around, int column)
{
	const struct migrate_line *d = n->from;

	if (d != NULL && (around == NULL || d->file != around->file ||
			  migrate_line_number(d) != migrate_line_number(around))) {
		fprintf(w->f, "%*s# ", column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 1, "");
		yaml_put_plain(w->f, d->file->name);
		fprintf(w->f, ":%u", migrate_line_number(d));
	}
	fputc('\n', w->f);
	w->line++;
}

static void yaml_put_remark(struct yaml_writer *w, const struct yaml *n, int indent)
{
	if (n->remark == NULL)
		return;
	fprintf(w->f, "%*s# ", indent, "");
	yaml_put_plain(w->f, n->remark);
	fputc('\n', w->f);
	w->line++;
}

/* "key: text", "key:"; a list of texts stands in brackets. The cursor stands at the column; what is within a node
 * stands at the indent. */
static void put_node(struct yaml_writer *w, struct yaml *n, int column, const struct migrate_line *around);

static void put_children(struct yaml_writer *w, struct yaml *n, int indent, bool first_is_placed)
{
	for (struct yaml *c = n->first; c != NULL; c = c->next) {
		bool placed = first_is_placed && c == n->first;

		if (!placed) {
			yaml_put_remark(w, c, indent);
			fprintf(w->f, "%*s%s", indent, "", n->kind == YAML_LIST ? "- " : "");
		}
		put_node(w, c, indent + (n->kind == YAML_LIST ? 2 : 0), placed ? NULL : n->from);
	}
}

static void put_node(struct yaml_writer *w, struct yaml *n, int column, const struct migrate_line *around)
{
	n->line = w->line;
	if (n->kind == YAML_MAP && n->key == NULL) { /* in a list: its first key stands behind the dash */
		put_children(w, n, column, true);
		return;
	}
	if (n->key != NULL)
		column += fprintf(w->f, "%s:%s", n->key, n->kind == YAML_TEXT ? " " : "");
	if (n->kind == YAML_TEXT) {
		column += put_text(w->f, n->text);
		yaml_end_line(w, n, around, column);
		return;
	}
	if (n->first == NULL)
		fputs(n->kind == YAML_MAP ? " {}" : " []", w->f);
	yaml_end_line(w, n, around, column + (n->first == NULL ? 3 : 0));
	put_children(w, n, column - (int)strlen(n->key) - 1 + 2, false);
}

uint32_t yaml_write(FILE *f, struct yaml *root, uint32_t line)
{
	struct yaml_writer w = {f, line};

	put_children(&w, root, 0, false);
	return w.line - line;
}
