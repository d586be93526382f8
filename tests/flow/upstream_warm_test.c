/* Connections to servers are made before clients ask for them, over two workers: E53, E55, E73. The first use:
 * upstream_warm_use_test.c. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/warm_world.h"

/* ---- how many ---- */

/* E53, E55: to real servers: two of each worker, and no more after many clients. */
static void e53_e55_two_of_each_worker(void **state)
{
	struct world w;
	int web, redis, echo = kit_peer_port(peer(KIT_ECHO));

	(void)state;
	if (!kit_have("nginx") || !kit_have("redis-server"))
		skip();
	kit_nginx_start(kit_ip(0), &web);
	kit_redis_start(kit_ip(0), &redis);
	start(&w, textf("warm: {connections: 2, max_age: 1h}, servers: [\"%s:%d\", \"%s:%d\", \"%s:%d\"]", kit_ip(0),
			web, kit_ip(0), redis, kit_ip(0), echo));
	for (int round = 0; round < 2; round++) {
		wait_established(web, 4);
		wait_established(redis, 4);
		wait_established(echo, 4);
		wait_kept(12);
		assert_int_equal(kept("missing"), 0);
		for (int i = 0; i < 300 && round == 0; i++)
			kit_reset(kit_connect(kit_ip(0), w.port));
	}
	end(&w);
	wait_established(echo, 0);
}

/* E55: their number does not grow, whatever clients do; WARM_CONNECTIONS=100000 in the environment is the row's. */
static void e55_no_growth(void **state)
{
	const char *given = getenv("WARM_CONNECTIONS");
	int clients = given != NULL ? (int)strtol(given, NULL, 10) : 5000, fds;
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w;

	(void)state;
	start(&w, two_warm(kit_peer_port(p), ""));
	wait_kept(4);
	fds = kit_proc_fds(w.s->child->pid);
	for (int i = 0; i < clients; i++) {
		int fd = kit_connect(kit_ip(0), w.port);

		if (i % 10 == 0)
			still_works(fd);
		kit_reset(fd);
	}
	kit_proc_wait_fds(w.s->child->pid, fds);
	wait_established(kit_peer_port(p), 4);
	wait_kept(4);
	end(&w);
}

/* E53: nothing is sent, and who takes one dials nobody: its bytes come on a connection that was there before. */
static void e53_nothing_is_sent(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 16), fd[4], client, which = -1;
	struct pollfd ready[4];
	struct world w;

	(void)state;
	start(&w, two_warm(port, ""));
	for (int i = 0; i < 4; i++) {
		fd[i] = kit_accept(listener);
		ready[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
	}
	wait_kept(4);
	assert_int_equal(poll(ready, 4, 0), 0);
	client = kit_connect(kit_ip(0), w.port);
	kit_send(client, "hello", 5);
	assert_true(poll(ready, 4, KIT_MS) == 1);
	for (int i = 0; i < 4; i++)
		which = ready[i].revents != 0 ? i : which;
	kit_expect(fd[which], "hello", 5);
	close(kit_accept(listener)); /* it is replaced; and this one, which is closed at once, is not */
	kit_send(fd[which], "you", 3);
	kit_expect(client, "you", 3);
	close(fd[which]);
	kit_expect_fin(client);
	close(client);
	for (int i = 0; i < 4; i++)
		if (i != which)
			close(fd[i]);
	close(listener);
	end(&w);
}

/* E53: not to a server that an operator drains, nor to one that its check takes down. */
static void e53_not_to_one_that_is_drained(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO), *other = peer(KIT_ECHO);
	int port = kit_peer_port(p);
	struct world w;

	(void)state;
	start(&w, textf("warm: {connections: 2, max_age: 1h}, servers: [\"%s:%d\", \"%s:%d\"]", kit_ip(0), port,
			kit_ip(0), kit_peer_port(other)));
	wait_established(port, 4);
	control_verb(0, textf("server drain app/%s:%d --socket $S", kit_ip(0), port));
	wait_established(port, 0);
	wait_kept(4);
	assert_int_equal(kept("missing"), 0);
	control_verb(0, textf("server ready app/%s:%d --socket $S", kit_ip(0), port));
	wait_established(port, 4);
	end(&w);
}

/* E53: a server that goes, and comes back. */
static void e53_a_server_restarts(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	int port = kit_peer_port(p);
	struct world w;

	(void)state;
	start(&w, two_warm(port, ""));
	wait_established(port, 4);
	kit_peer_stop(p);
	kit_staunch_wait_err(w.s, "connection refused (ahead of its clients)", 1);
	assert_true(kit_wait(is_missing, &(int){4}, KIT_MS));
	p = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .port = port});
	wait_kept(4);
	end_orderly(served(kit_ip(0), w.port));
	end(&w);
}

/* E53: too old. */
static void e53_each_is_replaced_when_it_is_old(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w;

	(void)state;
	start(&w, textf("warm: {connections: 2, max_age: 1s}, servers: [\"%s:%d\"]", kit_ip(0), kit_peer_port(p)));
	kit_peer_wait_accepted(p, 10);
	kit_peer_wait_ended(p, 6);
	assert_int_equal(kit_peer_report(p, 0).end, 0); /* in good order */
	end(&w);
}

/* E53: a reload keeps them, unless they would be spoken to in another way. */
static void e53_reloads(void **state)
{
	struct kit_peer *p = peer(KIT_MUTE);
	int port = kit_peer_port(p);
	struct world w;

	(void)state;
	start(&w, two_warm(port, ""));
	wait_kept(4);
	generation_from(w.s, 2, config_of(&w, two_warm(port, ", retries: 1")));
	wait_kept(4);
	assert_int_equal(kit_peer_accepted(p), 4);
	generation_from(w.s, 3, config_of(&w, two_warm(port, ", proxy_protocol: v1")));
	kit_peer_wait_accepted(p, 8);
	wait_established(port, 4);
	generation_from(w.s, 4, config_of(&w, textf("servers: [\"%s:%d\"]", kit_ip(0), port)));
	wait_established(port, 0);
	generation_from(w.s, 5, config_of(&w, two_warm(port, "")));
	wait_established(port, 4);
	end(&w);
}

/* E53: at the order to stop they are closed at once, while a client goes on. */
static void e53_a_drain_closes_them(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w;
	int client;

	(void)state;
	start(&w, two_warm(kit_peer_port(p), ""));
	wait_kept(4);
	client = served(kit_ip(0), w.port);
	wait_kept(4);
	kit_child_signal(w.s->child, SIGTERM);
	wait_established(kit_peer_port(p), 1);
	still_works(client);
	end_orderly(client);
	assert_int_equal(kit_child_wait(w.s->child), 0);
}

/* E73: an eighth of the descriptors at most; what is more is left out, and clients are served. */
static void e73_few_descriptors(void **state)
{
	struct kit_peer *p = peer(KIT_ECHO);
	struct world w = {.port = kit_port(kit_ip(0))};

	(void)state;
	if (!kit_have("prlimit"))
		skip();
	w.s = start_by("prlimit --nofile=256", config_of(&w, textf("warm: {connections: 64}, servers: [\"%s:%d\"]",
								   kit_ip(0), kit_peer_port(p))));
	wait_kept(32);
	assert_int_equal(kept("missing"), 96);
	ten_exchanges(kit_ip(0), w.port);
	wait_kept(32);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e53_e55_two_of_each_worker, kit_end),
		cmocka_unit_test_teardown(e55_no_growth, kit_end),
		cmocka_unit_test_teardown(e53_nothing_is_sent, kit_end),
		cmocka_unit_test_teardown(e53_not_to_one_that_is_drained, kit_end),
		cmocka_unit_test_teardown(e53_a_server_restarts, kit_end),
		cmocka_unit_test_teardown(e53_each_is_replaced_when_it_is_old, kit_end),
		cmocka_unit_test_teardown(e53_reloads, kit_end),
		cmocka_unit_test_teardown(e53_a_drain_closes_them, kit_end),
		cmocka_unit_test_teardown(e73_few_descriptors, kit_end),
	};

	return cmocka_run_group_tests_name("upstream_warm", tests, NULL, NULL);
}
