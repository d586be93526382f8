/* Every deadline of a connection: it ends what it is for, at its time, and nothing else. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/flow/kit/front.h"

/* Late by more than this is late, on a busy machine too; early is never right. */
enum { SLACK_MS = 500 };

struct link {
	struct front f;
	int listener, client, server;
	int64_t start; /* before the client connects */
};

static struct link link_open(const char *listener_keys, const char *upstream_keys)
{
	int port = 0;
	struct link l = {.listener = kit_listen(kit_ip(0), &port, 64)};
	struct front_opts o = {
		.servers = front_to(port), .listener = listener_keys, .upstream = upstream_keys,
	};

	l.f = front_start(&o);
	l.start = kit_now_ms();
	l.client = front_connect(&l.f);
	l.server = kit_accept(l.listener);
	return l;
}

static void link_end(struct link *l, const char *reason)
{
	close(l->client);
	if (l->server >= 0)
		close(l->server);
	close(l->listener);
	front_wait(&l->f, reason, 1);
	front_end(&l->f);
}

/* ms after `since`, and not a bit earlier. Deadlines count from what the loop last took for now. */
static void assert_on_time(int64_t since, int ms)
{
	assert_in_range(kit_now_ms() - since, ms - 5, ms + SLACK_MS);
}

/* True while fd stays silent for ms. */
static bool silent_for(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 0;
}

static void b16_idle(void **state)
{
	struct link l = link_open("timeouts: {idle: 1s}", NULL);
	int64_t said;

	(void)state;
	said = kit_now_ms();
	kit_send(l.client, "hi", 2);
	kit_expect(l.server, "hi", 2);
	kit_expect_fin(l.client);
	assert_on_time(said, 1000);
	kit_expect_fin(l.server);
	front_ended(&l.f, "idle_timeout", 2, 0);
	link_end(&l, "idle_timeout");
}

/* A byte in either direction counts for both: one side may be silent as long as it likes. */
static void b16_one_direction_is_enough(void **state)
{
	struct link l = link_open("timeouts: {idle: 1s}", NULL);

	(void)state;
	for (int side = 0; side < 2; side++) {
		int from = side == 0 ? l.client : l.server, to = side == 0 ? l.server : l.client;
		int clock = front_clock(&l.f);

		while (silent_for(clock, 300)) {
			kit_send(from, "x", 1);
			kit_expect(to, "x", 1);
		}
		close(clock);
	}
	assert_int_equal(kit_staunch_log(l.f.s, " listener=front "), 0);
	link_end(&l, "client_fin");
}

/* A connect that took most of the idle time, and an answer that takes most of it once more. */
static void b16_latency_alone_never_trips_it(void **state)
{
	struct link l = link_open("timeouts: {idle: 1500ms}", NULL);

	(void)state;
	for (int i = 0; i < 2; i++) {
		int clock = front_clock(&l.f);

		kit_send(l.client, "question", 8);
		kit_expect(l.server, "question", 8);
		kit_expect_fin(clock);
		kit_send(l.server, "answer", 6);
		kit_expect(l.client, "answer", 6);
		close(clock);
	}
	link_end(&l, "client_fin");
}

/* An idle time that thousands of bytes push back has still its length after the last one. */
static void b16_after_much_traffic(void **state)
{
	struct kit_peer_opts po = {.serve = KIT_ECHO};
	struct front f = front_before(kit_peer_start(&po), "timeouts: {idle: 1s}");
	int fd = front_connect(&f);
	struct talker t = {.fd = fd, .seed = 16, .bytes = 20 * MB};
	int64_t last;

	(void)state;
	talker_start(&t);
	kit_expect_stream(fd, 16, 0, 20 * MB);
	assert_int_equal(talker_join(&t), 0);
	last = kit_now_ms();
	kit_send(fd, "last", 4);
	kit_expect(fd, "last", 4);
	kit_expect_fin(fd);
	assert_on_time(last, 1000);
	close(fd);
	front_ended(&f, "idle_timeout", 20 * MB + 4, 20 * MB + 4);
	front_end(&f);
}

/* Without room to write nothing moves: a reader that stopped is silent, too. */
static void b16_stopped_reader_is_idle(void **state)
{
	struct link l = link_open("timeouts: {idle: 1s}", NULL);
	struct talker t = {.fd = l.client, .seed = 1, .bytes = UINT64_MAX, .piece = 9999};

	(void)state;
	talker_start(&t);
	front_wait(&l.f, "idle_timeout", 1);
	assert_true(kit_now_ms() - l.start >= 995);
	assert_true(talker_join(&t) < 0);
	link_end(&l, "idle_timeout");
}

/* T10: it is asked at each idle time whether both sides are there, and they are. */
static void t10_alive_is_kept(void **state)
{
	struct link l = link_open("timeouts: {idle: 1s, idle_policy: alive}", NULL);
	struct link strict = link_open("timeouts: {idle: 3s}", NULL);

	(void)state;
	kit_send(l.client, "hi", 2);
	kit_expect(l.server, "hi", 2);
	kit_expect_fin(strict.client);
	kit_send(l.server, "still here", 10);
	kit_expect(l.client, "still here", 10);
	link_end(&strict, "idle_timeout");
	link_end(&l, "client_fin");
}

/* T10: half of a connection is not kept for being alive. */
static void t10_half_closed_is_not(void **state)
{
	struct link l = link_open("timeouts: {idle: 1h, half_close: 1s, idle_policy: alive}", NULL);

	(void)state;
	kit_half_close(l.client);
	kit_expect_fin(l.server);
	kit_expect_fin(l.client);
	link_end(&l, "half_close_timeout");
}

/* T9: no later than the lifetime and no earlier than the jitter allows; and not all at once. */
static void t9_lifetimes_differ(void **state)
{
	enum { CLIENTS = 24 };
	struct link l = link_open("timeouts: {lifetime: 2s, lifetime_jitter: 50%}", NULL);
	int fd[CLIENTS], peer[CLIENTS];
	int64_t start = kit_now_ms();
	struct pollfd p[CLIENTS];
	int left = CLIENTS, early = 0;

	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = front_connect(&l.f);
		peer[i] = kit_accept(l.listener);
		p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
	}
	while (left > 0) {
		assert_true(poll(p, CLIENTS, KIT_MS) > 0);
		for (int i = 0; i < CLIENTS; i++) {
			if (p[i].revents == 0)
				continue;
			assert_true(kit_now_ms() - start >= 995);
			early += kit_now_ms() - start < 1750;
			p[i].fd = -1;
			left--;
		}
	}
	front_wait(&l.f, "lifetime", CLIENTS + 1);
	printf("  %d of %d before the last quarter of a second\n", early, CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		close(fd[i]);
		close(peer[i]);
	}
	close(l.client);
	close(l.server);
	close(l.listener);
	front_end(&l.f);
}

static void b11_connect_timeout_ends_with_the_connect(void **state)
{
	struct link l = link_open(NULL, "timeouts: {connect: 400ms}, retry_budget: 400ms");

	(void)state;
	front_cpu_of_a_second(&l.f);
	kit_send(l.client, "still here", 10);
	kit_expect(l.server, "still here", 10);
	link_end(&l, "client_fin");
}

static void half_close_timeout(bool by_client)
{
	struct link l = link_open("timeouts: {half_close: 1s}", NULL);
	int one = by_client ? l.client : l.server, other = by_client ? l.server : l.client;
	int clock = front_clock(&l.f);
	int64_t said;

	kit_half_close(one);
	kit_expect_fin(other);
	while (silent_for(clock, 200)) { /* whoever still speaks is not cut */
		kit_send(other, "more", 4);
		kit_expect(one, "more", 4);
	}
	close(clock);
	said = kit_now_ms();
	kit_send(other, "last", 4);
	kit_expect(one, "last", 4);
	kit_expect_fin(one);
	assert_on_time(said, 1000);
	link_end(&l, "half_close_timeout");
}

static void b17_client_has_ended(void **state)
{
	(void)state;
	half_close_timeout(true);
}

static void b17_server_has_ended(void **state)
{
	(void)state;
	half_close_timeout(false);
}

static void b19_lifetime_cuts_a_busy_one(void **state)
{
	struct kit_peer_opts po = {.serve = KIT_ECHO};
	struct front f = front_before(kit_peer_start(&po), "timeouts: {lifetime: 2s}");
	int64_t start = kit_now_ms();
	int fd = front_connect(&f);
	char byte;

	(void)state;
	while (kit_io_write(fd, "x", 1) == 0 && kit_io_read(fd, &byte, 1) == 1)
		assert_true(kit_now_ms() - start < 5000);
	assert_on_time(start, 2000);
	close(fd);
	front_wait(&f, "lifetime", 1);
	front_end(&f);
}

/* Not even bytes that wait for a stopped reader keep it. */
static void b19_lifetime_cuts_a_stuck_one(void **state)
{
	struct link l = link_open("timeouts: {lifetime: 1s}", NULL);
	struct talker t = {.fd = l.server, .seed = 1, .bytes = UINT64_MAX, .piece = 9999};

	(void)state;
	talker_start(&t);
	assert_true(talker_join(&t) < 0);
	assert_on_time(l.start, 1000);
	link_end(&l, "lifetime");
}

/* The server is gone for good, the client goes on sending: linger bounds it. */
static void b8_linger_is_bounded(void **state)
{
	struct link l = link_open("timeouts: {linger: 600ms}", NULL);
	struct talker t = {.fd = l.client, .seed = 1, .bytes = UINT64_MAX, .piece = 1000};
	int64_t gone = kit_now_ms();

	(void)state;
	close(l.server);
	l.server = -1;
	talker_start(&t);
	kit_expect_fin(l.client);
	assert_true(talker_join(&t) < 0);
	assert_on_time(gone, 600);
	link_end(&l, "server_fin");
}

static void drain_has_a_deadline(void **state)
{
	struct link l = link_open(NULL, NULL);
	int64_t asked = kit_now_ms();

	(void)state;
	kit_child_signal(l.f.s->child, SIGTERM);
	kit_expect_fin(l.client);
	assert_on_time(asked, 1000);
	kit_expect_fin(l.server);
	assert_int_equal(kit_child_wait(l.f.s->child), 4); /* connections were cut */
	front_ended(&l.f, "drain_deadline", 0, 0);
	front_no_complaint(&l.f);
	close(l.client);
	close(l.server);
	close(l.listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(b16_idle, kit_end),
		cmocka_unit_test_teardown(b16_one_direction_is_enough, kit_end),
		cmocka_unit_test_teardown(b16_latency_alone_never_trips_it, kit_end),
		cmocka_unit_test_teardown(b16_after_much_traffic, kit_end),
		cmocka_unit_test_teardown(b16_stopped_reader_is_idle, kit_end),
		cmocka_unit_test_teardown(t10_alive_is_kept, kit_end),
		cmocka_unit_test_teardown(t10_half_closed_is_not, kit_end),
		cmocka_unit_test_teardown(t9_lifetimes_differ, kit_end),
		cmocka_unit_test_teardown(b11_connect_timeout_ends_with_the_connect, kit_end),
		cmocka_unit_test_teardown(b17_client_has_ended, kit_end),
		cmocka_unit_test_teardown(b17_server_has_ended, kit_end),
		cmocka_unit_test_teardown(b19_lifetime_cuts_a_busy_one, kit_end),
		cmocka_unit_test_teardown(b19_lifetime_cuts_a_stuck_one, kit_end),
		cmocka_unit_test_teardown(b8_linger_is_bounded, kit_end),
		cmocka_unit_test_teardown(drain_has_a_deadline, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
