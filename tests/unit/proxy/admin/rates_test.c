/* rates: of ten seconds, and over a change of what there is. */
#include "proxy/admin/rates.h"

#include <stdlib.h>

#include "tests/unit/proxy/admin/lists.h"

static void at_second(struct rates *r, struct inventory *inv, unsigned second)
{
	assert_true(rates_sample(r, inv, (int64_t)second * NP_S));
}

static void a_rate_is_that_of_ten_seconds(void **state)
{
	struct inventory *inv = list_of(BOTH);
	struct rates r = {.samples = 1};
	uint64_t got[RATES];

	(void)state;
	for (unsigned i = 1; i <= 30; i++) {
		inv->listeners[1].counts->stats[i % WORKERS].connections += i < 20 ? 5 : 10;
		inv->servers[0].server->stats[0].refused += 2;
		inv->servers[0].server->stats[1].replayed += 1; /* another server answered, and this one failed */
		inv->servers[0].server->stats[1].bytes_out += 1000;
		at_second(&r, inv, i);
		rates_listener(&r, inv, 1, got);
		if (i < 20)
			assert_int_equal(got[RATE_CONNECTIONS], 5000);
		if (i >= 29)
			assert_int_equal(got[RATE_CONNECTIONS], 10000);
	}
	rates_process(&r, got);
	assert_int_equal(got[RATE_CONNECTIONS], 10000);
	rates_server(&r, inv, 0, got);
	assert_int_equal(got[RATE_FAILED], 3000);
	assert_int_equal(got[RATE_BYTES_OUT], 1000000);
	assert_int_equal(got[RATE_CONNECTIONS], 0);
	rates_upstream(&r, inv, 0, got);
	assert_int_equal(got[RATE_FAILED], 3000);
	rates_server(&r, inv, 1, got);
	assert_int_equal(got[RATE_FAILED], 0);
	rates_listener(&r, inv, 0, got);
	assert_int_equal(got[RATE_CONNECTIONS], 0);
	rates_fini(&r);
}

/* One second of three: the clock is ours, so a late sample makes no rate wrong. */
static void a_late_sample_counts_its_time(void **state)
{
	struct inventory *inv = list_of(BOTH);
	struct rates r = {.samples = 1};
	uint64_t got[RATES];

	(void)state;
	at_second(&r, inv, 1);
	inv->listeners[0].counts->stats[0].connections += 9;
	at_second(&r, inv, 4);
	rates_listener(&r, inv, 0, got);
	assert_int_equal(got[RATE_CONNECTIONS], 9000 / 4);
	rates_fini(&r);
}

static void what_goes_on_keeps_its_rate(void **state)
{
	struct inventory *both = list_of(BOTH), *fewer, *again;
	struct server *second = both->servers[1].server;
	struct rates r = {.samples = 1};
	uint64_t got[RATES];

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		both->servers[1].server->stats[0].bytes_in += 7;
		at_second(&r, both, i);
	}
	fewer = list_of(SECOND_ALONE);
	rates_server(&r, fewer, 0, got);
	assert_int_equal(got[RATE_BYTES_IN], 0); /* not sampled yet */
	at_second(&r, fewer, 6);
	assert_ptr_equal(fewer->servers[0].server, second);
	rates_server(&r, fewer, 0, got);
	assert_int_equal(got[RATE_BYTES_IN], 35 * 1000 / 6);
	again = list_of(THIRD_ALONE);
	again->servers[0].server->stats[0].bytes_in += 2000; /* before the first look at it */
	at_second(&r, again, 7);
	again->servers[0].server->stats[0].bytes_in += 4;
	at_second(&r, again, 8);
	rates_server(&r, again, 0, got);
	assert_int_equal(got[RATE_BYTES_IN], 1002000); /* two seconds */
	rates_fini(&r);
}

static void ends_by_cause(void **state)
{
	struct inventory *inv = list_of(BOTH);
	struct listener_stats *n = inv->listeners[0].counts->stats;
	struct rates r = {.samples = 1};
	uint64_t got[RATES];

	(void)state;
	at_second(&r, inv, 1);
	n->closed[CLOSE_CLIENT_FIN] += 10;
	n->closed[CLOSE_CONNECT_FAILED] += 2;
	n->closed[CLOSE_SERVER_RST] += 1;
	n->closed[CLOSE_MAX_CONNECTIONS] += 4;
	at_second(&r, inv, 2);
	rates_process(&r, got);
	assert_int_equal(got[RATE_FAILED], 3000 / 2);
	assert_int_equal(got[RATE_REJECTED], 4000 / 2);
	rates_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTS_TEST(a_rate_is_that_of_ten_seconds),
		LISTS_TEST(a_late_sample_counts_its_time),
		LISTS_TEST(what_goes_on_keeps_its_rate),
		LISTS_TEST(ends_by_cause),
	};

	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
