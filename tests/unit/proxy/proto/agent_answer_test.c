/* agent_answer: E28: what each line of an agent says, whole and in pieces. */
#include "proxy/proto/agent_answer.h"

#include <string.h>

#include "tests/kit/kit.h"

#define NOTHING {-1, 0, AGENT_WISH_READY, false}

static void assert_said(const char *line, const struct agent_said *is, const struct agent_said *want)
{
	if (is->weight != want->weight || is->most != want->most || is->wish != want->wish || is->down != want->down)
		fail_msg("%s: weight %d, maxconn %u, wish %d, down %d", line, is->weight, is->most, is->wish, is->down);
}

static void e28_each_word(void **state)
{
	static const struct {
		const char *line;
		enum agent_answer answer;
		struct agent_said said;
	} rows[] = {
		{"75%\n", AGENT_ANSWER_GOOD, {75, 0, AGENT_WISH_READY, false}},
		{"weight:50%\r\n", AGENT_ANSWER_GOOD, {50, 0, AGENT_WISH_READY, false}},
		{"0%\n", AGENT_ANSWER_GOOD, {0, 0, AGENT_WISH_READY, false}},
		{"250%\n", AGENT_ANSWER_GOOD, {100, 0, AGENT_WISH_READY, false}},
		{"99999999999999999999%\n", AGENT_ANSWER_GOOD, {100, 0, AGENT_WISH_READY, false}},
		{"maxconn:30\n", AGENT_ANSWER_GOOD, {-1, 30, AGENT_WISH_READY, false}},
		{"maxconn:0\n", AGENT_ANSWER_GOOD, NOTHING},
		{"maxconn:4294967297\n", AGENT_ANSWER_GOOD, {-1, AGENT_MOST_MOST, AGENT_WISH_READY, false}},
		{"drain\n", AGENT_ANSWER_GOOD, {-1, 0, AGENT_WISH_DRAIN, false}},
		{"MAINT\n", AGENT_ANSWER_GOOD, {-1, 0, AGENT_WISH_MAINT, false}},
		{"ready\n", AGENT_ANSWER_GOOD, NOTHING},
		{"up\n", AGENT_ANSWER_GOOD, NOTHING},
		{"down\n", AGENT_ANSWER_GOOD, {-1, 0, AGENT_WISH_READY, true}},
		{"fail\n", AGENT_ANSWER_GOOD, {-1, 0, AGENT_WISH_READY, true}},
		{"failed\n", AGENT_ANSWER_GOOD, {-1, 0, AGENT_WISH_READY, true}},
		{"stopped\n", AGENT_ANSWER_GOOD, {-1, 0, AGENT_WISH_READY, true}},
		{"down#disk full, up ready 5%\n", AGENT_ANSWER_GOOD, {-1, 0, AGENT_WISH_READY, true}},
		{"75%, maxconn:30\tdrain up\r", AGENT_ANSWER_GOOD, {75, 30, AGENT_WISH_DRAIN, false}},
		{"drain ready 10% 20%\n", AGENT_ANSWER_GOOD, {20, 0, AGENT_WISH_READY, false}},
		{"up 5%\ndrain\n", AGENT_ANSWER_GOOD, {5, 0, AGENT_WISH_READY, false}},
		{"hello up\n", AGENT_ANSWER_GOOD, NOTHING},
		{"up hello\n", AGENT_ANSWER_GOOD, NOTHING},
		{"\n", AGENT_ANSWER_GOOD, NOTHING},
		{" ,\t\n", AGENT_ANSWER_GOOD, NOTHING},
		{"# only words for people\n", AGENT_ANSWER_GOOD, NOTHING},
		{"HTTP/1.1 400 Bad Request\r\n", AGENT_ANSWER_ALIEN, NOTHING},
		{"-5% 5 % 7%% maxconn: maxconn:x weight:5 downs rea\n", AGENT_ANSWER_ALIEN, NOTHING},
		{"%\n", AGENT_ANSWER_ALIEN, NOTHING},
		{"weight:%\n", AGENT_ANSWER_ALIEN, NOTHING},
		{"75%", AGENT_ANSWER_MORE, NOTHING},
		{"", AGENT_ANSWER_MORE, NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct agent_said said;
		size_t line;

		agent_forget(&said);
		if (agent_answer_read(&said, (const uint8_t *)rows[i].line, strlen(rows[i].line), &line) !=
		    rows[i].answer)
			fail_msg("%s: another answer", rows[i].line);
		assert_said(rows[i].line, &said, &rows[i].said);
		assert_int_equal(line, strcspn(rows[i].line, "\r\n"));
	}
}

/* What is not said is unchanged: ready ends a drain, not a down, and up the other way round. */
static void e28_what_is_not_said_stays(void **state)
{
	static const struct {
		const char *line;
		struct agent_said said;
	} steps[] = {
		{"75% maxconn:30 drain down\n", {75, 30, AGENT_WISH_DRAIN, true}},
		{"\n", {75, 30, AGENT_WISH_DRAIN, true}},
		{"alien\n", {75, 30, AGENT_WISH_DRAIN, true}},
		{"up\n", {75, 30, AGENT_WISH_DRAIN, false}},
		{"stopped 100%\n", {100, 30, AGENT_WISH_DRAIN, true}},
		{"ready\n", {100, 30, AGENT_WISH_READY, true}},
		{"up maxconn:0\n", {100, 0, AGENT_WISH_READY, false}},
	};
	struct agent_said said;
	size_t line;

	(void)state;
	agent_forget(&said);
	for (size_t i = 0; i < array_len(steps); i++) {
		assert_int_not_equal(agent_answer_read(&said, (const uint8_t *)steps[i].line, strlen(steps[i].line),
						       &line), AGENT_ANSWER_MORE);
		assert_said(steps[i].line, &said, &steps[i].said);
	}
}

/* E28: the end has to come within the bound, and whatever the bytes are, no word is seen in them. */
static void e28_long_and_binary(void **state)
{
	uint8_t bytes[AGENT_LINE_MOST + 8];
	struct agent_said said;
	size_t line;

	(void)state;
	agent_forget(&said);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(agent_answer_read(&said, bytes, AGENT_LINE_MOST - 1, &line), AGENT_ANSWER_MORE);
	assert_int_equal(agent_answer_read(&said, bytes, AGENT_LINE_MOST, &line), AGENT_ANSWER_LONG);
	bytes[AGENT_LINE_MOST] = '\n';
	assert_int_equal(agent_answer_read(&said, bytes, sizeof(bytes), &line), AGENT_ANSWER_LONG);
	memcpy(bytes, "up\0down\x1b[2J\xff\n", 13);
	assert_int_equal(agent_answer_read(&said, bytes, 13, &line), AGENT_ANSWER_ALIEN);
	assert_int_equal(line, 12);
	assert_false(said.down);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e28_each_word),
		cmocka_unit_test(e28_what_is_not_said_stays),
		cmocka_unit_test(e28_long_and_binary),
	};

	return cmocka_run_group_tests_name("agent_answer", tests, NULL, NULL);
}
