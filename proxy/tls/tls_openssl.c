/* Records through OpenSSL's own connection object: the client's side, and what tls_takeover.c
 * leaves with it. OpenSSL asks the worker's BIO (tls_bio.c) for bytes; it never waits, and says
 * SSL_ERROR_WANT_READ where it would. */
#include "proxy/tls/tls_openssl.h"

#include <openssl/err.h>

#include "proxy/tls/tls_bio.h"
#include "proxy/tls/tls_priv.h"

#define IDLE_IN_A_ROW 100 /* more is a flood */

void tls_openssl_idle(struct tls *t)
{
	DCHECK_TLS(t);
	if (t->ssl != NULL && t->ctx->worker->frees_buffers)
		SSL_free_buffers(t->ssl);
}

/* A record carried nothing. OpenSSL counts empty ones and warnings; renegotiations that it declines
 * are counted here. */
static bool may_go_on(struct tls *t)
{
	if (++t->idle <= IDLE_IN_A_ROW)
		return tls_idle_record(t);
	tls_fail(t, -NP_EPROTO, "more than 100 records without payload in a row");
	return false;
}

/* OpenSSL's own words are static, and those of its own errors name the alert that it received. */
static void broke(struct tls *t)
{
	const char *words = ERR_reason_error_string(ERR_peek_error());

	tls_fail(t, -NP_EPROTO, words != NULL ? words : "OpenSSL gives no reason");
	t->alerted = true;
}

/* SSL_read_ex brought nothing. Returns whether to call it again. */
static bool read_brought_nothing(struct tls *t)
{
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ: /* the socket has no more, or a record carried nothing */
		return !t->ctx->worker->starved && t->err == 0 && may_go_on(t);
	case SSL_ERROR_ZERO_RETURN:
		tls_ended(t);
		return false;
	default:
		break;
	}
	/* OpenSSL calls a FIN without close_notify an error; to the relay it is an end. */
	if (t->fin)
		tls_ended(t);
	else if (t->io < 0 && t->io != -NP_EAGAIN)
		tls_fail(t, t->io, NULL);
	else
		broke(t);
	ERR_clear_error();
	return false;
}

size_t tls_openssl_read(struct tls *t, char *buf, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	size_t got = 0, some;

	DCHECK_ACTIVE(t);
	while (got < n) {
		w->starved = false;
		if (SSL_read_ex(t->ssl, buf + got, n - got, &some)) {
			got += some;
			w->delivered = true;
			t->idle = 0;
			continue;
		}
		if (!read_brought_nothing(t))
			break;
	}
	return got;
}

/* RFC 8446, 5.5: no AES-GCM key seals more. OpenSSL does not count; its KeyUpdate goes ahead of the
 * next data. TLS 1.2 has no such message, and its nonces do not run out either. */
static void update_key(struct tls *t)
{
	t->sealed = 0;
	if (SSL_version(t->ssl) == TLS1_3_VERSION)
		(void)SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
	ERR_clear_error();
}

size_t tls_openssl_write(struct tls *t, const char *p, size_t n)
{
	size_t put = 0;

	DCHECK_ACTIVE(t);
	if (t->sealed >= t->ctx->worker->seal_most)
		update_key(t);
	if (SSL_write_ex(t->ssl, p, n, &put))
		return put;
	broke(t);
	ERR_clear_error();
	return 0;
}

void tls_openssl_notify(struct tls *t)
{
	DCHECK_ACTIVE(t);
	(void)SSL_shutdown(t->ssl); /* the peer's answer is not waited for */
	ERR_clear_error();
}
