/* One hash table for the three kinds of pattern. A key says by its dots what it is: "example.com", ".example.com" for
 * the leading wildcard, "mail." for the trailing one; and each is a piece of every name it matches. So a name is looked
 * up whole, and at each of its dots what is from there on and what is up to there. Two passes hash all pieces: keys
 * that end a name are hashed from the back, keys that begin one from the front.
 *
 * The hash has no secret: keys come from the configuration, clients only look. */
#include "proxy/base/name_set.h"

#include <stdlib.h>
#include <string.h>

#include "config/host.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"


struct name_entry {
	uint64_t hash;
	uint8_t len;
	char key[NAME_MAX_BYTES + 1];
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool name_is_valid(const char *name, size_t n)
{
	return host_check(name, n) == HOST_OK;
}

/* In the direction in which a lookup comes upon the key: the one that begins a name ends with a dot. */
static uint64_t hash_key(const char *key, size_t n)
{
	bool forward = key[n - 1] == '.';
	uint64_t h = HASH_START;

	for (size_t i = 0; i < n; i++)
		h = hash_byte(h, (unsigned char)key[forward ? i : n - 1 - i]);
	return h;
}

/* FNV's low bits never see the high bits of any byte, so the upper half of the hash is folded in. */
static uint32_t slot_of(const struct name_set *s, uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32) & s->mask;
}

/* The slot that holds this key, or the empty one where it would stand. */
static uint32_t *probe(const struct name_set *s, uint64_t hash, const char *key, size_t n)
{
	uint32_t at = slot_of(s, hash);

	for (;; at = (at + 1) & s->mask) {
		const struct name_entry *e;

		if (s->slots[at] == 0)
			return &s->slots[at];
		e = &s->entries[s->slots[at] - 1];
		if (e->hash == hash && e->len == n && memcmp(e->key, key, n) == 0)
			return &s->slots[at];
	}
}

int name_set_init(struct name_set *s, size_t max, enum name_depth depth)
{
	size_t slots = 4;

	while (slots < max * 2)
		slots *= 2;
	*s = (struct name_set){.max = (uint32_t)max, .mask = (uint32_t)slots - 1, .depth = depth};
	s->entries = calloc(max + 1, sizeof(s->entries[0])); /* + 1: never of size 0 */
	s->slots = calloc(slots, sizeof(s->slots[0]));
	if (s->entries != NULL && s->slots != NULL)
		return 0;
	name_set_fini(s);
	return -NP_ENOMEM;
}

void name_set_fini(struct name_set *s)
{
	free(s->entries);
	free(s->slots);
	*s = (struct name_set){0};
}

/* The key of a pattern: its text in lower case without the star. Returns its length; 0: not a pattern. */
static size_t make_key(const char *pattern, char key[NAME_MAX_BYTES + 1])
{
	size_t n = strlen(pattern);
	bool leading = n > 2 && pattern[0] == '*' && pattern[1] == '.';
	bool trailing = n > 2 && pattern[n - 1] == '*' && pattern[n - 2] == '.';
	size_t from = leading ? 2 : 0, to = trailing ? n - 2 : n;

	if ((leading && trailing) || !name_is_valid(pattern + from, to - from))
		return 0;
	from -= leading; /* the dot belongs to the key */
	to += trailing;
	for (size_t i = from; i < to; i++)
		key[i - from] = lower(pattern[i]);
	return to - from;
}

int name_set_add(struct name_set *s, const char *pattern)
{
	char key[NAME_MAX_BYTES + 1];
	size_t n = make_key(pattern, key);
	uint32_t *slot;
	uint64_t hash;

	if (n == 0)
		return -NP_EINVAL;
	hash = hash_key(key, n);
	slot = probe(s, hash, key, n);
	if (*slot == 0) {
		struct name_entry *e = &s->entries[s->n];

		CHECK(s->n < s->max, "more patterns than the set has room for");
		e->hash = hash;
		e->len = (uint8_t)n;
		memcpy(e->key, key, n);
		*slot = ++s->n;
	}
	return (int)*slot - 1;
}

/* ---- lookup ---------------------------------------------------------------------------------- */

/* What one name matches, as it is found. */
struct matches {
	const struct name_set *set;
	uint32_t *ids;
	unsigned n;
};

static void look(struct matches *m, uint64_t hash, const char *key, size_t n)
{
	const uint32_t *slot = probe(m->set, hash, key, n);

	if (*slot != 0)
		m->ids[m->n++] = *slot - 1;
}

/* From the back: the shortest leading wildcard first, the name itself last. */
static void look_backward(struct matches *m, const char *name, size_t n)
{
	const char *first_dot = memchr(name, '.', n);
	uint64_t h = HASH_START;

	for (size_t i = n; i-- > 0;) {
		h = hash_byte(h, (unsigned char)name[i]);
		if (name[i] == '.' && (m->set->depth == NAME_ANY_DEPTH || name + i == first_dot))
			look(m, h, name + i, n - i);
	}
	look(m, h, name, n);
}

/* From the front: the shortest trailing wildcard first. */
static void look_forward(struct matches *m, const char *name, size_t n)
{
	uint64_t h = HASH_START;

	for (size_t i = 0; i < n; i++) {
		h = hash_byte(h, (unsigned char)name[i]);
		if (name[i] == '.')
			look(m, h, name, i + 1);
	}
}

/* Both passes find the least specific first. */
static void reverse(uint32_t *ids, unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++) {
		uint32_t id = ids[i];

		ids[i] = ids[n - 1 - i];
		ids[n - 1 - i] = id;
	}
}

/* The name as keys are written: lower case, no dot at its end. Returns its length; 0: not a name. */
static size_t make_name(const char *name, size_t n, char text[NAME_MAX_BYTES])
{
	if (n > 0 && name[n - 1] == '.')
		n--;
	if (!name_is_valid(name, n))
		return 0;
	for (size_t i = 0; i < n; i++)
		text[i] = lower(name[i]);
	return n;
}

unsigned name_set_match(const struct name_set *s, const char *name, size_t n, uint32_t ids[NAME_MATCH_MAX])
{
	struct matches m = {.set = s, .ids = ids};
	char text[NAME_MAX_BYTES];
	unsigned backward;

	if (s->n == 0)
		return 0;
	n = make_name(name, n, text);
	if (n == 0)
		return 0;
	look_backward(&m, text, n);
	reverse(ids, m.n);
	backward = m.n;
	look_forward(&m, text, n);
	reverse(ids + backward, m.n - backward);
	return m.n;
}

int name_set_find(const struct name_set *s, const char *name, size_t n)
{
	uint32_t ids[NAME_MATCH_MAX];

	return name_set_match(s, name, n, ids) > 0 ? (int)ids[0] : -1;
}
