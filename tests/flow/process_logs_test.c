/* Logs: one record per connection, in one line, whatever happens to the file (P11, P12, F53); and signals in floods,
 * some of which rotate it (P9, F52). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

/* ---- rotation -------------------------------------------------------------------------------- */

enum { ROTATIONS = 20, PER_FILE = 15 };

static bool is_there(void *arg)
{
	return access(arg, F_OK) == 0;
}

/* As logrotate does it: rename, then the signal; connections go on meanwhile. */
static void rotation_loses_no_record(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, lines = 0;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	for (int i = 0; i < ROTATIONS; i++) {
		for (int k = 0; k < PER_FILE; k++)
			end_orderly(served(ip, port));
		assert_int_equal(rename(s->access, textf("%s.%d", s->access, i)), 0);
		kit_child_signal(s->child, i % 2 == 0 ? SIGUSR1 : SIGHUP);
		assert_true(kit_wait(is_there, s->access, KIT_MS));
	}
	ten_exchanges(ip, port);
	kit_staunch_wait_log(s, "client_fin", 10);
	back_to_normal(s, fds, ip, port);
	for (int i = 0; i < ROTATIONS; i++)
		lines += kit_file_count(textf("%s.%d", s->access, i), "\"client_fin\"");
	lines += kit_staunch_log(s, "\"client_fin\"");
	assert_int_equal(lines, ROTATIONS * PER_FILE + 20);
}

/* ---- a reader that stops --------------------------------------------------------------------- */

#define LONG_NAME "a-name-as-long-as-a-name-may-be-for-records-that-fill-the-ring"

static const char *to_log(const char *name, int port, int server)
{
	return textf("workers: 2\nlog: {access: \"@DIR@/%s\"}\n"
		     "listeners:\n  - {name: %s, bind: \"%s:%d\", upstream: %s, max_connections: 1}\n"
		     "upstreams:\n  - {name: %s, servers: [\"%s:%d\"]}\n",
		     name, LONG_NAME, kit_ip(0), port, LONG_NAME, LONG_NAME, kit_ip(0), server);
}

static const char *to_fifo(int port, int server)
{
	return to_log("fifo", port, server);
}

/* Held open for reading and for writing: so there is a reader, and never an end. */
static int open_fifo(void)
{
	char path[KIT_PATH];
	int fd;

	snprintf(path, sizeof(path), "%s/fifo", kit_dir());
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int read_lines(int fifo)
{
	char buf[16000];
	ssize_t n;
	int lines = 0;

	while ((n = read(fifo, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	return lines;
}

struct reading {
	int fifo, lines, all; /* all: records, written or dropped */
	struct kit_staunch *s;
};

static bool read_to_recovery(void *arg)
{
	struct reading *r = arg;

	r->lines += read_lines(r->fifo);
	return kit_file_count(r->s->child->err, "\"access_log_recovered\"") == 1;
}

/* The number before `words` in the process log. */
static int number_before(struct kit_staunch *s, const char *words)
{
	char text[16000], *at;

	kit_file_read(s->child->err, text, sizeof(text));
	at = strstr(text, words);
	assert_non_null(at);
	while (at > text && strchr("0123456789", at[-1]) != NULL)
		at--;
	return (int)strtol(at, NULL, 10);
}

/* What is still on its way when the log has recovered. */
static bool read_to_end(void *arg)
{
	struct reading *r = arg;

	r->lines += read_lines(r->fifo);
	return r->lines + number_before(r->s, " access records were dropped") >= r->all;
}

/* A connection that is turned away: a record, and cheap. */
static void turned_away(const char *ip, int port)
{
	int fd = kit_connect(ip, port);

	kit_expect_fin(fd);
	close(fd);
}

static void stopped_reader_stops_nobody(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd, n = 0;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct reading r = {.fifo = open_fifo()};

	(void)state;
	r.s = kit_staunch_start(to_fifo(port, kit_peer_port(echo)));
	fd = served(ip, port);
	while (n % 500 != 0 || kit_file_count(r.s->child->err, "\"access_log_dropping\"") == 0) {
		assert_in_range(++n, 0, 60000);
		turned_away(ip, port);
	}
	for (int i = 0; i < 100; i++, n++)
		turned_away(ip, port);
	still_works(fd);
	end_orderly(fd);
	r.all = ++n;
	assert_true(kit_wait(read_to_recovery, &r, KIT_MS));
	assert_true(kit_wait(read_to_end, &r, KIT_MS)); /* else the stop gives up what the pipe does not take */
	assert_int_equal(kit_staunch_stop(r.s, SIGTERM), 0);
	r.lines += read_lines(r.fifo);
	assert_int_equal(r.lines + number_before(r.s, " access records were dropped"), n);
	assert_int_equal(kit_file_count(r.s->child->err, "\"access_log_dropping\""), 1);
	close(r.fifo);
}

static void fill(int fifo)
{
	static const char page[4096];

	while (write(fifo, page, sizeof(page)) > 0)
		;
}

/* The pipe is full from the start, and the stop does not wait for ever. */
static void stop_with_a_stopped_reader(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd, fifo = open_fifo();
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;
	int64_t start;

	(void)state;
	fill(fifo);
	s = kit_staunch_start(to_fifo(port, kit_peer_port(echo)));
	fd = served(ip, port);
	for (int i = 0; i < 4; i++)
		turned_away(ip, port);
	end_orderly(fd);
	start = kit_now_ms();
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_in_range(kit_now_ms() - start, 0, 4000);
	assert_int_equal(number_before(s, " access records could not be written"), 5);
	close(fifo);
}

/* V8. A reload moves the log away from a reader that is stuck: neither it nor an order to stop waits for what the
 * old log still has to write. */
static void term_while_an_old_log_is_stuck(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd, fifo = open_fifo();
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;
	int64_t start;

	(void)state;
	fill(fifo);
	s = kit_staunch_start(to_fifo(port, kit_peer_port(echo)));
	fd = served(ip, port);
	end_orderly(fd);
	kit_staunch_rewrite(s, textf("shutdown: {timeout: 300ms}\n%s", to_log("file", port, kit_peer_port(echo))));
	start = kit_now_ms();
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "\"reloaded\"", 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_in_range(kit_now_ms() - start, 0, 1900); /* 2,000 when the reload waits */
	assert_int_equal(number_before(s, " access record could not be written"), 1);
	close(fifo);
}

/* ---- a file that may not grow ---- */

static void limit_files(pid_t pid, rlim_t bytes)
{
	struct rlimit r = {bytes, RLIM_INFINITY};

	assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &r, NULL), 0);
}

/* V13: SIGXFSZ does not end the process; the log says EFBIG once, and goes on when it may again. No record is lost. */
static void a_file_size_limit_ends_nothing(void **state)
{
	enum { BEFORE = 60, AFTER = 10 };
	const char *ip = kit_ip(0);
	int port = kit_port(ip);
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));

	(void)state;
	limit_files(s->child->pid, 8192);
	for (int i = 0; i < BEFORE; i++) {
		end_orderly(served(ip, port));
		if (i == BEFORE / 2)
			kit_staunch_wait_err(s, "EFBIG", 1);
	}
	assert_true(kit_child_alive(s->child));
	limit_files(s->child->pid, RLIM_INFINITY);
	for (int i = 0; i < AFTER; i++)
		end_orderly(served(ip, port));
	kit_staunch_wait_log(s, "\"client_fin\"", BEFORE + AFTER);
	assert_int_equal(kit_file_count(s->child->err, "EFBIG"), 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* ---- records --------------------------------------------------------------------------------- */

/* Every line is JSON of its own, with what every record has; no name is given twice; times lie between two instants.
 * V42: those of a record are of one clock, in order, and a connect takes some. */
static const char check_lines[] =
	"import json, sys\n"
	"ids = set()\n"
	"for line in open(sys.argv[1], encoding='ascii'):\n"
	"    r = json.loads(line)\n"
	"    assert r['event'] == 'connection_end', r\n"
	"    assert r['client.address'].startswith('127.') and r['client.port'] > 0, r\n"
	"    assert sys.argv[2] <= r['time'] <= sys.argv[3], (sys.argv, r)\n"
	"    assert sys.argv[2] <= r['event.start'] <= r['time'], r\n"
	"    times = [r[k] for k in ('staunch.connect_ms', 'staunch.first_byte_ms', 'staunch.duration_ms') if k in r]\n"
	"    assert times == sorted(times) and (len(times) == 1 or times[0] > 0), r\n"
	"    assert r['staunch.duration_ms'] >= 0 and r['staunch.listener'] == 'web', r\n"
	"    assert r['staunch.conn_id'] not in ids, r\n"
	"    ids.add(r['staunch.conn_id'])\n"
	"print(len(ids), 'records')\n";

static void stamp(char out[32])
{
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + strlen(out), 32 - strlen(out), ".%06uZ", (unsigned)(ts.tv_nsec / 1000) % 1000000);
}

static void lines_are_records(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	char script[KIT_PATH], from[32], to[32];
	struct kit_staunch *s;
	struct kit_child *check;

	(void)state;
	if (!kit_have("python3"))
		skip();
	stamp(from);
	s = kit_staunch_start(one_server(port, kit_peer_port(echo), ", max_connections: 2", ""));
	fds = kit_proc_fds(s->child->pid);
	for (int i = 0; i < 50; i++) {
		int fd[2] = {served(ip, port), served(ip, port)};

		turned_away(ip, port);
		end_orderly(fd[0]);
		kit_reset(fd[1]);
		kit_proc_wait_fds(s->child->pid, fds);
	}
	back_to_normal(s, fds, ip, port);
	stamp(to);
	kit_file_write("check.py", check_lines, script);
	check = kit_child_start("python3", KIT_ARGV("python3", script, s->access, from, to));
	if (kit_child_wait(check) != 0)
		kit_file_wait(check->err, "the check passes", 1); /* shows what does not */
	assert_int_equal(kit_file_count(check->out, "160 records"), 1);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"client_fin\""), 60);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"client_rst\""), 50);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"max_connections\""), 50);
}

/* ---- signals --------------------------------------------------------------------------------- */

enum { STORM_BYTES = 32 << 20, STORM_PIECE = 64 << 10 };

/* Stop and go ends every wait of every thread with EINTR; the others are caught, ignored, or rotate the log. */
static void signal_storm(void **state)
{
	static const int sigs[] = {SIGWINCH, SIGPIPE, SIGUSR1, SIGSTOP, SIGCONT};
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd;
	struct kit_peer *source =
		kit_peer_start(&(struct kit_peer_opts){.serve = KIT_SOURCE, .seed = 3, .bytes = STORM_BYTES});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(source), "", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	fd = kit_connect(ip, port);
	for (uint64_t at = 0; at < STORM_BYTES; at += STORM_PIECE) {
		for (size_t i = 0; i < array_len(sigs); i++)
			kit_child_signal(s->child, sigs[i]);
		kit_expect_stream(fd, 3, at, STORM_PIECE);
	}
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(s, "\"staunch.bytes_out\":33554432", 1);
	assert_true(kit_child_alive(s->child));
	kit_proc_wait_fds(s->child->pid, fds);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(rotation_loses_no_record, kit_end),
		cmocka_unit_test_teardown(stopped_reader_stops_nobody, kit_end),
		cmocka_unit_test_teardown(stop_with_a_stopped_reader, kit_end),
		cmocka_unit_test_teardown(term_while_an_old_log_is_stuck, kit_end),
		cmocka_unit_test_teardown(a_file_size_limit_ends_nothing, kit_end),
		cmocka_unit_test_teardown(lines_are_records, kit_end),
		cmocka_unit_test_teardown(signal_storm, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
