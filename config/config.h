/* config: the typed model of one configuration, and the way to it: text -> nodes -> model -> validated model. Plain
 * structs, frozen once config_load returns; every reader may keep pointers into it until config_free.
 *
 * Durations are nanoseconds, counts are int64_t. CONFIG_OFF means that the timer or bound is switched off, CONFIG_AUTO
 * that the process works the value out. Keys, defaults and bounds stand in the tables and nowhere else. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdio.h>

#include "config/text/arena.h"
#include "config/config_dns.h"
#include "config/config_part.h"
#include "config/config_upstream.h"
#include "netpoll/addr.h"

/* ---- listeners ---- */

/* The PROXY header in front of a client's bytes. */
struct config_proxy_in {
	enum config_proxy_accept accept;
	struct config_cidr      *trusted; /* whose headers are believed; at least one, where they are required */
	size_t                   ntrusted;
	enum config_untrusted    untrusted; /* what happens to all others */
	int64_t                  timeout;
	int64_t                  max_bytes; /* of a whole header */
};

/* The same for one address alone. */
struct config_bind_proxy {
	struct config_proxy_in in;
	struct config_pos      at;
	struct config_pos      origin[CONFIG_BIND_PROXY_KEYS];
};

/* One address to listen on. The last three are NULL where they are not written. */
struct config_bind {
	struct np_addr            addr; /* "[::]" is v6_alone where the file binds "0.0.0.0" of that port too */
	const char               *text; /* as written; NULL: it could not be read */
	const char               *mode; /* of a Unix socket's file, in octal */
	const char               *owner; /* its user, user:group or :group */
	struct config_bind_proxy *proxy_protocol; /* instead of the listener's */
	struct config_pos         at;
	struct config_pos         origin[CONFIG_BIND_AT_KEYS]; /* the first is the address's */
};

/* What a source of clients may take. */
struct config_source {
	int64_t connections; /* or CONFIG_OFF */
	int64_t rate;        /* in a minute; or CONFIG_OFF */
	int64_t burst;       /* or CONFIG_AUTO: a second's worth of rate */
	struct {
		int64_t v4, v6;
	} prefix;
	struct config_cidr *exempt;
	size_t              nexempt;
	enum config_source_action action;
	bool                dry_run;
};

/* What may be read before an upstream is chosen; counts only while a route needs the ClientHello. */
struct config_preread {
	int64_t timeout;
	enum config_on_timeout on_timeout; /* of a client that has sent no byte */
	int64_t silence; /* or CONFIG_OFF: only the timeout tells */
	int64_t max_bytes;
};

/* Which verified certificates are let in: one match of any list is enough. */
struct config_client_allow {
	struct config_text *cn; /* of the subject */
	size_t              ncn;
	struct config_text *ou;
	size_t              nou;
	struct config_text *dns; /* lower case; patterns as of a route's sni */
	size_t              ndns;
	struct config_text *uri;
	size_t              nuri;
	struct config_cidr *ip;
	size_t              nip;
	struct config_text *spki; /* base64 of the SHA-256 of the public key */
	size_t              nspki;
	struct config_pos   at;
	struct config_pos   origin[CONFIG_CLIENT_ALLOW_KEYS];
};

/* What clients are asked for. Paths are absolute. */
struct config_client_auth {
	enum config_client_auth_mode mode;
	const char                  *ca, *crl; /* NULL: none */
	const char                  *names;    /* whose names clients are sent; NULL: those of ca */
	int64_t                      depth;
	struct config_client_allow  *allow; /* NULL: every verified certificate */
};

/* The same for some names. */
struct config_name_auth {
	struct config_client_auth auth;
	struct config_pos         at;
	struct config_pos         origin[CONFIG_NAME_AUTH_KEYS];
};

/* Paths are absolute. */
struct config_cert {
	const char       *cert, *key;    /* PEM; both may be one file */
	const char       *password_file; /* NULL: the key is not encrypted */
	const char       *ocsp;          /* DER, to be stapled; NULL: none */
	bool              ocsp_fetch;    /* staple what its responder answers */
	const char       *ocsp_issuer;   /* PEM: its issuer's certificate, to ask with; NULL: it is in cert */
	const char       *ocsp_cache;    /* where the fetched response is kept; NULL: in memory alone */
	struct config_text *names; /* lower case; "a.b" or "*.a.b"; none: those in cert, and nothing below is set */
	size_t              nnames;
	enum config_name_version min_version, max_version;
	struct config_text      *alpn; /* none: the listener's */
	size_t                   nalpn;
	struct config_name_auth *client_auth; /* NULL: the listener's */
	struct config_pos at;
	struct config_pos origin[CONFIG_CERT_KEYS];
};

/* TLS that ends here. Paths are absolute. */
struct config_tls_in {
	struct config_cert     *certificates; /* at least one; the first is for names that none has */
	size_t                  ncertificates;
	bool                    strict_sni;
	struct config_text     *refuse_sni; /* lower case; patterns as of a route's sni */
	size_t                  nrefuse_sni;
	enum config_tls_version min_version, max_version;
	const char             *ciphers;      /* of TLS 1.2, as OpenSSL writes them */
	const char             *ciphersuites; /* of TLS 1.3 */
	const char             *groups;
	enum config_tls_records records;     /* after the handshake */
	enum config_tls_truncated truncated; /* FIN without close_notify */
	struct config_text     *alpn; /* in order of preference; none: no ALPN */
	size_t                  nalpn;
	struct config_client_auth client_auth;
	struct {
		bool        enabled;
		const char *keys; /* NULL: kept in memory alone */
		int64_t     rotate, lifetime;
	} session_tickets;
	int64_t                 handshake_timeout; /* absolute, from accept or from the end of the PROXY header */
	int64_t                 max_handshakes;    /* pending at once, of all workers; or CONFIG_AUTO */
	struct config_pos       at;
	struct config_pos       origin[CONFIG_TLS_IN_KEYS];
};

/* Every condition that is written must hold; of a list one element. Without any it matches everything. */
struct config_route {
	struct config_text *sni; /* lower case; "a.b", "*.a.b", "a.*" or "*" */
	size_t              nsni;
	struct config_text *alpn; /* any of them, offered by the client */
	size_t              nalpn;
	struct config_cidr *source;
	size_t              nsource;
	struct config_word *tls; /* of enum config_opening; none: any */
	size_t              ntls;
	const char         *upstream_name;
	size_t              upstream; /* index into config.upstreams */
	struct config_pos   at;
	struct config_pos   origin[CONFIG_ROUTE_KEYS];
};

/* The version that holds for names: their own, or the listener's. */
static inline enum config_tls_version config_version(enum config_name_version own, enum config_tls_version listener)
{
	return own == CONFIG_NAME_VERSION_AUTO ? listener : (enum config_tls_version)(own - CONFIG_NAME_VERSION_1_2);
}

/* Does the route's tls name this word? */
static inline bool config_route_names(const struct config_route *r, enum config_opening word)
{
	for (size_t i = 0; i < r->ntls; i++)
		if (r->tls[i].word == word)
			return true;
	return false;
}

/* Does it hold for every client? */
static inline bool config_route_opens_any(const struct config_route *r)
{
	return r->ntls == 0 || config_route_names(r, CONFIG_OPENING_ANY) ||
	       (config_route_names(r, CONFIG_OPENING_ONLY) && config_route_names(r, CONFIG_OPENING_NONE));
}

#define CONFIG_NO_UPSTREAM SIZE_MAX

/* Addresses to listen on, and where their connections go. */
struct config_listener {
	const char              *name;
	struct config_bind      *bind;
	size_t                   nbind;
	struct config_proxy_in   proxy_protocol;
	struct config_cidr      *allow; /* or files of them; as the next */
	size_t                   nallow;
	struct config_cidr      *deny;
	size_t                   ndeny;
	struct config_source     per_source;
	struct config_tls_in    *tls; /* NULL: bytes pass as they come */
	struct config_preread    preread;
	struct config_route     *routes; /* the first that matches counts */
	size_t                   nroutes;
	const char              *upstream_name; /* when no route matches; NULL: then it is closed */
	size_t                   upstream; /* index into config.upstreams, or CONFIG_NO_UPSTREAM */
	int64_t                  max_connections; /* or CONFIG_OFF */
	int64_t                  rate; /* in a minute; or CONFIG_OFF */
	enum config_at_limit     at_limit;
	int64_t                  download, upload; /* bytes a second of a connection, or CONFIG_OFF */
	enum config_on_fin       on_fin; /* of either side */
	enum config_connect      connect; /* when a server is dialled */
	int64_t                  backlog;
	struct {
		int64_t idle, half_close, lifetime; /* or CONFIG_OFF: never */
		int64_t lifetime_jitter;            /* percent */
		enum config_idle_policy idle_policy;
		int64_t linger;                     /* or CONFIG_OFF: close at once, do not linger */
	} timeouts;
	struct config_pos        at;
	struct config_pos        origin[CONFIG_LISTENER_KEYS];
};

/* The whole of one configuration. */
struct config {
	int64_t workers; /* or CONFIG_AUTO */
	const char *zone; /* where this process runs; NULL: none is said */
	struct {
		enum config_level  level;
		struct config_sink access;
		enum config_format format;
		bool               skip_empty;
		bool               start;
		int64_t            periodic; /* or CONFIG_OFF */
		enum config_tcp_info tcp_info;
		struct {
			const char          *address; /* "off" or an address */
			enum config_facility facility;
		} syslog;
	} log;
	struct {
		int64_t max_connections; /* or CONFIG_AUTO */
		int64_t sources;
	} limits;
	struct {
		int64_t series;
	} metrics;
	struct config_dns dns;
	struct config_listener *listeners;
	size_t                  nlisteners;
	struct config_upstream *upstreams;
	size_t                  nupstreams;
	struct {
		int64_t delay;
		int64_t timeout; /* or CONFIG_OFF: as long as connections last */
	} shutdown;
	struct {
		const char         *socket; /* "auto", "off" or a path */
		const char         *http;   /* "off" or an address */
		const char         *token_file; /* NULL: none */
		struct config_text *hosts;
		size_t              nhosts;
		const char         *state; /* "auto", "off" or a path */
		bool                watch; /* load again by itself what has changed */
	} control;
	struct {
		bool landlock, seccomp;
	} sandbox;
	struct config_text *include; /* as written; what it names is in the lists and values above */
	size_t            ninclude;
	const char       *file;      /* the name given to config_load or config_parse */
	const char      **parts;     /* the names of the files that it includes: places of part n are in parts[n - 1] */
	size_t            nparts;
	uint64_t          hash;      /* atomic: of all texts, the same in all processes that read the same */
	const char       *directory; /* the file's, absolute: relative paths start here; NULL: it could not be told */
	struct config_pos origin[CONFIG_TOP_KEYS];
	unsigned          shares; /* of its owners, all on one thread: beside the first */
	struct arena      arena; /* owns everything above */
};

struct diag;

/* config_load: the file at path, read, decoded and validated; _texts: without a look at what it names, but for what it
 * includes. config_parse: the same from memory, `name` for messages; _given: of a text that may bring what it includes
 * (source.h), and then includes no other file.
 *   Returns  0; -NP_EINVAL when d holds errors (all of them, not the first); -NP_ENOMEM. Warnings alone are success.
 *   Calls    any thread that owns d; one load per diag.
 *   Owns     *out, written on success only: config_free. d keeps a copy of the text for its excerpts. */
must_use int config_load(const char *path, struct config **out, struct diag *d);
must_use int config_load_texts(const char *path, struct config **out, struct diag *d);
must_use int config_parse(const char *name, const char *text, size_t n, struct config **out, struct diag *d);
must_use int config_parse_given(const char *name, const char *text, size_t n, struct config **out, struct diag *d);

/* config_share: one owner more; each calls config_free, and the last one frees.   Calls  any thread that owns it. */
struct config *config_share(struct config *c);
/* Takes NULL, returns NULL. */
struct config *config_free(struct config *c);

/* config_hash_on: what hash_on says.
 *   Returns  0: source; 1: sni; 0xE0 to 0xEF: that TLV; -1: it says nothing that can be. */
int config_hash_on(const struct config_upstream *u);

/* config_place: where the value of a key of the top struct stands ("log.access"), for problems that are found outside
 * of config/. Unknown for a default. A path without a row is a mistake of ours (CHECK). */
struct config_pos config_place(const struct config *c, const char *path);
/* The same of a key of one address: "owner". */
struct config_pos config_place_bind(const struct config_bind *b, const char *key);
/* config_file: the name of the file in which a place lies. */
const char *config_file(const struct config *c, struct config_pos at);
/* A place for a sentence of the log: "line 7", or "conf.d/a.yaml:7" in a file that is included. */
struct config_line {
	char text[192];
};
struct config_line config_line(const struct config *c, struct config_pos at);
/* The place within TLS of a sentence that begins with the value of one of its keys, or with a key's name, and a colon:
 * "/etc/a.pem: ..." is the value of cert. The block's own place when no key matches. */
struct config_pos config_place_tls_in(const struct config_tls_in *t, const char *sentence);
struct config_pos config_place_tls_out(const struct config_tls_out *t, const char *sentence);

/* config_dump: the effective configuration as YAML that loads to the same model. Behind each
 * value stands where it comes from: file:line or "default". config_dump_help says what each key
 * is for instead. Remarks keep within `columns` (0: no bound), values stay whole: it is a file. */
void config_dump(FILE *out, const struct config *c, int columns);
void config_dump_help(FILE *out, const struct config *c, int columns);
/* config_dump_noted: as config_dump, and of_server writes on behind the origin of each server. */
struct config_notes {
	void (*of_server)(void *arg, FILE *out, const struct config_server *s);
	void *arg;
};
void config_dump_noted(FILE *out, const struct config *c, const struct config_notes *notes);
/* The same of one block, values alone: two blocks with the same text are the same settings. */
void config_dump_tls_in(FILE *out, const struct config_tls_in *t);
void config_dump_tls_out(FILE *out, const struct config_tls_out *t);
/* config_same: each value is the same and stands in the same line. False when there is no memory to tell. */
bool config_same(const struct config *a, const struct config *b);

#endif
