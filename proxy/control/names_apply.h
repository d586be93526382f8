/* names_apply: what DNS says, in the upstreams of a snapshot: their lists are made anew (names_list.h) and replaced,
 * between two picks, and the words of servers say who is leaving. Control thread. */
#ifndef PROXY_CONTROL_NAMES_APPLY_H
#define PROXY_CONTROL_NAMES_APPLY_H

#include "proxy/control/names.h"

/* names_apply_all: the upstreams of s, which no worker sees yet or which has been in force, have the servers that their
 * names stand for now; of those with names failed connects are told. Without memory an upstream stays as it was. */
void names_apply_all(struct names *n, const struct snapshot *s);

/* names_apply_changed: the same for those upstreams of the snapshot in force of which a name has changed, with what
 * operators and checks say of servers that are new; numbers are published.
 *   Returns  false: to be tried again, since a load has the registry, a generation changes or memory is short. */
must_use bool names_apply_changed(struct names *n);

#endif
