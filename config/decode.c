/* decode: node tree to model. A walk over the file's keys, each looked up in the table; nothing
 * here knows a key by its name. */
#include "config/decode.h"

#include <stdio.h>
#include <string.h>

#include "config/decode_report.h"
#include "netpoll/err.h"

/* ---- values ---- */

/* Every reader here returns 0 when the value was refused: the problem is in the diag, the member
 * keeps its default, and the walk goes on. Only -NP_ENOMEM ends it. */
/* said: the key that messages name, mostly k itself. */
static int decode_said(const struct decode *dc, const struct config_key *k, const struct config_key *said,
                       const struct node *n, void *obj)
{
	struct value_reader r = {.arena = dc->arena, .dir = dc->dir, .quoted = n->quoted};
	int err;

	if (k->def == NULL && key_is_number(k)) /* until it is read: there is no default to be in its place */
		*(int64_t *)key_field(k, obj) = CONFIG_UNREAD;
	if (n->refused)
		return 0;
	if (n->kind != NODE_SCALAR || node_is_null(n)) {
		decode_wrong_shape(dc, said, n, "a plain value");
		return 0;
	}
	err = value_read(&r, k, n->text, key_field(k, obj));
	if (err != -NP_EINVAL)
		return err;
	decode_bad_value(dc, said, n, &r);
	return 0;
}

static int decode_plain(const struct decode *dc, const struct config_key *k, const struct node *n, void *obj)
{
	return decode_said(dc, k, k, n, obj);
}

/* A list that YAML broke off may be shorter than it was meant to be. */
static bool count_fits(const struct decode *dc, const struct config_key *k, const struct node *list)
{
	if ((list->n >= k->min || list->open) && list->n <= k->max)
		return true;
	diag_error(dc->d, DIAG_RANGE, list->at, "\"%s\" has %u element%s, it takes %d to %d",
	           key_name(k), list->n, list->n == 1 ? "" : "s", (int)k->min, (int)k->max);
	diag_help(dc->d, "staunch explain %s", k->path);
	return false;
}

/* Elements of all such lists begin with a struct config_text, whatever their size. */
static struct config_text *decoded_item(const struct config_key *k, const struct key_list *list, size_t i)
{
	return (void *)((char *)list->elements + i * value_item_size(k));
}

/* Of what takes several: the element behind those of the list that could be read. */
static int decode_item(const struct decode *dc, const struct config_key *k, const struct node *n,
                       struct key_list *list)
{
	struct value_reader r = {.arena = dc->arena, .quoted = n->quoted};
	struct config_text *item = decoded_item(k, list, list->n);
	int err;

	if (n->refused)
		return 0;
	if (n->kind != NODE_SCALAR || node_is_null(n)) {
		decode_wrong_shape(dc, k, n, "plain values as its elements");
		return 0;
	}
	err = value_read_item(&r, k, n->text, item);
	if (err == -NP_EINVAL)
		decode_bad_value(dc, k, n, &r);
	if (err != 0)
		return err == -NP_EINVAL ? 0 : err;
	item->at = n->at;
	decode_doubtful_value(dc, k, n, &r);
	/* By their texts: two spellings of one network are left to the sets, for which they are
	 * one. */
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(decoded_item(k, list, i)->text, item->text) != 0)
			continue;
		diag_error(dc->d, DIAG_TWICE, n->at, "\"%s\" holds \"%.100s\" twice", key_name(k), item->text);
		break;
	}
	list->n++;
	return 0;
}

/* Arrays of as many elements as were written, although some may be refused: what is read stands
 * in front. */
static int decode_several(const struct decode *dc, const struct config_key *k, const struct node *n, void *obj)
{
	struct key_list list = {.n = 0};
	int err = 0;

	if (n->kind == NODE_LIST && !count_fits(dc, k, n))
		return 0;
	list.elements = arena_array(dc->arena, n->kind == NODE_LIST ? n->n : 1, value_item_size(k));
	if (list.elements == NULL)
		return -NP_ENOMEM;
	if (n->kind != NODE_LIST)
		err = decode_item(dc, k, n, &list);
	for (const struct node_item *it = n->items; n->kind == NODE_LIST && it != NULL && err == 0; it = it->next)
		err = decode_item(dc, k, it->value, &list);
	key_set_list(k, obj, list);
	return err;
}

/* ---- maps and lists ---- */

static int decode_map(const struct decode *dc, const struct decode_place *at, const struct node *map);

/* ` in "timeouts"`, and of what, when that is not the file itself. */
static void where_of(struct decode_place *at, const char *what, const struct decode_place *above)
{
	snprintf(at->where, sizeof(at->where), " in %s%s%s", what, above->where[0] == '\0' ? "" : " of",
	         above->where[0] == '\0' ? "" : above->where + strlen(" in"));
}

/* A MAP is not a struct of its own: its keys are members of the struct above. */
static int decode_section(const struct decode *dc, const struct config_key *k, const struct node *n,
                          const struct decode_place *above)
{
	struct decode_place at = {.obj = above->obj, .prefix = k->path};
	char what[64];

	/* The word that switches off all of it stands in its first row. */
	if ((k->flags & KEY_OFF) && n->kind == NODE_SCALAR && strcmp(n->text, "off") == 0) {
		*key_origin(k + 1, above->obj) = n->at;
		return decode_plain(dc, k + 1, n, above->obj);
	}
	if (n->kind != NODE_MAP) {
		decode_wrong_shape(dc, k, n, (k->flags & KEY_OFF) ? "a map, or off" : "a map");
		return 0;
	}
	snprintf(what, sizeof(what), "\"%s\"", key_name(k));
	where_of(&at, what, above);
	return decode_map(dc, &at, n);
}

/* Defaults come from the table as text and go the way of every other value, so that a default
 * that its own reader would refuse is found by the first test that loads anything. */
int decode_defaults(struct arena *arena, enum key_scope_id scope, void *obj)
{
	const struct key_scope *s = &key_scopes[scope];
	struct value_reader r = {.arena = arena};

	for (size_t i = s->first; i < s->first + s->n; i++) {
		const struct config_key *k = &key_rows[i];
		int err = k->def == NULL ? 0 : value_read(&r, k, k->def, key_field(k, obj));

		if (err != 0)
			return err;
	}
	return 0;
}

/* A plain value in an element's place stands for its shorthand key. Who writes no list has written
 * the list's name alone. */
static int decode_shorthand(const struct decode *dc, const struct config_key *list, const struct node *n, void *obj)
{
	const struct key_scope *s = key_elements(list);
	const struct config_key *k = key_child(s->prefix, s->shorthand);

	*key_origin(k, obj) = n->at;
	return decode_said(dc, k, (list->flags & KEY_ALONE) ? list : k, n, obj);
}

static const char *elements_of(const struct key_scope *s)
{
	return s->shorthand != NULL ? "plain values or maps as its elements" : "maps as its elements";
}

/* A struct of its own: an element of a LIST, or a BLOCK. */
static int decode_struct(const struct decode *dc, const struct config_key *k, const struct node *n,
                         const struct decode_place *at)
{
	const struct key_scope *s = key_elements(k);
	int err = decode_defaults(dc->arena, (enum key_scope_id)(s - key_scopes), at->obj);

	if (err != 0)
		return err;
	*(struct config_pos *)(void *)((char *)at->obj + s->at) = n->at;
	if (n->kind == NODE_SCALAR && s->shorthand != NULL)
		return decode_shorthand(dc, k, n, at->obj);
	if (n->kind != NODE_MAP) {
		decode_wrong_shape(dc, k, n, k->kind == KEY_BLOCK ? "a map" : elements_of(s));
		return 0;
	}
	err = decode_map(dc, at, n);
	if (err == 0)
		decode_missing_keys(dc, at, n);
	return err;
}

/* An element is named by its title, or counted from 1 where it has none: ` in listener "web"`, `
 * in route 2 of ...`. */
static void where_element(struct decode_place *at, const struct key_scope *s, const struct node *n, size_t index,
                          const struct decode_place *above)
{
	const struct node *title = s->title == NULL ? NULL : node_get(n, s->title);
	char what[112];

	if (title != NULL && title->kind == NODE_SCALAR && title->text[0] != '\0')
		snprintf(what, sizeof(what), "%s \"%.80s\"", s->noun, title->text);
	else
		snprintf(what, sizeof(what), "%s %zu", s->noun, index + 1);
	where_of(at, what, above);
}

/* A BLOCK that is written has its struct, even when its map cannot be read: validate then sees
 * that TLS was meant and says nothing that would be true of a plain listener alone. */
static int decode_block(const struct decode *dc, const struct config_key *k, const struct node *n,
                        const struct decode_place *above)
{
	const struct key_scope *s = key_elements(k);
	struct decode_place at = {.prefix = s->prefix};
	char what[64];

	at.obj = arena_alloc(dc->arena, s->size);
	if (at.obj == NULL)
		return -NP_ENOMEM;
	key_set_block(k, above->obj, at.obj);
	snprintf(what, sizeof(what), "\"%s\"", key_name(k));
	where_of(&at, what, above);
	return decode_struct(dc, k, n, &at);
}

/* Each element is decoded, although one before it was refused: it keeps its defaults and its
 * place in the array, so that indexes in messages are those of the file. */
static int decode_element(const struct decode *dc, const struct config_key *k, const struct node *n, size_t i,
                          const struct decode_place *above)
{
	const struct key_scope *s = key_elements(k);
	struct decode_place at = {.prefix = s->prefix};

	at.obj = (char *)key_get_list(k, above->obj).elements + i * s->size;
	where_element(&at, s, n, i, above);
	return decode_struct(dc, k, n, &at);
}

static int decode_list(const struct decode *dc, const struct config_key *k, const struct node *n,
                       const struct decode_place *above)
{
	bool alone = (k->flags & KEY_ALONE) != 0 && n->kind != NODE_LIST;
	struct key_list list = {.n = alone ? 1 : n->n};
	size_t i = 0;
	int err = 0;

	if (alone ? node_is_null(n) : n->kind != NODE_LIST) {
		decode_wrong_shape(dc, k, n, alone ? "a quoted address" : "a list");
		return 0;
	}
	if (!alone && !count_fits(dc, k, n))
		return 0;
	list.elements = arena_array(dc->arena, list.n, key_elements(k)->size);
	if (list.elements == NULL)
		return -NP_ENOMEM;
	key_set_list(k, above->obj, list);
	if (alone)
		return decode_element(dc, k, n, 0, above);
	for (const struct node_item *it = n->items; it != NULL && err == 0; it = it->next)
		err = decode_element(dc, k, it->value, i++, above);
	return err;
}

/* By kind. The sections recurse through decode_map; node_parse has bounded the depth. */
static int decode_key(const struct decode *dc, const struct config_key *k, const struct node_item *it,
                      const struct decode_place *at)
{
	/* The place of a value is the value, so that a caret points at the word to change; a
	 * section is found by its key. */
	*key_origin(k, at->obj) = key_is_section(k) ? it->key->at : it->value->at;
	switch (k->kind) {
	case KEY_MAP:   return decode_section(dc, k, it->value, at);
	case KEY_BLOCK: return decode_block(dc, k, it->value, at);
	case KEY_LIST:  return decode_list(dc, k, it->value, at);
	default:        break;
	}
	if (key_is_several(k))
		return decode_several(dc, k, it->value, at->obj);
	return decode_plain(dc, k, it->value, at->obj);
}

/* In the file's order, so that problems come in nearly the order in which they are printed. A
 * key twice was reported by node_parse, and only its first value is in the tree. */
static int decode_map(const struct decode *dc, const struct decode_place *at, const struct node *map)
{
	for (const struct node_item *it = map->items; it != NULL; it = it->next) {
		const struct config_key *k = key_child(at->prefix, it->key->text);
		int err = 0;

		if (k == NULL)
			decode_unknown_key(dc, at, it->key);
		else
			err = decode_key(dc, k, it, at);
		if (err != 0)
			return err;
	}
	return 0;
}

/* A file of comments alone has no root, one with a single ~ an empty one. */
static bool is_empty(const struct node_tree *t)
{
	return t->root == NULL || (t->root->kind == NODE_SCALAR && t->root->text[0] == '\0');
}

int decode_run(struct config *c, const struct node_tree *t, struct diag *d)
{
	struct decode dc = {.arena = &c->arena, .d = d, .dir = c->directory, .whole = t->whole};
	struct decode_place top = {.obj = c, .prefix = ""};
	int err = decode_defaults(&c->arena, KEY_TOP, c);

	/* An empty tree that broke off says nothing about missing keys: the break is the
	 * problem. */
	if (err != 0 || (is_empty(t) && !t->whole))
		return err;
	if (is_empty(t)) {
		diag_error(d, DIAG_MISSING, (struct config_pos){0}, "the file holds no settings");
		diag_help(d, "staunch explain");
		return 0;
	}
	if (t->root->kind != NODE_MAP) {
		diag_error(d, DIAG_SHAPE, t->root->at, "a config file is a map of keys, not %s",
		           node_kind_text(t->root->kind));
		return 0;
	}
	err = decode_map(&dc, &top, t->root);
	if (err == 0)
		decode_missing_keys(&dc, &top, t->root);
	return err;
}
