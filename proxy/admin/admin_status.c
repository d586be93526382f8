/* admin_status: /v1/status: what an operator asks first. */
#include <string.h>
#include <unistd.h>

#include "proxy/admin/admin_priv.h"

#define STATUS_PATIENCE (2 * NP_S)
#define WORKER_ROOM     512
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

static void put_process(struct json *j, const struct process *p, const struct order *o)
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
	json_time(j, "loaded_at", o->loaded_at);
	json_str(j, "last_error", o->why[0] != '\0' ? o->why : NULL);
	json_leave(j, '}');
}

static void put_connections(struct json *j, const struct client *c, const struct order *o)
{
	struct inventory *inv = inventory_hold(&c->admin->reader);
	struct listener_stats total = {0};

	if (inv != NULL) {
		inventory_totals(inv, &total);
		inventory_drop(inv);
	}
	json_enter(j, "connections", '{');
	json_u64(j, "active", listener_stats_active(&total));
	json_u64(j, "max", o->max_connections);
	json_u64(j, "total", total.connections);
	json_u64(j, "bytes_in", total.bytes_in);
	json_u64(j, "bytes_out", total.bytes_out);
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
	struct json j;

	if (o == NULL) {
		reply_error(r, 503, "the control thread does not answer", NULL);
		return;
	}
	reply_object(r, &j, o->generation);
	put_process(&j, p, o);
	put_connections(&j, c, o);
	admin_limits(&j, c, r, o);
	json_enter(&j, "workers", '[');
	for (unsigned i = 0; i < p->nworkers && reply_room(r, WORKER_ROOM); i++)
		put_worker(&j, p, i);
	json_leave(&j, ']');
	json_leave(&j, '}');
	text_char(&r->body, '\n');
	admin_order_free(o);
}
