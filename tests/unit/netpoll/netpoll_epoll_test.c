/* The epoll platform against poller.h: K13, K14, K15, K18; X8, F9, F13. What epoll_wait says is
 * scripted through the hook table, so every event can be had; what a kernel really says is seen
 * in the last tests. */
#include "netpoll/poller.h"

#include <limits.h>

#include "netpoll/hook.h"
#include "tests/unit/netpoll/dies.h"

static struct netpoll net;

static int set_up(void **state)
{
	(void)state;
	return netpoll_start(&net, 0);
}

static int tear_down(void **state)
{
	(void)state;
	hook_reset();
	netpoll_stop(&net);
	return 0;
}

/* ---- a scripted kernel ----------------------------------------------------------------------- */

static struct {
	struct epoll_event ev[8];
	int n;         /* events of the next answer */
	int interrupt; /* answers EINTR so often first */
	int calls, last_ms;
	int reads, writes, write_errs;
	struct epoll_event ctl;
	int ctl_op;
} kernel;

static int wait_scripted(int ep, struct epoll_event *evs, int max, int ms)
{
	int n = kernel.n;

	(void)ep, (void)max;
	kernel.calls++;
	kernel.last_ms = ms;
	if (kernel.interrupt > 0) {
		kernel.interrupt--;
		errno = EINTR;
		return -1;
	}
	memcpy(evs, kernel.ev, sizeof(kernel.ev));
	kernel.n = 0;
	return n;
}

static ssize_t read_counted(int fd, void *buf, size_t n)
{
	kernel.reads++;
	return read(fd, buf, n);
}

static ssize_t write_counted(int fd, const void *buf, size_t n)
{
	kernel.writes++;
	if (kernel.write_errs > 0) {
		kernel.write_errs--;
		errno = EINTR;
		return -1;
	}
	return write(fd, buf, n);
}

static int ctl_noted(int ep, int op, int fd, struct epoll_event *ev)
{
	(void)ep, (void)fd;
	kernel.ctl_op = op;
	if (ev != NULL)
		kernel.ctl = *ev;
	return 0;
}

static void script(void)
{
	memset(&kernel, 0, sizeof(kernel));
	hook.epoll_wait = wait_scripted;
	hook.read = read_counted;
	hook.write = write_counted;
}

static void happens(uint32_t events, uint64_t tag)
{
	kernel.ev[kernel.n++] = (struct epoll_event){.events = events, .data.u64 = tag};
}

/* ---- K13 ------------------------------------------------------------------------------------- */

static void registered_once_edge_triggered_both_ways_with_its_tag(void **state)
{
	struct polldesc pd = {.id = 77, .fdseq = 0xfffffff1, .fd = 5, .magic = PD_MAGIC};

	(void)state;
	script();
	hook.epoll_ctl = ctl_noted;
	assert_int_equal(netpoll_open(&net.poller, &pd), 0);
	assert_int_equal(kernel.ctl_op, EPOLL_CTL_ADD);
	assert_int_equal(kernel.ctl.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
	assert_true(kernel.ctl.data.u64 == UINT64_C(0x7ffffff10000004d));
	kernel.ctl_op = 0;
	netpoll_close(&net.poller, &pd);
	assert_int_equal(kernel.ctl_op, 0); /* close(2) does it */
	pd.shared = true;
	netpoll_close(&net.poller, &pd);
	assert_int_equal(kernel.ctl_op, EPOLL_CTL_DEL);
}

/* Bytes that arrive are not told while it is muted, the end is; whoever listens again is told of what is there. */
static void a_muted_socket_tells_its_end_alone(void **state)
{
	struct polldesc *pd;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	assert_int_equal(poll_open(&net, sv[0], &pd), 0);
	assert_int_equal(poll_register(&net, pd), 0);
	pd->muted = true;
	assert_int_equal(netpoll_mute(&net.poller, pd), 0);
	assert_int_equal(write(sv[1], "x", 1), 1);
	netpoll_poll(&net, 0);
	assert_true(pd->rg == PD_NIL);
	pd->muted = false;
	assert_int_equal(netpoll_mute(&net.poller, pd), 0);
	netpoll_poll(&net, 0);
	assert_true(pd->rg == PD_READY);
	pd->rg = PD_NIL;
	pd->muted = true;
	assert_int_equal(netpoll_mute(&net.poller, pd), 0);
	close(sv[1]);
	netpoll_poll(&net, 0);
	assert_true(pd->rg == PD_READY && pd->hup);
	poll_unblock(&net, pd);
	poll_close(&net, pd);
	close(sv[0]);
}

struct event_row {
	uint32_t events;
	bool r, w, hup, failed, everr;
};

static const struct event_row rows[] = {
	{EPOLLIN, true, false, false, false, false},
	{EPOLLOUT, false, true, false, false, false},
	{EPOLLIN | EPOLLOUT, true, true, false, false, false},
	{EPOLLRDHUP, true, false, true, false, false},
	{EPOLLIN | EPOLLRDHUP, true, false, true, false, false},
	{EPOLLPRI, true, false, true, false, false},
	{EPOLLHUP, true, true, true, true, false},
	{EPOLLIN | EPOLLERR, true, true, true, true, false},
	{EPOLLERR | EPOLLHUP, true, true, true, true, false},
	{EPOLLERR, true, true, true, true, true}, /* nothing but: it could not be polled */
};

static void each_event_wakes_whom_it_means(void **state)
{
	(void)state;
	script();
	for (size_t i = 0; i < array_len(rows); i++) {
		const struct event_row *e = &rows[i];
		struct polldesc *pd;

		assert_int_equal(poll_open(&net, 5, &pd), 0);
		happens(e->events, polldesc_tag(pd));
		netpoll_poll(&net, 0);
		assert_int_equal(pd->rg == PD_READY, e->r);
		assert_int_equal(pd->wg == PD_READY, e->w);
		assert_int_equal(pd->hup, e->hup);
		assert_int_equal(pd->failed, e->failed);
		assert_int_equal(pd->everr, e->everr);
		poll_unblock(&net, pd);
		poll_close(&net, pd);
	}
}

/* ---- K18, X8 --------------------------------------------------------------------------------- */

static void stale_events_are_dropped_and_the_rest_of_the_batch_is_not(void **state)
{
	struct polldesc *a, *b;
	uint64_t old;

	(void)state;
	script();
	assert_int_equal(poll_open(&net, 5, &a), 0);
	old = polldesc_tag(a);
	poll_unblock(&net, a);
	poll_close(&net, a);
	assert_int_equal(poll_open(&net, 5, &a), 0);
	assert_int_equal(poll_open(&net, 6, &b), 0);
	happens(EPOLLERR, old);
	happens(EPOLLIN, polldesc_tag(b));
	happens(EPOLLIN | EPOLLOUT, old);
	netpoll_poll(&net, 0);
	assert_true(a->rg == PD_NIL && a->wg == PD_NIL && !a->everr && !a->failed);
	assert_int_equal(b->rg, PD_READY);
	poll_unblock(&net, a);
	poll_close(&net, a);
	poll_unblock(&net, b);
	poll_close(&net, b);
}

/* Whatever the other 63 bits say, the type bit decides: a descriptor is no break, a break no
 * descriptor. */
static void the_type_bit_alone_tells_a_break(void **state)
{
	static const uint64_t low[] = {0, 1, 2, 3, 0xff, UINT64_C(1) << 32, INT64_MAX};
	struct polldesc *pd;

	(void)state;
	script();
	assert_int_equal(poll_open(&net, 5, &pd), 0);
	for (size_t i = 0; i < array_len(low); i++) {
		kernel.reads = 0;
		happens(EPOLLIN, PD_TAG_BREAK | low[i]);
		netpoll_poll(&net, 1);
		assert_int_equal(kernel.reads, 1);
		assert_int_equal(pd->rg, PD_NIL);
	}
	for (uint32_t seq = 0; seq < 4096; seq++) {
		pd->fdseq = seq << 19 | seq;
		kernel.reads = 0;
		happens(EPOLLIN, polldesc_tag(pd));
		netpoll_poll(&net, 1);
		assert_int_equal(kernel.reads, 0);
		assert_int_equal(pd->rg, PD_READY);
		pd->rg = PD_NIL;
	}
	poll_unblock(&net, pd);
	poll_close(&net, pd);
}

/* ---- K14 ------------------------------------------------------------------------------------- */

static void breaks_are_one_write_until_a_blocking_poll_takes_it(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	hook.read = read_counted;
	hook.write = write_counted;
	for (int i = 0; i < 10; i++)
		netpoll_break(&net.poller);
	assert_int_equal(kernel.writes, 1);
	netpoll_poll(&net, 0);
	netpoll_poll(&net, 0);
	assert_int_equal(kernel.reads, 0);
	netpoll_break(&net.poller); /* still on its way */
	assert_int_equal(kernel.writes, 1);
	netpoll_poll(&net, -1); /* returns: it was kept for this one */
	assert_int_equal(kernel.reads, 1);
	netpoll_break(&net.poller);
	assert_int_equal(kernel.writes, 2);
	netpoll_poll(&net, -1);
	assert_int_equal(kernel.reads, 2);
}

static void a_break_survives_interruption_and_a_full_counter(void **state)
{
	uint64_t full = UINT64_MAX - 1;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	hook.write = write_counted;
	kernel.write_errs = 3;
	netpoll_break(&net.poller);
	assert_int_equal(kernel.writes, 4);
	netpoll_poll(&net, -1);
	assert_int_equal(write(net.poller.break_fd, &full, sizeof(full)), sizeof(full));
	netpoll_break(&net.poller); /* EAGAIN: it is readable as it is */
	netpoll_poll(&net, -1);
	assert_int_equal(net.poller.wake_sig, 0);
}

/* ---- K15, F13 -------------------------------------------------------------------------------- */

struct delay_row {
	int64_t ns;
	int ms;
};

static const struct delay_row delays[] = {
	{-1, -1},
	{INT64_MIN, -1},
	{0, 0},
	{1, 1},
	{NP_MS - 1, 1},
	{NP_MS, 1},
	{NP_MS + 1, 2}, /* up: to wake before the timer would be a turn for nothing */
	{10 * NP_MS - 1, 10},
	{10 * NP_MS, 10},
	{INT64_C(1000000000000000) - 1, 1000000000},
	{INT64_C(1000000000000000), 1000000000},
	{INT64_MAX, 1000000000},
};

static void delays_are_rounded_up_and_capped(void **state)
{
	(void)state;
	script();
	for (size_t i = 0; i < array_len(delays); i++) {
		netpoll_poll(&net, delays[i].ns);
		assert_int_equal(kernel.last_ms, delays[i].ms);
	}
}

static void only_a_wait_with_a_delay_ends_when_interrupted(void **state)
{
	(void)state;
	script();
	kernel.interrupt = 2;
	netpoll_poll(&net, NP_S);
	assert_int_equal(kernel.calls, 1);
	netpoll_poll(&net, NP_S);
	assert_int_equal(kernel.calls, 2);
	kernel.interrupt = 2;
	netpoll_poll(&net, -1);
	assert_int_equal(kernel.calls, 5);
	kernel.interrupt = 2;
	netpoll_poll(&net, 0);
	assert_int_equal(kernel.calls, 8);
}

static int wait_fails(int ep, struct epoll_event *evs, int max, int ms)
{
	(void)ep, (void)evs, (void)max, (void)ms;
	errno = EBADF;
	return -1;
}

static void poll_that_fails(void)
{
	hook.epoll_wait = wait_fails;
	netpoll_poll(&net, 0);
}

static void a_poller_that_fails_ends_the_process(void **state)
{
	(void)state;
	assert_dies(poll_that_fails, "epoll_wait failed");
}

/* ---- its own life ---------------------------------------------------------------------------- */

static int opened, closed, fail_at, calls;

static bool fails_now(void)
{
	if (++calls != fail_at)
		return false;
	errno = EMFILE;
	return true;
}

static int create_or_fail(int flags)
{
	if (fails_now())
		return -1;
	opened++;
	return epoll_create1(flags);
}

static int eventfd_or_fail(unsigned int initval, int flags)
{
	if (fails_now())
		return -1;
	opened++;
	return eventfd(initval, flags);
}

static int ctl_or_fail(int ep, int op, int fd, struct epoll_event *ev)
{
	return fails_now() ? -1 : epoll_ctl(ep, op, fd, ev);
}

static int close_counted(int fd)
{
	closed++;
	return close(fd);
}

static void init_that_fails_leaves_nothing_open(void **state)
{
	struct poller p;
	int err = -1;

	(void)state;
	hook.epoll_create1 = create_or_fail;
	hook.eventfd = eventfd_or_fail;
	hook.epoll_ctl = ctl_or_fail;
	hook.close = close_counted;
	for (fail_at = 1; fail_at < 10 && err != 0; fail_at++) {
		opened = closed = calls = 0;
		err = netpoll_init(&p);
		if (err == 0)
			break;
		assert_int_equal(err, -NP_EMFILE);
		assert_int_equal(opened, closed);
	}
	assert_int_equal(fail_at, 4);
	assert_true(netpoll_is_poll_descriptor(&p, p.fd));
	assert_true(netpoll_is_poll_descriptor(&p, p.break_fd));
	assert_false(netpoll_is_poll_descriptor(&p, 0));
	netpoll_fini(&p);
	assert_int_equal(opened, 2);
	assert_int_equal(closed, 2);
}

/* ---- a real kernel --------------------------------------------------------------------------- */

static void a_real_socket_tells_data_and_its_end(void **state)
{
	struct polldesc *pd;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(poll_open(&net, ends[0], &pd), 0);
	assert_int_equal(poll_register(&net, pd), 0);
	netpoll_poll(&net, -1); /* there already: writable */
	assert_int_equal(pd->wg, PD_READY);
	assert_int_equal(pd->rg, PD_NIL);
	assert_int_equal(write(ends[1], "x", 1), 1);
	netpoll_poll(&net, -1);
	assert_int_equal(pd->rg, PD_READY);
	pd->rg = PD_NIL;
	netpoll_poll(&net, 0); /* an edge comes once */
	assert_int_equal(pd->rg, PD_NIL);
	assert_false(pd->hup);
	close(ends[1]);
	netpoll_poll(&net, -1);
	assert_int_equal(pd->rg, PD_READY);
	assert_true(pd->hup);
	poll_unblock(&net, pd);
	poll_close(&net, pd);
	close(ends[0]);
}

static void what_cannot_be_polled_says_so(void **state)
{
	struct polldesc *pd;
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	assert_int_equal(poll_open(&net, fileno(f), &pd), 0);
	assert_int_equal(poll_register(&net, pd), -EPERM);
	assert_false(pd->registered);
	poll_unblock(&net, pd);
	poll_close(&net, pd);
	fclose(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registered_once_edge_triggered_both_ways_with_its_tag),
		TEST(a_muted_socket_tells_its_end_alone),
		TEST(each_event_wakes_whom_it_means),
		TEST(stale_events_are_dropped_and_the_rest_of_the_batch_is_not),
		TEST(the_type_bit_alone_tells_a_break),
		TEST(breaks_are_one_write_until_a_blocking_poll_takes_it),
		TEST(a_break_survives_interruption_and_a_full_counter),
		TEST(delays_are_rounded_up_and_capped),
		TEST(only_a_wait_with_a_delay_ends_when_interrupted),
		TEST(a_poller_that_fails_ends_the_process),
		TEST(init_that_fails_leaves_nothing_open),
		TEST(a_real_socket_tells_data_and_its_end),
		TEST(what_cannot_be_polled_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
