/* admin_limits: the limits of the status: how much of each is used, the most that ever was, how often it
 * acted, and whether it does now. */
#include <dirent.h>

#include "config/config.h"
#include "netpoll/err.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/control/capacity.h"
#include "proxy/policy/usable.h"
#include "proxy/upstream/server.h"

#define LIMIT_ROOM 1024 /* an entry: a name has 63 characters, an address 107 bytes, escaped */
#define COUNT_TURN 1024

struct shown {
	const char *name, *listener; /* both this and upstream NULL: of the process */
	const struct limit *limit;
	uint32_t used, max; /* UINT32_MAX: off */
	const char *upstream, *server;
};

static void put_limit(struct json *j, struct reply *r, const struct shown *s)
{
	int64_t last = __atomic_load_n(&s->limit->last_hit, __ATOMIC_RELAXED), ago = np_nanotime() - last;

	if (!reply_room(r, LIMIT_ROOM))
		return;
	json_enter(j, NULL, '{');
	json_str(j, "name", s->name);
	json_u64(j, "used", s->used);
	if (s->max == UINT32_MAX)
		json_null(j, "max");
	else
		json_u64(j, "max", s->max);
	json_str(j, "listener", s->listener);
	json_str(j, "upstream", s->upstream);
	json_u64(j, "high", __atomic_load_n(&s->limit->high, __ATOMIC_RELAXED));
	json_u64(j, "hits", __atomic_load_n(&s->limit->hits, __ATOMIC_RELAXED));
	if (last == 0)
		json_null(j, "last_hit");
	else
		json_time(j, "last_hit", wall_now() - ago);
	json_i64(j, "last_hit_ago_ms", last == 0 ? 0 : ago / NP_MS);
	json_bool(j, "episode", __atomic_load_n(&s->limit->since, __ATOMIC_RELAXED) != 0);
	json_str(j, "server", s->server);
	json_leave(j, '}');
}

/* For a kernel before 6.2, which does not say it: the others run meanwhile. */
static uint32_t count_descriptors(uint32_t max)
{
	DIR *d = opendir("/proc/self/fd");
	int err = d != NULL ? 0 : err_from_errno();
	uint32_t n = 0;

	if (d == NULL)
		return err == -NP_EMFILE ? max : 0;
	while (readdir(d) != NULL)
		if (++n % COUNT_TURN == 0)
			np_yield();
	closedir(d);
	return n > 3 ? n - 3 : 0; /* . and .. and the directory itself */
}

static void put_descriptors(struct json *j, struct process *p, struct reply *r)
{
	struct shown s = {.name = "descriptors", .limit = &p->watch.descriptors};

	s.max = (uint32_t)capacity_descriptors();
	s.used = capacity_descriptors_used();
	if (s.used == 0)
		s.used = count_descriptors(s.max);
	if (s.used > __atomic_load_n(&s.limit->high, __ATOMIC_RELAXED))
		limit_note_high(&p->watch.descriptors, s.used);
	put_limit(j, r, &s);
}

static void put_listener(struct json *j, struct reply *r, const struct inventory_listener *l)
{
	const struct listener_counts *counts = l->counts;
	struct shown s = {"listeners[].max_connections", counts->name, &counts->limit, limit_used(&counts->limit),
			  l->max_connections, NULL, NULL};

	put_limit(j, r, &s);
	if (!l->tls)
		return;
	s = (struct shown){"listeners[].tls.max_handshakes", counts->name, &counts->handshakes_limit,
			   limit_used(&counts->handshakes_limit), l->max_handshakes, NULL, NULL};
	put_limit(j, r, &s);
}

/* Who waits because every server is full. An upstream without a queue has no such limit. */
static void put_queue_limit(struct json *j, struct reply *r, const struct inventory_upstream *u)
{
	struct shown s = {"upstreams[].queue.max", NULL, &u->live->queue, upstream_waiting(u->live),
			  (uint32_t)u->config->queue.max, u->live->name, NULL};

	if (u->config->queue.max == CONFIG_OFF)
		return;
	put_limit(j, r, &s);
	s.name = "upstreams[].timeouts.queue"; /* a time: it has no places */
	s.limit = &u->live->late;
	s.max = UINT32_MAX;
	put_limit(j, r, &s);
}

/* Only of servers that have one: an operator's or an agent's counts, too. */
static void put_server_limit(struct json *j, struct reply *r, const struct inventory_server *s)
{
	const struct server *server = s->server;
	struct shown shown = {"upstreams[].servers[].max_connections", NULL, &server->slots, server_active(server),
			      usable_most(s), server->live->name, server->text};

	if (shown.max != 0)
		put_limit(j, r, &shown);
}

void admin_limits(struct json *j, struct client *c, struct reply *r, const struct order *o)
{
	struct process *p = c->admin->p;
	struct inventory *inv = inventory_hold(&c->admin->reader);
	struct shown process = {"limits.max_connections", NULL, &p->limit, limit_used(&p->limit),
				o->max_connections, NULL, NULL},
		     control = {"control.connections", NULL, &p->admin_clients, limit_used(&p->admin_clients),
				c->admin->most, NULL, NULL};

	json_enter(j, "limits", '[');
	put_limit(j, r, &process);
	for (unsigned i = 0; inv != NULL && i < inv->nlisteners; i++)
		if (inv->listeners[i].listed)
			put_listener(j, r, &inv->listeners[i]);
	for (unsigned i = 0; inv != NULL && i < inv->nupstreams; i++)
		if (inv->upstreams[i].listed)
			put_queue_limit(j, r, &inv->upstreams[i]);
	for (unsigned i = 0; inv != NULL && i < inv->nservers; i++)
		if (inv->servers[i].listed)
			put_server_limit(j, r, &inv->servers[i]);
	put_limit(j, r, &control);
	put_descriptors(j, p, r);
	json_leave(j, ']');
	if (inv != NULL)
		inventory_drop(inv);
}
