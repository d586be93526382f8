/* T2, T3, T6, T7, T16: what one source of clients may have of a listener, and how fast all of them may come. */
#include <poll.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/source_pair.h"

enum { ONE = 20, OTHER = 21 }; /* kit_ip()s */

/* Sockets of ours that wait out an end; there are none of who is reset. */
static void t7_reset_and_exact(void **state)
{
	int listener;
	struct pair p[3], other;
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 3}, upstream: back", "");

	(void)state;
	for (int i = 0; i < 3; i++)
		p[i] = is_admitted(&e, listener, ONE);
	for (int i = 1; i <= 4; i++) {
		is_reset(&e, listener, ONE);
		edge_ended(&e, "rate_limited", i);
	}
	other = is_admitted(&e, listener, OTHER);
	for (int i = 0; i < 3; i++) {
		leave(p[i]);
		edge_ended(&e, "server_fin", i + 1);
		p[i] = is_admitted(&e, listener, ONE);
		is_reset(&e, listener, ONE);
	}
	leave(other);
	for (int i = 0; i < 3; i++)
		leave(p[i]);
	kit_staunch_wait_err(e.s, textf("per_source.connections of source %s is reached", kit_ip(ONE)), 1);
	proxy_edge_end(&e, listener);
}

static void t7_close(void **state)
{
	int listener, fd;
	struct pair p;
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 1, action: close}, upstream: back", "");

	(void)state;
	p = is_admitted(&e, listener, ONE);
	fd = edge_connect_from(&e, ONE);
	kit_expect_fin(fd);
	close(fd);
	edge_untouched(listener);
	edge_ended(&e, "rate_limited", 1);
	leave(p);
	proxy_edge_end(&e, listener);
}

static void t7_dry_run(void **state)
{
	int listener;
	struct pair p[3];
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 1, dry_run: true}, upstream: back", "");

	(void)state;
	for (int i = 0; i < 3; i++)
		p[i] = is_admitted(&e, listener, ONE);
	kit_staunch_wait_err(e.s, "would_deny", 1);
	for (int i = 0; i < 3; i++)
		leave(p[i]);
	proxy_edge_end(&e, listener);
}

/* Who waits is served when there is room, and who goes meanwhile, goes. */
static void t6_wait(void **state)
{
	int listener, fd, gone;
	struct pair p;
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 1, action: wait}, max_connections: 16, "
					 "upstream: back", "");

	(void)state;
	p = is_admitted(&e, listener, ONE);
	gone = edge_connect_from(&e, ONE);
	kit_reset(gone);
	edge_ended(&e, "client_rst", 1);
	fd = edge_connect_from(&e, ONE);
	kit_send(fd, "early", 5);
	edge_untouched(listener);
	leave(p);
	p = (struct pair){.client = fd, .server = kit_accept(listener)};
	kit_expect(p.server, "early", 5);
	leave(p);
	proxy_edge_end(&e, listener);
}

static bool was_reset(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

/* An eighth of 16 places: of three that would wait one is reset, whichever came last to its worker. */
static void t6_wait_is_bounded(void **state)
{
	int listener, fd[3], reset = 0;
	struct pair p;
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 1, action: wait}, max_connections: 16, "
					 "preread: {timeout: 60s}, upstream: back", "");

	(void)state;
	p = is_admitted(&e, listener, ONE);
	for (int i = 0; i < 3; i++)
		fd[i] = edge_connect_from(&e, ONE);
	edge_ended(&e, "rate_limited", 1);
	for (int i = 0; i < 3; i++) {
		reset += was_reset(fd[i]);
		kit_reset(fd[i]);
	}
	assert_int_equal(reset, 1);
	edge_ended(&e, "client_rst", 2);
	edge_untouched(listener);
	leave(p);
	proxy_edge_end(&e, listener);
}

static void t6_wait_ends_with_the_preread(void **state)
{
	int listener, fd;
	struct pair p;
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 1, action: wait}, "
					 "preread: {timeout: 100ms}, upstream: back", "");

	(void)state;
	p = is_admitted(&e, listener, ONE);
	fd = edge_connect_from(&e, ONE);
	kit_expect_rst(fd);
	close(fd);
	edge_ended(&e, "rate_limited", 1);
	leave(p);
	proxy_edge_end(&e, listener);
}

/* The bucket gives one back in an hour at best, so the machine may be as slow as it likes. */
static void t6_rate(void **state)
{
	int listener;
	struct edge e = proxy_edge_start(&listener, "per_source: {rate: 1/m, burst: 4}, upstream: back", "");

	(void)state;
	for (int i = 0; i < 4; i++)
		leave(is_admitted(&e, listener, ONE));
	is_reset(&e, listener, ONE);
	edge_ended(&e, "rate_limited", 1);
	leave(is_admitted(&e, listener, OTHER));
	edge_said(&e, "per_source.rate");
	proxy_edge_end(&e, listener);
}

/* The listener's own: a second's worth is one here; at_limit: refuse is the default. */
static void t6_rate_of_a_listener(void **state)
{
	int listener, fd;
	struct edge e = proxy_edge_start(&listener, "rate: 1/m, upstream: back", "");

	(void)state;
	leave(is_admitted(&e, listener, ONE));
	for (int i = 1; i <= 2; i++) {
		fd = edge_connect_from(&e, i == 1 ? ONE : OTHER);
		kit_expect_fin(fd);
		close(fd);
		edge_untouched(listener);
		edge_ended(&e, "rate_limited", i);
	}
	kit_staunch_wait_err(e.s, "listener edge: its rate of 1/m is reached: clients are refused", 1);
	proxy_edge_end(&e, listener);
}

/* Nobody is lost, and who has gone meanwhile has its line. */
static void t6_rate_of_a_listener_that_waits(void **state)
{
	int listener, fd[8];
	int64_t began = kit_now_ms();
	struct edge e = proxy_edge_start(&listener, "rate: 240/m, at_limit: wait, upstream: back", "");

	(void)state;
	for (int i = 0; i < 8; i++)
		fd[i] = edge_connect_from(&e, ONE);
	for (int i = 0; i < 8; i++) /* in which order is the workers' affair */
		close(kit_accept(listener));
	for (int i = 0; i < 8; i++) {
		kit_expect_fin(fd[i]);
		close(fd[i]);
	}
	assert_true(kit_now_ms() - began >= 4 * 240); /* four at once, then one each 250 ms */
	kit_staunch_wait_err(e.s, "its rate of 240/m is reached: clients wait in the backlog", 1);
	proxy_edge_end(&e, listener);
}

static void t2_behind_a_header(void **state)
{
	int listener, fd[2];
	struct pair p[2];
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 1}, " REQUIRED, "");
	static const char same[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n",
			  other[] = "PROXY TCP4 192.0.2.2 198.51.100.2 4711 443\r\n", none[] = "PROXY UNKNOWN\r\n";

	(void)state;
	for (int i = 0; i < 2; i++) {
		p[i].client = edge_connect(&e);
		kit_send(p[i].client, i == 0 ? same : other, sizeof(same) - 1);
		p[i].server = kit_accept(listener);
	}
	fd[0] = edge_connect(&e);
	kit_send(fd[0], same, sizeof(same) - 1);
	kit_expect_rst(fd[0]);
	close(fd[0]);
	edge_ended(&e, "rate_limited", 1);
	for (int i = 0; i < 2; i++)
		leave(p[i]);
	/* T16: without addresses it is the peer's */
	for (int i = 0; i < 2; i++) {
		fd[i] = edge_connect(&e);
		kit_send(fd[i], none, sizeof(none) - 1);
		if (i == 0)
			p[0] = (struct pair){fd[0], kit_accept(listener)};
	}
	kit_expect_rst(fd[1]);
	close(fd[1]);
	leave(p[0]);
	proxy_edge_end(&e, listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(t7_reset_and_exact, kit_end),
		cmocka_unit_test_teardown(t7_close, kit_end),
		cmocka_unit_test_teardown(t7_dry_run, kit_end),
		cmocka_unit_test_teardown(t6_wait, kit_end),
		cmocka_unit_test_teardown(t6_wait_is_bounded, kit_end),
		cmocka_unit_test_teardown(t6_wait_ends_with_the_preread, kit_end),
		cmocka_unit_test_teardown(t6_rate, kit_end),
		cmocka_unit_test_teardown(t6_rate_of_a_listener, kit_end),
		cmocka_unit_test_teardown(t6_rate_of_a_listener_that_waits, kit_end),
		cmocka_unit_test_teardown(t2_behind_a_header, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
