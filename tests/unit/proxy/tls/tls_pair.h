/* tls_pair: a client and a server of ours, on one worker, with a socket between them. A script is a coroutine; it notes
 * what it saw and asserts nothing (a failed assertion is a longjmp): the test asserts when pair_run is back. */
#ifndef TESTS_UNIT_PROXY_TLS_TLS_PAIR_H
#define TESTS_UNIT_PROXY_TLS_TLS_PAIR_H

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/conn/stream.h"
#include "proxy/tls/tls_bio.h"
#include "proxy/tls/tls_handshake.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_record_12.h"
#include "proxy/tls/tls_worker.h"
#include "tests/kit/cert.h"

#define PAIR_NS (10 * NP_S)

/* One end. */
struct side {
	struct stream s;
	struct tls_ctx *ctx;  /* NULL: this end is the test's, plain */
	int raw;
	int err;              /* of the handshake */
	struct tls_why why;
	struct tls_facts facts;
	char said[512];       /* what the log would say of a failure */
	bool direct;          /* without OpenSSL's connection object since then */
	struct np_event done; /* the handshake is over */
};

struct pair {
	struct side client, server;
	struct iovec early;      /* what the server has read before */
	int64_t timeout;         /* of both handshakes; 0: PAIR_NS */
	void (*script)(struct pair *p); /* after both handshakes; may be NULL */
	struct np_addr at;       /* the server's, as the client knows it; 127.0.0.1:443 when not set */
	const char *sni, *alpn;  /* what the client for whom we connect asked for; NULL: nothing */
	struct tls_der *cert;    /* where the server puts the client's certificate; NULL: nowhere */
	bool keep;               /* do not free the ends */
	void *arg;
};

/* What tests build contexts from: change it, then make the context. */
static struct tls_worker *pair_worker;
static char pair_err[512];

static inline struct text pair_text(void)
{
	struct text t;

	memset(pair_err, 0, sizeof(pair_err));
	text_init(&t, pair_err, sizeof(pair_err) - 1);
	return t;
}

static inline struct config_tls_in pair_in(struct config_cert *certs, size_t n)
{
	return (struct config_tls_in){
		.certificates = certs,
		.ncertificates = n,
		.min_version = CONFIG_TLS_VERSION_1_2,
		.max_version = CONFIG_TLS_VERSION_1_3,
		.client_auth.depth = 9,
		.session_tickets = {.enabled = true, .rotate = 3600 * NP_S, .lifetime = 3600 * NP_S},
	};
}

static inline struct config_tls_out pair_out(const char *ca, const char *name)
{
	return (struct config_tls_out){
		.verify = ca != NULL,
		.ca = ca,
		.name = name,
		.min_version = CONFIG_TLS_VERSION_1_2,
		.max_version = CONFIG_TLS_VERSION_1_3,
	};
}

/* A certificate and its key in files, as the config names them. */
static inline struct config_cert pair_cert(const struct kit_cert *c, const char *name)
{
	char file[64], path[KIT_PATH];
	struct config_cert f = {.cert = NULL};

	snprintf(file, sizeof(file), "%s.pem", name);
	kit_cert_write(c, file, path);
	f.cert = strdup(path);
	snprintf(file, sizeof(file), "%s.key", name);
	kit_cert_write_key(c, file, NULL, path);
	f.key = strdup(path);
	return f;
}

static inline void pair_cert_free(struct config_cert *f)
{
	free((void *)(uintptr_t)f->cert);
	free((void *)(uintptr_t)f->key);
}

static inline struct tls_ctx *pair_server(const struct config_tls_in *c, struct tls_ticket_keys *ring)
{
	struct text err = pair_text();
	struct tls_ctx *x = NULL;

	if (tls_ctx_server(pair_worker, c, ring, &x, &err) != 0)
		kit_fail("no server context: %s", pair_err);
	return x;
}

static inline struct tls_ctx *pair_client(const struct config_tls_out *c)
{
	struct text err = pair_text();
	struct tls_ctx *x = NULL;

	if (tls_ctx_client(pair_worker, c, &x, &err) != 0)
		kit_fail("no client context: %s", pair_err);
	return x;
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* Over TCP: raw[0] connected to raw[1]; both do not block. */
static inline void pair_sockets(int raw[2], struct np_addr *at)
{
	const struct np_listen_opts o = {.backlog = 4};
	struct np_addr any = {.len = sizeof(struct sockaddr_in)};
	int l;

	any.u.in4.sin_family = AF_INET;
	any.u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l = np_listen(&any, &o);
	assert_true(l >= 0);
	assert_int_equal(np_sock_addr(l, at), 0);
	raw[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(raw[0], &at->u.sa, at->len), 0);
	raw[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(raw[1] >= 0);
	for (int i = 0; i < 2; i++) {
		int on = 1;

		assert_int_equal(fcntl(raw[i], F_SETFL, O_NONBLOCK), 0);
		setsockopt(raw[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	close(l);
}

/* ---- running --------------------------------------------------------------------------------- */

static inline int64_t pair_deadline(const struct pair *p)
{
	return np_deadline_after(p->timeout != 0 ? p->timeout : PAIR_NS);
}

static inline void pair_shaken(struct side *e)
{
	if (e->s.tls != NULL) {
		tls_facts(e->s.tls, &e->facts);
		if (tls_said(e->s.tls) != NULL)
			snprintf(e->said, sizeof(e->said), "%s", tls_said(e->s.tls));
		e->direct = e->s.tls->direct != NULL;
	}
	np_event_set(&e->done);
}

static inline void pair_connect(void *arg)
{
	struct pair *p = arg;
	const struct tls_towards to = {
		.server = &p->at, .sni = p->sni, .alpn = p->alpn, .deadline = pair_deadline(p)};

	p->client.err = tls_connect(&p->client.s.tls, &p->client.s.fd, p->client.ctx, &to, &p->client.why);
	pair_shaken(&p->client);
	if (p->client.err != 0)
		stream_close(&p->client.s);
}

static inline void pair_accept(void *arg)
{
	struct pair *p = arg;
	const struct tls_from from = {
		.early = p->early.iov_len > 0 ? &p->early : NULL,
		.deadline = pair_deadline(p),
		.cert = p->cert,
	};

	p->server.err = tls_accept(&p->server.s.tls, &p->server.s.fd, p->server.ctx, &from, &p->server.why);
	pair_shaken(&p->server);
	if (p->server.err != 0)
		stream_close(&p->server.s);
}

static inline void pair_main(void *arg)
{
	struct pair *p = arg;

	CHECK(np_fd_init(&p->client.s.fd, p->client.raw) == 0 && np_fd_init(&p->server.s.fd, p->server.raw) == 0,
	      "no memory for a pollDesc");
	if (p->server.ctx != NULL)
		CHECK(np_go("accept", pair_accept, p) == 0, "no stack");
	if (p->client.ctx != NULL)
		CHECK(np_go("connect", pair_connect, p) == 0, "no stack");
	if (p->server.ctx != NULL)
		np_event_wait(&p->server.done);
	if (p->client.ctx != NULL)
		np_event_wait(&p->client.done);
	if (p->script != NULL)
		p->script(p);
	if (p->keep)
		return;
	stream_close(&p->client.s);
	stream_close(&p->server.s);
}

static inline void pair_run(struct pair *p)
{
	const struct np_worker_opts o = {.name = "pair", .cpu = -1, .main = pair_main, .arg = p};
	struct np_addr bound;
	int raw[2];

	pair_sockets(raw, &bound);
	if (p->at.len == 0) {
		p->at = bound;
		p->at.u.in4.sin_port = htons(443);
	}
	p->client.raw = raw[0];
	p->server.raw = raw[1];
	assert_int_equal(np_run(&o), 0);
}

static inline int pair_setup(void **state)
{
	(void)state;
	return tls_worker_new(&pair_worker);
}

static inline int pair_teardown(void **state)
{
	pair_worker = tls_worker_free(pair_worker);
	return kit_end(state);
}

#define PAIR_TEST(ids, f) {ids " " #f, f, pair_setup, pair_teardown, NULL}

/* ---- moving bytes, in scripts; each gives up at PAIR_NS and says so with its return value ---- */

/* Until something was read: bytes, 0 or an error. */
static inline ssize_t pair_read(struct stream *s, void *buf, size_t n)
{
	ssize_t got;

	np_fd_set_read_deadline(&s->fd, np_deadline_after(PAIR_NS));
	while ((got = stream_try_read(s, buf, n)) == -NP_EAGAIN) {
		int err = stream_buffered(s) ? 0 : np_fd_wait(&s->fd, NP_READ);

		if (err != 0)
			return err;
		if (stream_buffered(s))
			np_yield();
	}
	return got;
}

/* All of it, backlog included. */
static inline int pair_write(struct stream *s, const void *buf, size_t n)
{
	size_t done = 0;
	ssize_t put = 0;
	int err = 0;

	np_fd_set_write_deadline(&s->fd, np_deadline_after(PAIR_NS));
	while (err == 0 && (done < n || (err = stream_flush(s)) != 0)) {
		put = done < n ? stream_try_write(s, (const char *)buf + done, n - done) : err;
		if (put > 0)
			done += (size_t)put;
		err = put < 0 && put != -NP_EAGAIN ? (int)put : 0;
		if (put == -NP_EAGAIN)
			err = np_fd_wait(&s->fd, NP_WRITE);
		if (err == 0 && done == n && stream_backlog(s) == 0)
			break;
	}
	return err;
}

#endif
