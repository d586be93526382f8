/* name_set: host-name patterns, each with a small number, and which of them a name matches. Certificates and routes are
 * found by it. Built with a configuration, frozen then: any thread may look things up, and a lookup allocates nothing.
 *
 *   example.com      that name
 *   *.example.com    names below it, at any depth: a.example.com, a.b.example.com; not example.com itself
 *   mail.*           names that begin with that label or labels: mail.example.com, mail.example.org
 *
 * The most specific pattern wins: the exact name, then the longest leading wildcard, then the longest trailing one.
 * Letters match in either case, and a dot at the name's end is as none. What is not a host name matches nothing. */
#ifndef PROXY_BASE_NAME_SET_H
#define PROXY_BASE_NAME_SET_H

#include "config/host.h"
#include "netpoll/base.h"

#define NAME_MAX_BYTES HOST_NAME_BYTES /* of a host name, without a dot at its end */
#define NAME_MATCH_MAX 256 /* patterns that one name can match: itself, and two for each of its dots */

/* How far a leading wildcard reaches. */
enum name_depth {
	NAME_ANY_DEPTH, /* routes: *.example.com holds a.b.example.com */
	NAME_ONE_LABEL, /* certificates: clients accept *.example.com for a.example.com and no deeper (RFC 9525, 6.3) */
};

struct name_entry;

/* Frozen once the last pattern is in. */
struct name_set {
	struct name_entry *entries; /* owned; max of them, n in use: a pattern's number is its index */
	uint32_t *slots;            /* owned; mask + 1 of them: number + 1, or 0. At most half are taken */
	uint32_t n, max, mask;
	enum name_depth depth;
};

/* name_set_init: an empty set with room for max patterns. Returns 0 or -NP_ENOMEM. */
must_use int name_set_init(struct name_set *s, size_t max, enum name_depth depth);
void name_set_fini(struct name_set *s);

/* name_set_add: put a pattern in. Numbers are given from 0 in the order of first sight; the same pattern again has the
 * number it had.
 *   Returns  its number, or -NP_EINVAL: not a pattern. */
must_use int name_set_add(struct name_set *s, const char *pattern);

/* name_set_find: the number of the most specific pattern that matches, or -1. */
int name_set_find(const struct name_set *s, const char *name, size_t n);

/* name_set_match: the numbers of all that match, the most specific first. Returns how many. */
unsigned name_set_match(const struct name_set *s, const char *name, size_t n, uint32_t ids[NAME_MATCH_MAX]);

/* Is this a host name, as config/host.h defines it? A dot at the end is not part of the name here. */
bool name_is_valid(const char *name, size_t n);

#endif
