/* balance: the algorithms, by scripts that say who must be picked, by their promises over many
 * picks, and against a naive model. */
#include "tests/unit/proxy/upstream/balance_model.h"
#include "tests/unit/proxy/upstream/servers.h"

/* A script is picks in a row. A small letter: this server must be picked, and keeps its slot. A
 * capital: it gives a slot back. '!': refused as full; '-': refused, none left. "(ab)": from here
 * on a and b count as tried. */
static const struct script_row {
	const char *what;
	enum balance balance;
	const char *servers, *script;
} scripts[] = {
	{"E4 strict order", BALANCE_ROUND_ROBIN, "1 1 1", "abc abc abc"},
	{"E4 equal weights, not 1", BALANCE_ROUND_ROBIN, "7 7 7", "abc abc abc"},
	{"E4 one server", BALANCE_ROUND_ROBIN, "1", "aaa"},
	{"E4 no server", BALANCE_ROUND_ROBIN, "", "--"},
	{"E4 order does not depend on who ended", BALANCE_ROUND_ROBIN, "1 1 1", "aA bcB aC bA c"},
	{"E5 interleaved", BALANCE_ROUND_ROBIN, "5 1 1", "aabacaa aabacaa aabacaa"},
	{"E5 two to one", BALANCE_ROUND_ROBIN, "2 1", "aba aba aba"},
	{"E5 weight 0 takes none", BALANCE_ROUND_ROBIN, "0 1 0", "bbb (b)-- ()b"},
	{"E5 no weight at all", BALANCE_ROUND_ROBIN, "0 0b", "--"},
	{"tried servers are passed over", BALANCE_ROUND_ROBIN, "1 1 1", "(a)bc(ab)c(abc)-"},
	{"all tried, none full", BALANCE_LEAST_CONN, "1 1", "(ab)-"},
	{"all tried or full", BALANCE_ROUND_ROBIN, "1/1 1", "a(b)! ()b (ab)-"},
	{"a refusal leaves the order alone", BALANCE_ROUND_ROBIN, "1 1 1", "a(abc)--- ()b(abc)- ()ca"},
	{"a refusal leaves the weights alone", BALANCE_ROUND_ROBIN, "5 1 1", "aa(abc)--()b(abc)-()acaa"},
	{"E6 backups wait", BALANCE_ROUND_ROBIN, "1 1b", "aaa"},
	{"E6 in when needed, out at once", BALANCE_ROUND_ROBIN, "1/1 1b 1b", "a bcb A a c A a bc"},
	{"E6 a tried primary is none", BALANCE_LEAST_CONN, "1 1 1b", "(ab)c (abc)- () ab"},
	{"E6 a primary of weight 0 is none", BALANCE_ROUND_ROBIN, "0 1b", "bb"},
	{"E6 backups alone", BALANCE_LEAST_CONN, "1b 1b", "abab"},
	{"E6 full backup, tried primary", BALANCE_ROUND_ROBIN, "1 1/1b", "(a)b! (ab)- () a"},
	{"E6 tried backup, full primary", BALANCE_ROUND_ROBIN, "1/1 1b", "a (b)! () b"},
	{"E8 ties in turn", BALANCE_LEAST_CONN, "1 1 1", "aA bB cC aA bB cC"},
	{"E8 the least wins", BALANCE_LEAST_CONN, "1 1 1", "abc B b C c A a"},
	{"E8 ties in turn while they fill", BALANCE_LEAST_CONN, "1 1 1", "abc abc abc"},
	{"E8 by weight", BALANCE_LEAST_CONN, "3 1", "abaa abaa abaa"},
	{"E8 idle ones by weight", BALANCE_LEAST_CONN, "3 1", "aA aA bB aA aA aA bB aA"},
	{"E8 the idle one catches up exactly", BALANCE_LEAST_CONN, "1 1", "(b)aaaa() bbbb abab"},
	{"E8 by weight it catches up, too", BALANCE_LEAST_CONN, "2 1", "(a)bb() aaaa"},
	{"E8 full at the least load", BALANCE_LEAST_CONN, "4/1 1", "a bbb A abb"},
	{"E9 one server", BALANCE_RANDOM_TWO, "1", "aaa"},
	{"E9 the other of two", BALANCE_RANDOM_TWO, "1 1", "(b)a() b (b)aa() bb"},
	{"E9 by weight", BALANCE_RANDOM_TWO, "3 1", "(a)b() aaa"},
	{"E9 full and dead ones never", BALANCE_RANDOM_TWO, "1/1 0 1", "(c)a()cccc"},
	{"E10 round robin passes a full one", BALANCE_ROUND_ROBIN, "1/1 1 1", "abc bcbc A bca"},
	{"E10 all full", BALANCE_ROUND_ROBIN, "1/2 1/1", "aba !!! B b! AA aa!"},
	{"E10 all full, least_conn", BALANCE_LEAST_CONN, "1/1 1/2", "abb !! A a!"},
	{"E10 all full, random_two", BALANCE_RANDOM_TWO, "1/1 0 0", "a!! A a!"},
	{"E10 all full, source_hash", BALANCE_SOURCE_HASH, "1/2", "aa!! A a!"},
	{"E10 all full, maglev", BALANCE_MAGLEV, "1/2", "aa!! A a!"},
	{"E10 all full, backups too", BALANCE_ROUND_ROBIN, "1/1 1/1b", "ab! A a! B b!"},
};

/* Where all take their random bits. */
static uint64_t bits;

static char pick_letter(struct upstream *u, const struct pick_args *a)
{
	int err;
	unsigned place = servers_pick(u, a, &err);

	if (err == 0)
		return (char)('a' + place);
	return err == -NP_EAGAIN ? '!' : '-';
}

static const char *take_tried(struct upstream *u, struct pick_args *a, const char *p)
{
	static const struct server *tried[SERVERS_MAX];

	a->tried = tried;
	a->ntried = 0;
	while (*++p != ')')
		tried[a->ntried++] = u->members->at[*p - 'a'].server;
	return p;
}

static void run_script(struct upstream *u, const struct script_row *r)
{
	struct pick_args a = {.hash = 1};

	for (const char *p = r->script; *p != '\0'; p++) {
		char got;

		if (*p == ' ')
			continue;
		if (*p == '(') {
			p = take_tried(u, &a, p);
			continue;
		}
		if (*p >= 'A' && *p <= 'Z') {
			server_release(u->members->at[*p - 'A'].server);
			continue;
		}
		a.random = servers_random(&bits);
		got = pick_letter(u, &a);
		if (got != *p)
			fail_msg("%s: \"%s\": '%c' at %d", r->what, r->script, got, (int)(p - r->script));
	}
}

static void scripts_hold(void **state)
{
	(void)state;
	bits = servers_seed();
	for (size_t i = 0; i < array_len(scripts); i++) {
		struct server_registry *registry = server_registry_new(1);
		struct upstream *u = servers_open(scripts[i].balance, scripts[i].servers, registry);

		run_script(u, &scripts[i]);
		servers_close(u, registry);
	}
}

/* E7: without a key, source_hash is round robin. */
static void no_key_is_round_robin(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_SOURCE_HASH, "5 1 1", registry);
	struct pick_args a = {.hash = 0};

	(void)state;
	for (const char *p = "aabacaaaabacaa"; *p != '\0'; p++)
		assert_int_equal(pick_letter(u, &a), *p);
	servers_close(u, registry);
}

/* A line of n servers with random weights from 1 to top. Returns their sum. */
static unsigned random_line(char *line, size_t size, unsigned n, unsigned top)
{
	unsigned sum = 0;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned weight = 1 + (unsigned)(servers_random(&bits) % top);

		len += (size_t)snprintf(line + len, size - len, "%u ", weight);
		sum += weight;
	}
	return sum;
}

/* E5: in any sum(w) picks in a row each server has exactly its weight; none is a pick ahead. */
static void check_windows(struct upstream *u, unsigned sum)
{
	unsigned total[8] = {0}, window[8] = {0}, ring[512];
	struct pick_args a = {.hash = 0};

	for (unsigned k = 0; k < 3 * sum; k++) {
		int err;
		unsigned place = servers_pick(u, &a, &err);

		assert_int_equal(err, 0);
		if (k >= sum)
			window[ring[k % sum]]--;
		ring[k % sum] = place;
		window[place]++;
		total[place]++;
		for (unsigned i = 0; i < u->members->n; i++) {
			uint32_t weight = u->members->at[i].weight;

			assert_true(total[i] * sum < (k + 1) * weight + sum);
			if (k + 1 >= sum)
				assert_int_equal(window[i], weight);
		}
	}
}

static void windows_are_exact(void **state)
{
	char line[64];

	(void)state;
	bits = servers_seed();
	for (int i = 0; i < 200; i++) {
		unsigned sum = random_line(line, sizeof(line), 1 + (unsigned)i % 8, 1 + (unsigned)i % 40);
		struct server_registry *registry = server_registry_new(1);
		struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, line, registry);

		check_windows(u, sum);
		servers_close(u, registry);
	}
}

/* Picks and gives back n times; counts who was picked. Keys and lots are random. */
static void count_picks(struct upstream *u, unsigned n, unsigned *counts)
{
	memset(counts, 0, SERVERS_MAX * sizeof(*counts));
	for (unsigned i = 0; i < n; i++) {
		struct pick_args a = {.hash = servers_random(&bits), .random = servers_random(&bits)};
		int err;
		unsigned place = servers_pick(u, &a, &err);

		assert_int_equal(err, 0);
		server_release(u->members->at[place].server);
		counts[place]++;
	}
}

/* Binomial counts are within five standard deviations but for one in a million. */
static void expect_share(unsigned got, unsigned n, unsigned weight, unsigned sum)
{
	int64_t off = (int64_t)got * sum - (int64_t)n * weight; /* in 1 / sum picks */

	if (off * off > 25 * (int64_t)n * weight * (sum - weight))
		fail_msg("%u of %u for weight %u of %u", got, n, weight, sum);
}

static void shares_hold(enum balance balance, const char *line)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(balance, line, registry);
	unsigned counts[SERVERS_MAX], sum = 0;

	for (unsigned i = 0; i < u->members->n; i++)
		sum += u->members->at[i].weight;
	count_picks(u, 100000, counts);
	for (unsigned i = 0; i < u->members->n; i++)
		expect_share(counts[i], 100000, u->members->at[i].weight, sum);
	servers_close(u, registry);
}

/* E7, E9: with no load to tell servers apart, both draw by weight. */
static void weights_hold_by_lot(void **state)
{
	(void)state;
	bits = servers_seed();
	shares_hold(BALANCE_RANDOM_TWO, "1 1 1");
	shares_hold(BALANCE_RANDOM_TWO, "1 2 3 0 10");
	shares_hold(BALANCE_RANDOM_TWO, "256 1");
	shares_hold(BALANCE_SOURCE_HASH, "1 1 1 1 1 1 1");
	shares_hold(BALANCE_SOURCE_HASH, "1 2 3 0 10");
	shares_hold(BALANCE_SOURCE_HASH, "256 1 128");
}

/* E9: each pair is as likely as any other. With loads 0, 1, 2, b wins in one pair of the three, c
 * in none. */
static void pairs_are_even(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_RANDOM_TWO, "1 1 1", registry);
	unsigned counts[SERVERS_MAX];

	(void)state;
	bits = servers_seed();
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned load = 0; load < i; load++)
			assert_true(server_try_take(u->members->at[i].server, 0));
	}
	count_picks(u, 100000, counts);
	expect_share(counts[0], 100000, 2, 3);
	expect_share(counts[1], 100000, 1, 3);
	assert_int_equal(counts[2], 0);
	servers_close(u, registry);
}

/* E9: two choices keep loads together where one would spread them: with 1000 connections on 10
 * servers, one choice is off by 10 from 100 all the time, two never. */
static void two_choices_level(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_RANDOM_TWO, "1 1 1 1 1 1 1 1 1 1", registry);
	int err;

	(void)state;
	bits = servers_seed();
	for (int i = 0; i < 1000; i++) {
		struct pick_args a = {.random = servers_random(&bits)};

		servers_pick(u, &a, &err);
		assert_int_equal(err, 0);
	}
	for (unsigned i = 0; i < u->members->n; i++)
		assert_in_range(server_active(u->members->at[i].server), 91, 109);
	servers_close(u, registry);
}

/* Where a key goes, as a port, so that upstreams with other places can be compared. */
static unsigned port_for(struct upstream *u, uint64_t key)
{
	struct pick_args a = {.hash = key};
	struct server *s;

	if (upstream_pick(u, &a, &s) != 0)
		return 0;
	server_release(s);
	return (unsigned)np_addr_port(&s->addr.u.sa);
}

#define KEYS 20000

#define ANY_PORT 0

/* How many keys go elsewhere in v. None may, except from or to that port. */
static unsigned count_moves(struct upstream *u, struct upstream *v, unsigned port)
{
	uint64_t keys = bits;
	unsigned moved = 0;

	for (int i = 0; i < KEYS; i++) {
		uint64_t key = servers_random(&keys);
		unsigned from = port_for(u, key), to = port_for(v, key);

		moved += from != to;
		if (from != to && port != ANY_PORT && from != port && to != port)
			fail_msg("key %llx went from %u to %u", (unsigned long long)key, from, to);
	}
	return moved;
}

/* E7: a key stays through a reload, another order, and changes to others' weights; one of n that
 * leaves moves 1/n of the keys, all of them its own. */
static void keys_stay(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct servers s;
	struct upstream *all, *same, *turned, *less, *more;

	(void)state;
	bits = servers_seed();
	servers_init(&s, BALANCE_SOURCE_HASH, "1 1 1 1 1 1 1 1 1 1");
	all = upstream_new(&s.spec, registry);
	same = upstream_new(&s.spec, registry);
	s.at[9].weight = 3;
	more = upstream_new(&s.spec, registry);
	s.at[9].weight = 1;
	s.spec.nservers = 9;
	less = upstream_new(&s.spec, registry);
	for (unsigned i = 0; i < 10; i++)
		s.at[i] = servers_one(9 - i);
	s.spec.nservers = 10;
	turned = upstream_new(&s.spec, registry);

	assert_int_equal(count_moves(all, same, ANY_PORT), 0);
	assert_int_equal(count_moves(all, turned, ANY_PORT), 0);
	expect_share(count_moves(all, less, 8009), KEYS, 1, 10);
	expect_share(count_moves(all, more, 8009), KEYS, 3 * 10 - 12, 10 * 12); /* 3/12 - 1/10 */
	s.spec.seed = 1;
	upstream_free(same);
	same = upstream_new(&s.spec, registry);
	expect_share(count_moves(all, same, ANY_PORT), KEYS, 9, 10);

	upstream_free(all);
	upstream_free(turned);
	upstream_free(less);
	upstream_free(more);
	servers_close(same, registry);
}

static void model_agrees(void **state)
{
	(void)state;
	bits = servers_seed();
	model_run(BALANCE_ROUND_ROBIN, &bits);
	model_run(BALANCE_LEAST_CONN, &bits);
	model_run(BALANCE_RANDOM_TWO, &bits);
	model_run(BALANCE_SOURCE_HASH, &bits);
	model_run(BALANCE_MAGLEV, &bits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_hold),
		cmocka_unit_test(no_key_is_round_robin),
		cmocka_unit_test(windows_are_exact),
		cmocka_unit_test(weights_hold_by_lot),
		cmocka_unit_test(pairs_are_even),
		cmocka_unit_test(two_choices_level),
		cmocka_unit_test(keys_stay),
		cmocka_unit_test(model_agrees),
	};

	return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
