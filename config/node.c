/* node: libyaml's events to a tree, without recursion: the open collections stand on a stack of
 * NODE_DEPTH frames. Every bound is checked before memory is taken for what lies beyond it. */
#include "config/node.h"

#include "config/key.h"

#include <string.h>
#include <yaml.h>

#include "config/text/source_check.h"
#include "config/text/utf8.h"
#include "netpoll/err.h"

/* Of equal names the newest counts, as YAML has it: the list is searched from its head. */
struct anchor {
	struct anchor *next;
	const char    *name;
	struct node   *node;
};

/* One collection whose end was not seen. */
struct frame {
	struct node       *node;
	const struct node *key;  /* of a map: read, its value is still to come */
	bool               drop; /* that value goes nowhere: its key was refused */
};

struct parse {
	yaml_parser_t        yaml;
	yaml_event_t         event; /* the one being handled; freed by the loop */
	struct diag         *d;
	struct node_tree    *t;
	struct node         *root; /* of this text */
	uint16_t             part;
	struct anchor       *anchors;
	struct frame         stack[NODE_DEPTH];
	int                  depth;
};

/* What a handler returns besides 0 and errors: the rest of the text is not read. */
#define STOP 1

/* Something is wrong that makes the rest unreadable: keys that seem to be missing may stand
 * there. */
static int stop_parsing(struct parse *p)
{
	p->t->whole = false;
	return STOP;
}

/* The places of libyaml become ours: it counts from 0, and in characters. A node over several
 * lines is underlined on the first. */
/* A width beyond 16 bits is a value of 64 KiB in one line, of which no more is underlined. */
static struct config_pos pos_at(const struct parse *p, const yaml_mark_t *a, size_t width)
{
	if (width == 0)
		width = 1;
	return (struct config_pos){.line = (uint32_t)a->line + 1,
	                           .column = (uint32_t)a->column + 1,
	                           .width = width < UINT16_MAX ? (uint16_t)width : UINT16_MAX,
	                           .part = p->part};
}

static struct config_pos pos_of(const struct parse *p)
{
	const yaml_mark_t *a = &p->event.start_mark, *b = &p->event.end_mark;

	return pos_at(p, a, a->line == b->line ? b->column - a->column : 1);
}

/* Every node of the tree comes from here, at the place of the event being handled. Open ones are
 * collections. */
static struct node *node_new(struct parse *p, enum node_kind kind)
{
	struct node *n = arena_alloc(&p->t->arena, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->at = pos_of(p);
	n->tail = &n->items;
	n->nodes = n->height = 1;
	n->open = kind != NODE_SCALAR;
	n->text = "";
	return n;
}

/* ---- where a node goes ---- */

/* The next node of the open map is a key. */
static bool wants_key(const struct parse *p)
{
	return p->depth > 0 && p->stack[p->depth - 1].node->kind == NODE_MAP && p->stack[p->depth - 1].key == NULL;
}

/* The first of equal keys, by a walk: maps of config files are short, and the order is kept for
 * free. */
static const struct node_item *item_of(const struct node *map, const char *key)
{
	if (map == NULL || map->kind != NODE_MAP)
		return NULL;
	for (const struct node_item *it = map->items; it != NULL; it = it->next)
		if (strcmp(it->key->text, key) == 0)
			return it;
	return NULL;
}

/* A key that is refused is read on with its value dropped, so that one slip does not hide the
 * problems behind it. */
static int node_place_key(struct parse *p, struct node *n)
{
	struct frame *top = &p->stack[p->depth - 1];
	const struct node_item *first;

	if (n->kind != NODE_SCALAR) {
		diag_error(p->d, DIAG_SHAPE, n->at, "a key must be a plain word");
		diag_help(p->d, "put quotes around a value that starts with [ or {");
		return stop_parsing(p);
	}
	top->key = n;
	first = item_of(top->node, n->text);
	top->drop = first != NULL;
	if (first != NULL) {
		diag_error(p->d, DIAG_KEY_TWICE, n->at, "the key \"%s\" is written twice", n->text);
		diag_note(p->d, "the first is at %s", diag_place(p->d, first->key->at).text);
	}
	if (!n->quoted && strcmp(n->text, "<<") == 0) {
		diag_error(p->d, DIAG_REFUSED, n->at, "merge keys are refused: write the keys out");
		top->drop = true;
	}
	return 0;
}

/* Appends to the open collection at the top of the stack, in O(1) by its tail. */
static int node_place_item(struct parse *p, struct frame *top, struct node *n)
{
	struct node_item *it = arena_alloc(&p->t->arena, sizeof(*it));

	if (it == NULL)
		return -NP_ENOMEM;
	it->key = top->key;
	it->value = n;
	*top->node->tail = it;
	top->node->tail = &it->next;
	top->node->n++;
	return 0;
}

/* Adds a finished node's size to the collection above it; an open one is added when its end is
 * seen. */
static void count_nodes(struct parse *p, const struct node *n)
{
	struct node *above = p->depth > 0 ? p->stack[p->depth - 1].node : NULL;

	if (above == NULL || n->open)
		return;
	above->nodes += n->nodes;
	if (above->height <= n->height)
		above->height = n->height + 1;
}

/* The one door into the tree, for fresh nodes and for aliases. An alias counts as all the nodes
 * that it stands for, or nested aliases could make ten lines of YAML a billion nodes. */
static int node_place(struct parse *p, struct node *n)
{
	struct frame *top = p->depth > 0 ? &p->stack[p->depth - 1] : NULL;
	int err = 0;

	p->t->nodes += n->nodes;
	if (p->t->nodes > NODE_MAX) {
		diag_error(p->d, DIAG_TOO_LARGE, n->at,
		           "more than %d keys and values, each alias counted as what it stands for", NODE_MAX);
		return stop_parsing(p);
	}
	count_nodes(p, n);
	if (top == NULL) {
		p->root = n;
		return 0;
	}
	if (wants_key(p))
		return node_place_key(p, n);
	if (!top->drop)
		err = node_place_item(p, top, n);
	top->key = NULL;
	top->drop = false;
	return err;
}

/* ---- one handler for each kind of event ---- */

/* An anchor is noted when its node begins, and usable when it ends: an alias in between would
 * make a cycle. */
static int note_anchor(struct parse *p, const yaml_char_t *name, struct node *n)
{
	struct anchor *a;

	if (name == NULL)
		return 0;
	a = arena_alloc(&p->t->arena, sizeof(*a));
	if (a == NULL)
		return -NP_ENOMEM;
	a->name = arena_text(&p->t->arena, (const char *)name, strlen((const char *)name));
	if (a->name == NULL)
		return -NP_ENOMEM;
	a->node = n;
	a->next = p->anchors;
	p->anchors = a;
	return 0;
}

/* "!!str", "!ruby/object": no key needs one, and what a tag makes of a value differs between
 * readers. */
static void refuse_tag(struct parse *p, const yaml_char_t *tag)
{
	if (tag != NULL)
		diag_error(p->d, DIAG_REFUSED, pos_of(p),
		           "a tag is refused: remove it, since each key knows its type");
}

/* Is the next value that of a key that takes bytes? Escapes of YAML may end lines there. */
static bool takes_bytes(const struct parse *p)
{
	const struct node *key = p->depth > 0 ? p->stack[p->depth - 1].key : NULL;

	return key != NULL && key_takes_bytes(key->text);
}

/* An escape such as "\e" can write a character that source_check refuses in the text itself. *c is
 * the first; lines: those that end a line, and tabs, are none. */
static bool has_hostile(const char *s, size_t n, bool lines, uint32_t *c)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_decode(s + i, n - i, c);
		if (lines && len == 1 && (*c == '\r' || *c == '\n' || *c == '\t'))
			continue;
		if (len == 0 || utf8_is_hostile(*c))
			return true;
	}
	return false;
}

/* A scalar that cannot be kept becomes an empty one that nothing more is said of. */
static int on_scalar(struct parse *p)
{
	const char *text = (const char *)p->event.data.scalar.value;
	size_t len = p->event.data.scalar.length;
	struct node *n = node_new(p, NODE_SCALAR);
	uint32_t c = 0;
	int err;

	if (n == NULL)
		return -NP_ENOMEM;
	refuse_tag(p, p->event.data.scalar.tag);
	n->quoted = p->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (has_hostile(text, len, takes_bytes(p), &c)) {
		diag_error(p->d, DIAG_CHARACTERS, n->at, "the value holds %s U+%04X",
		           c == '\n' || c == '\r' ? "a line break," : "the invisible character", c);
		diag_help(p->d, "type the value anew");
		n->refused = true;
		len = 0;
	}
	n->text = arena_text(&p->t->arena, text, len);
	if (n->text == NULL)
		return -NP_ENOMEM;
	err = note_anchor(p, p->event.data.scalar.anchor, n);
	return err != 0 ? err : node_place(p, n);
}

/* A map or a list begins: it is placed at once, empty and open, so that its items find it on the
 * stack. */
static int on_start(struct parse *p, enum node_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct node *n = node_new(p, kind);
	int err;

	if (n == NULL)
		return -NP_ENOMEM;
	refuse_tag(p, tag);
	n->at.width = 1;
	err = note_anchor(p, anchor, n);
	if (err == 0)
		err = node_place(p, n);
	if (err != 0)
		return err;
	if (p->depth == NODE_DEPTH) {
		diag_error(p->d, DIAG_TOO_LARGE, n->at, "nested deeper than %d", NODE_DEPTH);
		return stop_parsing(p);
	}
	p->stack[p->depth++] = (struct frame){.node = n};
	return 0;
}

/* Only now are its size and height whole, and count for the collection above. */
static int on_end(struct parse *p)
{
	struct node *n = p->stack[--p->depth].node;

	n->open = false;
	count_nodes(p, n);
	return 0;
}

/* The bounds of an alias are judged by the anchored node, which is whole by then: its size and
 * height are known. */
static int on_alias(struct parse *p)
{
	const char *name = (const char *)p->event.data.alias.anchor;
	struct config_pos at = pos_of(p);
	struct anchor *a = p->anchors;

	while (a != NULL && strcmp(a->name, name) != 0)
		a = a->next;
	if (a == NULL) {
		diag_error(p->d, DIAG_SYNTAX, at, "no anchor &%s stands before this alias", name);
		return stop_parsing(p);
	}
	if (a->node->open) {
		diag_error(p->d, DIAG_REFUSED, at, "the alias *%s stands inside its own anchor", name);
		return stop_parsing(p);
	}
	if (++p->t->aliases > NODE_ALIASES) {
		diag_error(p->d, DIAG_TOO_LARGE, at, "more than %d aliases", NODE_ALIASES);
		return stop_parsing(p);
	}
	if (p->depth + (int)a->node->height > NODE_DEPTH + 1) {
		diag_error(p->d, DIAG_TOO_LARGE, at, "nested deeper than %d once the alias is followed", NODE_DEPTH);
		return stop_parsing(p);
	}
	return node_place(p, a->node);
}

/* The second document of a file is refused, not ignored: a person who wrote it expects it to
 * count. */
static int on_document(struct parse *p)
{
	if (p->root == NULL)
		return 0;
	diag_error(p->d, DIAG_REFUSED, pos_of(p), "a second document begins here, and a config file is one");
	diag_help(p->d, "remove this line, or the rest of the file");
	return STOP; /* the first is whole */
}

/* Events of the stream's and the document's other ends carry nothing. */
static int handle_event(struct parse *p)
{
	const yaml_event_t *e = &p->event;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(p);
	case YAML_ALIAS_EVENT:
		return on_alias(p);
	case YAML_SCALAR_EVENT:
		return on_scalar(p);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(p, NODE_LIST, e->data.sequence_start.anchor, e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_start(p, NODE_MAP, e->data.mapping_start.anchor, e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(p);
	case YAML_STREAM_END_EVENT:
		return STOP;
	default:
		return 0;
	}
}

/* ---- libyaml's own errors ---- */

/* Its sentences name the grammar; these name the slip that nearly always causes them. */
static const struct {
	const char *said, *help;
} slips[] = {
	{"mapping values are not allowed in this context",
	 "check the indentation, put a space behind each key's colon, or quote a value that holds a colon"},
	{"did not find expected key", "check the indentation: keys of one map start in one column"},
	{"did not find expected '-' indicator", "check the indentation: the dashes of one list start in one column"},
	{"did not find expected ',' or ']'",
	 "a list that opens with [ closes with ]; quote addresses such as \"[::]:80\""},
	{"did not find expected ',' or '}'",
	 "a map that opens with { closes with }; a text that opens with a quote closes with one"},
	{"could not find expected ':'", "a key is followed by a colon and a space"},
	{"found unexpected end of stream", "a quote is not closed"},
	{"found character that cannot start any token", "quote values that start with @, ` or %"},
	{"did not find expected alphabetic or numeric character", "quote values that start with * or &"},
	{"did not find expected node content", "quote addresses such as \"[::]:80\""},
	{"found unknown escape character", "write \\\\ for a backslash, or use single quotes"},
	{"did not find expected <document start>", "check the indentation of this line and the one before"},
};

/* libyaml stops at its first error, so this is the last problem of the text. */
static int libyaml_error(struct parse *p)
{
	const yaml_parser_t *y = &p->yaml;
	struct config_pos at = pos_at(p, &y->problem_mark, 1);

	if (y->error == YAML_MEMORY_ERROR)
		return -NP_ENOMEM;
	diag_error(p->d, DIAG_SYNTAX, at, "%s", y->problem != NULL ? y->problem : "unreadable");
	if (y->context != NULL)
		diag_note(p->d, "%s at %zu:%zu", y->context, y->context_mark.line + 1, y->context_mark.column + 1);
	for (size_t i = 0; i < array_len(slips); i++)
		if (y->problem != NULL && strcmp(slips[i].said, y->problem) == 0)
			diag_help(p->d, "%s", slips[i].help);
	return stop_parsing(p);
}

/* The event of the moment is freed here and nowhere else, whatever the handler returns. */
static int parse_events(struct parse *p)
{
	int err;

	do {
		if (!yaml_parser_parse(&p->yaml, &p->event))
			return libyaml_error(p);
		err = handle_event(p);
		yaml_event_delete(&p->event);
	} while (err == 0);
	return err;
}

int node_parse_part(struct node_tree *t, const struct source *src, struct diag *d, struct node **root)
{
	struct parse p = {.d = d, .t = t, .part = src->part};
	int err;

	*root = NULL;
	if (!source_check(src, d)) {
		t->whole = false;
		return 0;
	}
	if (!yaml_parser_initialize(&p.yaml))
		return -NP_ENOMEM;
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)src->text, src->n);
	err = parse_events(&p);
	yaml_parser_delete(&p.yaml);
	*root = p.root;
	return err == STOP ? 0 : err;
}

int node_parse(struct node_tree *t, const struct source *src, struct diag *d)
{
	*t = (struct node_tree){.whole = true};
	arena_init(&t->arena, ARENA_LIMIT);
	return node_parse_part(t, src, d, &t->root);
}

void node_fini(struct node_tree *t)
{
	arena_fini(&t->arena);
	t->root = NULL;
}

const struct node *node_get(const struct node *map, const char *key)
{
	const struct node_item *it = item_of(map, key);

	return it == NULL ? NULL : it->value;
}

bool node_is_null(const struct node *n)
{
	return n->kind == NODE_SCALAR && !n->quoted &&
	       (n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

const char *node_kind_text(enum node_kind kind)
{
	static const char *const texts[] = {"a plain value", "a list", "a map"};

	return texts[kind];
}
