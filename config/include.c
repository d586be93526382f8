/* include: other programs differ. nginx reads a file for each mention, without a bound, in an order that glob(3) takes
 * from the locale; HAProxy sorts a directory's *.cfg by bytes; systemd reads drop-ins by name and lets none of them
 * name a further one. Here:
 *
 *   - names come in byte order, and no file is read twice;
 *   - a pattern that matches nothing is no mistake (a package's conf.d may be empty), a plain name without a file is;
 *   - an included file includes nothing: with one level the main file lists all there is, and no circle can be;
 *   - only what lies below the config's directory is read, wherever links lead: the text of a plan comes from
 *     elsewhere (POST /v1/plan) and must not make the process read what its sender could not. A text that belongs to
 *     another directory brings what it includes: to send the directory's name instead would make the process, which
 *     may be root, read where its sender cannot, and tell of it in messages;
 *   - the bounds of a load (bytes, nodes, aliases) are those of all files together;
 *   - what is defined twice is a mistake, whichever file says it: which of two counts would be a guess. */
#include "config/include.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/text/beneath.h"
#include "config/text/source.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"

#define WILD "*?["

/* One run. Every pointer is borrowed. */
struct include {
	struct config    *c;
	struct node_tree *t;
	struct diag      *d;
	const struct source *src; /* the config file; what it brings is included in the place of files */
	int               dir;    /* the config's directory; -1: it brings them */
	size_t            folder; /* bytes of c->file up to its last slash: names of parts begin with them */
	size_t            bytes;  /* of all texts so far */
	struct config_pos at;     /* of the value that is followed */
	const struct node *refused; /* a key that is not joined, or NULL */
	const char      **parts;  /* c's, with room for all */
};

/* ---- joining ---- */

/* By a walk: a map of a config file is short. */
static struct node_item *item_find(const struct node *map, const char *key)
{
	for (struct node_item *it = map->items; it != NULL; it = it->next)
		if (strcmp(it->key->text, key) == 0)
			return it;
	return NULL;
}

/* A copy: the item stays in the list of its own file, which an alias may reach too. */
static int item_append(struct include *x, struct node *to, const struct node_item *item)
{
	struct node_item *copy = arena_alloc(&x->t->arena, sizeof(*copy));

	if (copy == NULL)
		return -NP_ENOMEM;
	*copy = (struct node_item){.key = item->key, .value = item->value};
	*to->tail = copy;
	to->tail = &copy->next;
	to->n++;
	return 0;
}

/* Elements keep their places: each says in which file it stands. */
static int append_all(struct include *x, struct node *to, const struct node *from)
{
	int err = 0;

	for (const struct node_item *it = from->items; it != NULL && err == 0; it = it->next)
		err = item_append(x, to, it);
	return err;
}

/* *n becomes a copy that may be added to: the node itself may stand behind an alias elsewhere. */
static int own_node(struct include *x, struct node **n)
{
	const struct node *shared = *n;
	struct node *copy;

	if (shared->joined)
		return 0;
	copy = arena_alloc(&x->t->arena, sizeof(*copy));
	if (copy == NULL)
		return -NP_ENOMEM;
	*copy = *shared;
	copy->joined = true;
	copy->items = NULL;
	copy->tail = &copy->items;
	copy->n = 0;
	*n = copy;
	return append_all(x, copy, shared);
}

static int join_map(struct include *x, struct node *to, const struct node *from);

/* A key that both have. Lists and maps grow; of two plain values neither gives way, not even one that says the same:
 * whoever changes one of them later would wonder why nothing happens. */
static int join_key(struct include *x, struct node_item *mine, const struct node_item *item)
{
	const struct node *other = item->value;
	int err;

	if (mine->value->kind != other->kind || other->kind == NODE_SCALAR) {
		diag_error(x->d, DIAG_KEY_TWICE, item->key->at, "the key \"%s\" is written twice", item->key->text);
		diag_note(x->d, "the first is at %s", diag_place(x->d, mine->key->at).text);
		return 0;
	}
	err = own_node(x, &mine->value);
	if (err != 0)
		return err;
	return other->kind == NODE_MAP ? join_map(x, mine->value, other) : append_all(x, mine->value, other);
}

/* `to` is a copy (own_node). */
static int join_map(struct include *x, struct node *to, const struct node *from)
{
	int err = 0;

	for (const struct node_item *it = from->items; it != NULL && err == 0; it = it->next) {
		struct node_item *mine = item_find(to, it->key->text);

		if (it->key == x->refused)
			continue;
		err = mine == NULL ? item_append(x, to, it) : join_key(x, mine, it);
	}
	return err;
}

/* One level: what would be included here has its place in the config file. */
static void refuse_nesting(struct include *x, const struct node *root)
{
	const struct node_item *it = item_find(root, INCLUDE_KEY);

	x->refused = it != NULL ? it->key : NULL;
	if (it == NULL)
		return;
	x->t->whole = false;
	diag_error(x->d, DIAG_REFUSED, it->key->at, "a file that is included cannot include others");
	diag_help(x->d, "write it in %.120s", x->c->file);
}

/* What is wrong with a part takes nothing from the others: they are joined, and have problems of their own. */
static int join_part(struct include *x, const struct node *root)
{
	if (root == NULL || node_is_null(root)) /* comments alone */
		return 0;
	if (root->kind != NODE_MAP) {
		x->t->whole = false;
		diag_error(x->d, DIAG_SHAPE, root->at, "a config file is a map of keys, not %s",
		           node_kind_text(root->kind));
		return 0;
	}
	refuse_nesting(x, root);
	return join_map(x, x->t->root, root);
}

/* ---- files ---- */

/* What stands in the way of a file, or of a folder. Returns 0 unless memory ran out. */
static int refuse_file(struct include *x, const char *path, int err, mode_t mode)
{
	if (err == -NP_ENOMEM)
		return err;
	if (np_err_remedy(err) != NULL) { /* it ends the load: what later files say would be of chance */
		diag_error(x->d, DIAG_LIMIT, x->at, "%.160s was not read: %s", path, np_err_text(err));
		diag_help(x->d, "%s", np_err_remedy(err));
		return err;
	}
	x->t->whole = false; /* what seems to be missing may stand there */
	if (err == -EXDEV) {
		diag_error(x->d, DIAG_UNREADABLE, x->at, "%.160s leads out of the config file's directory", path);
		diag_help(x->d, "only files below %.100s are included", x->c->directory);
	} else if (err == -NP_EINVAL && mode != 0) {
		diag_error(x->d, DIAG_UNREADABLE, x->at, "%.200s is %s, not a regular file", path, beneath_kind(mode));
		if (S_ISDIR(mode))
			diag_help(x->d, "write %.120s/*.yaml", path);
	} else if (err == -EFBIG) {
		diag_error(x->d, DIAG_TOO_LARGE, x->at, "with %.160s the configuration is larger than 1 MiB", path);
	} else {
		diag_error(x->d, DIAG_UNREADABLE, x->at, "cannot read %.160s: %s", path, np_err_text(err));
	}
	if (err == -NP_EACCES)
		diag_help(x->d, "let the user that runs staunch read it, and enter each directory above it");
	if (err == -NP_ENOENT)
		diag_help(x->d, "a pattern such as conf.d/*.yaml may match no file, a name may not");
	return 0;
}

/* The config file's folder in front, as it was given. */
static char *part_name(struct include *x, const char *path)
{
	char *name = arena_alloc(&x->c->arena, x->folder + strlen(path) + 1);

	if (name != NULL) {
		memcpy(name, x->c->file, x->folder);
		memcpy(name + x->folder, path, strlen(path) + 1);
	}
	return name;
}

/* One of those that the text brings. */
static int given_part(const struct include *x, const char *path, const char *name, struct source **out)
{
	const char *at = x->src->given;
	struct source_part part;

	while (source_given(x->src, &at, &part))
		if (strlen(path) == part.nname && memcmp(path, part.name, part.nname) == 0)
			return source_new(out, name, part.text, part.n);
	return -NP_ENOENT;
}

/* *out stays NULL where there is a problem. */
static int read_part(struct include *x, const char *path, const char *name, struct source **out)
{
	mode_t mode = 0;
	int err;

	if (x->dir < 0) {
		err = given_part(x, path, name, out);
	} else {
		err = beneath_open(x->dir, path, &mode);
		if (err >= 0)
			err = source_read_open(out, err, name);
	}
	if (err == 0 && (*out)->n > SOURCE_MAX - x->bytes) {
		*out = source_free(*out);
		err = -EFBIG;
	}
	return err == 0 ? 0 : refuse_file(x, path, err, mode);
}

/* Its number in c->parts is that of its places. */
static int add_part(struct include *x, const char *name, const char *path, struct source *src)
{
	struct config *c = x->c;
	struct node *root;
	int err;

	x->parts[c->nparts++] = name;
	x->bytes += src->n;
	src->part = (uint16_t)c->nparts;
	diag_take_part(x->d, src);
	c->hash = hash_bytes(c->hash, path, strlen(path) + 1);
	c->hash = hash_bytes(c->hash, src->text, src->n);
	err = node_parse_part(x->t, src, x->d, &root);
	return err != 0 ? err : join_part(x, root);
}

/* By its name: a file that has two is read twice, and then defines everything twice. */
static bool is_included(const struct include *x, const char *path)
{
	for (size_t i = 0; i < x->c->nparts; i++)
		if (strcmp(x->parts[i] + x->folder, path) == 0)
			return true;
	return false;
}

/* A file that was read for an earlier pattern is passed over, so [10-first.yaml, "*.yaml"] says an order. */
static int include_file(struct include *x, const char *path)
{
	struct source *src = NULL;
	char *name;
	int err;

	if (is_included(x, path))
		return 0;
	if (strcmp(x->c->file + x->folder, path) == 0) {
		diag_error(x->d, DIAG_CONFLICT, x->at, "it names %.160s, the file in which it stands", path);
		diag_help(x->d, "keep the parts in a folder of their own: conf.d/*.yaml");
		return 0;
	}
	if (x->c->nparts == INCLUDE_FILES) {
		diag_error(x->d, DIAG_TOO_LARGE, x->at, "more than %d files are included", INCLUDE_FILES);
		return 0;
	}
	name = part_name(x, path);
	if (name == NULL)
		return -NP_ENOMEM;
	err = read_part(x, path, name, &src);
	return src == NULL ? err : add_part(x, name, path, src);
}

/* ---- patterns ---- */

/* The pattern's folder in front of each name. */
static int include_each(struct include *x, const char *folder, const struct beneath_names *names)
{
	int err = 0;

	for (size_t i = 0; i < names->n && err == 0; i++) {
		size_t n = strlen(folder) + 1 + strlen(names->name[i]) + 1;
		char *path = arena_alloc(&x->t->arena, n);

		if (path == NULL)
			return -NP_ENOMEM;
		snprintf(path, n, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", names->name[i]);
		err = include_file(x, path);
	}
	return err;
}

/* In the order in which they are brought: who sent them has read them in byte order. */
static int include_given(struct include *x, const char *folder, const char *pattern)
{
	const char *at = x->src->given;
	size_t n = strlen(folder), skip = n > 0 ? n + 1 : 0;
	struct source_part part;
	int err = 0;

	for (size_t i = 0; err == 0 && i < INCLUDE_FILES && source_given(x->src, &at, &part); i++) {
		const char *path;

		if (part.nname <= skip || memcmp(part.name, folder, n) != 0 || (n > 0 && part.name[n] != '/') ||
		    memchr(part.name + skip, '/', part.nname - skip) != NULL)
			continue;
		path = arena_text(&x->t->arena, part.name, part.nname);
		if (path == NULL)
			return -NP_ENOMEM;
		if (beneath_is_match(pattern, path + skip))
			err = include_file(x, path);
	}
	return err;
}

/* A folder that is not there holds no match, as with nginx: a package may create conf.d with its first part. */
static int include_pattern(struct include *x, const char *folder, const char *pattern)
{
	struct beneath_names names;
	int err;

	if (x->dir < 0)
		return include_given(x, folder, pattern);
	err = beneath_match(x->dir, folder[0] != '\0' ? folder : ".", pattern, INCLUDE_FILES, &names);

	if (err == 0) {
		err = include_each(x, folder, &names);
	} else if (err == -E2BIG) {
		diag_error(x->d, DIAG_TOO_LARGE, x->at, "more than %d files are included", INCLUDE_FILES);
		err = 0;
	} else if (err == -NP_ENOENT) {
		err = 0;
	} else {
		err = refuse_file(x, folder, err, 0);
	}
	beneath_names_fini(&names);
	return err;
}

/* An absolute path may name the directory too. */
static const char *below_directory(const struct config *c, const char *path)
{
	size_t n = strlen(c->directory);

	if (strncmp(path, c->directory, n) == 0)
		path += n;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return path;
}

/* One name or pattern. */
static int include_value(struct include *x, const struct node *n)
{
	const char *path, *slash, *folder = "";

	if (n->kind != NODE_SCALAR || n->refused || n->text[0] == '\0' || node_is_null(n)) /* decode says it */
		return 0;
	x->at = n->at;
	path = below_directory(x->c, n->text);
	slash = strrchr(path, '/');
	if (strpbrk(path, WILD) == NULL)
		return include_file(x, path);
	if (slash != NULL && strcspn(path, WILD) < (size_t)(slash - path)) {
		diag_error(x->d, DIAG_TEXT, n->at, "only the last part of a path can be a pattern");
		diag_help(x->d, "name each folder: [a.d/*.yaml, b.d/*.yaml]");
		return 0;
	}
	if (slash != NULL) /* of "/x" it is "/" */
		folder = arena_text(&x->t->arena, path, (size_t)(slash - path) + (slash == path));
	if (folder == NULL)
		return -NP_ENOMEM;
	return include_pattern(x, folder, slash == NULL ? path : slash + 1);
}

/* More patterns than there may be are refused by decode. */
static int include_values(struct include *x, const struct node *value)
{
	unsigned n = 0;
	int err = 0;

	if (value->kind != NODE_LIST)
		return include_value(x, value);
	for (const struct node_item *it = value->items; it != NULL && err == 0 && n++ < INCLUDE_PATTERNS; it = it->next)
		err = include_value(x, it->value);
	return err;
}

int include_run(struct config *c, const struct source *src, struct node_tree *t, struct diag *d)
{
	const struct node *value = t->root != NULL ? node_get(t->root, INCLUDE_KEY) : NULL;
	struct include x = {.c = c, .t = t, .d = d, .src = src, .bytes = src->n, .dir = -1};
	const char *slash = strrchr(c->file, '/');
	int err;

	if (value == NULL || c->directory == NULL)
		return 0;
	x.at = value->at;
	x.folder = slash == NULL || src->given != NULL ? 0 : (size_t)(slash - c->file) + 1;
	c->parts = x.parts = arena_array(&c->arena, INCLUDE_FILES, sizeof(*x.parts));
	if (x.parts == NULL)
		return -NP_ENOMEM;
	err = own_node(&x, &t->root);
	if (err != 0)
		return err;
	if (src->given == NULL)
		x.dir = open(c->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (src->given == NULL && x.dir < 0) {
		err = err_from_errno();
		return refuse_file(&x, c->directory, err, 0);
	}
	err = include_values(&x, value);
	if (x.dir >= 0)
		close(x.dir);
	return err;
}
