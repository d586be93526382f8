/* tls_ctx: the settings that all connections of one listener, or to one upstream, share on one
 * worker: OpenSSL contexts with their certificates, policies and names. Frozen once made.
 *
 * A server has one SSL_CTX per group: certificates for the same name that differ only in the kind
 * of key, from which OpenSSL serves the one that the client can verify, and the rules of that name
 * (tls_ctx_rules.h). The ClientHello's name chooses the group before OpenSSL looks at anything else,
 * so that a ticket is judged by the rules of the name it is shown to (tls_ctx_resume.h).
 *
 * The control thread builds it and reports every error; only the worker uses it. */
#ifndef PROXY_TLS_TLS_CTX_H
#define PROXY_TLS_TLS_CTX_H

#include <openssl/types.h>

#include "config/config.h"
#include "proxy/base/text.h"
#include "proxy/base/name_set.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/creds/tls_staple.h"
#include "proxy/creds/tls_ticket.h"
#include "proxy/tls/tls_why.h"
#include "proxy/tls/tls_worker.h"

#define TLS_CTX_MAGIC 0x715c7c7cu
#define TLS_ALPN_MOST 512
#define TLS_PIN       32 /* bytes of a SHA-256 */

struct tls_plan;
struct tls_rules;
struct tls_sessions;
struct ssl_session_st; /* SSL_SESSION */

/* Certificates of one name, at most one of each kind, and its rules. */
struct tls_group {
	SSL_CTX *ssl;                 /* owned */
	int16_t cert[TLS_CERT_KINDS]; /* index, or -1 */
	uint16_t rules;               /* index */
};

/* Protocols as on the wire: length, bytes. */
struct tls_alpn {
	unsigned char list[TLS_ALPN_MOST];
	unsigned n;
};

/* The OCSP response that is stapled to one certificate: from a file, or fetched. */
struct tls_stapled {
	struct tls_answer *const
		*now;		 /* points to the current response or NULL; NULL: no stapling */
	struct tls_answer *file; /* owned; NULL: not from a file */
	struct tls_staple *fetched; /* one use; `now` points into it. NULL: not fetched */
};

/* SHA-256 hashes of public keys (SPKI). All zero: none. */
struct tls_pins {
	unsigned char (*hash)[TLS_PIN]; /* owned */
	unsigned n;
};

struct tls_ctx {
	uint32_t magic;
	bool server;
	struct tls_worker *worker;    /* borrowed */
	enum config_tls_records records; /* who makes the records after the handshake */
	bool reset_truncated;         /* FIN without close_notify is a reset */

	char **warnings; /* owned, each too: settings that work in part only (tls_ctx_size.h) */
	unsigned nwarnings;

	/* server */
	struct tls_cert *certs;
	struct tls_stapled *staples;  /* one per certificate */
	unsigned ncerts;
	struct tls_group *groups; /* [0] is the default, for a name that matches no certificate */
	unsigned ngroups;
	struct tls_rules *rules; /* owned; [0] are the listener's, the others those of some names */
	unsigned nrules;
	struct name_set names;
	uint32_t *group_of;           /* by a name's number */
	struct name_set below;        /* stars that the config says, for the names further below them */
	uint32_t *star;               /* by a number of below: the star's in names */
	struct name_set refused;      /* names that are served by no group */
	bool strict;
	struct tls_ticket_keys *keys; /* borrowed, outlives every context; NULL: no tickets */
	int64_t lifetime; /* seconds from its full handshake that a session may be resumed */

	/* client */
	bool verify;
	struct tls_alpn alpn;
	SSL_CTX *ssl;
	char *name; /* owned: to be verified; NULL: the name asked for, or the server's address */
	char *sni;  /* owned: to ask for; NULL: none */
	bool client_sni, client_alpn; /* what struct tls_towards says instead of sni and alpn */
	struct tls_pins pins;
	struct tls_sessions *sessions; /* one use, shared with other workers; NULL: none are kept */
	struct tls_roots *roots;       /* one use; NULL: the config has a ca, or verify is off */
};

/* tls_ctx_server, tls_ctx_client: build it in w's library context. Nothing of c is kept.
 *   Returns  0, -NP_ENOMEM, or another error: then err is a sentence about a file or a key of the
 *            config.
 *   Calls    control thread; blocks on the disk. */
must_use int tls_ctx_server(struct tls_worker *w, const struct config_tls_in *c,
			    struct tls_ticket_keys *keys, struct tls_ctx **out, struct text *err);
must_use int tls_ctx_client(struct tls_worker *w, const struct config_tls_out *c,
			    struct tls_ctx **out, struct text *err);
/* x, of another worker, resumes sessions that first's worker made, and the other way round. Both
 * are made of one configuration, and no connection uses x yet. Control thread. */
void tls_ctx_share_sessions(struct tls_ctx *x, struct tls_ctx *first);
/* Takes NULL, returns NULL. Connections that use it are gone. */
struct tls_ctx *tls_ctx_free(struct tls_ctx *x);

/* ---- for the handshake ---- */

must_use SSL *tls_ctx_ssl(struct tls_ctx *x); /* a new connection; NULL: no memory */

/* Signature algorithms, by preference: ECDSA before RSA, since signing takes a tenth of the time. A
 * certificate's key works only with one of these, so every kind of key that OpenSSL signs with has
 * one: RSA-PSS twice, for RSA keys (rsae) and for keys that are bound to PSS. Left out: SHA-1, DSA.
 * */
#define TLS_CTX_SIGALGS                                                                            \
	"ECDSA+SHA256:ECDSA+SHA384:ed25519:ed448:ECDSA+SHA512:"                                    \
	"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"                             \
	"rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512"

/* tls_pins_init: hashes in base64, as RFC 7469 writes them; key is the config's, for err.
 *   Returns  0, -NP_ENOMEM or -NP_EINVAL.   Calls  control thread.   Owns  *p, on failure too. */
must_use int tls_pins_init(struct tls_pins *p, const struct config_text *list, size_t n,
			   const char *key, struct text *err);
void tls_pins_fini(struct tls_pins *p);
/* Is the certificate's public key one of them? */
bool tls_pins_have(const struct tls_pins *p, const X509 *cert);

/* ---- between tls_ctx.c, tls_ctx_server.c, tls_ctx_names.c and tls_ctx_client.c ---- */

/* Settings that servers and clients share, in every SSL_CTX. Lists are OpenSSL's, NULL: its
 * defaults. */
struct tls_ctx_limits {
	enum config_tls_version min, max;
	const char *ciphers, *suites, *groups;
};
/* Return 0, -NP_ENOMEM, or -NP_EINVAL: OpenSSL refuses a list, and err names its key. Control
 * thread. */
must_use int tls_ctx_limit(SSL_CTX *ssl, const struct tls_ctx_limits *l, struct text *err);
/* "FILE: OpenSSL refuses it: REASON", from the error queue, which is emptied. Returns -NP_EINVAL.
 * */
int tls_ctx_cert_refused(struct text *err, const char *path);
must_use int tls_ctx_alpn(struct tls_alpn *a, const struct config_text *alpn, size_t n,
			  struct text *err);
/* After certs and rules: which names lead to which groups.
 *   Returns  0, -NP_ENOMEM, or -NP_EINVAL: two entries of the config contradict each other, and err
 *            says so. */
must_use int tls_ctx_name_groups(struct tls_ctx *x, const struct config_tls_in *c,
				 const struct tls_plan *p, struct text *err);
/* tls_ctx_group_of: which group serves a client that asks for this name; n 0: for none.
 *   Returns  TLS_WHY_NONE and *group, or why nobody does.   Calls  any thread. */
must_use enum tls_failure tls_ctx_group_of(const struct tls_ctx *x, const char *name, size_t n, uint32_t *group);
int tls_ctx_hello(SSL *ssl, int *alert, void *arg);      /* for SSL_CTX_set_client_hello_cb */
/* Does the client that shows this session ask for another name than the one the session was made
 * with? Only while its hello is read. */
bool tls_ctx_other_name(SSL *ssl, const struct ssl_session_st *s);
/* For SSL_CTX_set_tlsext_servername_callback. */
int tls_ctx_servername(SSL *ssl, int *alert, void *arg);

#endif
