/* migrate_haproxy_cond: conditions of HAProxy's rules, "if a !b or { src 10.0.0.0/8 }", as alternatives of which
 * each asks for several things. */
#ifndef PROXY_MIGRATE_MIGRATE_HAPROXY_COND_H
#define PROXY_MIGRATE_MIGRATE_HAPROXY_COND_H

#include "proxy/migrate/migrate_haproxy.h"

#define COND_TERMS 8  /* of one alternative */
#define COND_ALTS  16 /* alternatives */

enum cond_kind {
	COND_UNKNOWN, /* what no route and no rule here can ask */
	COND_TRUE,
	COND_SNI,
	COND_ALPN,
	COND_TLS,     /* a ClientHello has come */
	COND_VERSION, /* values are words of a route's tls */
	COND_SRC,
	COND_CONNECTIONS, /* so many of the client's address: `limit` are still let in */
	COND_RATE,        /* so many of it in the time of the table */
};

struct cond_term {
	enum cond_kind kind;
	bool           negated;
	struct yaml   *values; /* a list */
	long           limit;
	const char    *text; /* as it is written */
};

struct cond_alt {
	struct cond_term terms[COND_TERMS];
	size_t           n;
};

struct cond {
	struct cond_alt alts[COND_ALTS];
	size_t          n;     /* 0: there is no condition */
	bool            unless; /* the whole is turned around */
	bool            large;  /* it has more than fits */
};

/* cond_read: the condition of d from the word `from` on, which is if or unless or the end. ACLs are those of p. */
struct cond *cond_read(struct haproxy *h, struct haproxy_proxy *p, const struct migrate_line *d, size_t from);

#endif
