/* front: staunch in front of a test's servers, and the rule that holds after every test: the
 * process lives, its descriptors are back, the next connections succeed, its log has no complaint,
 * TERM ends it well.
 *
 * Three listeners: front is the one under test. probe leads to an echo, so that the rule can be
 * checked whatever became of the test's own servers. clock leads there too and closes what is
 * silent for a second: who waits for that has a second of the proxy's own time, and no sleep. */
#ifndef TESTS_FLOW_FRONT_H
#define TESTS_FLOW_FRONT_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/kit.h"

#define MB (1024 * 1024)

struct front_opts {
	const char *servers;  /* YAML: "[{address: ..., weight: 2}]"; see front_to() */
	const char *upstream; /* more keys of the upstream, or NULL */
	const char *listener; /* more keys of the listener, or NULL */
	const char *bind;     /* NULL: a TCP port of our own */
};

struct front {
	struct kit_staunch *s;
	pid_t pid;
	int port, probe_port, clock_port;
	int fds; /* at rest */
	const char *ip; /* where clients connect, as kit_connect wants it */
};

/* The one server's list of a peer on TCP. Good until the next call. */
static inline const char *front_to(int port)
{
	static char text[64];

	snprintf(text, sizeof(text), "[\"%s:%d\"]", kit_ip(0), port);
	return text;
}

/* More keys of a map, after those it has. */
static inline void front_keys(const char *keys, char text[512])
{
	snprintf(text, 512, "%s%s", keys != NULL ? ", " : "", keys != NULL ? keys : "");
}

static inline void front_write(const struct front *f, const struct front_opts *o, int echo,
			       char text[4096])
{
	char bind[KIT_PATH], listener[512], upstream[512];
	const char *const ip = kit_ip(1);

	snprintf(bind, sizeof(bind), "%s:%d", ip, f->port);
	front_keys(o->listener, listener);
	front_keys(o->upstream, upstream);
	snprintf(text, 4096,
		 "workers: 2\n"
		 "log: {access: \"@DIR@/access.log\", format: text}\n"
		 "shutdown: {timeout: 1s}\n"
		 "listeners:\n"
		 "  - {name: front, bind: \"%s\", upstream: back%s}\n"
		 "  - {name: probe, bind: \"%s:%d\", upstream: echo}\n"
		 "  - {name: clock, bind: \"%s:%d\", upstream: echo, timeouts: {idle: 1s}}\n"
		 "upstreams:\n"
		 "  - {name: back, servers: %s%s}\n"
		 "  - {name: echo, servers: [\"%s:%d\"]}\n",
		 o->bind != NULL ? o->bind : bind, listener, ip, f->probe_port, ip, f->clock_port,
		 o->servers, upstream, kit_ip(2), echo);
}

static inline struct front front_start(const struct front_opts *o)
{
	struct kit_peer_opts echo = {.ip = kit_ip(2), .serve = KIT_ECHO};
	struct front f = {.ip = kit_ip(1)};
	char text[4096];

	f.port = kit_port(f.ip);
	f.probe_port = kit_port(f.ip);
	f.clock_port = kit_port(f.ip);
	front_write(&f, o, kit_peer_port(kit_peer_start(&echo)), text);
	f.s = kit_staunch_start(text);
	f.pid = f.s->child->pid;
	f.fds = kit_proc_fds(f.pid);
	return f;
}

/* The usual case: one peer behind it. */
static inline struct front front_before(struct kit_peer *p, const char *listener)
{
	struct front_opts o = {.servers = front_to(kit_peer_port(p)), .listener = listener};

	return front_start(&o);
}

static inline int front_connect(const struct front *f)
{
	return kit_connect(f->ip, f->port);
}

/* Lines of the access log that have both texts. */
static inline int front_count(const struct front *f, const char *a, const char *b)
{
	FILE *file = fopen(f->s->access, "re");
	char line[1024];
	int n = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, a) != NULL && strstr(line, b) != NULL)
			n++;
	fclose(file);
	return n;
}

struct front_wanted {
	const struct front *f;
	const char *a, *b;
	int lines;
};

static inline bool front_has(void *arg)
{
	const struct front_wanted *w = arg;

	return front_count(w->f, w->a, w->b) >= w->lines;
}

/* Waits for n lines of the listener under test that end with this reason; exactly n. */
static inline void front_wait(const struct front *f, const char *reason, int n)
{
	char text[64], log[4096];
	struct front_wanted w = {.f = f, .a = text, .b = " listener=front ", .lines = n};

	snprintf(text, sizeof(text), " reason=%s ", reason);
	if (kit_wait(front_has, &w, KIT_MS)) {
		assert_int_equal(front_count(f, w.a, w.b), n);
		return;
	}
	kit_file_read(f->s->access, log, sizeof(log));
	kit_fail("not %d connections with%sin the log:\n%s", n, text, log);
}

/* The one connection of a test: its reason and the bytes each way. */
static inline void front_ended(const struct front *f, const char *reason, uint64_t in, uint64_t out)
{
	char bytes[64], log[4096];

	front_wait(f, reason, 1);
	snprintf(bytes, sizeof(bytes), " in=%llu out=%llu ", (unsigned long long)in,
		 (unsigned long long)out);
	if (front_count(f, bytes, " listener=front ") == 1)
		return;
	kit_file_read(f->s->access, log, sizeof(log));
	kit_fail("not%sin the log:\n%s", bytes, log);
}

/* A connection that a second of silence will end: poll it for its FIN. */
static inline int front_clock(const struct front *f)
{
	return kit_connect(f->ip, f->clock_port);
}

/* Milliseconds of CPU the proxy uses in a second in which the test does nothing. */
static inline long front_cpu_of_a_second(const struct front *f)
{
	long before = kit_proc_cpu_ms(f->pid);
	int fd = front_clock(f);

	kit_expect_fin(fd);
	close(fd);
	return kit_proc_cpu_ms(f->pid) - before;
}

static inline void front_probe(const struct front *f)
{
	for (int i = 0; i < 10; i++) {
		int fd = kit_connect(f->ip, f->probe_port);

		kit_send(fd, "alive?", 6);
		kit_half_close(fd);
		kit_expect(fd, "alive?", 6);
		kit_expect_fin(fd);
		close(fd);
	}
}

static inline void front_no_complaint(const struct front *f)
{
	static const char *const bad[] = {
		"\"level\":\"error\"", "Sanitizer", "runtime error", "CHECK",
	};

	for (size_t i = 0; i < array_len(bad); i++)
		assert_int_equal(kit_file_count(f->s->child->err, bad[i]), 0);
}

/* The rule, but for the end: for tests that go on. */
static inline void front_at_rest(const struct front *f)
{
	kit_proc_wait_fds(f->pid, f->fds);
	front_probe(f);
	kit_proc_wait_fds(f->pid, f->fds);
	front_no_complaint(f);
}

static inline void front_end(const struct front *f)
{
	front_at_rest(f);
	assert_int_equal(kit_staunch_stop(f->s, SIGTERM), 0);
	front_no_complaint(f);
}

/* --- somebody who sends while the test reads; the test joins before it returns --- */

struct talker {
	pthread_t thread;
	int fd;
	uint64_t seed, bytes;
	size_t piece; /* of one write, at most 9999; 0: all sizes, as they come */
	bool fin;     /* after the bytes */
	uint64_t sent; /* atomic */
	int err;      /* const after talker_join */
};

static inline size_t talker_piece(const struct talker *t, uint64_t at)
{
	size_t n = t->piece != 0 ? t->piece : (size_t)(1 + (at * 2654435761u >> 7) % 9999);

	return n < t->bytes - at ? n : (size_t)(t->bytes - at);
}

static inline void *talker_main(void *arg)
{
	struct talker *t = arg;
	char buf[9999];
	uint64_t at = 0;

	while (at < t->bytes && t->err == 0) {
		size_t n = talker_piece(t, at);

		kit_stream_fill(t->seed, at, buf, n);
		t->err = kit_io_write(t->fd, buf, n);
		at += n;
		__atomic_store_n(&t->sent, at, __ATOMIC_RELAXED);
	}
	if (t->fin && t->err == 0 && shutdown(t->fd, SHUT_WR) < 0)
		t->err = -errno;
	return NULL;
}

static inline void talker_start(struct talker *t)
{
	if (pthread_create(&t->thread, NULL, talker_main, t) != 0)
		kit_fail("no thread");
}

static inline bool talker_has_said_much(void *arg)
{
	struct talker *t = arg;

	return __atomic_load_n(&t->sent, __ATOMIC_RELAXED) > 24 * MB;
}

static inline int talker_join(struct talker *t)
{
	pthread_join(t->thread, NULL);
	return t->err;
}

#endif
