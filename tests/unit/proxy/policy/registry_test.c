/* registry: counts are found again by name, as long as one reference is left. */
#include "proxy/policy/registry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORKERS 3

static void counts_live_by_name(void **state)
{
	struct listener_counts *a, *b, *other;
	struct registry r;

	(void)state;
	assert_int_equal(registry_init(&r, WORKERS), 0);
	a = listener_counts_get(&r, "web");
	other = listener_counts_get(&r, "admin");
	b = listener_counts_get(&r, "web");
	assert_non_null(a);
	assert_non_null(other);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, other);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(a->on[i].count, 0);
		assert_true(list_empty(&a->on[i].alone) && list_empty(&a->on[i].many));
	}
	a->handshakes_limit.used = 7;
	listener_counts_put(a);
	b = listener_counts_get(&r, "web");
	assert_int_equal(limit_used(&b->handshakes_limit), 7); /* still the same: b's reference kept it */
	listener_counts_put(b);
	listener_counts_put(b);
	b = listener_counts_get(&r, "web");
	assert_int_equal(limit_used(&b->handshakes_limit), 0); /* new: the last reference had gone */
	listener_counts_put(b);
	listener_counts_put(other);
	listener_counts_put(NULL);
	registry_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_live_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
