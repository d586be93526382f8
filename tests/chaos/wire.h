/* wire: a socket that never blocks, plain or with OpenSSL on it, with one manner for both. */
#ifndef TESTS_CHAOS_WIRE_H
#define TESTS_CHAOS_WIRE_H

#include <sys/socket.h>

#include "netpoll/base.h"

struct ssl_st;
struct ssl_ctx_st;

struct wire {
	int            fd;  /* -1: closed */
	struct ssl_st *ssl; /* owned; NULL: plain */
	uint64_t       raw_in, raw_out; /* bytes below TLS, once it is closed */
	bool           read_wants_out, write_wants_in; /* OpenSSL's handshake turns directions around */
};

/* Starts a connect. window: bytes of the receive buffer, 0: the kernel's. Returns 0, or a negative errno; the socket is
 * writable when the connect has ended. */
must_use int wire_connect(struct wire *w, const struct sockaddr *sa, socklen_t len, int window);
must_use int wire_connected(const struct wire *w); /* 0, -EINPROGRESS, or what went wrong */
/* Puts OpenSSL on it; name is for the client's side, NULL on the server's. */
void wire_secure(struct wire *w, struct ssl_ctx_st *ctx, const char *name);

/* Bytes; 0 at the end (reading); -EAGAIN: not now; else a negative errno. An end without close_notify is -EPROTO. */
must_use ssize_t wire_read(struct wire *w, void *buf, size_t n);
must_use ssize_t wire_write(struct wire *w, const void *buf, size_t n);
must_use int wire_fin(struct wire *w); /* close_notify and FIN; 0, -EAGAIN or worse */
bool wire_all_acknowledged(const struct wire *w);
void wire_close(struct wire *w);
void wire_reset(struct wire *w);

/* Contexts live until the program ends. */
struct ssl_ctx_st *wire_client_ctx(const char *ca);
struct ssl_ctx_st *wire_server_ctx(const char *cert, const char *key);

#endif
