/* walk: O7: in every order of begins, ends and steps, each connection that lives throughout is met once,
 * and none is met twice. Several walks at a time do not disturb each other. */
#include "tests/unit/proxy/conn/numbers_world.h"

#define CONNS 40
#define WALKS 3

/* What the model knows of a connection: c->rule is its place here. */
static struct place {
	struct conn *c; /* NULL: ended */
	bool throughout[WALKS]; /* it was there when that walk began */
	unsigned met[WALKS];
} places[4000];
static unsigned nplaces, nlive;
static struct walk walks[WALKS];
static bool walking[WALKS];

static uint64_t draw(uint64_t below)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return x % below;
}

static void begin_one(void)
{
	struct place *p = &places[nplaces];

	if (nplaces == array_len(places) || nlive == CONNS)
		return;
	*p = (struct place){.c = numbers_conn()};
	p->c->rule = (uint16_t)nplaces++;
	nlive++;
}

static void end_one(void)
{
	unsigned i;

	if (nlive == 0)
		return;
	do
		i = (unsigned)draw(nplaces);
	while (places[i].c == NULL);
	numbers_conn_end(places[i].c);
	places[i].c = NULL;
	nlive--;
}

static void end_walk(unsigned w)
{
	for (unsigned i = 0; i < nplaces; i++) {
		struct place *p = &places[i];

		if (p->met[w] > 1 || (p->c != NULL && p->throughout[w] && p->met[w] != 1))
			fail_msg("connection %u was met %u times", i, p->met[w]);
	}
	walk_end(&walks[w]);
	walking[w] = false;
}

static void step_walk(unsigned w)
{
	struct conn *c;

	if (!walking[w]) {
		walk_begin(&walks[w], world.shard);
		walking[w] = true;
		for (unsigned i = 0; i < nplaces; i++) {
			places[i].met[w] = 0;
			places[i].throughout[w] = places[i].c != NULL;
		}
		return;
	}
	c = walk_next(&walks[w]);
	if (c == NULL)
		end_walk(w);
	else
		places[c->rule].met[w]++;
}

static void o7_each_is_met_once(void **state)
{
	(void)state;
	nplaces = nlive = 0;
	for (unsigned i = 0; i < 20000; i++) {
		switch (draw(8)) {
		case 0:
			begin_one();
			break;
		case 1:
			if (nplaces < array_len(places))
				end_one();
			break;
		default:
			step_walk((unsigned)draw(WALKS));
			break;
		}
	}
	for (unsigned w = 0; w < WALKS; w++)
		if (walking[w])
			walk_end(&walks[w]);
	assert_true(nplaces > 1000); /* or nothing was tried */
}

static void the_one_that_was_met_may_end(void **state)
{
	struct walk w;
	struct conn *c;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		(void)numbers_conn();
	walk_begin(&w, world.shard);
	while ((c = walk_next(&w)) != NULL) {
		numbers_conn_end(c);
		n++;
	}
	walk_end(&w);
	assert_int_equal(n, 10);
	assert_true(list_empty(&world.shard->walks));
}

static void nobody_is_met_where_nobody_is(void **state)
{
	struct walk w;

	(void)state;
	walk_begin(&w, world.shard);
	assert_null(walk_next(&w));
	assert_null(walk_next(&w));
	walk_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(o7_each_is_met_once, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(the_one_that_was_met_may_end, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(nobody_is_met_where_nobody_is, numbers_begin, numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
