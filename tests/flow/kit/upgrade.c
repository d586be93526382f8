/* An instance and the processes that take over from it; threads that connect to it without a pause. */
#include "tests/flow/kit/upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the instance, whichever process it is ---- */

static const char *late_listener(const struct world *w)
{
	return w->late == 0 ? "" : textf("  - {name: late, bind: \"%s:%d\", upstream: app,\n"
					 "     proxy_protocol: {accept: required, trusted: \"0.0.0.0/0\"}}\n",
					 kit_ip(1), w->late);
}

void write_world(struct world *w, int workers, const char *binds, const char *more)
{
	kit_file_write("upgrade.yaml",
		       textf("workers: %d\nlog: {access: \"@DIR@/access.log\"}\n"
			     "control: {socket: \"%s\", state: \"@DIR@/state.yaml\"}\n"
			     "listeners:\n  - {name: web, bind: [%s], upstream: app}\n%s"
			     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n%s",
			     workers, control_socket(), binds, late_listener(w), kit_ip(0), kit_peer_port(w->echo),
			     more),
		       w->config);
}

const char *tcp_bind(const struct world *w)
{
	return textf("\"%s:%d\"", kit_ip(0), w->port);
}

void start_with(struct world *w, const char *const argv[])
{
	w->first = kit_child_start("staunch", argv);
	kit_file_wait(w->first->err, "\"ready\"", 1);
	w->pid = w->first->pid;
}

struct world world_of(void)
{
	struct world w = {
		.port = kit_port(kit_ip(0)),
		.echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}),
	};

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	write_world(&w, 2, tcp_bind(&w), "");
	return w;
}

struct world world_started(void)
{
	struct world w = world_of();

	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	return w;
}

struct ending {
	pid_t pid;
	int status;
};

static bool was_reaped(void *arg)
{
	struct ending *e = arg;

	return waitpid(e->pid, &e->status, WNOHANG) == e->pid;
}

/* The first process is the kit's to reap, the others are ours.   Returns  the exit code. */
int wait_for_end(struct world *w, pid_t pid)
{
	struct ending e = {.pid = pid};

	if (pid == w->first->pid)
		return kit_child_wait(w->first);
	if (!kit_wait(was_reaped, &e, KIT_MS))
		kit_fail("process %d does not end", (int)pid);
	return WIFEXITED(e.status) ? WEXITSTATUS(e.status) : 128 + WTERMSIG(e.status);
}

/* The number behind "pid": in the answer of the verb. */
pid_t pid_in(const char *answer)
{
	const char *at = strstr(answer, "\"pid\":");

	if (at == NULL)
		kit_fail("no pid in %s", answer);
	return (pid_t)strtol(at + 6, NULL, 10);
}

/* By the verb. The old process has no connection, so it ends.   Returns  its pid. */
pid_t upgrade(struct world *w)
{
	pid_t old = w->pid;

	w->pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
	assert_int_not_equal(w->pid, old);
	assert_int_equal(wait_for_end(w, old), 0);
	return old;
}

void stop(struct world *w)
{
	assert_int_equal(kill(w->pid, SIGTERM), 0);
	assert_int_equal(wait_for_end(w, w->pid), 0);
}

/* ---- clients that come all the time ---- */

static int knock(const struct knocker *k)
{
	int fd = kit_try_connect(k->ip, k->port);
	char back[5];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = kit_io_write(fd, "hello", sizeof(back));
	if (n == 0)
		n = kit_io_read_all(fd, back, sizeof(back));
	close(fd);
	if (n < 0)
		return (int)n;
	return n == sizeof(back) && memcmp(back, "hello", sizeof(back)) == 0 ? 0 : -EIO;
}

static void *knock_on(void *arg)
{
	struct knocker *k = arg;
	struct timespec due;

	clock_gettime(CLOCK_MONOTONIC, &due);
	while (!__atomic_load_n(&k->stop, __ATOMIC_ACQUIRE) && k->err == 0) {
		k->err = knock(k);
		k->served += k->err == 0;
		due.tv_nsec += k->every_us * 1000;
		due.tv_sec += due.tv_nsec / 1000000000;
		due.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL); /* behind its time: not at all */
	}
	return NULL;
}

void knockers_start_at(struct knocker *k, const char *ip, int port, int per_second)
{
	for (int i = 0; i < KNOCKERS; i++) {
		k[i] = (struct knocker){.port = port, .every_us = per_second > 0 ? KNOCKERS * 1000000 / per_second : 0};
		snprintf(k[i].ip, sizeof(k[i].ip), "%s", ip);
		assert_int_equal(pthread_create(&k[i].thread, NULL, knock_on, &k[i]), 0);
	}
}

void knockers_start(struct knocker *k, const char *ip, int port)
{
	knockers_start_at(k, ip, port, 0);
}

/* Each of them was served each time. */
void knockers_stop(struct knocker *k)
{
	int err = 0;

	for (int i = 0; i < KNOCKERS; i++)
		__atomic_store_n(&k[i].stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < KNOCKERS; i++) {
		pthread_join(k[i].thread, NULL);
		err = err == 0 ? k[i].err : err;
	}
	if (err != 0)
		kit_fail("a client was not served: error %d (%s)", -err, strerror(-err));
	for (int i = 0; i < KNOCKERS; i++)
		assert_true(k[i].served > 0);
}
