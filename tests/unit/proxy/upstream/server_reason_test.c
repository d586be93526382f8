/* server_reason: O10, the one sentence for why a server gets no clients and what brings it back, by a clock of the
 * test. */
#include "netpoll/hook.h"
#include "proxy/upstream/server_reason.h"
#include "tests/unit/proxy/upstream/servers.h"

#define S INT64_C(1000000000)

static struct server_registry *registry;
static struct upstream *u;
static struct server *s;
static int64_t now;
static char text[SERVER_REASON];

static int64_t test_clock(void)
{
	return now;
}

static int begin(void **state)
{
	struct servers made;

	(void)state;
	hook.nanotime = test_clock;
	now = 1000 * S;
	registry = server_registry_new(1);
	servers_init(&made, BALANCE_ROUND_ROBIN, "1 1 1");
	made.spec.passive.on = true;
	made.spec.passive.failures = 1;
	made.spec.passive.within = 10 * S;
	made.spec.passive.out = made.spec.passive.max_out = 100 * S;
	u = upstream_new(&made.spec, registry);
	assert_non_null(u);
	s = u->members->at[0].server;
	return 0;
}

static int end(void **state)
{
	(void)state;
	servers_close(u, registry);
	hook_reset();
	return 0;
}

/* What decides for it now. */
static enum server_why why_now(void)
{
	enum server_why why;

	(void)server_usable(server_now(s), 1, &why);
	return why;
}

static void expect_reason(const char *reason, const char *back)
{
	assert_string_equal(server_reason(s, why_now(), text), reason);
	assert_string_equal(server_reason_back(s, why_now(), true, text), back);
}

static void check_found(enum check_result result, unsigned against, unsigned needed)
{
	int err = result == CHECK_FAILED ? -NP_EACCES : 0;
	const struct server_check_last last = {.result = result, .err = err, .at = now};

	server_checked_note(&s->checked, &last);
	server_checked_next(&s->checked, (struct server_check_row){against, needed}, now + 3 * S / 2);
}

static void nothing_is_in_the_way(void **state)
{
	(void)state;
	assert_null(server_reason(s, why_now(), text));
	assert_null(server_reason_back(s, why_now(), true, text));
}

/* A check that is good again, but not often enough yet, does not fail. */
static void a_check(void **state)
{
	(void)state;
	(void)server_set_check(s, SERVER_CHECK_DOWN);
	check_found(CHECK_REFUSED, 0, 2);
	expect_reason("its check fails: the connect is refused",
		      "when its check passes 2 times in a row; the next one is in 2s");
	check_found(CHECK_FAILED, 0, 1);
	expect_reason("its check fails: the connect fails: permission denied",
		      "when its check passes 1 time in a row; the next one is in 2s");
	check_found(CHECK_OK, 1, 3);
	expect_reason("its check passed 1 of the 3 times in a row that it must",
		      "when its check passes 2 times more; the next one is in 2s");
	now += 2 * S;
	expect_reason("its check passed 1 of the 3 times in a row that it must",
		      "when its check passes 2 times more; the next one is under way");
	(void)server_set_check(s, SERVER_CHECK_UNKNOWN);
	expect_reason("its check has no result yet: used where no other is left", "when its check passes once");
}

static void an_ejection(void **state)
{
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_EARLY_RESET, .began = now, .now = now};
	int64_t until;

	(void)state;
	(void)passive_report(u, s, &r);
	until = passive_now(s).until;
	assert_in_range(until - now, 90 * S, 100 * S);
	now = until - 61 * S + 1; /* rounded up: 60.999999999 s are not over after 60 */
	expect_reason("its connections failed (early_reset): it resets connections before its first byte",
		      "if it answers the client that tries it: in 1m1s, or as soon as a probe of it works");
	assert_string_equal(server_reason_back(s, SERVER_WHY_PASSIVE_OUT, false, text),
			    "if it answers the client that tries it: in 1m1s");
	now = until;
	expect_reason("its connections failed (early_reset): it resets connections before its first byte",
		      "if it answers the client that tries it: the next one");
	pthread_mutex_lock(&u->live->lock);
	passive_begin_trial(s, now, now + S);
	pthread_mutex_unlock(&u->live->lock);
	expect_reason("its connections failed, and one client tries it now (early_reset): it resets connections before "
		      "its first byte",
		      "if it answers that client");
}

static void an_order(void **state)
{
	const struct server_inputs drain = {.admin = SERVER_DRAIN, .admin_weight = -1};

	(void)state;
	servers_say(s, &drain);
	expect_reason("an operator drains it", "with: staunch server ready");
	server_set_admin(s, &drain, (int64_t[SERVER_SETS]){1700000000 * S + 1});
	expect_reason("an operator drains it until 2023-11-14T22:13:21Z",
		      "by itself then, or now with: staunch server ready");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_in_the_way),
		TEST(a_check),
		TEST(an_ejection),
		TEST(an_order),
	};

	return cmocka_run_group_tests_name("server_reason", tests, NULL, NULL);
}
