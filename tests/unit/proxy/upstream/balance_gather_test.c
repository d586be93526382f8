/* balance_gather: what is kept of the members is what would be found anew: after whatever changes a server's word, in
 * any generation, and from the next pick of any thread on. */
#include "tests/unit/proxy/upstream/servers.h"

#include <pthread.h>
#include <sched.h>

#include "netpoll/netpoll.h"
#include "proxy/upstream/balance_gather.h"
#include "proxy/upstream/waiter.h"

#define ROUNDS 3000
#define TURNS  20000

static struct server_registry *registry;
static uint64_t bits;

static unsigned draw(unsigned n)
{
	return (unsigned)(servers_random(&bits) % n);
}

static struct server *server_at(const struct upstream *u, unsigned place)
{
	return u->members->at[place].server;
}

static void set_admin(struct server *s, const struct server_inputs *in)
{
	static const int64_t never[SERVER_SETS];

	server_set_admin(s, in, never);
}

/* ---- the model: an upstream that was made just now has kept nothing ---- */

static void expect_as_new(struct upstream *u, const struct upstream_spec *spec)
{
	struct upstream *fresh = upstream_new(spec, registry);
	struct pick_args a = {0};
	const struct pool *kept, *found;

	assert_non_null(fresh);
	pthread_mutex_lock(&u->live->lock);
	kept = balance_gather(u, &a);
	found = balance_gather(fresh, &a);
	assert_int_equal(kept->n, found->n);
	for (unsigned i = 0; i < kept->n; i++) {
		assert_ptr_equal(kept->at[i]->server, found->at[i]->server);
		assert_int_equal(kept->at[i]->share, found->at[i]->share);
		assert_int_equal(kept->at[i]->most, found->at[i]->most);
	}
	if (kept->n == 0)
		assert_int_equal(kept->err, found->err);
	assert_int_equal(u->members->weight, fresh->members->weight);
	pthread_mutex_unlock(&u->live->lock);
	upstream_free(fresh);
}

/* By each who owns a field of the word. */
static void change_something(struct upstream *u)
{
	struct server *s = server_at(u, draw(u->members->n));
	struct server_inputs in = {.admin_weight = (int)draw(4) - 1, .agent_weight = (int)draw(101) - 1};
	struct report failed = {.kind = REPORT_FAILED, .began = 10, .now = 10};

	in.admin = draw(4) == 0 ? SERVER_DRAIN : SERVER_READY;
	in.agent = draw(4) == 0 ? SERVER_AGENT_DOWN : SERVER_AGENT_READY;
	switch (draw(6)) {
	case 0:
		set_admin(s, &in);
		break;
	case 1:
		(void)server_set_check(s, (enum server_check)draw(4));
		break;
	case 2:
		server_set_leaving(s, draw(3) == 0);
		break;
	case 3:
		(void)server_set_agent(s, &in);
		break;
	case 4:
		(void)passive_report(u, s, &failed);
		break;
	default:
		(void)passive_forget(s, 1);
	}
}

/* Two generations go on side by side, as during a reload. */
static void as_found_anew(void **state)
{
	static const char *const lists[] = {"1", "1 2 3", "1 1b 1b2 2b2", "3 1z 2 2z 1b", "1 1 1 1 1 1 1 1 1 1"};
	struct servers s;
	struct upstream *u, *older;

	(void)state;
	bits = servers_seed();
	for (unsigned k = 0; k < array_len(lists) * 2; k++) {
		registry = server_registry_new(1);
		servers_init(&s, BALANCE_RANDOM_TWO, lists[k / 2]);
		s.spec.zone = "near";
		s.spec.passive.on = true;
		s.spec.passive.failures = 1;
		s.spec.passive.within = s.spec.passive.out = s.spec.passive.max_out = 10;
		older = upstream_new(&s.spec, registry);
		s.spec.failover_below = k % 2 * 60;
		s.spec.panic = k % 2 * 40;
		u = upstream_new(&s.spec, registry);
		assert_non_null(u);
		for (unsigned i = 0; i < ROUNDS; i++) {
			change_something(draw(2) == 0 ? u : older);
			if (draw(3) > 0)
				expect_as_new(u, &s.spec);
		}
		upstream_free(older);
		servers_close(u, registry);
	}
}

/* ---- what is not kept ---- */

static void expect_picks(struct upstream *u, unsigned place)
{
	struct pick_args a = {0};
	int err;

	assert_int_equal(servers_pick(u, &a, &err), place);
	assert_int_equal(err, 0);
}

/* Who was full when a word changed has room again, and no word tells of that. */
static void limits_are_looked_at(void **state)
{
	struct upstream *u;

	(void)state;
	registry = server_registry_new(1);
	u = servers_open(BALANCE_ROUND_ROBIN, "1/1 1b", registry);
	expect_picks(u, 0);
	(void)server_set_check(server_at(u, 1), SERVER_CHECK_UP);
	expect_picks(u, 1);
	server_release(server_at(u, 0));
	expect_picks(u, 0);
	servers_close(u, registry);
}

static void do_nothing(struct waiter *w)
{
	(void)w;
}

/* A reload takes the limit away: it does so, too, for who waits with the list of before, and for its later picks. */
static void limits_of_a_reload(void **state)
{
	struct servers s;
	struct upstream *older, *newer;
	struct pick_args a = {0};
	struct waiter w = {.args = &a, .wake = do_nothing};
	struct server *first;

	(void)state;
	registry = server_registry_new(1);
	servers_init(&s, BALANCE_ROUND_ROBIN, "1/1");
	s.spec.queue_max = 1;
	older = upstream_new(&s.spec, registry);
	assert_int_equal(upstream_pick(older, &a, &first), 0);
	w.u = older;
	assert_int_equal(waiter_join(&w), -NP_EAGAIN);
	s.at[0].max_connections = 0;
	newer = upstream_new(&s.spec, registry);
	waiter_enact(newer);
	assert_ptr_equal(w.server, first);
	expect_picks(older, 0);
	servers_release(older);
	upstream_free(newer);
	servers_close(older, registry);
}

/* By the clock. */
static void young_ones_are_looked_at(void **state)
{
	struct servers s;
	struct upstream *u;
	struct pick_args a = {0};
	int err;

	(void)state;
	registry = server_registry_new(1);
	servers_init(&s, BALANCE_ROUND_ROBIN, "1 1");
	s.spec.slow_start = 3600 * NP_S;
	u = upstream_new(&s.spec, registry);
	(void)server_set_check(server_at(u, 0), SERVER_CHECK_DOWN);
	(void)servers_pick(u, &a, &err);
	(void)server_set_check(server_at(u, 0), SERVER_CHECK_UP);
	a.now = np_nanotime();
	(void)servers_pick(u, &a, &err);
	assert_true(u->members->at[0].share < u->members->at[1].share);
	a.now += 3600 * NP_S;
	(void)servers_pick(u, &a, &err);
	assert_int_equal(u->members->at[0].share, u->members->at[1].share);
	servers_close(u, registry);
}

/* What one who has tried servers finds is his alone. */
static void tried_ones_are_left_out_once(void **state)
{
	struct upstream *u;
	const struct server *tried[1];
	struct pick_args again = {.tried = tried, .ntried = 1};
	int err;

	(void)state;
	registry = server_registry_new(1);
	u = servers_open(BALANCE_ROUND_ROBIN, "1 1b", registry);
	tried[0] = server_at(u, 0);
	for (unsigned i = 0; i < 3; i++) {
		expect_picks(u, 0);
		assert_int_equal(servers_pick(u, &again, &err), 1);
	}
	servers_close(u, registry);
}

/* ---- threads ---- */

struct picker {
	struct upstream *u;
	uint32_t stop, picks; /* atomic */
};

static void *pick_on(void *arg)
{
	struct picker *p = arg;

	while (__atomic_load_n(&p->stop, __ATOMIC_RELAXED) == 0) {
		struct pick_args a = {0};
		struct server *s;

		if (upstream_pick(p->u, &a, &s) == 0)
			server_release(s);
		__atomic_add_fetch(&p->picks, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Another thread picks all the time, and may be the one that takes note: whoever has changed a word never picks by the
 * one before. */
static void from_the_next_pick_on(void **state)
{
	struct picker p = {0};
	pthread_t thread;

	(void)state;
	bits = servers_seed();
	registry = server_registry_new(1);
	p.u = servers_open(BALANCE_ROUND_ROBIN, "1 1", registry);
	assert_int_equal(pthread_create(&thread, NULL, pick_on, &p), 0);
	while (__atomic_load_n(&p.picks, __ATOMIC_RELAXED) == 0)
		sched_yield();
	for (unsigned i = 0; i < TURNS; i++) {
		struct pick_args a = {0};
		unsigned down = draw(2);
		struct server *s;

		(void)server_set_check(server_at(p.u, down), SERVER_CHECK_DOWN);
		assert_int_equal(upstream_pick(p.u, &a, &s), 0);
		assert_ptr_equal(s, server_at(p.u, 1 - down));
		server_release(s);
		(void)server_set_check(server_at(p.u, down), SERVER_CHECK_UP);
	}
	__atomic_store_n(&p.stop, 1, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	servers_close(p.u, registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_found_anew),
		cmocka_unit_test(limits_are_looked_at),
		cmocka_unit_test(limits_of_a_reload),
		cmocka_unit_test(young_ones_are_looked_at),
		cmocka_unit_test(tried_ones_are_left_out_once),
		cmocka_unit_test(from_the_next_pick_on),
	};

	return cmocka_run_group_tests_name("balance_gather", tests, NULL, NULL);
}
