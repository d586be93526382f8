/* The TLS end in the relay's hands: plaintext in and out, never parking. Two ways to make records stand behind it:
 * tls_direct.c for a server's TLS 1.3 and 1.2, which is nearly everything, and tls_openssl.c for the rest.
 *
 * What a turn costs is bounded, whatever the peer sends: a read makes no second recv once it has plaintext to return,
 * and records without any (KeyUpdate, tickets, warnings) are counted, IDLE_A_READ at once and IDLE_A_SECOND in all. */
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/stream.h"
#include "proxy/tls/tls_priv.h"

#define IDLE_A_READ   16  /* then others' turn comes first */
#define IDLE_A_SECOND 100 /* more is a flood */
#define RECORD_MOST   (TLS_HEAD + TLS_BODY_MOST)

int tls_fail(struct tls *t, int err)
{
	t->err = err;
	t->quiet = false; /* whoever reads shall come and learn it */
	return err;
}

void tls_ended(struct tls *t)
{
	t->eof = true;
	t->truncated = t->fin; /* the socket was asked for more: no close_notify had come */
	t->quiet = false;
}

bool tls_idle_record(struct tls *t)
{
	int64_t now = np_now();

	if (now - t->idle_since >= NP_S) {
		t->idle_since = now;
		t->idle = 0;
	}
	if (++t->idle > IDLE_A_SECOND) {
		tls_fail(t, -NP_EPROTO);
		return false;
	}
	if (++t->ctx->worker->idle < IDLE_A_READ)
		return true;
	t->quiet = false; /* there may be more: come again */
	return false;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Nothing was read. Returns what to say. */
static ssize_t nothing(struct tls *t)
{
	if (t->eof)
		return 0;
	if (t->err != 0)
		return t->err;
	if (t->lazy)
		(void)!tls_flush(t); /* no answer to go with is about to be written */
	return t->io < 0 ? t->io : -NP_EAGAIN;
}

ssize_t tls_try_read(struct tls *t, void *buf, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	size_t got;
	int end;

	if (t->eof)
		return 0;
	if (t->err != 0)
		return t->err;
	t->quiet = false;
	t->io = 0;
	tls_begin(t, NULL, 0);
	/* As much ciphertext as the buffer can hold the plaintext of, so that little is left over. */
	w->recv_most = n < RECORD_MOST ? RECORD_MOST : n;
	got = t->direct != NULL ? tls_direct_read(t, buf, n) : tls_ssl_read(t, buf, n);
	end = tls_end(t, false);
	if (end == -NP_ENOMEM)
		tls_fail(t, end);
	tls_idle(t);
	return got > 0 ? (ssize_t)got : nothing(t);
}

bool tls_buffered(const struct tls *t)
{
	if (t->direct != NULL)
		return !t->quiet || tls_direct_has(t);
	return !t->quiet || t->in != NULL || SSL_pending(t->ssl) > 0;
}

bool tls_truncated(const struct tls *t)
{
	return t->truncated;
}

/* ---- writing --------------------------------------------------------------------------------- */

size_t tls_backlog(const struct tls *t)
{
	return t->out == NULL || t->lazy ? 0 : t->out->to - t->out->from;
}

static ssize_t write_records(struct tls *t, const char *buf, size_t n)
{
	size_t put = n < TLS_IN ? n : TLS_IN;
	int end;

	tls_begin(t, NULL, 0);
	tls_take_lazy(t);
	put = t->direct != NULL ? tls_direct_write(t, buf, put) : tls_ssl_write(t, buf, put);
	end = tls_end(t, false);
	tls_idle(t);
	if (t->err != 0)
		return t->err;
	/* What the socket did not take is the backlog. */
	return end < 0 && end != -NP_EAGAIN ? end : (ssize_t)put;
}

ssize_t tls_try_write(struct tls *t, const void *buf, size_t n)
{
	int err;

	if (n == 0)
		return np_fd_try_write(t->fd, "", 0);
	if (t->err != 0)
		return t->err;
	err = tls_backlog(t) > 0 ? tls_flush(t) : 0;
	return err != 0 ? err : write_records(t, buf, n);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Makes the close_notify, once. */
static int notify(struct tls *t)
{
	if (t->notified || t->err != 0 || !t->up)
		return 0;
	t->notified = true;
	tls_begin(t, NULL, 0);
	tls_take_lazy(t);
	if (t->direct != NULL)
		tls_direct_notify(t);
	else
		tls_ssl_notify(t);
	return tls_end(t, false);
}

int tls_close_write(struct tls *t)
{
	int err = notify(t);

	if (err == 0)
		err = tls_flush(t);
	if (err != 0)
		return err;
	if (t->shut)
		return 0;
	t->shut = true;
	return np_fd_close_write(t->fd);
}

struct tls *tls_free(struct tls *t, bool may_notify)
{
	if (t == NULL)
		return NULL;
	OBJ_CHECK(t, TLS_MAGIC);
	if (may_notify)
		(void)!notify(t);
	/* Else OpenSSL takes a connection without both close_notify for an attack, and its session out of use. */
	if (t->ssl != NULL && t->up && t->err == 0)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	tls_secrets_free(t);
	t->direct = tls_direct_free(t->direct);
	free(t->known);
	free(t->in);
	free(t->out);
	free(t->refused);
	free(t->said);
	t->magic = 0;
	free(t);
	return NULL;
}
