/* usable: may servers take connections, in the words that are shown, and how many of them may. Any thread that holds
 * the inventory. */
#ifndef PROXY_POLICY_USABLE_H
#define PROXY_POLICY_USABLE_H

#include "proxy/policy/inventory.h"

struct usable_count {
	unsigned servers, usable, spare;
};

/* usable_word: "yes", "spare" or "no"; *why (NULL: not asked) is what decides, or NULL. */
const char *usable_word(const struct inventory_server *s, const char **why);
/* The weight that counts. */
uint32_t usable_weight(const struct inventory_server *s);
/* The most connections; 0: no limit. */
uint32_t usable_most(const struct inventory_server *s);

/* usable_count: of the servers that are listed of u, or, where u is NULL, of all. */
struct usable_count usable_count(const struct inventory *inv, const struct inventory_upstream *u);

#endif
