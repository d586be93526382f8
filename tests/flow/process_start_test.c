/* Starting: P1. What the machine does not grant ends the start with the exit code sysexits.h has for it and a line that
 * names the place; N17: files of Unix sockets are made, replaced, and removed by their owner alone. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

#define AS_NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups"

/* It ended with this status, said this, and never was ready. */
static void failed_start(struct kit_staunch *s, int status, const char *said)
{
	assert_int_equal(kit_child_wait(s->child), status);
	kit_staunch_wait_err(s, said, 1);
	assert_int_equal(kit_file_count(s->child->err, "\"ready\""), 0);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void port_of_another_process(void **state)
{
	const char *ip = kit_ip(0);
	int port = 0, held = kit_listen(ip, &port, 1), on = 1;
	struct kit_staunch *s;

	(void)state;
	/* Whether it would share or not: nobody shares unasked. */
	for (int round = 0; round < 2; round++) {
		s = kit_staunch_spawn(one_server(port, 1, "", ""));
		failed_start(s, 69,
			     textf("listener \\\"web\\\" cannot bind %s:%d (line 4): address in use", ip, port));
		setsockopt(held, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	}
	close(held);
}

/* SO_REUSEPORT among its own workers must not let a second staunch in to steal half of the connections. */
static void port_of_another_staunch(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *first = kit_staunch_start(one_server(port, kit_peer_port(echo), "", "")), *second;

	(void)state;
	fds = kit_proc_fds(first->child->pid);
	second = kit_staunch_spawn(one_server(port, 1, "", ""));
	failed_start(second, 69, textf("listener \\\"web\\\" cannot bind %s:%d (line 4)", ip, port));
	back_to_normal(first, fds, ip, port);
}

static void address_of_another_host(void **state)
{
	const char *text = textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"192.0.2.1:80\", upstream: app}\n"
					     "upstreams:\n  - {name: app, servers: [\"%s:1\"]}\n", kit_ip(0));

	(void)state;
	failed_start(kit_staunch_spawn(text), 69, "cannot bind 192.0.2.1:80 (line 4)");
}

static int first_free_port(void)
{
	char text[32];

	kit_file_read("/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof(text));
	return (int)strtol(text, NULL, 10);
}

/* The last of three addresses cannot be had: the first two are not kept either. */
static void privileged_port(void **state)
{
	const char *ip = kit_ip(0), *text;
	int port = kit_port(ip);
	struct kit_staunch *s;

	(void)state;
	if (first_free_port() <= 81 || (geteuid() == 0 && !kit_have("setpriv")))
		skip();
	text = textf("listeners:\n"
		     "  - {name: web, bind: [\"%s:%d\", \"unix:@DIR@/web.sock\", \"%s:81\"], upstream: app}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:1\"]}\n",
		     ip, port, ip, ip);
	s = geteuid() == 0 ? spawn_by(AS_NOBODY, text) : kit_staunch_spawn(text);
	chmod(kit_dir(), 0777);
	failed_start(s, 77, textf("cannot bind %s:81 (line 2)", ip));
	kit_staunch_wait_err(s, "a port below 1024 needs CAP_NET_BIND_SERVICE", 1);
	assert_int_not_equal(access(textf("%s/web.sock", kit_dir()), F_OK), 0);
	close(kit_listen(ip, &port, 1));
}

/* ---- files ----------------------------------------------------------------------------------- */

static void unreadable_config(void **state)
{
	struct kit_staunch *s;

	(void)state;
	if (geteuid() != 0 || !kit_have("setpriv"))
		skip();
	s = spawn_by("false", "");
	assert_int_equal(kit_child_wait(s->child), 1);
	assert_int_equal(chmod(s->config, 0), 0);
	s->child = kit_child_start("staunch", KIT_ARGV("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
						       kit_binary(), "run", "-c", s->config));
	assert_int_equal(kit_child_wait(s->child), 78);
	kit_staunch_wait_err(s, "\"code\":\"E401\"", 1);
	kit_staunch_wait_err(s, s->config, 1);
}

static void access_log_cannot_be_had(void **state)
{
	static const char *const paths[] = {"/no/such/directory/access.log", "/proc/access.log", "/dev"};
	int port = kit_port(kit_ip(0));

	(void)state;
	for (size_t i = 0; i < array_len(paths); i++) {
		const char *rest = strchr(one_server(port, 1, "", ""), '\n') + 1;
		const char *text = textf("log: {access: \"%s\"}\n%s", paths[i], strchr(rest, '\n') + 1);
		struct kit_staunch *s = kit_staunch_spawn(text);

		failed_start(s, 1, textf("E404: access log %s: ", paths[i]));
		close(kit_listen(kit_ip(0), &port, 1));
	}
}

static void invalid_config(void **state)
{
	struct kit_staunch *s = kit_staunch_spawn(one_server(kit_port(kit_ip(0)), 1, ", max_conections: 3", ""));

	(void)state;
	failed_start(s, 78, "\"code\":\"E102\"");
	kit_staunch_wait_err(s, "staunch0.yaml\",\"line\":4,", 1);
}

/* What the kernel would cut without a word, and what a reload does not change. */
static void backlog_is_spoken_of(void **state)
{
	char text[32];
	int port = kit_port(kit_ip(0));
	struct kit_staunch *s;
	long most;

	(void)state;
	kit_file_read("/proc/sys/net/core/somaxconn", text, sizeof(text));
	most = strtol(text, NULL, 10);
	if (most >= 65535)
		skip();
	s = kit_staunch_start(one_server(port, 1, ", backlog: 65535", ""));
	kit_staunch_wait_err(s, textf("net.core.somaxconn cuts a backlog of 65535 to %ld", most), 1);
	kit_staunch_rewrite(s, one_server(port, 1, ", backlog: 100", ""));
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "its backlog stays 65535 until the next start", 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

static const char *at_path(const char *binds, int server)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: [%s], upstream: app}\n"
				 "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     binds, kit_ip(0), server);
}

static bool is_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void unix_socket_file(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *one = "\"unix:@DIR@/one.sock\"", *both = "\"unix:@DIR@/one.sock\", \"unix:@DIR@/two.sock\"";
	struct kit_staunch *s = kit_staunch_start(at_path(both, kit_peer_port(echo)));
	char paths[2][KIT_PATH];
	int fds, fd;

	(void)state;
	snprintf(paths[0], KIT_PATH, "%s/one.sock", kit_dir());
	snprintf(paths[1], KIT_PATH, "%s/two.sock", kit_dir());
	assert_true(is_socket(paths[0]) && is_socket(paths[1]));
	fd = served(paths[1], 0);
	generation_from(s, 2, at_path(one, kit_peer_port(echo)));
	assert_true(is_socket(paths[0]));
	assert_false(is_socket(paths[1]));
	still_works(fd);
	end_orderly(fd);
	kit_staunch_wait_log(s, "client_fin", 1);
	fds = kit_proc_fds(s->child->pid);
	generation_from(s, 3, at_path(both, kit_peer_port(echo)));
	end_orderly(served(paths[1], 0));
	generation_from(s, 4, at_path(one, kit_peer_port(echo)));
	back_to_normal(s, fds, paths[0], 0);
	assert_false(is_socket(paths[0]));
}

/* The process that made it was killed: nobody listens, so the file is in nobody's way. */
static void stale_file_is_replaced(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *text = at_path("\"unix:@DIR@/web.sock\"", kit_peer_port(echo));
	struct kit_staunch *s = kit_staunch_start(text);
	char path[KIT_PATH];

	(void)state;
	snprintf(path, sizeof(path), "%s/web.sock", kit_dir());
	assert_int_equal(kit_staunch_stop(s, SIGKILL), 128 + SIGKILL);
	assert_true(is_socket(path));
	s = kit_staunch_start(text);
	back_to_normal(s, kit_proc_fds(s->child->pid), path, 0);
	assert_false(is_socket(path));
}

static void living_listener_keeps_its_file(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *text = at_path("\"unix:@DIR@/web.sock\"", kit_peer_port(echo));
	struct kit_staunch *first = kit_staunch_start(text);
	char path[KIT_PATH];

	(void)state;
	snprintf(path, sizeof(path), "%s/web.sock", kit_dir());
	failed_start(kit_staunch_spawn(text), 69, "cannot bind unix:");
	assert_true(is_socket(path));
	back_to_normal(first, kit_proc_fds(first->child->pid), path, 0);
}

static void other_files_are_not_touched(void **state)
{
	char path[KIT_PATH], text[16];

	(void)state;
	kit_file_write("web.sock", "precious", path);
	failed_start(kit_staunch_spawn(at_path("\"unix:@DIR@/web.sock\"", 1)), 69, "cannot bind unix:");
	kit_file_read(path, text, sizeof(text));
	assert_string_equal(text, "precious");
}

/* The file was replaced while we ran: it is not ours to remove. */
static void file_of_a_successor_stays(void **state)
{
	struct kit_staunch *s = kit_staunch_start(at_path("\"unix:@DIR@/web.sock\"", 1));
	char path[KIT_PATH];
	int any = 0, successor;

	(void)state;
	snprintf(path, sizeof(path), "%s/web.sock", kit_dir());
	assert_int_equal(unlink(path), 0);
	successor = kit_listen(path, &any, 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_true(is_socket(path));
	close(kit_connect(path, 0));
	close(successor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(port_of_another_process, kit_end),
		cmocka_unit_test_teardown(port_of_another_staunch, kit_end),
		cmocka_unit_test_teardown(address_of_another_host, kit_end),
		cmocka_unit_test_teardown(privileged_port, kit_end),
		cmocka_unit_test_teardown(unreadable_config, kit_end),
		cmocka_unit_test_teardown(access_log_cannot_be_had, kit_end),
		cmocka_unit_test_teardown(invalid_config, kit_end),
		cmocka_unit_test_teardown(backlog_is_spoken_of, kit_end),
		cmocka_unit_test_teardown(unix_socket_file, kit_end),
		cmocka_unit_test_teardown(stale_file_is_replaced, kit_end),
		cmocka_unit_test_teardown(living_listener_keeps_its_file, kit_end),
		cmocka_unit_test_teardown(other_files_are_not_touched, kit_end),
		cmocka_unit_test_teardown(file_of_a_successor_stays, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
