/* check_plan: from the model to what the health thread needs. */
#include "proxy/policy/check_plan.h"

#include <stdlib.h>

#include "config/config.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"

static struct check_rules rules_of(const struct config_check *c)
{
	return (struct check_rules){
		.interval = c->interval,
		.timeout = c->timeout,
		.rise = (unsigned)c->rise,
		.fall = (unsigned)c->fall,
	};
}

/* How often it is asked is no part of what is asked. */
static uint64_t same_of(const struct check_plan *p)
{
	uint64_t h = hash_bytes(HASH_START, &p->kind, sizeof(p->kind));

	return hash_bytes(h, &p->port, sizeof(p->port));
}

int check_plan_new(const struct config_upstream *c, struct check_plan **out)
{
	struct check_plan *p;

	*out = NULL;
	if (config_check_of(c) == NULL)
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -NP_ENOMEM;
	p->kind = CHECK_KIND_TCP;
	p->rules = rules_of(config_check_of(c));
	p->port = c->health.port == CONFIG_AUTO ? 0 : (int)c->health.port;
	p->same = same_of(p);
	*out = p;
	return 0;
}

struct check_plan *check_plan_free(struct check_plan *p)
{
	free(p);
	return NULL;
}
