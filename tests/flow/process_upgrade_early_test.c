/* Another program takes over while connections have no server yet: P34, P39. */
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/upgrade.h"

enum { WAITERS = 5 };

/* Clients of web say who they are, and find one server with room for one; door admits one at a time. */
static void write_early(struct world *w)
{
	kit_file_write("upgrade.yaml",
		       textf("workers: 2\nlog: {access: \"@DIR@/access.log\"}\n"
			     "control: {socket: \"%s\", state: \"@DIR@/state.yaml\"}\nlisteners:\n"
			     "  - {name: web, bind: \"%s:%d\", upstream: app,\n"
			     "     proxy_protocol: {accept: required, trusted: \"0.0.0.0/0\"}}\n"
			     "  - {name: door, bind: \"%s:%d\", upstream: free, max_connections: 1, at_limit: wait}\n"
			     "upstreams:\n"
			     "  - {name: app, servers: [{address: \"%s:%d\", max_connections: 1}], queue: {max: 64}}\n"
			     "  - {name: free, servers: [\"%s:%d\"]}\n",
			     control_socket(), kit_ip(0), w->port, kit_ip(1), w->late, kit_ip(0),
			     kit_peer_port(w->echo), kit_ip(0), kit_peer_port(w->echo)),
		       w->config);
}

static struct world early_world(void)
{
	struct world w = world_of();

	w.late = kit_port(kit_ip(1));
	write_early(&w);
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
		kit_fail("%d do not wait", n);
}

/* A client with this address, and with the last digit of it as its first byte. */
static int comes(const struct world *w, int n)
{
	const char *says = textf("PROXY TCP4 192.0.2.%d 192.0.2.99 4000 80\r\n%d", n, n);
	int fd = kit_connect(kit_ip(0), w->port);

	kit_send(fd, says, strlen(says));
	return fd;
}

/* It has a server, which has sent its first byte back. */
static void is_answered(int fd, int n)
{
	char c;

	assert_int_equal(kit_io_read_all(fd, &c, 1), 1);
	assert_int_equal(c, '0' + n);
}

/* Who waits in a queue moves with what was read of it, in the order in which they came, whichever worker had them; who
 * comes to the new process is behind them. */
static void p34_p39_a_queue_moves_in_order(void **state)
{
	struct world w = early_world();
	int fds[WAITERS + 1];
	pid_t old = w.pid;
	const char *said;

	(void)state;
	for (int i = 0; i < WAITERS; i++) {
		fds[i] = comes(&w, i);
		expect_waiting(i);
		if (i == 0)
			is_answered(fds[0], 0);
	}
	said = control_verb(0, "upgrade --json --socket $S");
	expect_part(said, textf("\"moved\":%d,\"left\":0", WAITERS));
	w.pid = pid_in(said);
	assert_int_equal(wait_for_end(&w, old), 0);
	expect_waiting(WAITERS - 1);
	fds[WAITERS] = comes(&w, WAITERS);
	expect_waiting(WAITERS);
	for (int i = 0; i < WAITERS; i++) {
		end_orderly(fds[i]);
		is_answered(fds[i + 1], i + 1);
		expect_waiting(WAITERS - 1 - i);
	}
	end_orderly(fds[WAITERS]);
	stop(&w);
	for (int i = 0; i <= WAITERS; i++)
		kit_file_wait(textf("%s/access.log", kit_dir()), textf("\"192.0.2.%d\"", i), 1);
}

/* One that was accepted and waits for a place of a limit is neither refused nor let in before there is one. */
static void p34_who_waits_for_a_place_moves(void **state)
{
	struct world w = early_world();
	int in = served(kit_ip(1), w.late), fd = kit_connect(kit_ip(1), w.late);
	pid_t old = w.pid;
	const char *said;

	(void)state;
	kit_send(fd, "1", 1);
	kit_file_wait(w.first->err, "max_connections 1 is reached", 1);
	for (int round = 0; round < 2; round++) {
		said = control_verb(0, "upgrade --json --socket $S");
		expect_part(said, "\"moved\":2,\"left\":0");
		w.pid = pid_in(said);
		assert_int_equal(wait_for_end(&w, old), 0);
		old = w.pid;
	}
	still_works(in);
	end_orderly(in);
	is_answered(fd, 1);
	end_orderly(fd);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p34_p39_a_queue_moves_in_order, kit_end),
		cmocka_unit_test_teardown(p34_who_waits_for_a_place_moves, kit_end),
	};

	return cmocka_run_group_tests_name("process_upgrade_early", tests, NULL, NULL);
}
