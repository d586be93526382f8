/* OpenSSL by hand: contexts, handshakes, bytes and ends, each with its assertion. */
#include "tests/flow/kit/tls_peer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/time.h>

int records_own(void **state)
{
	(void)state;
	kit_tls_records = NULL;
	return 0;
}

int records_openssl(void **state)
{
	(void)state;
	kit_tls_records = "openssl";
	return 0;
}

static void tls_peer_info(const SSL *ssl, int where, int value)
{
	struct tls_peer *p = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		p->alert = value & 0xff;
}

void tls_peer_make(struct tls_peer *p, int fd, const SSL_METHOD *method, const struct tls_peer_opts *o)
{
	const struct timeval patience = {.tv_sec = KIT_MS / 1000};
	int on = 1;

	*p = (struct tls_peer){.ctx = SSL_CTX_new(method), .fd = fd, .alert = -1};
	if (fcntl(fd, F_SETFL, 0) < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		kit_fail("a socket that blocks is not to be had");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* OpenSSL writes record by record */
	if (o->max != 0)
		SSL_CTX_set_max_proto_version(p->ctx, o->max);
	if (o->cert != NULL && (SSL_CTX_use_certificate_chain_file(p->ctx, o->cert) != 1 ||
				SSL_CTX_use_PrivateKey_file(p->ctx, o->key, SSL_FILETYPE_PEM) != 1))
		kit_fail("OpenSSL does not take %s", o->cert);
	if (o->ca != NULL) {
		assert_int_equal(SSL_CTX_load_verify_locations(p->ctx, o->ca, NULL), 1);
		SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
	}
	if (o->sigalgs != NULL)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(p->ctx, o->sigalgs), 1);
	p->ssl = SSL_new(p->ctx);
	SSL_set_app_data(p->ssl, p);
	SSL_set_info_callback(p->ssl, tls_peer_info);
	SSL_set_fd(p->ssl, fd);
}

bool tls_peer_dial(struct tls_peer *p, int fd, const struct tls_peer_opts *o)
{
	tls_peer_make(p, fd, TLS_client_method(), o);
	if (o->sni != NULL) {
		SSL_set_tlsext_host_name(p->ssl, o->sni);
		if (o->ca != NULL)
			SSL_set1_host(p->ssl, o->sni);
	}
	if (o->alpn != NULL)
		SSL_set_alpn_protos(p->ssl, (const unsigned char *)o->alpn, (unsigned)strlen(o->alpn));
	if (o->session != NULL)
		SSL_set_session(p->ssl, o->session);
	if (o->head != NULL && send(fd, o->head, strlen(o->head), MSG_MORE) != (ssize_t)strlen(o->head))
		kit_fail("the head was not sent");
	p->up = SSL_connect(p->ssl) == 1;
	return p->up;
}

bool tls_peer_answer(struct tls_peer *p, int fd, const struct tls_peer_opts *o)
{
	tls_peer_make(p, fd, TLS_server_method(), o);
	if (o->ask)
		SSL_set_verify(p->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	p->up = SSL_accept(p->ssl) == 1;
	return p->up;
}

void tls_peer_send(struct tls_peer *p, const void *buf, size_t n)
{
	size_t done;

	assert_int_equal(SSL_write_ex(p->ssl, buf, n, &done), 1);
	assert_int_equal(done, n);
}

void tls_peer_expect(struct tls_peer *p, const void *bytes, size_t n)
{
	char got[256];
	size_t at = 0, some;

	assert_true(n <= sizeof(got));
	while (at < n) {
		assert_int_equal(SSL_read_ex(p->ssl, got + at, n - at, &some), 1);
		at += some;
	}
	assert_memory_equal(got, bytes, n);
}

int tls_peer_next(struct tls_peer *p)
{
	char byte;
	size_t n;
	int r = SSL_read_ex(p->ssl, &byte, 1, &n), why = SSL_get_error(p->ssl, r);

	if (r == 1)
		return 1;
	ERR_clear_error();
	return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

void tls_peer_half_close(struct tls_peer *p)
{
	assert_true(SSL_shutdown(p->ssl) >= 0);
	kit_half_close(p->fd);
}

void tls_peer_close(struct tls_peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	ERR_clear_error();
	close(p->fd);
}

const char *tls_peer_cn(struct tls_peer *p)
{
	static char cn[256];
	X509 *x = SSL_get0_peer_certificate(p->ssl);

	cn[0] = '\0';
	if (x != NULL)
		X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
	return cn;
}
