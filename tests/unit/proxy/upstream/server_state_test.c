/* server_state: the function that says whether a server may be picked, over all combinations of its inputs, and the
 * word that holds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/upstream/server_state.h"

static const struct server_inputs nothing_said = {.admin_weight = -1, .agent_weight = -1};

static void a_word_of_zero_says_nothing(void **state)
{
	struct server_inputs in = server_inputs(0);

	(void)state;
	assert_int_equal(server_word(&nothing_said), 0);
	assert_int_equal(in.admin_weight, -1);
	assert_int_equal(in.agent_weight, -1);
	assert_int_equal(in.admin, SERVER_READY);
	assert_int_equal(server_weight(0, 7), 7);
	assert_int_equal(server_most(0, 9), 9);
	assert_int_equal(server_usable(0, 1, NULL), USABLE_YES);
}

/* Each input alone, in words that need no second function to be checked. */
static void each_input_alone(void **state)
{
	static const struct {
		const char *name, *why;
		struct server_inputs in;
		enum usable usable;
	} rows[] = {
		{"drain", "drain", {SERVER_DRAIN, -1, 0, 0, 0, false, 0, -1, 0}, USABLE_NO},
		{"maint", "maint", {SERVER_MAINT, -1, 0, 0, 0, false, 0, -1, 0}, USABLE_NO},
		{"override of 0", "weight", {0, 0, 0, 0, 0, false, 0, -1, 0}, USABLE_NO},
		{"override of 256", NULL, {0, 256, 0, 0, 0, false, 0, -1, 0}, USABLE_YES},
		{"max_connections", NULL, {0, -1, 1, 0, 0, false, 0, -1, 0}, USABLE_YES},
		{"check up", NULL, {0, -1, 0, 0, SERVER_CHECK_UP, false, 0, -1, 0}, USABLE_YES},
		{"check unknown", "check_unknown", {0, -1, 0, 0, SERVER_CHECK_UNKNOWN, false, 0, -1, 0}, USABLE_SPARE},
		{"check down", "check_down", {0, -1, 0, 0, SERVER_CHECK_DOWN, false, 0, -1, 0}, USABLE_NO},
		{"leaving", "dns_leaving", {0, -1, 0, 0, 0, true, 0, -1, 0}, USABLE_NO},
		{"agent drain", "agent_drain", {0, -1, 0, 0, 0, false, SERVER_AGENT_DRAIN, -1, 0}, USABLE_NO},
		{"agent down", "agent_down", {0, -1, 0, 0, 0, false, SERVER_AGENT_DOWN, -1, 0}, USABLE_NO},
		{"agent 0 %", "weight", {0, -1, 0, 0, 0, false, 0, 0, 0}, USABLE_NO},
		{"agent 1 %", NULL, {0, -1, 0, 0, 0, false, 0, 1, 0}, USABLE_YES},
		{"drained, and down", "drain", {SERVER_DRAIN, -1, 0, 0, SERVER_CHECK_DOWN, true, 2, 0, 0}, USABLE_NO},
		{"unknown, and leaving", "dns_leaving", {0, -1, 0, 0, SERVER_CHECK_UNKNOWN, true, 0, -1, 0}, USABLE_NO},
		{"out", "passive_out", {0, -1, 0, SERVER_OUT, 0, false, 0, -1, 0}, USABLE_NO},
		{"its trial", "passive_trial", {0, -1, 0, SERVER_TRIAL, 0, false, 0, -1, 0}, USABLE_NO},
		{"passive spare", "passive_spare", {0, -1, 0, SERVER_SPARE, 0, false, 0, -1, 0}, USABLE_SPARE},
		{"down, and out", "check_down", {0, -1, 0, SERVER_OUT, SERVER_CHECK_DOWN, false, 0, -1, 0}, USABLE_NO},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		enum server_why why;
		enum usable got = server_usable(server_word(&rows[i].in), 10, &why);
		const char *text = server_why_text(why);

		if (got != rows[i].usable || (text == NULL) != (rows[i].why == NULL) ||
		    (text != NULL && strcmp(text, rows[i].why) != 0))
			fail_msg("%s: %d, %s", rows[i].name, (int)got, text != NULL ? text : "-");
	}
}

/* The rules, in their plainest form. */
static enum usable expected(const struct server_inputs *in, uint32_t weight)
{
	uint32_t w = in->admin_weight >= 0 ? (uint32_t)in->admin_weight : weight;
	bool out = in->admin == SERVER_DRAIN || in->admin == SERVER_MAINT;

	out |= in->check == SERVER_CHECK_DOWN;
	out |= in->passive == SERVER_OUT || in->passive == SERVER_TRIAL;
	out |= in->leaving;
	out |= in->agent == SERVER_AGENT_DRAIN || in->agent == SERVER_AGENT_DOWN;
	out |= w == 0 || in->agent_weight == 0;
	if (out)
		return USABLE_NO;
	return in->check == SERVER_CHECK_UNKNOWN || in->passive == SERVER_SPARE ? USABLE_SPARE : USABLE_YES;
}

/* Whose answer changes if its failures were none, and if its check were none as well. */
static enum grade expected_grade(const struct server_inputs *in, uint32_t weight)
{
	struct server_inputs softer = *in;

	if (expected(&softer, weight) != USABLE_NO)
		return expected(&softer, weight) == USABLE_YES ? GRADE_YES : GRADE_SPARE;
	softer.passive = SERVER_IN;
	if (expected(&softer, weight) != USABLE_NO)
		return GRADE_OUT;
	softer.check = SERVER_CHECK_NONE;
	return expected(&softer, weight) != USABLE_NO ? GRADE_SICK : GRADE_NO;
}

static uint32_t expected_weight(const struct server_inputs *in, uint32_t weight)
{
	double w = in->admin_weight >= 0 ? (double)in->admin_weight : (double)weight;

	if (in->agent_weight >= 0)
		w = w * in->agent_weight / 100;
	return w > 0 && w < 1 ? 1 : (uint32_t)(w + 1e-9);
}

static uint32_t expected_most(const struct server_inputs *in, uint32_t most)
{
	uint32_t m = most;

	if (in->admin_most == SERVER_NO_LIMIT)
		m = 0;
	else if (in->admin_most != 0)
		m = in->admin_most;
	if (in->agent_most != 0 && (m == 0 || in->agent_most < m))
		return in->agent_most;
	return m;
}

static void check_one(const struct server_inputs *in, uint32_t weight, uint32_t most)
{
	uint64_t word = server_word(in);
	struct server_inputs back = server_inputs(word);

	assert_true(back.admin == in->admin && back.passive == in->passive && back.admin_weight == in->admin_weight &&
		    back.admin_most == in->admin_most && back.check == in->check && back.leaving == in->leaving &&
		    back.agent == in->agent && back.agent_weight == in->agent_weight &&
		    back.agent_most == in->agent_most);
	for (int to = SERVER_IN; to <= SERVER_TRIAL; to++) {
		struct server_inputs other = *in;

		other.passive = (enum server_passive)to;
		assert_int_equal(server_word_passive(word, other.passive), server_word(&other));
	}
	assert_int_equal(server_usable(word, weight, NULL), expected(in, weight));
	assert_int_equal(server_grade(word, weight), expected_grade(in, weight));
	assert_int_equal(server_weight(word, weight), expected_weight(in, weight));
	assert_int_equal(server_most(word, most), expected_most(in, most));
}

static const int weights[] = {-1, 0, 1, 50, 100, 256}, shares[] = {-1, 0, 1, 33, 100};
static const uint32_t mosts[] = {0, 1, 30, 65535, 4000000, SERVER_NO_LIMIT};

/* States, checks, names and agents. */
static void check_states(struct server_inputs in, uint32_t weight, uint32_t most)
{
	for (int i = 0; i < 3 * 4 * 2 * 3 * 4; i++) {
		in.admin = (enum server_admin_state)(i % 3);
		in.check = (enum server_check)(i / 3 % 4);
		in.leaving = i / 12 % 2 != 0;
		in.agent = (enum server_agent)(i / 24 % 3);
		in.passive = (enum server_passive)(i / 72);
		check_one(&in, weight, most);
	}
}

static void all_combinations(void **state)
{
	struct server_inputs in = nothing_said;

	(void)state;
	for (size_t i = 0; i < array_len(weights) * array_len(shares) * array_len(mosts) * 4; i++) {
		size_t rest = i;

		in.admin_weight = weights[rest % array_len(weights)];
		rest /= array_len(weights);
		in.agent_weight = shares[rest % array_len(shares)];
		rest /= array_len(shares);
		in.admin_most = mosts[rest % array_len(mosts)];
		rest /= array_len(mosts);
		in.agent_most = mosts[rest];
		for (uint32_t weight = 0; weight <= 256; weight += 64)
			check_states(in, weight, weight * 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_of_zero_says_nothing),
		cmocka_unit_test(each_input_alone),
		cmocka_unit_test(all_combinations),
	};

	return cmocka_run_group_tests_name("server_state", tests, NULL, NULL);
}
