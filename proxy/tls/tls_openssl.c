/* Records through OpenSSL's own connection object: the client's side, and what tls_direct.c does not take over. */
#include <openssl/err.h>

#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"

void tls_idle(struct tls *t)
{
	if (t->ssl != NULL && t->ctx->worker->frees_buffers)
		SSL_free_buffers(t->ssl);
}

/* SSL_read_ex brought nothing. Returns whether to call it again. */
static bool read_stopped(struct tls *t)
{
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return !t->ctx->worker->starved && tls_idle_record(t);
	case SSL_ERROR_ZERO_RETURN:
		tls_ended(t);
		return false;
	default:
		break;
	}
	if (!t->fin)
		tls_said_error(t);
	if (t->fin)
		tls_ended(t);
	else
		tls_fail(t, t->io < 0 && t->io != -NP_EAGAIN ? t->io : -NP_EPROTO);
	ERR_clear_error();
	return false;
}

size_t tls_ssl_read(struct tls *t, char *buf, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	size_t got = 0, some;

	while (got < n) {
		w->starved = false;
		if (SSL_read_ex(t->ssl, buf + got, n - got, &some)) {
			got += some;
			w->delivered = true;
			continue;
		}
		if (!read_stopped(t))
			break;
	}
	return got;
}

size_t tls_ssl_write(struct tls *t, const char *p, size_t n)
{
	size_t put = 0;

	if (SSL_write_ex(t->ssl, p, n, &put))
		return put;
	tls_said_error(t);
	ERR_clear_error();
	tls_fail(t, -NP_EPROTO);
	return 0;
}

void tls_ssl_notify(struct tls *t)
{
	(void)SSL_shutdown(t->ssl); /* the peer's answer is not waited for */
	ERR_clear_error();
}
