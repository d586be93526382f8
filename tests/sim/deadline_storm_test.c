/* Hundreds of readers whose deadlines are set, moved, dropped and met at random: N8, N10, X3, X4,
 * F11. Every one comes back not before its deadline and at most a tick after it, whatever happened
 * to the others.
 *   SIM_STEPS   of the driver (100000); SIM_SEED as everywhere */
#include "tests/sim/sim.h"

#define READERS 300
#define FD      3

static struct reader {
	struct polldesc *pd;
	int64_t want;     /* the deadline it has now; 0 none */
	unsigned met;     /* deadlines that fired */
} readers[READERS];

static uint64_t seed;
static bool over;
static unsigned early, late, wrong, alive;

static void set(struct reader *r, int64_t when)
{
	r->want = when;
	poll_set_deadline(&np_self()->np, r->pd, when, NETPOLL_READ);
}

static int64_t random_deadline(void)
{
	int64_t now = fake_now();

	switch (sim_random(&seed) % 8) {
	case 0:  return 0;
	case 1:  return now;
	case 2:  return INT64_MAX;
	case 3:  return now + NP_S + (int64_t)(sim_random(&seed) % (300 * NP_S)); /* lazily */
	default: return now + (int64_t)(sim_random(&seed) % (2 * NP_S));
	}
}

static void note(struct reader *r, int err)
{
	int64_t now = fake_now();

	wrong += err != -NP_EDEADLINE;
	early += r->want == 0 || r->want == INT64_MAX || now < r->want;
	late += now > r->want + WHEEL_TICK;
	r->met++;
}

static void reader_main(void *arg)
{
	struct reader *r = arg;
	int err;

	while ((err = poll_wait(&np_self()->np, r->pd, NP_READ)) != -NP_ECLOSING) {
		note(r, err);
		set(r, fake_now() + 1 + (int64_t)(sim_random(&seed) % NP_S));
	}
	wrong += !over;
	alive--;
}

/* A deadline that is over by more than a tick and still has its waiter asleep was lost. */
static void look_for_lost(void)
{
	for (int i = 0; i < READERS; i++)
		late += readers[i].pd->rd > 0 && readers[i].pd->rd + WHEEL_TICK < fake_now();
}

static void driver(void *arg)
{
	unsigned long steps = *(const unsigned long *)arg;
	struct netpoll *np = &np_self()->np;

	for (int i = 0; i < READERS; i++, alive++) {
		readers[i] = (struct reader){.pd = NULL};
		sim_need(poll_open(np, FD + i, &readers[i].pd));
		sim_need(np_go("reader", reader_main, &readers[i]));
	}
	for (unsigned long i = 0; i < steps; i++) {
		for (unsigned n = sim_random(&seed) % 4; n > 0; n--)
			set(&readers[sim_random(&seed) % READERS], random_deadline());
		np_sleep((int64_t)(sim_random(&seed) % (4 * NP_MS)));
		if (i % 64 == 0)
			look_for_lost();
	}
	over = true;
	for (int i = 0; i < READERS; i++)
		poll_unblock(np, readers[i].pd);
	np_yield();
	for (int i = 0; i < READERS; i++)
		poll_close(np, readers[i].pd);
	wrong += np->wheel.armed != 0 || np->cache.used != 0;
}

static void no_deadline_is_early_late_or_lost(void **state)
{
	unsigned long steps = sim_env("SIM_STEPS", 100000);
	unsigned met = 0;

	(void)state;
	seed = sim_seed();
	sim_run(driver, &steps);
	for (int i = 0; i < READERS; i++)
		met += readers[i].met;
	assert_int_equal(early, 0);
	assert_int_equal(late, 0);
	assert_int_equal(wrong, 0);
	assert_int_equal(alive, 0);
	assert_true(met > steps / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_deadline_is_early_late_or_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
