/* migrate_haproxy: HAProxy's sections as listeners and upstreams. migrate_haproxy.c has the way through the file,
 * migrate_haproxy_value.c the actions of the tables, _bind.c and _server.c those of lines with parameters, _rule.c
 * conditions and what they decide on, _check.c health checks, _finish.c a section as a whole. */
#ifndef PROXY_MIGRATE_MIGRATE_HAPROXY_H
#define PROXY_MIGRATE_MIGRATE_HAPROXY_H

#include "proxy/migrate/migrate_action_tbl.h"
#include "proxy/migrate/migrate_job.h"
#include "proxy/migrate/migrate_yaml.h"

/* A section that connections go through, or one of defaults. */
struct haproxy_proxy {
	struct haproxy_proxy *next;
	struct haproxy_proxy *defaults; /* what counts for it, too */
	struct migrate_line  *block;
	const char           *kind, *name;
	bool                  front, back; /* has it these sides? listen has both */
	bool                  http, disabled;
	struct yaml          *listener, *upstream; /* settings */
	struct yaml          *plain, *secure;      /* lists of addresses, without TLS and with it */
	struct yaml          *tls;                 /* of those with it */
	struct yaml          *timers;              /* in ms */
	struct yaml          *query;               /* what is said of checks: "inter", "rise" */
	struct yaml          *accept_sni;          /* names that a rule accepts, as the list "of" */
	struct migrate_line  *default_backend, *unchecked, *checked, *check;
	const char           *upstream_name;       /* in the output; NULL: it has none */
	bool                  accept_proxy;        /* the bind that is read */
	bool                  reject_rest, only_tls;
};

struct haproxy {
	struct migrate_job   *j;
	struct haproxy_proxy *proxies;
	struct yaml          *listeners, *upstreams;
	struct yaml          *base;      /* ca-base, crt-base */
	struct yaml          *tls_binds; /* ssl-default-bind-*, as settings of a listener's tls */
	struct yaml          *tls_servers; /* the same of upstreams */
};

/* A directive, or one parameter of it. */
struct haproxy_item {
	struct migrate_line *d;
	size_t               at;     /* the word that is its value */
	struct yaml         *server; /* of a server: what its parameters have said so far, as s., u. and q. */
	struct yaml         *binds;  /* of a bind: its addresses */
};

typedef void haproxy_action(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *arg);

struct haproxy_row {
	const char     *word, *contexts;
	int             values;
	haproxy_action *act;
	const char     *arg;
};

/* migrate_haproxy: the tree of j->top into j->root. */
void migrate_haproxy(struct migrate_job *j);

/* haproxy_set: the text at a key of the tables. */
struct yaml *haproxy_set(struct haproxy *h, struct haproxy_proxy *p, const struct haproxy_item *it, const char *key,
			 const char *text);
/* The word at the item's place; where none is there, the input is broken. */
const char *haproxy_value(struct haproxy *h, const struct haproxy_item *it);
/* haproxy_lose: the item; what it is about is the word before its value. */
void haproxy_item_lose(struct haproxy *h, const struct haproxy_item *it, const char *instead);
/* The path of a file of TLS: base is "ca" or "crt". */
const char *haproxy_file(struct haproxy *h, const char *base, const char *path);
/* haproxy_params: the parameters of it->d from the word `from` on, by that table. */
void haproxy_params(struct haproxy *h, struct haproxy_proxy *p, struct haproxy_item *it, size_t from);
/* "10.0.0.1:80", "::1:80", "unix@/path" as an address of ours; NULL: it is none. *port is behind the last colon. */
const char *haproxy_address(struct haproxy *h, const char *text);

struct haproxy_proxy *haproxy_find(struct haproxy *h, const char *name);
/* haproxy_route: use_backend. After all backends have their names. */
void haproxy_route(struct haproxy *h, struct haproxy_proxy *p, struct yaml *listener, struct migrate_line *d);
/* haproxy_health: the check of an upstream, once all is known. */
void haproxy_health(struct haproxy *h, struct haproxy_proxy *p);
void haproxy_backend(struct haproxy *h, struct haproxy_proxy *p);
void haproxy_frontend(struct haproxy *h, struct haproxy_proxy *p);

#define X(action) haproxy_action haproxy_##action;
HAPROXY_ACTION_TBL(X)
#undef X

#endif
