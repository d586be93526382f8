/* log_writer: the whole way of access records, from several threads to a file or a pipe. The measure of every test is
 * the same: each record is written exactly once, whole, or counted as dropped or lost. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "proxy/log/log_priv.h"
#include "tests/kit/kit.h"
#include "tests/unit/proxy/log/log_read.h"
#include "tests/unit/proxy/log/stuck_tty.h"

#define ROTATIONS 20

static char path[KIT_PATH], errors[KIT_PATH];
static int error_fd = -1;

/* The process log goes to a file of its own, to be looked into. */
static int fresh(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/access.log", kit_dir());
	snprintf(errors, sizeof(errors), "%s/errors", kit_dir());
	error_fd = open(errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	log_init(LVL_NOTICE, LOG_FORMAT_JSON, error_fd);
	return error_fd < 0;
}

static int gone(void **state)
{
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, STDERR_FILENO);
	close(error_fd);
	return kit_end(state);
}

static struct log *start(size_t ring_size, unsigned nrings)
{
	const struct log_options o = {
		.kind = LOG_SINK_PATH, .path = path, .format = LOG_FORMAT_JSON, .ring_size = ring_size,
	};
	struct log *l;

	assert_int_equal(log_start(&l, &o, nrings), 0);
	return l;
}

static bool put(struct log_ring *r, uint64_t worker, uint64_t seq)
{
	const struct access_record rec = {
		.why = CLOSE_CLIENT_FIN, .bytes_in = worker, .bytes_out = seq, .listener = "web",
	};

	return log_access(r, &rec);
}

struct work {
	struct log_ring *ring;
	uint64_t worker;
};

/* A worker that would rather wait than lose a record: only this test's, to count them all. */
static void *worker_main(void *arg)
{
	const struct work *w = arg;

	for (uint64_t seq = 0; seq < EACH;) {
		if (put(w->ring, w->worker, seq))
			seq++;
		else
			sched_yield();
	}
	return NULL;
}

static bool is_there(void *arg)
{
	(void)arg;
	return access(path, F_OK) == 0;
}

static unsigned char seen[2][EACH];

static void expect_all_seen(void)
{
	for (size_t w = 0; w < 2; w++)
		for (size_t i = 0; i < EACH; i++)
			assert_int_equal(seen[w][i], 1);
}

/* Two workers at full speed, the file renamed under them again and again: nothing lost, doubled or torn. */
static void rotation_under_traffic_loses_nothing(void **state)
{
	struct log *l = start(16384, 2);
	struct work work[2];
	pthread_t threads[2];
	char old[KIT_PATH + 16];

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 2; i++) {
		work[i] = (struct work){log_ring_of(l, i), i};
		assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &work[i]), 0);
	}
	for (int i = 0; i < ROTATIONS; i++) {
		snprintf(old, sizeof(old), "%s.%d", path, i);
		assert_int_equal(rename(path, old), 0);
		log_reopen(l);
		assert_true(kit_wait(is_there, NULL, KIT_MS));
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_null(log_stop(l, KIT_MS));
	for (int i = 0; i < ROTATIONS; i++) {
		snprintf(old, sizeof(old), "%s.%d", path, i);
		collect(old, seen);
	}
	collect(path, seen);
	expect_all_seen();
}

static void a_single_record_is_written_soon(void **state)
{
	struct log *l = start(0, 1);

	(void)state;
	assert_true(put(log_ring_of(l, 0), 0, 1));
	kit_file_wait(path, "\"staunch.bytes_out\":1,", 1);
	assert_true(put(log_ring_of(l, 0), 0, 2)); /* and again after the writer has gone back to sleep */
	kit_file_wait(path, "\"staunch.bytes_out\":2,", 1);
	assert_null(log_stop(l, KIT_MS));
}

static void stop_writes_what_is_there(void **state)
{
	struct log *l = start(0, 1);

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(put(log_ring_of(l, 0), 0, i));
	assert_null(log_stop(l, KIT_MS));
	assert_int_equal(kit_file_count(path, "\"staunch.bytes_in\":0,"), 1000);
	assert_int_equal(kit_file_count(errors, ""), 0);
}

static void stop_without_a_record_is_at_once(void **state)
{
	int64_t before = kit_now_ms();

	(void)state;
	assert_null(log_stop(start(0, 3), KIT_MS));
	assert_true(kit_now_ms() - before < KIT_MS);
	assert_int_equal(kit_file_read(path, got, sizeof(got)), 0);
}

/* --- sinks that take nothing --- */

/* A FIFO that holds little, so that it is full at once. */
static int open_fifo(void)
{
	int reader;

	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_int_equal(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
	return reader;
}

/* The number that the message of the last event of this name begins with. */
static uint64_t reported(const char *event)
{
	const char *at, *last = NULL;

	kit_file_read(errors, got, sizeof(got));
	for (at = got; (at = strstr(at, event)) != NULL; at++)
		last = at;
	assert_non_null(last);
	return number_after(last, "\"message\":\"");
}

/* The reader never reads. The worker is through at once, the stop keeps its bound, and the books balance. */
static void a_stopped_reader_blocks_no_worker_and_no_stop(void **state)
{
	int reader = open_fifo();
	struct log *l = start(16384, 1);
	uint64_t dropped = 0, written, lost;
	int64_t before = kit_now_ms();

	(void)state;
	for (uint64_t i = 0; i < EACH; i++)
		dropped += !put(log_ring_of(l, 0), 0, i);
	kit_file_wait(errors, "\"event\":\"access_log_dropping\"", 1);
	assert_null(log_stop(l, 50));
	assert_true(kit_now_ms() - before < KIT_MS);
	written = read_lines(reader);
	lost = reported("access_log_lost");
	assert_int_equal(reported("access_log_recovered"), dropped);
	assert_true(written > 0 && lost > 0 && dropped > 0);
	assert_int_equal(written + lost + dropped, EACH);
	assert_int_equal(kit_file_count(errors, "access_log_dropping"), 1);
	assert_int_equal(kit_file_count(errors, ""), 3);
	close(reader);
}

/* V10: the bound holds however many workers there are, and however much they have written. Each full
 * ring is hundreds of batches, none of which the reader takes. */
static void a_stop_keeps_its_bound_with_many_workers(void **state)
{
	enum { WORKERS = 8 };
	int reader = open_fifo();
	struct log *l = start(0, WORKERS);
	uint64_t dropped = 0, put_in = 0, told;
	int64_t before;

	(void)state;
	for (unsigned w = 0; w < WORKERS; w++)
		for (uint64_t i = 0; i < EACH; i++, put_in++)
			dropped += !put(log_ring_of(l, w), 0, i);
	before = kit_now_ms();
	assert_null(log_stop(l, 50));
	assert_true(kit_now_ms() - before < KIT_MS);
	told = reported("access_log_lost");
	if (dropped > 0)
		told += reported("access_log_recovered");
	assert_int_equal(read_lines(reader) + told, put_in);
	close(reader);
}

/* V10, V11: a write that hangs cannot be ended, so its thread is given up at the bound. */
static void a_stop_gives_up_a_write_that_hangs(void **state)
{
	const struct log_options o = {.kind = LOG_SINK_STDOUT, .format = LOG_FORMAT_JSON};
	int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	struct stuck_tty tty;
	struct log *l = NULL;
	uint64_t put_in = 0;
	int64_t before;

	(void)state;
	tty_open(&tty);
	fflush(stdout);
	dup2(tty.writer, STDOUT_FILENO); /* from here to its end: nothing that could print */
	if (log_start(&l, &o, 1) == 0)
		for (uint64_t i = 0; i < 1000; i++)
			put_in += put(log_ring_of(l, 0), 0, i);
	before = kit_now_ms();
	log_stop(l, 500);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(put_in, 1000);
	assert_true(kit_now_ms() - before < KIT_MS);
	assert_in_range(reported("access_log_lost"), 1, 1000);
	assert_in_range(tty_read(&tty), 1, 999);
	close(tty.reader); /* the write that hangs fails then, and the thread frees the log */
	close(tty.writer);
}

struct reading {
	int reader;
	int episodes; /* until this many are over */
	uint64_t written;
};

static bool has_recovered(void *arg)
{
	struct reading *r = arg;

	r->written += read_lines(r->reader);
	return kit_file_count(errors, "access_log_recovered") == r->episodes;
}

/* The reader stops and comes back, twice: each episode ends with its own number, and the log goes on. */
static void a_reader_that_comes_back_ends_the_episode(void **state)
{
	struct reading r = {.reader = open_fifo()};
	struct log *l = start(16384, 1);
	uint64_t total = 0;

	(void)state;
	for (r.episodes = 1; r.episodes <= 2; r.episodes++) {
		uint64_t dropped = 0;

		for (uint64_t i = 0; i < EACH; i++)
			dropped += !put(log_ring_of(l, 0), 0, i);
		assert_true(kit_wait(has_recovered, &r, KIT_MS));
		assert_int_equal(reported("access_log_recovered"), dropped);
		total += dropped;
	}
	assert_null(log_stop(l, KIT_MS));
	r.written += read_lines(r.reader);
	assert_int_equal(r.written + total, 2 * EACH);
	assert_int_equal(kit_file_count(errors, ""), 4);
	close(r.reader);
}

/* The reader has gone for good, the path is a file again: a reopen saves what is still in the batch and the ring. */
static void reopen_rescues_what_a_broken_sink_refused(void **state)
{
	int reader = open_fifo();
	struct log *l = start(0, 1);

	(void)state;
	close(reader);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(put(log_ring_of(l, 0), 0, i));
	kit_file_wait(errors, "\"event\":\"access_log_failed\"", 1);
	assert_int_equal(unlink(path), 0);
	log_reopen(l);
	assert_true(kit_wait(is_there, NULL, KIT_MS));
	assert_null(log_stop(l, KIT_MS));
	assert_int_equal(kit_file_count(path, "\"staunch.bytes_in\":0,"), 1000);
}

/* Its page has no room for one line more, and a pipe gets whole ones alone. */
static bool is_full(void *arg)
{
	int n = 0;

	return ioctl(*(int *)arg, FIONREAD, &n) == 0 && n > 3500;
}

/* The old place is full when the sink changes: what it has are whole lines, and the new one gets all others. */
static void a_reopen_behind_a_full_pipe_loses_no_line(void **state)
{
	int reader = open_fifo();
	struct log *l = start(0, 1);
	uint64_t seq = 0, before;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (; seq < 1000; seq++)
		assert_true(put(log_ring_of(l, 0), 0, seq));
	assert_true(kit_wait(is_full, &reader, KIT_MS));
	assert_int_equal(unlink(path), 0);
	log_reopen(l);
	assert_true(kit_wait(is_there, NULL, KIT_MS));
	assert_null(log_stop(l, KIT_MS));
	before = read_lines(reader);
	assert_true(before > 0);
	collect(path, seen);
	for (seq = 0; seq < 1000; seq++)
		assert_int_equal(seen[0][seq], seq >= before);
	close(reader);
}

static bool was_opened(void *arg)
{
	char event[sizeof(struct inotify_event) + NAME_MAX + 1];

	return read(*(int *)arg, event, sizeof(event)) > 0;
}

/* The same pipe is opened again while its reader is behind: it gets the rest, and nothing twice. */
static void a_reopen_of_the_same_file_goes_on(void **state)
{
	int reader = open_fifo(), opens = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct log *l = start(0, 1);
	char copy[KIT_PATH + 8];
	FILE *f;
	ssize_t n;

	(void)state;
	memset(seen, 0, sizeof(seen));
	snprintf(copy, sizeof(copy), "%s.read", path);
	f = fopen(copy, "we");
	assert_non_null(f);
	for (uint64_t seq = 0; seq < 1000; seq++)
		assert_true(put(log_ring_of(l, 0), 0, seq));
	assert_true(kit_wait(is_full, &reader, KIT_MS));
	assert_true(inotify_add_watch(opens, path, IN_OPEN) >= 0);
	log_reopen(l);
	assert_true(kit_wait(was_opened, &opens, KIT_MS));
	for (uint64_t lines = 0; lines < 1000;) {
		assert_true(kit_wait(has_bytes, &reader, KIT_MS));
		n = read(reader, got, sizeof(got));
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			lines += got[i] == '\n';
		assert_int_equal(fwrite(got, 1, (size_t)n, f), n);
	}
	assert_int_equal(fclose(f), 0);
	assert_null(log_stop(l, KIT_MS));
	collect(copy, seen);
	for (uint64_t seq = 0; seq < 1000; seq++)
		assert_int_equal(seen[0][seq], 1);
	close(opens);
	close(reader);
}

static void a_reopen_that_fails_goes_on_with_the_old_file(void **state)
{
	struct log *l = start(0, 1);
	char old[KIT_PATH + 16];

	(void)state;
	snprintf(old, sizeof(old), "%s.old", path);
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	log_reopen(l);
	kit_file_wait(errors, "\"event\":\"access_log_reopen_failed\"", 1);
	assert_true(put(log_ring_of(l, 0), 0, 7));
	assert_null(log_stop(l, KIT_MS));
	assert_int_equal(kit_file_count(old, "\"staunch.bytes_out\":7,"), 1);
}

/* --- start and stop --- */

static void a_path_that_cannot_be_opened_fails_the_start(void **state)
{
	const struct log_options o = {.kind = LOG_SINK_PATH, .path = "/no/such/directory/log"};
	struct log *l = NULL;

	(void)state;
	assert_int_equal(log_start(&l, &o, 2), -NP_ENOENT);
	assert_null(l);
}

static void off_is_a_log_that_does_nothing(void **state)
{
	const struct log_options o = {.kind = LOG_SINK_OFF};
	struct log *l;

	(void)state;
	assert_int_equal(log_start(&l, &o, 2), 0);
	assert_null(l);
	assert_null(log_ring_of(l, 1));
	assert_true(put(log_ring_of(l, 1), 0, 0));
	log_reopen(l);
	assert_null(log_stop(l, KIT_MS));
}

static void stdout_gets_the_lines_and_stays_open(void **state)
{
	const struct log_options o = {.kind = LOG_SINK_STDOUT};
	int ends[2], saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10), after;
	struct log *l = NULL;
	bool taken;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO); /* from here to its end: nothing that could print */
	taken = log_start(&l, &o, 1) == 0 && put(log_ring_of(l, 0), 0, 5);
	log_reopen(l);
	log_stop(l, KIT_MS);
	after = fcntl(STDOUT_FILENO, F_GETFD);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_true(taken && after >= 0);
	assert_true(read(ends[0], got, sizeof(got)) > 0);
	assert_int_equal(number_after(got, "\"staunch.bytes_out\":"), 5);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, gone)
	const struct CMUnitTest tests[] = {
		TEST(rotation_under_traffic_loses_nothing),
		TEST(a_single_record_is_written_soon),
		TEST(stop_writes_what_is_there),
		TEST(stop_without_a_record_is_at_once),
		TEST(a_stopped_reader_blocks_no_worker_and_no_stop),
		TEST(a_stop_keeps_its_bound_with_many_workers),
		TEST(a_stop_gives_up_a_write_that_hangs),
		TEST(a_reader_that_comes_back_ends_the_episode),
		TEST(reopen_rescues_what_a_broken_sink_refused),
		TEST(a_reopen_behind_a_full_pipe_loses_no_line),
		TEST(a_reopen_of_the_same_file_goes_on),
		TEST(a_reopen_that_fails_goes_on_with_the_old_file),
		TEST(a_path_that_cannot_be_opened_fails_the_start),
		TEST(off_is_a_log_that_does_nothing),
		TEST(stdout_gets_the_lines_and_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
