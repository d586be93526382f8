/* names_keep: what is known of names, over a restart: into the state file (names_text.h), and out of it for names that
 * have no answer yet. Control thread. */
#ifndef PROXY_CONTROL_NAMES_KEEP_H
#define PROXY_CONTROL_NAMES_KEEP_H

#include "proxy/control/names.h"

struct text;

/* names_recall: what a former process knew, as names_keep has written it; NULL: nothing. It is used for names that have
 * no answer yet, if it is younger than dns.max_ttl.   Calls  before the first names_prepare.   Owns  text: free(3). */
void names_recall(struct names *n, char *text);
/* names_keep: append what is known of all names, as a part of the state file. What has no room is left out. */
void names_keep(const struct names *n, struct text *t);

/* names_recall_late: what the process knows that still runs, where it is known after names_prepare: for names of s that
 * have no server by now, since DNS says nothing. The upstreams of s have those servers then.   Owns  text. */
void names_recall_late(struct names *n, const struct snapshot *s, char *text);

/* names_recall_one: d, which is new, gets what is kept of it, and of the hosts of a service; forget is not called, for
 * nothing is asked yet. */
void names_recall_one(const struct names *n, struct dns_name *d, void (*forget)(struct dns_set *s));

#endif
