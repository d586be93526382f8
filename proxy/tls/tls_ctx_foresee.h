/* tls_ctx_foresee: what a handshake would agree on, told without one, by the functions that a handshake asks. What
 * hangs on more than the hello's name, protocols and version is not told: ciphers, and the client's certificate. */
#ifndef PROXY_TLS_TLS_CTX_FORESEE_H
#define PROXY_TLS_TLS_CTX_FORESEE_H

#include "proxy/tls/tls_ctx.h"

/* Of a ClientHello. It speaks every version up to the newest. Borrowed. */
struct tls_offer {
	const char *sni; /* in lower case, as struct hello keeps it; any bytes */
	size_t nsni;     /* 0: none */
	const uint8_t *alpn; /* each protocol behind its length */
	size_t nalpn;        /* 0: none */
	uint16_t version;    /* the newest: 0x0304 */
};

struct tls_forecast {
	enum tls_failure why; /* TLS_WHY_NONE: nothing of what is known stands against it */
	uint16_t version;     /* agreed on; 0: none is */
	char alpn[256];       /* agreed on; "": none */
	enum config_client_auth_mode client_auth;
	bool client_allow;    /* not every certificate that is verified is let in */
};

/* tls_ctx_foresee: x is a server's.   Calls  any thread. */
void tls_ctx_foresee(const struct tls_ctx *x, const struct tls_offer *o, struct tls_forecast *f);

#endif
