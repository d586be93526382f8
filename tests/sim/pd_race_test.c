/* Every order of what can happen to a descriptor while somebody waits for it: K1, K5, K6, K18; X1,
 * X3, F8, F11.
 *
 * A schedule is a word over the letters below. A driver coroutine plays it on one pollDesc of a
 * real worker over the fake poller, and beside it a model of a few flags that has no parking
 * places, no wheel and no queue. After each letter (stepwise) or only at the end (at once: all of
 * it happens before the waiter gets to run) the two must agree: the same results in the same order,
 * the same one waiting, the same readiness left. So a lost wake-up, a wrong precedence, a word left
 * behind and an event of a former life all show as a difference.
 *
 * Reader and writer are coroutines blocked in poll_wait, the third subject is a task that stands at
 * the reader's side.
 *   SIM_LENGTH   length of the schedules of which all are tried, no letter twice (4)
 *   SIM_RANDOM   how many longer ones are tried at random (20000), from SIM_SEED on
 * Fewer where a new coroutine costs a hundred times as much, and nothing can race on one thread. */
#include "tests/sim/pd_model.h"
#include "tests/sim/sim.h"

#define FD       7
#ifdef NP_TSAN
#define LENGTH   3
#define RANDOM   1000
#else
#define LENGTH   4
#define RANDOM   20000
#endif
#define LONGEST  24
#define NEAR     (10 * NP_MS)
#define FAR      (3600 * NP_S)
#define STEP     (20 * NP_MS) /* past NEAR and a tick */

/*  letter  what happens */
#define LETTERS(X)                                                 \
	X('i', io)     /* the side waited for becomes ready */     \
	X('o', others) /* the other side does */                   \
	X('e', error)  /* EPOLLERR alone */                        \
	X('t', time)   /* the clock passes every near deadline */  \
	X('n', soon)   /* a near deadline */                       \
	X('l', late)   /* a far one */                             \
	X('0', none)   /* none */                                  \
	X('p', past)   /* one that is over */                      \
	X('d', other)  /* a near one for the other side */         \
	X('w', wait)   /* whoever no longer waits waits again */   \
	X('c', close)  /* close begins */                          \
	X('r', reopen) /* ... and ends; the slot is used again */  \
	X('s', stale)  /* an event of its former life */

static struct {
	bool stepwise;
	struct netpoll *np;
	struct polldesc *pd;
	uint64_t old_tag;
	struct model model;
	struct np_g task;
	bool alive;            /* the subject runs or waits */
	int log[MAX_LOG];
	unsigned n;
	char schedule[LONGEST + 1];
	unsigned long played;
	char failure[256];     /* of the first schedule that failed */
} sim;

static enum np_mode own_mode(void)
{
	return sim.model.subject == WRITER ? NP_WRITE : NP_READ;
}

static unsigned own_way(void)
{
	return own_mode() == NP_READ ? NETPOLL_READ : NETPOLL_WRITE;
}

static unsigned other_way(void)
{
	return own_mode() == NP_READ ? NETPOLL_WRITE : NETPOLL_READ;
}

/* ---- the subjects ---------------------------------------------------------------------------- */

static void note(int result)
{
	sim.log[sim.n++ % MAX_LOG] = result;
}

static void coro_subject(void *arg)
{
	int err;

	(void)arg;
	do {
		err = poll_reset(sim.pd, own_mode());
		if (err == 0)
			err = poll_wait(sim.np, sim.pd, own_mode());
		note(err);
	} while (err == 0);
	sim.alive = false;
}

static void task_turn(struct np_g *g)
{
	int err = poll_check_err(sim.pd, NP_READ);

	note(err != 0 ? err : poll_stand(sim.pd, NP_READ, g));
	sim.alive = err == 0;
}

static const struct np_task_type task_type = {.name = "subject", .fn = task_turn};

static void subject_start(void)
{
	sim.alive = true;
	if (sim.model.subject == TASK)
		np_ready(&sim.task);
	else
		sim_need(np_go("subject", coro_subject, NULL));
}

/* ---- agreement ------------------------------------------------------------------------------- */

/* Said at once too: the worker may never come to its end any more. */
static void differ(const char *what)
{
	if (sim.failure[0] != '\0')
		return;
	snprintf(sim.failure, sizeof(sim.failure), "%s, schedule \"%s\" %s: %s",
		 subject_name[sim.model.subject], sim.schedule,
		 sim.stepwise ? "stepwise" : "at once", what);
	fprintf(stderr, "%s\n", sim.failure);
}

static void compare(void)
{
	const struct model *m = &sim.model;
	uintptr_t own = sim.model.subject == WRITER ? sim.pd->wg : sim.pd->rg;

	if (sim.n != m->n)
		differ(sim.n < m->n ? "a wake-up was lost" : "a wake-up too many");
	else if (memcmp(sim.log, m->log, sizeof(sim.log)) != 0)
		differ("another result than it must be");
	if ((own > PD_WAIT) != m->waiting)
		differ("the waiter is not where it should be");
	if ((own == PD_READY) != m->ready || own == PD_WAIT)
		differ("readiness lost, or never seen");
}

/* Everybody who can run runs, then both sides must be the same. */
static void settle(void)
{
	for (int i = 0; i < 3; i++)
		np_yield();
	model_turn(&sim.model);
	compare();
}

/* ---- the letters ----------------------------------------------------------------------------- */

static void deliver(unsigned what)
{
	fake_event(fake_now(), FD, what);
	netpoll_poll(sim.np, 0);
}

static void do_io(struct model *m)
{
	deliver(own_way());
	model_ready(m, true, false);
}

static void do_others(struct model *m)
{
	deliver(other_way());
	model_ready(m, false, false);
}

static void do_error(struct model *m)
{
	deliver(NETPOLL_READ | NETPOLL_WRITE | NETPOLL_HUP | NETPOLL_FAILED | NETPOLL_ERR_ONLY | NETPOLL_ERROR);
	model_ready(m, true, true);
}

static void do_time(struct model *m)
{
	fake_advance(STEP);
	while (wheel_next(&sim.np->wheel) <= fake_now())
		wheel_run(&sim.np->wheel, fake_now());
	if (m->closing)
		return;
	if (m->own > 0 && m->own <= fake_now()) {
		m->own = -1;
		model_wake(m);
	}
	if (m->other > 0 && m->other <= fake_now())
		m->other = -1;
}

static void set_own(int64_t when)
{
	poll_set_deadline(sim.np, sim.pd, when, own_way());
}

static void do_soon(struct model *m)
{
	set_own(fake_now() + NEAR);
	model_deadline(m, fake_now() + NEAR);
}

static void do_late(struct model *m)
{
	set_own(fake_now() + FAR);
	model_deadline(m, fake_now() + FAR);
}

static void do_none(struct model *m)
{
	set_own(0);
	model_deadline(m, 0);
}

static void do_past(struct model *m)
{
	set_own(fake_now() - 1);
	model_deadline(m, -1);
}

static void do_other(struct model *m)
{
	poll_set_deadline(sim.np, sim.pd, fake_now() + NEAR, other_way());
	if (!m->closing)
		m->other = fake_now() + NEAR;
}

static void do_wait(struct model *m)
{
	settle();
	if (!m->gone)
		return;
	subject_start();
	model_wait(m);
	settle();
}

static void do_close(struct model *m)
{
	if (m->closing)
		return;
	poll_unblock(sim.np, sim.pd);
	model_close(m);
}

static void fresh_life(void)
{
	struct polldesc *old = sim.pd;

	sim_need(poll_open(sim.np, FD, &sim.pd));
	sim_need(poll_register(sim.np, sim.pd));
	if (old != NULL && old != sim.pd)
		differ("the slot was not used again");
	model_open(&sim.model);
}

static void end_life(void)
{
	if (sim.pd->rg > PD_READY || sim.pd->wg > PD_READY)
		differ("somebody is left behind at a closed descriptor");
	sim.old_tag = polldesc_tag(sim.pd);
	poll_close(sim.np, sim.pd);
}

static void do_reopen(struct model *m)
{
	if (!m->closing)
		return;
	settle();
	end_life();
	fresh_life();
}

static void do_stale(struct model *m)
{
	(void)m;
	fake_event_tagged(fake_now(), sim.old_tag, NETPOLL_READ | NETPOLL_WRITE | NETPOLL_ERR_ONLY);
	netpoll_poll(sim.np, 0);
}

static const struct letter {
	char c;
	void (*play)(struct model *m);
} letters[] = {
#define X(c, name) {c, do_##name},
	LETTERS(X)
#undef X
};

/* ---- a schedule ------------------------------------------------------------------------------ */

static void play(const unsigned *word, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sim.schedule[i] = letters[word[i]].c;
	sim.schedule[n] = '\0';
	sim.played++;
	sim.n = 0;
	memset(sim.log, 0, sizeof(sim.log));
	sim.model = (struct model){.subject = sim.model.subject};
	fresh_life();
	sim.old_tag = polldesc_tag(sim.pd) ^ UINT64_C(1) << 40;
	sim.model.gone = true;
	do_wait(&sim.model);
	for (unsigned i = 0; i < n; i++) {
		letters[word[i]].play(&sim.model);
		if (sim.stepwise)
			settle();
	}
	do_close(&sim.model);
	settle();
	end_life();
	sim.pd = NULL;
	if (sim.np->cache.used != 0 || sim.np->wheel.armed != 0)
		differ("a slot or a timer is left");
	if (sim.alive)
		differ("it still waits for a descriptor that is closed");
}

/* Every word of `left` more letters, none of them twice. */
static void play_all(unsigned *word, unsigned n, unsigned left)
{
	if (left == 0) {
		play(word, n);
		return;
	}
	for (unsigned l = 0; l < array_len(letters) && sim.failure[0] == '\0'; l++) {
		bool used = false;

		for (unsigned i = 0; i < n; i++)
			used |= word[i] == l;
		word[n] = l;
		if (!used)
			play_all(word, n + 1, left - 1);
	}
}

static void all_orders(void *arg)
{
	unsigned word[LONGEST], length = (unsigned)sim_env("SIM_LENGTH", LENGTH);

	(void)arg;
	for (unsigned n = 1; n <= length; n++)
		play_all(word, 0, n);
}

static void random_orders(void *arg)
{
	uint64_t seed = *(const uint64_t *)arg;
	unsigned long count = sim_env("SIM_RANDOM", RANDOM);
	unsigned word[LONGEST];

	for (unsigned long i = 0; i < count && sim.failure[0] == '\0'; i++) {
		unsigned n = 5 + sim_random(&seed) % (LONGEST - 4);

		for (unsigned l = 0; l < n; l++)
			word[l] = sim_random(&seed) % array_len(letters);
		play(word, n);
	}
}

struct run {
	void (*orders)(void *arg);
	void *arg;
};

static void driver(void *arg)
{
	struct run *run = arg;

	sim.np = &np_self()->np;
	np_task_init(&sim.task, &task_type);
	run->orders(run->arg);
	np_task_fini(&sim.task);
}

/* All subjects, both ways to step; what was found is said on the test's own stack. */
static void run_all(void (*orders)(void *arg), void *arg)
{
	struct run run = {.orders = orders, .arg = arg};

	for (unsigned i = 0; i < 6; i++) {
		memset(&sim, 0, sizeof(sim));
		sim.model.subject = (enum subject)(i / 2);
		sim.stepwise = i % 2;
		sim_run(driver, &run);
		if (sim.failure[0] != '\0')
			fail_msg("%s", sim.failure);
		assert_true(sim.played > 0);
	}
}

static void every_order(void **state)
{
	(void)state;
	run_all(all_orders, NULL);
}

static void random_order(void **state)
{
	uint64_t seed = sim_seed();

	(void)state;
	run_all(random_orders, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order),
		cmocka_unit_test(random_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
