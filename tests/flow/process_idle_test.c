/* What a process does while nothing happens (F13), how its workers share what does (F15), and that the watchdog has
 * nothing to say about it. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

/* ---- threads --------------------------------------------------------------------------------- */

struct thread {
	char name[32];
	long waits; /* how often it went to sleep */
};

static struct thread read_thread(pid_t pid, const char *tid)
{
	char path[96], text[4096], *at;
	struct thread t;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)pid, tid);
	kit_file_read(path, text, sizeof(text));
	assert_int_equal(sscanf(text, "Name: %31[^\n]", t.name), 1);
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "\nvoluntary_ctxt_switches: %ld", &t.waits), 1);
	return t;
}

enum { THREADS = 16 };

static int read_threads(pid_t pid, struct thread out[THREADS])
{
	char path[64];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL && n < THREADS)
		if (e->d_name[0] != '.')
			out[n++] = read_thread(pid, e->d_name);
	closedir(d);
	return n;
}

/* The watchdog looks eight times a second; nobody else has a reason to wake up, and idle connections are none. */
static void idle_process_sleeps(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd[50], n;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));
	struct thread before[THREADS], after[THREADS];

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	for (size_t i = 0; i < array_len(fd); i++)
		fd[i] = served(ip, port);
	cpu_ms_within(s->child->pid, 300); /* what follows a burst is over */
	n = read_threads(s->child->pid, before);
	assert_in_range(cpu_ms_within(s->child->pid, 2000), 0, 10);
	assert_int_equal(read_threads(s->child->pid, after), n);
	assert_int_equal(n, 7); /* control, two workers, health, two logs, sysmon */
	for (int i = 0; i < n; i++) {
		long waits = after[i].waits - before[i].waits;

		assert_string_equal(after[i].name, before[i].name);
		if (waits > (strcmp(after[i].name, "sysmon") == 0 ? 20 : 0))
			kit_fail("%s woke up %ld times in two idle seconds", after[i].name, waits);
	}
	for (size_t i = 0; i < array_len(fd); i++)
		end_orderly(fd[i]);
	back_to_normal(s, fds, ip, port);
}

/* ---- shares ---------------------------------------------------------------------------------- */

enum { CLIENTS = 2000 };

/* Descriptors that an epoll instance watches. */
static int count_watched(pid_t pid, const char *fd)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.20s", (int)pid, fd);
	return kit_file_count(path, "tfd:");
}

/* The two largest of the process's epoll instances are the workers'. */
static void read_shares(pid_t pid, int out[2])
{
	char path[96], name[64];
	struct dirent *e;
	DIR *d;

	out[0] = out[1] = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		ssize_t n;
		int count;

		snprintf(path, sizeof(path), "/proc/%d/fd/%.20s", (int)pid, e->d_name);
		n = readlink(path, name, sizeof(name) - 1);
		if (n < 0 || strncmp(name, "anon_inode:[eventpoll]", (size_t)n) != 0)
			continue;
		count = count_watched(pid, e->d_name);
		if (count > out[0]) {
			out[1] = out[0];
			out[0] = count;
		} else if (count > out[1]) {
			out[1] = count;
		}
	}
	closedir(d);
}

/* Nobody accepts the connections behind: that the kernel has made them is enough. */
static void workers_share_connections(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), behind = 0, backlog, fds, fd[CLIENTS], share[2];
	struct kit_staunch *s;

	(void)state;
	want_descriptors(CLIENTS + 100);
	backlog = kit_listen(ip, &behind, 4096);
	s = kit_staunch_start(one_server(port, behind, "", ""));
	fds = kit_proc_fds(s->child->pid);
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = kit_connect(ip, port);
	kit_proc_wait_fds(s->child->pid, fds + 2 * CLIENTS);
	read_shares(s->child->pid, share);
	assert_in_range(share[0] + share[1], 2 * CLIENTS, 2 * CLIENTS + 10);
	if (share[0] * 10 > share[1] * 13)
		kit_fail("one worker has %d descriptors, the other %d", share[0], share[1]);
	for (int i = 0; i < CLIENTS; i++)
		kit_reset(fd[i]);
	kit_proc_wait_fds(s->child->pid, fds);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"client_rst\""), CLIENTS);
	assert_int_equal(kit_file_count(s->child->err, "worker_stalled"), 0);
	close(backlog);
}

/* Under load as well: a worker that is busy still turns. */
static void watchdog_is_quiet(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), nginx, fds;
	struct kit_staunch *s;
	struct kit_child *wrk;

	(void)state;
	if (!kit_have("wrk") || !kit_have("nginx"))
		skip();
	kit_nginx_start(ip, &nginx);
	s = kit_staunch_start(one_server(port, nginx, "", ""));
	fds = kit_proc_fds(s->child->pid);
	wrk = kit_child_start("wrk", KIT_ARGV("wrk", "-t1", "-c50", "-d2s", textf("http://%s:%d/hello", ip, port)));
	assert_int_equal(kit_child_wait(wrk), 0);
	assert_int_equal(kit_file_count(wrk->out, "requests in"), 1);
	assert_int_equal(kit_file_count(wrk->out, "Socket errors"), 0);
	kit_proc_wait_fds(s->child->pid, fds);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_int_equal(kit_file_count(s->child->err, "worker_stalled"), 0);
	assert_int_equal(kit_file_count(s->child->err, "accept_paused"), 0);
	assert_int_equal(kit_file_count(s->child->err, "limit_reached"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(idle_process_sleeps, kit_end),
		cmocka_unit_test_teardown(workers_share_connections, kit_end),
		cmocka_unit_test_teardown(watchdog_is_quiet, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
