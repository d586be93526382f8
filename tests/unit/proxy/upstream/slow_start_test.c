/* slow_start: E41. What a server gets that comes back to warm neighbours, by a clock of the test: counts over many
 * picks at one moment, so that no pick of them sees another age. */
#include "netpoll/hook.h"
#include "proxy/upstream/slow_start.h"
#include "tests/unit/proxy/upstream/servers.h"

#define S     INT64_C(1000000000)
#define PICKS 12000

static struct server_registry *registry;
static struct upstream *u;
static int64_t now;
static uint64_t bits;

/* What changes a server's word asks the clock itself. */
static int64_t test_clock(void)
{
	return now;
}

static struct upstream *make(enum balance balance, const char *line, int64_t slow_start)
{
	struct servers s;
	struct upstream *made;

	servers_init(&s, balance, line);
	s.spec.slow_start = slow_start;
	s.spec.passive.on = true;
	s.spec.passive.failures = 3;
	s.spec.passive.within = s.spec.passive.out = s.spec.passive.max_out = 10 * S;
	made = upstream_new(&s.spec, registry);
	assert_non_null(made);
	return made;
}

static void begin(enum balance balance, const char *line)
{
	registry = server_registry_new(1);
	bits = servers_seed();
	hook.nanotime = test_clock;
	now = 1000 * S - 1; /* who comes back does so after the key was there */
	u = make(balance, line, 30 * S);
	now++;
}

static int end(void **state)
{
	(void)state;
	if (registry != NULL)
		servers_close(u, registry);
	registry = NULL;
	hook_reset();
	return 0;
}

static struct server *at(unsigned place)
{
	return u->members->at[place].server;
}

static void set_check(unsigned place, enum server_check check)
{
	(void)server_set_check(at(place), check);
}

static unsigned pick_once(void)
{
	struct pick_args a = {.now = now, .random = servers_random(&bits), .hash = servers_random(&bits) | 1};
	int err;
	unsigned place = servers_pick(u, &a, &err);

	assert_int_equal(err, 0);
	return place;
}

/* In thousandths of so many picks at this moment. Slots are given back at once. */
static unsigned share_of(unsigned place)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PICKS; i++) {
		unsigned got = pick_once();

		server_release(at(got));
		n += got == place;
	}
	return n * 1000 / PICKS;
}

static void expect_share(unsigned place, double factor, unsigned others)
{
	double wanted = 1000 * factor / (others + factor);
	unsigned got = share_of(place);

	if (got > wanted + 12 || got + 12 < wanted)
		fail_msg("%u of 1000 and not %.0f", got, wanted);
}

/* Down for a pick, and up again. */
static void come_back(unsigned place)
{
	set_check(place, SERVER_CHECK_DOWN);
	server_release(at(pick_once()));
	set_check(place, SERVER_CHECK_UP);
}

/* ---- the ramp ---- */

static void ramp_holds(enum balance balance)
{
	begin(balance, "1 1 1");
	expect_share(0, 1, 2); /* not at the start */
	come_back(0);
	expect_share(0, 0.1, 2);
	now += 10 * S;
	expect_share(0, 0.4, 2);
	now += 10 * S;
	expect_share(0, 0.7, 2);
	now += 10 * S - 1;
	expect_share(0, 1, 2);
	now += 1;
	expect_share(0, 1, 2);
	end(NULL);
}

static void e41_linearly_from_a_tenth(void **state)
{
	(void)state;
	ramp_holds(BALANCE_ROUND_ROBIN);
}

/* E41: round robin is exact in whatever the shares are: a share of a tenth is every 21st of two others and it. */
static void e41_round_robin_does_not_burst(void **state)
{
	unsigned since = 100;

	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	come_back(0);
	for (unsigned i = 0; i < 500; i++) {
		unsigned got = pick_once();

		server_release(at(got));
		if (got == 0)
			assert_true(since >= 19);
		since = got == 0 ? 0 : since + 1;
	}
}

/* What holds a server out, and whether it is young afterwards. */
static void e41_back_from_what(void **state)
{
	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	servers_set_admin(at(0), SERVER_MAINT);
	server_release(at(pick_once()));
	servers_set_admin(at(0), SERVER_READY);
	expect_share(0, 0.1, 2);
	now += 30 * S;
	servers_set_admin(at(0), SERVER_DRAIN);
	server_release(at(pick_once()));
	servers_set_admin(at(0), SERVER_READY);
	expect_share(0, 1, 2);
	set_check(0, SERVER_CHECK_UNKNOWN);
	server_release(at(pick_once()));
	set_check(0, SERVER_CHECK_UP);
	expect_share(0, 1, 2);
}

/* E28: its agent says that it is down. E41: however few its share is of, it has one connection. */
static void e41_back_from_its_agent(void **state)
{
	struct server_inputs down = {.agent = SERVER_AGENT_DOWN, .agent_weight = -1}, ready = {.agent_weight = -1};

	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1/5 1 1");
	(void)server_set_agent(at(0), &down);
	server_release(at(pick_once()));
	(void)server_set_agent(at(0), &ready);
	expect_share(0, 0.1, 2);
	assert_int_equal(u->members->at[0].most, 1);
}

/* A pick by a clock that is a turn behind that of the pick which saw it come back. */
static void e41_a_clock_that_is_behind(void **state)
{
	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	come_back(0);
	server_release(at(pick_once()));
	now -= 5 * S;
	expect_share(0, 0.1, 2);
}

/* Out by its failures, and in again, also where nobody has picked between. */
static void e41_back_from_its_failures(void **state)
{
	const struct report failed = {.kind = REPORT_FAILED, .began = 1000 * S, .now = 1000 * S};

	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	assert_int_equal(passive_forget(at(0), now), SERVER_IN);
	expect_share(0, 1, 2);
	for (unsigned i = 0; i < 3; i++)
		(void)passive_report(u, at(0), &failed);
	assert_int_equal(passive_forget(at(0), now), SERVER_OUT);
	expect_share(0, 0.1, 2);
}

/* ---- when it does not act ---- */

static void e41_all_of_a_tier_are_young(void **state)
{
	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1/4 1/4 1b");
	for (unsigned i = 0; i < 2; i++)
		set_check(i, SERVER_CHECK_DOWN);
	server_release(at(pick_once()));
	set_check(0, SERVER_CHECK_UP);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pick_once(), 0); /* it is alone: it has its whole max_connections */
	servers_release(u);
	now += 5 * S;
	set_check(1, SERVER_CHECK_UP);
	assert_int_equal(share_of(1), 500);
}

/* Its generation has other weights and no memory of who was out: that is the server's. */
static void e41_a_reload_goes_on_with_it(void **state)
{
	struct upstream *old;

	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	come_back(0);
	expect_share(0, 0.1, 2);
	now += 10 * S;
	old = u;
	u = make(BALANCE_ROUND_ROBIN, "2 2 2", 30 * S);
	expect_share(0, 0.4, 2);
	upstream_free(old);
	now += 20 * S;
	expect_share(0, 1, 2);
}

/* Two generations pick at the same time, and one has seen neither begin nor end. */
static void e41_generations_agree(void **state)
{
	struct upstream *old, *new;

	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	old = u;
	new = make(BALANCE_RANDOM_TWO, "1 1 1", 30 * S);
	come_back(0);
	expect_share(0, 0.1, 2);
	u = new;
	now += 10 * S;
	assert_int_equal(slow_start_factor(at(0), 30 * S, now), 102 + 922 / 3);
	u = old;
	expect_share(0, 0.4, 2);
	u = new;
	now += 20 * S;
	assert_int_equal(slow_start_factor(at(0), 30 * S, now), SLOW_START_UNIT);
	u = old;
	expect_share(0, 1, 2);
	upstream_free(new);
}

static void e41_a_reload_begins_nothing(void **state)
{
	struct upstream *plain;

	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	plain = make(BALANCE_ROUND_ROBIN, "1 1 1", 0);
	upstream_free(u);
	u = plain;
	come_back(0);
	set_check(1, SERVER_CHECK_DOWN); /* and is down yet when the key comes */
	assert_int_equal(share_of(0), 500);
	now++;
	u = make(BALANCE_ROUND_ROBIN, "1 1 1 1", 30 * S); /* with the key, and a server more */
	upstream_free(plain);
	expect_share(0, 1, 2);
	set_check(1, SERVER_CHECK_UP);
	expect_share(1, 0.1, 3);
	now += 30 * S;
	for (unsigned i = 0; i < 4; i++)
		expect_share(i, 1, 3);
}

/* E41: nobody has picked while it was away, nor for ten seconds after: it is ten seconds old then, not new and not
 * old. */
static void e41_no_client_came_meanwhile(void **state)
{
	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	set_check(0, SERVER_CHECK_DOWN);
	now += 60 * S;
	set_check(0, SERVER_CHECK_UP);
	now += 10 * S;
	expect_share(0, 0.4, 2);
	now += 20 * S;
	expect_share(0, 1, 2);
}

/* E41: its check failed while an operator drained it: it is back when both are over. */
static void e41_back_from_two(void **state)
{
	(void)state;
	begin(BALANCE_ROUND_ROBIN, "1 1 1");
	servers_set_admin(at(0), SERVER_DRAIN);
	set_check(0, SERVER_CHECK_DOWN);
	now += 10 * S;
	set_check(0, SERVER_CHECK_UP);
	now += 10 * S;
	servers_set_admin(at(0), SERVER_READY);
	expect_share(0, 0.1, 2);
}

/* ---- names ---- */

static void replace_with(unsigned n)
{
	struct server_spec specs[SERVERS_MAX];

	for (unsigned i = 0; i < n; i++)
		specs[i] = servers_one(i);
	assert_int_equal(upstream_replace(u, specs, n), 0);
}

static void e41_new_addresses_of_a_name(void **state)
{
	(void)state;
	begin(BALANCE_ROUND_ROBIN, "");
	replace_with(2);
	replace_with(3); /* nobody has picked yet: it starts */
	expect_share(2, 1, 2);
	replace_with(4);
	expect_share(3, 0.1, 3);
	replace_with(4);
	now += 10 * S;
	expect_share(3, 0.4, 3);
}

/* ---- what else ---- */

static void e41_max_connections_grows_as_well(void **state)
{
	static const unsigned most[] = {1, 10, 20}; /* of 20, at least 1 */

	(void)state;
	begin(BALANCE_ROUND_ROBIN, "100/20 1");
	come_back(0);
	for (size_t i = 0; i < array_len(most); i++) {
		for (unsigned k = 0; k < 2000; k++)
			(void)pick_once();
		assert_int_equal(server_active(at(0)), most[i]);
		servers_release(u);
		now += 15 * S;
	}
}

/* The one without a connection would get the next hundred. */
static void e41_least_conn_does_not_herd(void **state)
{
	unsigned got = 0;

	(void)state;
	begin(BALANCE_LEAST_CONN, "1 1 1");
	set_check(0, SERVER_CHECK_DOWN);
	for (unsigned i = 0; i < 2000; i++)
		(void)pick_once();
	set_check(0, SERVER_CHECK_UP);
	for (unsigned i = 0; i < 1000; i++)
		got += pick_once() == 0;
	assert_in_range(got, 20, 80); /* one of 21, by lot */
	now += 15 * S;
	got = 0;
	for (unsigned i = 0; i < 1000; i++)
		got += pick_once() == 0;
	assert_in_range(got, 160, 280); /* 0.55 of 2.55 */
}

static void e41_random_two_does_not_herd(void **state)
{
	unsigned got = 0;

	(void)state;
	begin(BALANCE_RANDOM_TWO, "1 1 1");
	set_check(0, SERVER_CHECK_DOWN);
	for (unsigned i = 0; i < 2000; i++)
		(void)pick_once();
	set_check(0, SERVER_CHECK_UP);
	for (unsigned i = 0; i < 1000; i++)
		got += pick_once() == 0;
	assert_in_range(got, 50, 140); /* drawn first or second: twice its share */
}

/* Their keys stay where they are. */
static void e41_hashes_leave_it_out(void **state)
{
	(void)state;
	begin(BALANCE_SOURCE_HASH, "1 1 1");
	assert_true(u->slow_start == 0);
	come_back(0);
	expect_share(0, 1, 2);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e41_linearly_from_a_tenth),
		TEST(e41_round_robin_does_not_burst),
		TEST(e41_back_from_what),
		TEST(e41_back_from_its_agent),
		TEST(e41_no_client_came_meanwhile),
		TEST(e41_back_from_two),
		TEST(e41_a_clock_that_is_behind),
		TEST(e41_back_from_its_failures),
		TEST(e41_all_of_a_tier_are_young),
		TEST(e41_a_reload_goes_on_with_it),
		TEST(e41_generations_agree),
		TEST(e41_a_reload_begins_nothing),
		TEST(e41_new_addresses_of_a_name),
		TEST(e41_max_connections_grows_as_well),
		TEST(e41_least_conn_does_not_herd),
		TEST(e41_random_two_does_not_herd),
		TEST(e41_hashes_leave_it_out),
	};

	return cmocka_run_group_tests_name("slow_start", tests, NULL, NULL);
}
