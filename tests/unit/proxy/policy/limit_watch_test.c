/* limit_watch: one line at the begin of an episode, one at its end, with the count. */
#include "proxy/policy/limit_watch.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proxy/log/log.h"
#include "tests/kit/kit.h"

static const struct limit_words words = {"max_connections", "web", 3, "clients are refused", NULL, NULL, NULL};
static int ends[2];
static char got[4096];

static int fresh(void **state)
{
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
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

/* What was logged since the last time must have this part; NULL: there is nothing. */
static void expect_line(const char *part)
{
	ssize_t n = read(ends[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	if (part == NULL)
		assert_string_equal(got, "");
	else if (strstr(got, part) == NULL)
		kit_fail("not \"%s\": %s", part, got);
}

static void an_episode_is_two_lines(void **state)
{
	struct limit l = {0};

	(void)state;
	assert_false(limit_look(&l, &words, NP_S));
	expect_line(NULL);
	for (int i = 0; i < 3; i++)
		limit_hit(&l, 10 * NP_S);
	assert_true(limit_look(&l, &words, 10 * NP_S));
	expect_line("listener web: max_connections 3 is reached: clients are refused");
	limit_hit(&l, 12 * NP_S);
	assert_true(limit_look(&l, &words, 12 * NP_S + LIMIT_CALM - 1));
	limit_still(&l, 20 * NP_S);
	assert_true(limit_look(&l, &words, 20 * NP_S + LIMIT_CALM - 1));
	expect_line(NULL);
	assert_int_equal(l.since, 10 * NP_S);
	assert_false(limit_look(&l, &words, 20 * NP_S + LIMIT_CALM));
	expect_line("listener web: max_connections acted 4 times within 11 s, and not since");
	assert_int_equal(l.since, 0);
	assert_false(limit_look(&l, &words, 99 * NP_S));
	expect_line(NULL);
}

static void the_next_one_counts_anew(void **state)
{
	struct limit l = {.hits = 7, .told = 7, .last_hit = NP_S};

	(void)state;
	limit_acted(NULL, &l, true);
	limit_acted(NULL, &l, false);
	limit_close(&l, &words); /* both lines */
	expect_line("max_connections acted 1 time within 1 s");
	limit_close(&l, &words);
	expect_line(NULL);
}

static void descriptors_are_of_the_watch(void **state)
{
	struct limit_watch w = {0};

	(void)state;
	limit_no_descriptor(NULL, true);
	limit_no_descriptor(&w, true);
	limit_no_descriptor(&w, false);
	assert_int_equal(w.descriptors.hits, 1);
	assert_int_equal(w.awake, 0); /* nobody looks */
	assert_true(limit_watch_resumes(&w));
	assert_false(limit_watch_resumes(&w));
	limit_watch_rests(&w);
	assert_true(limit_watch_resumes(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_episode_is_two_lines, fresh, gone),
		cmocka_unit_test_setup_teardown(the_next_one_counts_anew, fresh, gone),
		cmocka_unit_test_setup_teardown(descriptors_are_of_the_watch, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
