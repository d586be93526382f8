/* closer (T8): who is ended and who is not, in which order, how fast at most, and how it is called off. The
 * connections have no sockets: one that is told to end takes itself out of the list. One worker has them, and the owner
 * is a coroutine of it. */
#include "proxy/conn/closer.h"

#include <stdio.h>

#include "tests/unit/proxy/conn/numbers_world.h"

#define MANY 300

static struct closer *closer;
static uint16_t order[2 * MANY]; /* the places of those that ended, in their order */
static unsigned norder;
static unsigned asked;   /* how often the owner was asked whether it goes on */
static unsigned ncame;   /* that came meanwhile */
static int64_t took;     /* ns */
static const struct target *targets[1]; /* none is known */
static struct listener other = {.name = "other", .targets = targets};

/* ---- connections ---- */

static void end_task(struct np_g *g)
{
	struct conn *c = container_of(g, struct conn, task);

	CHECK(c->kill == CLOSE_ADMIN && norder < array_len(order), "ended as was ordered, and once");
	order[norder++] = (uint16_t)c->err;
	np_task_fini(&c->task);
	numbers_conn_end(c);
}

/* The place is what it is known by: it stands in err. It has been silent for a second, and nobody waits on it. */
static struct conn *accepted(uint16_t place)
{
	static const struct np_task_type type = {.name = "conn", .fn = end_task};
	struct conn *c = numbers_conn();

	np_task_init(&c->task, &type);
	c->err = (int16_t)place;
	c->accepted = ++world.shard->last_accepted;
	c->dir[0].active = np_now() - NP_S;
	return c;
}

/* Its client has asked, and has no answer yet. */
static struct conn *accepted_busy(uint16_t place)
{
	struct conn *c = accepted(place);

	c->dir[0].bytes = 1;
	return c;
}

static struct conn *find(uint16_t place)
{
	list_for_each(it, &world.shard->conns) {
		struct conn *c = list_entry(it, struct conn, link);

		if (c->err == (int16_t)place)
			return c;
	}
	return NULL;
}

/* ---- a run ---- */

struct closing {
	void (*make)(void);
	bool (*go_on)(struct closer *k, void *arg);
	uint64_t rate;
	int64_t patience;
	bool count_only;
};

static void world_main(void *arg)
{
	const struct closing *is = arg;
	int64_t began;

	world.shard->worker = np_self();
	is->make();
	closer->order.why = CLOSE_ADMIN;
	closer->order.rate = is->rate;
	closer->order.patience = is->patience;
	closer->order.count_only = is->count_only;
	began = np_nanotime();
	closer_run(closer, is->go_on, NULL);
	took = np_nanotime() - began;
	np_sleep(NP_MS); /* the last ones end */
	list_for_each_safe(it, &world.shard->conns)
		np_task_fini(&list_entry(it, struct conn, link)->task);
}

static void run(const struct closing *is)
{
	struct np_worker_opts o = {.name = "closer", .cpu = -1, .main = world_main, .arg = (void *)(uintptr_t)is};

	norder = asked = ncame = 0;
	world.listener.name = "l";
	world.listener.targets = targets;
	closer = closer_new(world.shard, 1);
	assert_non_null(closer);
	assert_int_equal(np_run(&o), 0);
	world.shard->worker = NULL;
	assert_true(list_empty(&world.shard->walks));
	assert_int_equal(closer->ended, norder);
}

static unsigned left(void)
{
	unsigned n = 0;

	list_for_each(it, &world.shard->conns)
		n++;
	return n;
}

static bool always(struct closer *k, void *arg)
{
	(void)k, (void)arg;
	asked++;
	return true;
}

static void make_many(void)
{
	for (uint16_t i = 0; i < MANY; i++)
		(void)accepted(i);
}

/* ---- whom it ends ---- */

/* Once the order has reached the worker. */
static bool newcomers(struct closer *k, void *arg)
{
	if (k->matched > 0 && ncame < MANY)
		(void)accepted((uint16_t)(MANY + ncame++));
	return always(k, arg);
}

/* T8: all that were there, the oldest first; none that came later. */
static void t8_those_that_were_there(void **state)
{
	(void)state;
	run(&(struct closing){make_many, newcomers, 20000, 0, false});
	assert_int_equal(closer->matched, MANY);
	assert_int_equal(norder, MANY);
	for (unsigned i = 0; i < norder; i++)
		assert_int_equal(order[i], i);
	assert_true(ncame > 1);
	assert_int_equal(left(), ncame);
	free(closer);
}

static void t8_a_count_ends_none(void **state)
{
	(void)state;
	run(&(struct closing){make_many, always, 1000, 0, true});
	assert_int_equal(closer->matched, MANY);
	assert_int_equal(norder, 0);
	assert_int_equal(left(), MANY);
	free(closer);
}

static void make_two_listeners(void)
{
	make_many();
	snprintf(closer->order.filter.listener, CONN_FILTER_NAME, "l");
	for (uint16_t i = 0; i < MANY; i += 3)
		find(i)->listener = &other;
}

/* One that matched when it was counted no longer does. */
static bool change_one(struct closer *k, void *arg)
{
	struct conn *c = find(MANY - 1);

	if (k->matched > 0 && c != NULL)
		c->listener = &other;
	return always(k, arg);
}

/* T8: the filter is judged at each connection, when it is its turn. */
static void t8_judged_anew(void **state)
{
	(void)state;
	run(&(struct closing){make_two_listeners, change_one, 2000, 0, false});
	assert_int_equal(closer->matched, MANY - MANY / 3);
	assert_int_equal(norder, MANY - MANY / 3 - 1);
	assert_int_equal(left(), MANY / 3 + 1);
	assert_non_null(find(MANY - 1));
	assert_non_null(find(0));
	free(closer);
}

/* ---- when ---- */

static void make_thirty(void)
{
	for (uint16_t i = 0; i < 30; i++)
		(void)accepted(i);
}

/* T8: no faster than the rate. How much slower a busy machine is, is not a question. */
static void t8_no_faster_than_the_rate(void **state)
{
	(void)state;
	run(&(struct closing){make_thirty, always, 100, 0, false});
	assert_int_equal(norder, 30);
	assert_true(took >= 280 * NP_MS);
	assert_true(asked > 2);
	free(closer);
}

static void make_busy_ones(void)
{
	(void)accepted_busy(0);
	(void)accepted(1);
	(void)accepted_busy(2);
	(void)accepted(3);
}

/* The first busy one has its answer once both quiet ones are gone; the other one never. */
static bool answer_one(struct closer *k, void *arg)
{
	struct conn *c = find(0);

	if (k->ended >= 2 && c != NULL)
		c->dir[0].bytes = 0;
	return always(k, arg);
}

/* T8: quiet ones first; one that becomes quiet then; one that never does when the patience is over. */
static void t8_quiet_ones_first(void **state)
{
	static const uint16_t expected[] = {1, 3, 0, 2};

	(void)state;
	run(&(struct closing){make_busy_ones, answer_one, 1000, 300 * NP_MS, false});
	assert_int_equal(norder, 4);
	assert_memory_equal(order, expected, sizeof(expected));
	assert_true(took >= 300 * NP_MS);
	free(closer);
}

/* Without patience nobody is passed over. */
static void t8_without_patience(void **state)
{
	static const uint16_t expected[] = {0, 1, 2, 3};

	(void)state;
	run(&(struct closing){make_busy_ones, always, 1000, 0, false});
	assert_int_equal(norder, 4);
	assert_memory_equal(order, expected, sizeof(expected));
	free(closer);
}

static void a_quiet_one(void **state)
{
	int64_t now = 100 * NP_S;
	struct chunk *rest = chunk_of("x", 1);
	struct conn *c = numbers_conn();

	(void)state;
	c->dir[1].active = now - NP_S;
	assert_true(conn_is_quiet(c, now));
	c->dir[1].active = now - 100 * NP_MS;
	assert_false(conn_is_quiet(c, now));
	c->dir[1].active = now - NP_S;
	c->dir[1].blocked = true;
	assert_false(conn_is_quiet(c, now));
	c->dir[1].blocked = false;
	c->dir[0].rest = rest;
	assert_false(conn_is_quiet(c, now));
	c->dir[0].rest = NULL;
	c->dir[0].bytes = 1; /* a question without an answer */
	assert_false(conn_is_quiet(c, now));
	c->dir[1].bytes = 1; /* with one, in the next turn of the loop */
	c->dir[0].active = now - NP_S - 1;
	assert_true(conn_is_quiet(c, now));
	c->dir[0].active = now - NP_S; /* another question in the turn of that answer, or later */
	assert_false(conn_is_quiet(c, now));
	c->dir[0].active = now - NP_S + 1;
	assert_false(conn_is_quiet(c, now));
	c->dir[0].bytes = 0;
	c->phase = CONN_CONNECTING;
	assert_false(conn_is_quiet(c, now));
	chunk_drop(&rest);
}

/* ---- calling it off ---- */

static bool until_ten(struct closer *k, void *arg)
{
	return k->ended < 10 && always(k, arg);
}

static void t8_called_off(void **state)
{
	(void)state;
	run(&(struct closing){make_many, until_ten, 1000, 0, false});
	assert_true(closer->cut);
	assert_true(norder >= 10 && norder < MANY);
	assert_int_equal(left(), MANY - norder);
	free(closer);
}

static bool faster(struct closer *k, void *arg)
{
	k->order.rate = CLOSER_RATE_MOST;
	return always(k, arg);
}

/* The owner changes the rate on the way: at the first one this would take five minutes. */
static void t8_another_rate(void **state)
{
	(void)state;
	run(&(struct closing){make_many, faster, 1, 0, false});
	assert_false(closer->cut);
	assert_int_equal(norder, MANY);
	free(closer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t8_those_that_were_there, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_a_count_ends_none, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_judged_anew, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_no_faster_than_the_rate, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_quiet_ones_first, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_without_patience, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(a_quiet_one, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_called_off, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(t8_another_rate, numbers_begin, numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
