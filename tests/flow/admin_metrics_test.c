/* /metrics over the control plane: promtool and a real Prometheus read it, and its numbers are those of what happened,
 * also over reloads and while a connection lives. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/kit/cert.h"

#define GET "curl -sS --unix-socket $S 'http://localhost/metrics"

/* The value of one series; negative: it is not there. */
static double value_of(const char *series)
{
	const char *line = strstr(control_shell_ok(GET "'"), textf("\n%s ", series));

	return line == NULL ? -1 : strtod(line + strlen(series) + 2, NULL);
}

struct wanted {
	const char *series;
	double value;
};

static bool has_value(void *arg)
{
	const struct wanted *w = arg;

	return value_of(w->series) == w->value;
}

static void wait_value(const char *series, double value)
{
	struct wanted w = {series, value};

	if (!kit_wait(has_value, &w, KIT_MS))
		kit_fail("%s is %f and not %f", series, value_of(series), value);
}

struct world {
	struct kit_staunch *s;
	int web, server, http;
};

static const char *config_of(const struct world *w, const char *more)
{
	return controlled(w->web, w->server, textf(", http: \"%s:%d\"", kit_ip(0), w->http), more);
}

static struct world world_start(void)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct world w = {.web = kit_port(kit_ip(0)), .http = kit_port(kit_ip(0)), .server = kit_peer_port(server)};

	w.s = kit_staunch_start(config_of(&w, ""));
	return w;
}

static void world_end(struct world *w)
{
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

#define CLOSED "staunch_connections_closed_total{listener=\"web\",reason=\"client_fin\"}"
#define ACTIVE "staunch_connections_active{listener=\"web\"}"
#define BYTES  "staunch_transferred_bytes_total{listener=\"web\",direction=\"in\"}"

#define SAID   15 /* bytes of served() */

/* O17: a live connection's bytes are there before it ends. O16: a reload changes no number. */
static void o16_o17_numbers_of_what_happened(void **state)
{
	struct world w = world_start();
	char more[1024 - SAID] = "";
	int fd[3];

	(void)state;
	if (!kit_have("curl"))
		skip();
	wait_value("staunch_connections_total{listener=\"web\"}", 0);
	for (int i = 0; i < 3; i++)
		fd[i] = served(kit_ip(0), w.web);
	wait_value(ACTIVE, 3);
	end_orderly(fd[1]);
	end_orderly(fd[2]);
	wait_value(CLOSED, 2);
	kit_send(fd[0], more, sizeof(more));
	kit_expect(fd[0], more, sizeof(more));
	wait_value(BYTES, 2 * SAID + 1024); /* a live one's are counted by sixteen */
	kill(w.s->child->pid, SIGHUP);
	wait_value("staunch_config_generation", 2);
	assert_true(value_of(CLOSED) == 2 && value_of(BYTES) == 2 * SAID + 1024 && value_of(ACTIVE) == 1);
	end_orderly(fd[0]);
	wait_value(CLOSED, 3);
	world_end(&w);
}

/* What was asked for, and nothing else; both forms are what promtool calls right. */
static void o14_the_page(void **state)
{
	struct world w = world_start();

	(void)state;
	if (!kit_have("curl") || !kit_have("promtool"))
		skip();
	end_orderly(served(kit_ip(0), w.web));
	assert_string_equal(control_shell_ok(GET "' | promtool check metrics 2>&1"), "");
	assert_string_equal(control_shell_ok(GET "?scope=server' | grep -c '^# TYPE staunch_connections_total'; true"),
			    "0\n");
	assert_string_equal(control_shell_ok(GET "?name=staunch_config_generation' | tail -1"),
			    "staunch_config_generation 1\n");
	assert_string_equal(control_shell_ok(GET "' -H 'Accept: application/openmetrics-text' | tail -1"), "# EOF\n");
	assert_string_equal(control_shell_ok(GET "?scope=all' | jq -r .error.code"), "E400\n");
	assert_string_equal(control_shell_ok(GET "' -I | grep -ci '^content-type: text/plain; version=0.0.4'"), "1\n");
	world_end(&w);
}

struct query {
	int port;
	const char *ask, *answer;
};

static bool prometheus_says(void *arg)
{
	const struct query *q = arg;
	int code;
	const char *out = control_shell(
		&code, textf("curl -s 'http://127.0.0.1:%d/api/v1/query' --data-urlencode '%s' | "
			     "jq -r '.data.result[0].value[1]' 2>/dev/null; true", q->port, q->ask));

	return strcmp(out, q->answer) == 0;
}

/* Sends without reading what comes back, until nothing more is taken. */
static void fill_up(int fd)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	char block[4096];

	memset(block, 'x', sizeof(block));
	while (poll(&room, 1, 500) > 0)
		while (send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			;
}

static bool grows(void *series)
{
	return value_of(series) > 0;
}

static void expect_growth(const char *series)
{
	if (!kit_wait(grows, (void *)(uintptr_t)series, KIT_MS))
		kit_fail("%s is %f", series, value_of(series));
}

/* A client that sends and does not read: bytes wait in both directions. */
static void who_is_waited_for(void **state)
{
	struct world w = world_start();
	int fd;

	(void)state;
	if (!kit_have("curl"))
		skip();
	wait_value("staunch_connection_blocked_seconds_total{listener=\"web\",on=\"client_write\"}", 0);
	wait_value("staunch_splice_bytes_total{listener=\"web\"}", 0);
	fd = served(kit_ip(0), w.web);
	fill_up(fd);
	expect_growth("staunch_connection_blocked_seconds_total{listener=\"web\",on=\"client_write\"}");
	expect_growth("staunch_splice_bytes_total{listener=\"web\"}");
	expect_growth("process_cpu_seconds_total");
	expect_growth("staunch_poll_loop_busy_seconds_total{thread=\"worker 0\"}");
	assert_true(value_of("process_open_fds") > 10);
	assert_true(value_of("process_resident_memory_bytes") > 1e6);
	close(fd);
	world_end(&w);
}

/* As far as it comes: nobody waits for the handshake. */
static int begin_connect(const char *ip, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(inet_pton(AF_INET, ip, &a.sin_addr), 1);
	assert_true(fd >= 0);
	(void)!connect(fd, (const struct sockaddr *)&a, sizeof(a));
	return fd;
}

/* The kernel is asked at an accept, once a second at most. */
static bool overflow_is_told(void *port)
{
	end_orderly(served(kit_ip(0), *(int *)port));
	return value_of("staunch_accept_queue_overflow_total{listener=\"web\"}") > 0;
}

/* While the only place is taken, a short queue runs over; that is told when the next one is accepted. */
static void who_the_kernel_turned_away(void **state)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0)), first, fd[16];
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl"))
		skip();
	s = kit_staunch_start(textf("workers: 1\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: app, "
				    "backlog: 1, max_connections: 1, at_limit: wait}\nupstreams:\n"
				    "  - {name: app, servers: [\"%s:%d\"]}\ncontrol: {socket: \"%s\"}\n",
				    kit_ip(0), port, kit_ip(0), kit_peer_port(server), control_socket()));
	first = served(kit_ip(0), port);
	for (size_t i = 0; i < array_len(fd); i++)
		fd[i] = begin_connect(kit_ip(0), port);
	end_orderly(first);
	for (size_t i = 0; i < array_len(fd); i++)
		close(fd[i]);
	if (!kit_wait(overflow_is_told, &port, KIT_MS))
		kit_fail("no client was turned away by the kernel, or it is not told");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

#define S_CLIENT "openssl s_client -connect %s:%d -servername a.test -quiet -no_ign_eof"
#define SHAKEN   "staunch_tls_handshakes_total{listener=\"web\",result=\"ok\",version=\"%s\",resumed=\"%s\"}"

static void expect_handshakes(const char *version, const char *resumed, double n)
{
	char series[160];

	snprintf(series, sizeof(series), SHAKEN, version, resumed);
	wait_value(series, n);
}

static void which_handshakes_there_were(void **state)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_cert *cert = kit_cert_make(&(struct kit_cert_opts){.dns = "a.test"});
	char pem[KIT_PATH], key[KIT_PATH];
	int port = kit_port(kit_ip(0));
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("openssl"))
		skip();
	kit_cert_write(cert, "a.pem", pem);
	kit_cert_write_key(cert, "a.key", NULL, key);
	s = kit_staunch_start(textf("listeners:\n  - name: web\n    bind: \"%s:%d\"\n    upstream: app\n"
				    "    tls: {certificates: [{cert: %s, key: %s}]}\nupstreams:\n"
				    "  - {name: app, servers: [\"%s:%d\"]}\ncontrol: {socket: \"%s\"}\n",
				    kit_ip(0), port, pem, key, kit_ip(0), kit_peer_port(server), control_socket()));
	/* the ticket has come when the file is there */
	control_shell_ok(textf("(echo x; until [ -s %s/session ]; do sleep 0.1; done) | " S_CLIENT
			       " -tls1_3 -sess_out %s/session 2>&1", kit_dir(), kit_ip(0), port, kit_dir()));
	control_shell_ok(textf("echo x | " S_CLIENT " -tls1_3 -sess_in %s/session 2>&1", kit_ip(0), port, kit_dir()));
	for (int i = 0; i < 3; i++)
		control_shell_ok(textf("echo x | " S_CLIENT " -tls1_2 2>&1", kit_ip(0), port));
	expect_handshakes("1.3", "false", 1);
	expect_handshakes("1.3", "true", 1);
	expect_handshakes("1.2", "false", 3);
	expect_handshakes("1.2", "true", 0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* It scrapes twice, and answers a query about both. */
static void a_real_prometheus(void **state)
{
	struct world w = world_start();
	int port = kit_port("127.0.0.1");
	struct query twice = {port, "query=count_over_time(up{job=\"s\"}[1m]) >= bool 2", "1\n"};
	struct query live = {port, "query=" ACTIVE, "1\n"};
	char conf[KIT_PATH];
	int fd;

	(void)state;
	if (!kit_have("curl") || !kit_have("prometheus") || !kit_have("jq"))
		skip();
	fd = served(kit_ip(0), w.web);
	kit_file_write("prometheus.yml",
		       textf("scrape_configs:\n  - {job_name: s, scrape_interval: 500ms, scrape_timeout: 500ms,\n"
			     "     static_configs: [{targets: [\"%s:%d\"]}]}\n", kit_ip(0), w.http), conf);
	kit_child_start("prometheus", KIT_ARGV("prometheus", textf("--config.file=%s", conf),
					       textf("--storage.tsdb.path=%s/tsdb", kit_dir()),
					       textf("--web.listen-address=127.0.0.1:%d", port)));
	if (!kit_wait(prometheus_says, &twice, 2 * KIT_MS))
		kit_fail("Prometheus has not scraped twice");
	if (!kit_wait(prometheus_says, &live, 2 * KIT_MS))
		kit_fail("Prometheus does not know of the live connection");
	end_orderly(fd);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o16_o17_numbers_of_what_happened, kit_end),
		cmocka_unit_test_teardown(o14_the_page, kit_end),
		cmocka_unit_test_teardown(who_is_waited_for, kit_end),
		cmocka_unit_test_teardown(who_the_kernel_turned_away, kit_end),
		cmocka_unit_test_teardown(which_handshakes_there_were, kit_end),
		cmocka_unit_test_teardown(a_real_prometheus, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_metrics", tests, NULL, NULL);
}
