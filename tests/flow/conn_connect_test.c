/* The connect stage: servers that refuse, swallow, reset or are full; clients that do not wait. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/front.h"

enum { SEED = 13 };

/* A list of servers at kit_ip(0); a port of 0 ends it. */
static void list_servers(char list[256], const int ports[4])
{
	size_t at = 0;

	for (int i = 0; i < 4 && ports[i] != 0; i++)
		at += (size_t)snprintf(list + at, 256 - at, "%s\"%s:%d\"", i == 0 ? "[" : ", ",
				       kit_ip(0), ports[i]);
	snprintf(list + at, 256 - at, "]");
}

static struct kit_peer *answerer(void)
{
	struct kit_peer_opts o = {.serve = KIT_ANSWER, .seed = SEED, .bytes = 10000};

	return kit_peer_start(&o);
}

/* What a client does that knows nothing of servers: asks, and gets the answer. */
static void asks_and_is_answered(const struct front *f)
{
	int fd = front_connect(f);

	kit_send_stream(fd, SEED, 0, 1000);
	kit_half_close(fd);
	kit_expect_stream(fd, SEED, 0, 10000);
	kit_expect_fin(fd);
	close(fd);
}

/* --- no server to be had --- */

static void closed_at_once(const char *servers, const char *errno_name)
{
	struct front_opts o = {.servers = servers};
	struct front f = front_start(&o);
	int64_t start = kit_now_ms();
	int fd = front_connect(&f);

	kit_expect_fin(fd);
	assert_in_range(kit_now_ms() - start, 0, 1000);
	close(fd);
	front_ended(&f, "connect_failed", 0, 0);
	assert_int_equal(front_count(&f, errno_name, " retries=0 "), 1);
	assert_int_equal(kit_file_count(f.s->child->err, "connect_failed"), 1);
	front_end(&f);
	kit_end(NULL);
}

static void b10_closed_at_once(void **state)
{
	char absent[KIT_PATH + 16];

	(void)state;
	closed_at_once(front_to(kit_refuser(kit_ip(0))), " errno=ECONNREFUSED ");
	snprintf(absent, sizeof(absent), "[\"unix:%s/absent\"]", kit_dir());
	closed_at_once(absent, " errno=ENOENT ");
	/* The routing table chooses which one. */
	closed_at_once("[\"255.255.255.255:9\"]", " errno=E");
}

/* Each server is tried once, however many retries there may be. */
static void b10_every_server_refuses(void **state)
{
	const int ports[4] = {
		kit_refuser(kit_ip(0)), kit_refuser(kit_ip(0)), kit_refuser(kit_ip(0)),
	};
	char servers[256];
	struct front_opts o = {.servers = servers, .upstream = "retries: 10"};
	struct front f;
	int fd;

	(void)state;
	list_servers(servers, ports);
	f = front_start(&o);
	fd = front_connect(&f);
	kit_expect_fin(fd);
	close(fd);
	front_wait(&f, "connect_failed", 1);
	assert_int_equal(front_count(&f, " retries=2 ", " listener=front "), 1);
	front_end(&f);
}

static void no_server_may_be_tried(void **state)
{
	char servers[128];
	struct front_opts o = {.servers = servers};
	struct front f;
	int fd;

	(void)state;
	snprintf(servers, sizeof(servers), "[{address: \"%s:%d\", weight: 0}]", kit_ip(0),
		 kit_refuser(kit_ip(0)));
	f = front_start(&o);
	fd = front_connect(&f);
	kit_expect_fin(fd);
	close(fd);
	front_ended(&f, "no_live_upstream", 0, 0);
	/* Nothing was dialled. */
	assert_int_equal(kit_file_count(f.s->child->err, "connect_failed"), 0);
	front_end(&f);
}

static void b11_black_hole(void **state)
{
	char servers[64];
	struct front_opts o = {.servers = servers, .upstream = "timeouts: {connect: 2s}"};
	struct front f;
	int64_t start, took;
	int fd;

	(void)state;
	snprintf(servers, sizeof(servers), "%s", front_to(kit_black_hole(kit_ip(0))));
	f = front_start(&o);
	start = kit_now_ms();
	fd = front_connect(&f);
	kit_expect_fin(fd);
	took = kit_now_ms() - start;
	assert_in_range(took, 1995, 2200);
	close(fd);
	front_ended(&f, "connect_timeout", 0, 0);
	front_end(&f);
}

/* The budget cuts an attempt that the connect timeout would still allow. */
static void retry_budget_bounds_all_attempts(void **state)
{
	const int ports[4] = {
		kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0)),
	};
	char servers[256];
	struct front_opts o = {
		.servers = servers,
		.upstream = "timeouts: {connect: 600ms}, retries: 5, retry_budget: 1s, hedge: off",
	};
	struct front f;
	int64_t start, took;
	int fd;

	(void)state;
	list_servers(servers, ports);
	f = front_start(&o);
	start = kit_now_ms();
	fd = front_connect(&f);
	kit_expect_fin(fd);
	took = kit_now_ms() - start;
	assert_in_range(took, 995, 1200);
	close(fd);
	front_wait(&f, "connect_timeout", 1);
	assert_int_equal(front_count(&f, " retries=1 ", " listener=front "), 1);
	front_end(&f);
}

/* --- another server is tried, and the client sees nothing of it --- */

static void next_server_after_refusal_and_silence(void **state)
{
	char servers[256];
	struct front_opts o = {.servers = servers, .upstream = "timeouts: {connect: 500ms}"};
	struct kit_peer *p = answerer();
	const int ports[4] = {
		kit_refuser(kit_ip(0)), kit_black_hole(kit_ip(0)), kit_peer_port(p),
	};
	struct front f;

	(void)state;
	list_servers(servers, ports);
	f = front_start(&o);
	for (int i = 0; i < 6; i++)
		asks_and_is_answered(&f);
	assert_int_equal(kit_peer_accepted(p), 6);
	front_wait(&f, "client_fin", 6);
	assert_int_equal(kit_staunch_log(f.s, " in=1000 out=10000 "), 6);
	/* Not each begins with a bad one; and what was overcome is no error of the connection. */
	assert_in_range(kit_staunch_log(f.s, " retries=2 "), 1, 5);
	assert_int_equal(kit_staunch_log(f.s, "errno="), 0);
	front_end(&f);
}

/* A server that accepts and resets has been connected to: nobody may be asked a second time. It is
 * the reset that the client gets; unless it came so early that the connect itself failed. */
static void resetting_server(void **state)
{
	struct kit_peer_opts bad = {.serve = KIT_RESET};
	char servers[256];
	struct front_opts o = {.servers = servers, .upstream = "retries: 1"};
	struct kit_peer *resetter = kit_peer_start(&bad), *p = answerer();
	const int ports[4] = {kit_peer_port(resetter), kit_peer_port(p)};
	int reset = 0, answered = 0;
	struct front f;

	(void)state;
	list_servers(servers, ports);
	f = front_start(&o);
	for (int i = 0; i < 40; i++) {
		int fd = kit_try_connect(f.ip, f.port);
		ssize_t n = fd;
		char byte;

		if (fd >= 0) {
			shutdown(fd, SHUT_WR); /* it may be reset already */
			n = kit_io_read(fd, &byte, 1);
		}
		assert_true(n == 1 || n == -ECONNRESET);
		if (n == 1)
			kit_expect_stream(fd, SEED, 1, 9999);
		answered += n == 1;
		reset += n != 1;
		if (fd >= 0)
			close(fd);
	}
	assert_true(answered >= 20);
	assert_int_equal(kit_peer_accepted(p), answered);
	front_wait(&f, "client_fin", answered);
	front_wait(&f, "server_rst", reset);
	front_end(&f);
}

/* --- clients that do not wait for the connect --- */

/* Bytes and a FIN while SYNs go unanswered: the kernel's next try, a second later, gets through. */
static void b12_tcp_connect_that_takes_a_second(void **state)
{
	struct front_opts o = {0};
	int port = 0, listener = kit_listen(kit_ip(0), &port, 0), waiting, client, server;
	struct front f;

	(void)state;
	waiting = kit_connect(kit_ip(0), port); /* a backlog of 0 has room for one */
	o.servers = front_to(port);
	f = front_start(&o);
	client = front_connect(&f);
	kit_send_stream(client, SEED, 0, 50000);
	kit_half_close(client);
	kit_proc_wait_fds(f.pid, f.fds + 2);
	close(kit_accept(listener));
	close(waiting);
	server = kit_accept(listener);
	kit_expect_stream(server, SEED, 0, 50000);
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(client);
	close(client);
	close(listener);
	front_ended(&f, "client_fin", 50000, 0);
	front_end(&f);
}

/* The place at the server is free at once, and the server is not blamed. */
static void b13_client_resets_while_connecting(void **state)
{
	char servers[128];
	struct front_opts o = {
		.servers = servers, .upstream = "timeouts: {connect: 10m}, retry_budget: 10m",
	};
	struct front f;

	(void)state;
	snprintf(servers, sizeof(servers), "[{address: \"%s:%d\", max_connections: 1}]", kit_ip(0),
		 kit_black_hole(kit_ip(0)));
	f = front_start(&o);
	for (int i = 1; i <= 5; i++) {
		int fd = front_connect(&f);
		int64_t start;

		kit_send(fd, "hello?", 6);
		kit_proc_wait_fds(f.pid, f.fds + 2);
		start = kit_now_ms();
		kit_reset(fd);
		kit_proc_wait_fds(f.pid, f.fds);
		assert_in_range(kit_now_ms() - start, 0, 1000);
		front_wait(&f, "client_rst", i);
	}
	assert_int_equal(kit_staunch_log(f.s, "reason=max_connections"), 0);
	assert_int_equal(kit_file_count(f.s->child->err, "connect_failed"), 0);
	front_end(&f);
}

/* --- limits --- */

/* After connections that failed in every way, exactly as many fit as before. */

static void places_are_given_back(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 64), clients[4], servers[3];
	char text[128];
	struct front_opts o = {.servers = text, .upstream = "queue: off"};
	struct front f;

	(void)state;
	snprintf(text, sizeof(text), "[{address: \"%s:%d\", max_connections: 3}]", kit_ip(0), port);
	f = front_start(&o);
	for (int i = 0; i < 60; i++) {
		int client = front_connect(&f), server = kit_accept(listener);

		if (i % 3 == 0)
			kit_reset(client);
		else
			close(client);
		if (i % 4 == 0)
			kit_reset(server);
		else
			close(server);

		kit_proc_wait_fds(f.pid, f.fds);
	}
	for (int i = 0; i < 3; i++) {
		clients[i] = front_connect(&f);
		servers[i] = kit_accept(listener);
	}
	clients[3] = front_connect(&f);
	kit_expect_fin(clients[3]);
	front_wait(&f, "max_connections", 1);
	kit_send(clients[0], "still", 5);
	kit_expect(servers[0], "still", 5);
	for (int i = 0; i < 4; i++)
		close(clients[i]);
	for (int i = 0; i < 3; i++)
		close(servers[i]);
	close(listener);
	front_end(&f);
}

static void b25_listener_full(void **state)
{
	struct kit_peer *p = answerer();
	struct front f = front_before(p, "max_connections: 2");
	int one, two, three;

	(void)state;
	one = front_connect(&f);
	two = front_connect(&f);
	kit_peer_wait_accepted(p, 2);
	three = front_connect(&f);
	kit_expect_fin(three);
	close(three);
	front_ended(&f, "max_connections", 0, 0);
	close(one);
	close(two);
	kit_proc_wait_fds(f.pid, f.fds);
	asks_and_is_answered(&f);
	front_end(&f);
}

/* The last descriptor goes to the client, and there is none left for the server. */
static void out_of_descriptors(void **state)
{
	struct front f = front_before(answerer(), NULL);
	struct rlimit before, tight;
	int fd;

	(void)state;
	front_at_rest(&f);
	assert_int_equal(prlimit(f.pid, RLIMIT_NOFILE, NULL, &before), 0);
	tight = (struct rlimit){.rlim_cur = (rlim_t)f.fds + 1, .rlim_max = before.rlim_max};
	assert_int_equal(prlimit(f.pid, RLIMIT_NOFILE, &tight, NULL), 0);
	fd = front_connect(&f);
	kit_expect_fin(fd);
	close(fd);
	front_ended(&f, "overload", 0, 0);
	assert_int_equal(kit_staunch_log(f.s, " errno=EMFILE "), 1);
	assert_int_equal(prlimit(f.pid, RLIMIT_NOFILE, &before, NULL), 0);
	asks_and_is_answered(&f);
	front_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(b10_closed_at_once, kit_end),
		cmocka_unit_test_teardown(b10_every_server_refuses, kit_end),
		cmocka_unit_test_teardown(no_server_may_be_tried, kit_end),
		cmocka_unit_test_teardown(b11_black_hole, kit_end),
		cmocka_unit_test_teardown(retry_budget_bounds_all_attempts, kit_end),
		cmocka_unit_test_teardown(next_server_after_refusal_and_silence, kit_end),
		cmocka_unit_test_teardown(resetting_server, kit_end),
		cmocka_unit_test_teardown(b12_tcp_connect_that_takes_a_second, kit_end),
		cmocka_unit_test_teardown(b13_client_resets_while_connecting, kit_end),
		cmocka_unit_test_teardown(places_are_given_back, kit_end),
		cmocka_unit_test_teardown(b25_listener_full, kit_end),
		cmocka_unit_test_teardown(out_of_descriptors, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
