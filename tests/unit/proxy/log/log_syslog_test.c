/* log_syslog: the datagram of a line, byte by byte (RFC 5424), and a daemon that goes, hangs and comes back (O28). */
#include "proxy/log/log_syslog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/kit.h"

#define S LOG_SYSLOG_RETRY /* a second */

static char got[LOG_SYSLOG_LINE + 1];
static struct log_syslog *sys;

static struct log_note note_of(const char *msg)
{
	struct log_note n = {.time = INT64_C(1767323045000006000), .event = "e", .level = LVL_ERROR, .n = strlen(msg)};

	snprintf(n.msg, sizeof(n.msg), "%s", msg);
	return n;
}

/* The line without what every line has in front. */
static const char *line_of(const struct log_note *n)
{
	static char room[LOG_SYSLOG_LINE + 1];
	struct text t;
	char front[128];
	int len = snprintf(front, sizeof(front),
			   "<187>1 2026-01-02T03:04:05.000006Z h staunch %d e [meta sequenceId=\"9\"] ", getpid());

	text_init(&t, room, sizeof(room) - 1);
	log_syslog_line(&t, n, 23, "h", 9);
	assert_false(t.cut);
	room[t.n] = '\0';
	assert_memory_equal(room, front, (size_t)len);
	return room + len;
}

static void says(const char *msg, const char *want)
{
	struct log_note n = note_of(msg);

	assert_string_equal(line_of(&n), want);
}

static void o28_a_line(void **state)
{
	struct log_note n = note_of("a \"b\" \\ c");

	(void)state;
	says("a \"b\" \\ c", "a \"b\" \\ c"); /* nothing but the end closes MSG */
	says("sch\xc3\xb6n", "\xef\xbb\xbfsch\xc3\xb6n");
	says("a\nb\x1b\x7f", "a\\x0ab\\x1b\\x7f");
	says("\xff\xc3", "\xef\xbb\xbf\\xff\\xc3");
	says("\xe2\x80\xae", "\xef\xbb\xbf\\xe2\\x80\\xae"); /* U+202E turns text around */
	n.suppressed = 3;
	n.missed = 1;
	assert_string_equal(line_of(&n), "a \"b\" \\ c (3 more like it suppressed) (1 earlier line missed)");
	n = note_of("x");
	n.problems = (char[]){"{\"a\":1}"};
	assert_string_equal(line_of(&n), "x [{\"a\":1}]");
}

static void o28_severity_and_facility(void **state)
{
	static const char *const begins[] = {"<27>", "<28>", "<29>", "<30>", "<31>"};
	struct log_note n = note_of("x");
	struct text t;

	(void)state;
	for (unsigned level = LVL_ERROR; level < LVL_LEVELS; level++) {
		n.level = level;
		text_init(&t, got, sizeof(got));
		log_syslog_line(&t, &n, 3, "-", 1);
		assert_memory_equal(got, begins[level], 4);
	}
}

/* A message that the note holds in part ends with a whole character. What has more than 1 KiB is whole. */
static void o28_long_lines(void **state)
{
	static char problems[LOG_PROBLEMS_MAX + 1], want[LOG_MSG_MAX + 32];
	struct log_note n = note_of("");

	(void)state;
	for (size_t i = 0; i < LOG_MSG_MAX; i++)
		n.msg[i] = "x\xc3\xb6"[i == 0 ? 0 : 1 + (i + 1) % 2];
	n.n = 2000;
	snprintf(want, sizeof(want), "\xef\xbb\xbf%.511s" TEXT_TRUNCATED, n.msg);
	assert_string_equal(line_of(&n), want);
	n = note_of("x");
	memset(problems, '\1', LOG_PROBLEMS_MAX);
	n.problems = problems;
	assert_int_equal(strlen(line_of(&n)), 1 + 3 + 4 * LOG_PROBLEMS_MAX);
	assert_int_equal(log_syslog_cut("a\xc3\xb6", 3, 2), 1);
	assert_int_equal(log_syslog_cut("a\xc3\xb6", 3, 3), 3);
	assert_int_equal(log_syslog_cut("ab", 2, 1), 1);
}

/* ---- a daemon ---- */

static int fresh(void **state)
{
	(void)state;
	sys = calloc(1, sizeof(*sys));
	assert_non_null(sys);
	pthread_mutex_init(&sys->lock, NULL);
	sys->fd = -1;
	return 0;
}

static int gone(void **state)
{
	if (sys->fd >= 0)
		close(sys->fd);
	free(sys);
	return kit_end(state);
}

static struct np_addr at_path(void)
{
	struct np_addr a;
	char text[KIT_PATH + 16];

	snprintf(text, sizeof(text), "unix:%s/log", kit_dir());
	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	return a;
}

static int daemon_at(const struct np_addr *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (np_addr_is_unix(a))
		unlink(a->u.un.sun_path);
	assert_int_equal(bind(fd, &a->u.sa, a->len), 0);
	return fd;
}

static void sent_to(const struct np_addr *a)
{
	log_syslog_set(sys, &(struct log_syslog_to){.addr = *a, .facility = 3});
}

/* Sends "x", and what that leads to. */
static struct log_note *send_x(int64_t now)
{
	struct log_note n = note_of("x");

	return log_syslog_send(sys, &n, now, 0);
}

static ssize_t received(int fd)
{
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	got[n > 0 ? n : 0] = '\0';
	return n;
}

static void tells(const struct log_note *told, const char *event, const char *end)
{
	assert_non_null(told);
	assert_string_equal(told->event, event);
	assert_non_null(strstr(told->msg, end));
}

static void o28_a_daemon_goes_and_comes_back(void **state)
{
	struct np_addr a = at_path();
	int fd;

	(void)state;
	assert_null(send_x(0)); /* off */
	sent_to(&a);
	tells(log_syslog_turn(sys, 0), "syslog_failed", "no such file; it is tried again each second");
	assert_true(log_syslog_waits(sys));
	assert_null(send_x(S / 2));
	assert_null(send_x(S)); /* tried, in vain: not told again */
	fd = daemon_at(&a);
	assert_null(send_x(2 * S - 1)); /* not tried */
	tells(log_syslog_turn(sys, 2 * S), "syslog_recovered", "is back; it missed 3 lines");
	assert_false(log_syslog_waits(sys));
	assert_null(send_x(2 * S));
	assert_true(received(fd) > 0);
	assert_non_null(strstr(got, " e [meta sequenceId=\"4\"] x"));
	assert_int_equal(received(fd), -1);
	close(fd);
	tells(send_x(3 * S), "syslog_failed", "connection refused");
	fd = daemon_at(&a);
	tells(send_x(4 * S), "syslog_recovered", "it missed 1 line"); /* a line finds it back, too */
	assert_true(received(fd) > 0);
	close(fd);
}

/* A daemon that is started anew has another socket: no line is lost. */
static void o28_a_restart_costs_nothing(void **state)
{
	struct np_addr a = at_path();
	int fd = daemon_at(&a);

	(void)state;
	sent_to(&a);
	assert_null(log_syslog_turn(sys, 0));
	close(fd);
	fd = daemon_at(&a);
	assert_null(send_x(0));
	assert_true(received(fd) > 0);
	close(fd);
}

/* From other sockets, until the daemon's queue is full for everybody: where net.unix.max_dgram_qlen is large, the
 * sender's own buffer is full before.   Returns  how many datagrams that took. */
static int fill_queue(const struct np_addr *a)
{
	int n = 0, before = -1;

	while (n != before) {
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		assert_true(fd >= 0);
		before = n;
		while (sendto(fd, "x", 1, MSG_DONTWAIT, &a->u.sa, a->len) == 1)
			n++;
		close(fd);
	}
	return n;
}

/* One that reads nothing: its socket can be connected, and is not back before there is room. */
static void o28_a_daemon_that_hangs(void **state)
{
	struct np_addr a = at_path();
	int fd = daemon_at(&a), lines = 0;
	struct log_note *told = NULL;

	(void)state;
	sent_to(&a);
	assert_null(log_syslog_turn(sys, 0));
	while (told == NULL && lines++ < 100000)
		told = send_x(0);
	tells(told, "syslog_failed", "it takes nothing");
	lines += fill_queue(&a);
	assert_null(log_syslog_turn(sys, S));
	assert_null(log_syslog_turn(sys, 2 * S));
	for (int i = 1; i < lines; i++)
		assert_true(received(fd) > 0);
	assert_int_equal(received(fd), -1);
	tells(log_syslog_turn(sys, 3 * S), "syslog_recovered", "it missed 1 line");
	close(fd);
}

/* Over UDP a refusal comes late: no daemon counts as back before a second without one. */
static void o28_udp(void **state)
{
	struct np_addr a;
	char text[64];
	int fd;

	(void)state;
	snprintf(text, sizeof(text), "%s:5140", kit_ip(7));
	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	sent_to(&a);
	assert_null(log_syslog_turn(sys, 0));
	assert_null(send_x(0));
	tells(send_x(0), "syslog_failed", "connection refused"); /* of the first; both are lost */
	assert_null(send_x(S)); /* the trial, refused */
	assert_null(log_syslog_turn(sys, 2 * S));
	fd = daemon_at(&a);
	assert_null(send_x(3 * S));
	assert_null(log_syslog_turn(sys, 4 * S - 1));
	tells(log_syslog_turn(sys, 4 * S), "syslog_recovered", "it missed 3 lines");
	assert_true(received(fd) > 0);
	close(fd);
}

static void o28_more_than_a_datagram_is_cut(void **state)
{
	static char problems[LOG_PROBLEMS_MAX + 1];
	struct np_addr a = at_path();
	int fd = daemon_at(&a), least = 1;
	struct log_note n = note_of("x");

	(void)state;
	sent_to(&a);
	assert_null(log_syslog_turn(sys, 0));
	memset(problems, '\1', LOG_PROBLEMS_MAX);
	n.problems = problems;
	assert_null(log_syslog_send(sys, &n, 0, 0));
	assert_true(received(fd) > 4 * LOG_PROBLEMS_MAX);
	assert_int_equal(setsockopt(sys->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	assert_null(log_syslog_send(sys, &n, 0, 0));
	assert_int_equal(received(fd), LOG_SYSLOG_SHORT);
	close(fd);
}

/* Another address takes over, with the count of the one before; off closes the socket. */
static void o28_another_address(void **state)
{
	struct np_addr a = at_path(), none = {0};
	int fd;

	(void)state;
	sent_to(&a);
	assert_non_null(log_syslog_turn(sys, 0));
	assert_null(send_x(0));
	assert_int_equal(np_addr_parse(&a, "unix:@staunch-syslog-test", NULL), 0);
	fd = daemon_at(&a);
	sent_to(&a);
	assert_true(log_syslog_changed(sys));
	tells(log_syslog_turn(sys, 0), "syslog_recovered", "it missed 1 line");
	assert_false(log_syslog_changed(sys));
	sent_to(&a); /* the same */
	assert_false(log_syslog_changed(sys));
	assert_null(send_x(0));
	assert_true(received(fd) > 0);
	sent_to(&none);
	assert_null(log_syslog_turn(sys, 0));
	assert_int_equal(sys->fd, -1);
	assert_null(send_x(0));
	assert_int_equal(received(fd), -1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o28_a_line),
		cmocka_unit_test(o28_severity_and_facility),
		cmocka_unit_test(o28_long_lines),
		cmocka_unit_test_setup_teardown(o28_a_daemon_goes_and_comes_back, fresh, gone),
		cmocka_unit_test_setup_teardown(o28_a_restart_costs_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(o28_a_daemon_that_hangs, fresh, gone),
		cmocka_unit_test_setup_teardown(o28_udp, fresh, gone),
		cmocka_unit_test_setup_teardown(o28_more_than_a_datagram_is_cut, fresh, gone),
		cmocka_unit_test_setup_teardown(o28_another_address, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
