/* warm_world: one worker that is control and worker, what it keeps ready to one server, and that server, which is the
 * script's own: real sockets. A script never asserts, since it is a coroutine: it returns what is wrong, or NULL. */
#ifndef TESTS_UNIT_PROXY_CONN_WARM_WORLD_H
#define TESTS_UNIT_PROXY_CONN_WARM_WORLD_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netpoll/hook.h"
#include "proxy/conn/warm_set.h"
#include "tests/unit/proxy/health/world.h"

#define SOCKETS 64

static struct scene {
	struct health_world world, other; /* other: of the next generation, its upstream of the same name */
	struct shard *shard;
	struct limit limit;
	int listener, port;
	int fd[SOCKETS]; /* accepted, the oldest first; -1: closed */
	unsigned n;      /* accepted so far */
	unsigned most;   /* that it may keep */
	int64_t real, fast; /* clock: since then it runs so many times as fast */
	const char *(*script)(void);
	const char *problem;
} scene;

/* ---- the server ---- */

static inline void accept_all(void)
{
	int fd;

	while (scene.n < SOCKETS && (fd = accept4(scene.listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		scene.fd[scene.n++] = fd;
}

/* Neither ended nor reset by the worker. */
static inline bool is_open(int fd)
{
	char byte;
	ssize_t n = fd >= 0 ? recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) : 0;

	return n < 0 && errno == EAGAIN;
}

static inline unsigned count_open(void)
{
	unsigned n = 0;

	accept_all();
	for (unsigned i = 0; i < scene.n; i++)
		n += is_open(scene.fd[i]);
	return n;
}

static inline void close_at(unsigned i)
{
	close(scene.fd[i]);
	scene.fd[i] = -1;
}

/* ---- waiting ---- */

/* By the real clock. */
static inline bool until(bool (*cond)(unsigned n), unsigned n)
{
	int64_t deadline = nanotime() + KIT_MS * NP_MS;

	while (!cond(n) && nanotime() < deadline)
		np_sleep(NP_MS);
	return cond(n);
}

static inline struct server_stats *stats(void)
{
	return &world_server(&scene.world, 0)->stats[0];
}

/* Exactly so many, on both sides. */
static inline bool keeps(unsigned n)
{
	return count_open() == n && stats()->warm_idle == n && stats()->warm_dials == 0;
}

static inline bool has_accepted(unsigned n)
{
	accept_all();
	return scene.n >= n;
}

/* The worker has looked at its servers so often. */
static inline bool has_looked(unsigned n)
{
	return scene.shard->warm != NULL && scene.shard->warm->pass >= n;
}

/* ... and once more from now on. */
static inline bool looks_again(void)
{
	return until(has_looked, scene.shard->warm->pass + 2);
}

static inline bool has_failed(unsigned n)
{
	return stats()->refused >= n;
}

/* ---- the worker ---- */

static inline int64_t fast_clock(void)
{
	int64_t now = nanotime();

	return scene.real != 0 ? scene.real + (now - scene.real) * scene.fast : now;
}

static inline bool serve_all(struct health_world *w)
{
	return warm_serve(scene.shard, w->snap, scene.most) == 0;
}

static inline const struct target *target_of(struct health_world *w)
{
	return &w->snap->targets[0];
}

static inline bool take(struct stream *out)
{
	*out = (struct stream){.tls = NULL};
	return warm_take(scene.shard, target_of(&scene.world), world_server(&scene.world, 0), out);
}

static inline bool has_ended(unsigned n)
{
	unsigned left = 0;

	(void)n;
	warm_end(scene.shard, &left);
	return left == 0;
}

static inline void script_main(void *arg)
{
	(void)arg;
	scene.world.registry.control = scene.shard->worker = np_self();
	snapshot_hold(scene.world.snap, 0); /* what is current */
	if (!serve_all(&scene.world))
		scene.problem = "memory";
	else
		scene.problem = scene.script();
	if (!until(has_ended, 0) && scene.problem == NULL)
		scene.problem = "all ends";
	if (count_open() != 0 && scene.problem == NULL)
		scene.problem = "all are closed at the end";
	scene.world.snap->use[0].count--;
}

static inline void open_at(const char *ip, const char *keys)
{
	char text[256];

	memset(&scene, 0, sizeof(scene));
	scene.fast = 1;
	scene.most = 1000;
	scene.listener = kit_listen(ip, &scene.port, SOCKETS);
	assert_int_equal(fcntl(scene.listener, F_SETFL, O_NONBLOCK), 0);
	snprintf(text, sizeof(text), "servers: [\"%s:%d\"], %s", kit_ip(0), scene.port, keys);
	world_open(&scene.world, 1, text);
	scene.shard = aligned_alloc(_Alignof(struct shard), sizeof(*scene.shard));
	assert_int_equal(shard_init(scene.shard, 0, &scene.limit), 0);
}

static inline void open_scene(const char *keys)
{
	open_at(kit_ip(0), keys);
}

static inline void run(const char *(*script)(void))
{
	const struct np_worker_opts o = {.name = "warm", .cpu = -1, .main = script_main};

	scene.script = script;
	hook.nanotime = fast_clock;
	assert_int_equal(np_run(&o), 0);
	hook_reset();
	for (unsigned i = 0; i < scene.n; i++)
		if (scene.fd[i] >= 0)
			close(scene.fd[i]);
	if (scene.listener >= 0)
		close(scene.listener);
	shard_fini(scene.shard);
	free(scene.shard);
	if (scene.problem != NULL)
		fail_msg("%s", scene.problem);
	assert_int_equal(world_server(&scene.world, 0)->kept, 0);
	world_close(&scene.world);
}

#endif
