/* admin_conns_row: O7: the fields that a list may have, and who holds a connection up. */
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

static void o7_who_holds_it_up(void **state)
{
	static const struct {
		struct np_tcp_info client, server;
		const char *who;
	} rows[] = {
		{{.busy = 0}, {.busy = 0}, "none"},
		{{.busy = 100, .rwnd_limited = 51}, {.busy = 100, .rwnd_limited = 99}, "client_app"},
		{{.busy = 100, .rwnd_limited = 50}, {.busy = 100, .rwnd_limited = 51}, "server_app"},
		{{.unacked = 1, .notsent = 1}, {.busy = 0}, "client_net"},
		{{.unacked = 1}, {.unacked = 2, .notsent = 1}, "server_net"},
		{{.notsent = 1}, {.unacked = 2}, "none"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct conn_row row = {.has_tcp = {true, true}, .tcp = {rows[i].client, rows[i].server}};

		assert_string_equal(conn_bottleneck(&row), rows[i].who);
		row.has_tcp[0] = row.has_tcp[1] = false;
		assert_string_equal(conn_bottleneck(&row), "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o7_fields),
		cmocka_unit_test(o7_who_holds_it_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
