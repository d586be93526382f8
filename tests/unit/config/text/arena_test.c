/* arena: pieces are zeroed, aligned and bounded, and go all at once. */
#include "config/text/arena.h"

#include <stdalign.h>
#include <string.h>

#include "tests/unit/config/load.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct arena a;
	char *before = NULL;

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	for (size_t n = 1; n < 3000; n += 37) {
		char *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 'x', n);
		assert_ptr_not_equal(p, before);
		before = p;
	}
	assert_non_null(arena_alloc(&a, 1 << 20)); /* larger than any chunk */
	arena_fini(&a);
	assert_null(a.chunks);
	assert_null(arena_alloc(&a, 1));
}

static void the_limit_holds(void **state)
{
	struct arena a;
	size_t got = 0;

	(void)state;
	arena_init(&a, 1000);
	assert_null(arena_alloc(&a, 1001));
	while (arena_alloc(&a, 10) != NULL)
		got += 10;
	assert_true(got >= 500 && got <= 1000);
	arena_fini(&a);
}

static void overflow_is_no_memory(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_null(arena_array(&a, SIZE_MAX, 1));
	assert_non_null(arena_array(&a, 0, 8));
	arena_fini(&a);
}

static void text_is_terminated(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	assert_string_equal(arena_text(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_text(&a, NULL, 0), "");
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(overflow_is_no_memory),
		cmocka_unit_test(text_is_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
