/* What the kernel denies the process from its start on: P29, P30, P36. The kernel itself is asked, by opening files
 * that the mode allows. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/flow/kit/upgrade.h"

#define MANY    20 /* more than the 16 domains that the kernel stacks */
#define NOBODY  65534
#define LOW     80

#define BINDING_BITS "0000000000000400" /* CAP_NET_BIND_SERVICE alone */

/* Below the test's directory, which nothing in the configuration names.   Good until the next call. */
static const char *outside(const char *name)
{
	static char path[KIT_PATH];

	snprintf(path, sizeof(path), "%s/elsewhere", kit_dir());
	(void)mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/elsewhere/%s", kit_dir(), name);
	return path;
}

/* The same world, with its files in directories of their own: in/ is read, run/ and log/ are written. */
static void write_apart(struct world *w, const char *access, const char *binds, const char *more)
{
	static const char *const dirs[] = {"in", "run", "log"};

	for (size_t i = 0; i < array_len(dirs); i++)
		(void)mkdir(textf("%s/%s", kit_dir(), dirs[i]), 0755);
	kit_file_write("in/apart.yaml",
		       textf("workers: 2\nlog: {access: \"%s\"}\n"
			     "control: {socket: \"@DIR@/run/c.sock\", state: \"@DIR@/run/state.yaml\"}\n"
			     "listeners:\n  - {name: web, bind: [%s], upstream: app}\n"
			     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n%s",
			     access, binds, kit_ip(0), kit_peer_port(w->echo), more),
		       w->config);
}

static const char *log_inside(void)
{
	return textf("%s/log/access.log", kit_dir());
}

static struct world apart(const char *more)
{
	struct world w = world_of();

	write_apart(&w, log_inside(), tcp_bind(&w), more);
	return w;
}

/* By its socket, which is not where the kit's is. */
static const char *ask(int status, const char *words)
{
	return control_verb(status, textf("%s --socket %s/run/c.sock", words, kit_dir()));
}

static struct world apart_started(const char *more)
{
	struct world w = apart(more);

	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	return w;
}

static const char *status_line(pid_t pid, const char *name)
{
	int code;
	const char *line = control_shell(&code, textf("grep -w %s: /proc/%d/status", name, (int)pid));

	assert_int_equal(code, 0);
	return line;
}

static void apart_upgrade(struct world *w)
{
	pid_t old = w->pid;

	w->pid = pid_in(ask(0, "upgrade --json"));
	assert_int_equal(wait_for_end(w, old), 0);
}

/* ---- P29 ---- */

/* A link that is put in the log's place leads elsewhere: its mode allows everything, the kernel does not. */
static void p29_a_path_outside_is_denied(void **state)
{
	struct world w = apart_started("");
	const char *log = log_inside();

	(void)state;
	kit_file_wait(w.first->err, "confined by landlock (ABI ", 1);
	end_orderly(served(kit_ip(0), w.port));
	kit_file_wait(log, "client_fin", 1);
	assert_int_equal(rename(log, textf("%s.1", log)), 0);
	assert_int_equal(symlink(outside("stolen"), log), 0);
	assert_int_equal(kill(w.pid, SIGUSR1), 0);
	kit_file_wait(w.first->err, "permission denied", 1);
	assert_int_equal(access(outside("stolen"), F_OK), -1);
	assert_int_equal(unlink(log), 0);
	assert_int_equal(kill(w.pid, SIGUSR1), 0);
	kit_file_wait(w.first->err, "\"logs_reopened\"", 2);
	end_orderly(served(kit_ip(0), w.port));
	kit_file_wait(log, "client_fin", 1);
	stop(&w);
}

static void p29_a_reload_that_leads_outside_is_refused(void **state)
{
	struct world w = apart_started("");
	char cert[KIT_PATH];

	(void)state;
	write_apart(&w, outside("access.log"), tcp_bind(&w), "");
	expect_part(ask(78, "reload"),
		    textf("%s (line 2) is outside of what landlock allows this process since its start: it needs a "
			  "restart", outside("access.log")));
	expect_part(ask(78, "reload --json"), "E407");
	kit_file_write("elsewhere/cert.pem", "anything", cert);
	write_apart(&w, log_inside(), tcp_bind(&w),
		    textf("  - {name: b, servers: [\"%s:1\"], tls: {sni: b.test, ca: \"%s\"}}\n", kit_ip(0), cert));
	expect_part(ask(78, "reload"), textf("%s (line 8) is outside of what landlock allows", cert));
	write_apart(&w, log_inside(), textf("%s, \"unix:%s\"", tcp_bind(&w), outside("web.sock")), "");
	expect_part(ask(78, "reload"), "needs a restart");
	write_apart(&w, log_inside(), tcp_bind(&w), "shutdown: {timeout: 1s}\n");
	ask(0, "reload");
	end_orderly(served(kit_ip(0), w.port));
	stop(&w);
}

/* The file behind a link, and what the link says, are replaced beside each other. */
static void p29_files_are_replaced_behind_links(void **state)
{
	struct world w = apart("");
	const char *link = textf("%s/in/link.yaml", kit_dir());

	(void)state;
	(void)outside("");
	assert_int_equal(symlink("../elsewhere/one.yaml", link), 0);
	control_shell_ok(textf("cp %s %s", w.config, outside("one.yaml")));
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", link));
	control_shell_ok(textf("cp %s %s", w.config, outside("two.yaml")));
	control_shell_ok(textf("echo 'shutdown: {timeout: 1s}' >> %s", outside("two.yaml")));
	control_shell_ok(textf("ln -sf ../elsewhere/two.yaml %s", link));
	ask(0, "reload");
	control_shell_ok(textf("mv %s %s", w.config, outside("two.yaml")));
	ask(0, "reload");
	assert_int_equal(kit_file_count(w.first->err, "\"reloaded\""), 2);
	stop(&w);
}

/* What the service manager names, and a reload uses for the first time. */
static void p29_directories_of_the_service_manager(void **state)
{
	struct world w = apart("");

	(void)state;
	(void)outside("");
	setenv("LOGS_DIRECTORY", textf("/nowhere:%s/elsewhere", kit_dir()), 1);
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	unsetenv("LOGS_DIRECTORY");
	write_apart(&w, outside("access.log"), tcp_bind(&w), "");
	ask(0, "reload");
	end_orderly(served(kit_ip(0), w.port));
	kit_file_wait(outside("access.log"), "client_fin", 1);
	stop(&w);
}

static void p29_off(void **state)
{
	struct world w = apart_started("sandbox: {landlock: false}\n");

	(void)state;
	kit_file_wait(w.first->err, "confined by no landlock, no_new_privs", 1);
	write_apart(&w, outside("access.log"), tcp_bind(&w), "");
	ask(0, "reload");
	kit_file_wait(w.first->err, "sandbox: takes effect with the next start", 1);
	stop(&w);
}

/* ---- P30 ---- */

static void p30_off_unless_asked_for(void **state)
{
	struct world w = apart_started("");

	(void)state;
	expect_part(status_line(w.pid, "Seccomp"), "\t0");
	stop(&w);
}

/* Sanitizers make calls of their own. */
static struct world closed_started(void)
{
#if defined(NP_ASAN) || defined(NP_TSAN)
	skip();
#endif
	return apart_started("sandbox: {seccomp: true}\n");
}

static void p30_all_that_it_does_is_on_the_list(void **state)
{
	struct world w = closed_started();

	(void)state;
	kit_file_wait(w.first->err, "no_new_privs, seccomp, capabilities: ", 1);
	expect_part(status_line(w.pid, "Seccomp"), "\t2");
	for (int i = 0; i < 20; i++)
		end_orderly(served(kit_ip(0), w.port));
	write_apart(&w, log_inside(), textf("%s, \"unix:%s/run/web.sock\"", tcp_bind(&w), kit_dir()),
		    "sandbox: {seccomp: true}\n");
	ask(0, "reload");
	expect_part(ask(0, "status --json"), "\"seccomp\":true");
	assert_int_equal(rename(log_inside(), textf("%s.1", log_inside())), 0);
	assert_int_equal(kill(w.pid, SIGUSR1), 0);
	kit_file_wait(w.first->err, "\"logs_reopened\"", 1);
	end_orderly(served(kit_ip(0), w.port));
	kit_file_wait(log_inside(), "client_fin", 1);
	stop(&w);
}

/* For that it would have to start a program. */
static void p30_it_is_the_end_of_upgrades(void **state)
{
	static const char why[] = "sandbox.seccomp lets this process start no program: a new one takes a restart";
	struct world w = closed_started();

	(void)state;
	expect_part(ask(1, "upgrade"), why);
	assert_int_equal(kill(w.pid, SIGUSR2), 0);
	kit_file_wait(w.first->err, why, 2);
	end_orderly(served(kit_ip(0), w.port));
	write_apart(&w, log_inside(), tcp_bind(&w), "");
	ask(0, "reload");
	kit_file_wait(w.first->err, "sandbox: takes effect with the next start", 1);
	stop(&w);
}

/* The process runs under a filter, which nothing takes back, where this call fails. */
static void start_without(struct world *w, unsigned call, unsigned err)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = array_len(code), .filter = (struct sock_filter *)(uintptr_t)code};

	/* Nothing in this program has use for landlock afterwards. */
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	start_with(w, KIT_ARGV(kit_binary(), "run", "-c", w->config));
	end_orderly(served(kit_ip(0), w->port));
}

static void p36_a_kernel_that_stacks_no_more(void **state)
{
	struct world w = apart("");

	(void)state;
	start_without(&w, SYS_landlock_restrict_self, E2BIG);
	kit_file_wait(w.first->err, "no landlock (it is stacked sixteen times already)", 1);
	stop(&w);
}

/* The last tests: a filter is not taken back. */
static void p29_a_kernel_without_it(void **state)
{
	struct world w = apart("");
	int code;

	(void)state;
	start_without(&w, SYS_landlock_create_ruleset, ENOSYS);
	kit_file_wait(w.first->err, "no landlock (the kernel has none, or a filter of calls forbids it)", 1);
	expect_part(ask(0, "status"), "confined    by no landlock");
	expect_part(control_shell(&code, textf("%s doctor --json --socket %s/run/c.sock", kit_binary(), kit_dir())),
		    "{\"check\":\"sandbox\",\"level\":\"note\"");
	stop(&w);
}

/* The very last: no other filter can be had after it, and none of the names of threads. */
static void p30_a_kernel_without_filters(void **state)
{
	struct world w = apart("sandbox: {seccomp: true}\n");

	(void)state;
	start_without(&w, SYS_prctl, EPERM);
	kit_file_wait(w.first->err, ", no seccomp (the kernel has none, or a filter of calls forbids it), ", 1);
	stop(&w);
}

/* ---- P36 ---- */

/* The kernel stacks sixteen: one that was added each time would be the end of upgrades. */
static void p36_twenty_upgrades_add_no_domain(void **state)
{
	struct world w = apart_started("");

	(void)state;
	for (int i = 0; i < MANY; i++)
		apart_upgrade(&w);
	kit_file_wait(w.first->err, "confined by landlock", MANY + 1);
	assert_int_equal(kit_file_count(w.first->err, ", inherited)"), MANY);
	expect_part(ask(0, "status"), ", inherited)");
	end_orderly(served(kit_ip(0), w.port));
	stop(&w);
}

static void p36_what_is_inherited_must_be_enough(void **state)
{
	struct world w = apart_started("");

	(void)state;
	write_apart(&w, outside("access.log"), tcp_bind(&w), "");
	expect_part(ask(1, "upgrade"), textf("%s (line 2) is outside of what landlock allows the process before "
					       "this one, which this one inherits: it needs a restart",
					       outside("access.log")));
	end_orderly(served(kit_ip(0), w.port));
	write_apart(&w, log_inside(), tcp_bind(&w), "sandbox: {landlock: false}\n");
	apart_upgrade(&w);
	kit_file_wait(w.first->err, ", inherited, on until a restart)", 1);
	control_shell_ok(textf("cp %s %s", kit_binary(), outside("staunch")));
	expect_part(ask(1, textf("upgrade --binary %s", outside("staunch"))),
		    "; landlock lets this process start programs in the directory of its own program alone: anything "
		    "else needs a restart");
	end_orderly(served(kit_ip(0), w.port));
	stop(&w);
}

#define NONE    "-all"
#define BINDING "-all,+net_bind_service" /* the one capability that low ports need */

/* Another user, who may have what is `bounding`, and has what is `ambient`, as a unit gives it. */
static struct world start_as_nobody(const char *binary, const char *binds, const char *bounding, const char *ambient)
{
	struct world w = world_of();

	write_apart(&w, log_inside(), binds != NULL ? binds : tcp_bind(&w), "");
	control_shell_ok(textf("chmod 0755 %s && chown -R %d %s/run %s/log", kit_dir(), NOBODY, kit_dir(), kit_dir()));
	start_with(&w, KIT_ARGV("setpriv", textf("--reuid=%d", NOBODY), textf("--regid=%d", NOBODY), "--clear-groups",
				"--bounding-set", bounding, "--inh-caps", ambient, "--ambient-caps", ambient, binary,
				"run", "-c", w.config));
	return w;
}

/* Can another user run it? Not below the home of root. */
static bool nobody_may(void)
{
	int code = 1;

	if (geteuid() == 0)
		control_shell(&code, textf("setpriv --reuid=%d --regid=%d --clear-groups %s version", NOBODY, NOBODY,
					   kit_binary()));
	return code == 0;
}

static const char *low_port(unsigned ip)
{
	return textf("\"%s:%d\"", kit_ip(ip), LOW);
}

/* After many upgrades the process has that capability and nothing else, and binds a low port that is new. */
static void expect_low_ports(struct world *w)
{
	for (int i = 0; i < MANY; i++)
		apart_upgrade(w);
	expect_part(status_line(w->pid, "CapPrm"), BINDING_BITS);
	expect_part(status_line(w->pid, "CapAmb"), BINDING_BITS);
	expect_part(status_line(w->pid, "NoNewPrivs"), "1");
	write_apart(w, log_inside(), textf("%s, %s", low_port(1), low_port(2)), "");
	ask(0, "reload");
	end_orderly(served(kit_ip(1), LOW));
	end_orderly(served(kit_ip(2), LOW));
	stop(w);
}

static void p36_ambient_capabilities_stay(void **state)
{
	struct world w;

	(void)state;
	if (!nobody_may())
		skip();
	w = start_as_nobody(kit_binary(), low_port(1), BINDING, BINDING);
	expect_low_ports(&w);
}

/* Under no_new_privs a file gives nothing that its starter has not, and clears what is ambient. */
static void p36_file_capabilities_stay(void **state)
{
	char binary[KIT_PATH];
	struct world w;
	int code = 1;

	(void)state;
	snprintf(binary, sizeof(binary), "%s/bin/staunch", kit_dir());
	if (nobody_may())
		control_shell(&code, textf("mkdir -p %s/bin && cp %s %s && setcap cap_net_bind_service=ep %s",
					   kit_dir(), kit_binary(), binary, binary));
	if (code != 0)
		skip(); /* a file system without them */
	w = start_as_nobody(binary, low_port(1), BINDING, NONE);
	expect_low_ports(&w);
}

/* Without it the sockets that it was given work, and one that it must bind itself is the end of the attempt. */
static void p36_a_low_port_without_the_capability(void **state)
{
	struct world w;

	(void)state;
	if (!nobody_may())
		skip();
	w = start_as_nobody(kit_binary(), NULL, NONE, NONE);
	write_apart(&w, log_inside(), textf("%s, \"%s:%d\"", tcp_bind(&w), kit_ip(2), LOW), "");
	expect_part(ask(1, "upgrade"), "ended with 77");
	end_orderly(served(kit_ip(0), w.port));
	write_apart(&w, log_inside(), tcp_bind(&w), "");
	apart_upgrade(&w);
	end_orderly(served(kit_ip(0), w.port));
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p29_a_path_outside_is_denied, kit_end),
		cmocka_unit_test_teardown(p29_a_reload_that_leads_outside_is_refused, kit_end),
		cmocka_unit_test_teardown(p29_files_are_replaced_behind_links, kit_end),
		cmocka_unit_test_teardown(p29_directories_of_the_service_manager, kit_end),
		cmocka_unit_test_teardown(p29_off, kit_end),
		cmocka_unit_test_teardown(p30_off_unless_asked_for, kit_end),
		cmocka_unit_test_teardown(p30_all_that_it_does_is_on_the_list, kit_end),
		cmocka_unit_test_teardown(p30_it_is_the_end_of_upgrades, kit_end),
		cmocka_unit_test_teardown(p36_twenty_upgrades_add_no_domain, kit_end),
		cmocka_unit_test_teardown(p36_what_is_inherited_must_be_enough, kit_end),
		cmocka_unit_test_teardown(p36_ambient_capabilities_stay, kit_end),
		cmocka_unit_test_teardown(p36_file_capabilities_stay, kit_end),
		cmocka_unit_test_teardown(p36_a_low_port_without_the_capability, kit_end),
		cmocka_unit_test_teardown(p36_a_kernel_that_stacks_no_more, kit_end),
		cmocka_unit_test_teardown(p29_a_kernel_without_it, kit_end),
		cmocka_unit_test_teardown(p30_a_kernel_without_filters, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
