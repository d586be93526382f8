/* The TLS end in the relay's hands: plaintext in and out, never parking. Behind it records are made
 * either by tls_direct.c (a server's TLS 1.3 and 1.2, which is nearly everything) or by
 * tls_openssl.c (the rest).
 *
 * A turn's cost is bounded, whatever the peer sends: a read makes no second recv once it has
 * plaintext to return, and after IDLE_A_READ records without any the other connections have their
 * turn. The rules on floods stand with the records; those on KeyUpdates here, since they hold for
 * both kinds. */
#include "proxy/tls/tls.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/tls/tls_bio.h"
#include "proxy/tls/tls_openssl.h"
#include "proxy/tls/tls_priv.h"

#define IDLE_A_READ      16  /* then other connections have their turn */
#define UPDATES_A_SECOND 100 /* more is a flood */
#define RECORD_MOST   (TLS_HEAD + TLS_BODY_MOST)

int tls_fail(struct tls *t, int err, const char *cause)
{
	DCHECK(err < 0, "a failure has a code");
	if (t->err == 0)
		t->cause = cause;
	t->err = err;
	t->quiet = false; /* the reader comes again without an event, and learns it */
	return err;
}

void tls_ended(struct tls *t)
{
	t->truncated = t->fin; /* the socket was asked for more: no close_notify had come */
	t->quiet = false;
	if (t->truncated && t->ctx->reset_truncated)
		tls_fail(t, -NP_EPROTO, "FIN without close_notify, and truncated is reset");
	else
		t->eof = true;
}

bool tls_idle_record(struct tls *t)
{
	if (++t->ctx->worker->idle < IDLE_A_READ)
		return true;
	t->quiet = false; /* there may be more: come again */
	return false;
}

bool tls_update_admitted(struct tls *t)
{
	int64_t now = np_now();

	if (now - t->updates_since >= NP_S) {
		t->updates_since = now;
		t->updates = 0;
	}
	return ++t->updates <= UPDATES_A_SECOND;
}

/* ---- reading ---- */

/* A read brought nothing. Returns the reason, as np_fd_try_read would. */
static ssize_t nothing_read(struct tls *t)
{
	if (t->eof)
		return 0;
	if (t->err != 0)
		return t->err;
	if (t->held)
		(void)!tls_flush(t); /* no write is about to come that it could go with */
	return t->io < 0 ? t->io : -NP_EAGAIN;
}

ssize_t tls_try_read(struct tls *t, void *buf, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	size_t got;
	int end;

	DCHECK_TLS(t);
	if (t->eof)
		return 0;
	if (t->err != 0)
		return t->err;
	t->quiet = false;
	t->io = 0;
	tls_bio_begin(t, NULL, 0);
	/* As much ciphertext as the buffer can hold the plaintext of, so that little is left over.
	 */
	w->recv_most = n < RECORD_MOST ? RECORD_MOST : n;
	got = t->direct != NULL ? tls_direct_read(t, buf, n) : tls_openssl_read(t, buf, n);
	end = tls_bio_end(t, false);
	if (end == -NP_ENOMEM)
		tls_fail(t, end, NULL);
	if (t->waits)
		tls_takeover_again(t);
	tls_openssl_idle(t);
	return got > 0 ? (ssize_t)got : nothing_read(t);
}

bool tls_buffered(const struct tls *t)
{
	DCHECK_TLS(t);
	if (t->direct != NULL)
		return !t->quiet || tls_direct_has(t);
	return !t->quiet || t->in != NULL || SSL_pending(t->ssl) > 0;
}

bool tls_truncated(const struct tls *t)
{
	return t->truncated;
}

const char *tls_cause(const struct tls *t)
{
	return t->cause;
}

enum tls_records tls_records(const struct tls *t)
{
	return (enum tls_records)t->records;
}

/* ---- writing ---- */

int tls_flush(struct tls *t)
{
	DCHECK_TLS(t);
	return tls_bio_flush(t);
}

size_t tls_backlog(const struct tls *t)
{
	return t->held ? 0 : chunk_held(t->out);
}

/* A backlog that is still there was refused by tls_try_write. */
static ssize_t write_records(struct tls *t, const char *buf, size_t n)
{
	size_t put = n < TLS_IN ? n : TLS_IN;
	int end;

	tls_bio_begin(t, NULL, 0);
	tls_bio_take_held(t);
	put = t->direct != NULL ? tls_direct_write(t, buf, put) : tls_openssl_write(t, buf, put);
	end = tls_bio_end(t, false);
	if (t->waits)
		tls_takeover_again(t);
	tls_openssl_idle(t);
	if (t->err != 0)
		return t->err;
	/* -NP_EAGAIN: the socket did not take all, and the rest is the backlog. The plaintext is
	 * taken either way. */
	return end < 0 && end != -NP_EAGAIN ? end : (ssize_t)put;
}

ssize_t tls_try_write(struct tls *t, const void *buf, size_t n)
{
	int err;

	DCHECK_TLS(t);
	if (n == 0)
		return np_fd_try_write(t->fd, "", 0);
	if (t->err != 0)
		return t->err;
	err = tls_backlog(t) > 0 ? tls_flush(t) : 0;
	return err != 0 ? err : write_records(t, buf, n);
}

/* ---- ends ---- */

/* Makes the close_notify, once. */
static int send_notify(struct tls *t)
{
	if (t->notified || t->err != 0 || !t->up)
		return 0;
	t->notified = true;
	tls_bio_begin(t, NULL, 0);
	tls_bio_take_held(t);
	if (t->direct != NULL)
		tls_direct_notify(t);
	else
		tls_openssl_notify(t);
	return tls_bio_end(t, false);
}

int tls_close_write(struct tls *t)
{
	int err;

	DCHECK_TLS(t);
	err = send_notify(t);
	if (err == 0)
		err = tls_flush(t);
	if (err != 0)
		return err;
	if (t->shut)
		return 0;
	t->shut = true;
	return np_fd_close_write(t->fd);
}

void tls_moved(struct tls *t, struct np_fd *fd)
{
	DCHECK_TLS(t);
	t->fd = fd;
}

struct tls *tls_free(struct tls *t, bool may_notify)
{
	if (t == NULL)
		return NULL;
	OBJ_CHECK(t, TLS_MAGIC);
	if (may_notify)
		(void)!send_notify(t);
	/* Else OpenSSL takes the missing close_notify for a truncation attack, and forbids to
	 * resume the session. */
	if (t->ssl != NULL && t->up && t->err == 0)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	if (t->alerted)
		tls_bio_drain(t);
	tls_takeover_forget(t);
	t->direct = tls_direct_free(t->direct);
	free(t->known);
	chunk_drop(&t->in);
	chunk_drop(&t->out);
	free(t->refused);
	free(t->said);
	t->magic = 0;
	free(t);
	return NULL;
}
