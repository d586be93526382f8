#include "tests/unit/config/load.h"

#define FULL "config/examples/full.yaml"

static const char text[] =
	"log: {access: \"/a \\\"b\"}\n"
	"listeners:\n"
	"  - {name: \"1e3\", bind: [\":80\", \"unix:@x\"], upstream: on}\n"
	"upstreams:\n"
	"  - name: on\n"
	"    servers:\n"
	"      - {address: \"10.0.0.1:1\",\n"
	"         weight: 0, backup: true}\n"
	"      - \"10.0.0.2:1\"\n";

static const char dumped[] =
	"workers: auto                               # default\n"
	"log:\n"
	"  level: info                               # default\n"
	"  access: \"/a \\\"b\"                          # t.yaml:1\n"
	"  format: json                              # default\n"
	"limits:\n"
	"  max_connections: auto                     # default\n"
	"listeners:\n"
	"  - name: \"1e3\"                             # t.yaml:3\n"
	"    bind:                                   # t.yaml:3\n"
	"      - \":80\"                               # t.yaml:3\n"
	"      - \"unix:@x\"                           # t.yaml:3\n"
	"    proxy_protocol:\n"
	"      accept: off                           # default\n"
	"      timeout: 10s                          # default\n"
	"      max_bytes: 4KiB                       # default\n"
	"    preread:\n"
	"      timeout: 10s                          # default\n"
	"      max_bytes: 16KiB                      # default\n"
	"    upstream: \"on\"                          # t.yaml:3\n"
	"    max_connections: off                    # default\n"
	"    at_limit: refuse                        # default\n"
	"    backlog: 4096                           # default\n"
	"    timeouts:\n"
	"      idle: 1h                              # default\n"
	"      half_close: 1m                        # default\n"
	"      lifetime: off                         # default\n"
	"      linger: 5s                            # default\n"
	"upstreams:\n"
	"  - name: \"on\"                              # t.yaml:5\n"
	"    balance: round_robin                    # default\n"
	"    servers:\n"
	"      - address: \"10.0.0.1:1\"               # t.yaml:7\n"
	"        weight: 0                           # t.yaml:8\n"
	"        max_connections: off                # default\n"
	"        backup: true                        # t.yaml:8\n"
	"      - address: \"10.0.0.2:1\"               # t.yaml:9\n"
	"        weight: 1                           # default\n"
	"        max_connections: off                # default\n"
	"        backup: false                       # default\n"
	"    proxy_protocol: off                     # default\n"
	"    timeouts:\n"
	"      connect: 5s                           # default\n"
	"    retries: 2                              # default\n"
	"    retry_budget: 10s                       # default\n"
	"shutdown:\n"
	"  delay: 0s                                 # default\n"
	"  timeout: 30s                              # default\n";

static void each_value_and_its_origin(void **state)
{
	struct load l = load_text(text);
	struct paper *out = paper_new();

	(void)state;
	assert_string_equal(l.report->text, "");
	config_dump(out->f, l.c);
	assert_string_equal(paper_read(out), dumped);
	paper_free(out);
	load_free(&l);
}

/* What is printed loads to the same model: printing that again changes nothing. */
static void loads_to_the_same(void **state)
{
	struct load first = load_text(text), again;
	struct paper *a = paper_new(), *b = paper_new();

	(void)state;
	config_dump_help(a->f, first.c);
	again = load_text(paper_read(a));
	assert_string_equal(again.report->text, "");
	config_dump_help(b->f, again.c);
	assert_string_equal(a->text, paper_read(b));
	paper_free(a);
	paper_free(b);
	load_free(&first);
	load_free(&again);
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
	config_dump_help(out->f, l.c);
	assert_string_equal(paper_read(out), body);
	paper_free(out);
	load_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_value_and_its_origin),
		cmocka_unit_test(loads_to_the_same),
		cmocka_unit_test(full_example_is_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
