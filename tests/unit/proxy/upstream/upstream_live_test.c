/* upstream_live: O16: an upstream's numbers are found again by name, as long as somebody has them; what its
 * servers counted is not lost with them. */
#include "tests/unit/proxy/upstream/servers.h"

static struct list all;

static int begin(void **state)
{
	(void)state;
	list_init(&all);
	return 0;
}

static void o16_lives_by_name(void **state)
{
	struct upstream_live *a = upstream_live_get(&all, "app", 2), *b = upstream_live_get(&all, "api", 2);

	(void)state;
	assert_true(a != NULL && b != NULL && a != b);
	assert_string_equal(a->name, "app");
	assert_ptr_equal(upstream_live_get(&all, "app", 2), a);
	STAT_ADD(&a->stats[1], retries, 7);
	upstream_live_put(a);
	assert_ptr_equal(upstream_live_get(&all, "app", 2), a);
	assert_int_equal(a->stats[1].retries, 7);
	upstream_live_put(a);
	upstream_live_put(a);
	a = upstream_live_get(&all, "app", 2);
	assert_int_equal(a->stats[1].retries, 0);
	upstream_live_put(a);
	upstream_live_put(b);
	upstream_live_put(NULL);
	assert_true(list_empty(&all));
}

/* E51: ten hedges within ten seconds, or a tenth of the connects. */
static void e51_a_tenth_is_hedged(void **state)
{
	struct upstream_live *a = upstream_live_get(&all, "app", 1);
	const int64_t second = INT64_C(1000000000);
	int64_t now = 1000 * second;
	unsigned n = 0;

	(void)state;
	while (upstream_live_hedge(a, now + n * second / 10))
		n++;
	assert_int_equal(n, 10);
	assert_false(upstream_live_hedge(a, now + 9 * second));
	assert_true(upstream_live_hedge(a, now + 10 * second));
	for (unsigned i = 0; i <= 30; i++) /* 50 a second */
		upstream_live_connects(a, 50 * i, now + i * second);
	assert_int_equal(a->connects, 500);
	now += 100 * second;
	for (n = 0; upstream_live_hedge(a, now); n++)
		;
	assert_int_equal(n, 50);
	upstream_live_put(a);
}

/* E51: what was connected before anybody asked, or while nobody did, is of no ten seconds. */
static void e51_history_is_not_of_ten_seconds(void **state)
{
	struct upstream_live *a = upstream_live_get(&all, "app", 1);
	const int64_t second = INT64_C(1000000000);
	int64_t now = 1000 * second;

	(void)state;
	upstream_live_connects(a, 1000000, now);
	assert_int_equal(a->connects, 0);
	upstream_live_connects(a, 1000070, now + second);
	assert_int_equal(a->connects, 70);
	upstream_live_connects(a, 1000070, now + 11 * second);
	assert_int_equal(a->connects, 70);
	upstream_live_connects(a, 2000000, now + 22 * second);
	assert_int_equal(a->connects, 0);
	upstream_live_connects(a, 2000030, now + 23 * second);
	assert_int_equal(a->connects, 30);
	upstream_live_put(a);
}

static void o16_a_server_passes_on_what_it_counted(void **state)
{
	struct server_registry *r = server_registry_new(2);
	struct server_spec spec = servers_one(0);
	struct server *s = server_get(r, "app", &spec.addr, "a"), *again;
	struct upstream_live *live = server_registry_live(r, "app");

	(void)state;
	assert_ptr_equal(s->live, live);
	assert_true(server_try_take(s, 0));
	STAT_ADD(&s->stats[0], bytes_in, 5);
	STAT_ADD(&s->stats[1], bytes_in, 7);
	assert_false(server_retire(r, s)); /* an upstream lists it */
	server_put(r, s);
	assert_false(server_retire(r, s)); /* a connection still counts */
	again = server_get(r, "app", &spec.addr, "a");
	assert_ptr_equal(again, s); /* returned while a connection of it lives: goes on */
	server_put(r, s);
	server_release(s);
	assert_true(server_retire(r, s));
	assert_true(server_retire(r, s)); /* once */
	assert_int_equal(live->gone.bytes_in, 12);
	again = server_get(r, "app", &spec.addr, "a");
	assert_ptr_not_equal(again, s); /* returned later: begins anew */
	assert_int_equal(again->stats[0].bytes_in, 0);
	s->lists = 1;
	server_registry_sweep(r);
	assert_int_equal(server_registry_count(r), 2); /* a list of what there is has it */
	s->lists = 0;
	server_registry_sweep(r);
	assert_int_equal(server_registry_count(r), 1);
	assert_int_equal(live->gone.bytes_in, 12);
	server_put(r, again);
	upstream_live_put(live);
	server_registry_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(o16_lives_by_name, begin),
		cmocka_unit_test_setup(e51_a_tenth_is_hedged, begin),
		cmocka_unit_test_setup(e51_history_is_not_of_ten_seconds, begin),
		cmocka_unit_test(o16_a_server_passes_on_what_it_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
