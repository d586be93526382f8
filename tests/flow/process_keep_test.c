/* What a reload keeps (P6) and what it changes: the place in the round, the counts of servers and listeners stay;
 * limits and the access log follow the file. */
#include <unistd.h>

#include "tests/flow/kit/service.h"

/* ---- kept ------------------------------------------------------------------------------------ */

static const char *three_servers(int port, const int server[3], const char *end)
{
	const char *ip = kit_ip(0);

	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				 "upstreams:\n  - {name: app, servers: [\"%s:%d\", \"%s:%d\", \"%s:%d\"]}\n%s",
		     ip, port, ip, server[0], ip, server[1], ip, server[2], end);
}

static void place_in_the_round_is_kept(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), at[3], fds;
	struct kit_peer *echo[3];
	struct kit_staunch *s;

	(void)state;
	for (int i = 0; i < 3; i++) {
		echo[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
		at[i] = kit_peer_port(echo[i]);
	}
	s = kit_staunch_start(three_servers(port, at, ""));
	fds = kit_proc_fds(s->child->pid);
	for (int i = 0; i < 10; i++) {
		end_orderly(served(ip, port));
		assert_int_equal(kit_peer_accepted(echo[i % 3]), i / 3 + 1);
		generation_from(s, 2 + i, three_servers(port, at, textf("shutdown: {timeout: %ds}\n", 10 + i)));
	}
	back_to_normal(s, fds, ip, port);
}

/* A server's connections count against its limit whichever generation they came with, and however much of the upstream
 * has changed meanwhile. */
static void counts_of_servers_are_kept(void **state)
{
	static const char form[] = TWO_WORKERS
		"listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		"upstreams:\n  - {name: app, retries: %d, queue: off, "
		"servers: [{address: \"%s:%d\", max_connections: 2}]}\n";
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd[2], third;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(textf(form, ip, port, 1, ip, kit_peer_port(echo)));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	fd[0] = served(ip, port);
	generation_from(s, 2, textf(form, ip, port, 3, ip, kit_peer_port(echo)));
	fd[1] = served(ip, port);
	generation_from(s, 3, textf(form, ip, port, 5, ip, kit_peer_port(echo)));
	third = kit_connect(ip, port);
	kit_expect_fin(third);
	close(third);
	kit_staunch_wait_log(s, "\"staunch.close_reason\":\"max_connections\"", 1);
	end_orderly(fd[0]);
	kit_staunch_wait_log(s, "\"staunch.close_reason\":\"client_fin\"", 1);
	fd[0] = served(ip, port);
	end_orderly(fd[0]);
	end_orderly(fd[1]);
	back_to_normal(s, fds, ip, port);
}

/* ---- changed --------------------------------------------------------------------------------- */

/* How many of n clients that want to be served are, once all the others have been turned away. */
static int count_served(const char *ip, int port, int n)
{
	int fd[16], got = 0;

	assert_in_range(n, 1, array_len(fd));
	for (int i = 0; i < n; i++) {
		fd[i] = kit_connect(ip, port);
		kit_send(fd[i], "x", 1);
	}
	for (int i = 0; i < n; i++) {
		char byte;

		got += kit_io_read(fd[i], &byte, 1) == 1;
	}
	for (int i = 0; i < n; i++)
		close(fd[i]);
	return got;
}

static void listener_limit_follows(void **state)
{
	static const int limits[] = {3, 5, 1, 2};
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	for (size_t i = 0; i < array_len(limits); i++) {
		const char *more = textf(", max_connections: %d", limits[i]);

		generation_from(s, 2 + (int)i, one_server(port, kit_peer_port(echo), more, ""));
		assert_int_equal(count_served(ip, port, 8), limits[i]);
		kit_proc_wait_fds(s->child->pid, fds);
	}
	generation_from(s, 6, one_server(port, kit_peer_port(echo), "", ""));
	assert_int_equal(count_served(ip, port, 8), 8);
	back_to_normal(s, fds, ip, port);
}

/* Raised while one waits: it is served. */
static void process_limit_follows(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd[2];
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(
		one_server(port, kit_peer_port(echo), "", "limits: {max_connections: 1}\n"));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	fd[0] = served(ip, port);
	fd[1] = kit_connect(ip, port);
	kit_staunch_wait_err(s, "\"limit_reached\"", 1);
	assert_int_equal(kit_peer_accepted(echo), 1);
	generation_from(s, 2, one_server(port, kit_peer_port(echo), "", "limits: {max_connections: 2}\n"));
	still_works(fd[1]);
	kit_staunch_wait_err(s, "\"limit_over\"", 1);
	end_orderly(fd[0]);
	end_orderly(fd[1]);
	back_to_normal(s, fds, ip, port);
}

static const char *logging_to(const char *log, int port, int server)
{
	return textf("workers: 2\nlog: {%s}\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     log, kit_ip(0), port, kit_ip(0), server);
}

static void log_follows(void **state)
{
	static const char reason[] = "client_fin";
	const char *ip = kit_ip(0);
	int port = kit_port(ip), server, fds, old;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	char a[KIT_PATH], b[KIT_PATH];
	struct kit_staunch *s;

	(void)state;
	server = kit_peer_port(echo);
	kit_file_write("a.log", "", a);
	kit_file_write("b.log", "", b);
	s = kit_staunch_start(logging_to("access: \"@DIR@/a.log\"", port, server));
	fds = kit_proc_fds(s->child->pid);
	old = served(ip, port);
	end_orderly(served(ip, port));
	kit_file_wait(a, reason, 1);
	generation_from(s, 2, logging_to("access: \"@DIR@/b.log\"", port, server));
	end_orderly(old); /* ends in this generation, and so is told where this one tells */
	kit_file_wait(b, reason, 1);
	generation_from(s, 3, logging_to("access: \"@DIR@/b.log\", format: text", port, server));
	end_orderly(served(ip, port));
	kit_file_wait(b, " reason=client_fin", 1);
	generation_from(s, 4, logging_to("access: off", port, server));
	end_orderly(served(ip, port));
	kit_proc_wait_fds(s->child->pid, fds - 1);
	generation_from(s, 5, logging_to("access: \"@DIR@/a.log\"", port, server));
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_file_count(a, reason), 11);
	assert_int_equal(kit_file_count(b, reason), 2);
}

static bool opens(void *port)
{
	int fd = kit_try_connect(kit_ip(0), *(int *)port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void level_follows(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), second = kit_port(ip), server, fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;

	(void)state;
	server = kit_peer_port(echo);
	s = kit_staunch_start(logging_to("level: notice", port, server));
	fds = kit_proc_fds(s->child->pid);
	/* Silent from here on: that it is in force shows in the second listener. */
	kit_staunch_rewrite(s, textf("workers: 2\nlog: {level: error}\nlisteners:\n"
				     "  - {name: web, bind: [\"%s:%d\", \"%s:%d\"], upstream: app}\n"
				     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
				     ip, port, ip, second, ip, server));
	kit_child_signal(s->child, SIGHUP);
	assert_true(kit_wait(opens, &second, KIT_MS));
	kit_child_signal(s->child, SIGUSR1); /* says nothing now */
	kit_staunch_rewrite(s, "listeners: [");
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "\"reload_failed\"", 1);
	generation_from(s, 3, logging_to("level: notice", port, server));
	assert_int_equal(kit_file_count(s->child->err, "SIGHUP received"), 1);
	assert_int_equal(kit_file_count(s->child->err, "generation 2 is in force"), 0);
	assert_int_equal(kit_file_count(s->child->err, "SIGUSR1"), 0);
	back_to_normal(s, fds, ip, port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(place_in_the_round_is_kept, kit_end),
		cmocka_unit_test_teardown(counts_of_servers_are_kept, kit_end),
		cmocka_unit_test_teardown(listener_limit_follows, kit_end),
		cmocka_unit_test_teardown(process_limit_follows, kit_end),
		cmocka_unit_test_teardown(log_follows, kit_end),
		cmocka_unit_test_teardown(level_follows, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
