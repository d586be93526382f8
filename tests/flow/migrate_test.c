/* M5, M6: the verb with real files: what includes name, where output goes, and the corpus of tests/flow/migrate,
 * which is translated, checked, and relayed beside nginx and HAProxy (migrate_relay.py). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/exit_tbl.h"
#include "tests/flow/kit/service.h"
#include "tests/kit/cert.h"

#define ROOM 65536

static char err[ROOM], out[ROOM];

/* Both outputs are read.   Returns  the exit code. */
static int migrate(const char *program, const char *path)
{
	char yaml[KIT_PATH];
	struct kit_child *c;
	int code;

	snprintf(yaml, sizeof(yaml), "%s/out.yaml", kit_dir());
	unlink(yaml);
	c = kit_child_start("migrate", KIT_ARGV(kit_binary(), "migrate", program, path, "-o", yaml));
	code = kit_child_wait(c);
	kit_file_read(c->err, err, ROOM);
	if (access(yaml, F_OK) == 0)
		kit_file_read(yaml, out, ROOM);
	else
		out[0] = '\0';
	return code;
}

static void expect_text(const char *text, const char *wanted)
{
	if (strstr(text, wanted) == NULL)
		fail_msg("\"%s\" is not in\n%s", wanted, text);
}

/* A glob, in order, relative to the first file; a file that is not there; one that includes itself. */
static void m5_includes(void **state)
{
	char path[KIT_PATH], other[KIT_PATH];

	(void)state;
	assert_int_equal(mkdir(textf("%s/streams", kit_dir()), 0755), 0);
	kit_file_write("streams/b.conf", "server { listen 2;\n proxy_pass b:1; }\n", other);
	kit_file_write("streams/a.conf", "\nserver { listen 1; proxy_pass a:1; }\n", other);
	kit_file_write("nginx.conf", "stream {\n include streams/*.conf;\n include none/*.conf;\n}\n", path);
	assert_int_equal(migrate("nginx", path), EXIT_OK);
	expect_text(out, "- name: port-1                                            # streams/a.conf:2\n");
	expect_text(out, "- name: port-2                                            # streams/b.conf:1\n");
	assert_true(strstr(out, "port-1") < strstr(out, "port-2"));

	kit_file_write("nginx.conf", "stream {\n  include none.conf;\n}\n", path);
	assert_int_equal(migrate("nginx", path), EXIT_CONFIG);
	expect_text(err, "none.conf: no such file\n  --> ");
	expect_text(err, "nginx.conf:2:11\n  |\n2 |   include none.conf;\n  |           ^");
	kit_file_write("streams/b.conf", "server { listen 2;\n proxy_pass b:1;\n", other);
	kit_file_write("nginx.conf", "stream {\n include streams/*.conf;\n}\n", path);
	assert_int_equal(migrate("nginx", path), EXIT_CONFIG);
	expect_text(err, "streams/b.conf:1:1");
	kit_file_write("streams/b.conf", "include streams/b.conf;\n", other);
	assert_int_equal(migrate("nginx", path), EXIT_CONFIG);
	expect_text(err, "does this one include itself?");
	assert_int_equal(migrate("nginx", kit_dir()), EXIT_CONFIG);
	expect_text(err, "is a directory");
}

/* Lists and maps of HAProxy stand in files of their own. */
static void m2_files_of_names(void **state)
{
	char path[KIT_PATH], other[KIT_PATH];

	(void)state;
	kit_file_write("names.lst", "# names\na.example\nB.example\n", other);
	kit_file_write("names.map", "c.example  c\n#d.example d\ne.example none\n", other);
	kit_file_write("haproxy.cfg",
		       "frontend f\n bind :1\n use_backend a if { req.ssl_sni -i -f names.lst }\n"
		       " use_backend %[req.ssl_sni,lower,map(names.map,d)]\n"
		       "backend a\n server s a:1\nbackend c\n server s c:1\nbackend d\n server s d:1\n",
		       path);
	assert_int_equal(migrate("haproxy", path), EXIT_LOSSES);
	expect_text(out, "          - a.example\n          - b.example\n        upstream: a\n");
	expect_text(out, "          - c.example\n        upstream: c\n");
	expect_text(out, "          - \"*\"\n        upstream: d\n");
	expect_text(err,
		"haproxy.cfg:4: use_backend %[req.ssl_sni,lower,map(names.map,d)]: "
			 "e.example: left out: there is no such");
}

static bool has_gone(void *arg)
{
	return !kit_child_alive(arg);
}

/* As long as there is one file more within KIT_MS: forty of them take longer than any one thing may.
 *   Returns  its exit code. */
static int wait_for_corpus(struct kit_child *c)
{
	int lines = 0;

	while (!kit_wait(has_gone, c, KIT_MS)) {
		int now = kit_file_count(c->out, "\n");

		if (now == lines)
			kit_fail("the corpus stands still after %d files", lines);
		lines = now;
	}
	return kit_child_wait(c);
}

/* Translated, checked, relayed: all files, and what they print is shown. */
static void m6_the_corpus(void **state)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.cn = "server.example", .dns = "server.example"});
	char cert[KIT_PATH], key[KIT_PATH], path[KIT_PATH];
	static char both[ROOM];
	struct kit_child *child;
	size_t n;
	int code;

	(void)state;
	if (!kit_have("nginx") || !kit_have("haproxy") || !kit_have("python3"))
		skip();
	kit_cert_write(c, "c.pem", cert);
	kit_cert_write_key(c, "c.key", NULL, key);
	n = kit_file_read(cert, both, ROOM / 2);
	kit_file_read(key, both + n, ROOM / 2);
	kit_file_write("server.pem", both, path);
	child = kit_child_start("relay", KIT_ARGV("python3", "tests/flow/migrate_relay.py", kit_binary(), kit_dir()));
	code = wait_for_corpus(child);
	kit_file_read(child->out, err, ROOM);
	fputs(err, stdout); /* cmocka's own printer cuts it off */
	assert_int_equal(code, 0);
	expect_text(err, "40 files, ");
	expect_text(err, " 0 failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(m5_includes, kit_end),
		cmocka_unit_test_teardown(m2_files_of_names, kit_end),
		cmocka_unit_test_teardown(m6_the_corpus, kit_end),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
