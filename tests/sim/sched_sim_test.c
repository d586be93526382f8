/* The scheduler within the whole loop: who runs when, and that who is busy starves nobody. K14
 * (a break is one wake), N35 (timers under load); the fairness that RUNS_PER_POLL in worker.c
 * promises. */
#include "tests/sim/sim.h"

#define FD 5

static struct {
	char log[64];
	unsigned n;
} order;

static char name_a = 'a', name_b = 'b', name_c = 'c', name_x = 'x', name_y = 'y', name_z = 'z';

static void log_char(char c)
{
	if (order.n < sizeof(order.log) - 1)
		order.log[order.n++] = c;
	order.log[order.n] = '\0';
}

static void order_clear(void)
{
	order.n = 0;
	order.log[0] = '\0';
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void three_turns(void *arg)
{
	for (int i = 0; i < 3; i++) {
		log_char(*(const char *)arg);
		np_yield();
	}
}

static void start_three(void *arg)
{
	(void)arg;
	sim_need(np_go("a", three_turns, &name_a));
	sim_need(np_go("b", three_turns, &name_b));
	sim_need(np_go("c", three_turns, &name_c));
	log_char('.'); /* np_go runs nobody before the caller stops */
}

static void who_yields_goes_to_the_end(void **state)
{
	(void)state;
	order_clear();
	sim_run(start_three, NULL);
	assert_string_equal(order.log, ".abcabcabc");
}

/* ---- busy Gs starve nobody ------------------------------------------------------------------- */

#define BUSY  100
#define BOUND (2 * (BUSY + 61)) /* runs: a poll's worth of others, and the queue once, with room */

static bool quit;
static unsigned long runs;
static unsigned long io_after, timer_after, message_after;

static void busy(void *arg)
{
	(void)arg;
	while (!quit) {
		runs++;
		fake_advance(NP_US);
		np_yield();
	}
}

static void on_message(struct np_msg *m)
{
	(void)m;
	message_after = runs;
}

static void wait_for_all(void *arg)
{
	struct netpoll *np = &np_self()->np;
	struct np_msg m = {.fn = on_message};
	struct polldesc *pd;
	unsigned long from;

	(void)arg;
	for (int i = 0; i < BUSY; i++)
		sim_need(np_go("busy", busy, NULL));
	sim_need(poll_open(np, FD, &pd));
	sim_need(poll_register(np, pd));
	fake_event(fake_now() + 1000 * NP_US, FD, NETPOLL_READ); /* a microsecond is one run */
	from = runs + 1000;
	sim_need(poll_wait(np, pd, NP_READ));
	io_after = runs - from;
	from = runs + 1000;
	np_sleep(1000 * NP_US);
	timer_after = runs - from;
	from = runs;
	np_post(np_self(), &m);
	np_sleep(1000 * NP_US);
	message_after -= from;
	quit = true;
	poll_unblock(np, pd);
	poll_close(np, pd);
}

static void busy_gs_starve_neither_io_nor_timers_nor_messages(void **state)
{
	(void)state;
	quit = false;
	runs = 0;
	sim_run(wait_for_all, NULL);
	assert_in_range(io_after, 0, BOUND);
	assert_in_range(timer_after, 0, BOUND);
	assert_in_range(message_after, 0, BOUND);
}

/* ---- parking --------------------------------------------------------------------------------- */

static bool refuse(struct np_g *g, void *arg)
{
	*(struct np_g **)arg = g;
	return false;
}

static void other(void *arg)
{
	(void)arg;
	log_char('o');
}

static struct np_g *seen, *me;
static bool parked;
static uint8_t state_after;

static void park_refused(void *arg)
{
	(void)arg;
	sim_need(np_go("other", other, NULL));
	parked = sched_park(refuse, &seen);
	log_char('m');
	me = np_current();
	state_after = me->state;
}

static void a_refused_park_does_not_stop(void **state)
{
	(void)state;
	order_clear();
	sim_run(park_refused, NULL);
	assert_false(parked);
	assert_ptr_equal(seen, me);
	assert_int_equal(state_after, G_RUNNING);
	assert_string_equal(order.log, "mo");
}

static struct np_event event;

static void wait_event(void *arg)
{
	np_event_wait(&event);
	log_char(*(const char *)arg);
}

static void event_rounds(void *arg)
{
	(void)arg;
	event = (struct np_event){.set = false};
	sim_need(np_go("x", wait_event, &name_x));
	sim_need(np_go("y", wait_event, &name_y));
	np_yield();
	np_yield();
	log_char('.'); /* both wait */
	np_event_set(&event);
	np_event_set(&event);
	np_yield();
	np_event_set(&event); /* and those it has woken are no business of its any more */
	log_char('.');
	np_event_wait(&event); /* set: does not wait */
	wait_event(&name_z);
}

static void an_event_wakes_all_once_and_stays_set(void **state)
{
	(void)state;
	order_clear();
	sim_run(event_rounds, NULL);
	assert_int_equal(order.n, 5);
	assert_true(order.log[0] == '.' && order.log[3] == '.' && order.log[4] == 'z');
	assert_true(order.log[1] + order.log[2] == 'x' + 'y');
}

/* ---- tasks ----------------------------------------------------------------------------------- */

struct task {
	struct np_g g;
	struct np_timer timer;
	char name;
	unsigned again; /* turns still to ask for */
	struct task *kill;
};

static void task_turn(struct np_g *g)
{
	struct task *t = container_of(g, struct task, g);

	log_char(t->name);
	if (t->again > 0) {
		t->again--;
		np_ready(g);
	}
	if (t->kill != NULL)
		np_task_fini(&t->kill->g);
}

static const struct np_task_type task_type = {.name = "task", .fn = task_turn};

static void on_timer(struct np_timer *t)
{
	np_ready(&container_of(t, struct task, timer)->g);
}

static void several_places(void *arg)
{
	struct netpoll *np = &np_self()->np;
	struct task t = {.name = 't', .timer.fn = on_timer};
	struct polldesc *pd;

	(void)arg;
	np_task_init(&t.g, &task_type);
	sim_need(poll_open(np, FD, &pd));
	sim_need(poll_register(np, pd));
	poll_stand(pd, NP_READ, &t.g);
	poll_stand(pd, NP_WRITE, &t.g);
	poll_set_deadline(np, pd, fake_now() + NP_MS, NETPOLL_READ | NETPOLL_WRITE);
	np_timer_set(&t.timer, fake_now() + 20 * NP_MS);
	fake_event(fake_now() + 20 * NP_MS, FD, NETPOLL_READ | NETPOLL_WRITE | NETPOLL_HUP);
	np_sleep(10 * NP_MS); /* both deadlines: one turn */
	log_char('.');
	poll_set_deadline(np, pd, 0, NETPOLL_READ | NETPOLL_WRITE);
	poll_stand(pd, NP_READ, &t.g);
	poll_stand(pd, NP_WRITE, &t.g);
	np_sleep(20 * NP_MS); /* the timer and both ways: one turn */
	log_char('.');
	poll_unstand(pd, &t.g);
	np_task_fini(&t.g);
	poll_unblock(np, pd);
	poll_close(np, pd);
}

static void a_task_in_several_places_runs_once(void **state)
{
	(void)state;
	order_clear();
	sim_run(several_places, NULL);
	assert_string_equal(order.log, "t.t.");
}

/* Both ends of the queue and its middle, and what is queued behind still runs. */
static void end_queued(void *arg)
{
	struct task t[5];

	for (unsigned i = 0; i < 5; i++) {
		t[i] = (struct task){.name = (char)('0' + i)};
		np_task_init(&t[i].g, &task_type);
		np_ready(&t[i].g);
	}
	np_task_fini(&t[*(const unsigned *)arg].g);
	sim_need(np_go("other", other, NULL));
	np_yield();
	for (unsigned i = 0; i < 5; i++)
		if (i != *(const unsigned *)arg)
			np_task_fini(&t[i].g);
}

static void a_task_may_end_while_it_is_queued(void **state)
{
	static const char *const left[] = {"1234o", "0234o", "0134o", "0124o", "0123o"};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		order_clear();
		sim_run(end_queued, &i);
		assert_string_equal(order.log, left[i]);
	}
}

static void end_each_other(void *arg)
{
	struct task a = {.name = 'a', .again = 2}, b = {.name = 'b', .kill = &a};
	struct task c = {.name = 'c'};

	(void)arg;
	c.kill = &c;
	np_task_init(&a.g, &task_type);
	np_task_init(&b.g, &task_type);
	np_task_init(&c.g, &task_type);
	np_ready(&a.g);
	np_ready(&c.g);
	np_yield();
	np_ready(&b.g); /* behind a, which is queued for its second turn */
	np_yield();
	np_yield();
	np_task_fini(&b.g);
}

static void a_task_asks_for_another_turn_and_ends_itself_or_others(void **state)
{
	(void)state;
	order_clear();
	sim_run(end_each_other, NULL);
	assert_string_equal(order.log, "acab");
}

/* ---- breaks ---------------------------------------------------------------------------------- */

static unsigned breaks_awake, breaks_asleep, woke;

static void nothing(struct np_msg *m)
{
	(void)m;
	woke++;
}

/* On its own loop nobody is asleep: a message costs no break. */
static void post_to_self(void *arg)
{
	static struct np_msg m[3] = {{.fn = nothing}, {.fn = nothing}, {.fn = nothing}};
	struct poller *p = &np_self()->np.poller;

	(void)arg;
	for (int i = 0; i < 3; i++)
		np_post(np_self(), &m[i]);
	np_sleep(NP_MS);
	breaks_awake = fake_breaks();
	for (int i = 0; i < 10; i++)
		netpoll_break(p);
	breaks_asleep = fake_breaks();
	np_sleep(NP_MS);
	netpoll_break(p);
	np_sleep(NP_MS);
}

static void breaks_are_coalesced(void **state)
{
	(void)state;
	woke = 0;
	sim_run(post_to_self, NULL);
	assert_int_equal(woke, 3);
	assert_int_equal(breaks_awake, 0);
	assert_int_equal(breaks_asleep, 1);
	assert_int_equal(fake_breaks(), 2);
}

static unsigned clock_looks;
static int64_t message_at;

static void note_time(struct np_msg *m)
{
	(void)m;
	message_at = fake_now();
}

/* The clock is read between the loop's look into the inbox and its sleep, for there is a timer
 * near. */
static int64_t post_and_tell_time(void)
{
	static struct np_msg m = {.fn = note_time};

	if (clock_looks > 0 && --clock_looks == 0)
		np_post(np_self(), &m);
	return fake_now();
}

static void fall_asleep(void *arg)
{
	(void)arg;
	message_at = 0;
	hook.nanotime = post_and_tell_time;
	clock_looks = 2; /* np_sleep reads it first */
	np_sleep(10 * NP_MS);
	hook.nanotime = fake_now;
}

static void a_message_is_not_slept_through(void **state)
{
	(void)state;
	sim_run(fall_asleep, NULL);
	assert_int_equal(message_at, SIM_START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_yields_goes_to_the_end),
		cmocka_unit_test(busy_gs_starve_neither_io_nor_timers_nor_messages),
		cmocka_unit_test(a_refused_park_does_not_stop),
		cmocka_unit_test(an_event_wakes_all_once_and_stays_set),
		cmocka_unit_test(a_task_in_several_places_runs_once),
		cmocka_unit_test(a_task_may_end_while_it_is_queued),
		cmocka_unit_test(a_task_asks_for_another_turn_and_ends_itself_or_others),
		cmocka_unit_test(breaks_are_coalesced),
		cmocka_unit_test(a_message_is_not_slept_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
