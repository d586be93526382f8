/* V21, V22, V47: check finds what a start would fail with, at its place in the file, and says as
 * whom it looked; what the running instance of the same file holds is no problem. */
#include "tests/flow/kit/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/kit/cert.h"

static char out[8192], err[16384];

static int check(const char *path, const char *option)
{
	struct kit_child *c =
		kit_child_start("check", KIT_ARGV(kit_binary(), "check", path, "--color=never", option));
	int status = kit_child_wait(c);

	kit_file_read(c->out, out, sizeof(out));
	kit_file_read(c->err, err, sizeof(err));
	return status;
}

/* The file's own check, and what it must say; NULL: not a word. */
static void expect(const char *path, int status, const char *says)
{
	int got = check(path, NULL);
	bool said = says == NULL ? err[0] == '\0' : strstr(err, says) != NULL;

	if (got != status || !said)
		kit_fail("%d, not %d:\n%s%s\nis not\n%s", got, status, out, err, says != NULL ? says : "");
}

static const char *file(const char *listener, const char *more)
{
	static char path[KIT_PATH];

	kit_file_write("check.yaml",
		       textf("listeners:\n  - {name: web, upstream: app, %s}\n"
			     "upstreams:\n  - {name: app, servers: [\"192.0.2.1:1\"]}\n%s",
			     listener, more),
		       path);
	return path;
}

static void V21_a_free_machine_is_fine(void **state)
{
	const char *bind = textf("bind: [\"%s:%d\", \"unix:@DIR@/x.sock\"]", kit_ip(0), kit_port(kit_ip(0)));
	const char *path = file(bind, "");

	(void)state;
	expect(path, 0, NULL);
	assert_non_null(strstr(out, "check.yaml is valid: 1 listener on 2 addresses, "
				    "1 upstream with 1 server\nlooked as user "));
}

static void V21_port_of_another_process(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 1);
	const char *path = file(textf("bind: \"%s:%d\"", kit_ip(0), port), "");

	(void)state;
	expect(path, 78,
	       textf("error[E402]: listener \"web\" cannot listen on %s:%d: another process holds it\n",
		     kit_ip(0), port));
	assert_non_null(strstr(err, textf(", process %d, holds it\n", (int)getpid())));
	assert_non_null(strstr(err, "staunch check --offline leaves the machine out\n"));
	assert_int_equal(check(path, "--offline"), 0);
	assert_non_null(strstr(out, "ports, files and limits of this machine were not looked at\n"));
	close(listener);
}

/* The same text under another name is another instance: it could not start. */
static void V21_the_running_instance(void **state)
{
	int port = kit_port(kit_ip(0)), app;
	const char *config;
	char copy[KIT_PATH];
	struct kit_staunch *s;

	(void)state;
	app = kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
	config = textf(TWO_WORKERS "listeners:\n"
				   "  - {name: web, bind: [\"%s:%d\", \"unix:@DIR@/x.sock\"], upstream: app}\n"
				   "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		       kit_ip(0), port, kit_ip(0), app);
	s = kit_staunch_start(config);
	expect(s->config, 0, NULL);
	kit_file_write("copy.yaml", config, copy);
	expect(copy, 78, "another process holds it\n");
	assert_non_null(strstr(err, textf(", process %d, holds it\n", (int)s->child->pid)));
	assert_non_null(strstr(err, "= help: stop it, or choose another path; "));
	assert_non_null(strstr(err, "2 errors"));
	assert_int_equal(kit_staunch_log(s, "connection_end"), 0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void V21_what_a_start_would_refuse(void **state)
{
	const char *bind = textf("bind: \"%s:%d\"", kit_ip(0), kit_port(kit_ip(0)));
	char plain[KIT_PATH];

	(void)state;
	expect(file("bind: \"192.0.2.7:80\"", ""), 78,
	       "error[E402]: listener \"web\" cannot listen on 192.0.2.7:80: "
	       "no interface of this machine has this address\n"
	       "  --> ");
	kit_file_write("plain", "", plain);
	expect(file("bind: \"unix:@DIR@/plain\"", ""), 78, "plain: a file that is no socket has this name\n");
	expect(file("bind: \"unix:@DIR@/none/x\"", ""), 78, "none/x: its directory does not exist\n");
	expect(file(bind, "log: {access: \"/nowhere/access.log\"}\n"), 78,
	       "error[E404]: the access log /nowhere/access.log cannot be written: no such file\n");
	assert_non_null(strstr(err, "check.yaml:5:15          note: looked as user "));
	expect(file(bind, "limits: {max_connections: 9000000}\n"), 78,
	       "error[E403]: limits.max_connections is 9000000, but the descriptor limit allows ");
	assert_non_null(strstr(err, "= help: raise ulimit -n or LimitNOFILE, or write auto\n"));
	expect(file(bind, "log: {access: \"@DIR@/new.log\"}\n"), 0, NULL);
	assert_int_equal(access(textf("%s/new.log", kit_dir()), F_OK), -1); /* nothing is left behind */
}

/* O14: families of servers would be left out. */
static void o14_too_many_series(void **state)
{
	const char *bind = textf("bind: \"%s:%d\"", kit_ip(0), kit_port(kit_ip(0)));

	(void)state;
	expect(file(bind, "metrics: {series: 100}\n"), 0, "warning[W309]: the metrics have ");
	assert_non_null(strstr(err, "check.yaml:5:19"));
	assert_non_null(strstr(err, " series, and metrics.series allows 100: those of servers are left out in part\n"));
	assert_non_null(strstr(err, "= help: metrics.series: "));
	expect(file(bind, "metrics: {series: 400}\n"), 0, NULL);
}

static void V21_owner_of_a_socket(void **state)
{
	(void)state;
	expect(file("bind: {address: \"unix:@DIR@/x.sock\", owner: \"nobody-here\"}", ""), 78,
	       "x.sock cannot be given to nobody-here: no user of that name\n");
	expect(file("bind: {address: \"unix:@DIR@/x.sock\", mode: \"0600\", owner: \"0\"}", ""), 0, NULL);
}

/* E405's caret stands under the value that is wrong, whichever entry it is in. */
static void V22_place_of_a_file(void **state)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.dns = "a.test"});
	char path[KIT_PATH];
	const char *bind = textf("bind: \"%s:%d\"", kit_ip(0), kit_port(kit_ip(0)));

	(void)state;
	kit_cert_write(c, "a.pem", path);
	kit_cert_write_key(c, "a.key", NULL, path);
	expect(file(textf("%s,\n     tls: {certificates: [{cert: a.pem, key: a.key},\n"
			  "                          {cert: a.pem, key: none.key}]}",
			  bind),
		    ""),
	       78, "check.yaml:4:46");
	assert_non_null(strstr(err, "/none.key: no such file\n"));
	assert_non_null(strstr(err, "                                              ^^^^^^^^\n"));
	expect(file(textf("%s,\n     tls: {certificates: [{cert: a.pem, key: a.key}],\n"
			  "           groups: X25519:nonsense}",
			  bind),
		    ""),
	       78, "check.yaml:4:20");
}

/* TE3, TE5: what entries may not say of one name stands under the name, and so does what clients will not like. */
static void te3_place_of_a_name(void **state)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.dns = "a.test"});
	const char *bind = textf("bind: \"%s:%d\",\n     tls: {", kit_ip(0), kit_port(kit_ip(0)));
	char cert[KIT_PATH], path[KIT_PATH];

	(void)state;
	kit_cert_write(c, "a.pem", cert);
	kit_cert_write_key(c, "a.key", NULL, path);
	expect(file(textf("%scertificates: [\n"
			  "       {cert: a.pem, key: a.key, names: [a.test]},\n"
			  "       {cert: a.pem, key: a.key, names: a.test, min_version: \"1.3\"}]}", bind), ""),
	       78, "check.yaml:4:42");
	assert_non_null(strstr(err, textf("error[E405]: a.test: it has other settings with %s than with %s\n", cert,
					  cert)));
	expect(file(textf("%srefuse_sni: \"*.test\", certificates: [\n"
			  "       {cert: a.pem, key: a.key, names: [a.test]}]}", bind), ""),
	       78, "check.yaml:4:42");
	assert_non_null(strstr(err, "error[E405]: a.test: refuse_sni refuses it, so nobody is served by it\n"));
	expect(file(textf("%scertificates: [\n"
			  "       {cert: a.pem, key: a.key, names: [a.test, b.test]}]}", bind), ""),
	       0, "check.yaml:4:50");
	assert_non_null(strstr(err, textf("warning[W402]: b.test: %s is not made out to it, so clients that verify it "
					  "refuse it\n", cert)));
	expect(file(textf("%scertificates: [\n"
			  "       {cert: a.pem, key: a.key, names: [a.test],\n"
			  "        client_auth: {mode: optional, ca: none.pem}}]}", bind), ""),
	       78, "check.yaml:5:43");
	assert_non_null(strstr(err, "/none.pem: no such file\n"));
}

/* O37, O38, O39: what the control plane would lack. */
static void o37_o39_the_control_plane(void **state)
{
	const char *bind = textf("bind: \"%s:%d\"", kit_ip(0), kit_port(kit_ip(0)));
	const char *http = textf("http: \"%s:%d\"", kit_ip(0), kit_port(kit_ip(0)));
	int taken = 0, fd = kit_listen(kit_ip(0), &taken, 1);
	char tokens[KIT_PATH];

	(void)state;
	kit_file_write("t", "0123456789abcdef0123456789abcdef", tokens);
	assert_int_equal(chmod(tokens, 0600), 0);
	expect(file(bind, textf("control: {socket: \"@DIR@/c.sock\", %s, token_file: t}\n", http)), 0, NULL);
	assert_int_equal(chmod(tokens, 0644), 0);
	expect(file(bind, textf("control: {%s, token_file: t}\n", http)), 78, "error[E406]");
	expect(file(bind, textf("control: {http: \"%s:%d\"}\n", kit_ip(0), taken)), 78,
	       "the control plane cannot listen on ");
	expect(file(bind, "control: {socket: /nowhere/c.sock}\n"), 78, "no socket can be made at /nowhere/c.sock");
	assert_int_equal(chmod(kit_dir(), 0777), 0);
	expect(file(bind, "control: {socket: \"@DIR@/c.sock\"}\n"), 78, "others may write to the directory of ");
	assert_int_equal(chmod(kit_dir(), 0700), 0);
	close(fd);
}

/* V25: what most clients would refuse stands under the file that holds it, and a start says it too. */
static void V25_what_is_too_large_for_a_handshake(void **state)
{
	static char name[110000];
	struct kit_cert *large, *sub, *c;
	char path[KIT_PATH];
	const char *at;

	(void)state;
	memset(name, 'x', sizeof(name));
	large = kit_cert_make(&(struct kit_cert_opts){.cn = "ca", .ca = true, .raw = name, .raw_n = sizeof(name)});
	sub = kit_cert_make(&(struct kit_cert_opts){
		.cn = "sub", .ca = true, .issuer = large, .raw = name, .raw_n = sizeof(name)});
	c = kit_cert_make(&(struct kit_cert_opts){.dns = "a.test", .issuer = sub});
	kit_cert_write(c, "a.pem", path);
	kit_cert_write_key(c, "a.key", NULL, path);
	at = file(textf("bind: \"%s:%d\",\n     tls: {certificates: [{cert: a.pem, key: a.key}]}", kit_ip(0),
			kit_port(kit_ip(0))), "");
	expect(at, 0, "check.yaml:3:34");
	assert_non_null(strstr(err, "warning[W402]: "));
	assert_non_null(strstr(err, "/a.pem: its chain takes 11"));
	assert_non_null(strstr(err, " bytes of a handshake, and most peers refuse more than 102400"));
}

static void V24_what_some_servers_cannot_be_shown(void **state)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.cn = "me", .key = KIT_BRAINPOOL256});
	char path[KIT_PATH];

	(void)state;
	kit_cert_write(c, "me.pem", path);
	kit_cert_write_key(c, "me.key", NULL, path);
	expect(file(textf("bind: \"%s:%d\"", kit_ip(0), kit_port(kit_ip(0))),
		    "  - {name: b, servers: [\"192.0.2.1:2\"], tls: {ca: me.pem, cert: me.pem, key: me.key}}\n"),
	       0, "warning[W402]: ");
	assert_non_null(strstr(err, "/me.pem: servers of TLS 1.3 cannot be shown it: "));
}

/* stdout is a socket here: as a path it could not be opened. */
static void V47_stdout_by_its_path(void **state)
{
	static const char *const paths[] = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
	const char *bind = textf("bind: \"%s:%d\"", kit_ip(0), kit_port(kit_ip(0)));
	char shown[4096];

	(void)state;
	for (size_t i = 0; i < array_len(paths); i++) {
		const char *path = file(bind, textf("log: {access: \"%s\"}\n", paths[i]));
		struct kit_child *c;

		expect(path, 0, NULL);
		c = kit_child_start("show", KIT_ARGV(kit_binary(), "config", "show", "-c", path));
		assert_int_equal(kit_child_wait(c), 0);
		kit_file_read(c->out, shown, sizeof(shown));
		assert_non_null(strstr(shown, "  access: stdout "));
	}
	expect(file(bind, "log: {access: \"/dev/fd/5\"}\n"), 78,
	       "error[E207]: \"access\" cannot be \"/dev/fd/5\": "
	       "a descriptor is no file: write stdout or stderr\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(V21_a_free_machine_is_fine, kit_end),
		cmocka_unit_test_teardown(V21_port_of_another_process, kit_end),
		cmocka_unit_test_teardown(V21_the_running_instance, kit_end),
		cmocka_unit_test_teardown(V21_what_a_start_would_refuse, kit_end),
		cmocka_unit_test_teardown(o14_too_many_series, kit_end),
		cmocka_unit_test_teardown(V21_owner_of_a_socket, kit_end),
		cmocka_unit_test_teardown(V22_place_of_a_file, kit_end),
		cmocka_unit_test_teardown(te3_place_of_a_name, kit_end),
		cmocka_unit_test_teardown(o37_o39_the_control_plane, kit_end),
		cmocka_unit_test_teardown(V25_what_is_too_large_for_a_handshake, kit_end),
		cmocka_unit_test_teardown(V24_what_some_servers_cannot_be_shown, kit_end),
		cmocka_unit_test_teardown(V47_stdout_by_its_path, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
