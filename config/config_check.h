/* config_check: the part of the model that says how servers are checked; config.h has the rest of an upstream. Each
 * kind of check is a block of its own, so that a key of another kind is one that does not exist there. */
#ifndef CONFIG_CONFIG_CHECK_H
#define CONFIG_CONFIG_CHECK_H

#include "config/config_enum.h"
#include "config/config_health_tbl.h"
#include "config/text/pos.h"
#include "netpoll/base.h"

struct config_text;

#define X(...) +1
enum {
	CONFIG_CHECK_TCP_KEYS = 0 CONFIG_CHECK_TCP_TBL(X),
	CONFIG_CHECK_SEND_KEYS = 0 CONFIG_CHECK_SEND_TBL(X),
	CONFIG_CHECK_HTTP_KEYS = 0 CONFIG_CHECK_HTTP_TBL(X),
	CONFIG_CHECK_TLS_KEYS = 0 CONFIG_CHECK_TLS_TBL(X),
};
#undef X

/* What all kinds of checks have. */
struct config_check {
	int64_t interval, timeout;
	int64_t rise, fall; /* in a row */
};

/* The connect is the check. */
struct config_check_tcp {
	struct config_check every;
	struct config_pos   at;
	struct config_pos   origin[CONFIG_CHECK_TCP_KEYS];
};

/* What a check that speaks TLS says of it, in place of the upstream's tls. */
struct config_check_own {
	const char *sni;    /* NULL: it says none */
	const char *ca;     /* PEM, absolute; NULL: it says none */
	bool        verify; /* validated: where it is not written, that of the upstream's tls */
};

/* Bytes are written with escapes (config/escape.h), as they are kept. */
struct config_check_send {
	struct config_check       every;
	const char               *send, *expect, *reject; /* NULL: none; not both of the last two */
	int64_t                   min_bytes;
	enum config_check_tls_use tls;
	struct config_check_own   own;
	struct config_pos         at;
	struct config_pos         origin[CONFIG_CHECK_SEND_KEYS];
};

/* One request of HTTP/1.1, as text: what would end its line is refused before. */
struct config_check_http {
	struct config_check       every;
	const char               *path;
	const char               *host;   /* or CONFIG_CHECK_AUTO */
	const char               *status; /* "200" or "200-399": check_status_read */
	const char               *body;   /* with escapes; NULL: it is not looked at */
	enum config_check_tls_use tls;
	struct config_check_own   own;
	struct config_pos         at;
	struct config_pos         origin[CONFIG_CHECK_HTTP_KEYS];
};

/* The handshake is the check; all else of it is the upstream's tls, where there is one. */
struct config_check_tls {
	struct config_check     every;
	struct config_check_own own;
	struct config_text     *alpn; /* none: that of the upstream's tls */
	size_t                  nalpn;
	struct config_pos       at;
	struct config_pos       origin[CONFIG_CHECK_TLS_KEYS];
};

#define CONFIG_CHECK_AUTO "auto"

/* A program beside a server that says its weight, limit and state. */
struct config_agent {
	int64_t     port; /* or CONFIG_OFF: there is no agent */
	const char *send; /* with escapes (config/escape.h); NULL: the agent speaks first */
	int64_t     interval, timeout;
};

#endif
