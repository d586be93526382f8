/* What a record of the access log says beyond how the connection ended: the servers it tried (O25), and
 * our own addresses (O31), what the kernel knows (O8). And which connections have none (O29). */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	int port, fds;
};

/* servers: "a", "b"; more: further keys of the upstream. */
static struct world start(const char *servers, const char *more)
{
	struct world w = {.port = kit_port(kit_ip(1))};

	w.s = kit_staunch_start(textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				      "upstreams:\n  - {name: app, servers: [%s]%s}\n",
				      kit_ip(1), w.port, servers, more));
	w.fds = kit_proc_fds(w.s->child->pid);
	return w;
}

static void end(struct world *w)
{
	kit_proc_wait_fds(w->s->child->pid, w->fds);
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

static const char *text_of(int port)
{
	return textf("\"%s:%d\"", kit_ip(0), port);
}

static struct kit_peer *peer(enum kit_serve serve)
{
	return kit_peer_start(&(struct kit_peer_opts){.serve = serve});
}

/* A client that no server was found for. */
static void refused(const struct world *w)
{
	int fd = kit_connect(kit_ip(1), w->port);

	kit_expect_fin(fd);
	close(fd);
}

/* Every line is JSON, and of the last one this expression of `r` and `tried` holds. */
static void record_has(const struct world *w, const char *expression)
{
	char script[KIT_PATH];
	struct kit_child *check;

	if (!kit_have("python3"))
		return;
	kit_file_write("check.py",
		       textf("import json, sys\n"
			     "for line in open(sys.argv[1], encoding='ascii'):\n"
			     "    r = json.loads(line)\n"
			     "tried = r.get('staunch.tried')\n"
			     "assert %s, r\n",
			     expression),
		       script);
	check = kit_child_start("python3", KIT_ARGV("python3", script, w->s->access));
	if (kit_child_wait(check) != 0)
		kit_file_wait(check->err, "the record has it", 1); /* shows what does not */
}

/* ---- the servers tried ----------------------------------------------------------------------- */

/* O25: the one that failed, then the one that connected; a connection whose first try succeeds has none. */
static void o25_retry_elsewhere(void **state)
{
	const char *bad = text_of(kit_refuser(kit_ip(0))), *good = text_of(kit_peer_port(peer(KIT_ECHO)));
	struct world w = start(textf("%s, %s", bad, good), "");

	(void)state;
	end_orderly(served(kit_ip(1), w.port));
	end_orderly(served(kit_ip(1), w.port));
	kit_staunch_wait_log(w.s, "\"client_fin\"", 2);
	assert_int_equal(kit_staunch_log(w.s, textf("\"staunch.server\":%s", good)), 2);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.tried\""),
			 kit_staunch_log(w.s, "\"staunch.retries\":1"));
	assert_in_range(kit_staunch_log(w.s, "\"staunch.tried\""), 1, 2);
	assert_int_equal(kit_staunch_log(w.s, textf("\"staunch.tried\":[{\"server\":%s,\"result\":\"connect_failed\","
						    "\"errno\":\"ECONNREFUSED\",\"ms\":",
						    bad)),
			 kit_staunch_log(w.s, textf("},{\"server\":%s,\"result\":\"connected\",\"ms\":", good)));
	assert_int_equal(kit_staunch_log(w.s, "\"result\":\"connected\""), kit_staunch_log(w.s, "\"staunch.tried\""));
	record_has(&w, "not tried or len(tried) == 2 and tried[1]['ms'] <= r['staunch.connect_ms']");
	end(&w);
}

/* O25: nobody is left. The address and the name of the record are the last one's. */
static void o25_no_server_left(void **state)
{
	int first = kit_refuser(kit_ip(0)), second = kit_refuser(kit_ip(0));
	struct world w = start(textf("%s, {address: %s, backup: true}", text_of(first), text_of(second)), "");

	(void)state;
	refused(&w);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"connect_failed\"", 1);
	record_has(&w, textf("[t['server'] for t in tried] == ['%s:%d', '%s:%d'] and "
			     "r['staunch.server'] == tried[1]['server'] and r['network.peer.port'] == %d and "
			     "all(t['errno'] == 'ECONNREFUSED' and t['result'] == 'connect_failed' for t in tried)",
			     kit_ip(0), first, kit_ip(0), second, second));
	assert_int_equal(kit_staunch_log(w.s, textf("\"staunch.server\":%s", text_of(second))), 1);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.tried_more\""), 0);
	end(&w);
}

/* O25: one that refuses and one that is silent have errors of their own. */
static void o25_each_its_error(void **state)
{
	const char *bad = text_of(kit_refuser(kit_ip(0))), *mute = text_of(kit_black_hole(kit_ip(0)));
	struct world w = start(textf("%s, {address: %s, backup: true}", bad, mute), ", timeouts: {connect: 300ms}");

	(void)state;
	refused(&w);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"connect_timeout\"", 1);
	record_has(&w, "[t['result'] for t in tried] == ['connect_failed', 'connect_timeout'] and "
		       "tried[0]['errno'] == 'ECONNREFUSED' and tried[1]['errno'] == r['staunch.errno'] and "
		       "tried[1]['ms'] >= 299");
	end(&w);
}

/* O25: the first eight, and how many more. */
static void o25_eight_and_more(void **state)
{
	char servers[1024] = "";
	struct world w;

	(void)state;
	for (int i = 0; i < 11; i++)
		snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers), "%s%s", i > 0 ? ", " : "",
			 text_of(kit_refuser(kit_ip(0))));
	w = start(servers, ", retries: 10");
	refused(&w);
	kit_staunch_wait_log(w.s, "\"staunch.retries\":10", 1);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.tried_more\":3"), 1);
	record_has(&w, "len({t['server'] for t in tried} | {r['staunch.server']}) == 9");
	end(&w);
}

/* O25: a server that connects, and says in the handshake what no server says. */
static void o25_handshake_fails(void **state)
{
	const char *server = text_of(kit_peer_port(peer(KIT_ECHO)));
	struct world w = start(server, ", tls: {verify: false}, retries: 0");

	(void)state;
	refused(&w);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"upstream_tls_failed\"", 1);
	assert_int_equal(kit_staunch_log(w.s, textf("\"staunch.server\":%s", server)), 1);
	record_has(&w, "len(tried) == 1 and tried[0]['result'] == 'upstream_tls_failed' and "
		       "tried[0]['server'] == r['staunch.server'] and tried[0].get('errno') == r.get('staunch.errno')");
	end(&w);
}

/* ---- our own addresses ----------------------------------------------------------------------- */

/* O31: the server sees the connection come from where the record says, also after a reset; and the client's own
 * peer is where it was accepted, whether the listener names that address or a wildcard. */
static void own_addresses(const char *bind)
{
	int server_port = 0, port = kit_port(kit_ip(1));
	int listener = kit_listen(kit_ip(0), &server_port, 8);
	struct world w = {.port = port};

	w.s = kit_staunch_start(textf(TWO_WORKERS "listeners:\n  - {name: web, bind: %s, upstream: app}\n"
				      "upstreams:\n  - {name: app, servers: [%s]}\n",
				      textf(bind, port), text_of(server_port)));
	w.fds = kit_proc_fds(w.s->child->pid);
	for (int i = 1; i <= 2; i++) {
		struct sockaddr_in from;
		socklen_t n = sizeof(from);
		int fd = kit_connect(kit_ip(1), port), back = kit_accept(listener);

		kit_send(fd, "x", 1);
		kit_expect(back, "x", 1);
		assert_int_equal(getpeername(back, (struct sockaddr *)&from, &n), 0);
		if (i == 1) {
			kit_reset(back);
			kit_expect_rst(fd);
		} else {
			close(back);
			kit_expect_fin(fd);
		}
		close(fd);
		kit_staunch_wait_log(w.s, "connection_end", i);
		record_has(&w, textf("r['network.local.port'] == %d and "
				     "r['network.local.address'].startswith('127.') and "
				     "r['network.peer.port'] == %d and r['staunch.accepted.port'] == %d and "
				     "r['staunch.accepted.address'] == '%s'",
				     ntohs(from.sin_port), server_port, port, kit_ip(1)));
	}
	close(listener);
	end(&w);
}

/* By the client's port the record can be found in a packet capture, and by ours that of the server. */
static void o31_own_addresses(void **state)
{
	(void)state;
	own_addresses(textf("\"%s:%%d\"", kit_ip(1)));
	kit_end(NULL);
	own_addresses("\":%d\"");
}

/* O31: a server that was not reached, and Unix sockets, have none. */
static void o31_none_to_tell(void **state)
{
	struct world w = start(text_of(kit_refuser(kit_ip(0))), "");

	(void)state;
	refused(&w);
	kit_staunch_wait_log(w.s, "\"connect_failed\"", 1);
	record_has(&w, "'network.local.port' not in r and 'staunch.accepted.port' in r");
	end(&w);
}

/* ---- what the kernel knows ------------------------------------------------------------------ */

#define NO_TCP "not any('rtt_us' in k or 'retrans' in k for k in r)"
#define BOTH   "all(r['staunch.%s_rtt_us' % s] > 0 and r['staunch.%s_retrans' % s] >= 0 " \
	       "for s in ('client', 'server'))"

/* A connection that echoes a byte; `ends` ends it. It must have the nth record of an end, of which `holds` is true. */
static void ended(const struct world *w, int n, const char *reason, void (*ends)(int fd), const char *holds)
{
	int fd = kit_connect(kit_ip(1), w->port);

	kit_send(fd, "x", 1);
	kit_expect(fd, "x", 1);
	ends(fd);
	kit_staunch_wait_log(w->s, "connection_end", n);
	record_has(w, textf("r['staunch.close_reason'] == '%s' and %s", reason, holds));
}

static void ends_orderly(int fd)
{
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
}

/* After the update, which it has at the age of a second. */
static struct world *updated;
static void ends_late(int fd)
{
	kit_staunch_wait_log(updated->s, "connection_update", 1);
	ends_orderly(fd);
}

static struct world start_with_info(const char *info)
{
	struct world w = {.port = kit_port(kit_ip(1))};

	w.s = kit_staunch_start(textf("workers: 2\nlog: {access: \"@DIR@/access.log\", periodic: 1s, start: true%s}\n"
				      "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				      "upstreams:\n  - {name: app, servers: [%s]}\n",
				      info, kit_ip(1), w.port, text_of(kit_peer_port(peer(KIT_ECHO)))));
	w.fds = kit_proc_fds(w.s->child->pid);
	return w;
}

/* O8: who lasted a second, or did not end cleanly. Updates and begins have none. */
static void o8_info_of_long_and_failed_ones(void **state)
{
	struct world w = start_with_info("");

	(void)state;
	ended(&w, 1, "client_fin", ends_orderly, NO_TCP);
	ended(&w, 2, "client_rst", kit_reset, BOTH);
	updated = &w;
	ended(&w, 3, "client_fin", ends_late, BOTH);
	assert_int_equal(kit_staunch_log(w.s, "\"event\":\"connection_start\""), 3);
	assert_int_equal(kit_staunch_log(w.s, "server_rtt_us"), 2);
	end(&w);
}

/* O8: of each, and of none. A server that refuses has no leg. */
static void o8_info_of_all_and_of_none(void **state)
{
	struct world w = start_with_info(", tcp_info: always");

	(void)state;
	ended(&w, 1, "client_fin", ends_orderly, BOTH);
	end(&w);
	kit_end(NULL);
	w = start_with_info(", tcp_info: off");
	updated = &w;
	ended(&w, 1, "client_rst", kit_reset, NO_TCP);
	ended(&w, 2, "client_fin", ends_late, NO_TCP);
	end(&w);
	kit_end(NULL);
	w = start(text_of(kit_refuser(kit_ip(0))), "");
	refused(&w);
	kit_staunch_wait_log(w.s, "\"connect_failed\"", 1);
	record_has(&w, "r['staunch.client_rtt_us'] > 0 and 'staunch.server_rtt_us' not in r");
	end(&w);
}

static bool is_held_up(void *arg)
{
	(void)arg;
	return strstr(control_expect(200, "GET /v1/conns?fields=bottleneck", ""), "client_app") != NULL;
}

/* O8: the client reads nothing of much, until an operator ends it: the record says whose program it was. */
static void o8_the_bottleneck(void **state)
{
	const struct kit_peer_opts much = {.serve = KIT_SOURCE, .bytes = 64 << 20};
	struct world w = {.port = kit_port(kit_ip(0))};
	int fd;

	(void)state;
	w.s = kit_staunch_start(controlled(w.port, kit_peer_port(kit_peer_start(&much)), "", ""));
	fd = kit_connect(kit_ip(0), w.port);
	assert_true(kit_wait(is_held_up, NULL, KIT_MS));
	control_raw("POST /v1/conns/kill HTTP/1.0\r\nHost: localhost\r\nX-Staunch: 1\r\nContent-Length: 12\r\n\r\n"
		    "{\"all\":true}");
	kit_staunch_wait_log(w.s, "connection_end", 1);
	record_has(&w, "r['staunch.close_reason'] == 'admin' and r['staunch.bottleneck'] == 'client_app'");
	close(fd);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* ---- connections without a record ------------------------------------------------------------ */

/* Listeners "web", "routed", which looks at the hello, "header", which wants a PROXY header, and "down", whose
 * server refuses; on ports in this order. */
static const char *probed(const char *skip, const int port[4])
{
	return textf("workers: 2\nlog: {access: \"@DIR@/access.log\"%s}\ncontrol: {socket: \"%s\"}\nlisteners:\n"
		     "  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "  - {name: routed, bind: \"%s:%d\", routes: [{sni: a.example, upstream: app}], upstream: app}\n"
		     "  - {name: header, bind: \"%s:%d\", upstream: app,\n"
		     "     proxy_protocol: {accept: required, trusted: [127.0.0.0/8]}}\n"
		     "  - {name: down, bind: \"%s:%d\", upstream: gone}\n"
		     "upstreams:\n  - {name: app, servers: [%s]}\n  - {name: gone, servers: [%s]}\n",
		     skip, control_socket(), kit_ip(1), port[0], kit_ip(1), port[1], kit_ip(1), port[2], kit_ip(1),
		     port[3], text_of(kit_peer_port(peer(KIT_ECHO))), text_of(kit_refuser(kit_ip(0))));
}

/* Five that say nothing of their own: three ends, a reset, and one with a balancer's header alone. */
#define PROBES 5
/* What balancers do all day: connect and leave, on each kind of listener. */
static void probe_ports(const int port[4])
{
	static const char header[] = "PROXY UNKNOWN\r\n";

	for (int i = 0; i < 3; i++)
		end_orderly(kit_connect(kit_ip(1), port[i]));
	kit_reset(kit_connect(kit_ip(1), port[0]));

	int fd = kit_connect(kit_ip(1), port[2]);

	kit_send(fd, header, sizeof(header) - 1);
	end_orderly(fd);
}

/* One with bytes, one whose server refuses, and one that ends within its hello. */
#define OTHERS 3
/* Each of these has something to tell, so it keeps its record. */
static void connect_others(const struct world *w, const int port[4])
{
	int fd = kit_connect(kit_ip(1), port[1]);
	struct world down = {.s = w->s, .port = port[3]};

	kit_send(fd, "\x16\x03\x01", 3);
	end_orderly(fd);
	end_orderly(served(kit_ip(1), port[0]));
	refused(&down);
}

/* The metrics have what the log leaves out. */
static bool counts_probes(void *arg)
{
	return strstr(control_expect(200, "GET /metrics", ""), arg) != NULL;
}

static void probe_all(const char *skip, int skipped)
{
	int port[4];
	struct world w;
	char line[64];

	snprintf(line, sizeof(line), "\nstaunch_log_skipped_total %d\n", skipped);
	for (int i = 0; i < 4; i++)
		port[i] = kit_port(kit_ip(1));
	w.s = kit_staunch_start(probed(skip, port));
	w.fds = kit_proc_fds(w.s->child->pid);
	probe_ports(port);
	connect_others(&w, port);
	kit_staunch_wait_log(w.s, "connection_end", PROBES + OTHERS - skipped);
	if (!kit_wait(counts_probes, line, KIT_MS))
		kit_fail("/metrics has no line %s", line);
	assert_int_equal(kit_staunch_log(w.s, "\"connect_failed\""), 1);
	assert_int_equal(kit_staunch_log(w.s, "\"hello_invalid\""), 1);
	end(&w);
	assert_int_equal(kit_staunch_log(w.s, "connection_end"), PROBES + OTHERS - skipped);
}

/* With skip_empty only those that did something stand in the log. */
static void o29_probes_are_left_out(void **state)
{
	(void)state;
	probe_all(", skip_empty: true", PROBES);
}

/* The default is every connection. */
static void o29_all_without_the_key(void **state)
{
	(void)state;
	probe_all("", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o25_retry_elsewhere, kit_end),
		cmocka_unit_test_teardown(o25_no_server_left, kit_end),
		cmocka_unit_test_teardown(o25_each_its_error, kit_end),
		cmocka_unit_test_teardown(o25_eight_and_more, kit_end),
		cmocka_unit_test_teardown(o25_handshake_fails, kit_end),
		cmocka_unit_test_teardown(o31_own_addresses, kit_end),
		cmocka_unit_test_teardown(o31_none_to_tell, kit_end),
		cmocka_unit_test_teardown(o8_info_of_long_and_failed_ones, kit_end),
		cmocka_unit_test_teardown(o8_info_of_all_and_of_none, kit_end),
		cmocka_unit_test_teardown(o8_the_bottleneck, kit_end),
		cmocka_unit_test_teardown(o29_probes_are_left_out, kit_end),
		cmocka_unit_test_teardown(o29_all_without_the_key, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
