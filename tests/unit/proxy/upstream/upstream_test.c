/* upstream: made from a spec, kept or replaced by a reload, exact when all workers pick at once. */
#include "tests/unit/proxy/upstream/servers.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct server_registry *registry;

static int open_registry(void **state)
{
	(void)state;
	registry = server_registry_new(1);
	return registry == NULL;
}

static int free_registry(void **state)
{
	(void)state;
	registry = server_registry_free(registry);
	return 0;
}

static void copies_its_spec(void **state)
{
	char name[] = "app", text[] = "one:80";
	struct server_spec one = servers_one(1);
	struct upstream_spec spec = {
		.name = name,
		.balance = BALANCE_LEAST_CONN,
		.servers = &one,
		.nservers = 1,
		.connect_timeout = 5,
		.retry_budget = 10,
		.retries = 2,
	};
	struct upstream *u;

	(void)state;
	one.text = text;
	u = upstream_new(&spec, registry);
	name[0] = text[0] = 'X';
	memset(&one, 0, sizeof(one));
	memset(&spec, 0, sizeof(spec));
	assert_string_equal(u->name, "app");
	assert_string_equal(u->members->at[0].server->name, "app/127.0.0.1:8001");
	assert_string_equal(u->members->at[0].server->text, "one:80");
	assert_int_equal(u->connect_timeout, 5);
	assert_int_equal(u->retry_budget, 10);
	assert_int_equal(u->retries, 2);
	upstream_free(u);
}

static void swap(struct server_spec *a, struct server_spec *b)
{
	struct server_spec first = *a;

	*a = *b;
	*b = first;
}

/* What a reload may change, and whether the upstream is still the same. */
#define CHANGE_TBL(X)                                                                \
	X(leave,       "nothing",               true,  (void)s)                      \
	X(spell,       "a server's spelling",   true,  s->at[1].text = "localhost")  \
	X(rename_it,   "the name",              false, s->spec.name = "api")         \
	X(rebalance,   "the algorithm",         false, s->spec.balance++)            \
	X(wait_longer, "the connect timeout",   false, s->spec.connect_timeout++)    \
	X(budget_more, "the retry budget",      false, s->spec.retry_budget++)       \
	X(retry_more,  "the retries",           false, s->spec.retries++)            \
	X(reseed,      "the seed",              false, s->spec.seed++)               \
	X(drop,        "a server less",         false, s->spec.nservers--)           \
	X(add,         "a server more",         false, s->at[s->spec.nservers++] = servers_one(9)) \
	X(move,        "a server's address",    false, s->at[1] = servers_one(9))    \
	X(weigh,       "a server's weight",     false, s->at[1].weight++)            \
	X(limit,       "a server's limit",      false, s->at[1].max_connections++)   \
	X(back_up,     "a server's tier",       false, s->at[1].priority = 1)   \
	X(zone,        "a server's zone",       false, s->at[1].zone = "far")        \
	X(no_zone,     "no zone any more",      false, s->at[1].zone = NULL)         \
	X(reorder,     "the order",             false, swap(&s->at[0], &s->at[1]))   \
	X(own_zone,    "the process's zone",    false, s->spec.zone = "near")        \
	X(fail_over,   "when the next tier joins", false, s->spec.failover_below = 50)   \
	X(start_slow,  "how slowly servers start", false, s->spec.slow_start = 1)    \
	X(panic_at,    "when it panics",        false, s->spec.panic = 50)

#define X(name, what, same, change)                \
	static void change_##name(struct servers *s) \
	{                                          \
		change;                            \
	}
CHANGE_TBL(X)
#undef X

static const struct change_row {
	const char *what;
	bool same;
	void (*change)(struct servers *s);
} changes[] = {
#define X(name, what, same, change) {what, same, change_##name},
	CHANGE_TBL(X)
#undef X
};

static void same_sees_each_change(void **state)
{
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "3/5 1/2 1b", registry);

	(void)state;
	for (size_t i = 0; i < array_len(changes); i++) {
		struct servers s;

		servers_init(&s, BALANCE_ROUND_ROBIN, "3/5 1/2 1b");
		changes[i].change(&s);
		if (upstream_same(u, &s.spec) != changes[i].same)
			fail_msg("%s", changes[i].what);
	}
	upstream_free(u);
}

static struct server *pick(struct upstream *u)
{
	struct pick_args a = {.hash = 1};
	struct server *s = NULL;

	assert_int_equal(upstream_pick(u, &a, &s), 0);
	return s;
}

/* A reload while connections live: the new upstream counts them against its own limit. */
static void reload_keeps_counting(void **state)
{
	struct upstream *old = servers_open(BALANCE_ROUND_ROBIN, "1/3", registry);
	struct server *s = pick(old), *other;
	struct pick_args a = {.hash = 1};
	struct upstream *new;

	(void)state;
	assert_ptr_equal(pick(old), s);
	new = servers_open(BALANCE_LEAST_CONN, "1/3", registry);
	assert_ptr_equal(pick(new), s);
	assert_int_equal(upstream_pick(new, &a, &other), -NP_EAGAIN);
	upstream_free(old);
	assert_int_equal(upstream_pick(new, &a, &other), -NP_EAGAIN);
	server_release(s);
	assert_ptr_equal(pick(new), s);
	assert_int_equal(server_active(s), 3);
	for (int i = 0; i < 3; i++)
		server_release(s);
	upstream_free(new);
}

/* E20: a server with a live connection is removed; a hundred times, and nothing piles up. */
static void removal_frees_after_the_last_connection(void **state)
{
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "1", registry);

	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		struct server *s = pick(u);
		struct servers next;
		struct upstream *v;

		servers_init(&next, BALANCE_ROUND_ROBIN, "1");
		next.at[0] = servers_one(i);
		v = upstream_new(&next.spec, registry);
		upstream_free(u);
		u = v;
		assert_int_equal(server_registry_count(registry), 2);
		assert_int_equal(server_active(s), 1);
		server_release(s);
		upstream_free(servers_open(BALANCE_ROUND_ROBIN, "", registry)); /* the next change sweeps */
		assert_int_equal(server_registry_count(registry), 1);
	}
	upstream_free(u);
	assert_int_equal(server_registry_count(registry), 0);
}

/* ---- another list of servers ---- */

static char pick_letter(struct upstream *u)
{
	struct pick_args a = {0};
	int err;
	unsigned place = servers_pick(u, &a, &err);

	assert_int_equal(err, 0);
	return (char)('0' + ntohs(u->members->at[place].server->addr.u.in4.sin_port) - 8000);
}

static void expect_round(struct upstream *u, const char *ports)
{
	for (const char *p = ports; *p != '\0'; p++)
		assert_int_equal(pick_letter(u), *p);
}

static int64_t sum_credits(const struct upstream *u)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < u->members->n; i++)
		sum += u->members->at[i].server->credit;
	return sum;
}

static void replace_with(struct upstream *u, const char *ports)
{
	struct server_spec specs[SERVERS_MAX];
	unsigned n = 0;

	for (const char *p = ports; *p != '\0'; p++)
		specs[n++] = servers_one((unsigned)(*p - '0'));
	assert_int_equal(upstream_replace(u, specs, n), 0);
}

/* Section 7 of the page of upstreams: credits are carried over, else each DNS answer would begin the round anew. */
static void a_new_list_goes_on_with_the_round(void **state)
{
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "1 1 1", registry);

	(void)state;
	expect_round(u, "01");
	replace_with(u, "012");
	expect_round(u, "2012");
	expect_round(u, "0");
	replace_with(u, "0123");
	assert_int_equal(sum_credits(u), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(server_active(u->members->at[i].server) > 0, i < 3);
	servers_release(u);
	upstream_free(u);
}

/* Who leaves takes its debt along, and the picks of the others stay exact. */
static void a_server_that_leaves_owes_nothing(void **state)
{
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "3 1 1", registry);

	(void)state;
	expect_round(u, "01");
	replace_with(u, "02");
	assert_int_equal(sum_credits(u), 0);
	for (int i = 0; i < 3; i++) {
		char one = pick_letter(u), two = pick_letter(u);

		assert_true((one == '0' && two == '2') || (one == '2' && two == '0'));
	}
	replace_with(u, "012");
	assert_int_equal(u->members->at[1].server->credit, 0);
	assert_int_equal(sum_credits(u), 0);
	servers_release(u);
	upstream_free(u);
}

/* E72: two generations of one name share the round; other weights begin a new one. */
static void generations_share_the_round(void **state)
{
	struct upstream *old = servers_open(BALANCE_ROUND_ROBIN, "1 1 1", registry);
	struct upstream *new = servers_open(BALANCE_ROUND_ROBIN, "1 1 1", registry), *heavy;

	(void)state;
	expect_round(old, "0");
	expect_round(new, "1");
	expect_round(old, "2");
	expect_round(new, "0");
	heavy = servers_open(BALANCE_ROUND_ROBIN, "2 1 1", registry);
	expect_round(heavy, "0120");
	servers_release(heavy);
	upstream_free(heavy);
	upstream_free(old);
	servers_release(new);
	upstream_free(new);
}

/* ---- all workers at once ---- */

#define THREADS 4
#define ROUNDS  60000

struct hammer {
	struct upstream *u;
	uint64_t random;
	unsigned refused, over, picks[SERVERS_MAX];
};

static void *hammer_run(void *arg)
{
	struct hammer *h = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct pick_args a = {.random = servers_random(&h->random)};
		struct server *s;
		const struct member *m;

		a.hash = a.random | 1;
		if (upstream_pick(h->u, &a, &s) != 0) {
			h->refused++;
			continue;
		}
		m = &h->u->members->at[servers_place(h->u, s)];
		h->over += m->max_connections > 0 && server_active(s) > m->max_connections;
		h->picks[m - h->u->members->at]++;
		server_release(s);
	}
	return NULL;
}

/* Runs THREADS of them, the odd ones on v; leaves the sums in the first. */
static void hammer_all(struct hammer *h, struct upstream *u, struct upstream *v, uint64_t seed)
{
	pthread_t threads[THREADS];

	memset(h, 0, THREADS * sizeof(*h));
	for (unsigned i = 0; i < THREADS; i++) {
		h[i].u = i % 2 == 0 ? u : v;
		h[i].random = seed + i;
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_run, &h[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		if (i == 0)
			continue;
		h[0].refused += h[i].refused;
		h[0].over += h[i].over;
		for (unsigned k = 0; k < SERVERS_MAX; k++)
			h[0].picks[k] += h[i].picks[k];
	}
}

/* E11: after all that, exactly the limit fits. */
static void expect_room(struct upstream *u, unsigned room)
{
	struct server *taken[16];
	struct pick_args a = {.hash = 1};
	struct server *s;

	assert_true(room <= array_len(taken));
	for (unsigned i = 0; i < room; i++)
		taken[i] = pick(u);
	assert_int_equal(upstream_pick(u, &a, &s), -NP_EAGAIN);
	for (unsigned i = 0; i < room; i++)
		server_release(taken[i]);
}

/* E10: four threads that hold one slot each, and four slots: no limit is exceeded and nobody is
 * refused, for when a thread asks, at most three slots are taken. */
static void limits_are_exact(void **state)
{
	static const enum balance all[] = {
		BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONN, BALANCE_RANDOM_TWO, BALANCE_SOURCE_HASH};
	struct hammer h[THREADS];
	uint64_t seed = servers_seed();

	(void)state;
	for (size_t i = 0; i < array_len(all); i++) {
		struct upstream *u = servers_open(all[i], "3/1 1/1 2/1 1/1b", registry);

		hammer_all(h, u, u, seed);
		assert_int_equal(h[0].over, 0);
		assert_int_equal(h[0].refused, 0);
		expect_room(u, 4);
		upstream_free(u);
	}
}

/* During a reload half of the workers still have the old upstream: one limit all the same. The other
 * servers are there to lengthen the time between the look at the count and the taking of the slot. */
#define WITH_OTHERS "256/1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1/1"

static void limits_hold_across_a_reload(void **state)
{
	struct upstream *old = servers_open(BALANCE_ROUND_ROBIN, WITH_OTHERS, registry);
	struct upstream *new = servers_open(BALANCE_LEAST_CONN, WITH_OTHERS, registry);
	struct hammer h[THREADS];

	(void)state;
	for (uint64_t seed = servers_seed(), turn = 0; turn < 4; turn++) {
		hammer_all(h, old, new, seed + turn * THREADS);
		assert_int_equal(h[0].over, 0);
	}
	upstream_free(old);
	for (unsigned i = 0; i < new->members->n; i++)
		assert_int_equal(server_active(new->members->at[i].server), 0);
	upstream_free(new);
}

/* E4, E5: k * sum(w) picks are k * w each, whichever workers take them. */
static void turns_are_exact_over_all_workers(void **state)
{
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "5 1 0 2", registry);
	struct hammer h[THREADS];

	(void)state;
	hammer_all(h, u, u, servers_seed());
	for (unsigned i = 0; i < u->members->n; i++)
		assert_int_equal(h[0].picks[i], THREADS * ROUNDS / 8 * u->members->at[i].weight);
	upstream_free(u);
}

/* ---- misuse ---- */

static void weigh_too_much(void)
{
	upstream_free(servers_open(BALANCE_ROUND_ROBIN, "257", registry));
}

static void weigh_the_most(void)
{
	upstream_free(servers_open(BALANCE_ROUND_ROBIN, "256", registry));
}

/* The signal that ends a child which runs fn; 0 when it returns. */
static int signal_of(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void weight_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(signal_of(weigh_too_much), SIGABRT);
	assert_int_equal(signal_of(weigh_the_most), 0);
}

static void free_takes_null(void **state)
{
	(void)state;
	assert_null(upstream_free(NULL));
	assert_null(server_registry_free(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_registry, free_registry)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_its_spec),
		TEST(same_sees_each_change),
		TEST(reload_keeps_counting),
		TEST(removal_frees_after_the_last_connection),
		TEST(limits_are_exact),
		TEST(limits_hold_across_a_reload),
		TEST(turns_are_exact_over_all_workers),
		TEST(a_new_list_goes_on_with_the_round),
		TEST(a_server_that_leaves_owes_nothing),
		TEST(generations_share_the_round),
		TEST(weight_is_bounded),
		TEST(free_takes_null),
	};

	return cmocka_run_group_tests_name("upstream", tests, NULL, NULL);
}
