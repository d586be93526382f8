/* dump: what config_dump prints loads to the same model, and says where each value comes from. */
#include "config/key.h"
#include "config/node.h"
#include "tests/unit/config/load.h"

#define FULL "config/examples/full.yaml"

static const char text[] =
	"log: {access: \"/a \\\"b\"}\n"
	"listeners:\n"
	"  - {name: \"1e3\", bind: [\":80\", \"unix:@x\"], upstream: on}\n"
	"upstreams:\n"
	"  - name: on\n"
	"    servers:\n"
	"      - {address: \"10.0.0.1:1\",\n" "         weight: 0, backup: true}\n"
	"      - \"10.0.0.2:1\"\n";

static const char dumped[] =
	"workers: auto                               # default\n"
	"log:\n  level: info                               # default\n"
	"  access: \"/a \\\"b\"                          # t.yaml:1\n"
	"  format: auto                              # default\n"
	"  skip_empty: false                         # default\n"
	"  start: false                              # default\n"
	"  periodic: off                             # default\n"
	"  tcp_info: auto                            # default\n"
	"  syslog:\n    address: \"off\"                          # default\n"
	"    facility: daemon                        # default\n"
	"limits:\n"
	"  max_connections: auto                     # default\n"
	"  sources: 65536                            # default\n"
	"metrics:\n"
	"  series: 10000                             # default\n"
	"dns:\n"
	"  min_ttl: 1s                               # default\n"
	"  max_ttl: 1h                               # default\n"
	"  timeout: 2s                               # default\n"
	"  tries: 3                                  # default\n"
	"  family: prefer_v4                         # default\n"
	"  hold: 30s                                 # default\n"
	"  start: 5s                                 # default\n"
	"listeners:\n"
	"  - name: \"1e3\"                             # t.yaml:3\n"
	"    bind:                                   # t.yaml:3\n"
	"      - \":80\"                               # t.yaml:3\n"
	"      - \"unix:@x\"                           # t.yaml:3\n"
	"    proxy_protocol:\n"
	"      accept: off                           # default\n"
	"      untrusted: close                      # default\n"
	"      timeout: 10s                          # default\n"
	"      max_bytes: 4KiB                       # default\n"
	"    per_source:\n"
	"      connections: off                      # default\n"
	"      rate: off                             # default\n"
	"      burst: auto                           # default\n"
	"      prefix:\n"
	"        v4: 32                              # default\n"
	"        v6: 64                              # default\n"
	"      action: reset                         # default\n"
	"      dry_run: false                        # default\n"
	"    preread:\n"
	"      timeout: 10s                          # default\n"
	"      on_timeout: auto                      # default\n"
	"      silence: off                          # default\n"
	"      max_bytes: 16KiB                      # default\n"
	"    upstream: \"on\"                          # t.yaml:3\n"
	"    max_connections: off                    # default\n"
	"    rate: off                               # default\n"
	"    at_limit: refuse                        # default\n"
	"    download: off                           # default\n"
	"    upload: off                             # default\n"
	"    on_fin: pass                            # default\n"
	"    connect: accept                         # default\n"
	"    backlog: 4096                           # default\n"
	"    timeouts:\n"
	"      idle: 1h                              # default\n"
	"      idle_policy: strict                   # default\n"
	"      half_close: 1m                        # default\n"
	"      lifetime: off                         # default\n"
	"      lifetime_jitter: 0%                   # default\n"
	"      linger: 5s                            # default\n"
	"upstreams:\n"
	"  - name: \"on\"                              # t.yaml:5\n"
	"    balance: round_robin                    # default\n"
	"    hash_on: \"source\"                       # default\n"
	"    max_load: off                           # default\n"
	"    servers:\n"
	"      - address: \"10.0.0.1:1\"               # t.yaml:7\n"
	"        weight: 0                           # t.yaml:8\n"
	"        max_connections: off                # default\n"
	"        priority: 0                         # default\n"
	"        backup: true                        # t.yaml:8\n"
	"      - address: \"10.0.0.2:1\"               # t.yaml:9\n"
	"        weight: 1                           # default\n"
	"        max_connections: off                # default\n"
	"        priority: 0                         # default\n"
	"        backup: false                       # default\n"
	"    proxy_protocol: off                     # default\n"
	"    timeouts:\n"
	"      connect: 5s                           # default\n"
	"      queue: 5s                             # default\n"
	"    queue:\n"
	"      max: 1024                             # default\n"
	"    retries: 2                              # default\n"
	"    hedge: auto                             # default\n"
	"    replay: off                             # default\n"
	"    retry_budget: 10s                       # default\n"
	"    failover_below: 0%                      # default\n"
	"    panic: off                              # default\n"
	"    slow_start: off                         # default\n"
	"    warm:\n      connections: off                      # default\n"
	"      max_age: 5s                           # default\n"
	"    on_down: keep                           # default\n"
	"    health:\n"
	"      port: same                            # default\n"
	"      agent:\n"
	"        port: off                           # default\n"
	"        interval: 2s                        # default\n"
	"        timeout: 2s                         # default\n"
	"      passive:\n"
	"        failures: 3                         # default\n"
	"        within: 10s                         # default\n"
	"        out: 10s                            # default\n"
	"        max_out: 5m                         # default\n"
	"        early_end: true                     # default\n"
	"        answer: auto                        # default\n"
	"        probe: true                         # default\n"
	"shutdown:\n  delay: 0s                                 # default\n"
	"  timeout: 30s                              # default\n"
	"control:\n"
	"  socket: \"auto\"                            # default\n"
	"  http: \"off\"                               # default\n"
	"  state: \"auto\"                             # default\n"
	"  watch: false                              # default\n"
	"sandbox:\n"
	"  landlock: true                            # default\n"
	"  seccomp: false                            # default\n";

static void each_value_and_its_origin(void **state)
{
	struct load l = load_text(text);
	struct paper *out = paper_new();

	(void)state;
	assert_string_equal(l.report->text, "");
	config_dump(out->f, l.c, 0);
	assert_string_equal(paper_read(out), dumped);
	paper_free(out);
	load_free(&l);
}

static void note_weight(void *arg, FILE *out, const struct config_server *s)
{
	if (s->addr.len > 0)
		fprintf(out, "; %s %lld", (const char *)arg, (long long)s->weight);
}

/* One note for each server, behind the origin in its first line; all else is as without. */
static void servers_have_notes(void **state)
{
	static const char yaml[] = "listeners: [{name: a, bind: \":80\", upstream: b}]\n"
				   "upstreams: [{name: b, servers: [\"10.0.0.1:1\", "
				   "{address: \"10.0.0.2:1\", weight: 7}]}]\n";
	struct load l = load_text(yaml);
	struct paper *plain = paper_new(), *out = paper_new();
	char word[] = "note";
	const struct config_notes notes = {note_weight, word};
	const char *first, *second;

	(void)state;
	config_dump(plain->f, l.c, 0);
	config_dump_noted(out->f, l.c, &notes);
	paper_read(plain);
	paper_read(out);
	first = strstr(out->text, "address: \"10.0.0.1:1\"               # t.yaml:2; note 1\n");
	assert_non_null(first);
	second = strstr(first, "address: \"10.0.0.2:1\"               # t.yaml:2; note 7\n");
	assert_non_null(second);
	assert_int_equal(strlen(out->text), strlen(plain->text) + 2 * strlen("; note 1"));
	paper_free(plain);
	paper_free(out);
	load_free(&l);
}

static const char tls_text[] =
	"listeners:\n"
	"  - name: a\n"
	"    bind: \":80\"\n"
	"    tls: {certificates: [{cert: c.pem, key: /k}], alpn: [h2, http/1.1],\n"
	"          client_auth: {mode: required, ca: /a}}\n"
	"    routes: [{source: [10.0.0.0/8, unix], upstream: b}]\n"
	"upstreams:\n"
	"  - {name: b, servers: [\"10.0.0.1:1\"], proxy_protocol: v2, tlvs: [ssl, crc32c],\n"
	"     custom_tlvs: [{type: 0xE0}], tls: {name: \"::1\", min_version: \"1.3\"}, retry_budget: 30s}\n";

/* Lines that must stand there as they are: absent keys leave none, paths are absolute, several values a line each. */
static void absent_and_several(void **state)
{
	static const char *const lines[] = {
		"\n        - cert: \"/",
		"/c.pem\"",
		"\n          key: \"/k\"                         # t.yaml:4\n"
		"          ocsp_fetch: false                 # default\n"
		"          min_version: auto                 # default\n"
		"          max_version: auto                 # default\n      strict_sni: false ",
		"\n      alpn:                                 # t.yaml:4\n"
		"        - \"h2\"                              # t.yaml:4\n        - \"http/1.1\" ",
		"\n      - source:                             # t.yaml:6\n          - \"10.0.0.0/8\" ",
		"\n          - \"unix\"                          # t.yaml:6\n        upstream: b ",
		"\n    max_connections: off                    # default\n",
		"\n    tlvs:                                   # t.yaml:8\n"
		"      - ssl                                 # t.yaml:8\n      - crc32c ",
		"\n      - type: 0xE0                          # t.yaml:9\n    tls:\n      verify: true ",
		"\n      name: \"::1\" ",
		"\n      min_version: \"1.3\" ",
	};
	static const char *const absent[] = {" sni:", "crl:", "keys:", "ocsp:", " trusted:", "value:", "pins:"};
	struct load l = load_text(tls_text);
	struct paper *out = paper_new();

	(void)state;
	assert_string_equal(l.report->text, "");
	config_dump(out->f, l.c, 0);
	paper_read(out);
	for (size_t i = 0; i < array_len(lines); i++)
		if (strstr(out->text, lines[i]) == NULL)
			fail_msg("%s\nis not in\n%s", lines[i], out->text);
	for (size_t i = 0; i < array_len(absent); i++)
		assert_null(strstr(out->text, absent[i]));
	paper_free(out);
	load_free(&l);
}

/* What is printed loads to the same model: printing that again changes nothing. */
static void check_again(const char *yaml)
{
	struct load first = load_text(yaml), again;
	struct paper *a = paper_new(), *b = paper_new();

	config_dump_help(a->f, first.c, 0);
	again = load_text(paper_read(a));
	assert_string_equal(again.report->text, "");
	config_dump_help(b->f, again.c, 0);
	assert_string_equal(a->text, paper_read(b));
	paper_free(a);
	paper_free(b);
	load_free(&first);
	load_free(&again);
}

static void loads_to_the_same(void **state)
{
	(void)state;
	check_again(text);
	check_again(tls_text);
}

static char *read_file(const char *path)
{
	static char buf[65536];
	FILE *f = fopen(path, "re");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	return buf;
}

/* The example of every key is what dump prints of it, below its own first words. */
static void full_example_is_ours(void **state)
{
	struct load l = load_file(FULL);
	struct paper *out = paper_new();
	const char *body = read_file(FULL);

	(void)state;
	while (*body == '#')
		body = strchr(body, '\n') + 1;
	config_dump_help(out->f, l.c, 0);
	assert_string_equal(paper_read(out), body);
	paper_free(out);
	load_free(&l);
}

/* Notes in seen[] each row whose key stands in map. */
static void note_keys(const struct node *map, const char *prefix, bool *seen)
{
	for (const struct node_item *it = map->items; it != NULL; it = it->next) {
		const struct config_key *k = key_child(prefix, it->key->text);

		assert_non_null(k);
		seen[k - key_rows] = true;
		if (it->value->kind == NODE_MAP)
			note_keys(it->value, k->path, seen);
		for (const struct node_item *e = it->value->items; k->kind == KEY_LIST && e != NULL; e = e->next)
			note_keys(e->value, key_inside(k), seen);
	}
}

static void full_example_is_full(void **state)
{
	struct diag *d = diag_new();
	struct source *s;
	struct node_tree t;
	bool seen[512] = {false};

	(void)state;
	assert_true(key_count <= array_len(seen));
	assert_int_equal(source_read(&s, FULL), 0);
	diag_take_source(d, s);
	assert_int_equal(node_parse(&t, s, d), 0);
	note_keys(t.root, "", seen);
	for (size_t i = 0; i < key_count; i++)
		if (!seen[i] && !(key_rows[i].flags & KEY_FOLDED)) /* a dump is one file */
			fail_msg("%s has no %s", FULL, key_rows[i].path);
	node_fini(&t);
	diag_free(d);
}

/* Two texts are the same if every value is, and stands in the same line. */
static void same_is_what_says_the_same(void **state)
{
	static const char form[] = "listeners: [{name: l, bind: \":80\", upstream: u%s}]\n%s"
				   "upstreams: [{name: u, servers: [\"10.0.0.1:80\"]}]\n";
	static const struct {
		const char *listener, *between;
		bool same;
	} rows[] = {
		{"", "", true},
		{"", "# and nothing else\n", false},
		{"  ", "", true},
		{", backlog: 7", "", false},
		{", timeouts: {idle: 1h}", "", false}, /* the default, but written */
	};
	struct diag *d = diag_new();
	struct config *a, *b;
	char yaml[512];

	(void)state;
	snprintf(yaml, sizeof(yaml), form, "", "");
	assert_int_equal(config_parse("t.yaml", yaml, strlen(yaml), &a, d), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag *of_b = diag_new();

		snprintf(yaml, sizeof(yaml), form, rows[i].listener, rows[i].between);
		assert_int_equal(config_parse("t.yaml", yaml, strlen(yaml), &b, of_b), 0);
		assert_int_equal(config_same(a, b), rows[i].same);
		config_free(b);
		diag_free(of_b);
	}
	config_free(a);
	diag_free(d);
}

/* The blocks of TLS, values alone: neither places nor explanations. */
static void one_block_of_tls(void **state)
{
	static const char of_tls[] =
		"listeners: [{name: l, bind: \":80\", upstream: u, tls: {certificates: [{cert: /a, key: /b}]}}]\n"
		"upstreams: [{name: u, servers: [\"10.0.0.1:80\"], tls: {ca: /uca.pem}}]\n";
	struct diag *d = diag_new();
	struct config *c;
	char *in = NULL, *out = NULL;
	size_t n;
	FILE *f;

	(void)state;
	assert_int_equal(config_parse("t.yaml", of_tls, strlen(of_tls), &c, d), 0);
	f = open_memstream(&in, &n);
	config_dump_tls_in(f, c->listeners[0].tls);
	fclose(f);
	f = open_memstream(&out, &n);
	config_dump_tls_out(f, c->upstreams[0].tls);
	fclose(f);
	assert_ptr_equal(strstr(in, "certificates:\n  - cert: \"/a\"\n    key: \"/b\"\n"), in);
	assert_non_null(strstr(in, "\n  rotate: "));
	assert_non_null(strstr(out, "ca: \"/uca.pem\"\n"));
	assert_null(strchr(in, '#'));
	assert_null(strstr(in, "uca"));
	free(in);
	free(out);
	config_free(c);
	diag_free(d);
}

/* Columns of the longest line without its remark, and with it. */
static size_t longest(const char *of, bool remarks)
{
	size_t most = 0;

	for (const char *line = of; *line != '\0'; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n"), value = strcspn(line, "#");

		n = remarks || value > n ? n : value;
		most = n > most ? n : most;
	}
	return most;
}

static size_t lines_in(const char *s)
{
	size_t n = 0;

	for (; (s = strchr(s, '\n')) != NULL; s++)
		n++;
	return n;
}

static char *dumped_at(const struct config *c, bool help, int columns)
{
	struct paper *p = paper_new();
	char *out;

	if (help)
		config_dump_help(p->f, c, columns);
	else
		config_dump(p->f, c, columns);
	out = strdup(paper_read(p));
	assert_non_null(out);
	paper_free(p);
	return out;
}

/* o35: at any width the text is a file with the same values, whose remarks keep within the width, and whose lines with
 * a value have the whole of it and of its origin. */
static void o35_widths(void **state)
{
	static const int columns[] = {40, 41, 60, 68, 69, 80, 132, 300};
	struct load l = load_text(text);
	char *all = dumped_at(l.c, true, 0), *origins = dumped_at(l.c, false, 0);

	(void)state;
	for (size_t i = 0; i < array_len(columns); i++) {
		char *help = dumped_at(l.c, true, columns[i]), *plain = dumped_at(l.c, false, columns[i]);
		struct load again = load_text(help);
		char *same;

		assert_string_equal(again.report->text, "");
		same = dumped_at(again.c, true, 0);
		assert_string_equal(same, all);
		assert_true(longest(help, true) <= (size_t)columns[i]);
		assert_int_equal(lines_in(plain), lines_in(origins));
		assert_true(longest(plain, true) <= (size_t)columns[i] || columns[i] < 60);
		load_free(&again);
		free(help);
		free(plain);
		free(same);
	}
	free(all);
	free(origins);
	load_free(&l);
}

/* A path longer than any line keeps its line, and the sentence of its key stands below. */
static void o35_a_long_value(void **state)
{
	char yaml[1024], path[600], *help, *plain, want[700];
	struct load l;

	(void)state;
	memset(path, 'x', sizeof(path));
	snprintf(yaml, sizeof(yaml), "log: {access: /%.400s}\nlisteners: [{name: a, bind: \":80\", upstream: b}]\n"
		 "upstreams: [{name: b, servers: [\"10.0.0.1:1\"]}]\n", path);
	l = load_text(yaml);
	assert_string_equal(l.report->text, "");
	for (int columns = 40; columns <= 800; columns += 190) {
		help = dumped_at(l.c, true, columns);
		plain = dumped_at(l.c, false, columns);
		snprintf(want, sizeof(want), "access: \"/%.400s\"\n%*s# where the", path,
			 columns < 69 ? columns / 2 : 44, "");
		assert_non_null(strstr(help, want));
		snprintf(want, sizeof(want), "access: \"/%.400s\" # t.yaml:1\n", path);
		assert_non_null(strstr(plain, want));
		free(help);
		free(plain);
	}
	load_free(&l);
}

/* What a name of a file may hold is shown, and ends no line. */
static void a_hostile_name(void **state)
{
	static const char yaml[] = "listeners: [{name: a, bind: \":80\", upstream: b}]\n"
				   "upstreams: [{name: b, servers: [\"10.0.0.1:1\"]}]\n";
	struct diag *d = diag_new();
	struct config *c;
	char *out;

	(void)state;
	assert_int_equal(config_parse("a\n\x1b[1m\xC2\x9B.yaml", yaml, strlen(yaml), &c, d), 0);
	out = dumped_at(c, false, 0);
	assert_non_null(strstr(out, "# a??[1m?.yaml:1\n"));
	assert_null(strchr(out, '\x1b'));
	free(out);
	config_free(c);
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_value_and_its_origin),
		cmocka_unit_test(servers_have_notes),
		cmocka_unit_test(o35_widths),
		cmocka_unit_test(o35_a_long_value),
		cmocka_unit_test(a_hostile_name),
		cmocka_unit_test(loads_to_the_same),
		cmocka_unit_test(absent_and_several),
		cmocka_unit_test(full_example_is_ours),
		cmocka_unit_test(full_example_is_full),
		cmocka_unit_test(same_is_what_says_the_same),
		cmocka_unit_test(one_block_of_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
