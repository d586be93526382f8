/* conn_tcp: O7: who holds a connection up. */
#include "proxy/conn/conn_tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

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
		struct conn_tcp t = {.has = {true, true}, .leg = {rows[i].client, rows[i].server}};

		assert_string_equal(conn_bottleneck(&t), rows[i].who);
		t.has[0] = t.has[1] = false;
		assert_string_equal(conn_bottleneck(&t), "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o7_who_holds_it_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
