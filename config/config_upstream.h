/* config_upstream: a named set of servers and how they are reached, in the model. A part of config.h, whose head has
 * the contract. */
#ifndef CONFIG_CONFIG_UPSTREAM_H
#define CONFIG_CONFIG_UPSTREAM_H

#include <string.h>

#include "config/config_part.h"
#include "netpoll/addr.h"

struct config_server {
	struct np_addr    addr;            /* len 0: it is a name, which DNS knows the addresses of */
	const char       *text;            /* the address as written; "upstream/text" names the server */
	const char       *host;            /* in lower case; NULL: it is an address */
	uint16_t          port;            /* of a host; of a service its SRV records say it */
	bool              srv;             /* host is a service */
	int64_t           weight;          /* 0: takes no new connections */
	int64_t           max_connections; /* or CONFIG_OFF */
	int64_t           priority;        /* the lowest is used first; config_server_priority */
	const char       *zone;            /* NULL: none is said */
	bool              backup;          /* priority 1 */
	struct config_pos at;
	struct config_pos origin[CONFIG_SERVER_KEYS];
};

/* Which servers are used first: those of the lowest. There are two ways to write it, and validation refuses both at
 * once. */
static inline int64_t config_server_priority(const struct config_server *s)
{
	return s->backup ? 1 : s->priority;
}

/* Do both say the same address or name? Options do not count. */
bool config_server_same(const struct config_server *a, const struct config_server *b);

/* A TLV of a type of one's own: 0xE0 to 0xEF. */
struct config_custom_tlv {
	int64_t           type;
	const char       *value; /* NULL: what the client's own header held, if anything */
	struct config_pos at;
	struct config_pos origin[CONFIG_CUSTOM_TLV_KEYS];
};

#define CONFIG_CLIENT "client" /* of sni and alpn: what the client's own TLS said */

/* TLS towards servers. Paths are absolute. */
struct config_tls_out {
	bool                    verify;
	const char             *ca;   /* PEM; NULL: the system's store */
	const char             *name; /* to verify, a host name or an IP; NULL: sni, or the server's address */
	const char             *sni;  /* or CONFIG_CLIENT; NULL: name, if that is a host name; else none is sent */
	struct config_text     *pins; /* base64 of the SHA-256 of the public key (SPKI): one of them must match */
	size_t                  npins;
	const char             *cert, *key;    /* NULL both: no client certificate */
	const char             *password_file; /* NULL: the key is not encrypted */
	struct config_text     *alpn;          /* in order of preference, or CONFIG_CLIENT; none: no ALPN */
	size_t                  nalpn;
	enum config_tls_version min_version, max_version;
	const char             *ciphers;      /* of TLS 1.2, as OpenSSL writes them */
	const char             *ciphersuites; /* of TLS 1.3 */
	const char             *groups;
	enum config_tls_records records;     /* after the handshake */
	enum config_tls_truncated truncated; /* FIN without close_notify */
	bool                    session_reuse;
	int64_t                 handshake_timeout; /* of one attempt */
	struct config_pos       at;
	struct config_pos       origin[CONFIG_TLS_OUT_KEYS];
};

static inline bool config_sni_is_clients(const struct config_tls_out *t)
{
	return t->sni != NULL && strcmp(t->sni, CONFIG_CLIENT) == 0;
}

static inline bool config_alpn_is_clients(const struct config_tls_out *t)
{
	return t->nalpn == 1 && strcmp(t->alpn[0].text, CONFIG_CLIENT) == 0;
}

/* A named set of servers, and how they are reached. */
struct config_upstream {
	const char               *name;
	enum config_balance       balance;
	const char               *hash_on; /* config_hash_on */
	enum config_proxy_send    proxy_protocol;
	struct config_word       *tlvs; /* of enum config_tlv; only with v2 */
	size_t                    ntlvs;
	struct config_custom_tlv *custom_tlvs; /* only with v2 */
	size_t                    ncustom_tlvs;
	struct config_tls_out    *tls; /* NULL: plain */
	struct config_server     *servers;
	size_t                    nservers;
	struct {
		int64_t connect, queue;
	} timeouts;
	struct {
		int64_t max; /* or CONFIG_OFF */
	} queue;
	int64_t               hedge;        /* or CONFIG_AUTO, CONFIG_OFF */
	int64_t               replay;       /* bytes of a client that are kept; or CONFIG_OFF */
	int64_t               retries;      /* other servers to try; 0: none */
	int64_t               retry_budget; /* over all attempts of one connection */
	int64_t               failover_below; /* percent of a tier's weight */
	int64_t               max_load;       /* percent of the mean load, of the hashes; or CONFIG_OFF */
	int64_t               slow_start;     /* or CONFIG_OFF */
	struct {
		int64_t connections; /* of each worker to each server; or CONFIG_OFF */
		int64_t max_age;
	} warm;
	int64_t               panic;          /* percent of the upstream's weight, or CONFIG_OFF */
	enum config_on_down   on_down;
	struct {
		/* what is checked: one of them at most, the others NULL */
		struct config_check_tcp  *tcp;
		struct config_check_send *send;
		struct config_check_http *http;
		struct config_check_tls  *tls;
		const struct config_tls_out *speaks; /* the TLS of that check; NULL: it speaks none */
		int64_t             port; /* or CONFIG_AUTO: each server's own */
		struct config_agent agent;
		struct {
			int64_t failures; /* in a row; or CONFIG_OFF */
			int64_t within, out, max_out;
			int64_t answer;   /* or CONFIG_AUTO, CONFIG_OFF */
			bool    early_end, probe;
		} passive;
	} health;
	struct config_pos     at;
	struct config_pos     origin[CONFIG_UPSTREAM_KEYS];
};

/* When its servers are checked, whatever the check says; NULL: they are not. */
static inline const struct config_check *config_check_of(const struct config_upstream *u)
{
	if (u->health.tcp != NULL)
		return &u->health.tcp->every;
	if (u->health.send != NULL)
		return &u->health.send->every;
	if (u->health.http != NULL)
		return &u->health.http->every;
	return u->health.tls != NULL ? &u->health.tls->every : NULL;
}

#endif
