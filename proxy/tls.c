/* The TLS end in the relay's hands: plaintext in and out, never parking.
 *
 * What a turn costs is bounded, whatever the peer sends: a read makes one recv once it has plaintext to return, and
 * records without any (KeyUpdate, tickets, warnings) are counted, IDLE_A_READ at once and IDLE_A_SECOND in all. For
 * that SSL_MODE_AUTO_RETRY is off: OpenSSL comes back after each of them. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "proxy/stream.h"
#include "proxy/tls_priv.h"

#define IDLE_A_READ   16  /* then others' turn comes first */
#define IDLE_A_SECOND 100 /* more is a flood */
#define RECORD_MOST   (16 * 1024 + 512)

int tls_fail(struct tls *t, int err)
{
	t->err = err;
	t->quiet = false; /* whoever reads shall come and learn it */
	return err;
}

/* The error queue is the thread's: empty before a call that will be asked for its error, empty after. */
static void queue_clear(void)
{
	if (unlikely(ERR_peek_error() != 0))
		ERR_clear_error();
}

/* ---- reading --------------------------------------------------------------------------------- */

static void ended(struct tls *t)
{
	t->eof = true;
	t->truncated = t->fin; /* OpenSSL asked the socket for more: no close_notify had come */
	t->quiet = false;
}

/* A record that said nothing. Returns whether reading may go on now. */
static bool may_go_on(struct tls *t, unsigned *idle)
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
	if (++*idle < IDLE_A_READ)
		return true;
	t->quiet = false;
	return false;
}

/* SSL_read_ex brought nothing. Returns whether to call it again. */
static bool read_stopped(struct tls *t, unsigned *idle)
{
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return !t->ctx->worker->starved && may_go_on(t, idle);
	case SSL_ERROR_ZERO_RETURN:
		ended(t);
		return false;
	default:
		break;
	}
	if (t->fin)
		ended(t);
	else
		tls_fail(t, t->io < 0 && t->io != -NP_EAGAIN ? t->io : -NP_EPROTO);
	ERR_clear_error();
	return false;
}

static size_t read_records(struct tls *t, char *buf, size_t n)
{
	struct tls_worker *w = t->ctx->worker;
	unsigned idle = 0;
	size_t got = 0, some;

	/* As much ciphertext as the buffer can hold the plaintext of, so that little is left over. */
	w->recv_most = n < RECORD_MOST ? RECORD_MOST : n;
	if (w->recv_most > TLS_IN)
		w->recv_most = TLS_IN;
	while (got < n) {
		w->starved = false;
		if (SSL_read_ex(t->ssl, buf + got, n - got, &some)) {
			got += some;
			w->delivered = true;
			continue;
		}
		if (!read_stopped(t, &idle))
			break;
	}
	return got;
}

/* Nothing was read. Returns what to say. */
static ssize_t nothing(struct tls *t)
{
	if (t->eof)
		return 0;
	if (t->err != 0)
		return t->err;
	if (t->lazy)
		(void)!tls_flush(t); /* nothing else is about to be written: now or when it is watched */
	return t->io < 0 ? t->io : -NP_EAGAIN;
}

ssize_t tls_try_read(struct tls *t, void *buf, size_t n)
{
	size_t got;
	int end;

	if (t->eof)
		return 0;
	if (t->err != 0)
		return t->err;
	t->quiet = false;
	t->io = 0;
	queue_clear();
	tls_begin(t, NULL, 0);
	got = read_records(t, buf, n);
	end = tls_end(t, false);
	if (end == -NP_ENOMEM)
		tls_fail(t, end);
	SSL_free_buffers(t->ssl); /* refused when a record is half read: then it is needed */
	return got > 0 ? (ssize_t)got : nothing(t);
}

bool tls_buffered(const struct tls *t)
{
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

static ssize_t write_records(struct tls *t, const void *buf, size_t n)
{
	size_t put = n < TLS_IN ? n : TLS_IN;
	int end;
	bool ok;

	queue_clear();
	tls_begin(t, NULL, 0);
	tls_take_lazy(t);
	ok = SSL_write_ex(t->ssl, buf, put, &put);
	if (!ok)
		ERR_clear_error();
	end = tls_end(t, false);
	SSL_free_buffers(t->ssl);
	if (!ok)
		return tls_fail(t, -NP_EPROTO);
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
	queue_clear();
	tls_begin(t, NULL, 0);
	tls_take_lazy(t);
	(void)SSL_shutdown(t->ssl); /* the peer's answer is not waited for */
	ERR_clear_error();
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
	if (t->up && t->err == 0)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	free(t->in);
	free(t->out);
	free(t->refused);
	t->magic = 0;
	free(t);
	return NULL;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void copy(char to[TLS_FACT], const void *p, size_t n)
{
	if (n >= TLS_FACT)
		n = TLS_FACT - 1;
	memcpy(to, p, n);
	to[n] = '\0';
}

static void subject(const struct tls *t, struct tls_facts *f)
{
	X509 *peer = SSL_get0_peer_certificate(t->ssl);
	X509_NAME *name = peer != NULL ? X509_get_subject_name(peer) : NULL;
	BIO *b = name != NULL ? BIO_new(BIO_s_mem()) : NULL;
	char *text;
	long n;

	f->verified = peer != NULL && SSL_get_verify_result(t->ssl) == X509_V_OK;
	if (b == NULL)
		return;
	X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	n = BIO_get_mem_data(b, &text);
	copy(f->subject, text, n > 0 ? (size_t)n : 0);
	BIO_free(b);
	/* A name with a NUL in it is nobody's. */
	n = X509_NAME_get_text_by_NID(name, NID_commonName, f->cn, TLS_FACT);
	if (n < 0 || strlen(f->cn) != (size_t)n)
		f->cn[0] = '\0';
}

void tls_facts(const struct tls *t, struct tls_facts *f)
{
	const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
	const unsigned char *alpn;
	unsigned n;

	*f = (struct tls_facts){.version = NULL};
	if (cipher != NULL) {
		f->version = SSL_get_version(t->ssl);
		f->cipher = SSL_CIPHER_get_name(cipher);
	}
	if (sni == NULL)
		sni = t->refused;
	if (sni != NULL)
		copy(f->sni, sni, strlen(sni));
	SSL_get0_alpn_selected(t->ssl, &alpn, &n);
	copy(f->alpn, alpn != NULL ? alpn : (const unsigned char *)"", n);
	f->resumed = SSL_session_reused(t->ssl);
	subject(t, f);
}
