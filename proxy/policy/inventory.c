/* inventory: lists what there is, holds it, and goes to a reader and back. */
#include "proxy/policy/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "netpoll/check.h"
#include "proxy/base/wall.h"
#include "proxy/policy/registry.h"
#include "proxy/policy/snapshot.h"
#include "proxy/policy/snapshot_contexts.h"
#include "proxy/policy/snapshot_tls.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/upstream/upstream.h"

/* ---- listeners ---- */

/* Towards any server that this listener can reach: then it has handshakes of that side to count. */
static bool speaks_tls_upstream(const struct listener *l)
{
	for (unsigned i = 0; i <= l->nrules; i++)
		if (l->targets[i] != NULL && l->targets[i]->tls != NULL)
			return true;
	return false;
}

/* l: NULL for one that only connections of older generations are of. */
static void add_listener(struct inventory *inv, struct listener_counts *counts, const struct listener *l)
{
	struct inventory_listener *to = &inv->listeners[inv->nlisteners++];

	*to = (struct inventory_listener){.counts = counts, .listed = l != NULL};
	listener_counts_hold(counts);
	if (l == NULL)
		return;
	to->tls = l->tls != NULL;
	to->upstream_tls = speaks_tls_upstream(l);
	to->max_connections = l->max_connections;
	to->max_handshakes = l->max_handshakes;
	to->limits_sources = l->sources != NULL;
	to->config = l->config;
}

/* Is it a listener of this generation? */
static bool lists_counts(const struct snapshot *s, const struct listener_counts *counts)
{
	for (unsigned i = 0; i < s->nlisteners; i++)
		if (s->listeners[i].counts == counts)
			return true;
	return false;
}

/* Those of s in its order, then those that older generations have alone. */
static void list_listeners(struct inventory *inv, const struct snapshot *s)
{
	struct registry *r = inv->registry;

	for (unsigned i = 0; i < s->nlisteners; i++)
		add_listener(inv, s->listeners[i].counts, &s->listeners[i]);
	list_for_each(it, &r->listeners) {
		struct listener_counts *counts = list_entry(it, struct listener_counts, link);

		if (!listener_counts_retire(r, counts) && !lists_counts(s, counts))
			add_listener(inv, counts, NULL);
	}
	memcpy(inv->gone, r->gone, sizeof(*inv->gone));
}

/* ---- upstreams and servers ---- */

_Static_assert(INVENTORY_ZONE == CONFIG_NAME_MAX + 1, "a zone is a name");

static void add_server(struct inventory *inv, struct server *server, const struct upstream *u)
{
	struct inventory_server *to = &inv->servers[inv->nservers++];
	const struct member *m = u != NULL ? upstream_member(u, server) : NULL;

	*to = (struct inventory_server){.server = server, .listed = m != NULL};
	server->lists++;
	if (m == NULL)
		return;
	to->weight = m->weight;
	to->max_connections = m->max_connections;
	to->priority = m->priority;
	to->tier = m->tier;
	to->slow_start = u->slow_start;
	to->judged = u->passive.on;
	to->probed = u->passive.on && u->passive.probe;
	if (m->zone != NULL)
		snprintf(to->zone, sizeof(to->zone), "%s", m->zone);
}

/* Upstreams stand in the order of the file. */
static const struct config_upstream *model_of(const struct snapshot *s, unsigned i)
{
	const struct config_upstream *c = &s->config->upstreams[i];

	DCHECK(i < s->config->nupstreams && strcmp(c->name, s->upstreams[i]->u->live->name) == 0,
	       "a snapshot has the upstreams of its model");
	return c;
}

/* How many of its servers are addresses of its names.   Returns  -1: it lists no name. */
static int count_dns_members(const struct upstream *u)
{
	bool names = false;
	int n = 0;

	for (unsigned i = 0; i < u->nlisted; i++)
		names |= u->listed[i].addr.len == 0;
	for (unsigned i = 0; i < u->members->n; i++)
		n += u->members->at[i].from != 0;
	return names ? n : -1;
}

/* Its servers come first, in their order. */
static void mark_warm(struct inventory *inv, const struct inventory_upstream *u, const struct target *t)
{
	for (unsigned i = 0; t->warm > 0 && i < t->upstream->members->n; i++)
		inv->servers[u->first + i].warm = true;
}

/* Its configured servers stand in the order of the file. */
static void mark_dns_names(struct inventory *inv, const struct inventory_upstream *u, const struct upstream *of)
{
	for (unsigned i = 0; i < of->members->n; i++)
		if (of->members->at[i].from > 0)
			inv->servers[u->first + i].name = u->config->servers[of->members->at[i].from - 1].text;
}

/* u: of the current snapshot; NULL: only older ones have an upstream of this name. Its members come
 * first, in their order. */
static void add_upstream(struct inventory *inv, struct upstream_live *live, const struct upstream *u)
{
	struct inventory_upstream *to = &inv->upstreams[inv->nupstreams++];

	*to = (struct inventory_upstream){.live = live, .listed = u != NULL, .first = inv->nservers};
	live->refs++;
	if (u != NULL) {
		to->judges = u->passive.on;
		to->hedges = u->hedge != 0;
		to->probes = u->passive.on && u->passive.probe;
		to->connect_timeout = u->connect_timeout;
		to->panic = u->panic;
		to->queue_max = u->queue_max;
		to->dns_members = count_dns_members(u);
	}
	for (unsigned i = 0; u != NULL && i < u->members->n; i++)
		add_server(inv, u->members->at[i].server, u);
	list_for_each(it, &live->servers) {
		struct server *server = list_entry(it, struct server, link);

		if (!server_retire(inv->registry->servers, server) && (u == NULL || upstream_member(u, server) == NULL))
			add_server(inv, server, NULL);
	}
	to->n = inv->nservers - to->first;
	to->gone = live->gone;
}

/* Is it an upstream of this generation? */
static bool lists_live(const struct snapshot *s, const struct upstream_live *live)
{
	for (unsigned i = 0; i < s->nupstreams; i++)
		if (s->upstreams[i]->u->live == live)
			return true;
	return false;
}

/* In the order of the file, then those that older generations have alone.   Returns  false: no memory. */
static bool list_upstreams(struct inventory *inv, const struct snapshot *s)
{
	struct list *lives = server_registry_lives(inv->registry->servers);

	for (unsigned i = 0; i < s->nupstreams; i++)
		add_upstream(inv, s->upstreams[i]->u->live, s->upstreams[i]->u);
	for (unsigned i = 0; i < s->nupstreams; i++) {
		inv->upstreams[i].config = model_of(s, i);
		inv->upstreams[i].closes_down = inv->upstreams[i].config->on_down == CONFIG_ON_DOWN_CLOSE;
		inv->upstreams[i].check_tls = contexts_hold(s->targets[i].check_tls);
		inv->upstreams[i].probe_tls = contexts_hold(s->targets[i].probe_tls);
		inv->upstreams[i].header = s->targets[i].header;
		mark_warm(inv, &inv->upstreams[i], &s->targets[i]);
		mark_dns_names(inv, &inv->upstreams[i], s->upstreams[i]->u);
		if (check_plan_new(inv->upstreams[i].config, &inv->upstreams[i].check) != 0 ||
		    check_plan_agent(inv->upstreams[i].config, &inv->upstreams[i].agent) != 0)
			return false;
	}
	list_for_each(it, lives) {
		struct upstream_live *live = list_entry(it, struct upstream_live, link);

		if (!lists_live(s, live))
			add_upstream(inv, live, NULL);
	}
	return true;
}

/* ---- certificates ---- */

static void count_certificate(void *arg, const struct snapshot_certificate *c)
{
	(void)c;
	++*(unsigned *)arg;
}

/* Names with a NUL behind each. A length alone where p is NULL. */
struct names {
	char *p;
	size_t n;
};

/* Called twice for each name: to count, and to copy. */
static int add_certificate_name(void *arg, const char *name)
{
	struct names *to = arg;
	size_t n = strlen(name) + 1;

	if (to->p != NULL)
		memcpy(to->p + to->n, name, n);
	to->n += n;
	return 0;
}

/* Returns NULL: no memory. */
static char *list_names(const struct tls_cert *c)
{
	struct names count = {0}, names = {0};

	if (tls_cert_names(c, add_certificate_name, &count) != 0)
		return NULL;
	names.p = calloc(1, count.n + 1);
	if (names.p != NULL && tls_cert_names(c, add_certificate_name, &names) == 0)
		return names.p;
	free(names.p);
	return NULL;
}

/* Copies, because the reader is another thread and the certificate may be renewed. What failed for want of memory
 * is seen by list_certificates. */
static void add_certificate(void *arg, const struct snapshot_certificate *c)
{
	struct inventory *inv = arg;
	struct inventory_certificate *to = &inv->certificates[inv->ncertificates++];

	*to = (struct inventory_certificate){
		.listener = strdup(c->listener),
		.file = strdup(c->file),
		.names = list_names(c->cert),
		.serial = tls_cert_serial(c->cert),
		.expires = c->cert->expires,
		.ocsp_until = c->stapled->file != NULL ? c->stapled->file->until : 0,
		.staple = c->stapled->fetched,
	};
	if (to->staple != NULL)
		tls_staple_use(to->staple);
}

static void certificate_fini(struct inventory_certificate *c)
{
	free((void *)(uintptr_t)c->listener);
	free((void *)(uintptr_t)c->file);
	free((void *)(uintptr_t)c->names);
	free((void *)(uintptr_t)c->serial);
	tls_staple_put(c->staple);
}

static bool list_certificates(struct inventory *inv, const struct snapshot *s)
{
	snapshot_certificates(s, add_certificate, inv);
	for (unsigned i = 0; i < inv->ncertificates; i++) {
		const struct inventory_certificate *c = &inv->certificates[i];

		if (c->listener == NULL || c->file == NULL || c->names == NULL || c->serial == NULL)
			return false;
	}
	return true;
}

/* ---- the inventory ---- */

static unsigned list_length(const struct list *l)
{
	unsigned n = 0;

	for (const struct list *it = l->next; it != l; it = it->next)
		n++;
	return n;
}

/* Room for all there may be: a server or listener is listed once. */
static bool lists_make(struct inventory *inv, const struct snapshot *s)
{
	struct server_registry *servers = inv->registry->servers;
	unsigned certificates = 0;

	snapshot_certificates(s, count_certificate, &certificates);
	inv->listeners = calloc(list_length(&inv->registry->listeners) + 1, sizeof(*inv->listeners));
	inv->upstreams = aligned_alloc(_Alignof(struct inventory_upstream),
		(list_length(server_registry_lives(servers)) + 1) * sizeof(*inv->upstreams));
	inv->servers = calloc(server_registry_count(servers) + 1, sizeof(*inv->servers));
	inv->certificates = calloc(certificates + 1, sizeof(*inv->certificates));
	inv->gone = listener_stats_new(1);
	return inv->listeners != NULL && inv->upstreams != NULL && inv->servers != NULL &&
		inv->certificates != NULL && inv->gone != NULL;
}

/* The registry is control's, and lent to a load while one is under way: then nothing may be listed. */
struct inventory *inventory_new(struct registry *r, const struct snapshot *s,
				const struct inventory_process *p)
{
	struct inventory *inv = calloc(1, sizeof(*inv));

	CHECK(!r->lent, "a load may use the registry");
	if (inv == NULL)
		return NULL;
	inv->registry = r;
	r->inventories++;
	inv->published = wall_now();
	inv->generation = s->generation;
	inv->config = config_share(s->config);
	inv->max_connections = s->max_connections;
	inv->max_series = s->max_series;
	inv->sources = r->sources;
	inv->process = *p;
	list_init(&inv->returned);
	if (!lists_make(inv, s) || !list_certificates(inv, s))
		return inventory_free(inv);
	list_listeners(inv, s);
	return list_upstreams(inv, s) ? inv : inventory_free(inv);
}

/* Also of one that was never published. */
struct inventory *inventory_free(struct inventory *inv)
{
	if (inv == NULL)
		return NULL;
	DCHECK(inv->holds == 0, "an inventory is freed while it is read");
	for (unsigned i = 0; i < inv->nlisteners; i++)
		listener_counts_drop(inv->listeners[i].counts);
	for (unsigned i = 0; i < inv->nservers; i++)
		inv->servers[i].server->lists--;
	server_registry_sweep(inv->registry->servers); /* before the upstreams: servers hold theirs */
	for (unsigned i = 0; i < inv->nupstreams; i++) {
		upstream_live_put(inv->upstreams[i].live);
		check_plan_free(inv->upstreams[i].check);
		check_plan_free(inv->upstreams[i].agent);
		contexts_put(inv->upstreams[i].check_tls);
		contexts_put(inv->upstreams[i].probe_tls);
	}
	for (unsigned i = 0; i < inv->ncertificates; i++)
		certificate_fini(&inv->certificates[i]);
	config_free(inv->config);
	inv->registry->inventories--;
	free(inv->listeners);
	free(inv->upstreams);
	free(inv->servers);
	free(inv->certificates);
	free(inv->gone);
	free(inv);
	return NULL;
}

/* ---- there and back ---- */

/* On the control worker. */
static void inventory_back(struct np_msg *m)
{
	struct inventory *inv = container_of(m, struct inventory, msg);

	DCHECK(np_self() == inv->registry->control, "inventories are freed by the control thread");
	if (inv->registry->lent)
		list_push_back(&inv->registry->returned, &inv->returned);
	else
		inventory_free(inv);
}

/* The last hold sends it home: the counts and names that it holds are control's to free. */
void inventory_drop(struct inventory *inv)
{
	DCHECK(np_self() == inv->reader->worker, "an inventory is dropped where it was held");
	CHECK(inv->holds > 0, "an inventory is dropped once for each time it was held");
	if (--inv->holds > 0)
		return;
	inv->msg.fn = inventory_back;
	np_post(inv->registry->control, &inv->msg);
}

/* On the reader's worker. */
static void inventory_arrived(struct np_msg *m)
{
	struct inventory *inv = container_of(m, struct inventory, msg);
	struct inventory_reader *r = inv->reader;
	struct inventory *old = r->current;

	DCHECK(np_self() == r->worker && !r->closed, "an inventory arrives at its reader, while that reads");
	inv->holds = 1;
	r->current = inv;
	if (r->arrived != NULL)
		r->arrived(r);
	if (old != NULL)
		inventory_drop(old);
}

/* The reader's hold on the one before ends when this one arrives: once it was told, since what is only in the older one
 * may be gone afterwards. */
void inventory_post(struct inventory *inv, struct inventory_reader *to)
{
	DCHECK(np_self() == inv->registry->control, "control publishes");
	inv->reader = to;
	inv->msg.fn = inventory_arrived;
	np_post(to->worker, &inv->msg);
}

struct inventory *inventory_hold(struct inventory_reader *reader)
{
	DCHECK(np_self() == reader->worker, "an inventory is held on the reader's worker");
	if (reader->current != NULL)
		reader->current->holds++;
	return reader->current;
}

/* There and back, on the stack of who closes. What was posted back before is freed before: messages
 * of one worker arrive in their order. */
struct closing {
	struct np_msg msg;
	struct inventory_reader *reader;
	struct np_worker *caller;
	struct np_event done;
};

static void closing_done(struct np_msg *m)
{
	np_event_set(&container_of(m, struct closing, msg)->done);
}

/* On the reader's worker. Nothing arrives after it, for control posts no more. */
static void closing_run(struct np_msg *m)
{
	struct closing *c = container_of(m, struct closing, msg);
	struct inventory *old = c->reader->current;

	c->reader->current = NULL;
	c->reader->closed = true;
	if (old != NULL) {
		CHECK(old->holds == 1, "a reader is closed when nobody reads any more");
		inventory_drop(old);
	}
	m->fn = closing_done;
	np_post(c->caller, m);
}

void inventory_reader_close(struct inventory_reader *reader)
{
	struct closing c = {.msg.fn = closing_run, .reader = reader, .caller = np_self()};

	np_post(reader->worker, &c.msg);
	np_event_wait(&c.done);
}

/* ---- sums ---- */

/* As balance.c has it, from the same words. */
bool inventory_panics(const struct inventory *inv, const struct inventory_upstream *u, unsigned *percent)
{
	uint64_t allowed = 0, usable = 0;

	for (unsigned i = u->first; i < u->first + u->n; i++) {
		const struct inventory_server *s = &inv->servers[i];
		uint64_t word = server_now(s->server);
		enum grade grade = server_grade(u->judges ? word : server_word_passive(word, SERVER_IN), s->weight);

		allowed += s->listed && grade > GRADE_NO ? s->weight : 0;
		usable += s->listed && grade == GRADE_YES ? s->weight : 0;
	}
	*percent = allowed > 0 ? (unsigned)(usable * 100 / allowed) : 0;
	return usable * 100 < allowed * u->panic;
}

/* With what listeners that are gone have counted, so that a sum never falls. */
void inventory_totals(const struct inventory *inv, struct listener_stats *total)
{
	memcpy(total, inv->gone, sizeof(*total));
	for (unsigned i = 0; i < inv->nlisteners; i++)
		listener_stats_sum(total, inv->listeners[i].counts->stats, inv->registry->nworkers);
}

void inventory_upstream_totals(const struct inventory *inv, const struct inventory_upstream *u,
			       struct server_stats *total, uint64_t *retries)
{
	*total = u->gone;
	*retries = 0;
	for (unsigned i = u->first; i < u->first + u->n; i++)
		server_stats_sum(total, inv->servers[i].server->stats, inv->registry->nworkers);
	for (unsigned i = 0; i < inv->registry->nworkers; i++)
		*retries += STAT_GET(&u->live->stats[i], retries);
}
