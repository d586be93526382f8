/* usable: may servers take connections, in the words that are shown, and how many of them may. Any thread that holds
 * the inventory. */
#ifndef PROXY_POLICY_USABLE_H
#define PROXY_POLICY_USABLE_H

#include "proxy/policy/inventory.h"
#include "proxy/upstream/server_reason.h"
#include "proxy/upstream/slow_start.h"

struct usable_count {
	unsigned servers, usable, spare;
};

/* usable_word: "yes", "spare" or "no"; *why (NULL: not asked) is the word of what decides, or NULL. */
const char *usable_word(const struct inventory_server *s, const char **why);
/* usable_sentence: the same reason for people, with what is known beside it; usable_back: what ends it, and when
 * (server_reason.h).   Returns  out; NULL: nothing is in its way.   Calls  any thread; takes the upstream's lock. */
const char *usable_sentence(const struct inventory_server *s, char out[SERVER_REASON]);
const char *usable_back(const struct inventory_server *s, char out[SERVER_REASON]);
/* usable_share: what slow start leaves it of its share, in 1024ths (SLOW_START_UNIT: all), as the next pick has it.
 * *left, where it is less: ns until it has all of it. */
uint64_t usable_share(const struct inventory *inv, const struct inventory_server *s, int64_t *left);
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
