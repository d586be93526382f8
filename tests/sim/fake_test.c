/* The fake poller itself, or the simulations would prove what it gets wrong: netpoll_fake.c
 * against poller.h and fake.h. It is tested here because unit programs are linked with the epoll
 * platform. */
#include "tests/sim/sim.h"

#define FD 3

static struct netpoll net;
static struct polldesc *a, *b;

static int set_up(void **state)
{
	(void)state;
	fake_start(SIM_START);
	if (netpoll_start(&net, SIM_START) != 0)
		return -1;
	return poll_open(&net, FD, &a) | poll_open(&net, FD + 1, &b);
}

static int tear_down(void **state)
{
	(void)state;
	poll_unblock(&net, a);
	poll_close(&net, a);
	poll_unblock(&net, b);
	poll_close(&net, b);
	netpoll_stop(&net);
	hook_reset();
	return 0;
}

static void the_clock_is_the_scripts(void **state)
{
	(void)state;
	assert_int_equal(np_nanotime(), SIM_START);
	fake_advance(7);
	assert_int_equal(np_nanotime(), SIM_START + 7);
	netpoll_poll(&net, 0);
	assert_int_equal(fake_now(), SIM_START + 7); /* a poll that does not block takes no time */
	netpoll_poll(&net, 100);
	assert_int_equal(fake_now(), SIM_START + 107);
	assert_int_equal(fake_polls(), 2);
}

static void a_sleep_ends_at_the_next_event(void **state)
{
	(void)state;
	assert_int_equal(poll_register(&net, a), 0);
	fake_event(SIM_START + 50, FD, NETPOLL_READ);
	netpoll_poll(&net, 20);
	assert_int_equal(fake_now(), SIM_START + 20);
	assert_int_equal(a->rg, PD_NIL);
	netpoll_poll(&net, 1000);
	assert_int_equal(fake_now(), SIM_START + 50);
	assert_int_equal(a->rg, PD_READY);
	fake_event(SIM_START + 90, FD, NETPOLL_WRITE);
	netpoll_poll(&net, -1);
	assert_int_equal(fake_now(), SIM_START + 90);
	assert_int_equal(a->wg, PD_READY);
}

/* Of one instant, in the order of the script: the last word on everr is the last event's. */
static void events_keep_their_order(void **state)
{
	(void)state;
	assert_int_equal(poll_register(&net, a), 0);
	assert_int_equal(poll_register(&net, b), 0);
	fake_event(SIM_START + 10, FD + 1, NETPOLL_READ);
	fake_event(SIM_START + 5, FD, NETPOLL_READ | NETPOLL_ERR_ONLY);
	fake_event(SIM_START + 5, FD, NETPOLL_READ);
	fake_event(SIM_START + 20, FD, NETPOLL_READ | NETPOLL_ERR_ONLY);
	netpoll_poll(&net, 1000);
	assert_int_equal(fake_now(), SIM_START + 5);
	assert_false(a->everr);
	assert_int_equal(b->rg, PD_NIL);
	fake_advance(100);
	netpoll_poll(&net, 0); /* both that have become due */
	assert_int_equal(b->rg, PD_READY);
	assert_true(a->everr);
}

static void an_event_of_nobody_is_dropped(void **state)
{
	(void)state;
	fake_event(SIM_START, FD, NETPOLL_READ);
	netpoll_poll(&net, 0);
	assert_int_equal(a->rg, PD_NIL);
	assert_int_equal(poll_register(&net, a), 0);
	netpoll_poll(&net, 0); /* spent: it does not come again */
	assert_int_equal(a->rg, PD_NIL);
	assert_int_equal(fake_opens(), 1);
}

static void tags_are_those_of_the_registered(void **state)
{
	(void)state;
	assert_int_equal(poll_register(&net, a), 0);
	assert_int_equal(fake_tag(FD), polldesc_tag(a));
	fake_event_tagged(SIM_START, fake_tag(FD), NETPOLL_WRITE);
	fake_event_tagged(SIM_START, fake_tag(FD) ^ UINT64_C(1) << 32, NETPOLL_READ);
	netpoll_poll(&net, 0);
	assert_int_equal(a->wg, PD_READY);
	assert_int_equal(a->rg, PD_NIL);
}

static void registering_fails_once(void **state)
{
	(void)state;
	fake_fail_open(ENOSPC);
	assert_int_equal(poll_register(&net, a), -ENOSPC);
	assert_int_equal(fake_opens(), 0);
	assert_int_equal(poll_register(&net, a), 0);
	assert_int_equal(poll_register(&net, a), 0);
	assert_int_equal(fake_opens(), 1);
	assert_int_equal(fake_closes(), 0);
}

/* K14 */
static void a_break_wakes_one_blocking_poll(void **state)
{
	(void)state;
	netpoll_break(&net.poller);
	netpoll_break(&net.poller);
	assert_int_equal(fake_breaks(), 1);
	netpoll_poll(&net, 0); /* leaves it */
	netpoll_poll(&net, 1000);
	assert_int_equal(fake_now(), SIM_START);
	netpoll_poll(&net, 1000);
	assert_int_equal(fake_now(), SIM_START + 1000);
	netpoll_break(&net.poller);
	assert_int_equal(fake_breaks(), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_clock_is_the_scripts),
		TEST(a_sleep_ends_at_the_next_event),
		TEST(events_keep_their_order),
		TEST(an_event_of_nobody_is_dropped),
		TEST(tags_are_those_of_the_registered),
		TEST(registering_fails_once),
		TEST(a_break_wakes_one_blocking_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
