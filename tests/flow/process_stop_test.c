/* V8, V9: an order to stop ends the process within shutdown.timeout and half a second, in every
 * state: while signals storm, while a reload hangs on a file that is never ready, while something
 * waits, and before it is ready. */
#include <fcntl.h>

#include "tests/flow/kit/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/kit/cert.h"

#define QUICK "shutdown: {timeout: 100ms}\n"

/* timeout, and half a second; the rest is what a loaded machine may take to start and reap a
 * process. */
#define STOP_MS (100 + 500 + 900)

static void stops_in_time(struct kit_staunch *s, int status)
{
	int64_t start = kit_now_ms();

	assert_int_equal(kit_staunch_stop(s, SIGTERM), status);
	assert_in_range(kit_now_ms() - start, 0, STOP_MS);
	assert_int_equal(kit_file_count(s->child->err, "\"stopped\""), 1);
}

static const char *tls_listener(int port, const char *end)
{
	return textf(TWO_WORKERS
		"listeners:\n  - name: web\n    bind: \"%s:%d\"\n    upstream: app\n    tls:\n"
		     "      certificates: [{cert: \"@DIR@/server.pem\", key: \"@DIR@/server.key\"}]\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:1\"]}\n%s",
		     kit_ip(0), port, kit_ip(0), end);
}

static void make_certificate(void)
{
	struct kit_cert *cert = kit_cert_make(&(struct kit_cert_opts){.dns = "localhost"});
	char path[KIT_PATH];

	kit_cert_write(cert, "server.pem", path);
	kit_cert_write_key(cert, "server.key", NULL, path);
}

/* In the place of a file of the test's directory, a FIFO that nobody writes to. */
static void put_fifo(const char *name)
{
	const char *path = textf("%s/%s", kit_dir(), name), *fifo = textf("%s/fifo", kit_dir());

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(rename(fifo, path), 0);
}

/* ---- V8 ---- */

/* Far more than any queue holds: the last TERM still counts, and the HUPs are a few reloads. */
static void term_after_a_storm_of_hups(void **state)
{
	int port = kit_port(kit_ip(0));
	struct kit_staunch *s = kit_staunch_start(one_server(port, port + 1, "", QUICK));

	(void)state;
	for (int i = 0; i < 1000; i++)
		kit_child_signal(s->child, SIGHUP);
	stops_in_time(s, 0);
	assert_in_range(kit_file_count(s->child->err, "is in force"), 0, 900);
}

static bool no_hup_is_pending(void *arg)
{
	const struct kit_staunch *s = arg;
	char text[4096], path[64];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)s->child->pid);
	kit_file_read(path, text, sizeof(text));
	line = strstr(text, "ShdPnd:");
	return line != NULL && (strtoull(line + strlen("ShdPnd:"), NULL, 16) & 1) == 0;
}

/* While a reload waits for its file, 300 HUPs arrive one by one: they are one more reload, with the
 * file as it is then. */
static void hups_are_coalesced(void **state)
{
	int port = kit_port(kit_ip(0)), fd;
	const char *text = one_server(port, port + 1, "", QUICK);
	struct kit_staunch *s = kit_staunch_start(text);

	(void)state;
	unlink(s->config);
	assert_int_equal(mkfifo(s->config, 0600), 0);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "SIGHUP received", 1);
	fd = open(s->config, O_WRONLY); /* until it is opened for reading */
	assert_true(fd >= 0);
	for (int i = 0; i < 300; i++) {
		kit_child_signal(s->child, SIGHUP);
		assert_true(kit_wait(no_hup_is_pending, s, KIT_MS));
	}
	kit_staunch_rewrite(s, text);
	assert_true(dprintf(fd, "not: a config\n") > 0);
	close(fd);
	kit_staunch_wait_err(s, "\"reload_failed\"", 1);
	kit_staunch_wait_err(s, "reload refused: the configuration has errors; running generation 1 unchanged", 1);
	wait_generation(s, 2);
	kit_child_signal(s->child, SIGUSR1); /* less urgent than a HUP: none is left when it is done */
	kit_staunch_wait_err(s, "logs are reopened", 1);
	assert_int_equal(kit_file_count(s->child->err, "generation 3 is in force"), 0);
	stops_in_time(s, 0);
}

/* ---- V9 ---- */

static void refused_with_its_place(void **state)
{
	static const char *const kinds[] = {"fifo", "directory", "device"};
	int port = kit_port(kit_ip(0));

	(void)state;
	for (size_t i = 0; i < array_len(kinds); i++) {
		struct kit_staunch *s;

		make_certificate();
		unlink(textf("%s/server.key", kit_dir()));
		if (i == 0)
			put_fifo("server.key");
		if (i == 1)
			assert_int_equal(mkdir(textf("%s/server.key", kit_dir()), 0700), 0);
		if (i == 2)
			assert_int_equal(symlink("/dev/zero", textf("%s/server.key", kit_dir())), 0);
		s = kit_staunch_spawn(tls_listener(port, QUICK));
		assert_int_equal(kit_child_wait(s->child), 78);
		kit_staunch_wait_err(s, "\"code\":\"E405\"", 1);
		kit_staunch_wait_err(s, "not a regular file", 1);
		kit_staunch_wait_err(s, "\"line\":8", 1);
		if (rmdir(textf("%s/server.key", kit_dir())) != 0)
			unlink(textf("%s/server.key", kit_dir()));
	}
}

/* The file becomes a FIFO behind the back of a running process, whose poll finds it changed and
 * loads it. */
static void term_while_a_key_is_never_ready(void **state)
{
	int port = kit_port(kit_ip(0));
	struct kit_staunch *s;

	(void)state;
	make_certificate();
	s = kit_staunch_start(tls_listener(port, QUICK));
	put_fifo("server.key");
	kit_staunch_wait_err(s, "a certificate, key or list has changed", 1);
	stops_in_time(s, 0);
}

static void term_while_the_config_is_never_ready(void **state)
{
	int port = kit_port(kit_ip(0)), fds;
	struct kit_staunch *s = kit_staunch_start(one_server(port, port + 1, "", QUICK));

	(void)state;
	fds = kit_proc_threads(s->child->pid);
	unlink(s->config);
	assert_int_equal(mkfifo(s->config, 0600), 0);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "SIGHUP received", 1);
	assert_true(kit_proc_threads(s->child->pid) >= fds);
	stops_in_time(s, 0);
	assert_int_equal(kit_file_count(s->child->err, "is in force"), 0);
}

/* It is served meanwhile, and when the file is there in the end the reload is done. */
static void serves_while_a_reload_waits(void **state)
{
	const char *ip = kit_ip(0), *text;
	int port = kit_port(ip), fd;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;

	(void)state;
	text = one_server(port, kit_peer_port(echo), "", QUICK);
	s = kit_staunch_start(text);
	unlink(s->config);
	assert_int_equal(mkfifo(s->config, 0600), 0);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "SIGHUP received", 1);
	ten_exchanges(ip, port);
	fd = open(s->config, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "not: a config\n") > 0, 1);
	close(fd);
	kit_staunch_wait_err(s, "\"reload_failed\"", 1);
	ten_exchanges(ip, port);
	stops_in_time(s, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(term_after_a_storm_of_hups, kit_end),
		cmocka_unit_test_teardown(hups_are_coalesced, kit_end),
		cmocka_unit_test_teardown(refused_with_its_place, kit_end),
		cmocka_unit_test_teardown(term_while_a_key_is_never_ready, kit_end),
		cmocka_unit_test_teardown(term_while_the_config_is_never_ready, kit_end),
		cmocka_unit_test_teardown(serves_while_a_reload_waits, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
