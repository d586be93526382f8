/* migrate_haproxy_check: health checks. An upstream here has one check, with one thing to say and one to look for; a
 * conversation of several steps is said at once, and the longest answer is looked for. */
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_haproxy.h"
#include "proxy/migrate/migrate_value.h"

/* ---- directives ---- */

/* Kinds are "tcp", "tls", "http" and those of known programs; the last one said counts. */
void haproxy_known_check(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)yaml_set(h->j, p->query, "kind", arg, it->d);
	p->check = it->d;
}

void haproxy_httpchk(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *first = migrate_arg(it->d, 2), *second = migrate_arg(it->d, 3);

	(void)arg;
	haproxy_known_check(h, p, it, "http");
	if (first[0] == '/')
		(void)yaml_set(h->j, p->query, "path", first, it->d);
	else if (second[0] == '/')
		(void)yaml_set(h->j, p->query, "path", second, it->d);
	if (it->d->n > 3 && !migrate_is_one_of(first, "GET HEAD OPTIONS"))
		migrate_lose(h->j, it->d, first, "the check asks by GET");
	for (size_t i = 2; i < it->d->n; i++) {
		const char *host = strstr(migrate_arg(it->d, i), "Host:");

		if (host != NULL)
			(void)yaml_set(h->j, p->query, "host", host + 5 + strspn(host + 5, " \\"), it->d);
	}
}

/* http-check send meth GET uri /x hdr host a.example; http-check expect status 200 */
void haproxy_http_check(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	struct migrate_line *d = it->d;

	(void)arg;
	if (strcmp(migrate_arg(d, 1), "connect") == 0 && d->n <= 4)
		return;
	for (size_t i = 2; i + 1 < d->n; i++) {
		const char *word = migrate_arg(d, i), *value = migrate_arg(d, i + 1), *key = NULL;

		if (strcmp(migrate_arg(d, 1), "send") == 0)
			key = strcmp(word, "uri") == 0 ? "path" : NULL;
		else if (strcmp(migrate_arg(d, 1), "expect") == 0 && i == 2 && migrate_is_one_of(word, "status string"))
			key = strcmp(word, "status") == 0 ? "status" : "body";
		if (strcmp(word, "hdr") == 0 && strcmp(migrate_lower(h->j, value), "host") == 0)
			(void)yaml_set(h->j, p->query, "host", migrate_arg(d, i + 2), d);
		if (key != NULL)
			(void)yaml_set(h->j, p->query, key, value, d);
	}
	if (!migrate_is_one_of(migrate_arg(d, 1), "send expect") ||
	    (strcmp(migrate_arg(d, 1), "expect") == 0 && !migrate_is_one_of(migrate_arg(d, 2), "status string")))
		migrate_lose(h->j, d, "", "the check asks once, and looks at the status and for a text");
}

/* Rules of a conversation are read when it is known that there is one. */
void haproxy_tcp_check(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	static const char known[] = "send send-binary expect connect comment send-lf send-binary-lf";

	(void)p;
	(void)arg;
	if (!migrate_is_one_of(migrate_arg(it->d, 1), known))
		migrate_lose(h->j, it->d, "", "the check says one thing and looks for one thing");
	else if (migrate_ends(migrate_arg(it->d, 1), "-lf"))
		migrate_lose(h->j, it->d, "", "the check says what stands in the file, without variables");
}

/* ---- what is said and looked for ---- */

/* Bytes as a check of ours has them: "\r\n" for what cannot be written. */
static const char *escaped(struct haproxy *h, const char *text)
{
	const char *out = "";

	for (; *text != '\0'; text++) {
		if (*text == '\r' || *text == '\n')
			out = migrate_format(h->j, "%s%s", out, *text == '\r' ? "\\r" : "\\n");
		else if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			out = migrate_format(h->j, "%s\\x%02x", out, (unsigned char)*text);
		else
			out = migrate_format(h->j, "%s%s%c", out, *text == '\\' ? "\\" : "", *text);
	}
	return out;
}

/* "50494e47" as "\x50\x49\x4e\x47". */
static const char *escaped_hex(struct haproxy *h, const char *text)
{
	const char *out = "";

	for (; text[0] != '\0' && text[1] != '\0'; text += 2)
		out = migrate_format(h->j, "%s\\x%.2s", out, text);
	return out;
}

/* The value of a rule: the last word but for options. */
static const char *rule_bytes(struct haproxy *h, const struct migrate_line *d, size_t at, bool hex)
{
	return hex ? escaped_hex(h, migrate_arg(d, at)) : escaped(h, migrate_arg(d, at));
}

static void expect_rule(struct haproxy *h, struct yaml *check, struct migrate_line *d)
{
	size_t at = 2;
	bool negated, hex;
	const char *bytes, *key, *there;

	while (migrate_is_one_of(migrate_arg(d, at),
		"comment min-recv ok-status error-status tout-status on-success on-error"))
		at += 2;
	negated = strcmp(migrate_arg(d, at), "!") == 0;
	at += negated;
	hex = strcmp(migrate_arg(d, at), "binary") == 0;
	if (!hex && strcmp(migrate_arg(d, at), "string") != 0) {
		migrate_lose(h->j, d, "", "the check looks for bytes, not for an expression");
		return;
	}
	bytes = rule_bytes(h, d, at + 1, hex);
	key = negated ? "reject" : "expect";
	there = yaml_text_of(check, key);
	if (there[0] == '\0' || strlen(bytes) > strlen(there))
		(void)yaml_set(h->j, check, key, bytes, d);
	if (there[0] != '\0')
		yaml_find(check, key)->remark = "the longest of several answers: the check looks for one";
}

/* "tcp-check connect port 8 ssl": how the check connects. */
static void connect_rule(struct haproxy *h, struct yaml *check, struct migrate_line *d)
{
	for (size_t i = 2; i < d->n; i++) {
		if (strcmp(migrate_arg(d, i), "ssl") == 0)
			(void)yaml_set(h->j, check, "tls", "on", d);
		if (strcmp(migrate_arg(d, i), "port") == 0)
			(void)yaml_set(h->j, check, "port", migrate_arg(d, i + 1), d);
	}
}

/* The rules of the defaults, then those of the section. */
static void read_rules(struct haproxy *h, struct yaml *check, const struct haproxy_proxy *in)
{
	if (in->defaults != NULL)
		read_rules(h, check, in->defaults);
	for (struct migrate_line *d = in->block->first; d != NULL; d = d->next) {
		const char *word = migrate_arg(d, 1);

		if (strcmp(migrate_arg(d, 0), "tcp-check") != 0)
			continue;
		if (migrate_is_one_of(word, "send send-binary"))
			(void)yaml_set(h->j, check, "send", migrate_format(h->j, "%s%s", yaml_text_of(check, "send"),
				rule_bytes(h, d, 2, strcmp(word, "send-binary") == 0)), d);
		else if (strcmp(word, "expect") == 0)
			expect_rule(h, check, d);
		else if (strcmp(word, "connect") == 0)
			connect_rule(h, check, d);
	}
}

/* A StartupMessage of PostgreSQL for that user; a server that is well answers with R, for authentication. */
static const char *postgres_hello(struct haproxy *h, const char *user)
{
	size_t n = 4 + 4 + 5 + strlen(user) + 2;

	return migrate_format(h->j, "\\x00\\x00\\x00\\x%02x\\x00\\x03\\x00\\x00user\\x00%.200s\\x00\\x00",
		(unsigned)(n & 0xff),
			      escaped(h, user));
}

/* What programs say that HAProxy knows. */
static void known_program(struct haproxy *h, struct yaml *check, const char *kind, struct migrate_line *d)
{
	static const struct {
		const char *kind, *send, *expect;
	} programs[] = {
		{"redis", "PING\\r\\n", "+PONG"},
		{"smtp", NULL, "220"},
		{"ldap", "\\x30\\x0c\\x02\\x01\\x01\\x60\\x07\\x02\\x01\\x03\\x04\\x00\\x80\\x00", "\\x61"},
		{"pgsql", "", "R"},
	};

	for (size_t i = 0; i < array_len(programs); i++) {
		if (strcmp(programs[i].kind, kind) != 0)
			continue;
		if (programs[i].send != NULL)
			(void)yaml_set(h->j, check, "send", programs[i].send, d);
		if (programs[i].expect != NULL)
			(void)yaml_set(h->j, check, "expect", programs[i].expect, d);
	}
	if (strcmp(kind, "pgsql") == 0)
		(void)yaml_set(h->j, check, "send", postgres_hello(h, migrate_arg(d, d->n - 1)), d);
	if (strcmp(kind, "mysql") == 0) {
		/* Its greeting: a length, number 0, version 10. An error packet of a server that refuses has 0xff
		 * there. */
		(void)yaml_set(h->j, check, "expect", "\\x00\\x00\\x00\\x0a", d);
		(void)yaml_set(h->j, check, "min_bytes", "5", d);
	}
}

/* ---- the check of an upstream ---- */

/* Settings of all kinds, and those of this kind. */
static void fill_check(struct haproxy *h, struct haproxy_proxy *p, struct yaml *check, const char *kind)
{
	static const char *const all[] = {"interval", "inter", "rise", "rise", "fall", "fall"};
	static const char *const http[] = {"path", "host", "status", "body"};

	for (size_t i = 0; i < array_len(all); i += 2) {
		struct yaml *n = yaml_find(p->query, all[i + 1]);

		if (n != NULL)
			(void)yaml_set(h->j, check, all[i], n->text, n->from);
	}
	for (size_t i = 0; i < array_len(http) && strcmp(kind, "http") == 0; i++) {
		struct yaml *n = yaml_find(p->query, http[i]);

		if (n != NULL)
			(void)yaml_set(h->j, check, http[i], n->text, n->from);
	}
	if (yaml_find(p->timers, "check") != NULL) {
		struct yaml *n = yaml_find(p->timers, "check");

		(void)yaml_set(h->j, check, "timeout", migrate_time_text(h->j, strtoll(n->text, NULL, 10)), n->from);
	}
}

/* "on" where checks speak TLS and connections need not; a plain connect then becomes a handshake. */
static const char *kind_of_check(struct haproxy *h, struct haproxy_proxy *p, struct yaml *check)
{
	const char *kind = yaml_text_of(p->query, "kind");
	bool tls = strcmp(yaml_text_of(p->query, "check_ssl"), "true") == 0;

	if (kind[0] == '\0' || strcmp(kind, "tcp") == 0) {
		read_rules(h, check, p);
		if (yaml_find(check, "send") != NULL || yaml_find(check, "expect") != NULL || yaml_find(check,
			"reject") != NULL)
			kind = "send";
		else
			kind = tls || yaml_find(check, "tls") != NULL ? "tls" : "tcp";
	} else if (!migrate_is_one_of(kind, "tls http")) {
		known_program(h, check, kind, p->check);
		kind = "send";
	}
	if (tls && migrate_is_one_of(kind, "send http"))
		(void)yaml_set(h->j, check, "tls", "on", yaml_find(p->query, "check_ssl")->from);
	if (migrate_is_one_of(kind, "tls tcp"))
		yaml_drop(check, "tls");
	return kind;
}

static void agent(struct haproxy *h, struct haproxy_proxy *p)
{
	static const char *const keys[] = {"agent_port", "port", "agent_inter", "interval", "agent_send", "send"};

	if (strcmp(yaml_text_of(p->query, "agent"), "true") != 0)
		return;
	for (size_t i = 0; i < array_len(keys); i += 2) {
		struct yaml *n = yaml_find(p->query, keys[i]);

		if (n != NULL)
			(void)yaml_set(h->j, p->upstream, migrate_format(h->j, "health.agent.%s", keys[i + 1]),
				       i == 4 ? escaped(h, n->text) : n->text, n->from);
	}
}

void haproxy_health(struct haproxy *h, struct haproxy_proxy *p)
{
	struct yaml *check = yaml_new(h->j, p->checked), *port = yaml_find(p->query, "port"), *place;
	const char *kind;

	agent(h, p);
	if (p->checked == NULL)
		return;
	if (p->unchecked != NULL)
		migrate_lose(h->j, p->unchecked, "", "checked like the other servers: a check is one for an upstream");
	kind = kind_of_check(h, p, check);
	if (yaml_find(check, "port") != NULL) {
		port = yaml_find(check, "port");
		yaml_drop(check, "port");
	}
	fill_check(h, p, check, kind);
	if (yaml_find(p->query, "check_sni") != NULL && strcmp(kind, "tcp") != 0)
		(void)yaml_set(h->j, check, "sni", yaml_text_of(p->query, "check_sni"), yaml_find(p->query,
			"check_sni")->from);
	if (check->first == NULL)
		(void)yaml_set(h->j, check, "interval", "2s", NULL);
	place = yaml_map_at(h->j, p->upstream, migrate_format(h->j, "health.%s", kind), p->checked);
	yaml_merge(h->j, place, check);
	if (port != NULL)
		(void)yaml_set(h->j, p->upstream, "health.port", port->text, port->from);
}
