/* Two ends that write a stream each and read the other's, until both know how it ended. */
#include "tests/flow/kit/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a read or a write, and so of a TLS record. */
#define PIECE 16000

/* ---- one end ---- */

static void end_open(struct exchange_end *e, int fd, SSL_CTX *ctx, bool is_client, uint64_t bytes)
{
	*e = (struct exchange_end){
		.fd = fd,
		.out = is_client ? 1 : 2,
		.in = is_client ? 2 : 1,
		.bytes = bytes,
		.up = ctx == NULL,
		.intact = true,
	};
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (ctx == NULL)
		return;
	e->ssl = SSL_new(ctx);
	SSL_set_fd(e->ssl, fd);
	is_client ? SSL_set_connect_state(e->ssl) : SSL_set_accept_state(e->ssl);
}

static void end_close(struct exchange_end *e)
{
	if (e->fd < 0)
		return;
	SSL_free(e->ssl);
	ERR_clear_error();
	close(e->fd);
	e->fd = -1;
}

static void end_is(struct exchange_end *e, int err)
{
	if (!e->ended)
		e->err = err;
	e->ended = true;
	if (err != 0)
		e->silent = true;
}

static bool end_over(const struct exchange_end *e)
{
	return e->ended && e->silent;
}

/* -EAGAIN to wait, or why TLS came to its end: 0 is close_notify. */
static ssize_t end_why(const struct exchange_end *e, int r)
{
	int why = SSL_get_error(e->ssl, r);

	ERR_clear_error();
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	return why == SSL_ERROR_ZERO_RETURN ? 0 : -EPROTO;
}

static ssize_t end_read(struct exchange_end *e, void *buf, size_t n)
{
	size_t got;
	ssize_t r;
	int ok;

	if (e->ssl != NULL) {
		ok = SSL_read_ex(e->ssl, buf, n, &got);
		return ok == 1 ? (ssize_t)got : end_why(e, ok);
	}
	r = recv(e->fd, buf, n, 0);
	return r < 0 ? -errno : r;
}

static ssize_t end_write(struct exchange_end *e, const void *buf, size_t n)
{
	size_t put;
	ssize_t r;
	int ok;

	if (e->ssl != NULL) {
		ok = SSL_write_ex(e->ssl, buf, n, &put);
		r = ok == 1 ? (ssize_t)put : end_why(e, ok);
		return r == 0 ? -EPROTO : r;
	}
	r = send(e->fd, buf, n, MSG_NOSIGNAL);
	return r < 0 ? -errno : r;
}

static void end_read_on(struct exchange_end *e)
{
	char buf[PIECE];
	ssize_t n;

	while (!e->ended) {
		n = end_read(e, buf, sizeof(buf));
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			end_is(e, (int)-n);
			return;
		}
		if (!kit_stream_same(e->in, e->got, buf, (size_t)n))
			e->intact = false;
		e->got += (uint64_t)n;
	}
}

/* False: there is no room, or nobody to write to. EPIPE says that an orderly end came before the
 * reset: reading tells. */
static bool end_write_piece(struct exchange_end *e)
{
	char buf[PIECE];
	size_t want = e->bytes - e->sent < sizeof(buf) ? (size_t)(e->bytes - e->sent) : sizeof(buf);
	ssize_t n;

	kit_stream_fill(e->out, e->sent, buf, want);
	n = end_write(e, buf, want);
	if (n == -EPIPE)
		end_read_on(e);
	if (n < 0 && n != -EAGAIN)
		end_is(e, (int)-n);
	if (n < 0)
		return false;
	e->sent += (uint64_t)n;
	return true;
}

static void end_write_on(struct exchange_end *e)
{
	while (!e->silent && e->sent < e->bytes)
		if (!end_write_piece(e))
			return;
	if (e->silent)
		return;
	e->silent = true;
	if (e->ssl != NULL)
		SSL_shutdown(e->ssl);
	ERR_clear_error();
	shutdown(e->fd, SHUT_WR);
}

static void end_shake_hands(struct exchange_end *e)
{
	int ok = SSL_do_handshake(e->ssl);

	e->up = ok == 1;
	if (!e->up && end_why(e, ok) != -EAGAIN)
		end_is(e, EPROTO);
}

static void end_step(struct exchange_end *e)
{
	if (e->fd < 0 || end_over(e))
		return;
	if (!e->up)
		end_shake_hands(e);
	if (!e->up)
		return;
	end_read_on(e);
	end_write_on(e);
	if (e->ssl != NULL)
		end_read_on(e); /* what a write has read ahead */
}

static struct pollfd end_wants(const struct exchange_end *e)
{
	return (struct pollfd){
		.fd = end_over(e) ? -1 : e->fd,
		.events = (short)((e->ended ? 0 : POLLIN) | (e->silent || !e->up ? 0 : POLLOUT)),
	};
}

/* ---- both ---- */

static void exchange_accept(struct exchange *x, const struct exchange_opts *o)
{
	int fd = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 && x->nservers < EXCHANGE_SERVERS)
		end_open(&x->server[x->nservers++], fd, o->server, false, o->bytes);
	else if (fd >= 0)
		close(fd);
}

static void exchange_turn(struct exchange *x, const struct exchange_opts *o)
{
	struct pollfd p[EXCHANGE_SERVERS + 2] = {{.fd = o->listener, .events = POLLIN}, end_wants(&x->client)};
	nfds_t n = 2;

	for (int i = 0; i < x->nservers; i++)
		p[n++] = end_wants(&x->server[i]);
	poll(p, n, 20);
	exchange_accept(x, o);
	end_step(&x->client);
	x->over = end_over(&x->client);
	for (int i = 0; i < x->nservers; i++) {
		end_step(&x->server[i]);
		x->over = x->over && end_over(&x->server[i]);
	}
}

bool exchange_run(struct exchange *x, const struct exchange_opts *o)
{
	int64_t begin = kit_now_ms();
	int fd;

	memset(x, 0, sizeof(*x));
	while ((fd = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd); /* of an exchange that is over */
	fd = kit_try_connect(o->ip, o->port);
	if (fd < 0) {
		/* One that is reset as soon as it stands is connected, and cut. */
		x->client = (struct exchange_end){.fd = -1, .bytes = o->bytes, .intact = true};
		end_is(&x->client, -fd);
		x->over = true;
		return fd == -ECONNRESET;
	}
	end_open(&x->client, fd, o->client, true, o->bytes);
	while (!x->over && kit_now_ms() < begin + o->ms &&
	       (o->go_on == NULL || o->go_on(o->arg, kit_now_ms() - begin)))
		exchange_turn(x, o);
	end_close(&x->client);
	for (int i = 0; i < x->nservers; i++)
		end_close(&x->server[i]);
	return true;
}

const struct exchange_end *exchange_server(const struct exchange *x)
{
	return x->nservers > 0 ? &x->server[x->nservers - 1] : NULL;
}

bool exchange_whole(const struct exchange *x)
{
	const struct exchange_end *c = &x->client, *s = exchange_server(x);

	return s != NULL && x->over && c->got == c->bytes && s->got == s->bytes && c->err == 0 && s->err == 0;
}
