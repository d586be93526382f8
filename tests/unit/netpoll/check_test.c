/* check: a condition that fails aborts with its sentence; one that holds is evaluated once. */
#include "netpoll/check.h"

#include "tests/unit/netpoll/dies.h"

#define THING_MAGIC 0x7417u

struct thing {
	uint32_t magic;
	int value;
};

static int evaluated;

static bool count(bool answer)
{
	evaluated++;
	return answer;
}

static void check_false(void)
{
	CHECK(1 + 1 == 3, "sums do not add up");
}

static void dcheck_false(void)
{
	DCHECK(2 + 2 == 5, "larger sums do not either");
}

static void cast_of_another(void)
{
	struct thing t = {.magic = THING_MAGIC + 1};

	t.value = OBJ_CAST(&t, thing, THING_MAGIC)->value;
}

static void cast_of_null(void)
{
	void *nothing = NULL;

	OBJ_CAST(nothing, thing, THING_MAGIC)->value = 1;
}

static void what_holds_costs_one_look(void **state)
{
	(void)state;
	evaluated = 0;
	CHECK(count(true), "is true");
	assert_int_equal(evaluated, 1);
	DCHECK(count(true), "is true");
	assert_int_equal(evaluated, 2); /* on: test builds are debug builds */
}

static void what_does_not_hold_aborts_with_its_sentence(void **state)
{
	(void)state;
	assert_dies(check_false, "staunch: BUG: sums do not add up\n");
	assert_dies(check_false, "CHECK(1 + 1 == 3)");
	assert_dies(check_false, "check_test.c:");
	assert_dies(dcheck_false, "staunch: BUG: larger sums do not either\n");
}

static void a_cast_looks_at_the_tag(void **state)
{
	struct thing t = {.magic = THING_MAGIC, .value = 5};
	void *p = &t;

	(void)state;
	assert_ptr_equal(OBJ_CAST(p, thing, THING_MAGIC), &t);
	assert_int_equal(OBJ_CAST(p, thing, THING_MAGIC)->value, 5);
	assert_dies(cast_of_another, "object is not a live THING_MAGIC");
	assert_dies(cast_of_null, "object is not a live THING_MAGIC");
}

/* An if without braces takes it, and so does its else. */
static void it_is_one_statement(void **state)
{
	(void)state;
	evaluated = 0;
	if (evaluated > 0)
		CHECK(false, "never");
	else
		evaluated = 7;
	assert_int_equal(evaluated, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds_costs_one_look),
		cmocka_unit_test(what_does_not_hold_aborts_with_its_sentence),
		cmocka_unit_test(a_cast_looks_at_the_tag),
		cmocka_unit_test(it_is_one_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
