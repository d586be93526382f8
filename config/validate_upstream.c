/* validate_upstream: an upstream's keys beside one another: how it balances, retries, queues and keeps ready. Warnings
 * are of what is legal, and surely not meant. */
#include "config/validate_upstream.h"

#include <string.h>

#include "config/validate_keys.h"

/* The first time out would be the longest already. */
static void doubt_passive(struct diag *d, struct config_upstream *u)
{
	struct config_pos out = validate_origin("upstreams[].health.passive.out", u);

	if (u->health.passive.out > u->health.passive.max_out)
		diag_warn(d, DIAG_SHORT_TIMER,
		          pos_known(out) ? out : validate_origin("upstreams[].health.passive.max_out", u),
		          "health.passive.out is longer than max_out, which bounds it");
}

static void check_hash_on(struct diag *d, struct config_upstream *u)
{
	if (config_hash_on(u) < 0)
		diag_error(d, DIAG_WORD, validate_origin("upstreams[].hash_on", u),
		           "\"hash_on\" cannot be \"%.80s\": write source, sni or a TLV from tlv:0xE0 to tlv:0xEF",
		           u->hash_on);
}

/* A share that grows would move the keys of a hash twice. */
static void doubt_hash(struct diag *d, struct config_upstream *u)
{
	bool by_hash = u->balance == CONFIG_BALANCE_SOURCE_HASH || u->balance == CONFIG_BALANCE_MAGLEV;

	if (u->slow_start != CONFIG_OFF && by_hash)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].slow_start", u),
		          "slow_start has no effect with a balance by hash");
	if (config_hash_on(u) != 0 && !by_hash)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].hash_on", u),
		          "hash_on has no effect but with a balance by hash");
	if (u->max_load != CONFIG_OFF && !by_hash)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].max_load", u),
		          "max_load has no effect but with a balance by hash");
}

/* Told once for each upstream: whoever writes zones of servers writes many. */
static void doubt_zones(struct diag *d, const struct config *c, struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers && c->zone == NULL; i++) {
		if (u->servers[i].zone == NULL)
			continue;
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].servers[].zone", &u->servers[i]),
		          "zone has no effect: the process has none, which the key zone at the top says");
		return;
	}
}

#define QUEUE_MAX_DEFAULT 1024 /* of the table: a file that writes every key is not doubted for it */

/* An operator may still give a server a limit at run time, and so does an agent: then it has its effect. */
static bool may_be_full(const struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++)
		if (u->servers[i].max_connections != CONFIG_OFF)
			return true;
	return u->health.agent.port != CONFIG_OFF;
}

static void doubt_queue(struct diag *d, struct config_upstream *u)
{
	bool chosen = u->queue.max != CONFIG_OFF && u->queue.max != QUEUE_MAX_DEFAULT;

	if (!may_be_full(u) && chosen)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].queue.max", u),
		          "nobody waits in the queue: no server has max_connections, so none is ever full");
	if (!validate_is_chosen("upstreams[].timeouts.queue", u))
		return;
	if (u->queue.max == CONFIG_OFF)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].timeouts.queue", u),
		          "timeouts.queue has no effect: the queue is off");
	else if (!may_be_full(u))
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].timeouts.queue", u),
		          "timeouts.queue has no effect: no server has max_connections, so nobody waits for one");
}

/* It is one of the retries. */
static void doubt_hedge(struct diag *d, struct config_upstream *u)
{
	if (u->retries == 0 && u->hedge != CONFIG_OFF && u->hedge != CONFIG_AUTO)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].hedge", u),
		          "hedge has no effect with retries: 0, for it counts as one");
}

/* Each server that is tried instead is one. */
static void doubt_replay(struct diag *d, struct config_upstream *u)
{
	if (u->replay == CONFIG_OFF)
		return;
	if (u->retries == 0)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].replay", u),
		          "replay has no effect with retries: 0, for another server is one of them");
	else if (u->nservers == 1 && u->servers[0].host == NULL)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].replay", u),
		          "replay has no effect: there is no other server that could have the bytes");
}

/* Tiers are ranks: where none is before it, a backup is as good as any. */
static void doubt_backups(struct diag *d, struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++)
		if (!u->servers[i].backup)
			return;
	if (u->nservers > 0)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].servers[].backup", &u->servers[0]),
		          "backup has no effect: every server of the upstream is one, so they are used at once");
}

/* A server with a limit must have no connection that is in nobody's count. */
static void check_warm(struct diag *d, struct config_upstream *u)
{
	if (u->warm.connections == CONFIG_OFF) {
		if (validate_is_chosen("upstreams[].warm.max_age", u))
			diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].warm.max_age", u),
			          "warm has no effect: write how many connections each worker keeps ready, as "
			          "connections: 2");
		return;
	}
	for (size_t i = 0; i < u->nservers; i++) {
		if (u->servers[i].max_connections == CONFIG_OFF)
			continue;
		diag_error(d, DIAG_CONFLICT, validate_origin("upstreams[].warm.connections", u),
		           "\"warm\" cannot stand beside max_connections: "
		           "the server would have more, since those that are kept ready are in no count");
		diag_note(d, "it is at %s",
		          diag_place(d, validate_origin("upstreams[].servers[].max_connections", &u->servers[i])).text);
		diag_help(d, "leave one of the two out");
		return;
	}
}

/* Two slips that leave an upstream useless: nothing takes connections, or the timer of an
 * attempt can never fire. */
static void doubt_upstream(struct diag *d, struct config_upstream *u)
{
	bool takes = u->nservers == 0;
	struct config_pos connect;

	for (size_t i = 0; i < u->nservers; i++)
		takes = takes || u->servers[i].weight > 0;
	if (!takes)
		diag_warn(d, DIAG_NO_SERVER, validate_origin("upstreams[].servers", u),
		          "every server has weight 0: each connection will be refused");
	connect = validate_origin("upstreams[].timeouts.connect", u);
	if (u->timeouts.connect > u->retry_budget)
		diag_warn(d, DIAG_SHORT_TIMER,
		          pos_known(connect) ? connect : validate_origin("upstreams[].retry_budget", u),
		          "timeouts.connect is longer than retry_budget, which ends the attempt first");
	doubt_passive(d, u);
	doubt_queue(d, u);
	doubt_hash(d, u);
	doubt_hedge(d, u);
	doubt_replay(d, u);
	doubt_backups(d, u);
}

void validate_upstream(struct diag *d, const struct config *c, struct config_upstream *u)
{
	check_hash_on(d, u);
	check_warm(d, u);
	doubt_upstream(d, u);
	doubt_zones(d, c, u);
}
