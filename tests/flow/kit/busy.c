/* One thread over poll; each connection has at most one piece under way, so that what is written always has room in its
 * socket. */
#include "tests/flow/kit/busy.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE 700

/* Microseconds, monotonic: a piece takes few of them. */
static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The next bytes of the connection's own stream, whole: a piece fits any socket, and any record. What goes wrong is
 * kept for busy_stop. */
static void begin_piece(struct busy_conn *c, int64_t now)
{
	uint8_t piece[PIECE];
	size_t done = 0;
	ssize_t n;

	kit_stream_fill(c->seed, c->sent, piece, sizeof(piece));
	if (c->tls.ssl != NULL)
		n = SSL_write_ex(c->tls.ssl, piece, sizeof(piece), &done) == 1 ? (ssize_t)done : -1;
	else
		n = send(c->fd, piece, sizeof(piece), MSG_NOSIGNAL);
	if (n != (ssize_t)sizeof(piece))
		c->err = n < 0 && errno != 0 ? errno : EPIPE;
	c->sent += sizeof(piece);
	c->began = now;
}

/* What is there.   Returns  bytes; 0: nothing now, or it has failed. */
static size_t take_piece(struct busy_conn *c, uint8_t *room, size_t n)
{
	size_t got = 0;
	ssize_t some;

	if (c->tls.ssl != NULL) {
		int r = SSL_read_ex(c->tls.ssl, room, n, &got);

		if (r != 1 && SSL_get_error(c->tls.ssl, r) != SSL_ERROR_WANT_READ)
			c->err = EPIPE;
		ERR_clear_error();
		return r == 1 ? got : 0;
	}
	some = recv(c->fd, room, n, 0);
	if (some == 0 || (some < 0 && errno != EAGAIN))
		c->err = some < 0 ? errno : EPIPE;
	return some > 0 ? (size_t)some : 0;
}

/* Until nothing is there. The last byte of a piece ends its time, and sets when the next one is due. */
static void read_busy(struct busy *b, struct busy_conn *c)
{
	uint8_t room[PIECE];
	size_t n;

	while (c->err == 0 && (n = take_piece(c, room, sizeof(room))) > 0) {
		if (!kit_stream_same(c->seed, c->got, room, n))
			c->err = EIO;
		c->got += n;
		if (c->got == c->sent) {
			int64_t now = now_us();

			pthread_mutex_lock(&b->lock);
			if (now - c->began > c->worst)
				c->worst = now - c->began;
			pthread_mutex_unlock(&b->lock);
			c->due = now + (int64_t)b->every_ms * 1000;
		}
	}
}

/* Returns  how many have a piece under way. */
static int busy_turn(struct busy *b, struct pollfd *p, bool begin)
{
	int64_t now = now_us();
	int under_way = 0;

	for (int i = 0; i < b->n; i++) {
		struct busy_conn *c = &b->conns[i];

		if (begin && c->err == 0 && c->got == c->sent && now >= c->due)
			begin_piece(c, now);
		under_way += c->err == 0 && c->got != c->sent;
		p[i] = (struct pollfd){c->err == 0 ? c->fd : -1, POLLIN, 0};
	}
	if (poll(p, (nfds_t)b->n, 1) > 0)
		for (int i = 0; i < b->n; i++)
			if (p[i].revents != 0)
				read_busy(b, &b->conns[i]);
	return under_way;
}

/* At the end what is under way comes back yet, so that each stream is whole. */
static void *busy_main(void *arg)
{
	struct busy *b = arg;
	struct pollfd *p = calloc((size_t)b->n, sizeof(*p));
	int64_t by;

	while (p != NULL && !__atomic_load_n(&b->stop, __ATOMIC_ACQUIRE))
		(void)busy_turn(b, p, true);
	by = now_us() + KIT_MS * 1000;
	while (p != NULL && busy_turn(b, p, false) > 0 && now_us() < by)
		;
	free(p);
	return NULL;
}

void busy_start(struct busy *b, struct busy_conn *conns, int n, int every_ms)
{
	*b = (struct busy){.lock = PTHREAD_MUTEX_INITIALIZER, .conns = conns, .n = n, .every_ms = every_ms};
	for (int i = 0; i < n; i++) {
		conns[i].seed = (uint64_t)i + 1;
		fcntl(conns[i].fd, F_SETFL, O_NONBLOCK);
		if (conns[i].tls.ssl != NULL)
			SSL_set_app_data(conns[i].tls.ssl, &conns[i].tls); /* it has been copied */
	}
	assert_int_equal(pthread_create(&b->thread, NULL, busy_main, b), 0);
}

/* For qsort. */
static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void busy_worst(struct busy *b, int64_t us[])
{
	pthread_mutex_lock(&b->lock);
	for (int i = 0; i < b->n; i++) {
		us[i] = b->conns[i].worst;
		b->conns[i].worst = 0;
	}
	pthread_mutex_unlock(&b->lock);
	qsort(us, (size_t)b->n, sizeof(*us), by_time);
}

/* First all are judged, so that the message says how many broke; then each ends as it should. */
void busy_stop(struct busy *b)
{
	int broken = 0, which = 0;

	__atomic_store_n(&b->stop, true, __ATOMIC_RELEASE);
	pthread_join(b->thread, NULL);
	for (int i = 0; i < b->n; i++) {
		struct busy_conn *c = &b->conns[i];

		if (c->err != 0 || c->got != c->sent || c->got == 0) {
			broken++;
			which = i;
		}
	}
	if (broken > 0)
		kit_fail("%d of %d connections broke, such as %d (%s): %llu bytes of %llu have come back: %s", broken,
			 b->n, which,
			 b->conns[which].tls.ssl != NULL ? SSL_get_version(b->conns[which].tls.ssl) : "plain",
			 (unsigned long long)b->conns[which].got, (unsigned long long)b->conns[which].sent,
			 strerror(b->conns[which].err));
	for (int i = 0; i < b->n; i++) {
		fcntl(b->conns[i].fd, F_SETFL, 0);
		if (b->conns[i].tls.ssl == NULL) {
			kit_half_close(b->conns[i].fd);
			kit_expect_fin(b->conns[i].fd);
			close(b->conns[i].fd);
			continue;
		}
		tls_peer_half_close(&b->conns[i].tls);
		assert_int_equal(tls_peer_next(&b->conns[i].tls), 0);
		tls_peer_close(&b->conns[i].tls);
	}
}

struct busy_conn busy_plain(const char *ip, int port)
{
	return (struct busy_conn){.fd = kit_connect(ip, port)};
}

/* The certificate is not looked at: this is about what comes behind the handshake. */
struct busy_conn busy_tls(const char *ip, int port, int max)
{
	struct busy_conn c = {.fd = kit_connect(ip, port)};
	struct tls_peer_opts o = {.sni = "a.test", .max = max};

	if (!tls_peer_dial(&c.tls, c.fd, &o))
		kit_fail("no handshake with %s:%d", ip, port);
	return c;
}
