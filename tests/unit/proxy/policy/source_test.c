/* source: counts and buckets of sources, from one thread and from several, and what becomes of them in a full table. */
#include "proxy/policy/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/addr.h"

#define S    INT64_C(1000000000)
#define MOST 1024

static struct source_table *table;

static int set_up(void **state)
{
	(void)state;
	table = source_table_new(MOST);
	return table == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	table = source_table_free(table);
	return 0;
}

static struct source_rule limit_of(uint32_t most)
{
	return (struct source_rule){.table = table, .listener = 1, .most = most, .v4 = 32, .v6 = 64};
}

static struct source_rule rate_of(int64_t per_second, int64_t burst)
{
	struct source_rule r = limit_of(UINT32_MAX);

	r.interval = S / per_second;
	r.burst = r.interval * burst;
	return r;
}

static struct np_addr address(const char *text)
{
	struct np_addr a;

	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	return a;
}

/* The n-th of many that are all different. */
static struct np_addr nth(uint32_t n)
{
	struct np_addr a = address("10.0.0.0:1");

	a.u.in4.sin_addr.s_addr = htonl((10u << 24) + n);
	return a;
}

static enum source_verdict take(const struct source_rule *r, const char *who, int64_t now, uint32_t *source)
{
	struct np_addr a = address(who);
	struct source_place p;
	enum source_verdict v = source_take(r, &a.u.sa, now, &p);

	if (source != NULL)
		*source = p.source;
	return v;
}

static void t3_a_limit_is_exact(void **state)
{
	struct source_rule r = limit_of(3);
	uint32_t source[3], again;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(&r, "192.0.2.1:1", 0, &source[i]), SOURCE_TAKEN);
	assert_int_equal(take(&r, "192.0.2.1:1", 0, NULL), SOURCE_REFUSED);
	assert_int_equal(take(&r, "192.0.2.2:1", 0, &again), SOURCE_TAKEN);
	source_release(table, again, 0);
	source_release(table, source[1], 0);
	assert_int_equal(take(&r, "192.0.2.1:1", 0, &source[1]), SOURCE_TAKEN);
	assert_int_equal(take(&r, "192.0.2.1:1", 0, NULL), SOURCE_REFUSED);
	r.listener = 2; /* another listener counts for itself */
	assert_int_equal(take(&r, "192.0.2.1:1", 0, &again), SOURCE_TAKEN);
	source_release(table, again, 0);
	assert_int_equal(source_known(table), 1);
	for (int i = 0; i < 3; i++)
		source_release(table, source[i], 0);
	assert_int_equal(source_known(table), 0); /* it has nothing to tell */
}

#define CHURN 50000
#define PLACES 5

/* Takes, holds for a moment, and gives back; nobody may ever see more than PLACES, and at least one round ends with as
 * many as there are places. */
struct churn {
	struct source_rule rule;
	uint32_t held, most, taken, refused;
};

static void *churn_run(void *arg)
{
	struct churn *c = arg;
	struct np_addr a = address("[2001:db8::1]:1");
	uint32_t mine[PLACES + 1];
	unsigned n = 0;

	for (int i = 0; i < CHURN; i++) {
		struct source_place p;
		uint32_t held, most;

		if (source_take(&c->rule, &a.u.sa, 0, &p) != SOURCE_TAKEN) {
			__atomic_fetch_add(&c->refused, 1, __ATOMIC_RELAXED);
			assert_int_equal(p.over, SOURCE_CONNECTIONS);
		} else {
			mine[n++] = p.source;
			held = __atomic_add_fetch(&c->held, 1, __ATOMIC_SEQ_CST);
			most = __atomic_load_n(&c->most, __ATOMIC_RELAXED);
			while (held > most && !__atomic_compare_exchange_n(&c->most, &most, held, false,
									   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
				;
		}
		if (n == PLACES + 1 || (n > 0 && i % 3 == 0)) {
			__atomic_fetch_sub(&c->held, 1, __ATOMIC_SEQ_CST);
			source_release(table, mine[--n], 0);
		}
	}
	while (n > 0) {
		__atomic_fetch_sub(&c->held, 1, __ATOMIC_SEQ_CST);
		source_release(table, mine[--n], 0);
	}
	return NULL;
}

static void t3_exact_over_threads(void **state)
{
	struct churn c = {.rule = limit_of(PLACES)};
	pthread_t thread[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, churn_run, &c), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(c.most, PLACES);
	assert_true(c.refused > 0);
	assert_int_equal(source_known(table), 0);
}

static const struct {
	const char *name, *one, *other;
	uint8_t v4, v6;
	bool same;
} prefixes[] = {
	{"T4 a /64 is one source", "[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff:ffff:ffff:ffff]:2", 32, 64, true},
	{"T4 the next /64 is another", "[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", 32, 64, false},
	{"T4 mapped is the IPv4 source", "192.0.2.1:1", "[::ffff:192.0.2.1]:1", 32, 64, true},
	{"T4 mapped ones are not of one /64", "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", 32, 64, false},
	{"T4 a /24", "192.0.2.1:1", "192.0.2.255:1", 24, 64, true},
	{"T4 the next /24", "192.0.2.1:1", "192.0.3.1:1", 24, 64, false},
	{"T4 bits within a byte", "[2001:db8:0:1f::1]:1", "[2001:db8:0:10::1]:1", 32, 60, true},
	{"T4 bits within a byte, the next", "[2001:db8:0:1f::1]:1", "[2001:db8:0:20::1]:1", 32, 60, false},
	{"T4 whole addresses", "[2001:db8::1]:1", "[2001:db8::2]:1", 32, 128, false},
};

static void t4_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(prefixes); i++) {
		struct source_rule r = limit_of(1);
		enum source_verdict v;
		uint32_t one, other;

		r.v4 = prefixes[i].v4;
		r.v6 = prefixes[i].v6;
		assert_int_equal(take(&r, prefixes[i].one, 0, &one), SOURCE_TAKEN);
		assert_true(source_fits(&r, one));
		v = take(&r, prefixes[i].other, 0, &other);
		if (v != (prefixes[i].same ? SOURCE_REFUSED : SOURCE_TAKEN))
			fail_msg("%s: %d", prefixes[i].name, v);
		if (v == SOURCE_TAKEN)
			source_release(table, other, 0);
		r.v4 = r.v6 = 20;
		assert_false(source_fits(&r, one));
		source_release(table, one, 0);
	}
}

static void t2_who_is_no_source(void **state)
{
	struct source_rule r = limit_of(0);
	struct cidr net = {.bits = CIDR_V4_BITS + 8, .addr = {[10] = 0xff, [11] = 0xff, [12] = 10}};
	uint32_t source;

	(void)state;
	assert_int_equal(cidr_set_init(&r.exempt, &net, 1), 0);
	assert_int_equal(take(&r, "unix:/x", 0, &source), SOURCE_PASSES);
	assert_int_equal(take(&r, "10.1.2.3:1", 0, &source), SOURCE_PASSES);
	assert_int_equal(source, 0);
	assert_int_equal(take(&r, "11.1.2.3:1", 0, &source), SOURCE_REFUSED);
	cidr_set_fini(&r.exempt);
}

/* 100 in a second for ten of them. */
static void t6_rate_and_burst(void **state)
{
	struct source_rule r = rate_of(20, 40);
	int taken = 0;
	uint32_t source;

	(void)state;
	for (int64_t now = 7 * S; now < 17 * S; now += S / 100)
		if (take(&r, "192.0.2.1:1", now, &source) == SOURCE_TAKEN) {
			taken++;
			source_release(table, source, now);
		}
	assert_in_range(taken, 239, 241);
	assert_int_equal(source_known(table), 1); /* its bucket is not full, and is kept */
	for (int i = 0; i < 40; i++) {
		assert_int_equal(take(&r, "192.0.2.1:1", 60 * S, &source), SOURCE_TAKEN);
		source_release(table, source, 60 * S);
	}
	assert_int_equal(take(&r, "192.0.2.1:1", 60 * S, NULL), SOURCE_REFUSED);
}

static void t7_dry_run_admits_and_tells(void **state)
{
	struct source_rule r = rate_of(1, 1);
	struct np_addr a = address("192.0.2.1:1");
	struct source_place p;

	(void)state;
	r.most = 2;
	r.dry_run = true;
	assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_TAKEN);
	assert_int_equal(p.over, SOURCE_NO_LIMIT);
	assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_TAKEN);
	assert_int_equal(p.over, SOURCE_RATE);
	assert_int_equal(source_take(&r, &a.u.sa, 2 * S, &p), SOURCE_TAKEN);
	assert_int_equal(p.over, SOURCE_CONNECTIONS);
	for (int i = 0; i < 3; i++)
		source_release(table, p.source, 3 * S);
	assert_int_equal(source_known(table), 0);
}

/* Who waits for the rate is told when; who leaves gives his moment back; who comes later stands behind. */
static void t6_waiting(void **state)
{
	struct source_rule r = rate_of(10, 1);
	struct np_addr a = address("192.0.2.1:1");
	struct source_place first, p[SOURCE_WAITING], more;

	(void)state;
	r.most = 2;
	r.action = SOURCE_WAIT;
	assert_int_equal(source_take(&r, &a.u.sa, S, &first), SOURCE_TAKEN);
	for (int i = 0; i < SOURCE_WAITING; i++) {
		assert_int_equal(source_take(&r, &a.u.sa, S, &p[i]), SOURCE_WAITS);
		assert_int_equal(p[i].until, S + (i + 1) * S / 10);
		assert_int_equal(p[i].over, SOURCE_RATE);
	}
	assert_int_equal(source_take(&r, &a.u.sa, S, &more), SOURCE_REFUSED);
	assert_true(source_try(&r, p[0].source, p[0].until));
	assert_false(source_try(&r, p[1].source, p[1].until)); /* two have connections */
	source_leave(&r, p[1].source, p[1].until);
	assert_int_equal(source_take(&r, &a.u.sa, 2 * S, &more), SOURCE_WAITS);
	assert_int_equal(more.until, S + 64 * S / 10); /* the moment that was given back is at the end of the queue */
	source_release(table, first.source, 2 * S);
	assert_true(source_try(&r, p[2].source, 2 * S));
	for (int i = 3; i < SOURCE_WAITING; i++)
		source_leave(&r, p[i].source, 2 * S);
	source_leave(&r, more.source, 2 * S);
	source_release(table, p[0].source, 2 * S);
	source_release(table, p[2].source, 9 * S);
	assert_int_equal(source_known(table), 0);
}

/* Live ones stay, those with a full bucket leave first, and where all live a new one passes uncounted. */
static void t5_a_full_table(void **state)
{
	struct source_rule r = rate_of(1, 1);
	static uint32_t source[MOST];
	struct source_place p;
	struct np_addr a;

	(void)state;
	for (uint32_t i = 0; i < MOST; i++) {
		a = nth(i);
		assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_TAKEN);
		source[i] = p.source;
	}
	assert_int_equal(source_known(table), MOST);
	a = nth(MOST);
	assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_PASSES);
	assert_true(p.full);
	a = nth(0);
	assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_REFUSED); /* those that are known are judged */
	source_release(table, source[7], S); /* idle, its bucket is empty: the one that may go */
	a = nth(MOST);
	assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_TAKEN);
	source_release(table, p.source, S);
	a = nth(7);
	assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_TAKEN); /* it was forgotten */
	assert_int_equal(source_known(table), MOST);
	source[7] = p.source;
	for (uint32_t i = 0; i < MOST; i++)
		source_release(table, source[i], 3 * S);
	assert_int_equal(source_known(table), 0);
	assert_int_equal(table->used, MOST);
}

/* A million of one /64 are one entry, and a million sources that leave take no more than there is. */
static void t5_many_come_and_go(void **state)
{
	struct source_rule r = rate_of(1, 2);
	struct source_place p;

	(void)state;
	for (uint32_t i = 0; i < 1u << 20; i++) {
		struct np_addr a = address("[2001:db8::]:1");

		memcpy(a.u.in6.sin6_addr.s6_addr + 8, &i, sizeof(i));
		(void)!source_take(&r, &a.u.sa, S, &p);
		if (p.source != 0)
			source_release(table, p.source, S);
	}
	assert_int_equal(source_known(table), 1);
	for (uint32_t i = 0; i < 1u << 20; i++) {
		struct np_addr a = nth(i);

		assert_int_equal(source_take(&r, &a.u.sa, S, &p), SOURCE_TAKEN);
		source_release(table, p.source, S);
	}
	assert_in_range(source_known(table), MOST / 2, MOST);
}

/* The process that takes over: both together are never more, and what the one before still has is told again. */
static void t17_told_by_the_process_before(void **state)
{
	struct source_rule r = rate_of(1, 1);
	struct np_addr a = address("192.0.2.1:1");
	struct source_table *before = table, *after = source_table_new(MOST);
	struct source_entry told[2];
	struct source_key key;
	struct source_place p[3];
	uint32_t moved;

	(void)state;
	r.most = 3;
	for (int i = 0; i < 2; i++)
		assert_int_equal(source_take(&r, &a.u.sa, (1 + i) * S, &p[i]), SOURCE_TAKEN);
	for (unsigned i = 0, n = 0; i < SOURCE_SHARDS && n == 0; i++)
		n = source_copy(before, i, told, 2);
	key = (struct source_key){.listener = told[0].listener, .bits = told[0].bits};
	memcpy(key.addr, told[0].addr, sizeof(key.addr));
	assert_int_equal(told[0].conns, 2);

	r.table = after;
	assert_true(source_told(after, &key, told[0].conns, told[0].tat, 2 * S));
	assert_int_equal(source_take(&r, &a.u.sa, 2 * S, &p[2]), SOURCE_REFUSED); /* no burst anew */
	assert_int_equal(p[2].over, SOURCE_RATE);
	assert_int_equal(source_take(&r, &a.u.sa, 4 * S, &p[2]), SOURCE_TAKEN);
	moved = source_count(&r, &a.u.sa, 4 * S, true);
	source_release(before, p[0].source, 4 * S);
	assert_int_equal(source_take(&r, &a.u.sa, 6 * S, &(struct source_place){0}), SOURCE_REFUSED);
	assert_int_equal(source_conns(before, &key), 1);
	source_release(before, p[1].source, 6 * S);
	assert_int_equal(source_conns(before, &key), 0);
	assert_true(source_told(after, &key, source_conns(before, &key), 0, 6 * S));
	assert_int_equal(source_take(&r, &a.u.sa, 6 * S, &p[0]), SOURCE_TAKEN);
	assert_true(source_told(after, &key, 1, 0, 6 * S));
	source_release(after, p[0].source, 20 * S);
	source_release(after, p[2].source, 20 * S);
	source_release(after, moved, 20 * S);
	assert_int_equal(source_known(after), 1);
	source_alone(after, 20 * S);
	assert_int_equal(source_known(after), 0);
	source_table_free(after);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(t3_a_limit_is_exact),
		TEST(t3_exact_over_threads),
		TEST(t4_prefixes),
		TEST(t2_who_is_no_source),
		TEST(t6_rate_and_burst),
		TEST(t7_dry_run_admits_and_tells),
		TEST(t6_waiting),
		TEST(t5_a_full_table),
		TEST(t5_many_come_and_go),
		TEST(t17_told_by_the_process_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
