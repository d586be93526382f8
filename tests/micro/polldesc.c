/* polldesc: what the poller's own book-keeping costs: a pollDesc opened and closed, with and without its registration
 * in epoll, a deadline armed, pushed back and cleared. */
#include "tests/micro/micro.h"

#include <sys/eventfd.h>

#include "netpoll/worker.h"

#define OPS       1000000
#define OPS_EPOLL 200000

static int sysfd;

static void open_close(void *arg)
{
	struct netpoll *np = arg;

	for (size_t i = 0; i < OPS; i++) {
		struct polldesc *pd;

		if (poll_open(np, sysfd, &pd) != 0)
			exit(1);
		poll_unblock(np, pd);
		poll_close(np, pd);
	}
}

static void open_register_close(void *arg)
{
	struct netpoll *np = arg;

	for (size_t i = 0; i < OPS_EPOLL; i++) {
		struct polldesc *pd;

		if (poll_open(np, sysfd, &pd) != 0)
			exit(1);
		pd->shared = true; /* sysfd stays open, so leaving the poller takes a call of its own */
		if (poll_register(np, pd) != 0)
			exit(1);
		poll_unblock(np, pd);
		poll_close(np, pd);
	}
}

static struct polldesc *armed;

static void push_back(void *arg)
{
	int64_t when = np_nanotime() + 3600 * NP_S;

	for (size_t i = 0; i < OPS; i++)
		poll_set_deadline(arg, armed, when++, NETPOLL_READ);
}

static void set_clear(void *arg)
{
	int64_t when = np_nanotime() + 3600 * NP_S;

	for (size_t i = 0; i < OPS; i++) {
		poll_set_deadline(arg, armed, when, NETPOLL_READ);
		poll_set_deadline(arg, armed, 0, NETPOLL_READ);
	}
}

static void bench(void *arg)
{
	struct netpoll *np = &np_self()->np;

	(void)arg;
	sysfd = eventfd(0, EFD_NONBLOCK);
	micro_best("polldesc_open_close", OPS, NULL, open_close, np);
	micro_best("polldesc_open_register_close", OPS_EPOLL, NULL, open_register_close, np);
	if (poll_open(np, sysfd, &armed) != 0)
		exit(1);
	micro_best("deadline_push_back", OPS, NULL, push_back, np);
	micro_best("deadline_set_clear", OPS, NULL, set_clear, np);
	poll_unblock(np, armed);
	poll_close(np, armed);
}

int main(void)
{
	const struct np_worker_opts o = {.name = "micro", .cpu = -1, .main = bench};

	return np_run(&o) == 0 ? 0 : 1;
}
