/* replay_world: a client, three servers and a connection between them, coroutines of one worker, so that each order of
 * events is one number. A play says what the client sends and where each of its servers ends; the rig notes what
 * came. */
#ifndef TESTS_UNIT_PROXY_CONN_REPLAY_WORLD_H
#define TESTS_UNIT_PROXY_CONN_REPLAY_WORLD_H

#include "tests/unit/proxy/conn/relay_world.h"

#include "proxy/conn/conn_extra.h"
#include "proxy/conn/replay.h"

#define SERVERS 3
#define KEEP    64
#define MOST    (KEEP + 8) /* bytes of a client's */
#define SETTLED 300        /* turns in which the poller has been asked more than once */

enum how { SERVES, FINS, RESETS, SPEAKS_AND_RESETS, HANGS, SPEAKS_AND_HANGS, HALF_CLOSES };

/* One connection of a client's, and what its first, second and third server do. */
struct play {
	size_t n, chunk;    /* bytes, and how many at a time */
	bool fin;           /* and then its end */
	unsigned patience;  /* turns between two chunks */
	struct {
		enum how how;
		size_t reads; /* bytes before it ends */
	} server[SERVERS];
};

static struct rig {
	struct server_registry *registry;
	struct upstream *upstream;
	struct np_fd listener[SERVERS];
	int front;            /* where all clients connect: a listener for each would use up the ports */
	const struct play *is;
	unsigned attempts, serving;
	size_t got[SERVERS];  /* by the nth attempt */
	bool fin[SERVERS];    /* the client's end came there */
	long at[SERVERS];     /* which server that was */
	int cut_off;          /* how one that has half-closed was given up: as np_fd_read */
	bool wrong;           /* a byte that is not the client's next one */
	char answer[4];       /* what the client was sent */
	size_t nanswer;
	int end;              /* of the client's: as np_fd_read */
	bool heard;           /* the client's reader has ended */
	bool cut;             /* the servers hang no longer */
} rig;

/* ---- servers ---- */

struct serving {
	struct np_fd fd;
	unsigned attempt;
};

/* Reads up to `most` bytes; compares them with what the client sends.   Returns  false: the client has ended before. */
static inline bool server_read(struct serving *s, size_t most)
{
	size_t *got = &rig.got[s->attempt];
	char buf[MOST];

	while (*got < most) {
		ssize_t n = np_fd_read(&s->fd, buf, most - *got);

		if (n <= 0) {
			rig.fin[s->attempt] = n == 0;
			return false;
		}
		rig.wrong |= memcmp(buf, pattern(*got, 0), (size_t)n) != 0;
		*got += (size_t)n;
	}
	return true;
}

static inline void serve_whole(struct serving *s)
{
	char more;

	(void)server_read(s, rig.is->n);
	if (rig.is->fin && rig.got[s->attempt] == rig.is->n)
		rig.fin[s->attempt] = np_fd_read(&s->fd, &more, 1) == 0;
	(void)!np_fd_write(&s->fd, "!", 1, NULL);
}

static inline void serve(void *arg)
{
	struct serving *s = arg;
	enum how how = rig.is->server[s->attempt].how;

	np_fd_set_deadline(&s->fd, np_deadline_after(10 * NP_S));
	if (how == SERVES)
		serve_whole(s);
	else
		(void)server_read(s, rig.is->server[s->attempt].reads);
	if (how == SPEAKS_AND_RESETS || how == SPEAKS_AND_HANGS) {
		(void)!np_fd_write(&s->fd, "x", 1, NULL);
		while (np_fd_unsent(&s->fd) > 0)
			np_yield();
	}
	if (how == HALF_CLOSES) {
		char more[MOST];

		(void)!np_fd_close_write(&s->fd);
		while ((rig.cut_off = (int)np_fd_read(&s->fd, more, sizeof(more))) > 0)
			;
	}
	while ((how == HANGS || how == SPEAKS_AND_HANGS) && !rig.cut)
		np_yield();
	if (how == RESETS || how == SPEAKS_AND_RESETS)
		np_fd_close_reset(&s->fd);
	else
		np_fd_close(&s->fd);
	free(s);
	rig.serving--;
}

static inline void accept_loop(void *arg)
{
	struct np_fd *listener = arg;
	int sysfd;

	while ((sysfd = np_fd_accept(listener, NULL)) >= 0) {
		struct serving *s = calloc(1, sizeof(*s));

		CHECK(s != NULL && np_fd_init(&s->fd, sysfd) == 0, "a server's end");
		CHECK(rig.attempts < SERVERS, "no more servers than there are");
		rig.at[rig.attempts] = listener - rig.listener;
		s->attempt = rig.attempts++;
		rig.serving++;
		CHECK(np_go("serve", serve, s) == 0, "a stack for a server");
	}
}

/* ---- the client ---- */

static inline void client_write(void *arg)
{
	const struct play *is = rig.is;

	(void)arg;
	for (size_t at = 0; at < is->n; at += is->chunk) {
		size_t n = is->n - at < is->chunk ? is->n - at : is->chunk;

		for (unsigned i = 0; i < is->patience; i++)
			np_yield();
		if (np_fd_write(&world.app[0], pattern(at, 0), n, NULL) != 0)
			break;
	}
	if (is->fin)
		(void)!np_fd_close_write(&world.app[0]);
	rig.serving--;
}

static inline void client_read(void *arg)
{
	ssize_t n;

	(void)arg;
	while ((n = np_fd_read(&world.app[0], rig.answer + rig.nanswer, sizeof(rig.answer) - rig.nanswer)) > 0)
		rig.nanswer += (size_t)n;
	rig.end = (int)n;
	rig.heard = true;
	rig.serving--;
}

static inline void story(void *arg)
{
	struct conn *c = arg;
	enum close_reason why = connect_run(c);

	if (why != CLOSE_NONE)
		conn_end(c, why);
	else
		relay_start(c);
}

static inline void client_pair(int sv[2])
{
	struct np_addr a;

	CHECK(np_sock_addr(rig.front, &a) == 0, "where clients connect");
	sv[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(sv[0], &a.u.sa, a.len) == 0, "a client connects");
	sv[1] = accept4(rig.front, NULL, NULL, SOCK_NONBLOCK);
	CHECK(fcntl(sv[0], F_SETFL, O_NONBLOCK) == 0 && sv[1] >= 0, "and is accepted");
}

static inline void begin_play(const struct play *is)
{
	struct conn *c = calloc(1, sizeof(*c));
	int sv[2];

	rig.is = is;
	rig.attempts = 0;
	rig.wrong = rig.heard = rig.cut = false;
	rig.nanswer = 0;
	memset(rig.got, 0, sizeof(rig.got));
	memset(rig.fin, 0, sizeof(rig.fin));
	client_pair(sv);
	CHECK(c != NULL && np_fd_init(&world.app[0], sv[0]) == 0, "a client");
	np_fd_set_deadline(&world.app[0], np_deadline_after(10 * NP_S));
	c->magic = CONN_MAGIC;
	c->phase = CONN_CONNECTING;
	c->shard = world.shard;
	c->listener = &world.listener;
	c->accepted = np_now();
	c->connected = c->first_byte = SINCE_NEVER;
	c->peer.sa.sa_family = AF_INET;
	list_push_back(&world.shard->conns, &c->link);
	world.shard->nconns++;
	world.limit.used = world.counts.limit.used = 1;
	world.use.count = 2;
	CHECK(np_fd_init(&c->client.fd, sv[1]) == 0, "the client's end of the connection");
	world.conn = c;
	rig.serving = 2;
	CHECK(np_go("conn", story, c) == 0 && np_go("write", client_write, NULL) == 0 &&
	      np_go("read", client_read, NULL) == 0, "stacks");
}

/* The connection and all who speak have ended; each place and slot is back. */
static inline void end_play(void)
{
	int64_t deadline = np_deadline_after(20 * NP_S);

	rig.cut = true;
	while (!conn_ended() && np_nanotime() < deadline)
		np_yield();
	np_fd_close(&world.app[0]);
	/* a dial that was given up may have a server that accepts it now: it is of this play, and not of the next */
	for (unsigned i = 0; (i < SETTLED || rig.serving > 0) && np_nanotime() < deadline; i++)
		np_yield();
	CHECK(conn_ended() && rig.serving == 0, "a connection ends");
	CHECK(world.limit.used == 0 && world.counts.limit.used == 0 && world.use.count == 1, "its places are back");
	for (unsigned i = 0; i < SERVERS; i++)
		CHECK(server_active(rig.upstream->members->at[i].server) == 0, "its slots are back");
}

/* Until the client has its end, and ends too. */
static inline void finish_play(void)
{
	while (!rig.heard)
		np_yield();
	np_fd_close(&world.app[0]);
	end_play();
}

static inline void run_play(const struct play *is)
{
	begin_play(is);
	finish_play();
}

static inline uint64_t replays(enum replay_result r)
{
	return rig.upstream->live->stats[0].replays[r];
}

/* ---- the world ---- */

static void (*script)(void);

static inline void rig_main(void *arg)
{
	(void)arg;
	world.shard->worker = np_self();
	for (unsigned i = 0; i < SERVERS; i++)
		CHECK(np_go("accept", accept_loop, &rig.listener[i]) == 0, "a stack for a server");
	script();
	for (unsigned i = 0; i < SERVERS; i++)
		np_fd_close(&rig.listener[i]);
}

static inline int listen_there(void)
{
	struct np_addr a;
	int sysfd;

	assert_int_equal(np_addr_parse(&a, "127.0.0.1:0", NULL), 0);
	sysfd = np_listen(&a, &(struct np_listen_opts){.backlog = 64});
	assert_true(sysfd >= 0);
	return sysfd;
}

static inline void listen_at(unsigned i, struct server_spec *spec)
{
	static const char *const names[SERVERS] = {"a", "b", "c"};
	int sysfd = listen_there();

	assert_int_equal(np_sock_addr(sysfd, &spec->addr), 0);
	spec->weight = 1;
	spec->text = names[i];
	rig.listener[i] = (struct np_fd){.sysfd = sysfd};
}

static inline void make_upstream(const struct upstream_spec *more)
{
	struct server_spec servers[SERVERS] = {{.text = NULL}};
	struct upstream_spec spec = *more;

	for (unsigned i = 0; i < SERVERS; i++)
		listen_at(i, &servers[i]);
	spec.name = "u";
	spec.servers = servers;
	spec.nservers = SERVERS;
	spec.connect_timeout = spec.retry_budget = 10 * NP_S;
	rig.registry = server_registry_new(1);
	assert_non_null(rig.registry);
	rig.upstream = upstream_new(&spec, rig.registry);
	assert_non_null(rig.upstream);
}

/* The listeners' descriptors belong to the worker that runs. */
static inline void rig_begin(void *arg)
{
	for (unsigned i = 0; i < SERVERS; i++)
		CHECK(np_fd_init(&rig.listener[i], rig.listener[i].sysfd) == 0, "a listener");
	rig_main(arg);
}

static inline void run(void (*fn)(void), const struct upstream_spec *spec)
{
	const struct np_worker_opts o = {.name = "replay", .cpu = -1, .main = rig_begin};
	struct shard *s = aligned_alloc(_Alignof(struct shard), sizeof(*s));

	assert_non_null(s);
	memset(&world, 0, sizeof(world));
	memset(&rig, 0, sizeof(rig));
	script = fn;
	world.shard = s;
	assert_int_equal(shard_init(s, 0, &world.limit), 0);
	make_upstream(spec);
	rig.front = listen_there();
	world.snap.use = &world.use;
	world.snap.shares = 1;
	world.counts.stats = &world.listener_stats;
	world.target = (struct target){.upstream = rig.upstream, .replay = KEEP};
	world.targets[0] = &world.target;
	world.listener = (struct listener){
		.snap = &world.snap, .name = "l", .counts = &world.counts, .targets = world.targets,
		.idle = 10 * NP_S, .half_close = 10 * NP_S, .lifetime = INT64_MAX, .linger = 10 * NP_S,
	};
	assert_int_equal(np_run(&o), 0);
	close(rig.front);
	upstream_free(rig.upstream);
	server_registry_free(rig.registry);
	shard_fini(s);
	free(s);
}

static const struct upstream_spec usual = {.balance = BALANCE_ROUND_ROBIN, .retries = 2};

#endif
