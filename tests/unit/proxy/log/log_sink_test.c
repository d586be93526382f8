/* log_sink: files and pipes, also those that are full, stopped or gone. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/log/log_priv.h"
#include "tests/kit/kit.h"

static char path[KIT_PATH], moved[KIT_PATH];
static char big[65536], got[2 * 65536];

static int fresh(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/access.log", kit_dir());
	snprintf(moved, sizeof(moved), "%s/access.log.1", kit_dir());
	return 0;
}

static void put(struct log_sink *s, const char *text)
{
	assert_int_equal(log_sink_write(s, text, strlen(text), KIT_MS), strlen(text));
}

static void expect_file(const char *name, const char *want)
{
	kit_file_read(name, got, sizeof(got));
	assert_string_equal(got, want);
}

static void a_file_is_created_for_owner_and_group_and_appended_to(void **state)
{
	struct log_sink s;
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	put(&s, "a\n");
	log_sink_close(&s);
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, path), 0);
	put(&s, "b\n");
	log_sink_close(&s);
	expect_file(path, "a\nb\n");
}

static void a_path_that_cannot_be_opened_says_why(void **state)
{
	struct log_sink s;

	(void)state;
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, "/no/such/directory/log"), -NP_ENOENT);
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, kit_dir()), -EISDIR);
}

static void reopen_follows_the_path(void **state)
{
	struct log_sink s;

	(void)state;
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, path), 0);
	put(&s, "a\n");
	assert_int_equal(rename(path, moved), 0);
	put(&s, "b\n");
	assert_int_equal(log_sink_reopen(&s), 1);
	put(&s, "c\n");
	log_sink_close(&s);
	expect_file(moved, "a\nb\n");
	expect_file(path, "c\n");
}

/* The half line that it has stays the beginning of what is written next. */
static void reopen_of_the_same_file_is_none(void **state)
{
	struct log_sink s;
	int fd;

	(void)state;
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, path), 0);
	put(&s, "a\nb");
	fd = s.fd;
	assert_int_equal(log_sink_reopen(&s), 0);
	assert_int_equal(s.fd, fd);
	put(&s, "c\n");
	log_sink_close(&s);
	expect_file(path, "a\nbc\n");
}

/* Who wrote before stopped in the middle of a line: what follows begins a line of its own. */
static void half_a_line_of_another_life_is_ended_first(void **state)
{
	struct log_sink s;

	(void)state;
	kit_file_write("access.log", "a\nhalf", path);
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, path), 0);
	put(&s, "b\n");
	put(&s, "c\n");
	log_sink_close(&s);
	expect_file(path, "a\nhalf\nb\nc\n");
}

static void reopen_that_fails_keeps_the_old_file(void **state)
{
	struct log_sink s;

	(void)state;
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, path), 0);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(log_sink_reopen(&s), -EISDIR);
	put(&s, "still here\n");
	log_sink_close(&s);
	expect_file(moved, "still here\n");
}

/* What does not fit leaves no half line behind: the file may be renamed, or have a second writer, before it does. */
static void a_file_without_room_keeps_whole_lines(void **state)
{
	const struct rlimit off = {RLIM_INFINITY, RLIM_INFINITY}, room = {8, RLIM_INFINITY};
	struct log_sink s;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, path), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	assert_int_equal(log_sink_write(&s, "one\ntwothree\n", 13, KIT_MS), 4);
	assert_int_equal(log_sink_write(&s, "twothree\n", 9, KIT_MS), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &off), 0);
	expect_file(path, "one\n");
	put(&s, "twothree\n");
	log_sink_close(&s);
	expect_file(path, "one\ntwothree\n");
}

struct two {
	char name; /* of this writer's lines */
	bool done;
};

#define TWO_LINES 1000

/* Numbered lines, a few at a time, until each is taken. */
static void *write_lines(void *arg)
{
	struct two *t = arg;
	struct log_sink s;
	char lines[512];

	CHECK(log_sink_open(&s, LOG_SINK_PATH, path) == 0, "the file can be opened");
	for (int i = 0; i < TWO_LINES; i += 10) {
		size_t n = 0, taken = 0;

		for (int j = i; j < i + 10; j++)
			n += (size_t)snprintf(lines + n, sizeof(lines) - n, "%c%05d.............\n", t->name, j);
		while (taken < n) {
			ssize_t rc = log_sink_write(&s, lines + taken, n - taken, KIT_MS);

			taken += rc > 0 ? (size_t)rc : 0;
		}
	}
	log_sink_close(&s);
	__atomic_store_n(&t->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_done(const struct two *t)
{
	return __atomic_load_n(&t->done, __ATOMIC_ACQUIRE);
}

/* Room for some bytes more, then for all, again and again, until both writers have ended. */
static void squeeze(const struct two *a, const struct two *b)
{
	for (unsigned i = 0; !is_done(a) || !is_done(b); i++) {
		struct rlimit room = {RLIM_INFINITY, RLIM_INFINITY};
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		room.rlim_cur = (rlim_t)st.st_size + i % 97;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
		sched_yield();
		room.rlim_cur = RLIM_INFINITY;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	}
}

/* An old log and a new one at one path, while the room runs out again and again: each line is there once, whole. */
static void two_writers_without_room_lose_nothing(void **state)
{
	struct two a = {.name = 'a'}, b = {.name = 'b'};
	static char text[2 * TWO_LINES * 20 + 1];
	int next[2] = {0, 0};
	pthread_t ta, tb;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	kit_file_write("access.log", "", path);
	assert_int_equal(pthread_create(&ta, NULL, write_lines, &a), 0);
	assert_int_equal(pthread_create(&tb, NULL, write_lines, &b), 0);
	squeeze(&a, &b);
	pthread_join(ta, NULL);
	pthread_join(tb, NULL);
	kit_file_read(path, text, sizeof(text));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		assert_int_equal(strlen(line), 19);
		assert_int_equal(strtol(line + 1, NULL, 10), next[line[0] - 'a']++);
	}
	assert_int_equal(next[0], TWO_LINES);
	assert_int_equal(next[1], TWO_LINES);
}

static void a_full_disk_is_refused_with_its_reason(void **state)
{
	struct log_sink s;

	(void)state;
	assert_int_equal(log_sink_open(&s, LOG_SINK_PATH, "/dev/full"), 0);
	assert_int_equal(log_sink_write(&s, "x\n", 2, KIT_MS), -ENOSPC);
	log_sink_close(&s);
}

/* Two logs of ours write to one FIFO after a reload, and its reader is slow: each takes turns with whole lines, however
 * little room there is, so none stands within another. */
static void two_logs_of_a_fifo_write_whole_lines(void **state)
{
	struct log_sink s[2];
	static char lines[2][3 * 4000 + 1];
	size_t done[2] = {0, 0}, n = 0, size = sizeof(lines[0]) - 1;
	int reader;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_true(fcntl(reader, F_SETPIPE_SZ, 8192) >= 8192);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_sink_open(&s[i], LOG_SINK_PATH, path), 0);
		memset(lines[i], 'a' + i, size);
		for (size_t at = 399; at < size; at += 400)
			lines[i][at] = '\n';
	}
	for (int turn = 0; done[0] < size || done[1] < size; turn ^= 1) {
		ssize_t rc = 0;

		if (done[turn] < size)
			rc = log_sink_write(&s[turn], lines[turn] + done[turn], size - done[turn], 0);
		assert_true(rc >= 0);
		done[turn] += (size_t)rc;
		rc = read(reader, got + n, 1000); /* so that now and then there is room for a part alone */
		n += rc > 0 ? (size_t)rc : 0;
	}
	for (ssize_t rc; (rc = read(reader, got + n, sizeof(got) - n)) > 0;)
		n += (size_t)rc;
	assert_int_equal(n, 2 * size);
	for (size_t at = 0; at < n; at++)
		if (got[at] != (at % 400 == 399 ? '\n' : got[at - at % 400]))
			kit_fail("byte %zu is of another line", at);
	close(reader);
	log_sink_close(&s[0]);
	log_sink_close(&s[1]);
}

/* A borrowed descriptor is a blocking pipe; what is offered to it must never block. */
static void a_stopped_reader_is_waited_for_so_long_and_no_longer(void **state)
{
	struct log_sink s = {0};
	int ends[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s.fd = ends[1];
	while ((n = log_sink_write(&s, big, sizeof(big), 1)) > 0)
		assert_in_range(n, 1, PIPE_BUF);
	assert_int_equal(n, 0);
	assert_true(read(ends[0], got, PIPE_BUF) > 0);
	assert_int_equal(log_sink_write(&s, big, sizeof(big), KIT_MS), PIPE_BUF);
	close(ends[0]);
	close(ends[1]);
}

static void a_reader_that_left_is_an_error_and_no_signal(void **state)
{
	struct log_sink s = {0};
	int ends[2];

	(void)state;
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* the writer thread blocks it */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s.fd = ends[1];
	close(ends[0]);
	assert_int_equal(log_sink_write(&s, "x\n", 2, KIT_MS), -NP_EPIPE);
	close(ends[1]);
}

static void a_shared_descriptor_gets_whole_lines(void **state)
{
	static char text[PIPE_BUF + 200];
	struct log_sink s = {0};
	int ends[2];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[PIPE_BUF - 10] = text[PIPE_BUF + 100] = '\n';
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s.fd = ends[1];
	assert_int_equal(log_sink_write(&s, text, sizeof(text), KIT_MS), PIPE_BUF - 9);
	text[PIPE_BUF - 10] = 'x'; /* no line end in reach: a piece of the line then */
	assert_int_equal(log_sink_write(&s, text, sizeof(text), KIT_MS), PIPE_BUF);
	close(ends[0]);
	close(ends[1]);
}

static void stdout_and_stderr_are_not_ours_to_close(void **state)
{
	static const struct {
		enum log_sink_kind kind;
		int fd;
	} rows[] = {{LOG_SINK_STDOUT, STDOUT_FILENO}, {LOG_SINK_STDERR, STDERR_FILENO}};
	struct log_sink s;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		assert_int_equal(log_sink_open(&s, rows[i].kind, NULL), 0);
		assert_int_equal(s.fd, rows[i].fd);
		assert_int_equal(log_sink_reopen(&s), 0);
		log_sink_close(&s);
		assert_true(fcntl(rows[i].fd, F_GETFD) >= 0);
	}
}

/* `format: json` is JSON on a terminal, too: `auto` alone looks at what the sink is. */
static void a_terminal_gets_the_form_that_was_asked_for(void **state)
{
	static const struct {
		enum log_format format;
		bool json;
	} forms[] = {{LOG_FORMAT_JSON, true}, {LOG_FORMAT_TEXT, false}, {LOG_FORMAT_AUTO, false}};
	const struct access_record rec = {.why = CLOSE_CLIENT_FIN, .listener = "web"};
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct log *l;

	(void)state;
	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	for (size_t i = 0; i < array_len(forms); i++) {
		const struct log_options o = {
			.kind = LOG_SINK_PATH, .path = ptsname(terminal), .format = forms[i].format,
		};

		assert_int_equal(log_start(&l, &o, 1), 0);
		assert_true(log_access(log_ring_of(l, 0), &rec));
		log_stop(l, KIT_MS);
		assert_true(read(terminal, got, sizeof(got)) > 0);
		assert_int_equal(got[0] == '{', forms[i].json);
	}
	close(terminal);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, kit_end)
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_created_for_owner_and_group_and_appended_to),
		TEST(a_path_that_cannot_be_opened_says_why),
		TEST(reopen_follows_the_path),
		TEST(reopen_of_the_same_file_is_none),
		TEST(half_a_line_of_another_life_is_ended_first),
		TEST(reopen_that_fails_keeps_the_old_file),
		TEST(a_file_without_room_keeps_whole_lines),
		TEST(two_writers_without_room_lose_nothing),
		TEST(a_full_disk_is_refused_with_its_reason),
		TEST(two_logs_of_a_fifo_write_whole_lines),
		TEST(a_stopped_reader_is_waited_for_so_long_and_no_longer),
		TEST(a_reader_that_left_is_an_error_and_no_signal),
		TEST(a_shared_descriptor_gets_whole_lines),
		TEST(stdout_and_stderr_are_not_ours_to_close),
		TEST(a_terminal_gets_the_form_that_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
