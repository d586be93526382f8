/* The end: P7, and what shutdown.delay and shutdown.timeout promise. */
#include <errno.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

#define PATIENT "shutdown: {timeout: 60s}\n"

enum { MEGABYTE = 1 << 20 };

static bool is_refused(void *arg)
{
	int fd = kit_try_connect(kit_ip(0), *(int *)arg);

	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

#define ALL_ENDED 0 /* exit codes */
#define CUT       4 /* V40: an operator can tell a drain that cut connections */

/* Milliseconds from now to the end, which has this exit code. */
static int64_t ms_to_stop(struct kit_staunch *s, int sig, int code)
{
	int64_t start = kit_now_ms();

	assert_int_equal(kit_staunch_stop(s, sig), code);
	assert_int_equal(kit_file_count(s->child->err, "\"stopped\""), 1);
	return kit_now_ms() - start;
}

static void nothing_to_do(void **state)
{
	static const int sigs[] = {SIGTERM, SIGINT, SIGQUIT};

	(void)state;
	for (size_t i = 0; i < array_len(sigs); i++) {
		int port = kit_port(kit_ip(0));
		struct kit_staunch *s = kit_staunch_start(one_server(port, port + 1, "", PATIENT));

		assert_in_range(ms_to_stop(s, sigs[i], ALL_ENDED), 0, 30000); /* and not the timeout of 60 s */
		assert_true(is_refused(&port));
	}
}

/* Half of a transfer in each direction comes after the signal. */
static void transfers_finish(int sig)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), in;
	struct kit_peer *sink =
		kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ANSWER, .seed = 7, .bytes = MEGABYTE});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(sink), "", PATIENT));
	struct kit_peer_report r;

	in = kit_connect(ip, port);
	kit_send_stream(in, 7, 0, MEGABYTE);
	kit_peer_wait_accepted(sink, 1);
	kit_child_signal(s->child, sig);
	kit_staunch_wait_err(s, "stopping: 1 connection\"", 1);
	assert_true(kit_wait(is_refused, &port, KIT_MS));
	kit_send_stream(in, 7, MEGABYTE, MEGABYTE);
	kit_half_close(in);
	kit_expect_stream(in, 7, 0, MEGABYTE);
	kit_expect_fin(in);
	close(in);
	assert_int_equal(kit_child_wait(s->child), 0);
	kit_peer_wait_ended(sink, 1);
	r = kit_peer_report(sink, 0);
	assert_true(r.intact);
	assert_int_equal(r.read, 2 * MEGABYTE);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_by\":\"client\",\"staunch.bytes_in\":2097152"), 1);
	assert_int_equal(kit_staunch_log(s, "drain_deadline"), 0);
}

static void transfers_finish_after_term(void **state)
{
	(void)state;
	transfers_finish(SIGTERM);
}

static void transfers_finish_after_int(void **state)
{
	(void)state;
	transfers_finish(SIGINT);
}

static void transfers_finish_after_quit(void **state)
{
	(void)state;
	transfers_finish(SIGQUIT);
}

static void stuck_ones_end_at_the_deadline(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd[20];
	struct kit_peer *mute = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_MUTE});
	struct kit_staunch *s =
		kit_staunch_start(one_server(port, kit_peer_port(mute), "", "shutdown: {timeout: 300ms}\n"));

	(void)state;
	for (size_t i = 0; i < array_len(fd); i++)
		fd[i] = kit_connect(ip, port);
	kit_peer_wait_accepted(mute, array_len(fd));
	assert_in_range(ms_to_stop(s, SIGTERM, CUT), 300, 1500);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"drain_deadline\""), array_len(fd));
	assert_int_equal(kit_file_count(s->child->err, "20 connections are cut"), 1);
	for (size_t i = 0; i < array_len(fd); i++) {
		kit_expect_fin(fd[i]);
		close(fd[i]);
	}
}

static void second_signal_ends_at_once(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd;
	struct kit_peer *mute = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_MUTE});
	struct kit_staunch *s =
		kit_staunch_start(one_server(port, kit_peer_port(mute), "", "shutdown: {timeout: off}\n"));

	(void)state;
	fd = kit_connect(ip, port);
	kit_peer_wait_accepted(mute, 1);
	kit_child_signal(s->child, SIGTERM);
	kit_staunch_wait_err(s, "stopping: 1 connection\"", 1);
	kit_child_signal(s->child, SIGHUP); /* neither of these is a reason to hurry */
	kit_child_signal(s->child, SIGUSR1);
	kit_staunch_wait_err(s, "logs are reopened", 1);
	assert_true(kit_wait(is_refused, &port, KIT_MS));
	assert_in_range(ms_to_stop(s, SIGINT, CUT), 0, 1000);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"drain_deadline\""), 1);
	assert_int_equal(kit_file_count(s->child->err, "is in force"), 0);
	kit_expect_fin(fd);
	close(fd);
}

/* P33: while a load balancer still sends clients, they are served; then those that are here go on. */
static void p33_the_delay_keeps_accepting(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(
		one_server(port, kit_peer_port(echo), "", "shutdown: {delay: 500ms, timeout: 60s}\n"));

	(void)state;
	kit_child_signal(s->child, SIGTERM);
	kit_staunch_wait_err(s, "stopping: 0 connections", 1);
	fd = served(ip, port);
	assert_true(kit_wait(is_refused, &port, KIT_MS));
	still_works(fd);
	assert_true(kit_child_alive(s->child));
	end_orderly(fd);
	assert_int_equal(kit_child_wait(s->child), 0);
	assert_int_equal(kit_staunch_log(s, "\"staunch.bytes_in\":30,"), 1);
	assert_int_equal(kit_staunch_log(s, "drain_deadline"), 0);
}

static void second_signal_ends_the_delay(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(
		one_server(port, kit_peer_port(echo), "", "shutdown: {delay: 1h, timeout: 1h}\n"));

	(void)state;
	kit_child_signal(s->child, SIGTERM);
	kit_staunch_wait_err(s, "stopping: 0 connections", 1);
	fd = served(ip, port);
	assert_in_range(ms_to_stop(s, SIGTERM, CUT), 0, 1000);
	kit_expect_fin(fd);
	close(fd);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"drain_deadline\""), 1);
}

/* The dial is given up; the client that waited for it has its line. */
static void ends_a_connect_under_way(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd;
	struct kit_staunch *s =
		kit_staunch_start(one_server(port, kit_black_hole(ip), "", "shutdown: {timeout: 200ms}\n"));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	fd = kit_connect(ip, port);
	kit_proc_wait_fds(s->child->pid, fds + 2);
	assert_in_range(ms_to_stop(s, SIGTERM, CUT), 200, 1500);
	kit_expect_fin(fd);
	close(fd);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"drain_deadline\""), 1);
}

/* One is served, one is accepted and waits for its place, one is in the backlog. All three have their line. */
static void ends_those_who_wait_for_a_place(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd[3];
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *more = ", max_connections: 1, at_limit: wait";
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), more, PATIENT));

	(void)state;
	fd[0] = served(ip, port);
	for (int i = 1; i < 3; i++)
		fd[i] = kit_connect(ip, port);
	kit_staunch_wait_err(s, "\"limit_reached\"", 1);
	kit_child_signal(s->child, SIGTERM);
	for (int i = 1; i < 3; i++) {
		kit_expect_fin(fd[i]);
		close(fd[i]);
	}
	still_works(fd[0]);
	end_orderly(fd[0]);
	assert_int_equal(kit_child_wait(s->child), 0);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"client_fin\""), 1);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"max_connections\""), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_to_do, kit_end),
		cmocka_unit_test_teardown(transfers_finish_after_term, kit_end),
		cmocka_unit_test_teardown(transfers_finish_after_int, kit_end),
		cmocka_unit_test_teardown(transfers_finish_after_quit, kit_end),
		cmocka_unit_test_teardown(stuck_ones_end_at_the_deadline, kit_end),
		cmocka_unit_test_teardown(second_signal_ends_at_once, kit_end),
		cmocka_unit_test_teardown(p33_the_delay_keeps_accepting, kit_end),
		cmocka_unit_test_teardown(second_signal_ends_the_delay, kit_end),
		cmocka_unit_test_teardown(ends_a_connect_under_way, kit_end),
		cmocka_unit_test_teardown(ends_those_who_wait_for_a_place, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
