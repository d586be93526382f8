/* config: a text becomes a frozen model or a list of problems, from memory and from files;
 * owners may share a model. */
#include "config/config.h"

#include <limits.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "tests/unit/config/load.h"

/* Eight different mistakes in one file: a map key, a value, a duration, an address, a key twice,
 * a name that resolves to nothing, a bound, a shape. One run shows each with its place, its line
 * and the caret under it. */
static const char mistakes[] =
	"log: {level: inof}\n"
	"listeners:\n"
	"  - name: web\n"
	"    bind: \"0.0.0.0:443\"\n"
	"    upsteam: app\n"
	"  - name: tls\n"
	"    bind: \"localhost:8443\"\n"
	"    upstream: ap\n"
	"    timeouts: {idle: 10}\n"
	"    backlog: 70000\n"
	"    backlog: 4096\n"
	"upstreams:\n"
	"  - name: app\n"
	"    servers: \"10.0.0.1:8443\"\n";

static const char report[] =
	"error[E204]: \"level\" cannot be \"inof\": write debug, info, notice, warning or error\n"
	"  --> t.yaml:1:14\n"
	"   |\n"
	" 1 | log: {level: inof}\n"
	"   |              ^^^^ did you mean \"info\"?\n"
	"   = help: staunch explain log.level\n"
	"error[E102]: unknown key \"upsteam\" in listener \"web\"\n"
	"  --> t.yaml:5:5\n"
	"   |\n"
	" 4 |     bind: \"0.0.0.0:443\"\n"
	" 5 |     upsteam: app\n"
	"   |     ^^^^^^^ did you mean \"upstream\"?\n"
	"   = help: staunch explain listeners[].upstream\n"
	"error[E208]: \"bind\" cannot be \"localhost:8443\": a name is for servers: write the IP address\n"
	"  --> t.yaml:7:11\n"
	"   |\n"
	" 6 |   - name: tls\n"
	" 7 |     bind: \"localhost:8443\"\n"
	"   |           ^^^^^^^^^^^^^^^^\n"
	"   = help: staunch explain listeners[].bind\n"
	"error[E301]: upstream \"ap\" is not defined (referenced by listener \"tls\")\n"
	"  --> t.yaml:8:15          note: \"app\" is defined at 13:11\n"
	"   |\n"
	" 7 |     bind: \"localhost:8443\"\n"
	" 8 |     upstream: ap\n"
	"   |               ^^ did you mean \"app\"?\n"
	"error[E201]: \"idle\" cannot be \"10\": a unit is required: ms, s, m, h or d\n"
	"  --> t.yaml:9:22\n"
	"   |\n"
	" 8 |     upstream: ap\n"
	" 9 |     timeouts: {idle: 10}\n"
	"   |                      ^^ did you mean \"10s\"?\n"
	"   = help: staunch explain listeners[].timeouts.idle\n"
	"error[E203]: \"backlog\" is 70000, more than 65535\n"
	"   --> t.yaml:10:14\n"
	"    |\n"
	"  9 |     timeouts: {idle: 10}\n"
	" 10 |     backlog: 70000\n"
	"    |              ^^^^^\n"
	"    = help: staunch explain listeners[].backlog\n"
	"error[E103]: the key \"backlog\" is written twice\n"
	"   --> t.yaml:11:5          note: the first is at 10:5\n"
	"    |\n"
	" 10 |     backlog: 70000\n"
	" 11 |     backlog: 4096\n"
	"    |     ^^^^^^^\n"
	"error[E107]: \"servers\" takes a list, not a plain value\n"
	"   --> t.yaml:14:14\n"
	"    |\n"
	" 13 |   - name: app\n"
	" 14 |     servers: \"10.0.0.1:8443\"\n"
	"    |              ^^^^^^^^^^^^^^^\n"
	"    = help: staunch explain upstreams[].servers\n"
	"8 errors - configuration NOT loaded\n";

static void eight_mistakes_one_run(void **state)
{
	struct load l = load_text(mistakes);

	(void)state;
	assert_int_equal(l.err, -NP_EINVAL);
	assert_null(l.c);
	assert_string_equal(l.report->text, report);
	load_free(&l);
}

static void examples_load_without_a_word(void **state)
{
	static const char *const names[] = {"minimal", "database", "edge", "routes", "tls", "names", "full"};
	char path[64];

	(void)state;
	for (size_t i = 0; i < array_len(names); i++) {
		struct load l;

		snprintf(path, sizeof(path), "config/examples/%s.yaml", names[i]);
		l = load_file(path);
		assert_string_equal(l.report->text, "");
		assert_int_equal(l.err, 0);
		assert_string_equal(l.c->file, path);
		load_free(&l);
	}
}

static void unreadable_files(void **state)
{
	struct load none = load_file("/no/such/file.yaml"), directory = load_file("/");
	char path[] = "/tmp/config_test.XXXXXX";
	int fd = mkstemp(path);
	struct load big;

	(void)state;
	assert_int_equal(none.err, -NP_EINVAL);
	assert_string_equal(none.report->text,
	                    "error[E401]: cannot read /no/such/file.yaml: no such file\n"
	                    "1 error - configuration NOT loaded\n");
	assert_int_equal(directory.err, -NP_EINVAL);
	assert_non_null(strstr(directory.report->text, "error[E401]: cannot read /: is a directory\n"));
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
	close(fd);
	big = load_file(path);
	unlink(path);
	assert_int_equal(big.err, -NP_EINVAL);
	assert_non_null(strstr(big.report->text, "error[E105]: "));
	load_free(&none);
	load_free(&directory);
	load_free(&big);
}

/* Relative paths start from the file's directory, wherever the process was started. */
static void relative_paths(void **state)
{
	static const char text[] = "listeners: [{name: a, bind: \":80\", upstream: app}]\n"
				   "upstreams: [{name: app, servers: [\"10.0.0.1:80\"], tls: {ca: ca.pem}}]\n";
	static const struct {
		const char *name, *path;
		bool below_cwd;
	} rows[] = {
		{"/etc/staunch/x.yaml", "/etc/staunch/ca.pem", false},
		{"/x.yaml", "/ca.pem", false},
		{"x.yaml", "/ca.pem", true},
		{"conf/x.yaml", "/conf/ca.pem", true},
		{"command line", "/ca.pem", true},
	};
	char *cwd = get_current_dir_name(), want[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct diag *d = diag_new();
		struct config *c;

		assert_int_equal(config_parse(rows[i].name, text, strlen(text), &c, d), 0);
		snprintf(want, sizeof(want), "%s%s", rows[i].below_cwd ? cwd : "", rows[i].path);
		assert_string_equal(c->upstreams[0].tls->ca, want);
		config_free(c);
		diag_free(d);
	}
	free(cwd);
}

static void warnings_load(void **state)
{
	struct load l = load_text("listeners: [{name: a, bind: \":80\", upstream: app, at_limit: wait}]\n"
	                          "upstreams: [{name: app, servers: [\"10.0.0.1:80\"]}]\n");

	(void)state;
	assert_int_equal(l.err, 0);
	assert_non_null(l.c);
	assert_int_equal(diag_count(l.d, DIAG_WARNING), 1);
	load_free(&l);
}

static void free_takes_null(void **state)
{
	(void)state;
	assert_null(config_free(NULL));
}

static void the_last_owner_frees(void **state)
{
	struct load l = load_text("listeners:\n  - {name: a, bind: \":80\", upstream: b}\n"
				  "upstreams:\n  - {name: b, servers: [\"10.0.0.1:80\"]}\n");

	(void)state;
	assert_ptr_equal(config_share(l.c), l.c);
	assert_null(config_free(l.c));
	assert_string_equal(l.c->listeners[0].name, "a"); /* under the sanitizer: it is still there */
	load_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_mistakes_one_run),
		cmocka_unit_test(examples_load_without_a_word),
		cmocka_unit_test(unreadable_files),
		cmocka_unit_test(relative_paths),
		cmocka_unit_test(warnings_load),
		cmocka_unit_test(free_takes_null),
		cmocka_unit_test(the_last_owner_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
