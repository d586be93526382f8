/* names_settings: the block `dns` of a configuration, as sets of names and the resolver take it. Pure. */
#ifndef PROXY_CONTROL_NAMES_SETTINGS_H
#define PROXY_CONTROL_NAMES_SETTINGS_H

#include "proxy/resolve/dns_set.h"

struct config;

/* A value: who keeps it outlives the configuration. */
struct names_settings {
	struct dns_rules rules;
	struct dns_question question; /* whom to ask and how; without a name: each look-up copies it */
};

/* names_settings_of: what c says. Its name servers have passed the check, so they have room.   Calls  any thread. */
void names_settings_of(const struct config *c, struct names_settings *out);

#endif
