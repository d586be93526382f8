/* names_say: lines of the log, and events, about names: each once for as long as it lasts. Control thread. */
#ifndef PROXY_CONTROL_NAMES_SAY_H
#define PROXY_CONTROL_NAMES_SAY_H

#include "proxy/control/names.h"
#include "proxy/control/names_list.h"

struct config_upstream;

/* names_say_answer: s, which is a question of the name, has had this answer; change: bits of enum dns_change. */
void names_say_answer(struct named *one, const struct dns_set *s, const struct dns_answer *a, unsigned change);

/* names_say_recalled: at a start, if what a former process knew of it is used, since no answer has come. */
void names_say_recalled(const struct named *one);

/* names_say_left_out: which addresses are no servers, if some of this upstream's list are. */
void names_say_left_out(const struct names *n, const struct config_upstream *u, const struct names_list *list);

/* names_say_change: u gets this list in place of its members. */
void names_say_change(const struct upstream *u, const struct names_list *list);

#endif
