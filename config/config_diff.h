/* config_diff: what differs between two configurations, by object, and what a reload from one to the other does about
 * it. Every key comes from the table, with what a reload does with it. */
#ifndef CONFIG_CONFIG_DIFF_H
#define CONFIG_CONFIG_DIFF_H

#include "config/config.h"

enum config_change { CONFIG_ADD, CONFIG_REMOVE, CONFIG_CHANGE };

/* What becomes of connections that an object has. */
enum config_effect {
	CONFIG_EFFECT_NONE,     /* it holds at once, and they do not notice */
	CONFIG_EFFECT_NEW_ONLY, /* they go on as before; it holds for those accepted afterwards */
	CONFIG_EFFECT_DRAINED,  /* they go on to their end, and no new one comes */
	CONFIG_EFFECT_RESTART,  /* it waits for a restart */
};

#define CONFIG_DIFF_KEYS 96 /* of one object; none has so many */

struct config_difference {
	enum config_change change;
	enum config_effect effect;
	const char *noun;  /* "listener", "upstream", "server"; or a section of the file: "log" */
	const char *name;  /* of a listener or an upstream, also a server's; NULL: a section */
	const struct config_server *server; /* NULL: it is none. Of the older one, unless it is added */
	const char *keys[CONFIG_DIFF_KEYS]; /* of a change: paths of the table */
	unsigned nkeys;
};

/* config_diff: calls fn for each difference, in the order of the older file; what is added comes last. An object with
 * keys of several effects is one difference for each.
 *   Returns  0; -NP_ENOMEM.   Calls  any thread that reads both. */
must_use int config_diff(const struct config *older, const struct config *newer,
			 void (*fn)(void *arg, const struct config_difference *d), void *arg);

#endif
