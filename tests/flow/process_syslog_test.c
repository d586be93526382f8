/* The process log at a syslog daemon: a socket of the test, and a real rsyslogd (O28). */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/addr.h"
#include "tests/flow/kit/service.h"

static char got[65536];
static int port;

static const char *config(const char *address, const char *facility)
{
	static char text[2048];

	if (port == 0)
		port = kit_port(kit_ip(1));
	snprintf(text, sizeof(text),
		 "log: {syslog: {address: \"%s\", facility: %s}}\n"
		 "listeners:\n  - {name: l, bind: \"%s:%d\", upstream: u}\n"
		 "upstreams:\n  - {name: u, servers: [\"%s:9\"]}\n",
		 address, facility, kit_ip(1), port, kit_ip(0));
	return text;
}

static int daemon_at(const char *text)
{
	struct np_addr a;
	int fd;

	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	fd = socket(a.u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, &a.u.sa, a.len), 0);
	return fd;
}

/* One more datagram, if there is one, behind those that came. */
static bool came(void *arg)
{
	const int *fd = arg;
	size_t n = strlen(got);
	ssize_t more = recv(*fd, got + n, sizeof(got) - n - 2, 0);

	if (more <= 0)
		return false;
	memcpy(got + n + more, "\n", 2);
	return true;
}

static void wait_for(int fd, const char *text)
{
	got[0] = '\0';
	while (strstr(got, text) == NULL)
		if (!kit_wait(came, &fd, KIT_MS))
			kit_fail("no %s in:\n%s", text, got);
}

static const char *path_of(const char *name)
{
	static char text[KIT_PATH + 16];

	snprintf(text, sizeof(text), "unix:%s/%s", kit_dir(), name);
	return text;
}

/* From the warnings of the start to the last line; another address and facility come by a reload, UDP too. */
static void o28_a_datagram_a_line(void **state)
{
	int first = daemon_at(path_of("one")), second = daemon_at(textf("%s:5141", kit_ip(2)));
	struct kit_staunch *s = kit_staunch_start(config(path_of("one"), "daemon"));
	char head[64];

	(void)state;
	wait_for(first, " ready [meta sequenceId=\"");
	snprintf(head, sizeof(head), " staunch %d ready [", s->child->pid);
	assert_non_null(strstr(got, head));
	assert_memory_equal(got, "<29>1 20", 8); /* notice of daemon */
	kit_staunch_rewrite(s, config(textf("%s:5141", kit_ip(2)), "local7"));
	kit_child_signal(s->child, SIGHUP);
	wait_for(second, " reloaded [");
	assert_memory_equal(got, "<189>1 20", 9);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	wait_for(second, " stopped [");
	assert_int_equal(kit_file_count(s->child->err, "syslog_"), 0);
	close(first);
	close(second);
}

/* No daemon: the start goes on with a warning, and once one is there stderr and the daemon are told what it missed. */
static void o28_without_a_daemon(void **state)
{
	struct kit_staunch *s = kit_staunch_start(config(path_of("none"), "daemon"));
	int fd;

	(void)state;
	kit_staunch_wait_err(s, "\"event\":\"syslog_failed\"", 1);
	fd = daemon_at(path_of("none"));
	kit_staunch_wait_err(s, "\"event\":\"syslog_recovered\"", 1);
	wait_for(fd, " is back; it missed ");
	assert_non_null(strstr(got, "<28>1 "));
	close(fd);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "\"event\":\"syslog_failed\"", 2);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_int_equal(kit_file_count(s->child->err, "\"event\":\"syslog_recovered\""), 1);
}

/* ---- rsyslogd ---- */

static struct kit_child *rsyslog_start(const char *udp)
{
	char path[KIT_PATH];
	static char text[2048];

	snprintf(text, sizeof(text),
		 "global(workDirectory=\"@DIR@\")\n"
		 "module(load=\"imuxsock\" SysSock.Use=\"off\")\nmodule(load=\"imudp\")\n"
		 "input(type=\"imuxsock\" Socket=\"@DIR@/r.sock\" UseSpecialParser=\"off\" RateLimit.Interval=\"0\")\n"
		 "input(type=\"imudp\" Address=\"%s\" Port=\"5142\")\n"
		 "template(name=\"t\" type=\"string\" string=\"%%syslogfacility-text%%|%%syslogseverity-text%%|"
		 "%%app-name%%|%%procid%%|%%msgid%%|%%structured-data%%|%%msg%%\\n\")\n"
		 "action(type=\"omfile\" file=\"@DIR@/r.out\" template=\"t\")\n",
		 udp);
	kit_file_write("rsyslog.conf", text, path);
	return kit_child_start("rsyslogd", KIT_ARGV("rsyslogd", "-n", "-iNONE", "-f", path));
}

static bool is_there(void *arg)
{
	return access(arg, F_OK) == 0;
}

/* A real daemon parses each field; killed and started again it has the line that says what it missed. */
static void o28_rsyslog_reads_it(void **state)
{
	char out[KIT_PATH], sock[KIT_PATH];
	struct kit_child *daemon;
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("rsyslogd"))
		skip();
	snprintf(out, sizeof(out), "%s/r.out", kit_dir());
	snprintf(sock, sizeof(sock), "%s/r.sock", kit_dir());
	daemon = rsyslog_start(kit_ip(3));
	assert_true(kit_wait(is_there, sock, KIT_MS));
	s = kit_staunch_start(config(path_of("r.sock"), "local3"));
	kit_file_wait(out, textf("local3|notice|staunch|%d|ready|[meta sequenceId=\"", s->child->pid), 1);
	assert_int_equal(kit_file_count(out, "\"]|ready"), 1);
	kit_child_signal(daemon, SIGKILL);
	(void)kit_child_wait(daemon);
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "\"event\":\"syslog_failed\"", 1);
	daemon = rsyslog_start(kit_ip(3));
	kit_file_wait(out, "|warning|staunch|", 1);
	kit_file_wait(out, "|syslog_recovered|", 1);
	kit_staunch_rewrite(s, config(textf("%s:5142", kit_ip(3)), "local4"));
	kit_child_signal(s->child, SIGHUP);
	kit_file_wait(out, "local4|notice|staunch|", 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	kit_file_wait(out, "|stopped|", 1);
	kit_child_signal(daemon, SIGTERM);
	(void)kit_child_wait(daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o28_a_datagram_a_line, kit_end),
		cmocka_unit_test_teardown(o28_without_a_daemon, kit_end),
		cmocka_unit_test_teardown(o28_rsyslog_reads_it, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
