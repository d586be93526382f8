/* metrics_page: O14: the page of an inventory: whole in blocks of any size, readable by promtool, bounded by
 * metrics.series, by scope and by name; O24: limits with use, maximum, high water and hits. */
#include "proxy/policy/metrics_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/policy/metrics_tbl.h"
#include "proxy/policy/snapshot.h"
#include "tests/kit/kit.h"

#define PAGE_MAX (8u << 20)
#define HEAD                                                                       \
	"listeners:\n"                                                             \
	"  - {name: web, bind: \":80\", upstream: app, max_connections: 3}\n"      \
	"  - {name: other, bind: \":81\", upstream: app}\n"                        \
	"upstreams:\n"

static struct registry registry;
static struct limit connections;
static struct stats stats;
static const struct stats *const all_stats[] = {&stats};
static struct inventory_process process;
static uint32_t reload_failed;
static struct snapshot *snap;
static struct inventory *inv;
static char page[PAGE_MAX + 1];

static int begin(void **state)
{
	(void)state;
	memset(&stats, 0, sizeof(stats));
	memset(&connections, 0, sizeof(connections));
	process = (struct inventory_process){
		.version = "1.0", .connections = &connections, .stats = all_stats, .nstats = 1};
	process.reload_failed = &reload_failed;
	reload_failed = 0;
	return registry_init(&registry, 2);
}

static int end(void **state)
{
	inv = inventory_free(inv);
	snap = snapshot_free(snap);
	registry_fini(&registry);
	return kit_end(state);
}

static void publish(const char *text)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	assert_int_equal(config_parse("test", text, strlen(text), &c, d), 0);
	assert_int_equal(snapshot_new(&registry, c, NULL, &snap, &why), 0);
	diag_free(d);
	snapshot_enact(snap, 1000);
	inv = inventory_new(&registry, snap, &process);
	assert_non_null(inv);
}

static void publish_two(void)
{
	publish(HEAD "  - {name: app, servers: [\"10.0.0.1:80\", {address: \"10.0.0.2:80\", weight: 5}]}\n");
}

/* An upstream of so many servers. */
static void publish_many(unsigned n, const char *more)
{
	size_t room = 64 * (size_t)n + 1024;
	char *memory = malloc(room);
	struct text t;

	assert_non_null(memory);
	text_init(&t, memory, room - 1);
	text_str(&t, more);
	text_str(&t, HEAD "  - name: app\n    servers:\n");
	for (unsigned i = 0; i < n; i++) {
		text_str(&t, "      - \"10.");
		text_u64(&t, i / 256);
		text_char(&t, '.');
		text_u64(&t, i % 256);
		text_str(&t, ".1:80\"\n");
	}
	memory[t.n] = '\0';
	publish(memory);
	free(memory);
}

/* Returns the number of blocks. */
static unsigned print_page(const struct metrics_options *o, size_t block)
{
	struct metrics_page pg;
	size_t n = 0;
	struct text out;
	unsigned blocks = 0;

	metrics_page_init(&pg, inv, o);
	for (;;) {
		assert_true(n + block < PAGE_MAX);
		text_init(&out, page + n, block);
		if (!metrics_page_block(&pg, &out))
			break;
		n += out.n;
		blocks++;
	}
	assert_false(metrics_page_block(&pg, &out)); /* the end stays the end */
	page[n] = '\0';
	return blocks;
}

static void print_all(void)
{
	(void)print_page(&(struct metrics_options){.scopes = METRICS_ALL}, PAGE_MAX / 2);
}

static size_t count(const char *needle)
{
	size_t n = 0;

	for (const char *at = page; (at = strstr(at, needle)) != NULL; at += strlen(needle))
		n++;
	return n;
}

static void expect(const char *line)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (count(whole) != 1)
		fail_msg("%zu times: %s\n%s", count(whole), line, page);
}

static void o14_tells_what_was_counted(void **state)
{
	struct listener_stats *web;
	struct server_stats *second;

	(void)state;
	publish_two();
	web = snap->listeners[0].counts->stats;
	second = snap->targets[0].upstream->members->at[1].server->stats;
	STAT_ADD(&web[0], connections, 5);
	STAT_ADD(&web[1], connections, 2);
	STAT_ADD(&web[1], closed[CLOSE_SERVER_FIN], 3);
	STAT_ADD(&web[0], closed[CLOSE_OVERLOAD], 1);
	STAT_ADD(&web[0], bytes_in, 1000);
	histogram_add(&web[1].lifetime, &histogram_lifetime, 2 * NP_S);
	histogram_add(&second[0].connect, &histogram_latency, 2 * NP_MS);
	STAT_ADD(&second[1], refused, 4);
	STAT_ADD(&snap->targets[0].upstream->live->stats[1], retries, 6);
	STAT_ADD(&snap->targets[0].upstream->live->stats[0], replays[REPLAY_TOO_LONG], 3);
	STAT_ADD(&snap->targets[0].upstream->live->stats[1], replays[REPLAY_TOO_LONG], 4);
	STAT_ADD(&stats, accept_pauses, 9);
	print_all();
	expect("staunch_build_info{version=\"1.0\"} 1");
	expect("staunch_config_generation 1");
	expect("staunch_connections_total{listener=\"web\"} 7");
	expect("staunch_connections_total{listener=\"other\"} 0");
	expect("staunch_connections_active{listener=\"web\"} 3");
	expect("staunch_connections_closed_total{listener=\"web\",reason=\"server_fin\"} 3");
	expect("staunch_connections_rejected_total{listener=\"web\",reason=\"overload\"} 1");
	expect("staunch_transferred_bytes_total{listener=\"web\",direction=\"in\"} 1000");
	expect("staunch_connection_duration_seconds_bucket{listener=\"web\",le=\"1\"} 0");
	expect("staunch_connection_duration_seconds_bucket{listener=\"web\",le=\"10\"} 1");
	expect("staunch_upstream_connect_duration_seconds_count{upstream=\"app\"} 1");
	expect("staunch_upstream_retries_total{upstream=\"app\"} 6");
	expect("staunch_upstream_replays_total{upstream=\"app\",result=\"too_long\"} 7");
	expect("staunch_upstream_replays_total{upstream=\"app\",result=\"sent\"} 0");
	expect("staunch_upstream_connects_total{upstream=\"app\",server=\"10.0.0.2:80\",result=\"ok\"} 1");
	expect("staunch_upstream_connects_total{upstream=\"app\",server=\"10.0.0.2:80\",result=\"refused\"} 4");
	expect("staunch_upstream_connects_total{upstream=\"app\",server=\"10.0.0.1:80\",result=\"refused\"} 0");
	expect("staunch_upstream_server_weight{upstream=\"app\",server=\"10.0.0.2:80\"} 5");
	expect("staunch_accept_pauses_total 9");
	expect("staunch_metrics_left_out{family=\"staunch_upstream_bytes_total\"} 0");
	expect("staunch_config_last_reload_successful 1");
	assert_int_equal(count("staunch_tls_handshake_duration_seconds_bucket"), 0); /* no TLS here */
	assert_int_equal(count("reason=\"none\""), 0);
	reload_failed = 1;
	print_all();
	expect("staunch_config_last_reload_successful 0");
}

static void o24_limits(void **state)
{
	struct limit *web;

	(void)state;
	publish_two();
	web = &snap->listeners[0].counts->limit;
	for (int i = 0; i < 3; i++)
		assert_true(limit_take(web, 3));
	assert_false(limit_take(web, 3));
	limit_hit(web, 5);
	limit_give(web);
	print_all();
	expect("staunch_limit_usage{limit=\"connections\"} 0");
	expect("staunch_limit_max{limit=\"connections\"} 1000");
	expect("staunch_limit_usage{limit=\"connections\",listener=\"web\"} 2");
	expect("staunch_limit_max{limit=\"connections\",listener=\"web\"} 3");
	expect("staunch_limit_high_water{limit=\"connections\",listener=\"web\"} 3");
	expect("staunch_limit_hits_total{limit=\"connections\",listener=\"web\"} 1");
	assert_int_equal(count("listener=\"other\",limit"), 0); /* it has none */
	while (limit_used(web) > 0)
		limit_give(web);
}

#define OF_APP(family, limit) "staunch_limit_" family "{limit=\"" limit "\",upstream=\"app\""

/* E44: a queue, and a server's max_connections, are limits as others are. */
static void o24_limits_of_upstreams_and_servers(void **state)
{
	const struct server *tried;
	struct server *s;

	(void)state;
	publish(HEAD "  - {name: app, servers: [\"10.0.0.1:80\", {address: \"10.0.0.2:80\", max_connections: 2}]}\n"
		     "  - {name: none, queue: off, servers: [\"10.0.0.3:80\"]}\n");
	s = snap->targets[0].upstream->members->at[1].server;
	tried = s; /* its limit keeps nobody away who has been there */
	assert_true(server_try_take(s, 2) && server_try_take(s, 2));
	upstream_note_full(snap->targets[0].upstream, &(struct pick_args){.now = 5});
	upstream_note_full(snap->targets[0].upstream, &(struct pick_args){.tried = &tried, .ntried = 1, .now = 6});
	server_release(s);
	limit_note_high(&s->live->queue, 7);
	limit_hit(&s->live->queue, 5);
	print_all();
	expect(OF_APP("usage", "queue") "} 0");
	expect(OF_APP("max", "queue") "} 1024");
	expect(OF_APP("high_water", "queue") "} 7");
	expect(OF_APP("hits_total", "queue") "} 1");
	expect(OF_APP("usage", "server_connections") ",server=\"10.0.0.2:80\"} 1");
	expect(OF_APP("max", "server_connections") ",server=\"10.0.0.2:80\"} 2");
	expect(OF_APP("high_water", "server_connections") ",server=\"10.0.0.2:80\"} 2");
	expect(OF_APP("hits_total", "server_connections") ",server=\"10.0.0.2:80\"} 1");
	assert_int_equal(count(OF_APP("usage", "server_connections")), 1);
	assert_int_equal(count("{limit=\"queue\",upstream=\"none\""), 0);
	server_release(s);
}

/* Where the page has no room for all, servers' limits go with the first family of servers. */
static void o24_limits_of_servers_are_left_out_first(void **state)
{
	(void)state;
	publish("metrics: {series: 200}\n" HEAD
		"  - {name: app, servers: [{address: \"10.0.0.2:80\", max_connections: 2}]}\n");
	print_all();
	assert_int_equal(count("server_connections"), 0);
	expect(OF_APP("max", "queue") "} 1024");
}

/* The least bound under which a page of 200 such servers has all. */
static unsigned whole_page(const char *option)
{
	static char yaml[16384];
	unsigned least = 100, most = 100000;

	while (least < most) {
		unsigned series = (least + most) / 2;
		struct text t;

		text_init(&t, yaml, sizeof(yaml) - 1);
		text_str(&t, "metrics: {series: ");
		text_u64(&t, series);
		text_str(&t, "}\n" HEAD "  - name: app\n    servers:\n");
		for (unsigned i = 1; i <= 200; i++) {
			text_str(&t, "      - {address: \"10.0.0.");
			text_u64(&t, i);
			text_str(&t, ":80\"");
			text_str(&t, option);
			text_str(&t, "}\n");
		}
		yaml[t.n] = '\0';
		publish(yaml);
		print_all();
		if (count("staunch_metrics_left_out{family=\"staunch_upstream_warm_connections\"} 0") == 1)
			most = series;
		else
			least = series + 1;
		inv = inventory_free(inv);
		snap = snapshot_free(snap);
	}
	return least;
}

/* Four rows each of their limits count against the bound as all others do. */
static void o24_rows_of_limits_count_against_the_bound(void **state)
{
	(void)state;
	assert_int_equal(whole_page(", max_connections: 2"), whole_page("") + 4 * 200);
}

/* Prometheus refuses a page on which a family has two heads or its series stand apart. */
static void o14_blocks_of_any_size_are_one_page(void **state)
{
	/* those of the process move meanwhile: its CPU time */
	const struct metrics_options o = {.scopes = METRICS_ALL & ~METRICS_PROCESS};
	char *whole;

	(void)state;
	publish_many(300, "");
	assert_int_equal(print_page(&o, PAGE_MAX / 2), 1);
	whole = strdup(page);
	assert_true(print_page(&o, METRICS_BLOCK) > 5);
	assert_string_equal(page, whole);
	assert_true(print_page(&o, METRICS_BLOCK + 777) > 5);
	assert_string_equal(page, whole);
	free(whole);
	assert_int_equal(count("# TYPE staunch_upstream_connects_total counter\n"), 1);
	assert_int_equal(count("\nstaunch_upstream_connects_total{"), 5 * 300);
}

static void o14_a_page_has_what_is_asked_for(void **state)
{
	static const char *const names[] = {"staunch_connections_total", "staunch_accept_pauses_total"};
	struct metrics_options o = {.scopes = METRICS_SERVER};

	(void)state;
	publish_two();
	(void)print_page(&o, METRICS_BLOCK);
	assert_int_equal(count("# HELP "), 13);
	assert_int_equal(count("# HELP staunch_upstream_"), 11);
	o = (struct metrics_options){.scopes = METRICS_ALL, .names = names, .nnames = 2};
	(void)print_page(&o, METRICS_BLOCK);
	assert_int_equal(count("# HELP "), 2);
	expect("staunch_accept_pauses_total 0");
	o.scopes = METRICS_UPSTREAM;
	assert_int_equal(print_page(&o, METRICS_BLOCK), 0);
	assert_int_equal(metrics_scope_of("upstream,x", 8), METRICS_UPSTREAM);
	assert_int_equal(metrics_scope_of("up", 2), 0);
}

static const struct cap_row {
	const char *what, *cap;
	unsigned left_out;
} caps[] = {
	{"room for all", "metrics: {series: 50000}\n", 0},
	{"too few for bytes", "", 9},
	{"and for weights", "metrics: {series: 8100}\n", 10},
	{"and for connects", "metrics: {series: 7000}\n", 11},
	{"and for active ones", "metrics: {series: 2000}\n", 12},
	{"and for those that are up", "metrics: {series: 500}\n", 13},
};

static void o14_series_are_bounded(void **state)
{
	static const char *const last[] = {"staunch_upstream_warm_connections",
		"staunch_healthcheck_total", "staunch_healthcheck_late_total",
		"staunch_upstream_early_ends_total",
		"staunch_upstream_ejections_total", "staunch_upstream_ejections_capped_total",
		"staunch_upstream_probes_total",
		"staunch_upstream_server_state", "staunch_upstream_bytes_total", "staunch_upstream_server_weight",
		"staunch_upstream_connects_total", "staunch_upstream_connections_active", "staunch_upstream_server_up"};

	for (size_t i = 0; i < array_len(caps); i++) {
		publish_many(1000, caps[i].cap);
		print_all();
		for (unsigned j = 0; j < array_len(last); j++) {
			char line[128], head[128];

			snprintf(line, sizeof(line), "staunch_metrics_left_out{family=\"%s\"} %d", last[j],
				j < caps[i].left_out);
			snprintf(head, sizeof(head), "# TYPE %s ", last[j]);
			expect(line);
			if (count(head) != (j >= caps[i].left_out))
				fail_msg("%s: %s", caps[i].what, last[j]);
		}
		inv = inventory_free(inv);
		snap = snapshot_free(snap);
	}
	(void)state;
}

/* The names of the labels of the family's first series, as the table writes them. */
static void labels_of(const char *family, char out[128])
{
	char head[128];
	size_t n = 0;
	const char *at;
	bool quoted = false;

	snprintf(head, sizeof(head), "\n# TYPE %s ", family);
	at = strstr(page, head);
	out[0] = '\0';
	if (at == NULL)
		return;
	at = strchr(at + 1, '\n') + 1;
	for (at = strpbrk(at, "{ "); *at != ' ' && *at != '}' && n < 120; at++) {
		quoted ^= *at == '"';
		if (!quoted && strchr("{=\"", *at) == NULL)
			out[n++] = *at;
		if (!quoted && *at == ',')
			out[n++] = ' ';
	}
	out[n] = '\0';
}

/* What staunch-metrics(7) says of labels. */
static void the_table_names_the_labels(void **state)
{
	static const struct {
		const char *family, *labels;
	} rows[] = {
#define X(scope, of, name, kind, labels, help, fn, series) {name, labels},
		METRICS_TBL(X)
#undef X
	};

	(void)state;
	publish_two();
	print_all();
	for (size_t i = 0; i < array_len(rows); i++) {
		char got[128];
		size_t n = strlen(rows[i].labels);

		/* a histogram has "le" as well, and the first limit no listener */
		labels_of(rows[i].family, got);
		if (strncmp(got, rows[i].labels, strlen(got) < n ? strlen(got) : n) != 0 || (n == 0 && got[0] != '\0'))
			fail_msg("%s: \"%s\", the table has \"%s\"", rows[i].family, got, rows[i].labels);
	}
}

static void o14_promtool_reads_it(void **state)
{
	char path[KIT_PATH], command[2 * KIT_PATH];
	struct kit_child *check;

	(void)state;
	if (!kit_have("promtool"))
		skip();
	publish_many(3, "");
	print_all();
	kit_file_write("page.txt", page, path);
	snprintf(command, sizeof(command), "promtool check metrics < %s && echo the page is good", path);
	check = kit_child_start("promtool", KIT_ARGV("sh", "-c", command));
	if (kit_child_wait(check) != 0)
		kit_file_wait(check->err, "the page is good", 1); /* shows what is not */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(o14_tells_what_was_counted, begin, end),
		cmocka_unit_test_setup_teardown(o24_limits, begin, end),
		cmocka_unit_test_setup_teardown(o24_limits_of_upstreams_and_servers, begin, end),
		cmocka_unit_test_setup_teardown(o24_limits_of_servers_are_left_out_first, begin, end),
		cmocka_unit_test_setup_teardown(o24_rows_of_limits_count_against_the_bound, begin, end),
		cmocka_unit_test_setup_teardown(o14_blocks_of_any_size_are_one_page, begin, end),
		cmocka_unit_test_setup_teardown(o14_a_page_has_what_is_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(o14_series_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(the_table_names_the_labels, begin, end),
		cmocka_unit_test_setup_teardown(o14_promtool_reads_it, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
