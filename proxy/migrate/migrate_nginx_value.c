/* migrate_nginx_value: the actions of directives that are one value: a time, a file, a switch. */
#include <string.h>

#include "proxy/migrate/migrate_file.h"
#include "proxy/migrate/migrate_nginx.h"
#include "proxy/migrate/migrate_value.h"

#define VARIABLE "a variable decides: only what stands in the file can be taken over"

/* ---- nothing, or nothing that can be kept ---- */

void nginx_none(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)n;
	(void)s;
	(void)d;
	(void)arg;
}

void nginx_lose(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	migrate_lose(n->j, d, "", arg);
	if (migrate_begins(arg, "the server is left out"))
		s->hopeless = d;
}

void nginx_refuse(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)s;
	d->refused = true;
	migrate_lose(n->j, d, "", arg);
}

void nginx_load_module(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *name = migrate_arg(d, 1);

	(void)s;
	(void)arg;
	if (strstr(name, "_js_module") != NULL || strstr(name, "_lua_") != NULL || strstr(name, "perl") != NULL)
		migrate_lose(n->j, d, "", "no code runs in staunch: connections are relayed without it");
	else if (strstr(name, "stream_geoip") != NULL)
		migrate_lose(n->j, d, "", "no addresses are looked up in a database");
}

/* ---- one value ---- */

/* The first word behind the directive, which must be there. */
static const char *nginx_value_of(struct nginx *n, struct migrate_line *d)
{
	if (d->n < 2)
		migrate_break_at(n->j, d, 0, "this directive needs a value");
	return d->words[1].text;
}

/* Has it a variable? Then it is lost. */
static bool is_variable(struct nginx *n, struct migrate_line *d, const char *text)
{
	if (strchr(text, '$') == NULL)
		return false;
	migrate_lose(n->j, d, "", VARIABLE);
	return true;
}

/* "u.balance=least_conn": the directive alone says it. */
void nginx_word(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *equal = strchr(arg, '=');

	(void)nginx_set(n, s, migrate_copy(n->j, arg, (size_t)(equal - arg)), equal + 1, d);
}

void nginx_on_word(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *equal = strchr(arg, '='), *path, *key = migrate_copy(n->j, arg, (size_t)(equal - arg));
	struct yaml *side = nginx_side(n, s, key, &path);

	if (strcmp(nginx_value_of(n, d), "on") == 0)
		nginx_word(n, s, d, arg);
	else if (s->outer != NULL) /* a server may say off where stream says on: said, so that nothing is inherited */
		(void)yaml_set(n->j, side, path, strcmp(path, "on_down") == 0 ? "keep" : "off", d);
}

void nginx_approximate(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	nginx_word(n, s, d, arg);
	migrate_lose(n->j, d, "", "the fewest connections count, not the time of an answer");
}

void nginx_on_off(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *value = nginx_value_of(n, d);

	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		migrate_break_at(n->j, d, 1, "on or off must stand here");
	(void)nginx_set(n, s, arg, strcmp(value, "on") == 0 ? "true" : "false", d);
}

void nginx_text(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)nginx_set(n, s, arg, nginx_value_of(n, d), d);
}

void nginx_list(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *path;
	struct yaml *side = nginx_side(n, s, arg, &path);

	yaml_drop(side, path);
	for (size_t i = 1; i < d->n; i++)
		yaml_add(n->j, side, path, d->words[i].text, d);
}

void nginx_file(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *value = nginx_value_of(n, d);

	if (!is_variable(n, d, value))
		(void)nginx_set(n, s, arg, migrate_path(n->j, value), d);
}

/* ssl_trusted_certificate: where ssl_client_certificate names authorities, those count. */
void nginx_trusted(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	if (yaml_find(s->listener, "tls.client_auth.ca") == NULL)
		nginx_file(n, s, d, arg);
}

void nginx_time(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	int64_t ms;

	if (!migrate_time_nginx(nginx_value_of(n, d), &ms))
		migrate_break_at(n->j, d, 1, "not a time");
	(void)nginx_set(n, s, arg, migrate_time_text(n->j, ms), d);
}

/* 0: without a bound. The key has one in any case, its default. */
void nginx_time_or_none(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	int64_t ms;

	if (migrate_time_nginx(nginx_value_of(n, d), &ms) && ms == 0)
		return;
	nginx_time(n, s, d, arg);
}

static const char *size_of_word(struct nginx *n, struct migrate_line *d)
{
	const char *size = migrate_size_text(n->j, nginx_value_of(n, d));

	if (size == NULL && strchr(nginx_value_of(n, d), '$') == NULL)
		migrate_break_at(n->j, d, 1, "not a size");
	return size;
}

void nginx_size(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *size = size_of_word(n, d);

	if (size != NULL)
		(void)nginx_set(n, s, arg, size, d);
	else
		migrate_lose(n->j, d, "", VARIABLE);
}

void nginx_rate(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *size = size_of_word(n, d);

	if (size == NULL)
		migrate_lose(n->j, d, "", VARIABLE);
	else if (strcmp(nginx_value_of(n, d), "0") != 0)
		nginx_set(n, s, arg, migrate_format(n->j, "%s/s", size), d)->instead =
			"bytes are relayed as fast as both sides take them";
}

/* ---- values with a form of their own ---- */

void nginx_workers(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	nginx_text(n, s, d, arg);
}

void nginx_error_log(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	static const struct {
		const char *word, *level;
	} levels[] = {{"debug", "debug"}, {"info", "info"}, {"notice", "notice"}, {"warn", "warning"},
		      {"error", "error"}, {"crit", "error"}, {"alert", "error"}, {"emerg", "error"}};

	for (size_t i = 0; i < array_len(levels); i++)
		if (d->n > 2 && strcmp(migrate_arg(d, 2), levels[i].word) == 0)
			(void)nginx_set(n, s, arg, levels[i].level, d);
}

void nginx_access_log(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *value = nginx_value_of(n, d);

	if (is_variable(n, d, value))
		return;
	if (migrate_begins(value, "syslog:")) {
		migrate_lose(n->j, d, value, "the access log is written to stdout, where journald reads it");
		return;
	}
	if (strcmp(value, "off") == 0 && s->outer != NULL) {
		migrate_lose(n->j, d, "", "there is one access log for all listeners: log.access");
		return;
	}
	if (strcmp(value, "/dev/stdout") == 0 || strcmp(value, "/dev/stderr") == 0)
		value += 5;
	else if (strcmp(value, "off") != 0)
		value = migrate_path(n->j, value);
	if (s->outer != NULL && yaml_find(n->j->root, "log.access") != NULL &&
	    strcmp(yaml_text_of(n->j->root, "log.access"), value) != 0) {
		migrate_lose(n->j, d, value, "there is one access log for all listeners: log.access");
		return;
	}
	(void)nginx_set(n, s, arg, value, d);
	for (size_t i = 2; i < d->n; i++)
		if (migrate_begins(migrate_arg(d, i), "if="))
			migrate_lose(n->j, d, migrate_arg(d, i), "every connection has its record");
}

void nginx_half_close(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)nginx_set(n, s, arg, strcmp(nginx_value_of(n, d), "on") == 0 ? "pass" : "end", d);
}

void nginx_next_upstream(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	if (strcmp(nginx_value_of(n, d), "off") == 0)
		(void)nginx_set(n, s, arg, "0", d);
}

/* All tries against those behind the first; 0: all servers, which the budget of time bounds. */
void nginx_tries(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	int64_t tries;

	if (!migrate_count_read(nginx_value_of(n, d), &tries))
		migrate_break_at(n->j, d, 1, "not a number");
	if (yaml_find(s->upstream, "retries") != NULL && strcmp(yaml_text_of(s->upstream, "retries"), "0") == 0)
		return;
	(void)nginx_set(n, s, arg, migrate_number(n->j, tries == 0 || tries > 100 ? 100 : tries - 1), d);
}

void nginx_protocols(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *oldest = NULL, *newest = NULL;

	for (size_t i = 1; i < d->n; i++) {
		const char *word = migrate_arg(d, i), *version = NULL;

		if (strcmp(word, "TLSv1.2") == 0)
			version = "1.2";
		else if (strcmp(word, "TLSv1.3") == 0)
			version = "1.3";
		else
			migrate_lose(n->j, d, word, "older than TLS 1.2: such a handshake fails");
		if (version != NULL && (oldest == NULL || strcmp(version, oldest) < 0))
			oldest = version;
		if (version != NULL && (newest == NULL || strcmp(version, newest) > 0))
			newest = version;
	}
	if (oldest == NULL)
		return;
	(void)nginx_set(n, s, migrate_format(n->j, "%s.min_version", arg), oldest, d);
	(void)nginx_set(n, s, migrate_format(n->j, "%s.max_version", arg), newest, d);
}

void nginx_conf_command(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	if (strcmp(migrate_arg(d, 1), "Ciphersuites") == 0 && d->n == 3)
		(void)nginx_set(n, s, arg, migrate_arg(d, 2), d);
	else
		migrate_lose(n->j, d, "", "OpenSSL is set by the keys of tls alone");
}

void nginx_curve(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	if (strcmp(nginx_value_of(n, d), "auto") != 0)
		nginx_text(n, s, d, arg);
}

void nginx_verify_client(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *value = nginx_value_of(n, d);

	if (strcmp(value, "off") == 0)
		return;
	if (strcmp(value, "optional_no_ca") == 0)
		migrate_lose(n->j, d, "", "a certificate that a client shows must be valid");
	(void)nginx_set(n, s, arg, strcmp(value, "on") == 0 ? "required" : "optional", d);
}

void nginx_depth(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	nginx_text(n, s, d, arg);
}

/* "valid=" bounds what an answer's TTL says; staunch keeps to the TTL, and that is the most of it. */
void nginx_resolver(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	yaml_drop(n->j->root, arg + 2);
	for (size_t i = 1; i < d->n; i++) {
		const char *word = migrate_arg(d, i);
		int64_t ms;

		if (migrate_begins(word, "valid=") && migrate_time_nginx(word + 6, &ms))
			(void)nginx_set(n, s, "r.dns.max_ttl", migrate_time_text(n->j, ms), d);
		else if (strcmp(word, "ipv6=off") == 0)
			(void)nginx_set(n, s, "r.dns.family", "v4", d);
		else if (strcmp(word, "ipv4=off") == 0)
			(void)nginx_set(n, s, "r.dns.family", "v6", d);
		else if (strchr(word, '=') == NULL)
			yaml_add(n->j, n->j->root, arg + 2, word, d);
	}
}

/* A client's real address is what the PROXY header says; of whom is a set of networks. */
void nginx_real_ip(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *value = nginx_value_of(n, d);

	yaml_add(n->j, s->listener, arg + 2, strcmp(value, "unix:") == 0 ? "unix" : value, d);
}

/* The name a server must have, and is asked for. */
void nginx_ssl_name(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *value = nginx_value_of(n, d);

	if (migrate_is_one_of(value, "$ssl_preread_server_name $ssl_server_name"))
		(void)nginx_set(n, s, "u.tls.sni", "client", d);
	else if (!is_variable(n, d, value))
		(void)nginx_set(n, s, arg, value, d);
}

void nginx_limit_conn(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	struct yaml *limit;

	if (d->n < 3)
		migrate_break_at(n->j, d, 0, "this directive needs a zone and a number");
	limit = nginx_set(n, s, arg, migrate_arg(d, 2), d);
	limit->instead = "connections of one address are not counted: see max_connections of the listener";
}

void nginx_zone(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	const char *key = nginx_value_of(n, d);

	(void)s;
	(void)arg;
	if (!migrate_is_one_of(key, "$binary_remote_addr $remote_addr"))
		migrate_lose(n->j, d, key, "connections are counted by the client's address alone");
}

/* Certificates and keys come in pairs, in the order of both. */
void nginx_certificate(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	struct yaml *list = yaml_list_at(n->j, s->listener, "tls.certificates", d), *c = list->first;
	const char *value = nginx_value_of(n, d);

	if (is_variable(n, d, value) || migrate_begins(value, "engine:") || migrate_begins(value, "data:"))
		return;
	while (c != NULL && yaml_find(c, arg) != NULL)
		c = c->next;
	if (c == NULL) {
		c = yaml_new(n->j, d);
		yaml_append(list, c);
	}
	(void)yaml_set(n->j, c, arg, migrate_path(n->j, value), d);
}

/* health_check of the commercial nginx: a connect, now and then. */
void nginx_health_check(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)yaml_map_at(n->j, s->upstream, "health.tcp", d);
	for (size_t i = 1; i < d->n; i++) {
		const char *word = migrate_arg(d, i), *equal = strchr(word, '=');
		int64_t ms;

		if (migrate_begins(word, "interval=") && migrate_time_nginx(equal + 1, &ms))
			(void)nginx_set(n, s, "u.health.tcp.interval", migrate_time_text(n->j, ms), d);
		else if (migrate_begins(word, "passes="))
			(void)nginx_set(n, s, "u.health.tcp.rise", equal + 1, d);
		else if (migrate_begins(word, "fails="))
			(void)nginx_set(n, s, "u.health.tcp.fall", equal + 1, d);
		else if (migrate_begins(word, "port="))
			(void)nginx_set(n, s, "u.health.port", equal + 1, d);
		else
			migrate_lose(n->j, d, word, "a server is well when a connect to it works");
	}
	(void)arg;
}
