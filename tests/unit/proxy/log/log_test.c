/* log: the process log writes one bounded line per event, and never waits for whoever reads it. */
#include "proxy/log/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
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
	struct log_site site = {0};

	(void)state;
	log_init(LVL_WARNING, LOG_FORMAT_TEXT, ends[1]);
	log_msg(LVL_NOTICE, "e", "notice");
	log_msg(LVL_DEBUG, "e", "debug");
	log_limited(&site, LVL_INFO, "e", "info");
	assert_string_equal(logged(), "");
	assert_int_equal(site.suppressed, 0);
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

static const struct {
	const char *name;
	int64_t now;
	bool admitted;
	uint64_t suppressed;
} events[] = {
	{"the first is written", 5, true, 0},
	{"the next is not", 5, false, 0},
	{"nor one at the end of the period", 4 + LOG_SITE_PERIOD, false, 0},
	{"a period later one stands for two", 5 + LOG_SITE_PERIOD, true, 2},
	{"and starts a new period", 4 + 2 * (int64_t)LOG_SITE_PERIOD, false, 0},
	{"the count starts again too", 5 + 2 * (int64_t)LOG_SITE_PERIOD, true, 1},
	{"much later nothing was held back", INT64_MAX / 2, true, 0},
};

static void a_site_writes_once_per_period(void **state)
{
	struct log_site site = {0};

	(void)state;
	for (size_t i = 0; i < array_len(events); i++) {
		uint64_t suppressed = 0;

		if (log_site_admit(&site, events[i].now, &suppressed) != events[i].admitted)
			fail_msg("%s", events[i].name);
		assert_int_equal(suppressed, events[i].suppressed);
	}
}

static void a_flood_is_one_line_and_its_number(void **state)
{
	struct log_site site = {0};

	(void)state;
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
	for (int i = 0; i < 1000; i++)
		log_limited(&site, LVL_WARNING, "flood", "drop %d", i);
	assert_string_equal(logged(), "staunch: warning: drop 0\n");
	assert_int_equal(site.suppressed, 999);
	site.next = 0; /* the period is over */
	log_limited(&site, LVL_WARNING, "flood", "drop %d", 1000);
	assert_string_equal(logged(), "staunch: warning: drop 1000 (999 more like it suppressed)\n");
	log_init(LVL_NOTICE, LOG_FORMAT_JSON, ends[1]);
	log_limited(&site, LVL_WARNING, "flood", "x");
	site.next = 0;
	log_limited(&site, LVL_WARNING, "flood", "y");
	assert_non_null(strstr(logged(), "\"message\":\"y\",\"suppressed\":1}\n"));
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
		cmocka_unit_test(a_site_writes_once_per_period),
		cmocka_unit_test_setup_teardown(a_flood_is_one_line_and_its_number, fresh, gone),
		cmocka_unit_test_setup_teardown(lines_of_two_threads_do_not_mix, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
