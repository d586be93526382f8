/* Finds the patterns that match a host name, in one hash table for all three kinds of pattern.
 *
 * The dots of a key say which kind it is: "example.com", ".example.com" for a leading wildcard,
 * "mail." for a trailing one, "." for the star alone. Each key but the last is a piece of every name
 * that it matches. So a lookup tries
 * the whole name, and at each dot of the name the piece that begins there and the piece that ends
 * there. Two passes hash all these pieces: keys that end a name are hashed from the back, keys that
 * begin one from the front, so that each further byte costs one step.
 *
 * The hash has no secret: keys come from the configuration, and clients only look them up. */
#include "proxy/base/name_set.h"

#include <stdlib.h>
#include <string.h>

#include "config/host.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"


/* One pattern. The hash is compared before the bytes, because it differs for nearly all keys of a
 * long chain. */
struct name_entry {
	uint64_t hash;
	uint8_t len;
	char key[NAME_MAX_BYTES + 1];
};

bool name_is_valid(const char *name, size_t n)
{
	return host_check(name, n) == HOST_OK;
}

/* Hashes a key in the direction in which a lookup reads it. A key that ends with a dot begins a
 * name: forward. */
static uint64_t hash_key(const char *key, size_t n)
{
	bool forward;
	uint64_t h = HASH_START;

	DCHECK(n > 0, "make_key returns 0 for what is not a pattern");
	forward = key[n - 1] == '.';

	for (size_t i = 0; i < n; i++)
		h = hash_byte(h, (unsigned char)key[forward ? i : n - 1 - i]);
	return h;
}

/* FNV's low bits never see the high bits of any byte, so the upper half of the hash is folded
 * in. */
static uint32_t slot_of(const struct name_set *s, uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32) & s->mask;
}

/* The slot that holds this key, or the empty slot where it belongs. It ends, since at most half of
 * the slots are taken. */
static uint32_t *find_slot(const struct name_set *s, uint64_t hash, const char *key, size_t n)
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
	size_t slots = 4; /* a power of two, twice max or more */

	CHECK(max < UINT32_MAX / 2, "a configuration has fewer names than a number can count");

	while (slots < max * 2)
		slots *= 2;
	*s = (struct name_set){.max = (uint32_t)max, .mask = (uint32_t)slots - 1, .depth = depth};
	s->entries = calloc(max + 1, sizeof(s->entries[0])); /* + 1: calloc(0) may return NULL */
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

/* Makes the key of a pattern: its text in lower case, without the star. Returns its length, or 0 if
 * the text is not a pattern. */
static size_t make_key(const char *pattern, enum name_depth depth, char key[NAME_MAX_BYTES + 1])
{
	size_t n = strlen(pattern);
	bool leading = n > 2 && pattern[0] == '*' && pattern[1] == '.';
	bool trailing = n > 2 && pattern[n - 1] == '*' && pattern[n - 2] == '.';
	size_t from = leading ? 2 : 0, to = trailing ? n - 2 : n;

	/* A star alone in a certificate stands for one label, and no client accepts it. */
	if (strcmp(pattern, "*") == 0 && depth == NAME_ANY_DEPTH) {
		key[0] = '.';
		return 1;
	}
	if ((leading && trailing) || !name_is_valid(pattern + from, to - from))
		return 0;
	from -= leading; /* the dot beside the star belongs to the key */
	to += trailing;
	for (size_t i = from; i < to; i++)
		key[i - from] = name_lower(pattern[i]);
	return to - from;
}

int name_set_add(struct name_set *s, const char *pattern)
{
	char key[NAME_MAX_BYTES + 1];
	size_t n = make_key(pattern, s->depth, key);
	uint32_t *slot;
	uint64_t hash;

	if (n == 0)
		return -NP_EINVAL;
	hash = hash_key(key, n);
	slot = find_slot(s, hash, key, n);
	if (*slot == 0) {
		struct name_entry *e = &s->entries[s->n];

		CHECK(s->n < s->max, "name_set_init was told how many patterns there are");
		e->hash = hash;
		e->len = (uint8_t)n;
		memcpy(e->key, key, n);
		*slot = ++s->n;
	}
	return (int)*slot - 1;
}

/* ---- lookup ---- */

/* The patterns that one name matches, in the order in which they are found. */
struct matches {
	const struct name_set *set;
	uint32_t *ids;
	unsigned n; /* at most NAME_MATCH_MAX: each dot of a name gives two pieces at most */
};

static void try_piece(struct matches *m, uint64_t hash, const char *key, size_t n)
{
	const uint32_t *slot = find_slot(m->set, hash, key, n);

	if (*slot == 0)
		return;
	DCHECK(m->n < NAME_MATCH_MAX, "a name has no more pieces than its bytes allow");
	m->ids[m->n++] = *slot - 1;
}

/* Goes from the back: finds the shortest leading wildcard first, the name itself last. */
static void match_backward(struct matches *m, const char *name, size_t n)
{
	const char *first_dot = memchr(name, '.', n);
	uint64_t h = HASH_START;

	for (size_t i = n; i-- > 0;) {
		h = hash_byte(h, (unsigned char)name[i]);
		if (name[i] == '.' && (m->set->depth == NAME_ANY_DEPTH || name + i == first_dot))
			try_piece(m, h, name + i, n - i);
	}
	try_piece(m, h, name, n);
}

/* Goes from the front: finds the shortest trailing wildcard first. */
static void match_forward(struct matches *m, const char *name, size_t n)
{
	uint64_t h = HASH_START;

	for (size_t i = 0; i < n; i++) {
		h = hash_byte(h, (unsigned char)name[i]);
		if (name[i] == '.')
			try_piece(m, h, name, i + 1);
	}
}

/* Both passes find the least specific pattern first; callers want it last. */
static void reverse_ids(uint32_t *ids, unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++) {
		uint32_t id = ids[i];

		ids[i] = ids[n - 1 - i];
		ids[n - 1 - i] = id;
	}
}

/* Writes a client's name as keys are written: in lower case, without a dot at its end. Returns its
 * length, or 0 if it is not a host name. */
static size_t normal_name(const char *name, size_t n, char text[NAME_MAX_BYTES])
{
	if (n > 0 && name[n - 1] == '.')
		n--;
	if (!name_is_valid(name, n))
		return 0;
	for (size_t i = 0; i < n; i++)
		text[i] = name_lower(name[i]);
	return n;
}

unsigned name_set_match(const struct name_set *s, const char *name, size_t n,
			uint32_t ids[NAME_MATCH_MAX])
{
	struct matches m = {.set = s, .ids = ids};
	char text[NAME_MAX_BYTES];
	unsigned backward;

	if (s->n == 0)
		return 0;
	n = normal_name(name, n, text);
	if (n == 0)
		return 0;
	match_backward(&m, text, n);
	reverse_ids(ids, m.n);
	backward = m.n;
	match_forward(&m, text, n);
	reverse_ids(ids + backward, m.n - backward);
	try_piece(&m, hash_key(".", 1), ".", 1);
	return m.n;
}

int name_set_find(const struct name_set *s, const char *name, size_t n)
{
	uint32_t ids[NAME_MATCH_MAX];

	return name_set_match(s, name, n, ids) > 0 ? (int)ids[0] : -1;
}
