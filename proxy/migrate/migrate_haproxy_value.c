/* migrate_haproxy_value: the actions of what is one value, in a directive or in a parameter. */
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_file.h"
#include "proxy/migrate/migrate_haproxy.h"
#include "proxy/migrate/migrate_haproxy_read.h"
#include "proxy/migrate/migrate_value.h"

struct yaml *haproxy_set(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *key,
			 const char *text)
{
	if (key[0] == '?')
		key = migrate_format(h->j, "q.%s", key + 1);
	if (key[0] == 'r')
		return yaml_set(h->j, h->j->root, key + 2, text, it->d);
	if (it->server != NULL)
		return yaml_set(h->j, it->server, key, text, it->d);
	if (key[0] == 'l')
		return yaml_set(h->j, p->listener, key + 2, text, it->d);
	if (key[0] == 'k')
		return yaml_set(h->j, p->tls, key + 2, text, it->d);
	return yaml_set(h->j, key[0] == 't' ? p->timers : p->upstream, key + 2, text, it->d);
}

const char *haproxy_value(struct haproxy *h, const struct haproxy_item *it)
{
	if (it->at >= it->d->n)
		migrate_break_at(h->j, it->d, it->at - 1, "a value must stand behind this");
	return it->d->words[it->at].text;
}

void haproxy_item_lose(struct haproxy *h, const struct haproxy_item *it, const char *instead)
{
	bool param = it->binds != NULL || it->server != NULL;

	migrate_lose(h->j, it->d, param ? migrate_arg(it->d, it->at - 1) : "", instead);
}

/* ---- nothing, or nothing that can be kept ---- */

void haproxy_none(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)h;
	(void)p;
	(void)it;
	(void)arg;
}

void haproxy_lose(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	haproxy_item_lose(h, it, arg);
}

void haproxy_refuse(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	it->d->refused = true;
	haproxy_item_lose(h, it, arg);
}

void haproxy_disabled(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)h;
	(void)it;
	(void)arg;
	p->disabled = true;
}

/* ---- one value ---- */

void haproxy_text(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, haproxy_value(h, it));
}

static int64_t haproxy_time_of(struct haproxy *h, const struct haproxy_item *it)
{
	int64_t ms;

	if (!migrate_time_haproxy(migrate_haproxy_env(h->j, haproxy_value(h, it)), &ms))
		migrate_break_at(h->j, it->d, it->at, "not a time");
	return ms;
}

void haproxy_time(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, migrate_time_text(h->j, haproxy_time_of(h, it)));
}

void haproxy_timer(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, migrate_number(h->j, haproxy_time_of(h, it)));
}

void haproxy_set_true(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, "true");
}

void haproxy_set_false(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, "false");
}

void haproxy_set_off(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, "off");
}

/* 0: without a bound. */
void haproxy_limit(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *value = haproxy_value(h, it);

	(void)haproxy_set(h, p, it, arg, strcmp(value, "0") == 0 ? "off" : value);
}

/* Clients beyond it wait in the backlog. */
void haproxy_maxconn(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, haproxy_value(h, it));
	(void)haproxy_set(h, p, it, "l.at_limit", "wait");
}

void haproxy_rate(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	haproxy_set(h, p, it, arg, migrate_format(h->j, "%s/s", haproxy_value(h, it)))->instead =
		"connections are accepted as fast as they come";
}

void haproxy_factor(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *value = haproxy_value(h, it);

	(void)haproxy_set(h, p, it, arg, strcmp(value, "0") == 0 ? "off" : migrate_format(h->j, "%s%%", value));
}

void haproxy_inspect_delay(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	haproxy_time(h, p, it, arg);
}

/* ---- how a server is chosen ---- */

void haproxy_balance(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	static const struct {
		const char *words, *balance;
	} known[] = {{"roundrobin static-rr", "round_robin"}, {"leastconn", "least_conn"}, {"source", "source_hash"}};
	const char *value = haproxy_value(h, it);

	for (size_t i = 0; i < array_len(known); i++)
		if (migrate_is_one_of(value, known[i].words)) {
			(void)haproxy_set(h, p, it, arg, known[i].balance);
			return;
		}
	if (migrate_begins(value, "random")) {
		(void)haproxy_set(h, p, it, arg, "random_two");
		return;
	}
	if (strcmp(value, "hash") == 0 && strcmp(migrate_arg(it->d, it->at + 1), "src") == 0) {
		(void)haproxy_set(h, p, it, arg, "source_hash");
		return;
	}
	(void)haproxy_set(h, p, it, arg, "round_robin");
	haproxy_item_lose(h, it, "servers are used in turn");
}

/* Both kinds of a hash are one here, which keeps to its server when others come and go. */
void haproxy_hash_type(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)p;
	(void)arg;
	if (!migrate_is_one_of(haproxy_value(h, it), "map-based consistent"))
		migrate_break_at(h->j, it->d, it->at, "map-based or consistent must stand here");
}

void haproxy_stick(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)arg;
	if (strcmp(migrate_arg(it->d, 1), "on") == 0 && strcmp(migrate_arg(it->d, 2), "src") == 0)
		(void)haproxy_set(h, p, it, "u.balance", "source_hash");
	migrate_lose(h->j, it->d, "",
		"the client's address chooses the server by a hash (source_hash), without a table");
}

/* ---- logs ---- */

/* The log of HAProxy is that of connections; in syslog staunch writes its process log, and the access log to
 * stdout. */
void haproxy_log(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *to = migrate_haproxy_env(h->j, haproxy_value(h, it));
	size_t at = it->at + 1;

	(void)p;
	(void)arg;
	if (migrate_is_one_of(to, "global stdout stderr") || migrate_begins(to, "fd@") ||
	    yaml_find(h->j->root, "log.syslog.address") != NULL)
		return;
	if (migrate_begins(to, "ring@")) {
		haproxy_item_lose(h, it, "both logs are written at once, to stdout and stderr");
		return;
	}
	if (migrate_begins(to, "udp@"))
		to += 4;
	if (to[0] != '/' && strchr(to, ':') == NULL)
		to = migrate_format(h->j, "%s:514", to);
	(void)haproxy_set(h, p, it, "r.log.syslog.address", to[0] == '/' ? migrate_format(h->j, "unix:%s", to) : to);
	while (at + 1 < it->d->n && migrate_is_one_of(migrate_arg(it->d, at), "len format sample"))
		at += 2;
	if (at < it->d->n)
		(void)haproxy_set(h, p, it, "r.log.syslog.facility", migrate_arg(it->d, at));
}

/* ---- names ---- */

void haproxy_nameserver(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const char *address = migrate_haproxy_env(h->j, migrate_arg(it->d, 2));

	(void)p;
	address = migrate_begins(address, "udp@") || migrate_begins(address, "tcp@") ? address + 4 : address;
	if (it->d->n < 3)
		migrate_break_at(h->j, it->d, 0, "a name and an address must stand behind this");
	yaml_add(h->j, h->j->root, arg + 2, address, it->d);
}

void haproxy_hold(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	const struct haproxy_item time = {.d = it->d, .at = 2};

	if (strcmp(haproxy_value(h, it), "nx") == 0)
		haproxy_time(h, p, &time, migrate_format(h->j, "%s.hold", arg));
	else if (strcmp(haproxy_value(h, it), "valid") == 0)
		haproxy_time(h, p, &time, migrate_format(h->j, "%s.max_ttl", arg));
}

void haproxy_prefer(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg)
{
	(void)haproxy_set(h, p, it, arg, strcmp(haproxy_value(h, it), "ipv4") == 0 ? "prefer_v4" : "prefer_v6");
}
