/* check_state: rows of results to verdicts, and the time of each next check, on a clock that the test sets. */
#include "proxy/health/check_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  (1000 * MS)
#define BEGAN (1000 * S)

static const struct check_rules usual = {.interval = 2 * S, .timeout = 2 * S, .rise = 2, .fall = 3};

/* One letter a check: + good, - bad, ? proves nothing. What the verdict is after each: u up, d down, . unknown. */
static void play(const char *results, const char *verdicts, const struct check_rules *rules)
{
	static const char letters[] = {'-', 'u', '.', 'd'}; /* by enum server_check */
	struct check_state s = {0};

	check_state_begin(&s, rules, (struct check_place){0, 1}, BEGAN);
	for (size_t i = 0; results[i] != '\0'; i++) {
		int64_t began = s.due;
		struct check_outcome o = {.proven = results[i] != '?', .good = results[i] == '+'};
		struct check_change c;
		char is;

		o.began = began;
		o.now = began + MS;
		c = check_state_result(&s, rules, &o);
		is = letters[s.verdict];
		if (is != verdicts[i])
			fail_msg("%s: %c after check %zu, not %c", results, is, i + 1, verdicts[i]);
		assert_int_equal(c.to, s.verdict);
		assert_true(s.due > began);
	}
}

static void e24_rows_decide(void **state)
{
	static const struct check_rules hasty = {.interval = S, .timeout = S, .rise = 1, .fall = 1};
	static const struct {
		const char *results, *verdicts;
		const struct check_rules *rules;
	} rows[] = {
		{"---", "ddd", &usual},                  /* the first one decides */
		{"+++", "uuu", &usual},
		{"?+", ".u", &usual},                    /* what proves nothing is no first one */
		{"?" "?-", "..d", &usual},
		{"+---", "uuud", &usual},
		{"+--+---", "uuuuuud", &usual},          /* a row begins anew */
		{"-++", "ddu", &usual},
		{"-+-++", "ddddu", &usual},
		{"+-?-?-", "uuuuud", &usual},            /* it neither lengthens nor breaks a row */
		{"+------++", "uuudddd" "du", &usual},
		{"+-+-+-", "udududu", &hasty},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		play(rows[i].results, rows[i].verdicts, rows[i].rules);
}

/* The result of a check that began when it was due and took so long. */
static struct check_change ends(struct check_state *s, bool good, int64_t took, unsigned lot)
{
	struct check_outcome o = {.proven = true, .good = good, .began = s->due, .now = s->due + took, .lot = lot};

	return check_state_result(s, &usual, &o);
}

/* A server that is up, whose next check is due at BEGAN. */
static struct check_state up_for(int64_t time)
{
	return (struct check_state){.verdict = SERVER_CHECK_UP, .due = BEGAN, .since = BEGAN - time};
}

static void e24_doubt_makes_haste(void **state)
{
	struct check_state s = up_for(10 * S);
	struct check_change c;

	(void)state;
	(void)ends(&s, false, MS, 65535);
	assert_int_equal(s.due, BEGAN + 500 * MS); /* a quarter, and no jitter */
	(void)ends(&s, false, MS, 65535);
	assert_int_equal(s.due, BEGAN + 1000 * MS);
	c = ends(&s, false, MS, 0);
	assert_int_equal(c.from, SERVER_CHECK_UP);
	assert_int_equal(c.to, SERVER_CHECK_DOWN);
	assert_int_equal(c.was, 11 * S + MS);
	assert_int_equal(s.since, BEGAN + S + MS);
	assert_int_equal(s.due, BEGAN + 3 * S); /* sure again */
	(void)ends(&s, true, MS, 0);
	assert_int_equal(s.due, BEGAN + 3500 * MS);
	c = ends(&s, true, MS, 0);
	assert_int_equal(c.to, SERVER_CHECK_UP);
	assert_int_equal(c.was, 2500 * MS);
}

/* By the promise of the page: a refused port 3.2 s, silence 2 s and three timeouts, up again 3 s, at the worst. */
static void e24_detection_in_time(void **state)
{
	struct check_state s = up_for(0);
	int64_t began = BEGAN + 1; /* just missed by a check that was good */

	(void)state;
	(void)ends(&s, true, 0, 0);
	for (unsigned i = 0; i < usual.fall; i++)
		(void)ends(&s, false, MS, 0);
	assert_int_equal(s.verdict, SERVER_CHECK_DOWN);
	assert_true(s.since - began <= 3200 * MS);
	s = up_for(0);
	(void)ends(&s, true, 0, 0);
	for (unsigned i = 0; i < usual.fall; i++)
		(void)ends(&s, false, usual.timeout, 0);
	assert_int_equal(s.verdict, SERVER_CHECK_DOWN);
	assert_true(s.since - began <= 2 * S + 3 * usual.timeout);
	began = s.due + 1;
	(void)ends(&s, false, 0, 0);
	(void)ends(&s, true, MS, 0);
	(void)ends(&s, true, MS, 0);
	assert_int_equal(s.verdict, SERVER_CHECK_UP);
	assert_true(s.since - began <= 3 * S);
}

static void e24_a_quarter_has_a_least(void **state)
{
	static const struct check_rules rapid = {.interval = 120 * MS, .timeout = S, .rise = 2, .fall = 3};
	struct check_state s = up_for(0);
	struct check_outcome o = {.proven = true, .began = BEGAN, .now = BEGAN + MS};

	(void)state;
	(void)check_state_result(&s, &rapid, &o);
	assert_int_equal(s.due, BEGAN + 100 * MS);
	s = up_for(0);
	o.now = BEGAN + 700 * MS; /* it took longer: at once */
	(void)check_state_result(&s, &rapid, &o);
	assert_int_equal(s.due, o.now);
}

static void e22_jitter_shortens(void **state)
{
	static const struct {
		unsigned lot;
		int64_t wait;
	} rows[] = {{0, 2000 * MS}, {32768, 1900 * MS}, {65535, 1800 * MS + 200 * MS / 65536}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct check_state s = up_for(0);

		(void)ends(&s, true, MS, rows[i].lot);
		assert_true(s.due - BEGAN >= rows[i].wait && s.due - BEGAN <= rows[i].wait + MS);
	}
}

/* Of so many that begin together: in no 100 ms of their second round are there more than half as many again as the
 * mean, and the first round is over soon. */
static void e22_begins_are_spread(void **state)
{
	static const unsigned numbers[] = {1, 3, 200, 2000};

	(void)state;
	for (size_t i = 0; i < array_len(numbers); i++) {
		unsigned n = numbers[i], slots[40] = {0};
		int64_t first_ends = 0;

		for (unsigned k = 0; k < n; k++) {
			struct check_state s = {0};

			check_state_begin(&s, &usual, (struct check_place){k, n}, BEGAN);
			first_ends = s.due > first_ends ? s.due : first_ends;
			(void)ends(&s, true, MS, 65535);
			assert_true(s.due >= BEGAN + 2 * S && s.due < BEGAN + 4 * S);
			slots[(s.due - BEGAN) / (100 * MS)]++;
		}
		assert_true(first_ends - BEGAN <= 2 * S && first_ends - BEGAN <= (int64_t)n * 10 * MS);
		for (size_t k = 0; k < array_len(slots); k++)
			assert_true(slots[k] <= n * 3 / 2 / 20 + 1);
	}
}

static void e30_another_check_decides_at_once(void **state)
{
	struct check_state s = up_for(10 * S);
	struct check_change c;

	(void)state;
	(void)ends(&s, false, MS, 0);
	check_state_begin(&s, &usual, (struct check_place){0, 1}, BEGAN + S);
	assert_int_equal(s.verdict, SERVER_CHECK_UP); /* kept meanwhile, and its age */
	assert_int_equal(s.since, BEGAN - 10 * S);
	c = ends(&s, false, MS, 0);
	assert_int_equal(c.to, SERVER_CHECK_DOWN);
}

static void e76_forgotten_is_unknown(void **state)
{
	struct check_state s = up_for(10 * S);

	(void)state;
	(void)ends(&s, false, MS, 0);
	check_state_forget(&s, BEGAN + S);
	assert_int_equal(s.verdict, SERVER_CHECK_UNKNOWN);
	assert_int_equal(s.due, BEGAN + S);
	(void)ends(&s, false, MS, 0);
	assert_int_equal(s.verdict, SERVER_CHECK_DOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e24_rows_decide),
		cmocka_unit_test(e24_doubt_makes_haste),
		cmocka_unit_test(e24_detection_in_time),
		cmocka_unit_test(e24_a_quarter_has_a_least),
		cmocka_unit_test(e22_jitter_shortens),
		cmocka_unit_test(e22_begins_are_spread),
		cmocka_unit_test(e30_another_check_decides_at_once),
		cmocka_unit_test(e76_forgotten_is_unknown),
	};

	return cmocka_run_group_tests_name("check_state", tests, NULL, NULL);
}
