/* migrate_nginx_upstream: an upstream{} as a group, and the upstreams that are made of it: what a server{} says of
 * servers (timeouts, TLS, the PROXY header) stands at the upstream here, so servers that differ in it get one
 * each. */
#include <string.h>

#include "proxy/migrate/migrate_nginx.h"
#include "proxy/migrate/migrate_output.h"
#include "proxy/migrate/migrate_value.h"

/* ---- how a server is chosen ---- */

void nginx_hash(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *key = migrate_arg(d, 1);

	(void)nginx_set(n, s, arg, "source_hash", d);
	if (migrate_is_one_of(key, "$remote_addr $binary_remote_addr $proxy_protocol_addr"))
		return;
	if (migrate_is_one_of(key, "$ssl_preread_server_name $ssl_server_name"))
		(void)nginx_set(n, s, "u.hash_on", "sni", d);
	else
		migrate_lose(n->j, d, key, "the client's address chooses the server");
}

void nginx_random(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)nginx_set(n, s, arg, "random_two", d);
	if (migrate_begins(migrate_arg(d, 2), "least_time"))
		migrate_lose(n->j, d, migrate_arg(d, 2), "the fewest connections count, not the time of an answer");
}

/* ---- servers ---- */

/* One value holds for all servers of an upstream; the first that is said counts. */
static void set_common(struct nginx *n, struct nginx_scope *s, const char *key, const char *text,
	struct migrate_line *d)
{
	const char *path, *there;
	struct yaml *side = nginx_side(n, s, key, &path);

	there = yaml_text_of(side, path);
	if (there[0] == '\0')
		(void)yaml_set(n->j, side, path, text, d);
	else if (strcmp(there, text) != 0)
		migrate_lose(n->j, d, "", migrate_format(n->j, "%s is one for all servers of an upstream: %s", path,
			there));
}

static void fail_option(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *word)
{
	int64_t ms;

	if (migrate_begins(word, "max_fails=")) {
		word += 10;
		set_common(n, s, "u.health.passive.failures", strcmp(word, "0") == 0 ? "off" : word, d);
		return;
	}
	if (!migrate_time_nginx(strchr(word, '=') + 1, &ms))
		migrate_break_at(n->j, d, 1, migrate_format(n->j, "\"%s\" has no time", word));
	set_common(n, s, "u.health.passive.within", migrate_time_text(n->j, ms), d);
	set_common(n, s, "u.health.passive.out", migrate_time_text(n->j, ms), d);
}

/* A parameter of a server behind its address. */
static void server_option(struct nginx *n, struct nginx_scope *s, struct yaml *server, struct migrate_line *d,
			  const char *word)
{
	int64_t ms;

	if (migrate_begins(word, "weight="))
		(void)yaml_set(n->j, server, "weight", word + 7, d);
	else if (migrate_begins(word, "max_conns=") && strcmp(word, "max_conns=0") != 0)
		(void)yaml_set(n->j, server, "max_connections", word + 10, d);
	else if (strcmp(word, "backup") == 0)
		(void)yaml_set(n->j, server, "backup", "true", d);
	else if (strcmp(word, "down") == 0)
		yaml_set(n->j, server, "weight", "0", d)->remark = "down: no new connections";
	else if (migrate_begins(word, "max_fails=") || migrate_begins(word, "fail_timeout="))
		fail_option(n, s, d, word);
	else if (migrate_begins(word, "slow_start=") && migrate_time_nginx(word + 11, &ms))
		set_common(n, s, "u.slow_start", migrate_time_text(n->j, ms), d);
	else if (!migrate_is_one_of(word, "resolve max_conns=0") && !migrate_begins(word, "service="))
		migrate_lose(n->j, d, word, "unknown here, so nothing stands in its place");
}

/* "service=http" of a name asks for SRV records. */
static const char *service_address(struct nginx *n, const struct migrate_line *d)
{
	for (size_t i = 2; i < d->n; i++) {
		const char *service = migrate_arg(d, i) + 8;

		if (!migrate_begins(migrate_arg(d, i), "service="))
			continue;
		if (service[0] == '_' || strchr(service, '.') != NULL)
			return migrate_format(n->j, "srv:%s.%s", service, migrate_arg(d, 1));
		return migrate_format(n->j, "srv:_%s._tcp.%s", service, migrate_arg(d, 1));
	}
	return NULL;
}

void nginx_upstream_server(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *address = service_address(n, d);
	struct yaml *server;

	(void)arg;
	if (d->n < 2)
		migrate_break_at(n->j, d, 0, "this directive needs an address");
	if (address == NULL && !nginx_address(n, migrate_arg(d, 1), &address)) {
		migrate_lose(n->j, d, "", "the server is left out: its address has no port, or cannot be read");
		return;
	}
	server = output_server(n->j, s->upstream, address, d);
	for (size_t i = 2; i < d->n; i++)
		server_option(n, s, server, d, migrate_arg(d, i));
}

/* ---- upstreams ---- */

static struct nginx_group *group_add(struct nginx *n, const char *name, struct yaml *made)
{
	struct nginx_group *g = migrate_alloc(n->j, sizeof(*g)), **at = &n->groups;

	while (*at != NULL)
		at = &(*at)->next;
	g->name = name;
	g->made = made;
	return *at = g;
}

void nginx_upstream(struct nginx *n, struct migrate_line *block)
{
	struct nginx_scope s = {.block = block, .listener = yaml_new(n->j, block), .upstream = yaml_new(n->j, block)};

	if (block->n != 2)
		migrate_break_at(n->j, block, 0, "an upstream has one name");
	(void)yaml_set(n->j, s.upstream, "name", migrate_name(n->j, migrate_arg(block, 1)), block);
	nginx_apply_all(n, &s, block, 'U');
	if (yaml_find(s.upstream, "servers") == NULL)
		migrate_lose(n->j, block, "", "the upstream is left out: it has no server");
	else
		group_add(n, migrate_arg(block, 1), s.upstream);
}

/* An upstream of a name, or one that is made of an address here. */
static struct nginx_group *group_of(struct nginx *n, const char *text, struct migrate_line *d)
{
	struct yaml *made;
	const char *address;

	for (struct nginx_group *g = n->groups; g != NULL; g = g->next)
		if (strcmp(g->name, text) == 0)
			return g;
	if (!nginx_address(n, text, &address))
		return NULL;
	made = yaml_new(n->j, d);
	(void)yaml_set(n->j, made, "name", "", d);
	(void)output_server(n->j, made, address, d);
	return group_add(n, text, made);
}

const char *nginx_target(struct nginx *n, struct nginx_scope *s, const char *text, struct migrate_line *d)
{
	struct nginx_group *g = group_of(n, text, d);
	struct yaml *made;

	if (g == NULL) {
		migrate_lose(n->j, d, text, "no upstream of that name and no address: connections for it are closed");
		return NULL;
	}
	g->used = true;
	made = yaml_clone(n->j, g->made);
	yaml_merge(n->j, made, s->upstream);
	if (strcmp(yaml_text_of(made, "ssl"), "true") == 0)
		(void)yaml_map_at(n->j, made, "tls", yaml_find(made, "ssl")->from);
	else
		yaml_drop(made, "tls");
	yaml_drop(made, "ssl");
	/* nginx verifies the name that proxy_pass has, be it that of an upstream. */
	if (yaml_find(made, "tls") != NULL) {
		bool asked = strcmp(yaml_text_of(made, "tls.verify"), "true") == 0;

		output_verified(n->j, made, asked, asked && strchr(text, ':') == NULL ? text : NULL);
	}
	return output_add_upstream(n->j, n->upstreams, made, migrate_begins(text, "unix:") ? text + 5 : text);
}
