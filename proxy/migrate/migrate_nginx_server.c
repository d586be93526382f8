/* migrate_nginx_server: a server{} as a listener, an upstream{} as an upstream, and their addresses. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_nginx.h"
#include "proxy/migrate/migrate_output.h"
#include "proxy/migrate/migrate_value.h"

#define PORTS_MOST 64 /* of one range: a listener has as many addresses */

/* ---- addresses ---- */

/* "80", ":80", "8000-8010": from *first to *last.   Returns  false: neither a port nor a range. */
static bool nginx_read_ports(const char *text, long *first, long *last)
{
	char *end;

	*first = *last = 0;
	if (!isdigit((unsigned char)text[0]))
		return false;
	*first = *last = strtol(text, &end, 10);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		*last = strtol(end + 1, &end, 10);
	return *end == '\0' && *first > 0 && *first <= *last && *last <= 65535;
}

bool nginx_address(struct nginx *n, const char *text, const char **out)
{
	const char *colon = strrchr(text, ':');
	long first, last;

	*out = text;
	if (migrate_begins(text, "unix:"))
		return text[5] != '\0';
	if (colon == NULL || colon == text || strchr(text, '$') != NULL)
		return false;
	if (text[0] != '[' && memchr(text, ':', (size_t)(colon - text)) != NULL)
		return false;
	*out = migrate_lower(n->j, text);
	return nginx_read_ports(colon + 1, &first, &last) && first == last;
}

/* ---- listen ---- */

/* The addresses of one listen: "0.0.0.0:443" for 443 and *:443. */
static bool add_binds(struct nginx *n, struct nginx_scope *s, struct migrate_line *d)
{
	const char *text = migrate_arg(d, 1), *colon = strrchr(text, ':'),
		*ports = colon != NULL ? colon + 1 : text, *host;
	long first, last;

	if (migrate_begins(text, "unix:")) {
		yaml_add(n->j, s->listener, "bind", text, d);
		return true;
	}
	host = colon != NULL ? migrate_copy(n->j, text, (size_t)(colon - text)) : "*";
	if (strcmp(host, "*") == 0 || host[0] == '\0')
		host = "0.0.0.0";
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (!nginx_read_ports(ports, &first, &last) || last - first >= PORTS_MOST)
		return false;
	for (long port = first; port <= last; port++)
		yaml_add(n->j, s->listener, "bind", migrate_format(n->j, "%s:%ld", host, port), d);
	return true;
}

/* A parameter of listen behind the address. */
static void listen_option(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *word)
{
	static const struct {
		const char *word, *instead;
	} lost[] = {
		{"fastopen=", "handshakes carry no data"},
		{"deferred", "a connection is accepted before its first byte"},
		{"accept_filter=", "a connection is accepted before its first byte"},
		{"rcvbuf=", "the kernel sizes buffers"},
		{"sndbuf=", "the kernel sizes buffers"},
		{"setfib=", "the routing table is the system's"},
		{"multipath", "MPTCP is not offered"},
	};

	if (strcmp(word, "ssl") == 0)
		s->ssl = true;
	else if (strcmp(word, "proxy_protocol") == 0)
		s->proxy_protocol = true;
	else if (strcmp(word, "udp") == 0)
		nginx_lose(n, s, d, "the server is left out: datagrams are not relayed");
	else if (migrate_begins(word, "backlog="))
		(void)nginx_set(n, s, "l.backlog", word + 8, d);
	for (size_t i = 0; i < array_len(lost); i++)
		if (migrate_begins(word, lost[i].word))
			migrate_lose(n->j, d, word, lost[i].instead);
	if (!migrate_is_one_of(word, "ssl proxy_protocol udp reuseport bind default_server quic deferred multipath") &&
	    strchr(word, '=') == NULL)
		migrate_break_at(n->j, d, 1, migrate_format(n->j, "\"%s\" is no parameter of listen", word));
}

void nginx_listen(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)arg;
	if (d->n < 2)
		migrate_break_at(n->j, d, 0, "this directive needs an address");
	if (strchr(migrate_arg(d, 1), '$') != NULL || !add_binds(n, s, d)) {
		nginx_lose(n, s, d, "the server is left out: its address cannot be read");
		return;
	}
	for (size_t i = 2; i < d->n; i++)
		listen_option(n, s, d, migrate_arg(d, i));
}

/* ".a.b" is a.b and what is below it, as it is "*.a.b" here. */
void nginx_server_name(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)arg;
	for (size_t i = 1; i < d->n; i++) {
		const char *name = migrate_lower(n->j, migrate_arg(d, i));

		if (name[0] == '~' || strchr(name, '$') != NULL)
			migrate_lose(n->j, d, name,
				"names that match the expression go to the first server of the address");
		else if (name[0] == '.')
			yaml_add(n->j, s->names, "of", name + 1, d);
		if (name[0] == '.')
			yaml_add(n->j, s->names, "of", migrate_format(n->j, "*%s", name), d);
		else if (name[0] != '~' && name[0] != '\0' && name[0] != '_' && strchr(name, '$') == NULL)
			yaml_add(n->j, s->names, "of", name, d);
	}
}

void nginx_proxy_pass(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)arg;
	if (d->n < 2)
		migrate_break_at(n->j, d, 0, "this directive needs an address");
	s->proxy_pass = d;
}

/* Rules are taken at the end, those of a server instead of stream's. */
void nginx_acl(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)s;
	(void)arg;
	if (d->n != 2)
		migrate_break_at(n->j, d, 0, "this directive needs one network");
}

/* The rules of one block.   Returns  how many there are. */
static size_t nginx_rules_of(struct nginx *n, struct yaml *listener, const struct migrate_line *block)
{
	struct migrate_line *last = NULL;
	size_t rules = 0;
	bool all = false;

	for (struct migrate_line *d = block->first; d != NULL; d = d->next) {
		bool allow = strcmp(migrate_arg(d, 0), "allow") == 0;

		if (!allow && strcmp(migrate_arg(d, 0), "deny") != 0)
			continue;
		if (!output_rule(n->j, listener, allow, migrate_arg(d, 1), d))
			migrate_break_at(n->j, d, 1, "not a network");
		all |= strcmp(migrate_arg(d, 1), "all") == 0;
		last = d;
		rules++;
	}
	/* Whoever matches no rule is let in by nginx. */
	if (!all && yaml_find(listener, "allow") != NULL)
		(void)output_rule(n->j, listener, true, "all", last);
	return rules;
}

void nginx_access(struct nginx *n, struct nginx_scope *s, struct yaml *listener)
{
	while (s != NULL && nginx_rules_of(n, listener, s->block) == 0)
		s = s->outer;
}

/* ---- a server as a whole ---- */

/* What a certificate has here is set once there. */
static void spread_to_certificates(struct nginx *n, struct yaml *tls)
{
	static const char *const keys[] = {"password_file", "ocsp", "ocsp_fetch"};
	struct yaml *list = yaml_find(tls, "certificates");

	for (size_t i = 0; i < array_len(keys); i++) {
		struct yaml *value = yaml_find(tls, keys[i]);

		for (struct yaml *c = list->first; value != NULL && c != NULL; c = c->next)
			(void)yaml_set(n->j, c, keys[i], value->text, value->from);
		yaml_drop(tls, keys[i]);
	}
	if (yaml_find(tls, "client_auth.mode") == NULL)
		yaml_drop(tls, "client_auth");
}

/* Where headers are asked for: from whom they are believed. */
static void say_trusted(struct nginx *n, struct yaml *listener, struct migrate_line *d)
{
	(void)yaml_set(n->j, listener, "proxy_protocol.accept", "required", d);
	if (yaml_find(listener, "proxy_protocol.trusted") != NULL) {
		(void)yaml_set(n->j, listener, "proxy_protocol.untrusted", "ignore", NULL);
		return;
	}
	yaml_add(n->j, listener, "proxy_protocol.trusted", "0.0.0.0/0", NULL);
	yaml_add(n->j, listener, "proxy_protocol.trusted", "::/0", NULL);
	yaml_find(listener,
		"proxy_protocol.trusted")->remark = "headers of everybody, as before: name your proxies here";
}

/* What other directives of the server decide on: TLS, headers, its timer.   Returns  false: it cannot be kept. */
static bool settle_listener(struct nginx *n, struct nginx_scope *s)
{
	struct yaml *list = yaml_find(s->listener, "tls.certificates");

	if (s->ssl && (list == NULL || list->first == NULL)) {
		migrate_lose(n->j, s->block, "", "the server is left out: it has no certificate in a file");
		return false;
	}
	if (s->ssl)
		spread_to_certificates(n, yaml_find(s->listener, "tls"));
	else
		yaml_drop(s->listener, "tls");
	if (s->proxy_protocol)
		say_trusted(n, s->listener, s->block);
	else
		yaml_drop(s->listener, "proxy_protocol");
	if (yaml_find(s->listener, "per_source.dry_run") != NULL && yaml_find(s->listener,
		"per_source.connections") == NULL)
		yaml_drop(s->listener, "per_source");
	if (yaml_find(s->listener, "timeouts.idle") == NULL)
		yaml_set(n->j, s->listener, "timeouts.idle", "10m",
			NULL)->remark = "proxy_timeout of nginx, unless it is set";
	return true;
}

/* "port-443", or the address where it is not that of everybody. */
static const char *listener_text(struct nginx *n, const char *bind)
{
	if (migrate_begins(bind, "unix:"))
		return bind + 5;
	if (migrate_begins(bind, "0.0.0.0:") || migrate_begins(bind, "[::]:"))
		return migrate_format(n->j, "port-%s", strrchr(bind, ':') + 1);
	return bind;
}

static bool has_text(const struct yaml *list, const char *text)
{
	for (const struct yaml *c = list != NULL ? list->first : NULL; c != NULL; c = c->next)
		if (c->text != NULL && strcmp(c->text, text) == 0)
			return true;
	return false;
}

/* A listener that has the address already. */
static struct yaml *nginx_listener_at(struct nginx *n, const char *bind)
{
	for (struct yaml *l = n->listeners->first; l != NULL; l = l->next)
		if (has_text(yaml_find(l, "bind"), bind))
			return l;
	return NULL;
}

/* Another server of the same address is one for its names alone. */
static void join_listener(struct nginx *n, struct nginx_scope *s, struct yaml *listener)
{
	struct yaml *names = yaml_find(s->names, "of"), *certs = yaml_find(s->listener, "tls.certificates");
	const char *upstream;

	if (names == NULL) {
		migrate_lose(n->j, s->block, "",
			"the server is left out: another one has its address, and it has no names");
		return;
	}
	if (strchr(migrate_arg(s->proxy_pass, 1), '$') != NULL) {
		migrate_lose(n->j, s->proxy_pass, "", "the server is left out: names and a variable both decide");
		return;
	}
	upstream = nginx_target(n, s, migrate_arg(s->proxy_pass, 1), s->proxy_pass);
	for (struct yaml *c = names->first; upstream != NULL && c != NULL; c = c->next)
		output_route(n->j, listener, (struct output_match){"sni", c->text}, upstream, s->block);
	for (struct yaml *c = certs != NULL ? certs->first : NULL; c != NULL; c = c->next) {
		struct yaml *copy = yaml_clone(n->j, c);

		for (struct yaml *name = names->first; name != NULL; name = name->next)
			yaml_add(n->j, copy, "names", name->text, name->from);
		yaml_append(yaml_list_at(n->j, listener, "tls.certificates", s->block), copy);
	}
}

/* A hash of the client's name needs that name: a route has the hello read. */
static void nginx_read_hello(struct nginx *n, struct nginx_scope *s, struct yaml *l, const char *to)
{
	for (struct yaml *u = n->upstreams->first; u != NULL && !s->ssl; u = u->next)
		if (strcmp(yaml_text_of(u, "name"), to) == 0 && strcmp(yaml_text_of(u, "hash_on"), "sni") == 0)
			output_route(n->j, l, (struct output_match){"sni", "*"}, to, s->proxy_pass);
}

/* Where connections go to is known at the end; the rest stands before and behind it. */
static void nginx_add_listener(struct nginx *n, struct nginx_scope *s, struct yaml *bind)
{
	struct yaml *l = yaml_new(n->j, s->block);

	(void)yaml_set(n->j, l, "name", output_name(n->j, n->listeners, listener_text(n, bind->first->text)), s->block);
	yaml_drop(s->listener, "bind");
	yaml_append(l, bind);
	if (strchr(migrate_arg(s->proxy_pass, 1), '$') != NULL) {
		nginx_routes(n, s, l, s->proxy_pass);
	} else {
		const char *to = nginx_target(n, s, migrate_arg(s->proxy_pass, 1), s->proxy_pass);

		if (to != NULL) {
			(void)yaml_set(n->j, l, "upstream", to, s->proxy_pass);
			nginx_read_hello(n, s, l, to);
		}
	}
	if (yaml_find(l, "routes") == NULL && yaml_find(l, "upstream") == NULL) {
		migrate_lose(n->j, s->proxy_pass, "", "the server is left out: it leads nowhere that is known");
		return;
	}
	if (yaml_find(l, "routes") == NULL)
		yaml_drop(s->listener, "preread");
	yaml_merge(n->j, l, s->listener);
	nginx_access(n, s, l);
	yaml_append(n->listeners, l);
}

void nginx_server(struct nginx *n, struct migrate_line *block)
{
	struct nginx_scope s = {.outer = &n->outer, .block = block};
	struct yaml *bind, *there;

	s.listener = yaml_new(n->j, NULL);
	s.upstream = yaml_new(n->j, NULL);
	s.names = yaml_new(n->j, NULL);
	nginx_apply_all(n, &s, block, 'V');
	if (s.hopeless != NULL)
		return;
	yaml_merge(n->j, s.listener, n->outer.listener);
	yaml_merge(n->j, s.upstream, n->outer.upstream);
	bind = yaml_find(s.listener, "bind");
	if (bind == NULL || s.proxy_pass == NULL) {
		migrate_lose(n->j, block, "", bind == NULL ? "the server is left out: it listens nowhere" :
							     "the server is left out: it has no proxy_pass");
		return;
	}
	if (!settle_listener(n, &s))
		return;
	there = nginx_listener_at(n, bind->first->text);
	if (there != NULL)
		join_listener(n, &s, there);
	else
		nginx_add_listener(n, &s, bind);
}
