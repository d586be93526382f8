/* key_paths: walks the model along the key table: each PATH row of a struct, then the structs below
 * it. */
#include "config/key_paths.h"

#include <string.h>

#include "config/key.h"

struct visit {
	void (*fn)(void *arg, const char *path);
	void *arg;
};

static void visit_scope(const struct key_scope *scope, const void *obj, const struct visit *v);

static void visit_path(const struct config_key *k, const void *obj, const struct visit *v)
{
	const char *path;

	if ((k->flags & KEY_OURS) != 0 || key_is_absent(k, obj))
		return;
	memcpy(&path, key_field_const(k, obj), sizeof(path));
	v->fn(v->arg, path);
}

static void visit_list(const struct config_key *k, const void *obj, const struct visit *v)
{
	const struct key_scope *elements = key_elements(k);
	struct key_list list = key_get_list(k, obj);

	for (size_t i = 0; i < list.n; i++)
		visit_scope(elements, (const char *)list.elements + i * elements->size, v);
}

/* As deep as the table is: its scopes do not contain themselves. */
static void visit_scope(const struct key_scope *scope, const void *obj, const struct visit *v)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct config_key *k = &key_rows[scope->first + i];

		if (k->kind == KEY_PATH)
			visit_path(k, obj, v);
		if (k->kind == KEY_LIST)
			visit_list(k, obj, v);
		if (k->kind == KEY_BLOCK && !key_is_absent(k, obj))
			visit_scope(key_elements(k), key_get_block(k, obj), v);
	}
}

void key_each_path(const struct config *c, void (*fn)(void *arg, const char *path), void *arg)
{
	visit_scope(&key_scopes[KEY_TOP], c, &(struct visit){fn, arg});
}
