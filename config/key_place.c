/* key_place: from a sentence of OpenSSL's end back to the key that it is about. The sentences
 * begin with the file or the setting they are about, so the walk compares each key's value, then
 * its name, with their beginning. Rejected: an index handed down to where files are read; every
 * new sentence there would have to carry it. */
#include <string.h>

#include "config/config.h"
#include "config/key.h"
#include "config/validate_keys.h"
#include "netpoll/check.h"

static bool begins(const char *sentence, const char *word)
{
	size_t n = strlen(word);

	return n > 0 && strncmp(sentence, word, n) == 0 && sentence[n] == ':';
}

/* Values of one text each: paths, names of ciphers. The member is a pointer to it, as a BLOCK's
 * is. */
static bool is_text(const struct config_key *k)
{
	return k->kind >= KEY_NAME && k->kind <= KEY_PATH;
}

/* The place of the element of a list that the sentence is about: a name. Unknown: of none. */
static struct config_pos item_place(const struct config_key *k, void *obj, const char *sentence)
{
	struct key_list list = key_get_list(k, obj);
	const struct config_text *items = list.elements;

	for (size_t i = 0; k->kind == KEY_PATTERNS && i < list.n; i++)
		if (begins(sentence, items[i].text))
			return items[i].at;
	return (struct config_pos){0};
}

/* A problem of the keys right in obj. Returns whether *at is set. */
static bool place_in(const struct key_scope *s, void *obj, const char *sentence, struct config_pos *at)
{
	for (size_t i = s->first; i < s->first + s->n; i++) {
		const struct config_key *k = &key_rows[i];
		const char *value = is_text(k) ? key_get_block(k, obj) : NULL;
		bool meant = value != NULL && begins(sentence, value);

		if (k->kind == KEY_PATTERNS && pos_known(*at = item_place(k, obj, sentence)))
			return true;
		if (!meant && !begins(sentence, key_name(k)))
			continue;
		*at = *key_origin(k, obj);
		if (pos_known(*at))
			return true;
	}
	return false;
}

const char *config_file(const struct config *c, struct config_pos at)
{
	return at.part == 0 || at.part > c->nparts ? c->file : c->parts[at.part - 1];
}

struct config_line config_line(const struct config *c, struct config_pos at)
{
	struct config_line l;

	if (at.part == 0)
		snprintf(l.text, sizeof(l.text), "line %u", at.line);
	else
		snprintf(l.text, sizeof(l.text), "%.170s:%u", config_file(c, at), at.line);
	return l;
}

struct config_pos config_place(const struct config *c, const char *path)
{
	/* Only read: the places of a frozen model. */
	return validate_origin(path, (void *)(uintptr_t)c);
}

struct config_pos config_place_bind(const struct config_bind *b, const char *key)
{
	const struct config_key *k = key_child(key_scopes[KEY_BIND_AT].prefix, key);

	CHECK(k != NULL, "a key that an address does not have");
	return *key_origin(k, (void *)(uintptr_t)b);
}

struct config_pos config_place_tls_in(const struct config_tls_in *t, const char *sentence)
{
	struct config_tls_in *obj = (void *)(uintptr_t)t;
	struct config_pos at;

	for (size_t i = 0; i < t->ncertificates; i++) {
		struct config_name_auth *a = obj->certificates[i].client_auth;

		if (place_in(&key_scopes[KEY_CERT], &obj->certificates[i], sentence, &at) ||
		    (a != NULL && place_in(&key_scopes[KEY_NAME_AUTH], a, sentence, &at)))
			return at;
	}
	return place_in(&key_scopes[KEY_TLS_IN], obj, sentence, &at) ? at : t->at;
}

struct config_pos config_place_tls_out(const struct config_tls_out *t, const char *sentence)
{
	struct config_pos at;

	return place_in(&key_scopes[KEY_TLS_OUT], (void *)(uintptr_t)t, sentence, &at) ? at : t->at;
}
