/* The front and its three listeners; below, the thread that sends while the test reads. */
#include "tests/flow/kit/front.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *front_to(int port)
{
	static char text[64];

	snprintf(text, sizeof(text), "[\"%s:%d\"]", kit_ip(0), port);
	return text;
}

/* More keys of a map, after those it has. */
static void front_keys(const char *keys, char text[512])
{
	snprintf(text, 512, "%s%s", keys != NULL ? ", " : "", keys != NULL ? keys : "");
}

static void front_write(const struct front *f, const struct front_opts *o, int echo,
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

struct front front_start(const struct front_opts *o)
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

struct front front_before(struct kit_peer *p, const char *listener)
{
	struct front_opts o = {.servers = front_to(kit_peer_port(p)), .listener = listener};

	return front_start(&o);
}

int front_connect(const struct front *f)
{
	return kit_connect(f->ip, f->port);
}

int front_count(const struct front *f, const char *a, const char *b)
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

static bool front_has(void *arg)
{
	const struct front_wanted *w = arg;

	return front_count(w->f, w->a, w->b) >= w->lines;
}

void front_wait(const struct front *f, const char *reason, int n)
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

void front_ended(const struct front *f, const char *reason, uint64_t in, uint64_t out)
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

int front_clock(const struct front *f)
{
	return kit_connect(f->ip, f->clock_port);
}

long front_cpu_of_a_second(const struct front *f)
{
	long before = kit_proc_cpu_ms(f->pid);
	int fd = front_clock(f);

	kit_expect_fin(fd);
	close(fd);
	return kit_proc_cpu_ms(f->pid) - before;
}

static void front_probe(const struct front *f)
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

void front_no_complaint(const struct front *f)
{
	static const char *const bad[] = {
		"\"level\":\"error\"", "Sanitizer", "runtime error", "CHECK",
	};

	for (size_t i = 0; i < array_len(bad); i++)
		assert_int_equal(kit_file_count(f->s->child->err, bad[i]), 0);
}

void front_at_rest(const struct front *f)
{
	kit_proc_wait_fds(f->pid, f->fds);
	front_probe(f);
	kit_proc_wait_fds(f->pid, f->fds);
	front_no_complaint(f);
}

void front_end(const struct front *f)
{
	front_at_rest(f);
	assert_int_equal(kit_staunch_stop(f->s, SIGTERM), 0);
	front_no_complaint(f);
}

static size_t talker_piece(const struct talker *t, uint64_t at)
{
	size_t n = t->piece != 0 ? t->piece : (size_t)(1 + (at * 2654435761u >> 7) % 9999);

	return n < t->bytes - at ? n : (size_t)(t->bytes - at);
}

static void *talker_main(void *arg)
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

void talker_start(struct talker *t)
{
	if (pthread_create(&t->thread, NULL, talker_main, t) != 0)
		kit_fail("no thread");
}

bool talker_has_said_much(void *arg)
{
	struct talker *t = arg;

	return __atomic_load_n(&t->sent, __ATOMIC_RELAXED) > 24 * MB;
}

int talker_join(struct talker *t)
{
	pthread_join(t->thread, NULL);
	return t->err;
}
