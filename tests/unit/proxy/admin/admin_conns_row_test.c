/* admin_conns_row: O7: the fields that a list may have. */
#include "proxy/admin/admin_conns_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void o7_fields(void **state)
{
	uint32_t fields;

	(void)state;
	assert_true(conn_fields_read("id", &fields));
	assert_int_equal(fields, 1u << CONN_FIELD_ID);
	assert_true(conn_fields_read("bottleneck,id,tls", &fields));
	assert_int_equal(conn_fields_want(fields), CONN_WANT_TCP | CONN_WANT_TLS);
	assert_false(conn_fields_read("", &fields));
	assert_false(conn_fields_read("id,", &fields));
	assert_false(conn_fields_read("i", &fields));
	assert_false(conn_fields_read("idx", &fields));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o7_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
