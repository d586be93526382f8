/* tls_facts: what a handshake agreed on, for the log and for PROXY headers. Looked up when asked
 * for; only a connection that has given up OpenSSL's object keeps its facts itself, packed. Owner
 * worker; nothing here parks. */
#ifndef PROXY_TLS_TLS_FACTS_H
#define PROXY_TLS_TLS_FACTS_H

#include "netpoll/base.h"
#include "proxy/proto/handover.h"

struct tls;
struct tls_known; /* facts, packed: as many bytes as they need */

#define TLS_FACT 256 /* bytes of one text with its NUL; longer ones are cut */

/* Texts of the peer's choice are not escaped. */
struct tls_facts {
	/* Static: "TLSv1.3", "TLS_AES_128_GCM_SHA256"; NULL before the hello. */
	const char *version, *cipher;
	/* The name the client asked for (server) or was sent (client); "" none. */
	char sni[TLS_FACT];
	char alpn[TLS_FACT];          /* "" none */
	/* Of the peer's certificate, in the form of RFC 2253; "" there is none. */
	char subject[TLS_FACT];
	char cn[TLS_FACT];            /* its common name */
	uint16_t protocol;            /* version as a number: 0x0304 for TLS 1.3; 0 before the hello */
	bool resumed;
	bool verified;                /* the peer showed a certificate, and it is good */
};
void tls_facts(const struct tls *t, struct tls_facts *f);

/* tls_session: two of them alone, at the price of a look.   Returns  the protocol's number. */
uint16_t tls_session(const struct tls *t, bool *resumed);

/* The facts of t, whose OpenSSL object is about to go.
 *   Returns  NULL: no memory.   Owns  the caller, who frees it with free(3). */
must_use struct tls_known *tls_known_new(const struct tls *t);

/* For another process (tls_export.h): tls_known_export puts a group TLS_KNOWN; tls_known_import makes facts of such a
 * field, which may be any bytes or none: what is not sound in it is not known.
 *   Returns  NULL: no memory.   Owns  as tls_known_new. */
void tls_known_export(const struct tls_known *k, struct handover_writer *w);
void tls_known_facts(const struct tls_known *k, struct tls_facts *f);
must_use struct tls_known *tls_known_import(const struct handover_field *group);

#endif
