/* Sockets and OpenSSL's objects; all that is read or written in a soak goes through here. */
#include "tests/chaos/wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/kit/kit.h"

int wire_connect(struct wire *w, const struct sockaddr *sa, socklen_t len, int window)
{
	int on = 1, err = 0;

	*w = (struct wire){.fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
	if (w->fd < 0)
		return -errno;
	if (sa->sa_family != AF_UNIX)
		setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (window > 0)
		setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	if (connect(w->fd, sa, len) < 0 && errno != EINPROGRESS)
		err = -errno;
	if (err != 0)
		wire_close(w);
	return err;
}

int wire_connected(const struct wire *w)
{
	socklen_t len = sizeof(int);
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	int err = 0;

	getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err != 0)
		return -err;
	return getpeername(w->fd, (struct sockaddr *)&peer, &peer_len) == 0 ? 0 : -EINPROGRESS;
}

void wire_secure(struct wire *w, SSL_CTX *ctx, const char *name)
{
	w->ssl = SSL_new(ctx);
	if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1)
		kit_fail("no memory for TLS");
	if (name == NULL) {
		SSL_set_accept_state(w->ssl);
		return;
	}
	SSL_set_tlsext_host_name(w->ssl, name);
	SSL_set1_host(w->ssl, name);
	SSL_set_connect_state(w->ssl);
}

/* What a call of OpenSSL that did not succeed means; saved is errno after it. */
static ssize_t wire_why(struct wire *w, int result, int saved, bool *turned)
{
	int why = SSL_get_error(w->ssl, result);
	int reason = ERR_GET_REASON(ERR_peek_last_error());

	ERR_clear_error();
	*turned = false;
	switch (why) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		*turned = true;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return saved != 0 ? -saved : -EPROTO;
	default:
		return reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -EPIPE : -EPROTO;
	}
}

ssize_t wire_read(struct wire *w, void *buf, size_t n)
{
	bool turned = false;
	size_t done;
	ssize_t r;
	int ok;

	if (w->ssl == NULL) {
		r = recv(w->fd, buf, n, 0);
		return r < 0 ? -errno : r;
	}
	errno = 0;
	ok = SSL_read_ex(w->ssl, buf, n, &done);
	if (ok == 1)
		return (ssize_t)done;
	r = wire_why(w, ok, errno, &turned);
	w->read_wants_out = turned && SSL_want_write(w->ssl);
	return r;
}

ssize_t wire_write(struct wire *w, const void *buf, size_t n)
{
	bool turned = false;
	size_t done;
	ssize_t r;
	int ok;

	if (w->ssl == NULL) {
		r = send(w->fd, buf, n, MSG_NOSIGNAL);
		return r < 0 ? -errno : r;
	}
	errno = 0;
	ok = SSL_write_ex(w->ssl, buf, n, &done);
	if (ok == 1)
		return (ssize_t)done;
	r = wire_why(w, ok, errno, &turned);
	w->write_wants_in = turned && SSL_want_read(w->ssl);
	return r == 0 ? -EPIPE : r;
}

int wire_fin(struct wire *w)
{
	bool turned;
	int r;

	if (w->ssl != NULL) {
		errno = 0;
		r = SSL_shutdown(w->ssl);
		if (r < 0) {
			ssize_t why = wire_why(w, r, errno, &turned);

			return why == 0 ? -EPIPE : (int)why;
		}
	}
	return shutdown(w->fd, SHUT_WR) < 0 ? -errno : 0;
}

bool wire_all_acknowledged(const struct wire *w)
{
	int left = 0;

	return ioctl(w->fd, SIOCOUTQ, &left) < 0 || left == 0;
}

void wire_close(struct wire *w)
{
	struct wire closed = {.fd = -1, .raw_in = w->raw_in, .raw_out = w->raw_out};

	if (w->ssl != NULL) {
		closed.raw_in = BIO_number_read(SSL_get_rbio(w->ssl));
		closed.raw_out = BIO_number_written(SSL_get_rbio(w->ssl));
	}
	SSL_free(w->ssl);
	if (w->fd >= 0)
		close(w->fd);
	*w = closed;
}

void wire_reset(struct wire *w)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	wire_close(w);
}

/* ---- contexts ---- */

static SSL_CTX *wire_ctx(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL)
		kit_fail("no memory for TLS");
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

SSL_CTX *wire_client_ctx(const char *ca)
{
	SSL_CTX *ctx = wire_ctx(TLS_client_method());

	if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		kit_fail("OpenSSL does not take %s", ca);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

SSL_CTX *wire_server_ctx(const char *cert, const char *key)
{
	SSL_CTX *ctx = wire_ctx(TLS_server_method());

	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		kit_fail("OpenSSL does not take %s", cert);
	return ctx;
}
