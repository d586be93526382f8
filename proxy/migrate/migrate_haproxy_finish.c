/* migrate_haproxy_finish: a section as a whole, once all of its lines are known: a backend as an upstream, a
 * frontend as one listener for its plain addresses and one for those with TLS. */
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_haproxy.h"
#include "proxy/migrate/migrate_output.h"
#include "proxy/migrate/migrate_value.h"

void haproxy_backend(struct haproxy *h, struct haproxy_proxy *p)
{
	struct yaml *made = yaml_new(h->j, p->block);

	if (yaml_find(p->upstream, "servers") == NULL) {
		if (strcmp(p->kind, "backend") == 0)
			migrate_lose(h->j, p->block, "", "the backend is left out: it has no server");
		return;
	}
	(void)yaml_set(h->j, made, "name", "", p->block);
	haproxy_health(h, p);
	yaml_merge(h->j, made, p->upstream);
	if (yaml_find(made, "tls") != NULL)
		output_verified(h->j, made, true, NULL);
	p->upstream_name = output_add_upstream(h->j, h->upstreams, made, p->name);
}

/* ---- timers ---- */

/* -1: it is not set; 0: for ever. */
static int64_t timer_of(const struct haproxy_proxy *p, const char *key)
{
	struct yaml *n = p != NULL ? yaml_find(p->timers, key) : NULL;

	return n != NULL ? strtoll(n->text, NULL, 10) : -1;
}

/* Which of two ends first. */
static int64_t shorter(int64_t a, int64_t b)
{
	if (a <= 0 || b <= 0)
		return a > b ? a : b;
	return a < b ? a : b;
}

/* Connections of that pair: the timer of a tunnel takes the place of the others. */
static int64_t idle_of(const struct haproxy_proxy *front, const struct haproxy_proxy *back)
{
	int64_t tunnel = timer_of(back, "tunnel");

	return tunnel >= 0 ? tunnel : shorter(timer_of(front, "client"), timer_of(back, "server"));
}

/* Of all backends, the longest: a listener has one timer for all of its connections. */
static int64_t longest_idle(struct haproxy *h, const struct haproxy_proxy *p)
{
	int64_t idle = -1;

	if (p->back)
		idle = idle_of(p, p);
	for (struct migrate_line *d = p->block->first; d != NULL; d = d->next) {
		struct haproxy_proxy *to = haproxy_find(h, migrate_arg(d, 1));
		int64_t one;

		if (!migrate_is_one_of(migrate_arg(d, 0), "default_backend use_backend") || to == NULL)
			continue;
		one = idle_of(p, to);
		if (idle < 0 || one == 0 || (one > idle && idle != 0))
			idle = one;
	}
	return idle;
}

static void set_timers(struct haproxy *h, struct haproxy_proxy *p)
{
	struct migrate_line *to = p->default_backend != NULL ? p->default_backend : p->block;
	struct haproxy_proxy *back = p->back ? p : haproxy_find(h, migrate_arg(to, 1));
	struct yaml *from = yaml_find(p->timers, "client");
	int64_t idle = longest_idle(h, p), client = timer_of(p, "client_fin"), server = timer_of(back, "server_fin");

	if (idle >= 0)
		(void)yaml_set(h->j, p->listener, "timeouts.idle", migrate_time_text(h->j, idle),
			       from != NULL ? from->from : NULL);
	if (client > 0 || server > 0)
		(void)yaml_set(h->j, p->listener, "timeouts.half_close",
			       migrate_time_text(h->j, client > server ? client : server), NULL);
}

/* ---- where connections go ---- */

/* default_backend, unless rules let in some connections alone: then it is a route for those. */
static void set_default(struct haproxy *h, struct haproxy_proxy *p, struct yaml *l)
{
	struct haproxy_proxy *to = p->default_backend != NULL ? haproxy_find(h, migrate_arg(p->default_backend, 1)) : p;
	struct migrate_line *d = p->default_backend != NULL ? p->default_backend : p->block;
	struct yaml *names = yaml_find(p->accept_sni, "of");

	if (to == NULL || to->upstream_name == NULL) {
		if (p->default_backend != NULL)
			migrate_lose(h->j, d, "", "left out: there is no such backend here");
		return;
	}
	if (!p->reject_rest) {
		if (yaml_find(l, "upstream") == NULL)
			(void)yaml_set(h->j, l, "upstream", to->upstream_name, d);
		return;
	}
	for (struct yaml *c = names != NULL ? names->first : NULL; c != NULL; c = c->next)
		output_route(h->j, l, (struct output_match){"sni", c->text}, to->upstream_name, d);
	if (names == NULL)
		output_route(h->j, l, (struct output_match){"tls", "only"}, to->upstream_name, d);
}

/* One listener, for a list of addresses. */
static void add_listener_of(struct haproxy *h, struct haproxy_proxy *p, struct yaml *binds, bool tls)
{
	struct yaml *l = yaml_new(h->j, p->block), *list = yaml_find(binds, "of");

	if (list == NULL || list->first == NULL)
		return;
	(void)yaml_set(h->j, l, "name", output_name(h->j, h->listeners, p->name), p->block);
	list->key = "bind";
	yaml_append(l, list);
	for (struct migrate_line *d = p->block->first; d != NULL; d = d->next)
		if (strcmp(migrate_arg(d, 0), "use_backend") == 0)
			haproxy_route(h, p, l, d);
	set_default(h, p, l);
	if (tls && yaml_find(p->tls, "certificates") == NULL) {
		migrate_lose(h->j, list->first->from, "", "the address is left out: it has no certificate");
		return;
	}
	if (yaml_find(l, "upstream") == NULL && yaml_find(l, "routes") == NULL) {
		migrate_lose(h->j, p->block, "", "left out: it leads to no backend that is here");
		return;
	}
	if (tls) {
		yaml_merge(h->j, p->tls, h->tls_binds);
		if (yaml_find(p->tls, "client_auth.mode") == NULL && yaml_find(p->tls, "client_auth.ca") != NULL)
			(void)yaml_set(h->j, p->tls, "client_auth.mode", "required", NULL);
		yaml_merge(h->j, yaml_map_at(h->j, l, "tls", list->from), p->tls);
	}
	yaml_merge(h->j, l, p->listener);
	if (yaml_find(l, "routes") == NULL || tls)
		yaml_drop(l, "preread");
	yaml_append(h->listeners, l);
}

void haproxy_frontend(struct haproxy *h, struct haproxy_proxy *p)
{
	if (yaml_find(p->plain, "of") == NULL && yaml_find(p->secure, "of") == NULL) {
		if (strcmp(p->kind, "frontend") == 0)
			migrate_lose(h->j, p->block, "", "left out: it listens nowhere");
		return;
	}
	set_timers(h, p);
	add_listener_of(h, p, p->plain, false);
	add_listener_of(h, p, p->secure, true);
}
