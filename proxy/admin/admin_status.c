/* admin_status: /v1/status: what an operator asks first. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/admin/admin_sample.h"
#include "proxy/control/confine.h"
#include "proxy/policy/usable.h"

#define STATUS_PATIENCE (2 * NP_S)
#define WORKER_ROOM     512
#define TIER_ROOM       512
#define PATH_SHOWN      1024 /* bytes: escaped they fit into one block */

static const char *stage_word(const struct process *p)
{
	static const char *const words[] = {
		[STAGE_STARTING] = "starting",
		[STAGE_SERVING] = "serving",
		[STAGE_DRAINING] = "draining",
		[STAGE_ENDED] = "stopping",
	};

	return words[__atomic_load_n(&p->stage, __ATOMIC_ACQUIRE)];
}

static void put_hash(struct json *j, const struct inventory *inv)
{
	uint64_t hash = inv != NULL ? __atomic_load_n(&inv->config->hash, __ATOMIC_RELAXED) : 0;
	char hex[20];

	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)hash);
	json_str(j, "hash", inv != NULL ? hex : NULL);
}

static void put_process(struct json *j, const struct process *p, const struct order *o, const struct inventory *inv)
{
	json_str(j, "version", p->version);
	json_i64(j, "pid", getpid());
	json_i64(j, "uptime_ms", (np_nanotime() - p->started) / NP_MS);
	json_str(j, "state", stage_word(p));
	json_enter(j, "config", '{');
	if (p->config_path == NULL)
		json_null(j, "path");
	else
		json_bytes(j, "path", p->config_path, strnlen(p->config_path, PATH_SHOWN));
	put_hash(j, inv);
	json_time(j, "loaded_at", o->loaded_at);
	json_str(j, "last_error", o->why[0] != '\0' ? o->why : NULL);
	json_str(j, "changes", o->changes[0] != '\0' ? o->changes : NULL);
	json_leave(j, '}');
}

/* What the kernel denies this process. */
static void put_sandbox(struct json *j)
{
	const struct confined *is = confine_state();

	json_enter(j, "sandbox", '{');
	json_u64(j, "landlock", is->landlock);
	json_bool(j, "inherited", is->inherited);
	json_bool(j, "no_new_privs", is->fixed);
	json_bool(j, "seccomp", is->closed);
	json_str(j, "text", is->text);
	json_leave(j, '}');
}

/* The sum is not beside the frames of those who park. */
static no_inline void put_connections(struct json *j, const struct inventory *inv, const struct order *o)
{
	struct listener_stats total = {0};

	if (inv != NULL)
		inventory_totals(inv, &total);
	json_enter(j, "connections", '{');
	json_u64(j, "active", listener_stats_active(&total));
	json_u64(j, "max", o->max_connections);
	json_u64(j, "total", total.connections);
	json_u64(j, "bytes_in", total.bytes_in);
	json_u64(j, "bytes_out", total.bytes_out);
	json_leave(j, '}');
}

/* Who has handed over to this process, and still has connections. */
static void put_predecessor(struct json *j, const struct order *o)
{
	if (o->before == 0) {
		json_null(j, "predecessor");
		return;
	}
	json_enter(j, "predecessor", '{');
	json_i64(j, "pid", o->before);
	json_u64(j, "connections", o->before_conns);
	json_leave(j, '}');
}

static void put_rates(struct json *j, const struct client *c)
{
	static const char *const words[RATES] = {"connections", "rejected", "failed", "bytes_in", "bytes_out"};
	uint64_t rates[RATES];

	rates_process(&c->admin->sampler->rates, rates);
	sample_rates(j, words, rates);
}

/* Of upstreams that have more than one tier, since all others have nothing to tell of it. */
static no_inline void put_status_tiers(struct json *j, struct reply *r, const struct inventory *inv)
{
	json_enter(j, "tiers", '[');
	for (unsigned i = 0; inv != NULL && i < inv->nupstreams; i++) {
		const struct inventory_upstream *u = &inv->upstreams[i];
		unsigned tiers = u->listed ? usable_tiers(inv, u) : 0;

		for (unsigned tier = 0; tiers > 1 && tier < tiers && reply_room(r, TIER_ROOM); tier++)
			show_tier(j, inv, u, tier, true);
	}
	json_leave(j, ']');
}

static void put_upstreams(struct json *j, const struct inventory *inv)
{
	struct usable_count n = {0};
	unsigned listed = 0;

	if (inv != NULL)
		n = usable_count(inv, NULL);
	for (unsigned i = 0; inv != NULL && i < inv->nupstreams; i++)
		listed += inv->upstreams[i].listed;
	json_enter(j, "upstreams", '{');
	json_u64(j, "n", listed);
	json_u64(j, "servers", n.servers);
	json_u64(j, "usable", n.usable);
	json_u64(j, "spare", n.spare);
	json_leave(j, '}');
}

static void put_worker(struct json *j, const struct process *p, unsigned i)
{
	struct np_worker_stats stats;

	np_worker_stats(p->workers[i], &stats);
	json_enter(j, NULL, '{');
	json_u64(j, "id", i);
	json_u64(j, "connections", __atomic_load_n(&p->shards[i].nconns, __ATOMIC_RELAXED));
	json_u64(j, "turns", stats.turns);
	json_u64(j, "polls", stats.polls);
	json_i64(j, "silent_ms", stats.silent / NP_MS);
	json_leave(j, '}');
}

void admin_status(struct client *c, struct reply *r)
{
	const struct process *p = c->admin->p;
	struct order *o = admin_order(c, &(struct order){.kind = ORDER_STATUS}, STATUS_PATIENCE);
	struct inventory *inv;
	struct json j;

	if (o == NULL) {
		reply_error(r, 503, "the control thread does not answer", NULL);
		return;
	}
	reply_object(r, &j, o->generation);
	inv = inventory_hold(&c->admin->reader);
	put_process(&j, p, o, inv);
	reply_room(r, 2048);
	put_sandbox(&j);
	put_connections(&j, inv, o);
	put_predecessor(&j, o);
	put_rates(&j, c);
	put_upstreams(&j, inv);
	put_status_tiers(&j, r, inv);
	if (inv != NULL)
		inventory_drop(inv);
	admin_warnings(&j, c, r, o);
	admin_limits(&j, c, r, o);
	json_enter(&j, "workers", '[');
	for (unsigned i = 0; i < p->nworkers && reply_room(r, WORKER_ROOM); i++)
		put_worker(&j, p, i);
	json_leave(&j, ']');
	json_leave(&j, '}');
	text_char(&r->body, '\n');
	admin_order_free(o);
}
