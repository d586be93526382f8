/* status, reload, drain: what they print, how they end, and with whom they speak at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	struct kit_peer *server;
	int port;
};

static struct world start_world(const char *more)
{
	struct world w = {.server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO})};

	w.port = kit_port(kit_ip(0));
	w.s = kit_staunch_start(controlled(w.port, kit_peer_port(w.server), more, ""));
	return w;
}

/* Runs a verb against the socket; must end with this code.   Returns  what it printed on either side. */
static const char *verb(int status, const char *words)
{
	return control_verb(status, textf("%s --socket $S", words));
}

/* The exit code is for scripts, the text for people. */
static void status_tells(void **state)
{
	struct world w = start_world("");
	int fd = served(kit_ip(0), w.port);
	const char *out = verb(0, "status");

	(void)state;
	expect_part(out, textf("process %d, serving, up ", (int)w.s->child->pid));
	expect_part(out, ", generation 1, in force since 20");
	expect_part(out, "connections 1 of ");
	expect_part(out, "workers     2, all turn");
	expect_part(verb(0, "status --limits"), "\nlimits.max_connections                1 ");
	assert_string_equal(verb(0, "status --quiet"), "");
	expect_part(verb(0, "status --json"), "{\"schema\":1,\"generation\":1,");
	end_orderly(fd);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* Good and broken files: the verb ends with what became of it. */
static void reload_waits_for_the_result(void **state)
{
	struct world w = start_world("");

	(void)state;
	assert_string_equal(verb(0, "reload"), "generation 2 is in force\n");
	kit_staunch_rewrite(w.s, "listeners: [{name: web, bind: \":80\", upsteam: app}]\nupstreams: []\n");
	expect_part(verb(78, "reload"), "error[E102]: unknown key \"upsteam\" in listener \"web\"\n");
	expect_part(verb(78, "reload"), "running generation 2 unchanged\n");
	expect_part(verb(78, "reload --json"), "\"code\":\"E102\"");
	expect_part(verb(0, "status"), "reload      refused: the configuration has errors\n");
	kit_staunch_rewrite(w.s, controlled(w.port, kit_peer_port(w.server), ", http: \"127.0.0.1:1\"", ""));
	expect_part(verb(0, "reload"), "generation 3 is in force; some of it waits for a restart\n"
				       "  control.http (at the next start)\n");
	expect_part(verb(0, "status"), "\nchanged     control.http (at the next start)\n");
	kit_staunch_wait_err(w.s, "control: socket, http, hosts and state take effect with the next start", 1);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* Whether all ended by themselves, or were cut. */
static void drain_tells_how_it_ended(void **state)
{
	struct world w = start_world("");
	int fd;

	(void)state;
	expect_part(verb(2, "drain --timeout 5"), "--timeout cannot be \"5\"");
	assert_true(kit_child_alive(w.s->child));
	expect_part(verb(0, "drain"), "every connection ended by itself");
	assert_int_equal(kit_child_wait(w.s->child), 0);
	w = start_world("");
	fd = served(kit_ip(0), w.port);
	expect_part(verb(4, "drain --delay 0s --timeout 100ms"), "some connections were cut");
	assert_int_equal(kit_child_wait(w.s->child), 4);
	close(fd);
}

/* Nobody listens: each verb says so, and where it looked. */
static void o1_no_instance(void **state)
{
	static const char *const verbs[] = {"status", "reload", "drain", "status --json"};

	(void)state;
	for (size_t i = 0; i < array_len(verbs); i++)
		expect_part(verb(1, verbs[i]), textf("no running instance at %s: nobody listens there",
						     control_socket()));
}

/* Of another user: it listens, and ends with 0 if it was sent nothing. */
static pid_t stranger_at(const char *path)
{
	pid_t pid = fork();
	char byte;
	int fd;

	if (pid != 0)
		return pid;
	if (setgid(65534) != 0 || setuid(65534) != 0)
		_exit(1);
	fd = kit_accept(kit_listen(path, &(int){0}, 1));
	_exit(kit_io_read(fd, &byte, 1) == 0 ? 0 : 2);
}

static bool is_there(void *arg)
{
	return access(arg, F_OK) == 0;
}

/* Somebody else listens at that path: not a byte is sent to him. */
static void o1_a_strangers_socket(void **state)
{
	char path[KIT_PATH];
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(kit_dir(), 0777), 0);
	snprintf(path, sizeof(path), "%s", control_socket());
	pid = stranger_at(path);
	assert_true(kit_wait(is_there, path, KIT_MS));
	expect_part(verb(77, "status"), "user 65534 listens there");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* SIGSTOP: it accepts and never answers. */
static void o1_a_stopped_instance(void **state)
{
	struct world w = start_world("");

	(void)state;
	kit_child_signal(w.s->child, SIGSTOP);
	expect_part(verb(1, "reload"), "does not answer");
	kit_child_signal(w.s->child, SIGCONT);
	assert_string_equal(control_expect(200, "GET /livez", ""), "ok\n");
	assert_int_equal(kit_file_count(w.s->child->err, "generation 2"), 0);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(status_tells, kit_end),
		cmocka_unit_test_teardown(reload_waits_for_the_result, kit_end),
		cmocka_unit_test_teardown(drain_tells_how_it_ended, kit_end),
		cmocka_unit_test_teardown(o1_no_instance, kit_end),
		cmocka_unit_test_teardown(o1_a_strangers_socket, kit_end),
		cmocka_unit_test_teardown(o1_a_stopped_instance, kit_end),
	};

	return cmocka_run_group_tests_name("flow/cli_orders", tests, NULL, NULL);
}
