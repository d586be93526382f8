/* The control socket's file: where it is, who may use it, what stands in its way; and descriptors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

static const char *any_config(const char *more)
{
	return controlled(kit_port(kit_ip(0)), kit_refuser(kit_ip(0)), more, "");
}

static void o37_its_mode_whatever_the_umask(void **state)
{
	static const mode_t masks[] = {022, 077, 0};

	(void)state;
	for (size_t i = 0; i < array_len(masks); i++) {
		mode_t before = umask(masks[i]);
		struct kit_staunch *s = kit_staunch_start(any_config(""));
		struct stat st;

		umask(before);
		assert_int_equal(stat(control_socket(), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0660);
		assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	}
}

static void o37_a_directory_of_others_is_refused(void **state)
{
	struct kit_staunch *s;
	char out[4096];

	(void)state;
	assert_int_equal(chmod(kit_dir(), 01777), 0);
	s = kit_staunch_spawn(any_config(""));
	assert_int_equal(kit_child_wait(s->child), 77);
	kit_file_read(s->child->err, out, sizeof(out));
	assert_non_null(strstr(out, "others may write to its directory"));
	assert_int_equal(chmod(kit_dir(), 0700), 0);
}

static void o37_a_stale_file_is_replaced(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct kit_staunch *s;

	(void)state;
	snprintf(un.sun_path, sizeof(un.sun_path), "%.100s", control_socket());
	assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	s = kit_staunch_start(any_config(""));
	assert_string_equal(control_expect(200, "GET /livez", ""), "ok\n");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void o37_of_two_instances_both_relay(void **state)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0));
	struct kit_staunch *first = kit_staunch_start(any_config("")), *second;

	(void)state;
	second = kit_staunch_start(controlled(port, kit_peer_port(server), "", ""));
	kit_staunch_wait_err(second, "\"control_off\"", 1);
	end_orderly(served(kit_ip(0), port));
	assert_int_equal(kit_staunch_stop(second, SIGTERM), 0);
	assert_string_equal(control_expect(200, "GET /livez", ""), "ok\n"); /* still the first's */
	assert_int_equal(kit_staunch_stop(first, SIGTERM), 0);
}

/* As a user for whom /run/staunch is not there to write. */
static void o37_the_users_own_place(void **state)
{
	struct kit_staunch *s;
	const char *own = textf("%s/own", kit_dir());
	struct stat st;

	(void)state;
	if (geteuid() != 0 || !kit_have("setpriv"))
		skip();
	assert_int_equal(mkdir(own, 0700), 0);
	assert_int_equal(chown(own, 65534, 65534), 0);
	s = start_by(textf("env -u STAUNCH_CONTROL XDG_RUNTIME_DIR=%s setpriv --reuid=65534 --regid=65534 "
			   "--clear-groups", own),
		     textf("workers: 1\nlog: {access: off}\nlisteners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
			   "upstreams: [{name: app, servers: [\"127.0.0.1:1\"]}]\n", kit_ip(0), kit_port(kit_ip(0))));
	assert_int_equal(stat(textf("%s/staunch.sock", own), &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_int_not_equal(stat(textf("%s/staunch.sock", own), &st), 0);
}

/* ---- descriptors ---- */

static long printed_capacity(const char *nofile, const char *control)
{
	char out[8192];
	struct kit_staunch *s = start_by(
		textf("prlimit --nofile=%s", nofile),
		textf("workers: 1\nlisteners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
		      "upstreams: [{name: app, servers: [\"127.0.0.1:1\"]}]\ncontrol: {socket: \"%s\"}\n",
		      kit_ip(0), kit_port(kit_ip(0)), control));
	const char *at;
	long n;

	kit_file_read(s->child->err, out, sizeof(out));
	at = strstr(out, "up to ");
	assert_non_null(at);
	n = strtol(at + 6, NULL, 10);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	return n;
}

static void o36_the_reserve_has_its_descriptors(void **state)
{
	const char *socket_path = control_socket();

	(void)state;
	assert_int_equal(printed_capacity("1024", "off") - printed_capacity("1024", socket_path), (32 + 16) / 2);
	assert_int_equal(printed_capacity("8192", "off") - printed_capacity("8192", socket_path), (64 + 16) / 2);
}

/* Not one descriptor more may be opened: the one that is kept back answers the probe. */
static void o36_livez_when_descriptors_have_run_out(void **state)
{
	struct kit_staunch *s;
	int code;

	(void)state;
	if (!kit_have("prlimit"))
		skip();
	s = kit_staunch_start(any_config(""));
	control_expect(200, "GET /livez", "");
	control_shell(&code, textf("prlimit --pid %d --nofile=$(ls /proc/%d/fd | sort -n | tail -1):", s->child->pid,
				   s->child->pid));
	assert_int_equal(code, 0);
	for (int i = 0; i < 5; i++)
		assert_string_equal(control_expect(200, "GET /livez", ""), "ok\n");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o37_its_mode_whatever_the_umask, kit_end),
		cmocka_unit_test_teardown(o37_a_directory_of_others_is_refused, kit_end),
		cmocka_unit_test_teardown(o37_a_stale_file_is_replaced, kit_end),
		cmocka_unit_test_teardown(o37_of_two_instances_both_relay, kit_end),
		cmocka_unit_test_teardown(o37_the_users_own_place, kit_end),
		cmocka_unit_test_teardown(o36_the_reserve_has_its_descriptors, kit_end),
		cmocka_unit_test_teardown(o36_livez_when_descriptors_have_run_out, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_socket", tests, NULL, NULL);
}
