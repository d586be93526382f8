/* F44: a dial that connects to itself, since the kernel chose the very port it goes to as its source. It happens where
 * a server on this machine listens within the range of such ports and is down. Here the range is that one port, in a
 * network of the test's own, so it happens each time: no check, probe, hedge or client's dial may take it for a server.
 * All else goes by Unix sockets, which need no port. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define SELF "127.0.0.1:40000"
#define RANGE "/proc/sys/net/ipv4/ip_local_port_range"

static bool alone; /* this process has a network of its own */

static bool write_range(const char *text)
{
	int fd = open(RANGE, O_WRONLY | O_CLOEXEC);
	bool well = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return well;
}

static void go_apart(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	alone = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0 && write_range("32768 60999");
	if (fd >= 0)
		close(fd);
}

struct world {
	struct kit_staunch *s;
	char at[KIT_PATH]; /* the listener's socket */
	int fds;
};

/* The servers' texts, and the upstream's other keys. All that the test itself wants a port for is there by now. */
static void start(struct world *w, const char *servers, const char *keys)
{
	if (!alone) {
		print_message("[  SKIPPED ] no network namespace to be had\n");
		skip();
	}
	assert_true(write_range("40000 40000"));
	snprintf(w->at, sizeof(w->at), "%s/web", kit_dir());
	w->s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n  - {name: web, bind: \"unix:%s\", upstream: app}\n"
			    "upstreams:\n  - {name: app, servers: [%s], %s}\n",
		control_socket(), w->at, servers, keys));
	w->fds = kit_proc_fds(w->s->child->pid);
}

/* An echo at a Unix socket, for staunch. */
static const char *echo_at(const char *name)
{
	const char *path = textf("%s/%s", kit_dir(), name);

	(void)kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = path});
	return textf("\"unix:%s\"", path);
}

static bool is_served(const struct world *w)
{
	int fd = kit_connect(w->at, 0);
	char back = 0;
	bool well = kit_io_write(fd, "x", 1) == 0 && kit_io_read(fd, &back, 1) == 1 && back == 'x';

	close(fd);
	return well;
}

static int events(const struct world *w, const char *event)
{
	return kit_file_count(w->s->child->err, textf("\"event\":\"%s\"", event));
}

static long count_of(const char *family, const char *labels)
{
	const char *page = control_expect(200, "GET /metrics", "");
	const char *series = textf("%s{upstream=\"app\",server=\"" SELF "\"%s} ", family, labels);
	const char *at = strstr(page, series);

	return at != NULL ? strtol(at + strlen(series), NULL, 10) : -1;
}

struct counted {
	const char *family, *labels;
	long n;
};

static bool has_counted(void *arg)
{
	const struct counted *c = arg;

	return count_of(c->family, c->labels) >= c->n;
}

static void wait_count(const char *family, const char *labels, long n)
{
	struct counted c = {family, labels, n};

	if (!kit_wait(has_counted, &c, KIT_MS))
		kit_fail("%s%s is %ld and not %ld", family, labels, count_of(family, labels), n);
}

/* Before each test. */
static int widen(void **state)
{
	(void)state;
	return alone && !write_range("32768 60999");
}

/* Of each kind that connects by itself. */
static void f44_checks(void **state)
{
	static const char *const rows[] = {"tcp: {interval: 100ms, timeout: 1s}",
					   "send: {interval: 100ms, timeout: 1s, send: \"a\", expect: \"a\"}"};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct world w = {0};

		assert_int_equal(widen(NULL), 0);
		start(&w, textf("\"" SELF "\", %s", echo_at(textf("echo%zu", i))), textf("health: {%s}", rows[i]));
		wait_count("staunch_healthcheck_total", ",result=\"refused\"", 30);
		assert_int_equal(count_of("staunch_healthcheck_total", ",result=\"ok\""), 0);
		assert_int_equal(events(&w, "server_not_up"), 1);
		assert_int_equal(events(&w, "server_down"), 0);
		assert_int_equal(events(&w, "server_up"), 1); /* the other one */
		assert_true(is_served(&w));
		kit_staunch_stop(w.s, SIGTERM);
	}
}

/* Clients' dials are refused ones, of which three in a row take a server out; its probes never find it well. */
static void f44_clients_and_probes(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, textf("\"" SELF "\", %s, %s", echo_at("a"), echo_at("b")), "health: {passive: {out: 1h}}");
	while (events(&w, "server_out") == 0)
		assert_true(is_served(&w));
	assert_int_equal(count_of("staunch_upstream_connects_total", ",result=\"refused\""), 3);
	wait_count("staunch_upstream_probes_total", ",result=\"failed\"", 3);
	assert_int_equal(count_of("staunch_upstream_probes_total", ",result=\"good\""), 0);
	assert_int_equal(events(&w, "server_in"), 0);
	kit_staunch_stop(w.s, SIGTERM);
}

/* The second dial beside one that nobody answers: it does not win, and the server is to blame. */
static void f44_hedges(void **state)
{
	struct world w = {0};
	const char *hole = textf("\"%s:%d\"", kit_ip(0), kit_black_hole(kit_ip(0)));
	int fd;

	(void)state;
	start(&w, textf("%s, {address: \"" SELF "\", backup: true}", hole),
	      "hedge: 100ms, timeouts: {connect: 2s}, health: {passive: {answer: off}}");
	fd = kit_connect(w.at, 0);
	wait_count("staunch_upstream_connects_total", ",result=\"refused\"", 1);
	expect_part(control_expect(200, "GET /metrics", ""),
		    "staunch_upstream_hedges_total{upstream=\"app\",result=\"won\"} 0\n");
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"connect_", 1);
	close(fd);
	kit_staunch_stop(w.s, SIGTERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, widen, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f44_checks),
		TEST(f44_clients_and_probes),
		TEST(f44_hedges),
	};

	go_apart();
	return cmocka_run_group_tests_name("upstream self", tests, NULL, NULL);
}
