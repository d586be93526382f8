/* Peers: each behaviour as its contract says, against the kit's own client side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kit/kit.h"

enum { MANY = 300 * 1000, SEED = 42 };

static struct kit_peer *start(enum kit_serve serve, uint64_t bytes)
{
	struct kit_peer_opts o = {.serve = serve, .seed = SEED, .bytes = bytes};

	return kit_peer_start(&o);
}

static int to(const struct kit_peer *p)
{
	return kit_connect(kit_ip(0), kit_peer_port(p));
}

static void echo(void **state)
{
	struct kit_peer *p = start(KIT_ECHO, 0);
	int fd = to(p);

	(void)state;
	kit_send(fd, "hello", 5);
	kit_expect(fd, "hello", 5);
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	kit_peer_wait_ended(p, 1);
	assert_int_equal(kit_peer_report(p, 0).read, 5);
	assert_int_equal(kit_peer_report(p, 0).written, 5);
	assert_int_equal(kit_peer_report(p, 0).end, 0);
}

static void sink_checks_the_stream(void **state)
{
	struct kit_peer *p = start(KIT_SINK, 0);
	int good = to(p), bad = to(p);

	(void)state;
	kit_peer_wait_accepted(p, 2);
	kit_send_stream(good, SEED, 0, MANY);
	kit_send_stream(bad, SEED, 0, 1000);
	kit_send_stream(bad, SEED, 999, 1000); /* one byte twice */
	kit_half_close(good);
	kit_half_close(bad);
	kit_expect_fin(good);
	kit_expect_fin(bad);
	kit_peer_wait_ended(p, 2);
	assert_true(kit_peer_report(p, 0).intact);
	assert_int_equal(kit_peer_report(p, 0).read, MANY);
	assert_false(kit_peer_report(p, 1).intact);
	close(good);
	close(bad);
}

static void source_ends_first(void **state)
{
	struct kit_peer *p = start(KIT_SOURCE, MANY);
	int fd = to(p);

	(void)state;
	kit_expect_stream(fd, SEED, 0, MANY);
	kit_expect_fin(fd);
	assert_int_equal(kit_peer_ended(p), 0);
	kit_send_stream(fd, SEED, 0, 10);
	kit_half_close(fd);
	kit_peer_wait_ended(p, 1);
	assert_int_equal(kit_peer_report(p, 0).written, MANY);
	assert_int_equal(kit_peer_report(p, 0).read, 10);
	close(fd);
}

static void answer_waits_for_fin(void **state)
{
	struct kit_peer *p = start(KIT_ANSWER, MANY);
	int fd = to(p);

	(void)state;
	kit_send_stream(fd, SEED, 0, 10);
	kit_half_close(fd);
	kit_expect_stream(fd, SEED, 0, MANY);
	kit_expect_fin(fd);
	close(fd);
}

static void reset_comes_after_the_bytes(void **state)
{
	struct kit_peer *p = start(KIT_RESET, 1000);
	int fd = to(p);

	(void)state;
	kit_expect_stream(fd, SEED, 0, 1000);
	kit_expect_rst(fd);
	close(fd);
}

static void peer_sees_a_reset(void **state)
{
	struct kit_peer *sink = start(KIT_SINK, 0), *mute = start(KIT_MUTE, 0);

	(void)state;
	kit_reset(to(sink));
	kit_reset(to(mute));
	kit_peer_wait_ended(sink, 1);
	kit_peer_wait_ended(mute, 1);
	assert_int_equal(kit_peer_report(sink, 0).end, -ECONNRESET);
	assert_int_equal(kit_peer_report(mute, 0).end, -ECONNRESET);
}

static void mute_stays_until_stopped(void **state)
{
	struct kit_peer *p = start(KIT_MUTE, 0);
	int fd = to(p);

	(void)state;
	kit_send(fd, "x", 1);
	kit_peer_wait_accepted(p, 1);
	assert_int_equal(kit_peer_ended(p), 0);
	kit_peer_stop(p);
	assert_int_equal(kit_peer_ended(p), 1);
	close(fd);
	assert_int_equal(kit_try_connect(kit_ip(0), kit_peer_port(p)), -ECONNREFUSED);
}

static void many_at_once(void **state)
{
	struct kit_peer *p = start(KIT_ECHO, 0);
	int fds[100];

	(void)state;
	for (size_t i = 0; i < array_len(fds); i++) {
		fds[i] = to(p);
		kit_send_stream(fds[i], i, 0, 1000);
	}
	for (size_t i = 0; i < array_len(fds); i++) {
		kit_expect_stream(fds[i], i, 0, 1000);
		close(fds[i]);
	}
	kit_peer_wait_ended(p, (int)array_len(fds));
	assert_int_equal(kit_peer_accepted(p), array_len(fds));
}

static void ports_that_do_not_serve(void **state)
{
	int refuser = kit_refuser(kit_ip(1)), hole = kit_black_hole(kit_ip(1));
	char text[32];
	struct kit_child *c;

	(void)state;
	assert_int_equal(kit_try_connect(kit_ip(1), refuser), -ECONNREFUSED);
	/* A connect that is never answered shows in a child, so that the test need not wait for its
	 * own deadline. */
	snprintf(text, sizeof(text), "http://%s:%d/", kit_ip(1), hole);
	if (!kit_have("curl"))
		skip();
	c = kit_child_start("curl", KIT_ARGV("curl", "-sS", "--connect-timeout", "0.3", text));
	assert_int_equal(kit_child_wait(c), 28);
}

static void addresses_are_apart(void **state)
{
	char first[16];

	(void)state;
	snprintf(first, sizeof(first), "%s", kit_ip(0));
	assert_string_not_equal(first, kit_ip(249));
	assert_string_equal(first, kit_ip(0));
	assert_int_equal(strncmp(first, "127.", 4), 0);
	assert_int_not_equal(kit_port(first), 0);
}

static void every_family_is_served(void **state)
{
	char path[KIT_PATH], abstract[64];
	const char *places[] = {kit_ip(3), "::1", path, abstract};

	(void)state;
	snprintf(path, sizeof(path), "%s/sock", kit_dir());
	snprintf(abstract, sizeof(abstract), "@staunch-kit-%d", (int)getpid());
	for (size_t i = 0; i < array_len(places); i++) {
		struct kit_peer *p = kit_peer_start(&(struct kit_peer_opts){.ip = places[i]});
		int fd = kit_connect(places[i], kit_peer_port(p));

		kit_send(fd, "x", 1);
		kit_expect(fd, "x", 1);
		close(fd);
	}
}

static void nginx_answers(void **state)
{
	static const char ask[] = "GET /hello HTTP/1.0\r\n\r\n";
	int port, fd;

	(void)state;
	if (!kit_have("nginx"))
		skip();
	kit_nginx_start(kit_ip(2), &port);
	fd = kit_connect(kit_ip(2), port);
	kit_send(fd, ask, strlen(ask));
	kit_expect(fd, "HTTP/1.1 200 OK", 15);
	close(fd);
}

static void redis_answers(void **state)
{
	int port, fd;

	(void)state;
	if (!kit_have("redis-server"))
		skip();
	kit_redis_start(kit_ip(2), &port);
	fd = kit_connect(kit_ip(2), port);
	kit_send(fd, "PING\r\n", 6);
	kit_expect(fd, "+PONG\r\n", 7);
	close(fd);
}

#define ROW(test) cmocka_unit_test_teardown(test, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(echo),
		ROW(sink_checks_the_stream),
		ROW(source_ends_first),
		ROW(answer_waits_for_fin),
		ROW(reset_comes_after_the_bytes),
		ROW(peer_sees_a_reset),
		ROW(mute_stays_until_stopped),
		ROW(many_at_once),
		ROW(ports_that_do_not_serve),
		ROW(addresses_are_apart),
		ROW(every_family_is_served),
		ROW(nginx_answers),
		ROW(redis_answers),
	};

	return cmocka_run_group_tests_name("kit/peer", tests, NULL, NULL);
}
