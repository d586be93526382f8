/* migrate_haproxy_rule: what conditions decide on: which backend, and whether a connection is let in. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_file.h"
#include "proxy/migrate/migrate_haproxy_cond.h"
#include "proxy/migrate/migrate_output.h"
#include "proxy/migrate/migrate_value.h"

#define UNROUTABLE "left out: no route asks for this, so such connections go where all others go"

/* ---- use_backend ---- */

void haproxy_use_backend(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	(void)haproxy_value(h, it);
}

void haproxy_default_backend(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)arg;
	(void)haproxy_value(h, it);
	p->default_backend = it->d;
}

/* What a term asks for, as keys of a route.   Returns  false: no route can. */
static bool add_term(struct migrate_job *j, struct yaml *route, const struct cond_term *t, struct migrate_line *d)
{
	static const char *const keys[] = {
		[COND_SNI] = "sni", [COND_ALPN] = "alpn", [COND_VERSION] = "tls", [COND_SRC] = "source",
	};
	struct yaml *of = yaml_find(t->values, "of");

	if (t->kind == COND_TRUE && !t->negated)
		return true;
	if (t->kind == COND_TLS && yaml_find(route, "tls") == NULL) {
		yaml_add(j, route, "tls", t->negated ? "none" : "only", d);
		return true;
	}
	if (t->negated || t->kind >= array_len(keys) || keys[t->kind] == NULL || of == NULL ||
	    yaml_find(route, keys[t->kind]) != NULL)
		return false;
	for (const struct yaml *c = of->first; c != NULL; c = c->next)
		yaml_add(j, route, keys[t->kind], c->text, d);
	return true;
}

/* A route with no condition at all is the listener's upstream: nothing behind it counts. */
static void add_route(struct haproxy *h, struct yaml *listener, struct yaml *route, const char *upstream,
		      struct migrate_line *d)
{
	if (route->first == NULL) {
		if (yaml_find(listener, "upstream") == NULL)
			(void)yaml_set(h->j, listener, "upstream", upstream, d);
		return;
	}
	(void)yaml_set(h->j, route, "upstream", upstream, d);
	yaml_append(yaml_list_at(h->j, listener, "routes", d), route);
}

/* "map(FILE,other)": names without a row go to other. */
static void map_default(struct haproxy *h, struct yaml *listener, struct migrate_line *d, const char *at)
{
	struct haproxy_proxy *to;

	if (*at != ',')
		return;
	to = haproxy_find(h, migrate_copy(h->j, at + 1, strcspn(at + 1, ",)")));
	if (to != NULL && to->upstream_name != NULL)
		output_route(h->j, listener, (struct output_match){"sni", "*"}, to->upstream_name, d);
	else
		migrate_lose(h->j, d, "", "left out: there is no such backend here");
}

/* One row: a name, spaces, a backend.   Returns  the next one. */
static const char *map_row(struct haproxy *h, struct yaml *listener, struct migrate_line *d, const char *at)
{
	const char *key = at + strspn(at, " \t"), *value, *name;
	size_t nkey = strcspn(key, " \t\r\n"), nvalue;
	struct haproxy_proxy *to;

	value = key + nkey + strspn(key + nkey, " \t");
	nvalue = strcspn(value, " \t\r\n");
	at += strcspn(at, "\n");
	at += *at == '\n';
	if (nkey == 0 || nvalue == 0 || *key == '#')
		return at;
	name = migrate_lower(h->j, migrate_copy(h->j, key, nkey));
	to = haproxy_find(h, migrate_copy(h->j, value, nvalue));
	if (to != NULL && to->upstream_name != NULL)
		output_route(h->j, listener, (struct output_match){"sni", name}, to->upstream_name, d);
	else
		migrate_lose(h->j, d, name, "left out: there is no such backend here");
	return at;
}

/* %[req.ssl_sni,lower,map(FILE,other)]: the rows of the file. */
static void map_routes(struct haproxy *h, struct yaml *listener, struct migrate_line *d)
{
	const char *text = migrate_arg(d, 1), *at = strstr(text, ",map("), *end, *path;
	const struct migrate_file *f;

	if (at == NULL)
		at = strstr(text, ",map_str(");
	if (at == NULL || strstr(text, "ssl_") == NULL || strstr(text, "_sni") == NULL) {
		migrate_lose(h->j, d, "", "left out: only what stands in the file or in a map can be taken over");
		return;
	}
	at = strchr(at, '(') + 1;
	end = at + strcspn(at, ",)");
	path = migrate_path(h->j, migrate_copy(h->j, at, (size_t)(end - at)));
	if (!migrate_file_is_there(path)) {
		migrate_lose(h->j, d, "", "left out: the file of the map is not here");
		return;
	}
	f = migrate_file_include(h->j, d, 1, path);
	for (at = f->text; *at != '\0';)
		at = map_row(h, listener, d, at);
	map_default(h, listener, d, end);
}

void haproxy_route(struct haproxy *h, struct haproxy_proxy *p, struct yaml *listener, struct migrate_line *d)
{
	struct haproxy_proxy *to = haproxy_find(h, migrate_arg(d, 1));
	struct cond *c;

	if (strchr(migrate_arg(d, 1), '%') != NULL) {
		map_routes(h, listener, d);
		return;
	}
	if (to == NULL || to->upstream_name == NULL) {
		migrate_lose(h->j, d, "",
			"left out: there is no such backend here, so its connections go where all others go");
		return;
	}
	c = cond_read(h, p, d, 2);
	if (c->large || (c->unless && (c->n != 1 || c->alts[0].n != 1))) {
		migrate_lose(h->j, d, "", UNROUTABLE);
		return;
	}
	if (c->n == 0)
		add_route(h, listener, yaml_new(h->j, d), to->upstream_name, d);
	for (size_t i = 0; i < c->n; i++) {
		struct yaml *route = yaml_new(h->j, d);
		bool good = true;

		for (size_t k = 0; k < c->alts[i].n && good; k++) {
			c->alts[i].terms[k].negated ^= c->unless;
			good = add_term(h->j, route, &c->alts[i].terms[k], d);
		}
		if (good)
			add_route(h, listener, route, to->upstream_name, d);
		else
			migrate_lose(h->j, d, "", UNROUTABLE);
	}
}

/* ---- tcp-request ---- */

/* So many connections in the time of the table: as a rate of one second. */
static const char *haproxy_rate_text(struct haproxy *h, struct haproxy_proxy *p, long limit)
{
	int64_t ms = 0;

	for (struct migrate_line *d = p->block->first; d != NULL; d = d->next)
		for (size_t i = 1; strcmp(migrate_arg(d, 0), "stick-table") == 0 && i < d->n; i++) {
			const char *at = strstr(migrate_arg(d, i), "conn_rate(");

			if (at != NULL)
				(void)migrate_time_haproxy(migrate_copy(h->j, at + 10, strcspn(at + 10, ")")), &ms);
		}
	if (ms < 1000)
		ms = 1000;
	return migrate_format(h->j, "%lld/s", (long long)((limit * 1000 + ms - 1) / ms));
}

/* A limit per client.   Returns  whether the rule is one. */
static bool limit_rule(struct haproxy *h, struct haproxy_proxy *p, const struct cond *c, struct migrate_line *d)
{
	const struct cond_term *t = &c->alts[0].terms[0];
	struct yaml *limit;

	if (c->n != 1 || c->alts[0].n != 1 || c->unless || t->negated || t->limit <= 0)
		return false;
	if (t->kind == COND_CONNECTIONS) {
		limit = yaml_set(h->j, p->listener, "per_source.connections", migrate_number(h->j, t->limit), d);
	} else if (t->kind == COND_RATE) {
		limit = yaml_set(h->j, p->listener, "per_source.rate", haproxy_rate_text(h, p, t->limit), d);
		yaml_set(h->j, p->listener, "per_source.burst", migrate_number(h->j, t->limit), d)->instead =
			"connections of one address are not counted: see max_connections of the listener";
	} else {
		return false;
	}
	limit->instead = "connections of one address are not counted: see max_connections of the listener";
	return true;
}

/* Rules for networks. accept: those of the term are let in; reject: they are not. What is turned around lets in
 * those of the term and nobody else. */
static bool network_rule(struct haproxy *h, struct haproxy_proxy *p, const struct cond *c, bool accept,
			 struct migrate_line *d)
{
	if (c->unless && c->n != 1)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		const struct cond_term *t = &c->alts[i].terms[0];
		struct yaml *of = yaml_find(t->values, "of");
		bool turned = t->negated != c->unless;

		if (c->alts[i].n != 1 || t->kind != COND_SRC || of == NULL || (turned && (accept || c->n != 1)))
			return false;
		for (const struct yaml *v = of->first; v != NULL; v = v->next)
			if (!output_rule(h->j, p->listener, accept || turned, v->text, d))
				return false;
		if (turned)
			(void)output_rule(h->j, p->listener, false, "all", d);
	}
	return c->n > 0;
}

/* Rules about the first bytes.   Returns  whether the rule is one that routes can say. */
static bool content_rule(struct haproxy *h, struct haproxy_proxy *p, const struct cond *c, bool accept)
{
	const struct cond_term *t = &c->alts[0].terms[0];
	bool turned = t->negated != c->unless;

	if (c->n != 1 || c->alts[0].n != 1)
		return false;
	if (t->kind == COND_TRUE)
		return true;
	if (t->kind == COND_TLS && accept == !turned) {
		p->only_tls = true;
		p->reject_rest |= !accept;
		return true;
	}
	if (t->kind == COND_SNI && accept == !turned && yaml_find(t->values, "of") != NULL) {
		struct yaml *of = yaml_find(t->values, "of");

		for (const struct yaml *v = of->first; v != NULL; v = v->next)
			yaml_add(h->j, p->accept_sni, "of", v->text, v->from);
		p->reject_rest |= !accept;
		return true;
	}
	return t->kind == COND_UNKNOWN && accept && strcmp(t->text, "WAIT_END") == 0;
}

/* Is it one of the rules that are known here? It is acted upon then. */
static bool known_rule(struct haproxy *h, struct haproxy_proxy *p, const struct cond *c, bool accept,
		       struct migrate_line *d)
{
	return (!accept && limit_rule(h, p, c, d)) || network_rule(h, p, c, accept, d) || content_rule(h, p, c, accept);
}

/* A rule that accepts or rejects, by its condition. One without a condition ends the list: what stands before it
 * counts. */
static void haproxy_decide(struct haproxy *h, struct haproxy_proxy *p, struct migrate_line *d, const struct cond *c)
{
	bool accept = strcmp(migrate_arg(d, 2), "accept") == 0;

	if (c->n == 0 && accept)
		return;
	if (c->n == 0 && (p->only_tls || yaml_find(p->accept_sni, "of") != NULL)) {
		p->reject_rest = true;
		return;
	}
	if (c->n == 0 && yaml_find(p->listener, "allow") != NULL)
		(void)output_rule(h->j, p->listener, false, "all", d);
	else if (c->large || c->n == 0 || !known_rule(h, p, c, accept, d))
		migrate_lose(h->j, d, "", accept ? "nobody is let in by this rule" : "nobody is kept out by this rule");
}

void haproxy_tcp_request(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *action = migrate_arg(it->d, 2);

	(void)arg;
	if (!p->front && strcmp(action, "reject") == 0) {
		migrate_lose(h->j, it->d, "", "nobody is kept out by this rule: rules stand at the listener");
	} else if (migrate_is_one_of(action, "accept reject")) {
		haproxy_decide(h, p, it->d, cond_read(h, p, it->d, 3));
	} else if (strcmp(action, "expect-proxy") == 0) {
		(void)yaml_set(h->j, p->listener, "proxy_protocol.accept", "required", it->d);
		yaml_add(h->j, p->listener, "proxy_protocol.trusted", "0.0.0.0/0", it->d);
		yaml_add(h->j, p->listener, "proxy_protocol.trusted", "::/0", it->d);
	} else if (migrate_begins(action, "use-service") || migrate_begins(action, "lua.")) {
		migrate_lose(h->j, it->d, "", "no code runs in staunch: connections are relayed without it");
	} else if (!migrate_begins(action, "track-sc") && !migrate_begins(action, "capture") &&
		   !migrate_begins(action, "set-var")) {
		migrate_lose(h->j, it->d, "", "the rule is left out: connections are relayed without it");
	}
}
