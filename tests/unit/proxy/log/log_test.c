/* log: the process log writes one bounded line per event, and never waits for whoever reads it. */
#include "proxy/log/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kit/kit.h"

static int ends[2] = {-1, -1}; /* of a pipe: what the log writes to ends[1] is read from ends[0] */
static char got[65536];

static int fresh(void **state)
{
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	return 0;
}

static int gone(void **state)
{
	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* All that was logged since the last time, as a string. */
static const char *logged(void)
{
	ssize_t n = read(ends[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static size_t lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void a_text_line_is_for_people(void **state)
{
	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	log_msg(LVL_NOTICE, "ready", "listening on %d addresses", 3);
	assert_string_equal(logged(), "staunch: notice: listening on 3 addresses\n");
	log_msg(LVL_WARNING, "odd", "x");
	assert_string_equal(logged(), "staunch: warning: x\n");
}

/* {"time":"2026-01-02T03:04:05.678901Z","level":... : the time is the one part that is not known beforehand */
static void a_json_line_is_for_machines(void **state)
{
	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_JSON, ends[1]);
	log_msg(LVL_ERROR, "accept_paused", "listener %s: \"%s\"", "web", "EMFILE");
	assert_int_equal(strncmp(logged(), "{\"time\":\"20", 11), 0);
	assert_string_equal(got + strlen("{\"time\":\"2026-01-02T03:04:05.678901Z\""),
			    ",\"level\":\"error\",\"event\":\"accept_paused\","
			    "\"message\":\"listener web: \\\"EMFILE\\\"\"}\n");
}

static void a_pipe_is_no_terminal(void **state)
{
	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_AUTO, ends[1]);
	log_msg(LVL_NOTICE, "ready", "x");
	assert_int_equal(logged()[0], '{');
}

static void what_is_below_the_level_is_not_written(void **state)
{
	(void)state;
	log_init(LVL_WARNING, LOG_FORMAT_TEXT, ends[1]);
	log_msg(LVL_NOTICE, "e", "notice");
	log_msg(LVL_DEBUG, "e", "debug");
	assert_false(log_limited(LVL_INFO, "e", NULL, 0, "info"));
	assert_string_equal(logged(), "");
	log_msg(LVL_WARNING, "e", "warning");
	assert_int_equal(lines(logged()), 1);
}

static void hostile_bytes_stay_in_their_line(void **state)
{
	static char big[65536];

	(void)state;
	memset(big, '\n', sizeof(big) - 1);
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	log_msg(LVL_NOTICE, "e", "%s", "a\nstaunch: error: forged\033[0m\"\\");
	assert_string_equal(logged(), "staunch: notice: a\\x0astaunch: error: forged\\x1b[0m\\x22\\x5c\n");
	log_msg(LVL_NOTICE, "e", "%s", big);
	assert_int_equal(lines(logged()), 1);
	assert_non_null(strstr(got, "\\x0a...truncated\n"));
	log_init(LVL_NOTICE, LOG_FORMAT_JSON, ends[1]);
	log_msg(LVL_NOTICE, "e", "%s", big);
	assert_int_equal(lines(logged()), 1);
	assert_non_null(strstr(got, "\\n...truncated\"}\n"));
}

static void a_message_is_cut_behind_512_bytes(void **state)
{
	char msg[514];

	(void)state;
	memset(msg, 'x', sizeof(msg));
	msg[512] = '\0';
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	log_msg(LVL_NOTICE, "e", "%s", msg);
	assert_null(strstr(logged(), "truncated"));
	assert_int_equal(strlen(got), strlen("staunch: notice: \n") + 512);
	msg[512] = 'x';
	msg[513] = '\0';
	log_msg(LVL_NOTICE, "e", "%s", msg);
	assert_non_null(strstr(logged(), "x...truncated\n"));
}

/* The pipe is full: the line is missed, told later, and above all nobody waits. */
static void a_reader_that_stopped_is_not_waited_for(void **state)
{
	int capacity, missed = 0;

	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	capacity = fcntl(ends[1], F_GETPIPE_SZ);
	for (int written = 0; written <= capacity + 100; written += (int)strlen("staunch: notice: 0\n"))
		log_msg(LVL_NOTICE, "e", "0");
	while (logged()[0] != '\0')
		missed = 1;
	assert_int_equal(missed, 1); /* something was written */
	log_msg(LVL_NOTICE, "e", "back");
	assert_int_equal(strncmp(logged(), "staunch: notice: back (", 23), 0);
	assert_non_null(strstr(got, " earlier lines missed)\n"));
	log_msg(LVL_NOTICE, "e", "again");
	assert_string_equal(logged(), "staunch: notice: again\n");
}

static void a_reader_that_left_is_survived(void **state)
{
	(void)state;
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	close(ends[0]);
	log_msg(LVL_NOTICE, "e", "nobody hears this");
	close(ends[1]);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	log_msg(LVL_NOTICE, "e", "x");
	assert_string_equal(logged(), "staunch: notice: x (1 earlier line missed)\n");
}

/* O26: each server, and each cause, has its own count. */
static void a_flood_is_one_line_for_each_server_and_cause(void **state)
{
	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	for (int i = 0; i < 1000; i++) {
		log_limited(LVL_WARNING, "flood", "a", 1, "a: drop %d", i);
		log_limited(LVL_WARNING, "flood", "b", 1, "b: drop %d", i);
		log_limited(LVL_WARNING, "flood", "b", 2, "b: lost %d", i);
	}
	assert_string_equal(logged(), "staunch: warning: a: drop 0\nstaunch: warning: b: drop 0\n"
				      "staunch: warning: b: lost 0\n");
}

/* O27 */
static void problems_stand_in_a_json_line(void **state)
{
	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_JSON, ends[1]);
	log_problems(LVL_ERROR, "bad", "{\"a\":1},{\"b\":2}", "%d errors", 2);
	assert_non_null(strstr(logged(), "\"message\":\"2 errors\",\"problems\":[{\"a\":1},{\"b\":2}]}\n"));
	log_set_format(LOG_FORMAT_TEXT);
	log_problems(LVL_ERROR, "bad", "{\"a\":1}", "1 error");
	assert_string_equal(logged(), "staunch: error: 1 error\n");
}

/* O28: the levels are those of sd-daemon(3). */
static void the_journal_gets_each_lines_level(void **state)
{
	(void)state;
	log_init(LVL_DEBUG, LOG_FORMAT_JOURNAL, ends[1]);
	log_msg(LVL_ERROR, "e", "an error");
	log_msg(LVL_WARNING, "e", "a warning");
	log_msg(LVL_NOTICE, "e", "a notice");
	log_msg(LVL_INFO, "e", "an info");
	log_msg(LVL_DEBUG, "e", "a debug");
	assert_string_equal(logged(), "<3>an error\n<4>a warning\n<5>a notice\n<6>an info\n<7>a debug\n");
}

/* O28: systemd.exec(5): JOURNAL_STREAM is the descriptor's device and inode. */
static void the_journal_is_known_by_its_stream(void **state)
{
	struct stat st;
	char stream[64];

	(void)state;
	assert_int_equal(fstat(ends[1], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_init(LVL_NOTICE, LOG_FORMAT_AUTO, ends[1]);
	log_msg(LVL_NOTICE, "e", "x");
	assert_string_equal(logged(), "<5>x\n");
	log_set_format(LOG_FORMAT_JSON);
	log_msg(LVL_NOTICE, "e", "x");
	assert_int_equal(strncmp(logged(), "<5>{\"time\":", 11), 0);
	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0); /* of another descriptor */
	log_set_format(LOG_FORMAT_AUTO);
	log_msg(LVL_NOTICE, "e", "x");
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	assert_int_equal(logged()[0], '{');
}

#define EACH 100

static void *talker(void *arg)
{
	for (int i = 0; i < EACH; i++)
		log_msg(LVL_NOTICE, "e", "%s %d", (const char *)arg, i);
	return NULL;
}

static void lines_of_two_threads_do_not_mix(void **state)
{
	static char a[] = "aaaaaaaaaa", b[] = "bbbbbbbbbb";
	pthread_t other;
	int whole = 0;

	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	assert_int_equal(pthread_create(&other, NULL, talker, a), 0);
	talker(b);
	pthread_join(other, NULL);
	assert_int_equal(lines(logged()), 2 * EACH);
	for (const char *line = got; *line != '\0'; line = strchr(line, '\n') + 1)
		whole += strncmp(line, "staunch: notice: aaaaaaaaaa ", 28) == 0 ||
			strncmp(line, "staunch: notice: bbbbbbbbbb ", 28) == 0;
	assert_int_equal(whole, 2 * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_text_line_is_for_people, fresh, gone),
		cmocka_unit_test_setup_teardown(a_json_line_is_for_machines, fresh, gone),
		cmocka_unit_test_setup_teardown(a_pipe_is_no_terminal, fresh, gone),
		cmocka_unit_test_setup_teardown(what_is_below_the_level_is_not_written, fresh, gone),
		cmocka_unit_test_setup_teardown(hostile_bytes_stay_in_their_line, fresh, gone),
		cmocka_unit_test_setup_teardown(a_message_is_cut_behind_512_bytes, fresh, gone),
		cmocka_unit_test_setup_teardown(a_reader_that_stopped_is_not_waited_for, fresh, gone),
		cmocka_unit_test_setup_teardown(a_reader_that_left_is_survived, fresh, gone),
		cmocka_unit_test_setup_teardown(a_flood_is_one_line_for_each_server_and_cause, fresh, gone),
		cmocka_unit_test_setup_teardown(problems_stand_in_a_json_line, fresh, gone),
		cmocka_unit_test_setup_teardown(the_journal_gets_each_lines_level, fresh, gone),
		cmocka_unit_test_setup_teardown(the_journal_is_known_by_its_stream, fresh, gone),
		cmocka_unit_test_setup_teardown(lines_of_two_threads_do_not_mix, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
