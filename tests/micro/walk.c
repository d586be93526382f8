/* walk: what one part of a list of connections costs the worker that fills it, with all that may be asked of each
 * (tcp=1): 9,000 of them, all TCP, with both legs. A part is one turn of the loop, so the longest is what traffic may
 * wait for. CPU time of the thread is told beside it: on a busy machine the clock also counts what others did. */
#include "tests/micro/micro.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proxy/conn/conn_row.h"

#define CONNS 9000
#define WALKS 20
#define PARTS (WALKS * CONNS)

static struct conn_world {
	struct shard *shard;
	struct snapshot snap;
	struct upstream upstream;
	struct target target;
	const struct target *targets[1];
	struct listener listener;
	struct upstream_live live;
	struct server server;
	int listening;
	int64_t cpu[PARTS], clock[PARTS];
	unsigned parts, rows;
} world;

static int64_t read_clock(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * NP_S + ts.tv_nsec;
}

/* The peers of all sockets, in a process of their own: one has not the descriptors for both ends. */
static void be_the_peers(const struct sockaddr_in *to)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 2 * CONNS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
			_exit(1);
	}
	pause();
}

static int accepted(void)
{
	int fd = accept4(world.listening, NULL, NULL, SOCK_NONBLOCK);

	CHECK(fd >= 0, "a peer connects; ulimit -n is 20000 or more");
	return fd;
}

static void make_conn(void)
{
	struct conn *c = micro_need(calloc(1, sizeof(*c)));

	c->magic = CONN_MAGIC;
	c->phase = CONN_RELAYING;
	c->shard = world.shard;
	c->listener = &world.listener;
	c->server = &world.server;
	c->accepted = ++world.shard->last_accepted;
	c->peer.in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(np_fd_init(&c->client.fd, accepted()) == 0, "a descriptor for the client");
	CHECK(np_fd_init(&c->upstream.fd, accepted()) == 0, "a descriptor for the server");
	list_push_back(&world.shard->conns, &c->link);
}

static void drop_conn(struct conn *c)
{
	np_fd_close(&c->client.fd);
	np_fd_close(&c->upstream.fd);
	list_remove(&c->link);
	free(c);
}

static void fill_part(struct conn_slice *slice)
{
	int64_t cpu = read_clock(CLOCK_THREAD_CPUTIME_ID), clock = read_clock(CLOCK_MONOTONIC);
	const struct conn_row *row;
	size_t at = 0;

	conn_slice_fill(world.shard, slice);
	world.clock[world.parts] = read_clock(CLOCK_MONOTONIC) - clock;
	world.cpu[world.parts++] = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
	while ((row = conn_slice_next(slice, &at)) != NULL)
		world.rows += row->tcp.has[0] && row->tcp.has[1];
}

static void world_main(void *arg)
{
	static struct conn_filter all;
	struct conn_slice *slice = micro_need(calloc(1, sizeof(*slice)));

	(void)arg;
	world.shard->worker = np_self();
	for (int i = 0; i < CONNS; i++)
		make_conn();
	slice->filter = &all;
	slice->wants = CONN_WANT_LOCAL | CONN_WANT_PENDING | CONN_WANT_TLS | CONN_WANT_TCP;
	for (int i = 0; i < WALKS; i++) {
		slice->over = false;
		while (!slice->over) {
			fill_part(slice);
			np_sleep(NP_MS / 10); /* another turn */
		}
	}
	free(slice);
	list_for_each_safe(it, &world.shard->conns)
		drop_conn(list_entry(it, struct conn, link));
}

static int longer(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void say(const char *what, int64_t *ns)
{
	unsigned n = world.parts;

	qsort(ns, n, sizeof(*ns), longer);
	printf("walk: a part of tcp=1, %-8s %8.1f us, p99 %.1f, longest %.1f, of %u parts\n", what,
	       (double)ns[n / 2] / 1000, (double)ns[n - 1 - n / 100] / 1000, (double)ns[n - 1] / 1000, n);
}

static void world_init(void)
{
	struct shard *s = micro_need(aligned_alloc(_Alignof(struct shard), sizeof(*s)));

	CHECK(shard_init(s, 0, NULL) == 0, "memory for a shard");
	world.shard = s;
	world.upstream.name = "app";
	world.target.upstream = &world.upstream;
	world.targets[0] = &world.target;
	world.server.live = &world.live;
	world.server.name = "app/127.0.0.1:80";
	world.server.text = "127.0.0.1:80";
	world.listener.snap = &world.snap;
	world.listener.name = "web";
	world.listener.targets = world.targets;
}

int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct np_worker_opts o = {.name = "walk", .cpu = -1, .main = world_main};
	struct rlimit most;
	socklen_t len = sizeof(a);
	pid_t peers;

	if (getrlimit(RLIMIT_NOFILE, &most) != 0 || most.rlim_max < 2 * CONNS + 100) {
		printf("walk: skipped: fewer than %d descriptors\n", 2 * CONNS + 100);
		return 0;
	}
	most.rlim_cur = most.rlim_max;
	(void)!setrlimit(RLIMIT_NOFILE, &most);
	world.listening = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(world.listening, (struct sockaddr *)&a, len) == 0 && listen(world.listening, 4096) == 0 &&
	      getsockname(world.listening, (struct sockaddr *)&a, &len) == 0, "loopback listens");
	peers = fork();
	if (peers == 0)
		be_the_peers(&a);
	world_init();
	CHECK(np_run(&o) == 0, "a worker runs");
	CHECK(world.rows == WALKS * CONNS, "each walk has met all");
	say("CPU time", world.cpu);
	say("clock", world.clock);
	kill(peers, SIGKILL);
	waitpid(peers, NULL, 0);
	return 0;
}
