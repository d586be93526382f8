/* The handshake: a coroutine's straight line around SSL_do_handshake. That call never waits itself:
 * its BIO says "try again", and the coroutine parks out here, where no other connection's errors
 * can mix with this one's. */
#include "proxy/tls/tls_handshake.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proxy/tls/tls_bio.h"
#include "proxy/tls/tls_ctx_allow.h"
#include "proxy/tls/tls_ctx_rules.h"
#include "proxy/tls/tls_memory.h"
#include "proxy/tls/tls_openssl.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"
#include "proxy/tls/tls_session.h"

/* ---- what is checked once it is complete ---- */

static bool has_expired(const X509 *x)
{
	return X509_cmp_current_time(X509_get0_notAfter(x)) <= 0;
}

static enum tls_failure check_verified(const SSL *ssl, const X509 *peer, struct tls_why *why)
{
	long result = SSL_get_verify_result(ssl);

	if (result != X509_V_OK) {
		why->verify = (int)result;
		return TLS_WHY_CERT_UNTRUSTED;
	}
	/* A session may outlive the certificate it was made with. */
	return has_expired(peer) ? TLS_WHY_CERT_EXPIRED : TLS_WHY_NONE;
}

/* The rules once more, after every handshake: OpenSSL verifies a certificate when it sees one, and
 * in a resumed session it sees none. */
static enum tls_failure check_peer(const struct tls *t, struct tls_why *why)
{
	const struct tls_ctx *x = t->ctx;
	const struct tls_rules *r = x->server ? tls_rules_of(t->ssl) : NULL;
	enum config_client_auth_mode mode = r != NULL ? r->mode : CONFIG_CLIENT_AUTH_OFF;
	const X509 *peer = SSL_get0_peer_certificate(t->ssl);
	bool demanded = mode == CONFIG_CLIENT_AUTH_REQUIRED || x->verify || x->pins.n > 0;

	if (peer == NULL)
		return demanded ? TLS_WHY_CERT_MISSING : TLS_WHY_NONE;
	if (x->pins.n > 0 && !tls_pins_have(&x->pins, peer))
		return TLS_WHY_CERT_PIN;
	if (r != NULL && r->allow != NULL && !tls_allow_has(r->allow, peer))
		return TLS_WHY_CERT_DENIED;
	return x->verify || mode != CONFIG_CLIENT_AUTH_OFF ? check_verified(t->ssl, peer, why) :
							     TLS_WHY_NONE;
}

/* ---- one call of OpenSSL ---- */

/* The handshake failed. *why: the socket knows best, then a callback of ours, then OpenSSL, to
 * which the first two only look like broken input. Returns the code for the caller. */
static int handshake_failed(struct tls *t, int ssl_error, struct tls_why *why)
{
	if (ssl_error == SSL_ERROR_SYSCALL && t->io < 0 && t->io != -NP_EAGAIN) {
		ERR_clear_error();
		why->code = TLS_WHY_CLOSED;
		return t->io;
	}
	*why = tls_why_take((int)SSL_get_verify_result(t->ssl));
	if (t->why != TLS_WHY_NONE)
		why->code = t->why;
	else if (t->fin && why->code == TLS_WHY_BROKEN)
		why->code = TLS_WHY_CLOSED;
	if (why->code == TLS_WHY_MEMORY)
		return -NP_ENOMEM;
	return why->code == TLS_WHY_CLOSED ? -NP_ESHORT : -NP_EPROTO;
}

/* Returns 0: complete; -NP_EAGAIN: wait for the peer; or the failure. The last flight of TLS 1.3, a
 *         ticket, may wait for the first data; in TLS 1.2 the client waits for the last flight. */
static int advance_handshake(struct tls *t, const struct iovec *early, struct tls_why *why)
{
	int r, end, err = 0, ssl_error;

	t->quiet = false;
	t->io = 0;
	tls_bio_begin(t, early != NULL ? early->iov_base : NULL,
		      early != NULL ? early->iov_len : 0);
	t->ctx->worker->recv_most = TLS_IN;
	r = SSL_do_handshake(t->ssl);
	ssl_error = r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r);
	if (ssl_error == SSL_ERROR_WANT_READ)
		err = t->io < 0 ? t->io : -NP_EAGAIN;
	else if (ssl_error != SSL_ERROR_NONE)
		err = handshake_failed(t, ssl_error, why);
	if (err == 0 || err == -NP_EAGAIN)
		tls_takeover_note(t);
	end = tls_bio_end(t, err == 0 && t->ctx->server && SSL_version(t->ssl) == TLS1_3_VERSION);
	return (err == 0 || err == -NP_EAGAIN) && end < 0 && end != -NP_EAGAIN ? end : err;
}

/* Parks until the socket has taken everything. */
static int flush_handshake(struct tls *t, struct np_fd *watch)
{
	int err;

	while ((err = tls_bio_flush(t)) == -NP_EAGAIN) {
		err = np_fd_wait_watching(t->fd, NP_WRITE, watch);
		if (err != 0)
			return err;
	}
	return err;
}

/* Parks until the peer has sent something. All of ours goes first: the peer answers to it. */
static int wait_for_peer(struct tls *t, struct np_fd *watch)
{
	int err = flush_handshake(t, watch);

	return err != 0 ? err : np_fd_wait_watching(t->fd, NP_READ, watch);
}

struct shaking {
	const struct iovec *early; /* NULL: none */
	struct np_fd *watch; /* the client's, beside which a server's handshake runs; NULL: none */
	const char *alpn;    /* the one protocol that is offered instead of the context's; NULL */
	struct tls_der *cert; /* where the peer's certificate is put; NULL: nowhere */
	int64_t deadline;
};

static int shake(struct tls *t, const struct shaking *s, struct tls_why *why)
{
	const struct iovec *early = s->early;
	int err;

	while ((err = advance_handshake(t, early, why)) == -NP_EAGAIN) {
		early = NULL;
		err = wait_for_peer(t, s->watch);
		if (err != 0)
			return err;
	}
	/* A client's last flight must go now: the server waits for it before it speaks. */
	if (err == 0 && !t->ctx->server)
		err = flush_handshake(t, s->watch);
	return err;
}

/* ---- both sides ---- */

static struct tls *tls_new(struct np_fd *fd, struct tls_ctx *x)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->magic = TLS_MAGIC;
	t->ctx = x;
	t->fd = fd;
	t->ssl = tls_ctx_ssl(x);
	if (t->ssl == NULL || !SSL_set_app_data(t->ssl, t)) {
		SSL_free(t->ssl);
		free(t);
		return NULL;
	}
	return t;
}

/* A failure that has no reason yet has one that its code tells. */
static void explain_failure(int err, struct tls_why *why)
{
	if (err == 0 || why->code != TLS_WHY_NONE)
		return;
	why->code = TLS_WHY_CLOSED;
	if (np_err_class(err) == NP_CLASS_DEADLINE)
		why->code = TLS_WHY_TIMEOUT;
	if (err == -NP_ENOMEM)
		why->code = TLS_WHY_MEMORY;
}

/* Before the hand-over: OpenSSL's object may go with it. */
static int copy_certificate(const struct tls *t, struct tls_der *out)
{
	const X509 *peer = SSL_get0_peer_certificate(t->ssl);
	int n = peer != NULL ? i2d_X509(peer, NULL) : 0;
	unsigned char *at;

	if (n <= 0)
		return n == 0 ? 0 : -NP_ENOMEM;
	out->p = at = malloc((size_t)n);
	if (at == NULL)
		return -NP_ENOMEM;
	out->n = (size_t)i2d_X509(peer, &at);
	return 0;
}

/* Parks. The handshake from the first byte to the hand-over, for either side. */
static int run_to_end(struct tls *t, const struct shaking *s, struct tls_why *why)
{
	int err;

	np_fd_set_deadline(t->fd, s->deadline);
	err = shake(t, s, why);
	if (err == 0)
		why->code = check_peer(t, why);
	if (err == 0 && why->code != TLS_WHY_NONE)
		err = -NP_EPROTO;
	if (err == 0 && s->cert != NULL)
		err = copy_certificate(t, s->cert);
	explain_failure(err, why);
	np_fd_set_deadline(t->fd, 0);
	if (err != 0) {
		tls_said_failure(t, why, s->alpn);
		return tls_fail(t, err, NULL);
	}
	t->up = true;
	t->up_since = np_now();
	t->sealed = 0;
	tls_takeover(t);
	tls_openssl_idle(t);
	return 0;
}

/* Parks. The handshake, and nothing of its secrets left behind but in t. */
static int run_handshake(struct tls *t, const struct shaking *s, struct tls_why *why)
{
	int err = run_to_end(t, s, why);

	tls_crypto_wipe(&t->ctx->worker->crypto);
	tls_memory_wipe_stack();
	return err;
}

int tls_accept(struct tls **out, struct np_fd *fd, struct tls_ctx *ctx, const struct tls_from *from,
	       struct tls_why *why)
{
	const struct shaking how = {.early = from->early, .deadline = from->deadline, .cert = from->cert};
	struct tls *t = tls_new(fd, ctx);

	DCHECK(ctx->server && np_current() != NULL, "a server's context, in a coroutine");
	*why = (struct tls_why){.code = t != NULL ? TLS_WHY_NONE : TLS_WHY_MEMORY};
	if (t == NULL)
		return -NP_ENOMEM;
	*out = t;
	SSL_set_accept_state(t->ssl);
	return run_handshake(t, &how, why);
}

/* ---- the client's side ---- */

/* The certificate must be for the name that the client asked for, or else for the server's address,
 * where the config has no name. A client may so choose whose certificate is good for its own
 * connection, and for that alone: sessions are kept by name. */
static int expect_peer(struct tls *t, const struct np_addr *server, const char *sni)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(t->ssl);

	if (!t->ctx->verify || t->ctx->name != NULL)
		return 0;
	if (t->ctx->client_sni && sni != NULL) {
		X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		return X509_VERIFY_PARAM_set1_host(p, sni, 0) ? 0 : -NP_ENOMEM;
	}
	if (server->u.sa.sa_family == AF_INET)
		return X509_VERIFY_PARAM_set1_ip(p, (const unsigned char *)&server->u.in4.sin_addr,
						 4) ?
			       0 :
			       -NP_ENOMEM;
	if (server->u.sa.sa_family == AF_INET6)
		return X509_VERIFY_PARAM_set1_ip(p, server->u.in6.sin6_addr.s6_addr, 16) ?
			       0 :
			       -NP_ENOMEM;
	return -NP_EPROTO; /* a Unix socket has no address that a certificate could be for */
}

/* A session with the server under that name, if there is one. */
static int resume_session(struct tls *t, const struct tls_session_of *of)
{
	SSL_SESSION *old = t->ctx->sessions != NULL ? tls_sessions_take(t->ctx->sessions, of) : NULL;
	bool ok = old == NULL || SSL_set_session(t->ssl, old) == 1;

	SSL_SESSION_free(old);
	return ok ? 0 : -NP_ENOMEM;
}

static const char *sni_towards(const struct tls_ctx *x, const struct tls_towards *to)
{
	return x->client_sni ? to->sni : x->sni;
}

/* As on the wire: a length, then the protocol. */
static int offer_alpn(struct tls *t, const char *alpn)
{
	unsigned char list[1 + UINT8_MAX];
	size_t n = strlen(alpn);

	DCHECK(n > 0 && n <= UINT8_MAX, "a protocol that was agreed on");
	list[0] = (unsigned char)n;
	memcpy(list + 1, alpn, n);
	return SSL_set_alpn_protos(t->ssl, list, (unsigned)n + 1) == 0 ? 0 : -NP_ENOMEM;
}

/* What is asked for and offered, the session to resume, and whom the certificate must be for. */
static int prepare_client(struct tls *t, const struct tls_towards *to)
{
	/* SSL_set_tlsext_host_name copies it, but its type has no const. */
	char *sni = (char *)(uintptr_t)sni_towards(t->ctx, to);

	t->server = to->server;
	SSL_set_connect_state(t->ssl);
	if (sni != NULL && !SSL_set_tlsext_host_name(t->ssl, sni))
		return -NP_ENOMEM;
	if (t->ctx->client_alpn && to->alpn != NULL && offer_alpn(t, to->alpn) != 0)
		return -NP_ENOMEM;
	if (resume_session(t, &(struct tls_session_of){to->server, sni}) != 0)
		return -NP_ENOMEM;
	return expect_peer(t, to->server, sni);
}

/* Bytes that come before our first one are no answer to it: they must not be taken for the
 * handshake's, nor later for payload (D27). */
static int check_early_bytes(struct tls *t, struct tls_why *why)
{
	ssize_t n = np_fd_try_read(t->fd, t->ctx->worker->in, 1);

	if (n == -NP_EAGAIN)
		return 0;
	if (n <= 0)
		return n == 0 ? -NP_ESHORT : (int)n;
	why->code = TLS_WHY_EARLY_BYTES;
	return -NP_EPROTO;
}

int tls_connect(struct tls **out, struct np_fd *fd, struct tls_ctx *ctx,
		const struct tls_towards *to, struct tls_why *why)
{
	const struct shaking how = {.watch = to->watch, .deadline = to->deadline,
				    .alpn = ctx->client_alpn ? to->alpn : NULL};
	struct tls *t = tls_new(fd, ctx);
	int err;

	DCHECK(!ctx->server && np_current() != NULL, "a client's context, in a coroutine");
	*why = (struct tls_why){.code = t != NULL ? TLS_WHY_NONE : TLS_WHY_MEMORY};
	if (t == NULL)
		return -NP_ENOMEM;
	*out = t;
	err = prepare_client(t, to);
	if (err == -NP_EPROTO)
		why->code = TLS_WHY_CERT_NAME;
	if (err == 0)
		err = check_early_bytes(t, why);
	explain_failure(err, why);
	if (err == 0)
		err = run_handshake(t, &how, why);
	if (err != 0 && err != -NP_ECANCELED && ctx->sessions != NULL)
		tls_sessions_forget(ctx->sessions, &(struct tls_session_of){
							   to->server, sni_towards(ctx, to)});
	return err != 0 ? tls_fail(t, err, NULL) : 0;
}
