/* maglev, and what both hashes promise: E45 to E49, by a million keys where a promise is about shares. */
#include "proxy/upstream/maglev.h"

#include <math.h>

#include "proxy/upstream/balance_hash.h"
#include "tests/unit/proxy/upstream/servers.h"

#define KEYS 1000000u
#define MOST 1000u

static struct server_registry *registry;
static uint64_t bits;
static struct server_spec many[MOST];

static int begin(void **state)
{
	(void)state;
	registry = server_registry_new(1);
	bits = servers_seed();
	for (unsigned i = 0; i < MOST; i++) {
		many[i] = servers_one(0);
		many[i].addr.u.in4.sin_addr.s_addr = htonl(0x0a000000 + i);
	}
	return registry == NULL;
}

static int end(void **state)
{
	(void)state;
	server_registry_free(registry);
	return 0;
}

static struct upstream *make(enum balance balance, unsigned n, unsigned max_load)
{
	struct upstream_spec spec = {
		.name = "app", .balance = balance, .servers = many, .nservers = n, .max_load = max_load};
	struct upstream *u = upstream_new(&spec, registry);

	assert_non_null(u);
	return u;
}

static struct server *pick(struct upstream *u, uint64_t key)
{
	struct pick_args a = {.hash = key};
	struct server *s = NULL;

	assert_int_equal(upstream_pick(u, &a, &s), 0);
	return s;
}

/* The host's last two bytes: the same in all upstreams here. */
static unsigned number_of(const struct server *s)
{
	return ntohl(s->addr.u.in4.sin_addr.s_addr) & 0xffff;
}

static unsigned leads_to(struct upstream *u, uint64_t key)
{
	struct server *s = pick(u, key);

	server_release(s);
	return number_of(s);
}

static uint64_t next_key(uint64_t *state)
{
	return servers_random(state) | 1;
}

static void set_check(struct upstream *u, unsigned number, enum server_check check)
{
	for (unsigned i = 0; i < u->members->n; i++)
		if (number_of(u->members->at[i].server) == number)
			(void)server_set_check(u->members->at[i].server, check);
}

/* ---- shares ---- */

static void count_keys(struct upstream *u, unsigned *counts)
{
	uint64_t keys = bits;

	memset(counts, 0, MOST * sizeof(*counts));
	for (unsigned i = 0; i < KEYS; i++)
		counts[leads_to(u, next_key(&keys))]++;
}

/* E45: by weight, within four standard deviations. */
static void e45_shares_of_rendezvous(void **state)
{
	static unsigned counts[MOST];
	double sum = 0;
	struct upstream *u;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		many[i].weight = 1 + i % 3;
		sum += many[i].weight;
	}
	u = make(BALANCE_SOURCE_HASH, 10, 0);
	count_keys(u, counts);
	for (unsigned i = 0; i < 10; i++) {
		double p = many[i].weight / sum, off = fabs(counts[i] - KEYS * p) - KEYS * p * 3e-4;

		assert_true(off <= 0 || off * off < 16 * KEYS * p * (1 - p));
	}
	upstream_free(u);
}

/* E46: of the table no server has 1.02 of its share. */
static void table_is_even(unsigned n)
{
	struct upstream *u = make(BALANCE_MAGLEV, n, 0);
	unsigned *places = calloc(n, sizeof(*places));
	double sum = 0;

	for (unsigned i = 0; i < MAGLEV_SIZE; i++)
		places[u->members->table[i]]++;
	for (unsigned i = 0; i < n; i++)
		sum += u->members->at[i].weight;
	for (unsigned i = 0; i < n; i++) {
		double share = MAGLEV_SIZE * u->members->at[i].weight / sum;

		if (places[i] > ceil(share) + 1 || places[i] + 1 < floor(share) || places[i] > share * 1.02)
			fail_msg("%u places of %u servers, and not %.1f", places[i], n, share);
	}
	free(places);
	upstream_free(u);
}

static void e46_shares_of_the_table(void **state)
{
	(void)state;
	table_is_even(1);
	table_is_even(3);
	table_is_even(100);
	table_is_even(1000);
	for (unsigned i = 0; i < 100; i++)
		many[i].weight = i % 4; /* of weight 0: no place */
	table_is_even(100);
}

/* ---- what moves ---- */

/* How many keys that went elsewhere than to `gone` go elsewhere now. */
static unsigned count_moves(struct upstream *from, struct upstream *to, unsigned gone)
{
	uint64_t keys = bits;
	unsigned moved = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		uint64_t key = next_key(&keys);
		unsigned was = leads_to(from, key), is = leads_to(to, key);

		moved += was != gone && was != is;
	}
	return moved;
}

static unsigned moves_at_removal(enum balance balance, unsigned n)
{
	struct upstream *all = make(balance, n, 0), *less = make(balance, n - 1, 0);
	unsigned moved = count_moves(all, less, n - 1);

	upstream_free(all);
	upstream_free(less);
	return moved;
}

static void e45_only_its_share_moves(void **state)
{
	(void)state;
	assert_int_equal(moves_at_removal(BALANCE_SOURCE_HASH, 100), 0);
}

/* E46: at a removal from the file at most one of a hundred others. */
static void e46_few_others_move(void **state)
{
	(void)state;
	for (unsigned n = 3; n <= 1000; n = n == 3 ? 100 : n * 10) {
		unsigned moved = moves_at_removal(BALANCE_MAGLEV, n);

		print_message("maglev of %u: %u of %u others' keys moved\n", n, moved, KEYS);
		assert_true(moved <= KEYS / 100);
	}
}

/* E47: another order of the file, the same servers for all keys. */
static void e47_order_does_not_matter(void **state)
{
	static const enum balance both[] = {BALANCE_SOURCE_HASH, BALANCE_MAGLEV};

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		many[i].weight = 1 + i % 5;
	for (size_t b = 0; b < array_len(both); b++) {
		struct upstream *one = make(both[b], 50, 0), *two;

		for (unsigned i = 0; i < 25; i++) {
			struct server_spec s = many[i];

			many[i] = many[49 - i];
			many[49 - i] = s;
		}
		two = make(both[b], 50, 0);
		assert_int_equal(count_moves(one, two, MOST), 0);
		upstream_free(one);
		upstream_free(two);
	}
}

/* E49: an outage moves the keys of the dead server alone, each to the next in its own order, and back; the table stays
 * as it is. */
static void outage_moves_its_own(enum balance balance)
{
	struct upstream *u = make(balance, 20, 0), *v = make(balance, 20, 0);
	uint64_t keys = bits;
	unsigned to[MOST] = {0}, moved = 0;

	for (unsigned i = 0; i < KEYS / 10; i++) {
		uint64_t key = next_key(&keys);
		unsigned first = leads_to(u, key), next;

		set_check(u, 7, SERVER_CHECK_DOWN);
		next = leads_to(u, key);
		assert_true(first == 7 ? next != 7 && next == leads_to(v, key) : next == first);
		set_check(u, 7, SERVER_CHECK_UP);
		assert_int_equal(leads_to(v, key), first);
		to[next] += first == 7;
		moved += first == 7;
	}
	for (unsigned i = 0; i < 20; i++)
		assert_true(i == 7 || (to[i] > moved / 30 && to[i] < moved / 12)); /* to all, of 19 */
	upstream_free(u);
	upstream_free(v);
}

static void e49_an_outage_moves_its_own_keys(void **state)
{
	(void)state;
	outage_moves_its_own(BALANCE_SOURCE_HASH);
	outage_moves_its_own(BALANCE_MAGLEV);
}

/* E49: the same where it is full, or tried in vain. */
static void e49_full_and_tried(void **state)
{
	struct upstream *u;
	struct server *first, *second, *third;
	struct pick_args a = {.hash = 77};

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		many[i].max_connections = 1;
	u = make(BALANCE_MAGLEV, 5, 0);
	first = pick(u, 77);
	second = pick(u, 77);
	assert_ptr_not_equal(second, first);
	server_release(first);
	server_release(second);
	a.tried = (const struct server *const *)&first;
	a.ntried = 1;
	assert_int_equal(upstream_pick(u, &a, &third), 0);
	assert_ptr_equal(third, second);
	server_release(third);
	assert_ptr_equal(pick(u, 77), first);
	server_release(first);
	upstream_free(u);
}

/* The table has the first tier; behind it stands rendezvous. Without a key, round robin. */
static void tiers_and_no_key(void **state)
{
	struct upstream *u;
	unsigned seen[4] = {0};

	(void)state;
	many[2].priority = many[3].priority = 1;
	u = make(BALANCE_MAGLEV, 4, 0);
	for (unsigned i = 0; i < 100; i++)
		seen[leads_to(u, next_key(&bits))]++;
	assert_true(seen[0] > 20 && seen[1] > 20 && seen[2] + seen[3] == 0);
	set_check(u, 0, SERVER_CHECK_DOWN);
	set_check(u, 1, SERVER_CHECK_DOWN);
	for (unsigned i = 0; i < 100; i++)
		seen[leads_to(u, next_key(&bits))]++;
	assert_true(seen[2] > 20 && seen[3] > 20);
	set_check(u, 0, SERVER_CHECK_UP);
	set_check(u, 1, SERVER_CHECK_UP);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(leads_to(u, 0), i % 2);
	upstream_free(u);
	u = make(BALANCE_MAGLEV, 0, 0);
	assert_null(u->members->table);
	upstream_free(u);
}

/* ---- bounded load ---- */

/* E48: of n servers and `live` connections at a time, half of them of one key. */
static void bounded(enum balance balance, unsigned n, unsigned live, bool hot)
{
	struct upstream *u = make(balance, n, 125), *free_ones = make(balance, n, 0);
	struct server **held = calloc(live, sizeof(struct server *));
	unsigned left_first = 0, picks = 20 * live, took_hot[MOST] = {0}, spread = 0;

	for (unsigned i = 0; i < picks; i++) {
		uint64_t key = hot && i % 2 == 0 ? 4711 : next_key(&bits);
		unsigned bound, most;

		if (held[i % live] != NULL)
			server_release(held[i % live]);
		held[i % live] = pick(u, key);
		most = server_active(held[i % live]);
		bound = (unsigned)ceil(1.25 * (double)(i < live ? i + 1 : live) / n);
		if (most > bound)
			fail_msg("%u connections, and not %u at most", most, bound);
		if (i >= live && !hot)
			left_first += number_of(held[i % live]) != leads_to(free_ones, key);
		took_hot[number_of(held[i % live])] += i >= live && key == 4711;
	}
	for (unsigned i = 0; i < n; i++)
		spread += took_hot[i] > picks / 100;
	if (hot)
		assert_in_range(spread, 3, 7); /* half of the load on about half of ten servers */
	else
		assert_true(left_first * 100 < picks);
	for (unsigned i = 0; i < live; i++)
		server_release(held[i]);
	free(held);
	upstream_free(u);
	upstream_free(free_ones);
}

static void e48_one_hot_key(void **state)
{
	(void)state;
	bounded(BALANCE_SOURCE_HASH, 10, 1000, true);
	bounded(BALANCE_MAGLEV, 10, 1000, true);
}

static void e48_equal_load(void **state)
{
	(void)state;
	bounded(BALANCE_SOURCE_HASH, 10, 10000, false);
	bounded(BALANCE_MAGLEV, 10, 10000, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e45_shares_of_rendezvous),
		TEST(e45_only_its_share_moves),
		TEST(e46_shares_of_the_table),
		TEST(e46_few_others_move),
		TEST(e47_order_does_not_matter),
		TEST(e49_an_outage_moves_its_own_keys),
		TEST(e49_full_and_tried),
		TEST(tiers_and_no_key),
		TEST(e48_one_hot_key),
		TEST(e48_equal_load),
	};

	return cmocka_run_group_tests_name("maglev", tests, NULL, NULL);
}
