/* name_set: host-name patterns, each with a small number, and which of them a name matches. TLS
 * finds certificates by it, and the router finds routes. The control thread builds a set together
 * with a configuration and never changes it afterwards, so any thread may look things up. A lookup
 * allocates nothing.
 *
 *   example.com      that name
 *   *.example.com    names below it, at any depth: a.example.com, a.b.example.com; not
 *                    example.com itself
 *   mail.*           names that begin with that label or labels: mail.example.com, mail.example.org
 *   *                every name, in sets of any depth
 *
 * The most specific pattern wins: the exact name, then the longest leading wildcard, then the
 * longest trailing one, then the star alone. Letters match in either case, and a dot at the end of the name does not
 * count. A text that is not a host name matches no pattern. */
#ifndef PROXY_BASE_NAME_SET_H
#define PROXY_BASE_NAME_SET_H

#include "netpoll/base.h"

#define NAME_MAX_BYTES 253 /* of a host name, without a dot at its end */
/* The most patterns that one name can match: itself, two for each of its dots, at most 126, and the
 * star. */
#define NAME_MATCH_MAX 256

/* How many labels a leading wildcard stands for. */
enum name_depth {
	NAME_ANY_DEPTH, /* routes: *.example.com matches a.b.example.com, and * everything */
	NAME_ONE_LABEL, /* certificates: clients accept one label (RFC 9525, 6.3) */
};

struct name_entry;

/* Const once the last pattern is in. */
struct name_set {
	struct name_entry *entries; /* owned; max of them, n in use; a number is an index */
	uint32_t *slots; /* owned; mask + 1 of them: a number plus 1, or 0: free */
	uint32_t n, max, mask;
	enum name_depth depth;
};

/* name_set_init: make an empty set with room for max patterns.
 *   Returns  0 or -NP_ENOMEM; *s is then empty, and name_set_fini may follow.
 *   Owns     its memory, until name_set_fini. */
must_use int name_set_init(struct name_set *s, size_t max, enum name_depth depth);
void name_set_fini(struct name_set *s);

/* name_set_add: add a pattern. The first one gets number 0, each new one the next number, and a
 * pattern that is in the set already keeps its number.
 *   Returns  the number, or -NP_EINVAL if the text is not a pattern.
 *   Calls    only before the set is shared; at most max different patterns (CHECK). */
must_use int name_set_add(struct name_set *s, const char *pattern);

/* name_set_find: the number of the most specific pattern that matches the n bytes of name, or -1.
 * Any thread. */
int name_set_find(const struct name_set *s, const char *name, size_t n);

/* name_set_match: write the numbers of all patterns that match to ids, the most specific first.
 *   Returns  how many.
 *   Calls    any thread. */
unsigned name_set_match(const struct name_set *s, const char *name, size_t n,
			uint32_t ids[NAME_MATCH_MAX]);

/* name_is_valid: are the n bytes a host name: labels of 1 to 63 letters, digits, '-' and '_', with
 * single dots between them? No RFC allows '_' in a host name, but many names have it. The caller
 * removes a dot at the end first. */
bool name_is_valid(const char *name, size_t n);

/* Names are compared in lower case: ASCII letters alone. */
static inline char name_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

#endif
