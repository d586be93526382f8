/* migrate_haproxy_bind: bind with its addresses and parameters, and TLS of clients. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_file.h"
#include "proxy/migrate/migrate_haproxy.h"
#include "proxy/migrate/migrate_haproxy_read.h"
#include "proxy/migrate/migrate_value.h"

#define PORTS_MOST 64 /* of one range: a listener has as many addresses */

/* ---- addresses ---- */

/* A Unix socket's address in ours; NULL: it is of another family. */
static const char *unix_address(struct haproxy *h, const char *text)
{
	if (text[0] == '/')
		return migrate_format(h->j, "unix:%s", text);
	if (migrate_begins(text, "unix@"))
		return migrate_format(h->j, "unix:%s", text + 5);
	if (migrate_begins(text, "abns@"))
		return migrate_format(h->j, "unix:@%s", text + 5);
	return NULL;
}

/* The host in front of the last colon, as we write it: with brackets where it has colons. */
static const char *haproxy_host_of(struct haproxy *h, const char *text, const char *colon)
{
	const char *host = migrate_copy(h->j, text, (size_t)(colon - text));

	if (strchr(host, ':') != NULL && host[0] != '[')
		return migrate_format(h->j, "[%s]", host);
	return host;
}

static const char *without_family(const char *text)
{
	static const char *const families[] = {"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@", "ip@"};

	for (size_t i = 0; i < array_len(families); i++)
		if (migrate_begins(text, families[i]))
			return text + strlen(families[i]);
	return text;
}

const char *haproxy_address(struct haproxy *h, const char *text)
{
	const char *colon, *port;

	text = migrate_haproxy_env(h->j, text);
	if (unix_address(h, text) != NULL)
		return unix_address(h, text);
	text = without_family(text);
	colon = strrchr(text, ':');
	if (colon == NULL || colon == text || strchr(text, '@') != NULL)
		return NULL;
	port = colon + 1;
	if (!isdigit((unsigned char)port[0]) || port[strspn(port, "0123456789")] != '\0')
		return NULL;
	return migrate_lower(h->j, migrate_format(h->j, "%s:%s", haproxy_host_of(h, text, colon), port));
}

/* An address of a bind as a place to listen at. Without a host or with *: everybody by IPv4, as HAProxy takes it;
 * an IPv6 one takes IPv4, too, if it says v4v6. */
static bool add_addresses(struct haproxy *h, const struct haproxy_item *it, const char *text)
{
	const char *colon, *host, *port;
	long first, last;
	char *end;

	text = migrate_haproxy_env(h->j, text);
	if (unix_address(h, text) != NULL) {
		struct yaml *at = yaml_new(h->j, it->d);

		(void)yaml_set(h->j, at, "address", unix_address(h, text), it->d);
		yaml_append(it->binds, at);
		return true;
	}
	host = migrate_begins(text, "ipv6@:") ? "[::]" : NULL;
	text = without_family(text);
	colon = strrchr(text, ':');
	if (colon == NULL || strchr(text, '@') != NULL || !isdigit((unsigned char)colon[1]))
		return false;
	port = colon + 1;
	if (host == NULL)
		host = colon == text || migrate_begins(text, "*:") ? "0.0.0.0" : haproxy_host_of(h, text, colon);
	first = last = strtol(port, &end, 10);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		last = strtol(end + 1, &end, 10);
	if (*end != '\0' || first > last || last > 65535 || last - first >= PORTS_MOST)
		return false;
	for (long n = first; n <= last; n++) {
		struct yaml *at = yaml_new(h->j, it->d);

		(void)yaml_set(h->j, at, "address", migrate_format(h->j, "%s:%ld", host, n), it->d);
		yaml_append(it->binds, at);
	}
	return true;
}

/* Each address of the line goes to those with TLS or to those without. */
static void place_binds(struct haproxy *h, struct haproxy_proxy *p, struct yaml *binds, struct migrate_line *d)
{
	bool secure = yaml_find(binds, "ssl") != NULL;
	struct yaml *list = yaml_list_at(h->j, secure ? p->secure : p->plain, "of", d), *next;

	for (struct yaml *at = binds->first; at != NULL; at = next) {
		next = at->next;
		if (at->key != NULL)
			continue;
		if (p->accept_proxy) {
			(void)yaml_set(h->j, at, "proxy_protocol.accept", "required", d);
			yaml_add(h->j, at, "proxy_protocol.trusted", "0.0.0.0/0", NULL);
			yaml_add(h->j, at, "proxy_protocol.trusted", "::/0", NULL);
			if (migrate_begins(yaml_text_of(at, "address"), "unix:"))
				yaml_add(h->j, at, "proxy_protocol.trusted", "unix", NULL);
			yaml_find(at, "proxy_protocol.trusted")->remark =
				"headers of everybody, as before: name your proxies here";
		}
		if (yaml_find(at, "address")->next == NULL) { /* alone, it needs no map */
			at->kind = YAML_TEXT;
			at->text = yaml_text_of(at, "address");
			at->first = at->last = NULL;
		}
		yaml_append(list, at);
	}
}

void haproxy_bind(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	struct haproxy_item inner = {.d = it->d, .binds = yaml_new(h->j, it->d)};
	char *list = migrate_copy(h->j, haproxy_value(h, it), strlen(haproxy_value(h, it))), *save = NULL;

	(void)arg;
	for (char *one = strtok_r(list, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save))
		if (!add_addresses(h, &inner, one))
			migrate_lose(h->j, it->d, one, "left out: no address that can be listened on");
	p->accept_proxy = false;
	haproxy_params(h, p, &inner, 2);
	place_binds(h, p, inner.binds, it->d);
}

/* ---- parameters ---- */

void haproxy_ssl(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	(void)yaml_set(h->j, it->binds, "ssl", "true", it->d);
}

void haproxy_accept_proxy(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)h;
	(void)it;
	(void)arg;
	p->accept_proxy = true;
}

/* Of the Unix sockets of the line. */
static void set_of_sockets(struct haproxy *h, const struct haproxy_item *it, const char *key, const char *text)
{
	for (struct yaml *at = it->binds->first; at != NULL; at = at->next)
		if (at->key == NULL && migrate_begins(yaml_text_of(at, "address"), "unix:/"))
			(void)yaml_set(h->j, at, key, text, it->d);
}

void haproxy_mode(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *mode = haproxy_value(h, it);

	(void)p;
	(void)arg;
	set_of_sockets(h, it, "mode", strlen(mode) == 3 ? migrate_format(h->j, "0%s", mode) : mode);
}

/* "user", ":group" and both are one key. */
static void haproxy_set_owner(struct haproxy *h, const struct haproxy_item *it, const char *user, const char *group)
{
	for (struct yaml *at = it->binds->first; at != NULL; at = at->next) {
		const char *there = at->key == NULL ? yaml_text_of(at, "owner") : "", *colon = strchr(there, ':');

		if (at->key != NULL || !migrate_begins(yaml_text_of(at, "address"), "unix:/"))
			continue;
		if (group == NULL && colon != NULL)
			group = colon + 1;
		if (user == NULL)
			user = migrate_copy(h->j, there, colon != NULL ? (size_t)(colon - there) : strlen(there));
		(void)yaml_set(h->j, at, "owner", group != NULL ? migrate_format(h->j, "%s:%s", user, group) : user,
			it->d);
	}
}

void haproxy_owner(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	haproxy_set_owner(h, it, haproxy_value(h, it), NULL);
}

void haproxy_group(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	haproxy_set_owner(h, it, NULL, haproxy_value(h, it));
}

/* ---- TLS ---- */

void haproxy_base(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)yaml_set(h->j, h->base, arg, haproxy_value(h, it), it->d);
}

const char *haproxy_file(struct haproxy *h, const char *base, const char *path)
{
	const char *folder = yaml_text_of(h->base, base);

	if (path[0] != '/' && folder[0] != '\0')
		path = migrate_format(h->j, "%s/%s", folder, path);
	return migrate_path(h->j, path);
}

void haproxy_ca_file(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *value = haproxy_value(h, it);

	if (strcmp(value, "@system-ca") != 0) /* those of the system are believed without a file */
		(void)haproxy_set(h, p, it, arg, haproxy_file(h, "ca", value));
}

/* A file of both, or with its key beside it. */
static const char *key_file(struct haproxy *h, const char *cert)
{
	const char *beside = migrate_format(h->j, "%s.key", cert);

	return migrate_file_is_there(beside) ? beside : cert;
}

/* Files that stand beside a certificate, and belong to it. */
static bool is_beside(const char *path)
{
	return migrate_ends(path, ".key") || migrate_ends(path, ".ocsp") || migrate_ends(path, ".issuer") ||
	       migrate_ends(path, ".sctl");
}

static void haproxy_add_certificate(struct haproxy *h, struct haproxy_proxy *p,
				    struct migrate_line *d, const char *path)
{
	struct yaml *c = yaml_new(h->j, d);

	(void)yaml_set(h->j, c, "cert", path, d);
	(void)yaml_set(h->j, c, "key", key_file(h, path), d);
	yaml_append(yaml_list_at(h->j, p->tls, "certificates", d), c);
}

/* A file with a certificate, or a directory of them; of a server, what it shows to one that asks. */
void haproxy_crt(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *file = haproxy_file(h, "crt", haproxy_value(h, it));
	const char **files;
	size_t n = 0;

	if (it->server != NULL) {
		(void)haproxy_set(h, p, it, migrate_format(h->j, "%s.cert", arg), file);
		(void)haproxy_set(h, p, it, migrate_format(h->j, "%s.key", arg), key_file(h, file));
		return;
	}
	/* A directory stands for the files in it, in their order. */
	files = migrate_file_glob(h->j, migrate_format(h->j, "%s/*", file), &n);
	for (size_t i = 0; i < n; i++)
		if (!is_beside(files[i]))
			haproxy_add_certificate(h, p, it->d, files[i]);
	if (n == 0 && migrate_ends(file, "/"))
		haproxy_item_lose(h, it, "left out: no certificate is in this directory");
	else if (n == 0)
		haproxy_add_certificate(h, p, it->d, file);
}

void haproxy_crt_list(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	haproxy_item_lose(h, it, "left out: name the certificates under tls.certificates");
}

void haproxy_alpn(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	char *list = migrate_copy(h->j, haproxy_value(h, it), strlen(haproxy_value(h, it))), *save = NULL;
	struct yaml *map = it->server != NULL ? it->server : p->tls;
	const char *path = it->server != NULL ? arg : arg + 2;

	yaml_drop(map, path);
	for (char *one = strtok_r(list, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save))
		yaml_add(h->j, map, path, one, it->d);
}

void haproxy_version(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *value = haproxy_value(h, it);
	bool newest = migrate_ends(arg, "max_version");

	if (migrate_is_one_of(value, "TLSv1.2 TLSv1.3"))
		(void)haproxy_set(h, p, it, arg, value + 4);
	else if (newest)
		haproxy_item_lose(h, it, "TLS 1.2 and 1.3 are spoken");
	else
		haproxy_item_lose(h, it, "nothing older than TLS 1.2 is spoken");
}

static const char *tls_side(const struct haproxy_item *it)
{
	return it->server != NULL ? "u.tls" : "k";
}

void haproxy_force(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, migrate_format(h->j, "%s.min_version", tls_side(it)), arg);
	(void)haproxy_set(h, p, it, migrate_format(h->j, "%s.max_version", tls_side(it)), arg);
}

void haproxy_oldest_13(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, migrate_format(h->j, "%s.min_version", arg), "1.3");
}

void haproxy_newest_12(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, migrate_format(h->j, "%s.max_version", arg), "1.2");
}

void haproxy_no_tickets(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, "false");
}

void haproxy_verify_client(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *value = haproxy_value(h, it);

	(void)haproxy_set(h, p, it, arg, strcmp(value, "none") == 0 ? "off" : value);
}

/* ---- defaults of global ---- */

void haproxy_default_tls(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	struct yaml *map = arg[0] == 'k' ? h->tls_binds : h->tls_servers;

	(void)p;
	(void)yaml_set(h->j, map, arg[0] == 'k' ? arg + 2 : arg + 6, haproxy_value(h, it), it->d);
}

/* Options of TLS as parameters, of a section that stands for all of them. */
void haproxy_default_bind(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	struct haproxy_proxy all = {.tls = h->tls_binds, .listener = yaml_new(h->j, NULL)};
	struct haproxy_item inner = {.d = it->d, .binds = yaml_new(h->j, it->d)};

	(void)p;
	(void)arg;
	haproxy_params(h, &all, &inner, 1);
}

void haproxy_default_options(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	struct haproxy_proxy all = {.upstream = yaml_new(h->j, NULL)};
	struct haproxy_item inner = {.d = it->d, .server = yaml_new(h->j, it->d)};
	struct yaml *tls;

	(void)p;
	(void)arg;
	haproxy_params(h, &all, &inner, 1);
	tls = yaml_find(inner.server, "u.tls");
	if (tls != NULL)
		yaml_merge(h->j, h->tls_servers, tls);
}

void haproxy_server_verify(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	(void)yaml_set(h->j, h->tls_servers, "verify", strcmp(haproxy_value(h, it), "none") == 0 ? "false" : "true",
		it->d);
}
