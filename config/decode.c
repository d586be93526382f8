/* decode: node tree to model. A walk over the file's keys, each looked up in the table; nothing here knows a key by
 * name but the list of those that older documents promise. */
#include <stdio.h>
#include <string.h>

#include "config/diag.h"
#include "config/step.h"
#include "config/value.h"
#include "config/word.h"
#include "netpoll/err.h"

struct decode {
	struct arena *arena;
	struct diag  *d;
	const char   *dir;   /* of the file: relative paths start there */
	bool          whole; /* the tree is complete: what is missing is missing */
};

/* Where the keys of one map land. */
struct place {
	void       *obj;    /* the scope's struct */
	const char *prefix; /* of the paths of its keys */
	char        where[192]; /* for messages: ` in listener "web"` */
};

/* Keys that people know from elsewhere or expect soon. A clear no is better than "unknown". */
static const struct {
	const char *prefix, *name, *why;
} not_yet[] = {
	{"", "include", "one file holds everything for now"},
};

/* ---- problems ---- */

static bool is_not_yet(const struct decode *dc, const struct place *at, const struct node *key)
{
	for (size_t i = 0; i < array_len(not_yet); i++) {
		if (strcmp(not_yet[i].prefix, at->prefix) != 0 || strcmp(not_yet[i].name, key->text) != 0)
			continue;
		diag_error(dc->d, DIAG_NOT_YET, key->at, "\"%s\" is not there yet: %s", key->text, not_yet[i].why);
		return true;
	}
	return false;
}

/* The same word as a key of a section nearby: `idle` written beside `timeouts` and not in it. */
static const struct config_key *elsewhere(const char *prefix, const char *name)
{
	for (size_t i = 0; i < key_count; i++)
		if (strncmp(key_rows[i].path, prefix, strlen(prefix)) == 0 && strcmp(key_name(&key_rows[i]), name) == 0)
			return &key_rows[i];
	return NULL;
}

static void help_explain(const struct decode *dc, const char *path)
{
	diag_help(dc->d, "staunch explain%s%s", path[0] == '\0' ? "" : " ", path);
}

/* The name of the key below prefix that `typed` was perhaps meant to be, or NULL. */
static const char *nearest_key(const char *prefix, const char *typed)
{
	const struct config_key *k = NULL;
	struct word_search s;

	word_search_init(&s, typed);
	while ((k = key_next(prefix, k)) != NULL)
		word_search_try(&s, key_name(k));
	return s.best;
}

static void unknown_key(const struct decode *dc, const struct place *at, const struct node *key)
{
	const struct config_key *away = elsewhere(at->prefix, key->text);
	const char *nearest = nearest_key(at->prefix, key->text);

	if (is_not_yet(dc, at, key))
		return;
	diag_error(dc->d, DIAG_UNKNOWN_KEY, key->at, "unknown key \"%s\"%s", key->text, at->where);
	if (away != NULL) {
		diag_help(dc->d, "it is written as %s", away->path);
		return;
	}
	diag_suggest(dc->d, nearest);
	help_explain(dc, nearest == NULL ? at->prefix : key_child(at->prefix, nearest)->path);
}

static void wrong_shape(const struct decode *dc, const struct config_key *k, const struct node *n, const char *wanted)
{
	if (node_is_null(n)) {
		diag_error(dc->d, DIAG_SHAPE, n->at, "\"%s\" has no value", key_name(k));
		diag_help(dc->d, "remove the key to get its default, or write %s", wanted);
		return;
	}
	diag_error(dc->d, DIAG_SHAPE, n->at, "\"%s\" takes %s, not %s", key_name(k), wanted, node_kind_text(n->kind));
	help_explain(dc, k->path);
}

static void bad_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                      const struct value_reader *r)
{
	diag_error(dc->d, r->code, n->at, "\"%s\" cannot be \"%.100s\": %s", key_name(k), n->text, r->why);
	diag_suggest(dc->d, r->suggestion);
	help_explain(dc, k->path);
}

static void doubtful_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                           const struct value_reader *r)
{
	if (r->doubt == NULL)
		return;
	diag_warn(dc->d, DIAG_HOST_BITS, n->at, "\"%s\" is \"%.100s\": %s", key_name(k), n->text, r->doubt);
	help_explain(dc, k->path);
}

/* Written, but misspelled: one problem, not two. */
static bool is_misspelled(const struct place *at, const struct node *map, const struct config_key *k)
{
	for (const struct node_item *it = map->items; it != NULL; it = it->next)
		if (key_child(at->prefix, it->key->text) == NULL &&
		    nearest_key(at->prefix, it->key->text) == key_name(k))
			return true;
	return false;
}

static bool may_be_missing(const struct node *map, const struct config_key *k)
{
	if (k->flags & KEY_OTHERWISE)
		return node_get(map, key_name(k - 1)) != NULL;
	return !(k->flags & KEY_NEEDED);
}

static void missing_keys(const struct decode *dc, const struct place *at, const struct node *map)
{
	const struct config_key *k = NULL;
	struct config_pos pos = map->at;

	if (map->items != NULL)
		pos = map->items->key->at;
	while (dc->whole && (k = key_next(at->prefix, k)) != NULL) {
		if (may_be_missing(map, k) || node_get(map, key_name(k)) != NULL || is_misspelled(at, map, k))
			continue;
		diag_error(dc->d, DIAG_MISSING, pos, "the key \"%s\" is missing%s", key_name(k), at->where);
		help_explain(dc, k->path);
	}
}

/* ---- values ---- */

static int decode_plain(const struct decode *dc, const struct config_key *k, const struct node *n, void *obj)
{
	struct value_reader r = {.arena = dc->arena, .dir = dc->dir, .quoted = n->quoted};
	int err;

	if (n->kind != NODE_SCALAR || node_is_null(n)) {
		wrong_shape(dc, k, n, "a plain value");
		return 0;
	}
	err = value_read(&r, k, n->text, key_field(k, obj));
	if (err != -NP_EINVAL)
		return err;
	bad_value(dc, k, n, &r);
	return 0;
}

static int decode_address(const struct decode *dc, const struct config_key *k, const struct node *n,
                          struct config_listener *l)
{
	struct value_reader r = {.arena = dc->arena};
	struct config_text *text = &l->bind_text[l->nbind];

	if (n->kind != NODE_SCALAR || node_is_null(n)) {
		wrong_shape(dc, k, n, "a quoted address");
		return 0;
	}
	if (value_read_address(&r, n->text, &l->bind[l->nbind]) != 0) {
		bad_value(dc, k, n, &r);
		return 0;
	}
	text->at = n->at;
	text->text = arena_text(dc->arena, n->text, strlen(n->text));
	if (text->text == NULL)
		return -NP_ENOMEM;
	l->nbind++;
	return 0;
}

/* A list that YAML broke off may be shorter than it was meant to be. */
static bool count_fits(const struct decode *dc, const struct config_key *k, const struct node *list)
{
	if ((list->n >= k->min || list->open) && list->n <= k->max)
		return true;
	diag_error(dc->d, DIAG_RANGE, list->at, "\"%s\" has %u elements, it takes %d to %d", key_name(k), list->n,
	           (int)k->min, (int)k->max);
	return false;
}

/* One address or a list of them. Those that cannot be read are left out. */
static int decode_bind(const struct decode *dc, const struct config_key *k, const struct node *n,
                       struct config_listener *l)
{
	size_t count = n->kind == NODE_LIST ? n->n : 1;

	if (n->kind == NODE_LIST && !count_fits(dc, k, n))
		return 0;
	l->bind = arena_array(dc->arena, count, sizeof(*l->bind));
	l->bind_text = arena_array(dc->arena, count, sizeof(*l->bind_text));
	if (l->bind == NULL || l->bind_text == NULL)
		return -NP_ENOMEM;
	if (n->kind != NODE_LIST)
		return decode_address(dc, k, n, l);
	for (const struct node_item *it = n->items; it != NULL; it = it->next) {
		int err = decode_address(dc, k, it->value, l);

		if (err != 0)
			return err;
	}
	return 0;
}

static struct config_text *item_at(const struct config_key *k, const struct key_list *list, size_t i)
{
	return (void *)((char *)list->elements + i * value_item_size(k));
}

/* Of what takes several: the element behind those of the list that could be read. */
static int decode_item(const struct decode *dc, const struct config_key *k, const struct node *n,
                       struct key_list *list)
{
	struct value_reader r = {.arena = dc->arena, .quoted = n->quoted};
	struct config_text *item = item_at(k, list, list->n);
	int err;

	if (n->kind != NODE_SCALAR || node_is_null(n)) {
		wrong_shape(dc, k, n, "plain values as its elements");
		return 0;
	}
	err = value_read_item(&r, k, n->text, item);
	if (err == -NP_EINVAL)
		bad_value(dc, k, n, &r);
	if (err != 0)
		return err == -NP_EINVAL ? 0 : err;
	item->at = n->at;
	doubtful_value(dc, k, n, &r);
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(item_at(k, list, i)->text, item->text) != 0)
			continue;
		diag_error(dc->d, DIAG_TWICE, n->at, "\"%s\" holds \"%.100s\" twice", key_name(k), item->text);
		break;
	}
	list->n++;
	return 0;
}

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

static int decode_map(const struct decode *dc, const struct place *at, const struct node *map);

/* ` in "timeouts"`, and of what, when that is not the file itself. */
static void where_of(struct place *at, const char *what, const struct place *above)
{
	snprintf(at->where, sizeof(at->where), " in %s%s%s", what, above->where[0] == '\0' ? "" : " of",
	         above->where[0] == '\0' ? "" : above->where + strlen(" in"));
}

static int decode_section(const struct decode *dc, const struct config_key *k, const struct node *n,
                          const struct place *above)
{
	struct place at = {.obj = above->obj, .prefix = k->path};
	char what[64];

	if (n->kind != NODE_MAP) {
		wrong_shape(dc, k, n, "a map");
		return 0;
	}
	snprintf(what, sizeof(what), "\"%s\"", key_name(k));
	where_of(&at, what, above);
	return decode_map(dc, &at, n);
}

static int set_defaults(const struct decode *dc, const struct key_scope *s, void *obj)
{
	struct value_reader r = {.arena = dc->arena};

	for (size_t i = s->first; i < s->first + s->n; i++) {
		const struct config_key *k = &key_rows[i];
		int err = k->def == NULL ? 0 : value_read(&r, k, k->def, key_field(k, obj));

		if (err != 0)
			return err;
	}
	return 0;
}

/* A plain value in an element's place stands for its shorthand key. */
static int decode_shorthand(const struct decode *dc, const struct key_scope *s, const struct node *n, void *obj)
{
	const struct config_key *k = key_child(s->prefix, s->shorthand);

	*key_origin(k, obj) = n->at;
	return decode_plain(dc, k, n, obj);
}

/* A struct of its own: an element of a LIST, or a BLOCK. */
static int decode_struct(const struct decode *dc, const struct config_key *k, const struct node *n,
                         const struct place *at)
{
	const struct key_scope *s = key_elements(k);
	int err = set_defaults(dc, s, at->obj);

	if (err != 0)
		return err;
	*(struct config_pos *)(void *)((char *)at->obj + s->at) = n->at;
	if (n->kind == NODE_SCALAR && s->shorthand != NULL)
		return decode_shorthand(dc, s, n, at->obj);
	if (n->kind != NODE_MAP) {
		wrong_shape(dc, k, n, k->kind == KEY_BLOCK ? "a map" : "maps as its elements");
		return 0;
	}
	err = decode_map(dc, at, n);
	if (err == 0)
		missing_keys(dc, at, n);
	return err;
}

static void where_element(struct place *at, const struct key_scope *s, const struct node *n, size_t index,
                          const struct place *above)
{
	const struct node *title = s->title == NULL ? NULL : node_get(n, s->title);
	char what[112];

	if (title != NULL && title->kind == NODE_SCALAR && title->text[0] != '\0')
		snprintf(what, sizeof(what), "%s \"%.80s\"", s->noun, title->text);
	else
		snprintf(what, sizeof(what), "%s %zu", s->noun, index + 1);
	where_of(at, what, above);
}

static int decode_block(const struct decode *dc, const struct config_key *k, const struct node *n,
                        const struct place *above)
{
	const struct key_scope *s = key_elements(k);
	struct place at = {.prefix = s->prefix};
	char what[64];

	at.obj = arena_alloc(dc->arena, s->size);
	if (at.obj == NULL)
		return -NP_ENOMEM;
	key_set_block(k, above->obj, at.obj);
	snprintf(what, sizeof(what), "\"%s\"", key_name(k));
	where_of(&at, what, above);
	return decode_struct(dc, k, n, &at);
}

static int decode_list(const struct decode *dc, const struct config_key *k, const struct node *n,
                       const struct place *above)
{
	const struct key_scope *s = key_elements(k);
	struct key_list list = {.n = n->n};
	size_t i = 0;

	if (n->kind != NODE_LIST) {
		wrong_shape(dc, k, n, "a list");
		return 0;
	}
	if (!count_fits(dc, k, n))
		return 0;
	list.elements = arena_array(dc->arena, n->n, s->size);
	if (list.elements == NULL)
		return -NP_ENOMEM;
	key_set_list(k, above->obj, list);
	for (const struct node_item *it = n->items; it != NULL; it = it->next, i++) {
		struct place at = {.obj = (char *)list.elements + i * s->size, .prefix = s->prefix};
		int err;

		where_element(&at, s, it->value, i, above);
		err = decode_struct(dc, k, it->value, &at);
		if (err != 0)
			return err;
	}
	return 0;
}

static int decode_key(const struct decode *dc, const struct config_key *k, const struct node_item *it,
                      const struct place *at)
{
	*key_origin(k, at->obj) = key_is_section(k) ? it->key->at : it->value->at;
	switch (k->kind) {
	case KEY_MAP:   return decode_section(dc, k, it->value, at);
	case KEY_BLOCK: return decode_block(dc, k, it->value, at);
	case KEY_LIST:  return decode_list(dc, k, it->value, at);
	case KEY_BIND:  return decode_bind(dc, k, it->value, at->obj);
	default:        break;
	}
	if (key_is_several(k))
		return decode_several(dc, k, it->value, at->obj);
	return decode_plain(dc, k, it->value, at->obj);
}

static int decode_map(const struct decode *dc, const struct place *at, const struct node *map)
{
	for (const struct node_item *it = map->items; it != NULL; it = it->next) {
		const struct config_key *k = key_child(at->prefix, it->key->text);
		int err = 0;

		if (k == NULL)
			unknown_key(dc, at, it->key);
		else
			err = decode_key(dc, k, it, at);
		if (err != 0)
			return err;
	}
	return 0;
}

static bool is_empty(const struct node_tree *t)
{
	return t->root == NULL || (t->root->kind == NODE_SCALAR && t->root->text[0] == '\0');
}

int decode_run(struct config *c, const struct node_tree *t, struct diag *d)
{
	struct decode dc = {.arena = &c->arena, .d = d, .dir = c->directory, .whole = t->whole};
	struct place top = {.obj = c, .prefix = ""};
	int err = set_defaults(&dc, &key_scopes[KEY_TOP], c);

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
		missing_keys(&dc, &top, t->root);
	return err;
}
