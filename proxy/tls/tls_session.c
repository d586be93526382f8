/* Keeps sessions with servers, one place per server address. */
#include "proxy/tls/tls_session.h"

#include <stdlib.h>

#include <openssl/ssl.h>

#include "netpoll/check.h"

struct kept {
	struct np_addr server;
	SSL_SESSION *session; /* owned; NULL: the place is free */
};

struct tls_sessions {
	struct kept kept[TLS_SESSIONS];
};

struct tls_sessions *tls_sessions_new(void)
{
	return calloc(1, sizeof(struct tls_sessions));
}

struct tls_sessions *tls_sessions_free(struct tls_sessions *c)
{
	for (unsigned i = 0; c != NULL && i < TLS_SESSIONS; i++)
		SSL_SESSION_free(c->kept[i].session);
	free(c);
	return NULL;
}

/* Each server has one place, and shares it with the others of the same hash: the newest session
 * stays. A table that chains would need a bound and an order to evict by, for a session that costs
 * one full handshake to replace. */
static unsigned place_of(const struct np_addr *server)
{
	uint64_t port = (uint64_t)np_addr_port(&server->u.sa);

	return (unsigned)(np_addr_hash_host(&server->u.sa, server->len, port) % TLS_SESSIONS);
}

SSL_SESSION *tls_sessions_find(const struct tls_sessions *c, const struct np_addr *server)
{
	const struct kept *k = &c->kept[place_of(server)];

	if (k->session == NULL || !np_addr_equal(&k->server, server) ||
	    !SSL_SESSION_is_resumable(k->session))
		return NULL;
	return k->session;
}

void tls_sessions_keep(struct tls_sessions *c, const struct np_addr *server, SSL_SESSION *s)
{
	struct kept *k = &c->kept[place_of(server)];

	DCHECK(s != NULL && s != k->session, "a session is kept once");
	SSL_SESSION_free(k->session);
	k->server = *server;
	k->session = s;
}

void tls_sessions_forget(struct tls_sessions *c, const struct np_addr *server)
{
	struct kept *k = &c->kept[place_of(server)];

	if (k->session == NULL || !np_addr_equal(&k->server, server))
		return;
	SSL_SESSION_free(k->session);
	k->session = NULL;
}
