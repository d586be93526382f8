/* /metrics over the control plane: promtool and a real Prometheus read it, and its numbers are those of what happened,
 * also over reloads and while a connection lives. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

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
		cmocka_unit_test_teardown(a_real_prometheus, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_metrics", tests, NULL, NULL);
}
