/* Keeps sessions with servers as bytes, in a table that all workers share: a place per server
 * address and name, with a lock. */
#include "proxy/tls/tls_session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/hash.h"
#include "proxy/base/text.h"

/* One serialised session. Frozen. */
struct packed {
	int version; /* TLS1_2_VERSION or TLS1_3_VERSION */
	size_t n;
	unsigned char der[];
};

struct place {
	pthread_mutex_t lock;                     /* protects the rest */
	struct np_addr server;                    /* whose sessions these are, if n > 0 */
	char *name;                               /* owned, and under which name; NULL: none */
	unsigned n;                               /* how many */
	struct packed *packed[TLS_SESSION_SPARE]; /* owned; the newest last */
};

struct tls_sessions {
	unsigned users; /* control thread */
	struct place places[TLS_SESSIONS];
};

struct tls_sessions *tls_sessions_new(void)
{
	struct tls_sessions *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->users = 1;
	for (unsigned i = 0; i < TLS_SESSIONS; i++)
		pthread_mutex_init(&c->places[i].lock, NULL);
	return c;
}

struct tls_sessions *tls_sessions_get(struct tls_sessions *c)
{
	DCHECK(c->users > 0, "a table that is shared is in use");
	c->users++;
	return c;
}

static void clear_place(struct place *p)
{
	while (p->n > 0)
		free(p->packed[--p->n]);
	free(p->name);
	p->name = NULL;
}

static bool is_place_of(const struct place *p, const struct tls_session_of *of)
{
	return p->n > 0 && np_addr_equal(&p->server, of->server) && text_same(p->name, of->name);
}

/* An empty place becomes that of these sessions. Returns false: no memory. */
static bool claim_place(struct place *p, const struct tls_session_of *of)
{
	DCHECK(p->n == 0 && p->name == NULL, "a place that is claimed is clear");
	p->server = *of->server;
	p->name = of->name != NULL ? strdup(of->name) : NULL;
	return of->name == NULL || p->name != NULL;
}

struct tls_sessions *tls_sessions_free(struct tls_sessions *c)
{
	if (c == NULL)
		return NULL;
	CHECK(c->users > 0, "a table is given back more often than it was got");
	if (--c->users > 0)
		return NULL;
	for (unsigned i = 0; i < TLS_SESSIONS; i++) {
		clear_place(&c->places[i]);
		pthread_mutex_destroy(&c->places[i].lock);
	}
	free(c);
	return NULL;
}

/* Each server and name has one place, and shares it with the others of the same hash: the newest
 * stays. A table that chains would need a bound and an order to evict by, for a session that costs
 * one full handshake to replace; and clients may choose names. */
static struct place *place_of(struct tls_sessions *c, const struct tls_session_of *of)
{
	const struct sockaddr *sa = &of->server->u.sa;
	uint64_t seed = (uint64_t)np_addr_port(sa);

	if (of->name != NULL)
		seed ^= hash_text(of->name);
	return &c->places[np_addr_hash_host(sa, of->server->len, seed) % TLS_SESSIONS];
}

static struct packed *pack(const SSL_SESSION *s)
{
	int n = i2d_SSL_SESSION((SSL_SESSION *)(uintptr_t)s, NULL);
	struct packed *k = n > 0 && n <= TLS_SESSION_MOST ? malloc(sizeof(*k) + (size_t)n) : NULL;
	unsigned char *at;

	if (k == NULL)
		return NULL;
	k->version = SSL_SESSION_get_protocol_version(s);
	k->n = (size_t)n;
	at = k->der;
	i2d_SSL_SESSION((SSL_SESSION *)(uintptr_t)s, &at);
	DCHECK(at == k->der + n, "a session is as long as OpenSSL said");
	return k;
}

static struct packed *copy_packed(const struct packed *k)
{
	struct packed *copy = malloc(sizeof(*k) + k->n);

	if (copy != NULL)
		memcpy(copy, k, sizeof(*k) + k->n);
	return copy;
}

/* The newest of the server's: for itself if it is to be used once, else a copy. */
static struct packed *take_packed(struct place *p, const struct tls_session_of *of)
{
	struct packed *k = NULL;

	pthread_mutex_lock(&p->lock);
	if (is_place_of(p, of)) {
		k = p->packed[p->n - 1];
		if (k->version >= TLS1_3_VERSION)
			p->n--;
		else
			k = copy_packed(k);
	}
	pthread_mutex_unlock(&p->lock);
	return k;
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *c, const struct tls_session_of *of)
{
	struct place *p = place_of(c, of);
	struct packed *k;

	while ((k = take_packed(p, of)) != NULL) {
		const unsigned char *at = k->der;
		SSL_SESSION *s = d2i_SSL_SESSION(NULL, &at, (long)k->n);
		bool once = k->version >= TLS1_3_VERSION;

		free(k);
		if (s != NULL && SSL_SESSION_is_resumable(s))
			return s;
		SSL_SESSION_free(s);
		if (!once)
			break; /* it is still there, and the next look would find the same one */
	}
	return NULL;
}

void tls_sessions_keep(struct tls_sessions *c, const struct tls_session_of *of, const SSL_SESSION *s)
{
	struct place *p = place_of(c, of);
	struct packed *k = pack(s);

	if (k == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	/* A TLS 1.2 session is used again and again: one is enough. So is one of a server that
	 * changed version. */
	if (!is_place_of(p, of) || k->version < TLS1_3_VERSION ||
	    p->packed[0]->version != k->version)
		clear_place(p);
	if (p->n == 0 && !claim_place(p, of)) {
		pthread_mutex_unlock(&p->lock);
		free(k);
		return;
	}
	if (p->n == TLS_SESSION_SPARE) {
		free(p->packed[0]);
		memmove(&p->packed[0], &p->packed[1],
			(TLS_SESSION_SPARE - 1) * sizeof(p->packed[0]));
		p->n--;
	}
	p->packed[p->n++] = k;
	pthread_mutex_unlock(&p->lock);
}

void tls_sessions_forget(struct tls_sessions *c, const struct tls_session_of *of)
{
	struct place *p = place_of(c, of);

	pthread_mutex_lock(&p->lock);
	if (is_place_of(p, of))
		clear_place(p);
	pthread_mutex_unlock(&p->lock);
}
