/* validate_check: an upstream's checks. */
#include "config/validate_check.h"

#include "config/validate_keys.h"

#define HEALTH "upstreams[].health."

/* A port is looked for where there is none. */
static void doubt_port(struct diag *d, struct config_upstream *u)
{
	if (u->health.tcp == NULL) {
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(HEALTH "port", u),
		          "health.port has no effect: there is no check beside it");
		return;
	}
	for (size_t i = 0; i < u->nservers; i++) {
		if (u->servers[i].text == NULL || !np_addr_is_unix(&u->servers[i].addr))
			continue;
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(HEALTH "port", u),
		          "health.port has no effect for %.100s, which is a Unix socket", u->servers[i].text);
		return;
	}
}

void validate_checks(struct diag *d, struct config_upstream *u)
{
	if (u->health.tcp != NULL)
		validate_values(d, KEY_CHECK_TCP, u->health.tcp);
	if (validate_is_chosen(HEALTH "port", u))
		doubt_port(d, u);
}
