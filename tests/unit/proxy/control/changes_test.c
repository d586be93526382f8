/* changes: what a reload changed, in one line: O18, O13. */
#include "proxy/control/changes.h"

#include "tests/unit/config/load.h"

static const char older[] = "log: {level: info}\nworkers: 1\n"
			    "listeners:\n  - {name: web, bind: \"127.0.0.1:80\", upstream: app}\n"
			    "  - {name: old, bind: \"127.0.0.1:81\", upstream: app}\n"
			    "upstreams:\n  - {name: app, servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"]}\n";

static const char *changes_of(const char *newer, size_t room)
{
	static char out[1024];
	struct load a = load_text(older), b = load_text(newer);
	struct text t;

	assert_non_null(a.c);
	assert_non_null(b.c);
	text_init(&t, out, room);
	changes_put(&t, a.c, b.c);
	assert_false(t.cut);
	out[t.n] = '\0';
	load_free(&a);
	load_free(&b);
	return out;
}

static void nothing_differs(void **state)
{
	(void)state;
	assert_string_equal(changes_of(older, 512), "");
}

/* Sections by their keys, objects by their names, what waits for a restart marked. */
static void each_kind_of_change(void **state)
{
	(void)state;
	assert_string_equal(
		changes_of("log: {level: debug}\nworkers: 2\n"
			   "listeners:\n  - {name: web, bind: \"127.0.0.1:80\", upstream: app, timeouts: {idle: 5m}}\n"
			   "  - {name: new, bind: \"127.0.0.1:82\", upstream: app}\n"
			   "upstreams:\n  - {name: app, balance: least_conn, "
			   "servers: [\"10.0.0.1:80\", {address: \"10.0.0.3:80\", weight: 2}]}\n",
			   1024),
		"workers (at the next start); log.level; listener web: timeouts.idle; listener old removed; "
		"listener new added; upstream app: balance; server app/10.0.0.2:80 removed; "
		"server app/10.0.0.3:80 added");
}

/* What has no room is counted, and nothing is cut in the middle. */
static void too_many_are_counted(void **state)
{
	const char *newer = "log: {level: debug}\nworkers: 2\n"
			    "listeners:\n  - {name: web, bind: \"127.0.0.1:80\", upstream: app, timeouts: {idle: 3m}}\n"
			    "upstreams:\n  - {name: app, servers: [\"10.0.0.1:80\"]}\n";

	(void)state;
	assert_string_equal(changes_of(newer, CHANGES_MORE), "5 changes");
	assert_string_equal(changes_of(newer, CHANGES_MORE + 40),
			    "workers (at the next start); log.level; and 3 more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_differs),
		cmocka_unit_test(each_kind_of_change),
		cmocka_unit_test(too_many_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
