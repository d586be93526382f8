/* migrate_output: names, upstreams, rules for networks, routes, servers. */
#include "proxy/migrate/migrate_output.h"

#include <string.h>

#include "config/cidr.h"
#include "proxy/migrate/migrate_value.h"

#define ROUTE_VALUES 900 /* of one list: the check takes 1000 */

#define RULE_INSTEAD "everybody may connect: firewall rules must keep out those who may not"

static bool is_taken(const struct yaml *list, const char *name)
{
	for (struct yaml *c = list->first; c != NULL; c = c->next)
		if (strcmp(yaml_text_of(c, "name"), name) == 0)
			return true;
	return false;
}

const char *output_name(struct migrate_job *j, const struct yaml *list, const char *text)
{
	const char *name = migrate_name(j, text), *unique = name;

	for (int i = 2; is_taken(list, unique); i++)
		unique = migrate_format(j, "%.58s-%d", name, i);
	return unique;
}

const char *output_add_upstream(struct migrate_job *j, struct yaml *list, struct yaml *made, const char *text)
{
	for (struct yaml *c = list->first; c != NULL; c = c->next)
		if (c->from == made->from && yaml_same(c, made, "name"))
			return yaml_text_of(c, "name");
	(void)yaml_set(j, made, "name", output_name(j, list, text), made->from);
	yaml_append(list, made);
	return yaml_text_of(made, "name");
}

/* ---- rules for networks ---- */

static bool contains(const struct cidr *outer, const struct cidr *inner)
{
	if (outer->bits == CIDR_UNIX || inner->bits == CIDR_UNIX || outer->bits > inner->bits)
		return outer->bits == inner->bits;
	for (unsigned bit = 0; bit < outer->bits; bit++)
		if ((outer->addr[bit / 8] ^ inner->addr[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool is_covered(struct yaml *listener, const char *key, const struct cidr *c)
{
	struct yaml *list = yaml_find(listener, key);
	struct cidr other;
	const char *why;

	for (struct yaml *n = list != NULL ? list->first : NULL; n != NULL; n = n->next)
		if (cidr_parse(&other, n->text, &why) >= 0 && contains(&other, c))
			return true;
	return false;
}

static bool output_rule_of(struct migrate_job *j, struct yaml *listener, bool allow, const char *network,
		    struct migrate_line *d)
{
	char text[CIDR_TEXT];
	struct cidr c;
	const char *why;

	if (cidr_parse(&c, network, &why) < 0)
		return false;
	if (is_covered(listener, "allow", &c) || is_covered(listener, "deny", &c))
		return true;
	yaml_add(j, listener, allow ? "allow" : "deny", migrate_format(j, "%s", cidr_format(&c, text)), d);
	yaml_find(listener, allow ? "allow" : "deny")->instead = RULE_INSTEAD;
	return true;
}

bool output_rule(struct migrate_job *j, struct yaml *listener, bool allow, const char *network, struct migrate_line *d)
{
	if (strcmp(network, "all") != 0)
		return output_rule_of(j, listener, allow, strcmp(network, "unix:") == 0 ? "unix" : network, d);
	/* Where somebody is let in, whoever matches nothing is not. */
	if (!allow && yaml_find(listener, "allow") != NULL)
		return true;
	return output_rule_of(j, listener, allow, "0.0.0.0/0", d) && output_rule_of(j, listener, allow, "::/0", d);
}

/* ---- routes and servers ---- */

static size_t count_of(const struct yaml *list)
{
	size_t n = 0;

	for (const struct yaml *c = list->first; c != NULL; c = c->next)
		n++;
	return n;
}

void output_route(struct migrate_job *j, struct yaml *listener, struct output_match m, const char *upstream,
		  struct migrate_line *d)
{
	struct yaml *routes = yaml_list_at(j, listener, "routes", d), *route = routes->last;

	if (route == NULL || route->first->next != route->last || strcmp(route->first->key, m.key) != 0 ||
	    strcmp(yaml_text_of(route, "upstream"), upstream) != 0 || count_of(route->first) >= ROUTE_VALUES) {
		route = yaml_new(j, d);
		yaml_append(routes, route);
		(void)yaml_list_at(j, route, m.key, d);
		(void)yaml_set(j, route, "upstream", upstream, d);
	}
	for (const struct yaml *c = route->first->first; c != NULL; c = c->next)
		if (strcmp(c->text, m.value) == 0)
			return;
	yaml_add(j, route, m.key, m.value, d);
}

struct yaml *output_server(struct migrate_job *j, struct yaml *upstream, const char *address, struct migrate_line *d)
{
	struct yaml *list = yaml_list_at(j, upstream, "servers", upstream->from), *s;

	for (s = list->first; s != NULL; s = s->next)
		if (strcmp(yaml_text_of(s, "address"), address) == 0)
			return s;
	s = yaml_new(j, d);
	(void)yaml_set(j, s, "address", address, d);
	yaml_append(list, s);
	return s;
}

/* The host of an address, without its port; NULL: it is an IP address, or a socket. */
static const char *host_name(struct migrate_job *j, const char *address)
{
	const char *colon = strrchr(address, ':');
	struct cidr c;
	const char *why, *host;

	if (colon == NULL || address[0] == '[' || migrate_begins(address, "unix:") || migrate_begins(address, "srv:"))
		return NULL;
	host = migrate_copy(j, address, (size_t)(colon - address));
	return cidr_parse(&c, host, &why) >= 0 ? NULL : host;
}

void output_verified(struct migrate_job *j, struct yaml *upstream, bool asked, const char *name)
{
	struct yaml *tls = yaml_find(upstream, "tls"), *servers = yaml_find(upstream, "servers");
	bool addresses = true, one = true;
	const char *first = NULL;

	if (yaml_find(tls, "name") != NULL || yaml_find(tls, "sni") != NULL ||
	    strcmp(yaml_text_of(tls, "verify"), "false") == 0)
		return;
	for (struct yaml *s = servers != NULL ? servers->first : NULL; s != NULL; s = s->next) {
		const char *address = yaml_text_of(s, "address"), *host = host_name(j, address);

		addresses &= host == NULL && !migrate_begins(address, "unix:") && !migrate_begins(address, "srv:");
		one &= host != NULL && (first == NULL || strcmp(host, first) == 0);
		first = first != NULL ? first : host;
	}
	if (addresses)
		return;
	name = name != NULL ? name : first;
	if (asked && !one && name != NULL && tls->from != NULL)
		migrate_lose(j, tls->from, "", migrate_format(j,
			"the certificate of each server must have the name %s", name));
	if ((asked || one) && name != NULL)
		yaml_set(j, tls, "name", name,
			NULL)->remark = "the name that the certificates of the servers must have";
	else if (!asked)
		yaml_set(j, tls, "verify", "false", NULL)->remark =
			"as before: no one name is known that the certificates of the servers have; "
			"say name, and drop this";
}
