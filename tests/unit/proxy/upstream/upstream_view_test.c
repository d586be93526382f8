/* upstream_view: what it tells is what the next pick does, for every algorithm and over random loads; and asking
 * changes nothing. */
#include <math.h>

#include "proxy/upstream/slow_start.h"
#include "tests/unit/proxy/upstream/servers.h"

#define LINE "3/6 1/2 2/9 0 7/11 1 5/3b 2b"

static uint64_t bits;

struct before {
	int64_t credit[SERVERS_MAX];
	uint32_t active[SERVERS_MAX];
};

static void note_state(const struct upstream *u, struct before *b)
{
	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < u->members->n; i++) {
		b->credit[i] = u->members->at[i].server->credit;
		b->active[i] = server_active(u->members->at[i].server);
	}
}

/* Some servers count as tried, by chance. */
static struct pick_args random_args(const struct upstream *u, const struct server **tried)
{
	struct pick_args a = {.hash = servers_random(&bits), .random = servers_random(&bits), .tried = tried};
	uint64_t fate = servers_random(&bits);

	for (unsigned i = 0; i < u->members->n; i++)
		if ((fate >> 3 * i & 7) < (fate >> 60) % 8)
			tried[a.ntried++] = u->members->at[i].server;
	return a;
}

static void expect_member(const struct upstream *u, const struct pick_args *a, const struct member_view *v, unsigned i)
{
	const struct member *m = &u->members->at[i];
	bool tried = false;

	for (unsigned k = 0; k < a->ntried; k++)
		tried |= a->tried[k] == m->server;
	assert_ptr_equal(v->server, m->server);
	assert_int_equal(v->standing == STANDING_HELD && v->input == SERVER_WHY_WEIGHT, m->weight == 0);
	assert_int_equal(v->standing == STANDING_TRIED, m->weight > 0 && tried);
	assert_int_equal(v->standing == STANDING_FULL, m->weight > 0 && !tried && m->max_connections > 0 &&
			 server_active(m->server) == m->max_connections);
}

/* A spare is usable, had no primary server been. */
static void expect_spares(const struct member_view *views, unsigned n)
{
	bool primary = false;

	for (unsigned i = 0; i < n; i++)
		primary |= views[i].standing == STANDING_USABLE && views[i].tier == 0;
	for (unsigned i = 0; i < n; i++) {
		assert_true(views[i].standing != STANDING_SPARE || (views[i].tier > 0 && primary));
		assert_true(views[i].standing != STANDING_USABLE || views[i].tier == 0 || !primary);
	}
}

static void expect_sums(const struct member_view *views, unsigned n, int err)
{
	double share = 0, chance = 0;

	for (unsigned i = 0; i < n; i++) {
		share += views[i].weight_share;
		chance += views[i].chance;
		assert_true(views[i].standing == STANDING_USABLE || views[i].weight_share == 0);
		assert_true(views[i].standing == STANDING_USABLE || views[i].chance == 0);
	}
	assert_true(fabs(share - (err == 0)) < 1e-9);
	assert_true(fabs(chance - (err == 0)) < 1e-9);
}

static void view_then_pick(struct upstream *u)
{
	const struct server *tried[SERVERS_MAX];
	struct pick_args a = random_args(u, tried);
	struct member_view views[SERVERS_MAX];
	struct before before, after;
	int told, err;
	unsigned got;

	note_state(u, &before);
	told = upstream_view(u, &a, views);
	note_state(u, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	for (unsigned i = 0; i < u->members->n; i++)
		expect_member(u, &a, &views[i], i);
	expect_spares(views, u->members->n);
	expect_sums(views, u->members->n, told);
	got = servers_pick(u, &a, &err);
	assert_int_equal(told, err);
	if (err != 0)
		return;
	assert_true(views[got].chance > 0);
	if (u->balance != BALANCE_RANDOM_TWO)
		assert_true(views[got].chance == 1);
}

/* O12: for every algorithm. */
static void the_next_pick_is_told(void **state)
{
	static const enum balance all[] = {BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONN, BALANCE_RANDOM_TWO,
					   BALANCE_SOURCE_HASH, BALANCE_MAGLEV};

	(void)state;
	bits = servers_seed();
	for (size_t i = 0; i < array_len(all); i++) {
		struct server_registry *registry = server_registry_new(1);
		struct upstream *u = servers_open(all[i], LINE, registry);

		for (int op = 0; op < 20000; op++) {
			struct server *s = u->members->at[servers_random(&bits) % u->members->n].server;

			if (servers_random(&bits) % 20 < 9)
				view_then_pick(u);
			else if (server_active(s) > 0)
				server_release(s);
		}
		servers_close(u, registry);
	}
}

/* Binomial counts are within five standard deviations but for one in a million. */
static void expect_chance(unsigned got, unsigned n, double chance)
{
	double off = got - n * chance;

	if (off * off > 25 * n * chance * (1 - chance) + 1)
		fail_msg("%u of %u for a chance of %f", got, n, chance);
}

static void chances_hold(const char *line, const unsigned *loads)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_RANDOM_TWO, line, registry);
	struct pick_args none = {.hash = 1};
	struct member_view views[SERVERS_MAX];
	unsigned counts[SERVERS_MAX] = {0};

	for (unsigned i = 0; i < u->members->n; i++)
		for (unsigned k = 0; k < loads[i]; k++)
			assert_true(server_try_take(u->members->at[i].server, 0));
	assert_int_equal(upstream_view(u, &none, views), 0);
	for (int i = 0; i < 100000; i++) {
		struct pick_args a = {.random = servers_random(&bits)};
		int err;
		unsigned got = servers_pick(u, &a, &err);

		assert_int_equal(err, 0);
		server_release(u->members->at[got].server);
		counts[got]++;
	}
	for (unsigned i = 0; i < u->members->n; i++)
		expect_chance(counts[i], 100000, views[i].chance);
	servers_close(u, registry);
}

/* O12: of random_two the chance of each server. */
static void chances_of_a_draw(void **state)
{
	static const unsigned none[SERVERS_MAX], some[] = {0, 1, 2, 5, 3}, one[] = {7};

	(void)state;
	bits = servers_seed();
	chances_hold("1 1 1", none);
	chances_hold("1 2 3 0 10", none);
	chances_hold("1 2 3 4 10", some);
	chances_hold("5", one);
	chances_hold("1 1", some);
}

static void words(void **state)
{
	struct member_view v = {.standing = STANDING_USABLE, .usable = USABLE_YES, .factor = SLOW_START_UNIT};
	char out[SERVER_REASON];

	(void)state;
	assert_null(member_view_why(&v, out));
	v.standing = STANDING_FULL;
	assert_string_equal(member_view_why(&v, out), "full: it has max_connections");
	v = (struct member_view){.standing = STANDING_RAMPS, .factor = SLOW_START_UNIT / 4, .share_left = 1};
	assert_string_equal(member_view_why(&v, out), "slow start: it came back a short time ago, and gets 25 % of its "
						      "share; all of it in 1s");
	v.standing = STANDING_USABLE;
	assert_non_null(member_view_why(&v, out));
	v.standing = STANDING_TRIED;
	assert_string_equal(member_view_why(&v, out), "this connection has tried it in vain");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_pick_is_told),
		cmocka_unit_test(chances_of_a_draw),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("upstream_view", tests, NULL, NULL);
}
