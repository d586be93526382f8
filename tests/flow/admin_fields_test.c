/* staunch-api(7) explains each member of /v1/servers and of /v1/upstreams: real answers and the rows of
 * admin_fields_tbl.h have the same members, neither more nor less. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/admin/admin_fields_tbl.h"
#include "tests/flow/kit/control.h"

#define ROWS_MOST 128

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As jq's `unique` orders them, a line each. */
static const char *lines_of(const char *const *rows, size_t n)
{
	static char out[8192];
	const char *sorted[ROWS_MOST];

	assert_in_range(n, 1, ROWS_MOST);
	memcpy(sorted, rows, n * sizeof(*rows));
	qsort(sorted, n, sizeof(*sorted), compare_words);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s\n", sorted[i]);
	return out;
}

/* Names of all leaves, with dots; an object that is null in one element is there in another. */
static void expect_members(const char *list, const char *const *rows, size_t n)
{
	const char *got = control_shell_ok(textf(
		"curl -s --unix-socket $S http://localhost/v1/%s | jq -r '[.%s[] | paths(type != \"object\" and "
		"type != \"array\") | map(select(type == \"string\")) | join(\".\")] | unique as $u | $u[] | "
		"select(. as $x | any($u[]; startswith($x + \".\")) | not)'", list, list));

	assert_string_equal(got, lines_of(rows, n));
}

static bool is_checked_and_failed(void *arg)
{
	const char *got = control_shell_ok("curl -s --unix-socket $S http://localhost/v1/servers | jq -c "
					   "'[.servers[] | .last_check, .last_connect_error] | map(. != null)'");

	(void)arg;
	return strcmp(got, "[true,false,false,true]\n") == 0;
}

/* O24: what an operator reads there is explained. */
static void members_have_their_rows(void **state)
{
	static const char *const servers[] = {
#define X(member, help) member,
		SERVER_FIELD_TBL(X) COUNT_FIELD_TBL(X)
	};
	static const char *const upstreams[] = {
		UPSTREAM_FIELD_TBL(X) COUNT_FIELD_TBL(X)
#undef X
	};
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0));
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\", state: off}\n"
		"listeners:\n  - {name: web, bind: \"%s:%d\", upstream: dead}\n"
		"upstreams:\n  - {name: app, servers: [\"%s:%d\"], health: {tcp: {interval: 200ms}}}\n"
		"  - {name: dead, servers: [\"%s:%d\"]}\n",
		control_socket(), kit_ip(0), port, kit_ip(0), kit_peer_port(server), kit_ip(0),
		kit_refuser(kit_ip(0))));
	kit_expect_fin(kit_connect(kit_ip(0), port));
	if (!kit_wait(is_checked_and_failed, NULL, KIT_MS))
		kit_fail("no check, or no failed connect");
	expect_members("servers", servers, array_len(servers));
	expect_members("upstreams", upstreams, array_len(upstreams));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(members_have_their_rows, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_fields", tests, NULL, NULL);
}
