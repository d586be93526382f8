/* word: distances of slips of the finger, and the nearest word. */
#include "config/text/word.h"

#include "tests/unit/config/load.h"

#define W8  "abcdefgh"
#define W64 W8 W8 W8 W8 W8 W8 W8 W8

static void distance(void **state)
{
	static const struct {
		const char *a, *b;
		int         d;
	} rows[] = {
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"idle", "idle", 0},
		{"upsteam", "upstream", 1},     /* left out */
		{"bindd", "bind", 1},           /* doubled */
		{"bibd", "bind", 1},            /* another letter */
		{"weigth", "weight", 1},        /* two swapped count once */
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},               /* restricted: no piece is edited twice */
		{"idle", "backlog", 6},
		{W64, W64, 0},
		{W64 "x", W64, WORD_MAX},       /* too long to be compared */
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		assert_int_equal(word_distance(rows[i].a, rows[i].b), rows[i].d);
		assert_int_equal(word_distance(rows[i].b, rows[i].a), rows[i].d);
	}
}

static void nearest(void **state)
{
	static const char *const words[] = {"idle", "half_close", "lifetime", "linger", "off", "a", NULL};
	static const struct {
		const char *typed, *best;
	} rows[] = {
		{"", NULL},
		{"x", NULL},          /* one slip would be the whole word */
		{"on", NULL},
		{"listeners", NULL},  /* far from everything */
		{"idle", "idle"},
		{"idel", "idle"},
		{"half-close", "half_close"},
		{"halfclose", "half_close"},
		{"lifetme", "lifetime"},
		{"ofd", "off"},
		{W64 W64, NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *best = word_nearest(rows[i].typed, words);

		if (rows[i].best == NULL)
			assert_null(best);
		else
			assert_string_equal(best, rows[i].best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
