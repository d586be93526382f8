/* relay_world: a relay between two socket pairs on one worker, with everything around it made by hand.
 *
 *   app --a-- [client  conn  upstream] --b-- app
 *
 * The script is a coroutine on the same worker and plays both applications. It writes down what it saw,
 * and the test asserts when relay_world_run is back. A fault is made by the hook table, for the two
 * descriptors of the connection alone. */
#ifndef TESTS_UNIT_PROXY_CONN_RELAY_WORLD_H
#define TESTS_UNIT_PROXY_CONN_RELAY_WORLD_H

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/hook.h"
#include "proxy/conn/conn.h"
#include "proxy/conn/stages.h"

enum ends { ENDS_TCP, ENDS_UNIX };

/* What the relay is given. */
struct relay_case {
	enum ends ends;
	bool copy;            /* no splice */
	size_t up, down;      /* bytes from each application */
	int64_t half_close, linger, idle; /* 0: 10 s */
	void (*script)(void); /* NULL: both applications write all, end, and read to the end */
	int sndbuf;           /* of the connection's sockets; 0: the kernel's */
};

/* What the applications saw. */
struct relay_saw {
	size_t got[2];      /* bytes at b, from a; and at a, from b */
	int end[2];         /* the last read's result there: 0 or -NP_Exxx */
	bool told[2];       /* a write there failed: that application knows, as by a failed read */
	bool altered;       /* a byte was not what was sent */
	enum close_reason why;
	int64_t took;       /* ns from the start to conn_end */
};

static struct relay_world {
	const struct relay_case *is;
	struct relay_saw saw;
	struct shard *shard;
	struct limit limit;
	struct snapshot snap;
	struct snapshot_use use;
	struct listener_counts counts;
	struct upstream upstream;
	struct target target;
	const struct target *targets[1];
	struct listener listener;
	struct upstream_live live;
	struct server server;
	struct listener_stats listener_stats; /* the cells of the one worker */
	struct server_stats server_stats;
	struct conn *conn;
	struct np_fd app[2]; /* a, b */
	int sysfd[2];        /* the connection's ends */
	unsigned running;    /* applications' coroutines */
	struct np_event over;
} world;

/* ---- sockets ---- */

static inline void tcp_pair(int sv[2], int sndbuf)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(l, (struct sockaddr *)&a, len) == 0 && listen(l, 1) == 0, "loopback listens");
	CHECK(getsockname(l, (struct sockaddr *)&a, &len) == 0, "a listener has an address");
	if (sndbuf > 0)
		setsockopt(l, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	sv[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (sndbuf > 0)
		setsockopt(sv[0], SOL_SOCKET, SO_RCVBUF, &sndbuf, sizeof(sndbuf));
	CHECK(connect(sv[0], (struct sockaddr *)&a, len) == 0, "loopback connects");
	sv[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	CHECK(fcntl(sv[0], F_SETFL, O_NONBLOCK) == 0 && sv[1] >= 0, "a pair of sockets");
	close(l);
}

static inline void make_pair(int sv[2])
{
	if (world.is->ends == ENDS_TCP)
		tcp_pair(sv, world.is->sndbuf);
	else
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == 0, "a pair of sockets");
}

#define APP_BUF 8192          /* bytes of one call of an application */
#define PATTERN (251 * 256) /* after so many bytes the pattern begins anew */

/* What the application at `side` writes from byte `at` on, APP_BUF bytes. It is copied and compared by the
 * library, since a loop over bytes takes minutes under ThreadSanitizer. */
static inline const char *pattern(size_t at, int side)
{
	static char bytes[2][PATTERN + APP_BUF];
	static bool made;

	for (size_t i = 0; i < sizeof(bytes[0]) && !made; i++)
		for (size_t s = 0; s < 2; s++)
			bytes[s][i] = (char)(i * 31 + i / 251 + s * 7);
	made = true;
	return bytes[side] + at % PATTERN;
}

/* ---- applications ---- */

static inline void app_done(void)
{
	if (--world.running == 0)
		np_event_set(&world.over);
}

static inline void app_write(int side, size_t n)
{
	size_t at = 0;

	while (at < n) {
		size_t some = n - at < APP_BUF ? n - at : APP_BUF;

		if (np_fd_write(&world.app[side], pattern(at, side), some, NULL) != 0) {
			world.saw.told[side] = true;
			return;
		}
		at += some;
	}
}

/* Reads at `side` what the other application wrote. */
static inline void app_read(int side)
{
	struct relay_saw *s = &world.saw;
	int from = !side;
	char buf[APP_BUF];
	ssize_t n;

	while ((n = np_fd_read(&world.app[side], buf, sizeof(buf))) > 0) {
		s->altered |= memcmp(buf, pattern(s->got[from], from), (size_t)n) != 0;
		s->got[from] += (size_t)n;
	}
	s->end[from] = (int)n;
}

static inline void app_writer(void *arg)
{
	int side = arg != NULL;

	app_write(side, side == 0 ? world.is->up : world.is->down);
	if (np_fd_close_write(&world.app[side]) != 0)
		world.saw.told[side] = true;
	app_done();
}

static inline void app_reader(void *arg)
{
	app_read(arg != NULL);
	app_done();
}

static inline void app_go(void (*fn)(void *arg), int side)
{
	world.running++;
	CHECK(np_go("app", fn, side != 0 ? &world : NULL) == 0, "no stack for an application");
}

static inline void apps_write_and_read(void)
{
	for (int side = 0; side < 2; side++) {
		app_go(app_writer, side);
		app_go(app_reader, side);
	}
	np_event_wait(&world.over);
}

/* ---- the connection ---- */

static inline bool conn_ended(void)
{
	return list_empty(&world.shard->conns);
}

static inline void wait_for_end(void)
{
	int64_t deadline = np_deadline_after(20 * NP_S);

	while (!conn_ended() && np_nanotime() < deadline)
		np_sleep(NP_MS);
	for (int why = 1; why < CLOSE_REASONS; why++)
		if (world.listener_stats.closed[why] > 0)
			world.saw.why = (enum close_reason)why;
}

static inline struct conn *world_conn(int client, int upstream)
{
	struct conn *c = calloc(1, sizeof(*c));

	CHECK(c != NULL, "memory for a connection");
	c->magic = CONN_MAGIC;
	c->phase = CONN_CONNECTING;
	c->shard = world.shard;
	c->listener = &world.listener;
	c->accepted = np_now();
	c->connected = 0;
	c->first_byte = SINCE_NEVER;
	c->peer.sa.sa_family = world.is->ends == ENDS_UNIX ? AF_UNIX : AF_INET;
	c->server = &world.server;
	list_push_back(&world.shard->conns, &c->link);
	world.shard->nconns++;
	CHECK(np_fd_init(&c->client.fd, client) == 0, "a descriptor for the client");
	CHECK(np_fd_init(&c->upstream.fd, upstream) == 0, "a descriptor for the server");
	if (world.is->ends == ENDS_UNIX) {
		np_fd_mark_unix(&c->client.fd);
		np_fd_mark_unix(&c->upstream.fd);
	}
	c->dir[0].unspliceable = c->dir[1].unspliceable = world.is->copy;
	return c;
}

static inline void world_main(void *arg)
{
	int a[2], b[2];
	int64_t begin;

	(void)arg;
	world.shard->worker = np_self();
	make_pair(a);
	make_pair(b);
	world.sysfd[0] = a[1];
	world.sysfd[1] = b[1];
	CHECK(np_fd_init(&world.app[0], a[0]) == 0, "a descriptor for the application");
	CHECK(np_fd_init(&world.app[1], b[0]) == 0, "a descriptor for the application");
	for (int side = 0; side < 2; side++)
		np_fd_set_deadline(&world.app[side], np_deadline_after(20 * NP_S));
	begin = np_nanotime();
	world.conn = world_conn(a[1], b[1]);
	relay_start(world.conn);
	if (world.is->script != NULL)
		world.is->script();
	else
		apps_write_and_read();
	wait_for_end();
	world.saw.took = np_nanotime() - begin;
	np_fd_close(&world.app[0]);
	np_fd_close(&world.app[1]);
}

static inline int64_t or_ten_seconds(int64_t ns)
{
	return ns != 0 ? ns : 10 * NP_S;
}

/* Runs the case; the hook table is as the caller left it, and is reset after. */
static inline void relay_world_run(const struct relay_case *is)
{
	const struct np_worker_opts o = {.name = "relay", .cpu = -1, .main = world_main};
	struct shard *s = aligned_alloc(_Alignof(struct shard), sizeof(*s));

	assert_non_null(s);
	memset(&world, 0, sizeof(world));
	world.is = is;
	world.shard = s;
	world.limit = (struct limit){.used = 1};
	assert_int_equal(shard_init(s, 0, &world.limit), 0);
	world.use.count = 2; /* the connection's, and one that keeps it */
	world.snap.use = &world.use;
	world.snap.shares = 1;
	world.counts.limit = (struct limit){.used = 1};
	world.counts.stats = &world.listener_stats;
	world.target.upstream = &world.upstream;
	world.targets[0] = &world.target;
	world.server.slots.used = 1;
	world.server.live = &world.live;
	world.server.stats = &world.server_stats;
	memset(&world.listener, 0, sizeof(world.listener));
	world.listener.snap = &world.snap;
	world.listener.name = "l";
	world.listener.counts = &world.counts;
	world.listener.targets = world.targets;
	world.listener.idle = or_ten_seconds(is->idle);
	world.listener.half_close = or_ten_seconds(is->half_close);
	world.listener.lifetime = INT64_MAX;
	world.listener.linger = or_ten_seconds(is->linger);
	assert_int_equal(np_run(&o), 0);
	hook_reset();
	assert_true(list_empty(&s->conns));
	assert_int_equal(world.limit.used, 0);
	assert_int_equal(world.server.slots.used, 0);
	assert_int_equal(world.use.count, 1);
	shard_fini(s);
	free(s);
}

#endif
