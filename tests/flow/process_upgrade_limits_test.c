/* Another program takes over, and while both processes live no limit is exceeded in sum: P39, P35, P34, P19. The server
 * here counts who is with it; it ends each connection itself, so that one which it counts no more may still have its
 * slot, and never the other way round. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/upgrade_relay.h"

enum { MOST = 3, CLIENTS = 8, ECHOES = 20, ROUNDS = 3 };

/* ---- the server: echoes each byte, and ends at a q ---- */

static struct {
	int fd, port, slow; /* slow: of the listener that waits for a header */
	int now, most; /* atomic */
} counted;

static void note_most(int n)
{
	int most = __atomic_load_n(&counted.most, __ATOMIC_RELAXED);

	while (n > most && !__atomic_compare_exchange_n(&counted.most, &most, n, false, __ATOMIC_RELAXED,
							__ATOMIC_RELAXED))
		;
}

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char c = 0;

	while (c != 'q' && read(fd, &c, 1) == 1)
		if (c != 'q')
			(void)!write(fd, &c, 1);
	__atomic_sub_fetch(&counted.now, 1, __ATOMIC_RELAXED);
	close(fd);
	return NULL;
}

static void *serve_all(void *arg)
{
	int fd;

	while ((fd = accept(counted.fd, NULL, NULL)) >= 0) {
		pthread_t t;

		note_most(__atomic_add_fetch(&counted.now, 1, __ATOMIC_RELAXED));
		if (pthread_create(&t, NULL, serve_one, (void *)(intptr_t)fd) == 0)
			pthread_detach(t);
	}
	return arg;
}

/* ---- the instance ---- */

/* Listener web leads to a server with room for MOST and a queue, slow to one with room for two and none; door admits
 * two and has a server without a limit. */
static struct world limits_world(void)
{
	struct world w = world_of();
	pthread_t t;

	w.late = kit_port(kit_ip(1));
	memset(&counted, 0, sizeof(counted));
	counted.slow = kit_port(kit_ip(0));
	counted.fd = kit_listen(kit_ip(0), &counted.port, 64);
	assert_int_equal(pthread_create(&t, NULL, serve_all, NULL), 0);
	pthread_detach(t);
	kit_file_write("upgrade.yaml",
		       textf("workers: 2\nlog: {access: \"@DIR@/access.log\"}\n"
			     "control: {socket: \"%s\"}\nlisteners:\n"
			     "  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			     "  - {name: slow, bind: \"%s:%d\", upstream: tight,\n"
			     "     proxy_protocol: {accept: required, trusted: \"0.0.0.0/0\"}}\n"
			     "  - {name: door, bind: \"%s:%d\", upstream: free, max_connections: 2, at_limit: wait}\n"
			     "upstreams:\n"
			     "  - {name: app, servers: [{address: \"%s:%d\", max_connections: %d}], queue: {max: 64}}\n"
			     "  - {name: tight, servers: [{address: \"%s:%d\", max_connections: 2}], queue: off}\n"
			     "  - {name: free, servers: [\"%s:%d\"]}\n",
			     control_socket(), kit_ip(0), w.port, kit_ip(0), counted.slow, kit_ip(1), w.late,
			     kit_ip(0), counted.port, MOST, kit_ip(0), counted.port, kit_ip(0), counted.port),
		       w.config);
	relay_begin();
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	return w;
}

static bool waits_so_many(void *arg)
{
	const char *line = textf("staunch_upstream_queue_length{upstream=\"app\"} %d\n", *(int *)arg);

	return strstr(control_expect(200, "GET /metrics", ""), line) != NULL;
}

static void expect_waiting(int n)
{
	if (!kit_wait(waits_so_many, &n, KIT_MS))
		kit_fail("%d do not wait: %s", n,
			 strstr(control_expect(200, "GET /metrics", ""), "staunch_upstream_queue_length{"));
}

/* The nth client, with its number as its first byte. */
static int nth_comes(const char *ip, int port, int n)
{
	char c = (char)('0' + n);
	int fd = kit_connect(ip, port);

	kit_send(fd, &c, 1);
	return fd;
}

static void has_server(int fd, int n)
{
	char c = (char)('0' + n);

	kit_expect(fd, &c, 1);
}

static void has_none(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* The server ends it, and the slot comes back. */
static void leaves(int fd)
{
	char c;

	kit_send(fd, "q", 1);
	assert_int_equal(kit_io_read_all(fd, &c, 1), 0);
	close(fd);
}

/* The new process accepts, and the old one has passed on nothing. */
static pid_t stop_when_new_accepts(struct kit_child **verb)
{
	relay_stop_at(&(struct relay_at){RELAY_NEW, HANDOVER_ACCEPTING, 1});
	*verb = relay_upgrade();
	return relay_wait();
}

/* The relay is its parent. */
static void stop_new(const struct world *w)
{
	assert_int_equal(kill(w->pid, SIGTERM), 0);
	relay_wait_gone(w->pid);
}

/* ---- tests ---- */

/* Three of three are with the old process, and two wait there: a client of the new one waits behind them. */
static void p39_a_server_and_its_queue(void **state)
{
	struct world w = limits_world();
	struct kit_child *verb;
	pid_t old = w.pid;
	int fds[6];

	(void)state;
	for (int i = 0; i < 5; i++) {
		fds[i] = nth_comes(kit_ip(0), w.port, i);
		if (i < MOST)
			has_server(fds[i], i);
		else
			expect_waiting(i - MOST + 1);
	}
	w.pid = stop_when_new_accepts(&verb);
	expect_waiting(2);
	fds[5] = nth_comes(kit_ip(0), w.port, 5);
	expect_waiting(3);
	leaves(fds[0]);
	has_server(fds[3], 3);
	has_none(fds[5]);
	relay_go();
	assert_int_equal(kit_child_wait(verb), 0);
	assert_int_equal(wait_for_end(&w, old), 0);
	has_none(fds[4]);
	leaves(fds[1]);
	has_server(fds[4], 4);
	has_none(fds[5]);
	leaves(fds[2]);
	has_server(fds[5], 5);
	for (int i = 3; i < 6; i++)
		leaves(fds[i]);
	expect_waiting(0);
	stop_new(&w);
	assert_int_equal(counted.most, MOST);
}

static bool both_are_known(void *arg)
{
	const char *at = strstr(control_verb(0, "conns --json --socket $S"), "\"slow\"");

	(void)arg;
	return at != NULL && strstr(at + 1, "\"slow\"") != NULL;
}

/* A client whose header is half read in the old process finds no place there: what is free is the new one's. He goes
 * there, and is not refused. */
static void p39_p34_who_comes_late(void **state)
{
	static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n3";
	struct world w = limits_world();
	struct kit_child *verb;
	pid_t old = w.pid;
	int fds[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		fds[i] = kit_connect(kit_ip(0), counted.slow);
		kit_send(fds[i], header, i == 0 ? sizeof(header) - 1 : 8);
	}
	has_server(fds[0], 3);
	if (!kit_wait(both_are_known, NULL, KIT_MS))
		kit_fail("the header's begin is not read");
	w.pid = stop_when_new_accepts(&verb);
	kit_send(fds[1], header + 8, sizeof(header) - 9);
	relay_go();
	has_server(fds[1], 3);
	assert_int_equal(kit_child_wait(verb), 0);
	assert_int_equal(wait_for_end(&w, old), 0);
	leaves(fds[0]);
	leaves(fds[1]);
	stop_new(&w);
	assert_int_equal(counted.most, 2);
}

/* P35: two of two are with the old process: nobody else is let in before one of them has ended. */
static void p39_p35_a_listener(void **state)
{
	struct world w = limits_world();
	struct kit_child *verb;
	pid_t old = w.pid;
	int fds[3];

	(void)state;
	for (int i = 0; i < 2; i++) {
		fds[i] = nth_comes(kit_ip(1), w.late, i);
		has_server(fds[i], i);
	}
	w.pid = stop_when_new_accepts(&verb);
	fds[2] = nth_comes(kit_ip(1), w.late, 2);
	kit_file_wait(w.first->err, "listener door: max_connections 2 is reached", 1);
	has_none(fds[2]);
	relay_go();
	assert_int_equal(kit_child_wait(verb), 0);
	assert_int_equal(wait_for_end(&w, old), 0);
	has_none(fds[2]);
	leaves(fds[0]);
	has_server(fds[2], 2);
	leaves(fds[1]);
	leaves(fds[2]);
	stop_new(&w);
	assert_int_equal(counted.most, 2);
}

/* P19: what the old process had is free once it is gone. */
static void p39_p19_places_of_the_dead(void **state)
{
	struct world w = limits_world();
	struct kit_child *verb;
	pid_t old = w.pid;
	int fds[5];

	(void)state;
	for (int i = 0; i < MOST; i++) {
		fds[i] = nth_comes(kit_ip(0), w.port, i);
		has_server(fds[i], i);
	}
	w.pid = stop_when_new_accepts(&verb);
	fds[MOST] = nth_comes(kit_ip(0), w.port, MOST);
	expect_waiting(1);
	has_none(fds[MOST]);
	kill(old, SIGKILL);
	relay_go();
	has_server(fds[MOST], MOST);
	leaves(fds[MOST]);
	assert_int_equal(wait_for_end(&w, old), 128 + SIGKILL);
	(void)kit_child_wait(verb);
	stop_new(&w);
}

/* ---- under load ---- */

struct customer {
	pthread_t thread;
	int port, served;
	bool stop; /* atomic */
	char ip[KIT_PATH];
	int err;
};

/* Returns  0; or what went wrong. */
static int visit(const struct customer *k)
{
	int fd = kit_try_connect(k->ip, k->port);
	char c;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = kit_io_write(fd, "1", 1);
	if (n == 0)
		n = kit_io_read_all(fd, &c, 1);
	if (n != 1 || c != '1') {
		close(fd);
		return n < 0 ? (int)n : -EIO;
	}
	for (int i = 0; n == 1 && i < ECHOES; i++) {
		n = kit_io_write(fd, "1", 1);
		if (n == 0)
			n = kit_io_read_all(fd, &c, 1);
	}
	n = n == 1 ? kit_io_write(fd, "q", 1) : -EIO;
	if (n == 0)
		n = kit_io_read_all(fd, &c, 1);
	close(fd);
	return n < 0 ? (int)n : 0;
}

static void *visit_again(void *arg)
{
	struct customer *k = arg;

	while (!__atomic_load_n(&k->stop, __ATOMIC_ACQUIRE) && k->err == 0) {
		k->err = visit(k);
		k->served += k->err == 0;
	}
	return NULL;
}

/* More clients than the server has room for, all the time, and one process after the other. */
static void p39_under_load(void **state)
{
	struct world w = limits_world();
	struct customer k[CLIENTS] = {0};

	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		k[i].port = w.port;
		snprintf(k[i].ip, sizeof(k[i].ip), "%s", kit_ip(0));
		assert_int_equal(pthread_create(&k[i].thread, NULL, visit_again, &k[i]), 0);
	}
	for (int i = 0; i < ROUNDS; i++)
		upgrade(&w);
	for (int i = 0; i < CLIENTS; i++)
		__atomic_store_n(&k[i].stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(k[i].thread, NULL);
		if (k[i].err != 0)
			kit_fail("client %d was not served: %s", i, strerror(-k[i].err));
		assert_true(k[i].served > 0);
	}
	stop(&w);
	assert_int_equal(counted.most, MOST);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p39_a_server_and_its_queue, kit_end),
		cmocka_unit_test_teardown(p39_p34_who_comes_late, kit_end),
		cmocka_unit_test_teardown(p39_p35_a_listener, kit_end),
		cmocka_unit_test_teardown(p39_p19_places_of_the_dead, kit_end),
		cmocka_unit_test_teardown(p39_under_load, kit_end),
	};

	(void)argc;
	if (relay_asked())
		return relay_main(argv);
	return cmocka_run_group_tests_name("process_upgrade_limits", tests, NULL, NULL);
}
