/* Who waits for a slot, over threads: E42, E43, E72, F59. Each thread has clients that come, wait, leave and end at
 * random, while control changes what there is to wait for. QUEUE_PICKS=1000000 is the whole count. */
#include <pthread.h>
#include <sched.h>

#include "tests/unit/proxy/upstream/waiters.h"

enum { THREADS = 4, CLIENTS = 12, LIMIT = 3, SERVERS = 3 };

enum client_state { IDLE, HOLDS, WAITS, LEAVES };

struct client {
	struct one o;
	uint32_t state;         /* atomic: enum client_state */
	uint64_t asked, joined; /* atomic: of the common clock; joined: it was in the queue by then */
	struct server *server;
};

struct crowd {
	struct upstream *u;
	struct client clients[THREADS][CLIENTS];
	uint64_t clock, picks, most, overtakes, exceeded, waited; /* atomic */
	uint32_t stop;                                            /* atomic */
};

struct mob {
	struct crowd *crowd;
	struct client *mine;
	uint64_t random;
};

static uint64_t tick(struct crowd *c)
{
	return __atomic_add_fetch(&c->clock, 1, __ATOMIC_SEQ_CST);
}

static uint64_t next_random(struct mob *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

/* Whoever was in the queue before c asked, and may use what c may, had a slot before c, or has left. */
static void look_for_overtaken(struct crowd *w, const struct client *c)
{
	struct client *all = &w->clients[0][0];

	pthread_mutex_lock(&w->u->live->lock);
	for (unsigned i = 0; i < THREADS * CLIENTS; i++) {
		uint64_t joined = __atomic_load_n(&all[i].joined, __ATOMIC_SEQ_CST);

		if (&all[i] != c && __atomic_load_n(&all[i].state, __ATOMIC_SEQ_CST) == WAITS && joined < c->asked &&
		    all[i].o.w.server == NULL)
			__atomic_add_fetch(&w->overtakes, 1, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&w->u->live->lock);
}

static void hold(struct crowd *w, struct client *c, struct server *s)
{
	c->server = s;
	__atomic_store_n(&c->state, HOLDS, __ATOMIC_SEQ_CST);
	if (server_active(s) > LIMIT)
		__atomic_add_fetch(&w->exceeded, 1, __ATOMIC_SEQ_CST);
	look_for_overtaken(w, c);
	if (__atomic_add_fetch(&w->picks, 1, __ATOMIC_SEQ_CST) >= w->most)
		__atomic_store_n(&w->stop, 1, __ATOMIC_SEQ_CST);
}

static void come(struct crowd *w, struct client *c)
{
	struct server *s;
	int err;

	ask(&c->o, w->u);
	__atomic_store_n(&c->asked, tick(w), __ATOMIC_SEQ_CST);
	err = upstream_pick(w->u, &c->o.args, &s);
	if (err == 0) {
		hold(w, c, s);
		return;
	}
	__atomic_store_n(&c->joined, UINT64_MAX, __ATOMIC_SEQ_CST);
	err = waiter_join(&c->o.w);
	if (err == 0) {
		hold(w, c, c->o.w.server);
		return;
	}
	__atomic_add_fetch(&w->waited, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->state, WAITS, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->joined, tick(w), __ATOMIC_SEQ_CST);
}

/* A reset or a timeout, which may find a grant on its way. */
static void give_up(struct crowd *w, struct client *c)
{
	__atomic_store_n(&c->state, LEAVES, __ATOMIC_SEQ_CST);
	if (!waiter_leave(&c->o.w)) {
		while (__atomic_load_n(&c->o.woken, __ATOMIC_ACQUIRE) == 0)
			sched_yield();
		server_release(c->o.w.server);
		__atomic_add_fetch(&w->picks, 1, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&c->state, IDLE, __ATOMIC_SEQ_CST);
}

static void leave(struct client *c)
{
	__atomic_store_n(&c->state, IDLE, __ATOMIC_SEQ_CST);
	server_release(c->server);
}

static void act(struct mob *m, struct client *c)
{
	bool last = __atomic_load_n(&m->crowd->stop, __ATOMIC_SEQ_CST) != 0;

	if (c->state == HOLDS)
		leave(c);
	else if (c->state == WAITS && __atomic_load_n(&c->o.woken, __ATOMIC_ACQUIRE) != 0)
		hold(m->crowd, c, c->o.w.server);
	else if (c->state == WAITS && (last || next_random(m) % 64 == 0))
		give_up(m->crowd, c);
	else if (c->state == IDLE && !last)
		come(m->crowd, c);
}

static bool all_idle(const struct client *c)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (c[i].state != IDLE)
			return false;
	return true;
}

static void *mob_main(void *arg)
{
	struct mob *m = arg;

	while (!__atomic_load_n(&m->crowd->stop, __ATOMIC_SEQ_CST) || !all_idle(m->mine))
		act(m, &m->mine[next_random(m) % CLIENTS]);
	return NULL;
}

/* What control does meanwhile: the list is replaced, limits go down and up, a server is drained. */
static void disturb(struct crowd *w, unsigned turn)
{
	struct server_inputs in = server_inputs(0);
	struct server *s = w->u->members->at[0].server;
	struct servers to;

	servers_init(&to, BALANCE_ROUND_ROBIN, turn % 2 == 0 ? "1/3 2/3" : "1/3 1/3 1/3");
	assert_int_equal(upstream_replace(w->u, to.at, to.spec.nservers), 0);
	in.admin_most = turn % 3 == 0 ? 1 : 0;
	in.admin = turn % 5 == 0 ? SERVER_DRAIN : SERVER_READY;
	servers_say(s, &in);
	sched_yield();
}

static uint64_t picks_wanted(void)
{
	const char *text = getenv("QUEUE_PICKS");

	return text != NULL ? strtoull(text, NULL, 10) : 60000;
}

/* E42, E43, E72, F59 */
static void e42_f59_over_threads(void **state)
{
	static struct crowd w;
	struct mob mobs[THREADS];
	pthread_t threads[THREADS];
	struct server_inputs ready = server_inputs(0);

	(void)state;
	w = (struct crowd){.most = picks_wanted()};
	w.u = open_queue("1/3 1/3 1/3", THREADS * CLIENTS);
	for (unsigned i = 0; i < THREADS; i++) {
		mobs[i] = (struct mob){&w, w.clients[i], 88172645463325252u + i};
		assert_int_equal(pthread_create(&threads[i], NULL, mob_main, &mobs[i]), 0);
	}
	for (unsigned turn = 0; !__atomic_load_n(&w.stop, __ATOMIC_SEQ_CST); turn++)
		disturb(&w, turn);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(w.overtakes, 0);
	assert_int_equal(w.exceeded, 0);
	assert_true(w.waited > w.most / 100);
	assert_int_equal(upstream_waiting(w.u->live), 0);
	for (unsigned i = 0; i < w.u->members->n; i++) {
		servers_say(w.u->members->at[i].server, &ready);
		assert_int_equal(server_active(w.u->members->at[i].server), 0);
	}
	upstream_free(w.u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(e42_f59_over_threads, begin, end),
	};

	return cmocka_run_group_tests_name("semantics_queue", tests, NULL, NULL);
}
