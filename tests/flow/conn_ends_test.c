/* How a connection ends: half-close, reset, a close that must not destroy the tail of what was
 * said. */
#include "tests/flow/kit/front.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEED = 11 };

static struct kit_peer *peer(enum kit_serve serve, uint64_t bytes)
{
	struct kit_peer_opts o = {.serve = serve, .seed = SEED, .bytes = bytes};

	return kit_peer_start(&o);
}

/* Both ends in the test's hands. */
struct pair {
	struct front f;
	int listener, client, server;
};

static struct pair pair_open(const char *listener_keys)
{
	int port = 0;
	struct pair p = {.listener = kit_listen(kit_ip(0), &port, 64)};
	struct front_opts o = {.servers = front_to(port), .listener = listener_keys};

	p.f = front_start(&o);
	p.client = front_connect(&p.f);
	p.server = kit_accept(p.listener);
	return p;
}

static void pair_again(struct pair *p)
{
	p->client = front_connect(&p->f);
	p->server = kit_accept(p->listener);
}

static void pair_end(struct pair *p)
{
	front_at_rest(&p->f);
	close(p->listener);
	front_end(&p->f);
}

/* --- half-close --- */

static void b4_f4_client_half_closes(void **state)
{
	struct kit_peer *p = peer(KIT_ANSWER, 4 * MB);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);

	(void)state;
	kit_send_stream(fd, SEED, 0, 4 * MB + 1);
	kit_half_close(fd);
	kit_expect_stream(fd, SEED, 0, 4 * MB);
	kit_expect_fin(fd);
	close(fd);
	kit_peer_wait_ended(p, 1);
	assert_true(kit_peer_report(p, 0).intact);
	assert_int_equal(kit_peer_report(p, 0).read, 4 * MB + 1);
	front_ended(&f, "client_fin", 4 * MB + 1, 4 * MB);
	front_end(&f);
}

static void b5_f4_server_half_closes(void **state)
{
	struct kit_peer *p = peer(KIT_SOURCE, 4 * MB + 1);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);

	(void)state;
	kit_expect_stream(fd, SEED, 0, 4 * MB + 1);
	kit_expect_fin(fd);
	kit_send_stream(fd, SEED, 0, 4 * MB);
	kit_half_close(fd);
	kit_peer_wait_ended(p, 1);
	close(fd);
	assert_true(kit_peer_report(p, 0).intact);
	assert_int_equal(kit_peer_report(p, 0).read, 4 * MB);
	assert_int_equal(kit_peer_report(p, 0).end, 0);
	front_ended(&f, "server_fin", 4 * MB, 4 * MB + 1);
	front_end(&f);
}

static uint32_t segments_in(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_segs_in;
}

/* The last bytes and the FIN in one segment: one event for two things. They leave as they came; but for a client that
 * is so fast that its bytes are read before an event has told of its FIN. */
static void b5_data_and_fin_in_one_segment(void **state)
{
	struct pair p = pair_open(NULL);
	const int rounds = 60;

	(void)state;
	for (int i = 0; i < rounds; i++) {
		int from = i % 2 != 0 ? p.client : p.server, to = i % 2 != 0 ? p.server : p.client;
		uint32_t before = segments_in(to);

		assert_int_equal(send(from, "the last", 8, MSG_MORE), 8);
		kit_half_close(from);
		kit_expect(to, "the last", 8);
		kit_expect_fin(to);
		if (from == p.server)
			assert_int_equal(segments_in(to) - before, 1);
		kit_send(to, "answer", 6);
		close(to);
		kit_expect(from, "answer", 6);
		kit_expect_fin(from);
		close(from);
		if (i + 1 < rounds)
			pair_again(&p);
	}
	front_wait(&p.f, "client_fin", rounds / 2);
	front_wait(&p.f, "server_fin", rounds / 2);
	pair_end(&p);
}

static void b8_both_close_at_once(void **state)
{
	struct pair p = pair_open(NULL);

	(void)state;
	for (int i = 0; i < 100; i++) {
		kit_half_close(i % 2 != 0 ? p.client : p.server);
		kit_half_close(i % 2 != 0 ? p.server : p.client);
		kit_expect_fin(p.client);
		kit_expect_fin(p.server);
		close(p.client);
		close(p.server);
		if (i < 99)
			pair_again(&p);
	}
	kit_staunch_wait_log(p.f.s, "_fin by=", 100);
	pair_end(&p);
}

/* What has ended on one side is not looked at again and again. */
static void f20_half_closed_connections_cost_nothing(void **state)
{
	enum { N = 1000 };
	static int client[N], server[N];
	struct pair p = pair_open(NULL);

	(void)state;
	close(p.client);
	close(p.server);
	for (int i = 0; i < N; i++) {
		pair_again(&p);
		client[i] = p.client;
		server[i] = p.server;
		kit_half_close(i % 2 != 0 ? client[i] : server[i]);
		kit_expect_fin(i % 2 != 0 ? server[i] : client[i]);
	}
	assert_in_range(front_cpu_of_a_second(&p.f), 0, 10);
	for (int i = 0; i < N; i++) {
		close(client[i]);
		close(server[i]);
	}
	front_wait(&p.f, "server_fin", N / 2);
	pair_end(&p);
}

/* --- resets --- */

static void b6_f5_server_resets_after_its_bytes(void **state)
{
	struct kit_peer *p = peer(KIT_RESET, 3 * MB);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);

	(void)state;
	kit_expect_stream(fd, SEED, 0, 3 * MB);
	kit_expect_rst(fd);
	close(fd);
	front_ended(&f, "server_rst", 0, 3 * MB);
	assert_int_equal(kit_staunch_log(f.s, " errno=ECONNRESET "), 1);
	front_end(&f);
}

/* The reset is there long before the client reads its first byte. */
static void b6_reset_waits_for_a_slow_client(void **state)
{
	struct kit_peer *p = peer(KIT_RESET, 2 * MB);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);

	(void)state;
	kit_peer_wait_ended(p, 1);
	assert_int_equal(kit_peer_report(p, 0).written, 2 * MB);
	kit_expect_stream(fd, SEED, 0, 2 * MB);
	kit_expect_rst(fd);
	close(fd);
	front_ended(&f, "server_rst", 0, 2 * MB);
	front_end(&f);
}

/* ... but not for ever. */
static void b6_reset_waits_no_longer_than_half_close(void **state)
{
	struct kit_peer *p = peer(KIT_RESET, 2 * MB);
	struct front f = front_before(p, "timeouts: {half_close: 500ms}");
	int fd = front_connect(&f);
	int64_t start = kit_now_ms();

	(void)state;
	front_wait(&f, "server_rst", 1);
	assert_in_range(kit_now_ms() - start, 450, 1500);
	close(fd);
	front_end(&f);
}

static void b6_client_resets_while_the_servers_reset_waits(void **state)
{
	struct kit_peer *p = peer(KIT_RESET, 2 * MB);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);

	(void)state;
	kit_peer_wait_ended(p, 1);
	front_cpu_of_a_second(&f); /* the server's reset has been seen by then */
	kit_reset(fd);
	front_wait(&f, "server_rst", 1);
	front_end(&f);
}

static void b7_f5_client_resets_after_its_bytes(void **state)
{
	struct kit_peer *p = peer(KIT_SINK, 0);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);

	(void)state;
	kit_send_stream(fd, SEED, 0, 3 * MB);
	assert_int_equal(kit_io_wait_sent(fd), 0);
	kit_reset(fd);
	kit_peer_wait_ended(p, 1);
	assert_true(kit_peer_report(p, 0).intact);
	assert_int_equal(kit_peer_report(p, 0).read, 3 * MB);
	assert_int_equal(kit_peer_report(p, 0).end, -ECONNRESET);
	front_ended(&f, "client_rst", 3 * MB, 0);
	front_end(&f);
}

/* The proxy is full of bytes for a client that is no more: they go, and the server learns it. */
static void b7_what_was_meant_for_the_client_is_dropped(void **state)
{
	struct kit_peer *p = peer(KIT_SOURCE, 64 * MB);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f), end;

	(void)state;
	kit_expect_stream(fd, SEED, 0, MB);
	kit_reset(fd);
	kit_peer_wait_ended(p, 1);
	end = kit_peer_report(p, 0).end;
	assert_true(end == -ECONNRESET || end == -EPIPE);
	assert_true(kit_peer_report(p, 0).written < 64 * MB);
	front_wait(&f, "client_rst", 1);
	front_end(&f);
}

/* What the client says no more cannot be read from its socket, and the server may be silent for
 * long: the event alone tells, and then there is only `linger` left to finish. */
static void b7_reset_after_half_close(void **state)
{
	struct pair p = pair_open("timeouts: {linger: 300ms}");

	(void)state;
	kit_send(p.client, "bye", 3);
	kit_half_close(p.client);
	kit_expect(p.server, "bye", 3);
	kit_expect_fin(p.server);
	kit_reset(p.client);
	front_wait(&p.f, "client_fin", 1);
	close(p.server);
	pair_end(&p);
}

/* Writing to what was reset must not kill the process by a signal. */
static void b23_f37_writes_into_reset_sockets(void **state)
{
	struct pair p = pair_open(NULL);

	(void)state;
	for (int i = 0; i < 500; i++) {
		kit_reset(p.server);
		while (kit_io_write(p.client, "into the void", 13) == 0)
			;
		close(p.client);
		pair_again(&p);
	}
	close(p.client);
	close(p.server);
	kit_staunch_wait_log(p.f.s, " listener=front ", 501);
	pair_end(&p);
}

/* --- the tail --- */

/* One side has said its last word and is gone, while the other still sends into nothing and has not
 * read yet: nothing of ours may destroy what it is about to read. */
static void tail_is_not_destroyed(bool server_leaves)
{
	struct pair p = pair_open("timeouts: {linger: 1s}");
	int leaver = server_leaves ? p.server : p.client;
	int sender = server_leaves ? p.client : p.server;
	struct talker t = {.fd = sender, .seed = SEED, .bytes = UINT64_MAX, .piece = 9999};

	kit_send_stream(leaver, SEED, 0, 300000);
	kit_half_close(leaver);
	assert_int_equal(kit_io_wait_sent(leaver), 0);
	close(leaver); /* from now on it answers bytes with resets */
	talker_start(&t);
	assert_true(kit_wait(talker_has_said_much, &t, KIT_MS));
	kit_expect_stream(sender, SEED, 0, 300000);
	kit_expect_fin(sender);
	front_wait(&p.f, server_leaves ? "server_fin" : "client_fin", 1);
	talker_join(&t);
	assert_true(t.err == -EPIPE || t.err == -ECONNRESET);
	close(sender);
	pair_end(&p);
}

static void b8_f6_server_leaves_first(void **state)
{
	(void)state;
	tail_is_not_destroyed(true);
}

static void b8_f6_client_leaves_first(void **state)
{
	(void)state;
	tail_is_not_destroyed(false);
}

/* --- on_fin: end --- */

/* Neither side waits for the other: both have their end, though one of them never says its own. */
static void first_fin_ends(bool server_ends)
{
	struct pair p = pair_open("on_fin: end, timeouts: {linger: 300ms}");
	int first = server_ends ? p.server : p.client, other = server_ends ? p.client : p.server;

	kit_send(other, "unasked", 7);
	kit_expect(first, "unasked", 7);
	kit_send(first, "bye", 3);
	kit_half_close(first);
	kit_expect(other, "bye", 3);
	kit_expect_fin(other);
	kit_expect_fin(first);
	front_wait(&p.f, server_ends ? "server_fin" : "client_fin", 1);
	close(first);
	close(other);
	pair_end(&p);
}

static void b29_the_clients_fin_ends(void **state)
{
	(void)state;
	first_fin_ends(false);
}

static void b29_the_servers_fin_ends(void **state)
{
	(void)state;
	first_fin_ends(true);
}

/* Much is on its way both ways, and what the server has sent arrives before its end does. */
static void b29_what_was_sent_before_the_fin_arrives(void **state)
{
	struct kit_peer *p = peer(KIT_SOURCE, 4 * MB + 1);
	struct front f = front_before(p, "on_fin: end");
	int fd = front_connect(&f);

	(void)state;
	kit_expect_stream(fd, SEED, 0, 4 * MB + 1);
	kit_expect_fin(fd);
	close(fd);
	front_wait(&f, "server_fin", 1);
	kit_peer_wait_ended(p, 1);
	front_end(&f);
}

/* The proxy sees the client's end and the server's bytes at once: the bytes were there before. */
static void b29_bytes_that_came_before_the_fin(void **state)
{
	struct pair p = pair_open("on_fin: end");

	(void)state;
	for (int i = 0; i < 50; i++) {
		bool client_ends = i % 2 == 0;
		int first = client_ends ? p.client : p.server, other = client_ends ? p.server : p.client;

		assert_int_equal(kill(p.f.pid, SIGSTOP), 0);
		kit_send_stream(other, SEED, 0, 40000);
		kit_send(first, "bye", 3);
		kit_half_close(first);
		assert_int_equal(kill(p.f.pid, SIGCONT), 0);
		kit_expect_stream(first, SEED, 0, 40000);
		kit_expect_fin(first);
		kit_expect(other, "bye", 3);
		kit_expect_fin(other);
		close(first);
		close(other);
		if (i < 49)
			pair_again(&p);
	}
	pair_end(&p);
}

/* The server sends without a pause, has read nothing yet, and still gets the client's last bytes. */
static void b29_b8_tail_is_not_destroyed(void **state)
{
	struct pair p = pair_open("on_fin: end, timeouts: {linger: 1s}");
	struct talker t = {.fd = p.server, .seed = SEED, .bytes = UINT64_MAX, .piece = 9999};

	(void)state;
	talker_start(&t);
	kit_send_stream(p.client, SEED, 0, 300000);
	kit_half_close(p.client);
	assert_true(kit_wait(talker_has_said_much, &t, KIT_MS));
	kit_expect_stream(p.server, SEED, 0, 300000);
	kit_expect_fin(p.server);
	front_wait(&p.f, "client_fin", 1);
	talker_join(&t);
	close(p.client);
	close(p.server);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(b4_f4_client_half_closes, kit_end),
		cmocka_unit_test_teardown(b5_f4_server_half_closes, kit_end),
		cmocka_unit_test_teardown(b5_data_and_fin_in_one_segment, kit_end),
		cmocka_unit_test_teardown(b8_both_close_at_once, kit_end),
		cmocka_unit_test_teardown(f20_half_closed_connections_cost_nothing, kit_end),
		cmocka_unit_test_teardown(b6_f5_server_resets_after_its_bytes, kit_end),
		cmocka_unit_test_teardown(b6_reset_waits_for_a_slow_client, kit_end),
		cmocka_unit_test_teardown(b6_reset_waits_no_longer_than_half_close, kit_end),
		cmocka_unit_test_teardown(b6_client_resets_while_the_servers_reset_waits, kit_end),
		cmocka_unit_test_teardown(b7_f5_client_resets_after_its_bytes, kit_end),
		cmocka_unit_test_teardown(b7_what_was_meant_for_the_client_is_dropped, kit_end),
		cmocka_unit_test_teardown(b7_reset_after_half_close, kit_end),
		cmocka_unit_test_teardown(b23_f37_writes_into_reset_sockets, kit_end),
		cmocka_unit_test_teardown(b8_f6_server_leaves_first, kit_end),
		cmocka_unit_test_teardown(b8_f6_client_leaves_first, kit_end),
		cmocka_unit_test_teardown(b29_the_clients_fin_ends, kit_end),
		cmocka_unit_test_teardown(b29_the_servers_fin_ends, kit_end),
		cmocka_unit_test_teardown(b29_what_was_sent_before_the_fin_arrives, kit_end),
		cmocka_unit_test_teardown(b29_bytes_that_came_before_the_fin, kit_end),
		cmocka_unit_test_teardown(b29_b8_tail_is_not_destroyed, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
