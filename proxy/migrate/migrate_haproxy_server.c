/* migrate_haproxy_server: servers. HAProxy says of each server how it is checked, spoken to and timed; here an
 * upstream says it for all of its servers. So what the first server says counts, and what another one says
 * differently is lost. */
#include <string.h>

#include "proxy/migrate/migrate_haproxy.h"
#include "proxy/migrate/migrate_haproxy_read.h"
#include "proxy/migrate/migrate_output.h"
#include "proxy/migrate/migrate_value.h"

/* ---- parameters ---- */

void haproxy_down(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	haproxy_set(h, p, it, arg, "0")->remark = "disabled: no new connections; staunch server ready brings none";
}

void haproxy_marked_down(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	if (strcmp(haproxy_value(h, it), "shutdown-sessions") == 0)
		(void)haproxy_set(h, p, it, arg, "close");
}

void haproxy_observe(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	if (strcmp(haproxy_value(h, it), "layer4") != 0) /* health.passive does it in any case */
		haproxy_item_lose(h, it, "connects and resets are what tells, not answers of HTTP");
}

void haproxy_proxy_v1(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, "v1");
}

void haproxy_proxy_v2(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, "v2");
}

void haproxy_proxy_v2_ssl(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, "v2");
	yaml_drop(it->server, "u.tlvs");
	yaml_add(h->j, it->server, "u.tlvs", "ssl", it->d);
}

static bool has_tlv(struct yaml *list, const char *word)
{
	for (struct yaml *c = list != NULL ? list->first : NULL; c != NULL; c = c->next)
		if (strcmp(c->text, word) == 0)
			return true;
	return false;
}

void haproxy_tlvs(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	char *list = migrate_copy(h->j, haproxy_value(h, it), strlen(haproxy_value(h, it))), *save = NULL;

	(void)p;
	for (char *one = strtok_r(list, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save)) {
		const char *tlv = NULL;

		if (migrate_is_one_of(one, "ssl cert-cn cert-key cert-sig ssl-cipher"))
			tlv = "ssl";
		else if (strcmp(one, "crc32c") == 0 || strcmp(one, "authority") == 0)
			tlv = one;
		else if (strcmp(one, "unique-id") == 0)
			tlv = "unique_id";
		else
			migrate_lose(h->j, it->d, one, "the header does not say this");
		if (tlv != NULL && !has_tlv(yaml_find(it->server, arg), tlv))
			yaml_add(h->j, it->server, arg, migrate_copy(h->j, tlv, strlen(tlv)), it->d);
	}
}

/* "str(a.example)", or what the client asked for. */
void haproxy_sni(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *value = haproxy_value(h, it);
	size_t n = strlen(value);

	if (migrate_begins(value, "str(") && n > 5 && value[n - 1] == ')')
		(void)haproxy_set(h, p, it, arg, migrate_copy(h->j, value + 4, n - 5));
	else if (migrate_begins(value, "req.ssl_sni") || migrate_begins(value, "req_ssl_sni") ||
		 migrate_begins(value, "ssl_fc_sni"))
		(void)haproxy_set(h, p, it, arg, "client");
	else
		haproxy_item_lose(h, it, "the server's own name is asked for");
}

void haproxy_verify_server(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, strcmp(haproxy_value(h, it), "none") == 0 ? "false" : "true");
}

/* ---- what holds for all servers ---- */

/* What `from` says comes to `to`; where that says otherwise, the directive has lost it. */
static void merge_common(struct haproxy *h, struct yaml *to, const struct yaml *from, struct migrate_line *d)
{
	for (const struct yaml *c = from->first; c != NULL; c = c->next) {
		struct yaml *there = yaml_find(to, c->key);

		if (there == NULL) {
			yaml_append(to, yaml_clone(h->j, c));
		} else if (there->kind == YAML_MAP && c->kind == YAML_MAP) {
			merge_common(h, there, c, d);
		} else if (!yaml_same(there, c, NULL) && there->from != d) {
			migrate_lose(h->j, d, c->key, migrate_format(h->j,
				"one setting holds for all servers of an upstream: %s",
				there->kind == YAML_TEXT ? there->text : "that of the first"));
		}
	}
}

/* The settings of one server to it and to its upstream. */
static void settle_server(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it,
	struct yaml *server)
{
	struct yaml *own = yaml_find(it->server, "s"), *common = yaml_find(it->server, "u"), *query;

	if (strcmp(yaml_text_of(it->server, "q.ssl"), "true") == 0)
		(void)yaml_map_at(h->j, it->server, "u.tls", it->d);
	else
		yaml_drop(it->server, "u.tls");
	common = yaml_find(it->server, "u");
	query = yaml_find(it->server, "q");
	if (strcmp(yaml_text_of(it->server, "q.check"), "true") == 0)
		p->checked = it->d;
	else if (p->unchecked == NULL)
		p->unchecked = it->d;
	if (own != NULL)
		yaml_merge(h->j, server, own);
	if (common != NULL)
		merge_common(h, p->upstream, common, it->d);
	if (query != NULL) {
		yaml_drop(query, "check");
		yaml_drop(query, "ssl");
		merge_common(h, p->query, query, it->d);
	}
}

/* default-server lines of the defaults and the section that stand before the server, then its own parameters. */
static void apply_default_servers(struct haproxy *h, struct haproxy_proxy *p, struct haproxy_proxy *in,
				  const struct haproxy_item *it)
{
	if (in->defaults != NULL)
		apply_default_servers(h, p, in->defaults, it);
	for (struct migrate_line *d = in->block->first; d != NULL && d != it->d; d = d->next) {
		struct haproxy_item inner = {.d = d, .server = it->server};

		if (strcmp(migrate_arg(d, 0), "default-server") == 0)
			haproxy_params(h, p, &inner, 1);
	}
}

static void haproxy_add_server(struct haproxy *h, struct haproxy_proxy *p, struct migrate_line *d, const char *address,
		       size_t params)
{
	struct haproxy_item it = {.d = d, .server = yaml_new(h->j, d)};
	struct yaml *tls = NULL;

	apply_default_servers(h, p, p, &it);
	haproxy_params(h, p, &it, params);
	if (h->tls_servers->first != NULL) {
		tls = yaml_map_at(h->j, it.server, "u.tls", d);
		yaml_merge(h->j, tls, h->tls_servers);
	}
	settle_server(h, p, &it, output_server(h->j, p->upstream, address, d));
}

/* Parameters of default-server are counted here and applied with each server. */
void haproxy_default_server(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)h;
	(void)p;
	(void)it;
	(void)arg;
}

void haproxy_server(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *address;

	(void)arg;
	if (it->d->n < 3)
		migrate_break_at(h->j, it->d, 0, "a name and an address must stand behind this");
	address = haproxy_address(h, migrate_arg(it->d, 2));
	if (address == NULL) {
		migrate_lose(h->j, it->d, "",
			"the server is left out: its address has no port of its own, or cannot be read");
		return;
	}
	haproxy_add_server(h, p, it->d, address, 3);
}

/* As many servers as the name has addresses: one entry here. */
void haproxy_server_template(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *name = migrate_haproxy_env(h->j, migrate_arg(it->d, 3)), *address;

	(void)arg;
	if (it->d->n < 4)
		migrate_break_at(h->j, it->d, 0, "a prefix, a number and an address must stand behind this");
	if (name[0] == '_')
		address = migrate_format(h->j, "srv:%.*s", (int)strcspn(name, ":"), name);
	else
		address = haproxy_address(h, name);
	if (address == NULL)
		migrate_lose(h->j, it->d, "", "the servers are left out: their address has no port, or cannot be read");
	else
		haproxy_add_server(h, p, it->d, address, 4);
}

void haproxy_dispatch(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *address = haproxy_address(h, haproxy_value(h, it));

	(void)arg;
	if (address == NULL)
		migrate_lose(h->j, it->d, "", "the server is left out: its address cannot be read");
	else
		(void)output_server(h->j, p->upstream, address, it->d);
}
