/* usable: may servers take connections, in the words that are shown, and how many of them may. Any thread that holds
 * the inventory. */
#ifndef PROXY_POLICY_USABLE_H
#define PROXY_POLICY_USABLE_H

#include "proxy/policy/inventory.h"

struct usable_count {
	unsigned servers, usable, spare;
};

#define USABLE_SENTENCE 256 /* bytes of one, with its NUL */

/* usable_word: "yes", "spare" or "no"; *why (NULL: not asked) is the word of what decides, or NULL. */
const char *usable_word(const struct inventory_server *s, const char **why);
/* usable_sentence: the same reason for people, with what is known beside it: what the check has found, which failure it
 * was, until when.   Returns  out; NULL: nothing is in its way.   Calls  any thread; takes the upstream's lock. */
const char *usable_sentence(const struct inventory_server *s, char out[USABLE_SENTENCE]);
/* The weight that counts. */
uint32_t usable_weight(const struct inventory_server *s);
/* The most connections; 0: no limit. */
uint32_t usable_most(const struct inventory_server *s);

/* usable_tiers: how many tiers the listed servers of u stand in; 1 mostly. */
unsigned usable_tiers(const struct inventory *inv, const struct inventory_upstream *u);
/* usable_tier: the count of those in one tier of u. */
struct usable_count usable_tier(const struct inventory *inv, const struct inventory_upstream *u, unsigned tier);

/* usable_count: of the servers that are listed of u, or, where u is NULL, of all. */
struct usable_count usable_count(const struct inventory *inv, const struct inventory_upstream *u);

#endif
