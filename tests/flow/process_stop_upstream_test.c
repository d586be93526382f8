/* V8: an order to stop ends the process within shutdown.timeout and half a second, whatever its connections wait for: a
 * place in a queue, two dials that nobody answers, the answer to a trial; and while a server is left out and probed. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { CUT = 4 }; /* the exit code where connections had to be cut */

/* shutdown.timeout, and half a second; the rest is what a loaded machine may take to end and reap a process. */
#define TIMEOUT_MS 100
#define STOP_MS    (TIMEOUT_MS + 500 + 2000)

struct world {
	struct kit_staunch *s;
	int port, fds;
	int at[2]; /* ports of the servers */
};

/* first: keys of the first server; keys: of the upstream. */
static void start(struct world *w, const char *first, const char *keys)
{
	w->port = kit_port(kit_ip(0));
	w->s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\"}\nshutdown: {timeout: %dms}\n"
			    "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			    "upstreams:\n  - {name: app, %s, servers: "
			    "[{address: \"%s:%d\"%s}, {address: \"%s:%d\", backup: true}]}\n",
		control_socket(), TIMEOUT_MS, kit_ip(0), w->port, keys, kit_ip(0), w->at[0], first, kit_ip(0),
		w->at[1]));
	w->fds = kit_proc_fds(w->s->child->pid);
}

static int echo_port(void)
{
	return kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
}

/* With this many connections that it has to cut. */
static void stops_in_time(struct world *w, int cut)
{
	int64_t began = kit_now_ms(), took;

	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), cut > 0 ? CUT : 0);
	took = kit_now_ms() - began;
	assert_in_range(took, 0, STOP_MS);
	assert_int_equal(kit_file_count(w->s->child->err, "\"stopped\""), 1);
	assert_int_equal(kit_staunch_log(w->s, "\"staunch.close_reason\":\"drain_deadline\""), cut);
}

static bool two_wait(void *arg)
{
	const char *page = control_expect(200, "GET /metrics", "");

	(void)arg;
	return strstr(page, "\nstaunch_upstream_queue_length{upstream=\"app\"} 2\n") != NULL;
}

/* E43: the one that has the slot, and two that wait for it. */
static void while_clients_wait_in_the_queue(void **state)
{
	struct world w = {.at = {echo_port(), echo_port()}};
	int fd[3];

	(void)state;
	start(&w, ", max_connections: 1", "failover_below: 0%");
	control_verb(0, textf("server drain app/%s:%d --socket $S", kit_ip(0), w.at[1]));
	fd[0] = served(kit_ip(0), w.port);
	for (int i = 1; i < 3; i++)
		fd[i] = kit_connect(kit_ip(0), w.port);
	assert_true(kit_wait(two_wait, NULL, KIT_MS));
	stops_in_time(&w, 3);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

/* E51: neither the dial nor its hedge is answered; both have five seconds. */
static void while_a_dial_is_hedged(void **state)
{
	struct world w = {.at = {kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0))}};
	int fd;

	(void)state;
	start(&w, "", "hedge: 20ms");
	fd = kit_connect(kit_ip(0), w.port);
	kit_proc_wait_fds(w.s->child->pid, w.fds + 3);
	stops_in_time(&w, 1);
	close(fd);
}

/* E51: the first dial has failed, and the second is awaited at the client's descriptor. */
static void while_the_hedge_is_awaited(void **state)
{
	struct world w = {.at = {kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0))}};
	int fd;

	(void)state;
	start(&w, "", "hedge: 400ms, timeouts: {connect: 800ms}, health: {passive: off}");
	fd = kit_connect(kit_ip(0), w.port);
	kit_staunch_wait_err(w.s, "connect_failed", 1);
	stops_in_time(&w, 1);
	close(fd);
}

/* The first server refuses three times, and is left out. */
static void eject_first(struct world *w, const char *keys)
{
	*w = (struct world){.at = {kit_port(kit_ip(0)), echo_port()}};
	start(w, ", priority: 1", keys); /* of one tier with the backup, so that it may be left out */
	for (int i = 0; i < 20; i++)
		end_orderly(served(kit_ip(0), w->port));
	kit_staunch_wait_err(w->s, "\"server_out\"", 1);
}

static bool is_tried(void *arg)
{
	(void)arg;
	return strstr(control_expect(200, "GET /v1/servers", ""), "\"why\":\"passive_trial\"") != NULL;
}

/* E36: its time out is over, but nobody answers the client that tries it. */
static void while_a_trial_is_out(void **state)
{
	struct world w;
	int fd;

	(void)state;
	eject_first(&w, "hedge: off, health: {passive: {out: 1s, probe: false}}");
	(void)kit_black_hole_at(kit_ip(0), w.at[0]);
	for (;;) {
		fd = kit_connect(kit_ip(0), w.port);
		if (kit_wait(is_tried, NULL, 200))
			break;
		still_works(fd);
		end_orderly(fd);
	}
	stops_in_time(&w, 1);
	close(fd);
}

/* E69: nobody is connected, and the probe of a server that is left out is not answered. */
static void while_a_server_is_out_and_probed(void **state)
{
	struct world w;

	(void)state;
	eject_first(&w, "health: {passive: {out: 60s}}");
	kit_proc_wait_fds(w.s->child->pid, w.fds);
	(void)kit_black_hole_at(kit_ip(0), w.at[0]);
	kit_proc_wait_fds(w.s->child->pid, w.fds + 1);
	stops_in_time(&w, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(while_clients_wait_in_the_queue, kit_end),
		cmocka_unit_test_teardown(while_a_dial_is_hedged, kit_end),
		cmocka_unit_test_teardown(while_the_hedge_is_awaited, kit_end),
		cmocka_unit_test_teardown(while_a_trial_is_out, kit_end),
		cmocka_unit_test_teardown(while_a_server_is_out_and_probed, kit_end),
	};

	return cmocka_run_group_tests_name("process_stop_upstream", tests, NULL, NULL);
}
