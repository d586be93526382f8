/* chunk: what it holds, how it grows, and that an empty one is NULL. */
#include "proxy/base/chunk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void no_chunk_holds_nothing(void **state)
{
	struct chunk *c = NULL;

	(void)state;
	assert_int_equal(chunk_held(c), 0);
	chunk_drop(&c);
	assert_null(c);
}

static void a_copy_holds_its_bytes(void **state)
{
	struct chunk *c = chunk_of("abc", 3);

	(void)state;
	assert_non_null(c);
	assert_int_equal(chunk_held(c), 3);
	assert_memory_equal(c->bytes, "abc", 3);
	c->from = 2;
	assert_int_equal(chunk_held(c), 1);
	chunk_drop(&c);
	assert_null(c);
}

static void growing_keeps_bytes_and_offsets(void **state)
{
	struct chunk *c = NULL;

	(void)state;
	assert_true(chunk_grow(&c, 4));
	assert_int_equal(chunk_held(c), 0);
	chunk_put(c, "abcd", 4);
	c->from = 1;
	assert_true(chunk_grow(&c, 100000));
	chunk_put(c, "ef", 2);
	assert_int_equal(chunk_held(c), 5);
	assert_memory_equal(c->bytes, "abcdef", 6);
	chunk_drop(&c);
}

static void more_than_it_can_count_is_no_memory(void **state)
{
	struct chunk *c = chunk_of("x", 1), *before = c;

	(void)state;
	assert_null(chunk_new((size_t)UINT32_MAX + 1));
	assert_false(chunk_grow(&c, (size_t)UINT32_MAX + 1));
	assert_ptr_equal(c, before);
	assert_int_equal(chunk_held(c), 1);
	chunk_drop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_chunk_holds_nothing),
		cmocka_unit_test(a_copy_holds_its_bytes),
		cmocka_unit_test(growing_keeps_bytes_and_offsets),
		cmocka_unit_test(more_than_it_can_count_is_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
