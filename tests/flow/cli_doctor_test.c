/* doctor: the world is changed for real (a network namespace, a limit, a certificate, a full disk, a control group, a
 * forbidden system call, another program on disk), and it is found, with its value and what helps. What no test may
 * change is in tests/unit/proxy/cli/cli_doctor_test.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/kit/cert.h"

#define GUARD_INSTALL 102 /* as in proxy/cli/cli_doctor_feature.c */
#define PEER_PIDFD    77

/* A file with one listener and two servers; `more` is what else stands in it, `limit` its connections. */
static const char *write_file(const char *limit, const char *more)
{
	static char path[KIT_PATH];

	kit_file_write("d.yaml",
		       textf("listeners: [{name: web, bind: \"%s:%d\", upstream: app%s}]\n"
			     "upstreams: [{name: app, servers: [\"%s:1\", \"%s:2\"]}]\n"
			     "limits: {max_connections: %s}\ncontrol: {socket: off}\n",
			     kit_ip(0), kit_port(kit_ip(0)), more, kit_ip(1), kit_ip(1), limit),
		       path);
	return path;
}

/* What it found, one line a finding: "word level value | wanted". `before`: words of the shell in front of it. */
static const char *found(const char *before, const char *options)
{
	int code;

	return control_shell(&code,
			     textf("%s %s doctor --json %s | jq -r '.findings[] | "
				   "[.check, .level, .value, \"|\", .wanted // \"-\"] | join(\" \")'",
				   before, kit_binary(), options));
}

static void expect(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		kit_fail("no \"%s\" in:\n%s", part, text);
}

static void expect_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		kit_fail("\"%s\" in:\n%s", part, text);
}

/* May namespaces be made here, and is what reads JSON there? */
static void need(const char *command)
{
	int code;

	if (!kit_have("jq") || !kit_have("unshare"))
		skip();
	control_shell(&code, command);
	if (code != 0)
		skip();
}

/* ---- the machine ---- */

/* What is found in a network of its own with these settings. */
static const char *found_with(const char *settings, const char *file)
{
	return found(textf("unshare -n sh -c 'while [ \"$1\" != -- ]; do sysctl -qw \"$1\" || exit 9; shift; done; "
			   "shift; exec \"$@\"' sh %s --", settings),
		     textf("-c %s", file));
}

static void o23_settings_of_the_kernel(void **state)
{
	static const struct {
		const char *set, *well, *expected;
	} rows[] = {
		{"net.core.somaxconn=128", "net.core.somaxconn=4096", "somaxconn problem 128 | 4096\n"},
		{"net.ipv4.tcp_max_syn_backlog=100", "net.ipv4.tcp_max_syn_backlog=8192",
		 "syn_backlog note 100 | 4096\n"},
		{"net.ipv4.tcp_max_syn_backlog=100 net.ipv4.tcp_syncookies=0",
		 "net.ipv4.tcp_max_syn_backlog=8192 net.ipv4.tcp_syncookies=1", "syn_backlog problem 100 | 4096\n"},
		{"net.ipv4.ip_local_port_range='40000 40099'", "net.ipv4.ip_local_port_range='1024 65535'",
		 "ports problem 40000 40099, 100 ports for up to 500 connections | 1024 65535\n"},
		{"net.ipv4.tcp_congestion_control=reno", "net.ipv4.tcp_congestion_control=cubic",
		 "congestion note reno | cubic\n"},
	};
	const char *file = write_file("1000", "");

	(void)state;
	need("unshare -n sysctl -q net.core.somaxconn");
	for (size_t i = 0; i < array_len(rows); i++) {
		expect(found_with(rows[i].set, file), rows[i].expected);
		expect_not(found_with(rows[i].well, file), rows[i].expected);
	}
}

static void o23_descriptors(void **state)
{
	const char *file = write_file("2000", "");

	(void)state;
	need("true");
	expect(found("prlimit --nofile=500:500", textf("-c %s", file)), "nofile problem 500 | 4");
	expect_not(found("prlimit --nofile=5000:5000", textf("-c %s", file)), "nofile ");
	file = write_file("auto", "");
	expect(found("prlimit --nofile=5000:5000", textf("-c %s", file)), "nofile note 5000 | 65536\n");
	expect(found("prlimit --nofile=1024:1024", textf("-c %s", file)), "nofile problem 1024 | 65536\n");
}

static void o23_certificates(void **state)
{
	static const struct {
		int days;
		const char *expected;
	} rows[] = {
		{40, NULL},
		{29, "c.pem ends in 28 days | "},
		{3, "c.pem ends in 2 days | "},
		{-1, "c.pem has expired | "},
	};

	(void)state;
	need("true");
	for (size_t i = 0; i < array_len(rows); i++) {
		struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){
			.dns = "a.test", .from_days = -10, .to_days = rows[i].days, .to_hours = -1});
		char pem[KIT_PATH], key[KIT_PATH];
		const char *out, *file;

		kit_cert_write(c, "c.pem", pem);
		kit_cert_write_key(c, "c.key", NULL, key);
		file = write_file("1000", ", tls: {certificates: [{cert: c.pem, key: c.key}]}");
		out = found("", textf("-c %s", file));
		if (rows[i].expected == NULL)
			expect_not(out, "certificate ");
		else
			expect(out, rows[i].expected);
	}
}

static void o23_a_full_disk(void **state)
{
	const char *file = textf("%s/d.yaml", kit_dir());

	(void)state;
	need("unshare -m true");
	assert_int_equal(mkdir(textf("%s/disk", kit_dir()), 0755), 0);
	kit_file_write("d.yaml", textf("listeners: [{name: web, bind: \"%s:0\", upstream: app}]\n"
				       "upstreams: [{name: app, servers: [\"%s:1\"]}]\n"
				       "log: {access: @DIR@/disk/a.log}\n"
				       "control: {socket: off}\n", kit_ip(0), kit_ip(1)),
		       (char[KIT_PATH]){0});
	for (int kib = 500; kib <= 1000; kib += 500) {
		const char *out = found(textf("unshare -m sh -c 'mount -t tmpfs -o size=1m none %s/disk && head -c %dk "
					      "/dev/zero > %s/disk/x; exec \"$@\"' sh", kit_dir(), kib, kit_dir()),
					textf("-c %s", file));

		if (kib == 500)
			expect_not(out, "disk problem");
		else
			expect(out, "disk problem 2 % left for ");
	}
}

/* Of version 1 or 2, whichever is here. */
static void o23_control_groups(void **state)
{
	static const char make[] =
		"g=$(mktemp -u staunch-XXXXXX); c=/sys/fs/cgroup; "
		"if [ -d $c/memory ] && [ -d $c/cpu ]; then m=$c/memory/$g; p=$c/cpu/$g; mkdir $m $p || exit 9; "
		"echo 50000000 > $m/memory.limit_in_bytes && echo 100000 > $p/cpu.cfs_quota_us || exit 9; "
		"else m=$c/$g; p=$m; echo +memory +cpu > $c/cgroup.subtree_control; mkdir $m || exit 9; "
		"echo 50000000 > $m/memory.max && echo 100000 100000 > $m/cpu.max || exit 9; fi; "
		"(echo 0 > $m/cgroup.procs; echo 0 > $p/cgroup.procs; exec \"$@\"); rmdir $m; [ $p = $m ] || rmdir $p";
	const char *file = write_file("5000", "");
	const char *out;

	(void)state;
	need(textf("sh -c '%s' sh true", make));
	out = found(textf("sh -c '%s' sh", make), textf("-c %s", file));
	expect(out, "memory problem 47 MiB for up to 5000 connections | 10");
	expect_not(found("", textf("-c %s", file)), "memory problem");
	expect_not(out, "cpu ");
	control_shell_ok(textf("sed -i '1i workers: 2' %s", file));
	expect(found(textf("sh -c '%s' sh", make), textf("-c %s", file)), "cpu problem 2 | 1\n");
	expect_not(found("", textf("-c %s", file)), "cpu problem");
}

/* A call that this kernel, or a sandbox, does not know: of madvise, only with that advice. */
static void forbid(int call, int argument, unsigned value)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (unsigned)(offsetof(struct seccomp_data, args) + 8 * (size_t)argument)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = array_len(code), .filter = (struct sock_filter *)(uintptr_t)code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(9);
}

/* In a child: what is forbidden stays so. */
static const char *found_without(int call, int argument, unsigned value, const char *file)
{
	static char out[8192];
	char path[KIT_PATH];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/without.json", kit_dir());
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		setenv("STAUNCH_CONTROL", "off", 1);
		dup2(fd, STDOUT_FILENO);
		forbid(call, argument, value);
		execl(kit_binary(), kit_binary(), "doctor", "--json", "-c", file, NULL);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 9);
	kit_file_read(path, out, sizeof(out));
	return out;
}

static void o23_features_of_the_kernel(void **state)
{
	const char *file = write_file("100000", "");

	(void)state;
	need("true");
	expect(found_without(SYS_splice, 4, 1, file), "\"value\":\"no splice\"");
	expect(found_without(SYS_getsockopt, 2, PEER_PIDFD, file), "\"value\":\"no SO_PEERPIDFD (Linux 6.5)\"");
	expect(found_without(SYS_setsockopt, 2, SO_REUSEPORT, file), "\"value\":\"no SO_REUSEPORT\"");
	expect(found_without(SYS_socket, 0, AF_NETLINK, file), "\"value\":\"no NETLINK_SOCK_DIAG\"");
	expect(found_without(SYS_madvise, 2, GUARD_INSTALL, file), "\"value\":\"no MADV_GUARD_INSTALL (Linux 6.13)\"");
	expect(found_without(SYS_madvise, 2, GUARD_INSTALL, file), "{\"check\":\"maps\",\"level\":\"note\"");
	expect_not(found_without(SYS_splice, 4, 77, file), "\"value\":\"no splice\"");
}

/* ---- the process ---- */

static struct kit_staunch *start_world(int *port, int *server)
{
	struct kit_peer *peer = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});

	*port = kit_port(kit_ip(0));
	*server = kit_peer_port(peer);
	return kit_staunch_start(controlled(*port, *server, "", ""));
}

static void o23_a_changed_file(void **state)
{
	int port, server;
	struct kit_staunch *s = start_world(&port, &server);

	(void)state;
	need("true");
	expect_not(found("", "--socket $S"), "file problem");
	kit_staunch_rewrite(s, textf("%s# one line more\n", controlled(port, server, "", "")));
	expect(found("", "--socket $S"), "file problem changed since it was loaded | -\n");
	control_shell_ok(textf("%s reload --socket $S", kit_binary()));
	expect_not(found("", "--socket $S"), "file problem");
	expect(found("", textf("--socket $S -c %s", write_file("1000", ""))), "other_file note ");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* A start of a copy; then another file stands at its place, as an upgrade leaves it. */
static void o23_another_binary(void **state)
{
	const char *was = getenv("STAUNCH"), *copy = textf("%s/copy", kit_dir());
	char now[KIT_PATH];
	int port, server;
	struct kit_staunch *s;

	(void)state;
	need("true");
	snprintf(now, sizeof(now), "%s", kit_binary());
	control_shell_ok(textf("cp -L %s %s", now, copy));
	setenv("STAUNCH", copy, 1);
	s = start_world(&port, &server);
	if (was != NULL)
		setenv("STAUNCH", was, 1);
	else
		unsetenv("STAUNCH");
	expect_not(found("", "--socket $S"), "binary ");
	control_shell_ok(textf("cp -L %s %s.new && mv %s.new %s/copy", now, kit_dir(), kit_dir(), kit_dir()));
	expect(found("", "--socket $S"), "binary problem another than the one on disk | -\n");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void o23_the_control_socket(void **state)
{
	int port, server;
	struct kit_staunch *s = start_world(&port, &server);

	(void)state;
	need("true");
	expect_not(found("", "--socket $S"), "socket_");
	control_shell_ok("chmod 0666 $S");
	expect(found("", "--socket $S"), "socket_mode problem 0666 | 0660\n");
	control_shell_ok("chmod 0777 $(dirname $S)");
	expect(found("", "--socket $S"), "socket_directory problem 0777 | ");
	control_shell_ok("chmod 0755 $(dirname $S)");
	kit_child_signal(s->child, SIGKILL);
	assert_int_equal(kit_child_wait(s->child), 128 + SIGKILL);
	expect(found("STAUNCH_CONTROL=$S", textf("-c %s", s->config)), "instance problem nobody answers | an answer\n");
}

static bool acts(void *arg)
{
	(void)arg;
	return strstr(found("", "--socket $S"), "limit problem limits.max_connections acts: ") != NULL;
}

static void o23_what_the_process_says(void **state)
{
	int port, server, fd;
	struct kit_staunch *s = start_world(&port, &server);

	(void)state;
	need("true");
	expect_not(found("", "--socket $S"), "upstream_down");
	control_shell_ok(textf("%s server drain app/%s:%d --socket $S", kit_binary(), kit_ip(0), server));
	expect(found("", "--socket $S"),
	       textf("upstream_down problem upstream app has no usable server (%s:%d: an operator drains it; "
		     "back with: staunch server ready) | -\n",
		     kit_ip(0), server));
	control_shell_ok(textf("%s server ready app/%s:%d --socket $S", kit_binary(), kit_ip(0), server));
	kit_staunch_rewrite(s, "listeners: 7\n");
	control_shell_ok(textf("! %s reload --socket $S", kit_binary()));
	expect(found("", "--socket $S"), "reload_refused problem the last reload was refused: ");
	kit_staunch_rewrite(s, textf("%slimits: {max_connections: 5}\nshutdown: {timeout: 500ms}\n",
				     controlled(port, server, "", "")));
	control_shell_ok(textf("%s reload --socket $S", kit_binary()));
	for (int i = 0; i < 4; i++)
		fd = served(kit_ip(0), port);
	expect(found("", "--socket $S"), "limit_near note limits.max_connections, 4 of 5 used | -\n");
	fd = served(kit_ip(0), port);
	fd = kit_connect(kit_ip(0), port);
	if (!kit_wait(acts, NULL, KIT_MS))
		kit_fail("no limit acts: %s", found("", "--socket $S"));
	close(fd);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 4);
}

/* Who names neither a file nor a socket is told of the process at the usual one, which STAUNCH_CONTROL moves, and of
 * the file that it runs, also one that it was given from its own directory. */
static void o23_the_process_and_its_file(void **state)
{
	const char *usual = textf("STAUNCH_CONTROL=%s", control_socket()), *out;
	char path[KIT_PATH], *binary = realpath(kit_binary(), NULL);
	struct kit_child *c;
	int code;

	(void)state;
	need("true");
	assert_non_null(binary);
	kit_file_write("own.yaml", controlled(kit_port(kit_ip(0)), 1, "", ""), path);
	c = kit_child_start("run", KIT_ARGV("env", "-C", kit_dir(), binary, "run", "-c", "own.yaml"));
	free(binary);
	kit_file_wait(c->err, "ready", 1);
	out = control_shell(&code, textf("%s %s doctor --json | jq -r '.pid, .file'", usual, kit_binary()));
	expect(out, textf("%d\n/", (int)c->pid));
	expect(out, textf("%s/own.yaml\n", strrchr(kit_dir(), '/')));
	expect_not(found(usual, ""), "file problem");
	kit_file_write("own.yaml", textf("%s# one line more\n", controlled(kit_port(kit_ip(0)), 1, "", "")), path);
	expect(found(usual, ""), "file problem changed since it was loaded | -\n");
	kit_child_signal(c, SIGTERM);
	assert_int_equal(kit_child_wait(c), 0);
}

static void o23_errors_of_the_file(void **state)
{
	(void)state;
	need("true");
	expect(found("STAUNCH_CONTROL=off", textf("-c %s", write_file("many", ""))),
	       "check problem E202 in line 3: \"max_connections\" cannot be \"many\": it starts with a number | -\n");
}

/* ---- the verb ---- */

static void o23_codes_and_forms(void **state)
{
	char line[4096];
	const char *out, *file = write_file("1000", "");
	int code;
	FILE *f;

	(void)state;
	need("true");
	out = control_shell(&code, textf("STAUNCH_CONTROL=off %s doctor -c %s --json | jq -r '[.schema, .generation, "
					 ".file == \"%s\", .pid, (.passed | length > 10)] | join(\",\")'",
					 kit_binary(), file, file));
	assert_string_equal(out, "1,,true,,true\n");
	control_shell(&code, textf("STAUNCH_CONTROL=off %s doctor -c %s --json > $S.json", kit_binary(), file));
	out = control_shell_ok("jq '[.findings[] | select(.level == \"problem\")] | length' $S.json");
	assert_int_equal(code, strtol(out, NULL, 10) > 0);
	control_shell(&code, textf("STAUNCH_CONTROL=off %s doctor -c %s", kit_binary(), write_file("many", "")));
	assert_int_equal(code, 78);
	control_shell(&code, textf("%s doctor --socket $S.none -c %s", kit_binary(), write_file("1000", "")));
	assert_int_equal(code, 1);
	out = control_shell(&code, textf("STAUNCH_CONTROL=off COLUMNS=80 prlimit --nofile=100:100 %s doctor -c %s",
					 kit_binary(), file));
	assert_int_equal(code, 78);
	expect(out, "\nproblem: the descriptor limit: 100, wanted ");
	expect(out, "\n       > LimitNOFILE= in the unit, or ulimit -n ");
	f = fmemopen((char *)(uintptr_t)out, strlen(out), "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strlen(line) > 81 && strstr(line, kit_dir()) == NULL)
			kit_fail("wider than 80 columns: %s", line);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o23_settings_of_the_kernel, kit_end),
		cmocka_unit_test_teardown(o23_descriptors, kit_end),
		cmocka_unit_test_teardown(o23_certificates, kit_end),
		cmocka_unit_test_teardown(o23_a_full_disk, kit_end),
		cmocka_unit_test_teardown(o23_control_groups, kit_end),
		cmocka_unit_test_teardown(o23_features_of_the_kernel, kit_end),
		cmocka_unit_test_teardown(o23_a_changed_file, kit_end),
		cmocka_unit_test_teardown(o23_another_binary, kit_end),
		cmocka_unit_test_teardown(o23_the_control_socket, kit_end),
		cmocka_unit_test_teardown(o23_what_the_process_says, kit_end),
		cmocka_unit_test_teardown(o23_the_process_and_its_file, kit_end),
		cmocka_unit_test_teardown(o23_errors_of_the_file, kit_end),
		cmocka_unit_test_teardown(o23_codes_and_forms, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
