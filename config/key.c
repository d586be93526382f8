#include "config/key.h"

#include <string.h>

#include "config/units.h"
#include "netpoll/check.h"

#define X(name, word, meaning) {word, meaning},
static const struct key_word words_level[] = {CONFIG_LEVEL_TBL(X) {NULL, NULL}};
static const struct key_word words_format[] = {CONFIG_FORMAT_TBL(X) {NULL, NULL}};
static const struct key_word words_at_limit[] = {CONFIG_AT_LIMIT_TBL(X) {NULL, NULL}};
static const struct key_word words_balance[] = {CONFIG_BALANCE_TBL(X) {NULL, NULL}};
#undef X
#define words_none NULL

/* Columns of config_tbl.h; `f` is spelled with these. */
#define OFF    KEY_OFF
#define AUTO   KEY_AUTO
#define NEEDED KEY_NEEDED

#define ROW(scope, type, kind, path, member, def, min, max, f, words, reload, help, more, example) \
	{KEY_##kind, scope, path, offsetof(type, member), def, min, max, f, words_##words, KEY_##reload, \
	 help, more, example},
#define TOP(...)      ROW(KEY_TOP, struct config, __VA_ARGS__)
#define LISTENER(...) ROW(KEY_LISTENER, struct config_listener, __VA_ARGS__)
#define UPSTREAM(...) ROW(KEY_UPSTREAM, struct config_upstream, __VA_ARGS__)
#define SERVER(...)   ROW(KEY_SERVER, struct config_server, __VA_ARGS__)

const struct config_key key_rows[] = {
	CONFIG_TOP_TBL(TOP) CONFIG_LISTENER_TBL(LISTENER) CONFIG_UPSTREAM_TBL(UPSTREAM) CONFIG_SERVER_TBL(SERVER)
};
const size_t key_count = array_len(key_rows);

const struct key_scope key_scopes[KEY_SCOPES] = {
	[KEY_TOP] = {"", "config", NULL, NULL, sizeof(struct config), offsetof(struct config, origin), 0, 0,
	             CONFIG_TOP_KEYS},
	[KEY_LISTENER] = {"listeners[]", "listener", "name", NULL, sizeof(struct config_listener),
	                  offsetof(struct config_listener, origin), offsetof(struct config_listener, at),
	                  CONFIG_TOP_KEYS, CONFIG_LISTENER_KEYS},
	[KEY_UPSTREAM] = {"upstreams[]", "upstream", "name", NULL, sizeof(struct config_upstream),
	                  offsetof(struct config_upstream, origin), offsetof(struct config_upstream, at),
	                  CONFIG_TOP_KEYS + CONFIG_LISTENER_KEYS, CONFIG_UPSTREAM_KEYS},
	[KEY_SERVER] = {"upstreams[].servers[]", "server", "address", "address", sizeof(struct config_server),
	                offsetof(struct config_server, origin), offsetof(struct config_server, at),
	                CONFIG_TOP_KEYS + CONFIG_LISTENER_KEYS + CONFIG_UPSTREAM_KEYS, CONFIG_SERVER_KEYS},
};

/* The last part of path when it stands right below prefix, otherwise NULL. */
static const char *below(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);

	if (n > 0 && (strncmp(path, prefix, n) != 0 || path[n] != '.'))
		return NULL;
	path += n > 0 ? n + 1 : 0;
	return strchr(path, '.') == NULL ? path : NULL;
}

const struct config_key *key_next(const char *prefix, const struct config_key *k)
{
	size_t i = k == NULL ? 0 : (size_t)(k - key_rows) + 1;

	for (; i < key_count; i++)
		if (below(prefix, key_rows[i].path) != NULL)
			return &key_rows[i];
	return NULL;
}

const struct config_key *key_child(const char *prefix, const char *name)
{
	const struct config_key *k = NULL;

	while ((k = key_next(prefix, k)) != NULL)
		if (strcmp(key_name(k), name) == 0)
			return k;
	return NULL;
}

const struct config_key *key_find(const char *path)
{
	for (size_t i = 0; i < key_count; i++)
		if (strcmp(key_rows[i].path, path) == 0)
			return &key_rows[i];
	return NULL;
}

const char *key_name(const struct config_key *k)
{
	const char *dot = strrchr(k->path, '.');

	return dot == NULL ? k->path : dot + 1;
}

const struct key_scope *key_elements(const struct config_key *k)
{
	size_t n = strlen(k->path);

	for (size_t i = 0; i < KEY_SCOPES; i++)
		if (strncmp(key_scopes[i].prefix, k->path, n) == 0 && strcmp(key_scopes[i].prefix + n, "[]") == 0)
			return &key_scopes[i];
	CHECK(false, "a LIST row has no scope for its elements");
	return NULL;
}

void *key_field(const struct config_key *k, void *obj)
{
	return (char *)obj + k->offset;
}

const void *key_field_const(const struct config_key *k, const void *obj)
{
	return (const char *)obj + k->offset;
}

struct config_pos *key_origin(const struct config_key *k, void *obj)
{
	const struct key_scope *s = &key_scopes[k->scope];
	struct config_pos *origin = (void *)((char *)obj + s->origin);

	return &origin[(size_t)(k - key_rows) - s->first];
}

#define LIST_MEMBER(type, list, count) \
	_Static_assert(offsetof(type, count) - offsetof(type, list) == offsetof(struct key_list, n), \
	               "a LIST member is laid out as a struct key_list")

LIST_MEMBER(struct config, listeners, nlisteners);
LIST_MEMBER(struct config, upstreams, nupstreams);
LIST_MEMBER(struct config_upstream, servers, nservers);

/* Copied, because the member's pointer has another type than void *. */
struct key_list key_get_list(const struct config_key *k, const void *obj)
{
	struct key_list list;

	memcpy(&list, key_field_const(k, obj), sizeof(list));
	return list;
}

void key_set_list(const struct config_key *k, void *obj, struct key_list list)
{
	memcpy(key_field(k, obj), &list, sizeof(list));
}
