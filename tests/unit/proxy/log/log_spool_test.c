/* log_spool: messages of all threads reach the descriptor in order, each once or counted as missed. No
 * thread but the log's own waits for the descriptor (V11). */
#include "proxy/log/log_spool.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/proxy/log/stuck_tty.h"

#define THREADS 4
#define EACH    5000
#define MISSING "staunch: warning: lines are missing in this log ("

static int ends[2] = {-1, -1};
static char got[1 << 20];

static int fresh(void **state)
{
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, sizeof(got)) > 0);
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, ends[1]);
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

static const char *logged(void)
{
	ssize_t n = read(ends[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static void lines_come_in_order_and_the_stop_writes_them(void **state)
{
	(void)state;
	log_msg(LVL_NOTICE, "e", "before");
	assert_int_equal(log_start_thread(), 0);
	for (int i = 0; i < 3; i++)
		log_msg(LVL_NOTICE, "e", "message %d", i);
	log_stop_thread(KIT_MS);
	log_msg(LVL_NOTICE, "e", "after");
	assert_string_equal(logged(), "staunch: notice: before\nstaunch: notice: message 0\n"
				      "staunch: notice: message 1\nstaunch: notice: message 2\n"
				      "staunch: notice: after\n");
}

static bool something_came(void *arg)
{
	(void)arg;
	return logged()[0] != '\0';
}

static void a_line_is_written_at_once(void **state)
{
	(void)state;
	assert_int_equal(log_start_thread(), 0);
	for (int i = 0; i < 3; i++) { /* also when the thread has gone to sleep again */
		log_msg(LVL_NOTICE, "e", "x");
		assert_true(kit_wait(something_came, NULL, KIT_MS));
		assert_string_equal(got, "staunch: notice: x\n");
	}
	log_stop_thread(KIT_MS);
}

static void *talk(void *arg)
{
	for (int i = 0; i < EACH; i++)
		log_msg(LVL_NOTICE, "e", "%s %d", (const char *)arg, i);
	return NULL;
}

/* The number in "(7 earlier lines missed)" of this line, or 0. */
static unsigned missed_of(const char *line)
{
	const char *end = strchr(line, '\n'), *at = memchr(line, '(', (size_t)(end - line));

	return at != NULL ? (unsigned)strtoul(at + 1, NULL, 10) : 0;
}

/* Four threads at once: every line is whole, those of a thread are in order, and those that are missing are counted. */
static void lines_of_many_threads_are_whole_and_in_order(void **state)
{
	static char names[THREADS][8] = {"aaaa", "bbbb", "cccc", "dddd"};
	int last[THREADS] = {-1, -1, -1, -1};
	unsigned lines = 0, missed = 0;
	pthread_t threads[THREADS];

	(void)state;
	assert_int_equal(log_start_thread(), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk, names[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_stop_thread(KIT_MS);
	logged();
	for (const char *line = got; *line != '\0'; line = strchr(line, '\n') + 1) {
		char name[8];
		int i;

		missed += missed_of(line);
		if (strncmp(line, MISSING, strlen(MISSING)) == 0) /* of the stop, for those after the last line */
			continue;
		lines++;
		assert_int_equal(sscanf(line, "staunch: notice: %4s %d", name, &i), 2);
		assert_in_range(name[0], 'a', 'd');
		assert_true(i > last[name[0] - 'a']);
		last[name[0] - 'a'] = i;
	}
	assert_true(lines > 1);
	assert_int_equal(lines + missed, THREADS * EACH);
}

/* V11: poll says the terminal can be written, and the write hangs. The callers go on, the stop keeps its bound, and
 * nobody writes to that terminal afterwards. Last, for the log thread is given up. */
static void a_descriptor_that_hangs_holds_up_nobody(void **state)
{
	struct stuck_tty tty;
	char big[500];

	(void)state;
	tty_open(&tty);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, tty.writer);
	assert_int_equal(log_start_thread(), 0);
	for (int i = 0; i < 2000; i++)
		log_msg(LVL_NOTICE, "e", "%s", big);
	log_stop_thread(50);
	log_msg(LVL_NOTICE, "e", "into nothing");
	assert_in_range(tty_read(&tty), 1, 1999);
	close(tty.reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_come_in_order_and_the_stop_writes_them, fresh, gone),
		cmocka_unit_test_setup_teardown(a_line_is_written_at_once, fresh, gone),
		cmocka_unit_test_setup_teardown(lines_of_many_threads_are_whole_and_in_order, fresh, gone),
		cmocka_unit_test_setup_teardown(a_descriptor_that_hangs_holds_up_nobody, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
