/* config_diff: objects are matched by name, servers by address; values are compared as the text that would load to
 * them. */
#include "config/config_diff.h"

#include <stdlib.h>
#include <string.h>

#include "config/dump.h"
#include "config/key.h"
#include "netpoll/check.h"
#include "netpoll/err.h"

#define EFFECTS (CONFIG_EFFECT_RESTART + 1)

struct walk {
	void (*fn)(void *arg, const struct config_difference *d);
	void *arg;
	struct config_difference of[EFFECTS]; /* of the object under way: its keys, by effect */
	int err;
};

/* What a changed key does to the connections that stand. */
static enum config_effect effect_of(const struct config_key *k)
{
	static const enum config_effect effects[] = {
		[KEY_LIVE] = CONFIG_EFFECT_NONE,
		[KEY_NEW] = CONFIG_EFFECT_NEW_ONLY,
		[KEY_REOPEN] = CONFIG_EFFECT_NEW_ONLY,
		[KEY_RESTART] = CONFIG_EFFECT_RESTART,
	};

	return effects[k->reload];
}

/* ---- one object ---- */

/* Keys of one object with the same effect are told together. */
static void note_key(struct walk *w, const struct config_key *k)
{
	struct config_difference *d = &w->of[effect_of(k)];

	CHECK(d->nkeys < CONFIG_DIFF_KEYS, "no object has so many keys");
	d->keys[d->nkeys++] = k->path;
}

/* Returns NULL without memory. */
static char *text_of(const struct config_key *k, const void *obj)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	bool whole;

	if (f == NULL)
		return NULL;
	dump_one(f, k, obj);
	whole = ferror(f) == 0;
	if (fclose(f) == 0 && whole)
		return text;
	free(text);
	return NULL;
}

/* By text: what would load to the same value is the same, whatever types it has. */
static bool is_same(struct walk *w, const struct config_key *k, const void *older, const void *newer)
{
	char *a, *b;
	bool same;

	if (key_is_absent(k, older) || key_is_absent(k, newer))
		return key_is_absent(k, older) == key_is_absent(k, newer);
	a = text_of(k, older);
	b = text_of(k, newer);
	if (a == NULL || b == NULL)
		w->err = -NP_ENOMEM;
	same = a != NULL && b != NULL && strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}

/* Lists that have differences of their own, and what the model says elsewhere. */
static bool is_told_apart(const struct config_key *k)
{
	return (k->flags & KEY_FOLDED) != 0 || strcmp(k->path, "listeners") == 0 || strcmp(k->path, "upstreams") == 0 ||
	       strcmp(k->path, "upstreams[].servers") == 0;
}

/* Keys below prefix. Blocks nest, a handful deep. */
static void compare_keys(struct walk *w, const char *prefix, const void *older, const void *newer)
{
	const struct config_key *k = NULL;

	while ((k = key_next(prefix, k)) != NULL) {
		bool inside = k->kind == KEY_MAP || k->kind == KEY_BLOCK;

		if (is_told_apart(k) || is_same(w, k, older, newer))
			continue;
		if (!inside || key_is_absent(k, older) || key_is_absent(k, newer))
			note_key(w, k);
		else if (k->kind == KEY_MAP)
			compare_keys(w, k->path, older, newer);
		else
			compare_keys(w, key_inside(k), key_get_block(k, older), key_get_block(k, newer));
	}
}

/* One difference for each effect; those without keys are not told. */
static void begin_object(struct walk *w, const char *noun, const char *name, const struct config_server *server)
{
	struct config_difference d = {.change = CONFIG_CHANGE, .noun = noun, .name = name, .server = server};

	for (unsigned i = 0; i < EFFECTS; i++) {
		d.effect = (enum config_effect)i;
		w->of[i] = d;
	}
}

/* The sharpest effect first. */
static void end_object(struct walk *w)
{
	for (unsigned i = EFFECTS; i-- > 0;)
		if (w->of[i].nkeys > 0)
			w->fn(w->arg, &w->of[i]);
}

/* An object that came or went has no keys to list. */
static void tell_whole(struct walk *w, enum config_change change, const char *noun, const char *name,
		       const struct config_server *server)
{
	struct config_difference d = {.change = change, .noun = noun, .name = name, .server = server};

	d.effect = change == CONFIG_REMOVE ? CONFIG_EFFECT_DRAINED : CONFIG_EFFECT_NONE;
	w->fn(w->arg, &d);
}

/* ---- the file ---- */

/* The keys of the top are of sections: "log.level", "workers". */
static void compare_sections(struct walk *w, const struct config *older, const struct config *newer)
{
	const struct config_key *k = NULL;

	while ((k = key_next("", k)) != NULL) {
		if (is_told_apart(k) || is_same(w, k, older, newer))
			continue;
		begin_object(w, k->path, NULL, NULL);
		if (k->kind == KEY_MAP)
			compare_keys(w, k->path, older, newer);
		else
			note_key(w, k);
		end_object(w);
	}
}

static const struct config_listener *diff_listener(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nlisteners; i++)
		if (strcmp(c->listeners[i].name, name) == 0)
			return &c->listeners[i];
	return NULL;
}

static const struct config_upstream *diff_upstream(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nupstreams; i++)
		if (strcmp(c->upstreams[i].name, name) == 0)
			return &c->upstreams[i];
	return NULL;
}

static const struct config_server *diff_server(const struct config_upstream *u, const struct config_server *s)
{
	for (size_t i = 0; i < u->nservers; i++)
		if (config_server_same(&u->servers[i], s))
			return &u->servers[i];
	return NULL;
}

static void compare_listeners(struct walk *w, const struct config *older, const struct config *newer)
{
	for (size_t i = 0; i < older->nlisteners; i++) {
		const struct config_listener *a = &older->listeners[i], *b = diff_listener(newer, a->name);

		if (b == NULL) {
			tell_whole(w, CONFIG_REMOVE, "listener", a->name, NULL);
			continue;
		}
		begin_object(w, "listener", a->name, NULL);
		compare_keys(w, "listeners[]", a, b);
		end_object(w);
	}
	for (size_t i = 0; i < newer->nlisteners; i++)
		if (diff_listener(older, newer->listeners[i].name) == NULL)
			tell_whole(w, CONFIG_ADD, "listener", newer->listeners[i].name, NULL);
}

static void compare_servers(struct walk *w, const struct config_upstream *older, const struct config_upstream *newer)
{
	for (size_t i = 0; i < older->nservers; i++) {
		const struct config_server *a = &older->servers[i], *b = diff_server(newer, a);

		if (b == NULL) {
			tell_whole(w, CONFIG_REMOVE, "server", older->name, a);
			continue;
		}
		begin_object(w, "server", older->name, a);
		compare_keys(w, "upstreams[].servers[]", a, b);
		end_object(w);
	}
	for (size_t i = 0; i < newer->nservers; i++)
		if (diff_server(older, &newer->servers[i]) == NULL)
			tell_whole(w, CONFIG_ADD, "server", newer->name, &newer->servers[i]);
}

static void compare_upstreams(struct walk *w, const struct config *older, const struct config *newer)
{
	for (size_t i = 0; i < older->nupstreams; i++) {
		const struct config_upstream *a = &older->upstreams[i], *b = diff_upstream(newer, a->name);

		if (b == NULL) {
			tell_whole(w, CONFIG_REMOVE, "upstream", a->name, NULL);
			continue;
		}
		begin_object(w, "upstream", a->name, NULL);
		compare_keys(w, "upstreams[]", a, b);
		end_object(w);
		compare_servers(w, a, b);
	}
	for (size_t i = 0; i < newer->nupstreams; i++)
		if (diff_upstream(older, newer->upstreams[i].name) == NULL)
			tell_whole(w, CONFIG_ADD, "upstream", newer->upstreams[i].name, NULL);
}

int config_diff(const struct config *older, const struct config *newer,
		void (*fn)(void *arg, const struct config_difference *d), void *arg)
{
	struct walk *w = calloc(1, sizeof(*w)); /* a few KiB */
	int err;

	if (w == NULL)
		return -NP_ENOMEM;
	w->fn = fn;
	w->arg = arg;
	compare_sections(w, older, newer);
	compare_listeners(w, older, newer);
	compare_upstreams(w, older, newer);
	err = w->err;
	free(w);
	return err;
}
