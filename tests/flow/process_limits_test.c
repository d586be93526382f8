/* Limits: of descriptors (B21, F1, P2), of the process, and of a listener (B25, E11). */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

enum { CLIENTS = 1000 };

static int client[CLIENTS];

/* Each sends a byte, which comes back to those who are served. */
static void connect_all(const char *ip, int port, int n)
{
	for (int i = 0; i < n; i++) {
		client[i] = kit_connect(ip, port);
		kit_send(client[i], "x", 1);
	}
}

static bool was_served(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

struct wanted {
	int clients, served;
};

static int count_served(int n)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		count += client[i] >= 0 && was_served(client[i]);
	return count;
}

static bool so_many_served(void *arg)
{
	const struct wanted *w = arg;

	return count_served(w->clients) >= w->served;
}

static void wait_served(int n, int served_ones, int ms)
{
	struct wanted w = {n, served_ones};

	if (!kit_wait(so_many_served, &w, ms))
		kit_fail("%d of %d clients are served within %d ms", count_served(n), served_ones, ms);
}

/* Every served one works and then leaves. */
static int end_served(int n)
{
	int count = 0;

	for (int i = 0; i < n; i++) {
		if (client[i] < 0 || !was_served(client[i]))
			continue;
		kit_expect(client[i], "x", 1);
		still_works(client[i]);
		close(client[i]);
		client[i] = -1;
		count++;
	}
	return count;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* 200 descriptors make 82 connections; the others wait in the kernel's backlog, and none is turned away. */
static void more_clients_than_descriptors(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, left = CLIENTS;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;

	(void)state;
	want_descriptors(CLIENTS + 1000);
	s = start_by("prlimit --nofile=200", one_server(port, kit_peer_port(echo), "", ""));
	kit_staunch_wait_err(s, "up to 82 connections (descriptor limit 200)", 1);
	fds = kit_proc_fds(s->child->pid);
	connect_all(ip, port, CLIENTS);
	wait_served(CLIENTS, 82, KIT_MS);
	assert_in_range(cpu_ms_within(s->child->pid, 1000), 0, 50);
	assert_int_equal(count_served(CLIENTS), 82);
	while (left > 0) {
		left -= end_served(CLIENTS);
		wait_served(CLIENTS, left < 82 ? left : 82, 1000);
	}
	kit_staunch_wait_err(s, "limits.max_connections 82 is reached: clients wait in the backlog", 1);
	assert_int_equal(kit_file_count(s->child->err, "\"accept_paused\""), 0);
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"client_fin\""), CLIENTS + 10);
}

static void set_descriptors(pid_t pid, rlim_t n)
{
	struct rlimit r;

	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &r), 0);
	r.rlim_cur = n;
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &r, NULL), 0);
}

/* The number the next descriptor will have, if there are no holes. */
static rlim_t highest_fd(pid_t pid)
{
	char path[64];
	struct dirent *e;
	rlim_t highest = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (strtoul(e->d_name, NULL, 10) > highest)
			highest = strtoul(e->d_name, NULL, 10);
	closedir(d);
	return highest;
}

enum { OLD = 20, LATE = 50 };

/* What the machine had granted is taken away while it runs. */
static void descriptors_run_out(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, old[OLD];
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));
	pid_t pid = s->child->pid;
	struct rlimit before;

	(void)state;
	fds = kit_proc_fds(pid);
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &before), 0);
	for (int i = 0; i < OLD; i++)
		old[i] = served(ip, port);
	set_descriptors(pid, highest_fd(pid) + 1);
	connect_all(ip, port, LATE);
	kit_staunch_wait_err(s, "is reached: clients wait in the backlog", 1);
	assert_in_range(cpu_ms_within(pid, 2600), 0, 130); /* so long that only a bounded pause comes back in time */
	assert_int_equal(count_served(LATE), 0);
	for (int i = 0; i < OLD; i++)
		still_works(old[i]);
	set_descriptors(pid, before.rlim_cur);
	wait_served(LATE, LATE, 1000);
	kit_staunch_wait_err(s, "descriptor limit acted ", 1); /* O32: for both workers one line at each end */
	assert_int_equal(kit_file_count(s->child->err, "\"descriptor limit "), 2);
	assert_int_equal(kit_file_count(s->child->err, "\"accept_paused\""), 0);
	assert_int_equal(end_served(LATE), LATE);
	for (int i = 0; i < OLD; i++)
		end_orderly(old[i]);
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_staunch_log(s, "overload"), 0);
}

/* Room for the client, none for the server: the client is told, and the log says why. */
static void no_descriptor_for_the_server(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));
	pid_t pid = s->child->pid;
	struct rlimit before;

	(void)state;
	fds = kit_proc_fds(pid);
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &before), 0);
	set_descriptors(pid, highest_fd(pid) + 2);
	fd = kit_connect(ip, port);
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(s, "\"staunch.close_reason\":\"overload\"", 1);
	set_descriptors(pid, before.rlim_cur);
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_staunch_log(s, "overload"), 1);
	assert_int_equal(kit_staunch_log(s, "EMFILE"), 1);
}

static const struct start_row {
	int limit, connections;
} starts[] = {{64, 16}, {32, 1}, {20, 1}};

static void starts_with_few_descriptors(void **state)
{
	const char *ip = kit_ip(0);
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});

	(void)state;
	for (size_t i = 0; i < array_len(starts); i++) {
		const struct start_row *r = &starts[i];
		int port = kit_port(ip), fds;
		struct kit_staunch *s = start_by(textf("prlimit --nofile=%d", r->limit),
						 one_server(port, kit_peer_port(echo), "", ""));

		kit_staunch_wait_err(s, textf("up to %d connection%s (descriptor limit %d)", r->connections,
					      r->connections == 1 ? "" : "s", r->limit), 1);
		assert_int_equal(kit_file_count(s->child->err, "\"few_descriptors\""), 1);
		fds = kit_proc_fds(s->child->pid);
		connect_all(ip, port, 30);
		for (int left = 30; left > 0; left -= end_served(30))
			wait_served(30, left < r->connections ? left : r->connections, KIT_MS);
		back_to_normal(s, fds, ip, port);
		assert_int_equal(kit_staunch_log(s, "client_fin"), 40 * ((int)i + 1));
	}
}

static void cannot_start_without_any(void **state)
{
	struct kit_staunch *s = spawn_by("prlimit --nofile=8", one_server(kit_port(kit_ip(0)), 1, "", ""));

	(void)state;
	assert_int_equal(kit_child_wait(s->child), 1);
	assert_int_equal(kit_file_count(s->child->err, "\"start_failed\""), 1);
	assert_int_equal(kit_file_count(s->child->err, "too many open descriptors in the process (EMFILE)"), 1);
}

/* O45: whatever file it is for which there is no descriptor, the limit is to blame, and the message says what to do. */
static void o45_a_reload_without_descriptors(void **state)
{
	int port = kit_port(kit_ip(0));
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));
	struct rlimit before;

	(void)state;
	assert_int_equal(prlimit(s->child->pid, RLIMIT_NOFILE, NULL, &before), 0);
	assert_int_equal(prlimit(s->child->pid, RLIMIT_NOFILE,
				 &(struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max}, NULL),
		0);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "reload refused: too many open descriptors in the process; "
				"raise ulimit -n or LimitNOFILE; running generation 1 unchanged", 1);
	assert_int_equal(kit_file_count(s->child->err, "\"code\":\"E403\""), 1);
	assert_int_equal(kit_file_count(s->child->err, " was not read: too many open descriptors in the process"), 1);
	assert_int_equal(kit_file_count(s->child->err, "\"help\":\"raise ulimit -n or LimitNOFILE\""), 1);
	assert_int_equal(kit_file_count(s->child->err, "the configuration has errors"), 0);
	assert_int_equal(kit_file_count(s->child->err, "E401"), 0);
	assert_int_equal(prlimit(s->child->pid, RLIMIT_NOFILE, &before, NULL), 0);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "generation 2 is in force", 1);
	end_orderly(served(kit_ip(0), port));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void explicit_limit_must_fit(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;

	(void)state;
	s = spawn_by("prlimit --nofile=200",
		     one_server(port, kit_peer_port(echo), "", "limits: {max_connections: 83}\n"));
	assert_int_equal(kit_child_wait(s->child), 78);
	kit_staunch_wait_err(s, "E403: limits.max_connections is 83, but the descriptor limit allows 82", 1);
	s = start_by("prlimit --nofile=200",
		     one_server(port, kit_peer_port(echo), "", "limits: {max_connections: 82}\n"));
	fds = kit_proc_fds(s->child->pid);
	back_to_normal(s, fds, ip, port);
}

static void reload_asks_for_descriptors_anew(void **state)
{
	const char *ip = kit_ip(0), *text;
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;

	(void)state;
	text = one_server(port, kit_peer_port(echo), "", "");
	s = kit_staunch_start(text);
	fds = kit_proc_fds(s->child->pid);
	set_descriptors(s->child->pid, 34); /* room for one connection */
	generation_from(s, 2, text);
	connect_all(ip, port, 10);
	wait_served(10, 1, KIT_MS);
	assert_int_equal(count_served(10), 1);
	set_descriptors(s->child->pid, 200);
	generation_from(s, 3, text);
	wait_served(10, 10, 1000);
	assert_int_equal(end_served(10), 10);
	back_to_normal(s, fds, ip, port);
}

/* ---- listeners ------------------------------------------------------------------------------- */

enum { MANY = 40, PLACES = 3 };

static int count_refused(int n)
{
	int count = 0;

	for (int i = 0; i < n; i++) {
		char byte;
		ssize_t got = kit_io_read(client[i], &byte, 1);

		if (got == 1) {
			kit_send(client[i], "y", 1);
			kit_expect(client[i], "y", 1);
			continue;
		}
		close(client[i]);
		client[i] = -1;
		count++;
	}
	return count;
}

/* B25, E11: so many at once and not one more, whichever workers they meet, and as many again after each round. */
static void beyond_the_limit_refused(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(
		one_server(port, kit_peer_port(echo), ", max_connections: 3", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	for (int round = 1; round <= 10; round++) {
		connect_all(ip, port, MANY);
		assert_int_equal(count_refused(MANY), MANY - PLACES);
		for (int i = 0; i < MANY; i++)
			if (client[i] >= 0)
				round % 2 == 0 ? kit_reset(client[i]) : end_orderly(client[i]);
		kit_proc_wait_fds(s->child->pid, fds);
		assert_int_equal(kit_peer_accepted(echo), PLACES * round);
	}
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"max_connections\""), 10 * (MANY - PLACES));
}

/* A place that was taken for a connection that never came about is free again. */
static void places_of_failed_connects_return(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, refuser = kit_refuser(ip);
	struct kit_staunch *s = kit_staunch_start(one_server(port, refuser, ", max_connections: 1", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	for (int i = 1; i <= 20; i++) {
		int fd = kit_connect(ip, port);

		kit_expect_fin(fd);
		close(fd);
		kit_staunch_wait_log(s, "\"staunch.close_reason\":\"connect_failed\"", i);
	}
	assert_int_equal(kit_staunch_log(s, "max_connections"), 0);
	kit_proc_wait_fds(s->child->pid, fds);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void beyond_the_limit_waits(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(
		one_server(port, kit_peer_port(echo), ", max_connections: 3, at_limit: wait", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	connect_all(ip, port, MANY);
	for (int left = MANY; left > 0; left -= end_served(MANY)) {
		wait_served(MANY, left < PLACES ? left : PLACES, 1000);
		assert_in_range(kit_peer_accepted(echo), 1, MANY - left + PLACES);
	}
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"client_fin\""), MANY + 10);
	assert_int_equal(kit_staunch_log(s, "max_connections"), 0);
}

/* ---- a reload changes them ------------------------------------------------------------------- */

enum { CONNECTING = 4, CHANGES = 60 };

struct connecting {
	pthread_t thread;
	const char *ip;
	int port, served, refused;
	bool stop; /* atomic */
};

/* A connection after the other, each with a byte there and back. */
static void *connecting_run(void *arg)
{
	struct connecting *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		int fd = kit_try_connect(c->ip, c->port);
		char byte = 'x';
		bool ok = fd >= 0 && kit_io_write(fd, &byte, 1) == 0 && kit_io_read(fd, &byte, 1) == 1;

		c->served += ok;
		c->refused += !ok;
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* From no limit to a low one that is waited out, and back: at no moment is a client refused, since no acceptor has the
 * limit of one generation and what happens there of the other. */
static void a_limit_comes_with_its_wait(void **state)
{
	const char *ip = kit_ip(0), *open, *tight;
	int port = kit_port(ip), fds, held[PLACES];
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct connecting c[CONNECTING];
	struct kit_staunch *s;

	(void)state;
	open = one_server(port, kit_peer_port(echo), "", "");
	tight = one_server(port, kit_peer_port(echo), textf(", max_connections: %d, at_limit: wait", PLACES), "");
	s = kit_staunch_start(open);
	fds = kit_proc_fds(s->child->pid);
	for (int i = 0; i < PLACES; i++)
		held[i] = served(ip, port);
	for (int i = 0; i < CONNECTING; i++) {
		c[i] = (struct connecting){.ip = ip, .port = port};
		assert_int_equal(pthread_create(&c[i].thread, NULL, connecting_run, &c[i]), 0);
	}
	for (int n = 1; n <= CHANGES; n++)
		generation_from(s, n + 1, n % 2 == 1 ? tight : open);
	for (int i = 0; i < CONNECTING; i++)
		__atomic_store_n(&c[i].stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < CONNECTING; i++) {
		pthread_join(c[i].thread, NULL);
		assert_int_equal(c[i].refused, 0);
		assert_true(c[i].served > 0);
	}
	for (int i = 0; i < PLACES; i++)
		end_orderly(held[i]);
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_staunch_log(s, "max_connections"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(more_clients_than_descriptors, kit_end),
		cmocka_unit_test_teardown(descriptors_run_out, kit_end),
		cmocka_unit_test_teardown(no_descriptor_for_the_server, kit_end),
		cmocka_unit_test_teardown(starts_with_few_descriptors, kit_end),
		cmocka_unit_test_teardown(cannot_start_without_any, kit_end),
		cmocka_unit_test_teardown(o45_a_reload_without_descriptors, kit_end),
		cmocka_unit_test_teardown(explicit_limit_must_fit, kit_end),
		cmocka_unit_test_teardown(reload_asks_for_descriptors_anew, kit_end),
		cmocka_unit_test_teardown(beyond_the_limit_refused, kit_end),
		cmocka_unit_test_teardown(places_of_failed_connects_return, kit_end),
		cmocka_unit_test_teardown(beyond_the_limit_waits, kit_end),
		cmocka_unit_test_teardown(a_limit_comes_with_its_wait, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
