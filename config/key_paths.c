/* key_paths: walks the model along the key table: each PATH row of a struct, then the structs below
 * it. */
#include "config/key_paths.h"

#include <string.h>
#include <sys/stat.h>

#include "config/key.h"
#include "config/text/beneath.h"
#include "config/text/diag.h"

struct visit {
	void (*fn)(void *arg, const char *path, struct config_pos at);
	void *arg;
	unsigned ours; /* KEY_OURS: those alone; 0: all others */
};

static void visit_scope(const struct key_scope *scope, const void *obj, const struct visit *v);

/* key_origin of a model that stays as it is. */
static struct config_pos key_origin_of(const struct config_key *k, const void *obj)
{
	const struct key_scope *s = &key_scopes[k->scope];
	const struct config_pos *origin = (const void *)((const char *)obj + s->origin);

	return origin[(size_t)(k - key_rows) - s->first];
}

static void visit_path(const struct config_key *k, const void *obj, const struct visit *v)
{
	const char *path;

	if ((k->flags & KEY_OURS) != v->ours || key_is_absent(k, obj))
		return;
	memcpy(&path, key_field_const(k, obj), sizeof(path));
	v->fn(v->arg, path, key_origin_of(k, obj));
}

static void visit_files(const struct config_key *k, const void *obj, const struct visit *v)
{
	struct key_list list = key_get_list(k, obj);
	const struct config_cidr *c = list.elements;

	for (size_t i = 0; i < list.n; i++)
		if (c[i].file != NULL)
			v->fn(v->arg, c[i].file, c[i].written.at);
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
		if (k->kind == KEY_CIDRS && (k->flags & KEY_FILES) != 0)
			visit_files(k, obj, v);
		if (k->kind == KEY_LIST)
			visit_list(k, obj, v);
		if (k->kind == KEY_BLOCK && !key_is_absent(k, obj))
			visit_scope(key_elements(k), key_get_block(k, obj), v);
	}
}

void key_each_path(const struct config *c,
		   void (*fn)(void *arg, const char *path, struct config_pos at), void *arg)
{
	visit_scope(&key_scopes[KEY_TOP], c, &(struct visit){fn, arg, 0});
}

void key_each_own_path(const struct config *c,
		       void (*fn)(void *arg, const char *path, struct config_pos at), void *arg)
{
	visit_scope(&key_scopes[KEY_TOP], c, &(struct visit){fn, arg, KEY_OURS});
}

void key_each_path_tls_in(const struct config_tls_in *t,
			  void (*fn)(void *arg, const char *path, struct config_pos at), void *arg)
{
	visit_scope(&key_scopes[KEY_TLS_IN], t, &(struct visit){fn, arg, 0});
}

void key_each_path_tls_out(const struct config_tls_out *t,
			   void (*fn)(void *arg, const char *path, struct config_pos at), void *arg)
{
	visit_scope(&key_scopes[KEY_TLS_OUT], t, &(struct visit){fn, arg, 0});
}

/* ---- kinds of files ---- */

static void check_path(void *arg, const char *path, struct config_pos at)
{
	struct diag *d = arg;
	struct stat st;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return;
	diag_error(d, DIAG_TLS, at, "%.200s is %s, not a regular file", path, beneath_kind(st.st_mode));
	diag_help(d, "copy what it holds into a file: it is read again at each reload");
}

void key_check_paths(const struct config *c, struct diag *d)
{
	key_each_path(c, check_path, d);
}
