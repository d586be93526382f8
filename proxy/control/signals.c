/* signals: pending bits and a bell. No code but an atomic or and one send(2) runs in a handler.
 *
 * Rejected: the signals' numbers as bytes in the socket pair. It fills up, and then the signal that
 * is lost may be the one to stop; and each of many SIGHUPs would be a reload of its own. */
#include "proxy/control/signals.h"

#include <sys/socket.h>

#include "netpoll/check.h"
#include "netpoll/netpoll.h"

#define BELL_POLL (50 * NP_MS)

/* Of several pending events the first of this table comes first. */
static const int by_urgency[] = {SIGTERM, SIGINT, SIGQUIT, SIGNALS_PEER, SIGNALS_WORK,
				 SIGNALS_ASKED, SIGHUP, SIGUSR1, SIGUSR2};
static const int ignored[] = {SIGPIPE, SIGWINCH};

/* A handler has no argument, so these stand at file scope. */
static unsigned pending;          /* atomic: SIGNALS_BIT of each event */
static int pair[2] = {-1, -1};    /* const between open and stop: the bell is rung at [1] */
static struct np_fd bell;         /* control worker */

static bool is_signal(int event)
{
	return event != SIGNALS_WORK && event != SIGNALS_ASKED && event != SIGNALS_PEER;
}

void signals_raise(int event)
{
	static const unsigned char byte;

	__atomic_or_fetch(&pending, SIGNALS_BIT(event), __ATOMIC_RELEASE);
	/* Full: bytes lie there unread, so the bell rings already. */
	(void)!send(pair[1], &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void handle_signal(int sig)
{
	int saved = errno;

	signals_raise(sig);
	errno = saved;
}

static void set_handlers(void)
{
	struct sigaction act = {.sa_handler = handle_signal, .sa_flags = SA_RESTART};

	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < array_len(by_urgency); i++)
		if (is_signal(by_urgency[i]))
			sigaction(by_urgency[i], &act, NULL);
	act.sa_handler = SIG_IGN;
	for (size_t i = 0; i < array_len(ignored); i++)
		sigaction(ignored[i], &act, NULL);
}

static void mask_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < array_len(by_urgency); i++)
		if (is_signal(by_urgency[i]))
			sigaddset(&set, by_urgency[i]);
	pthread_sigmask(how, &set, NULL);
}

/* Blocked here and so in every thread started from now on; the control worker alone lets them in.
 */
int signals_open(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return err_from_errno();
	mask_signals(SIG_BLOCK);
	set_handlers();
	return 0;
}

int signals_start(void)
{
	int err = np_fd_init(&bell, pair[0]);

	DCHECK(np_self() != NULL, "signals belong to the control worker");
	if (err == 0)
		mask_signals(SIG_UNBLOCK);
	return err;
}

void signals_stop(void)
{
	np_fd_close(&bell);
}

bool signals_pending(unsigned mask)
{
	return (__atomic_load_n(&pending, __ATOMIC_ACQUIRE) & mask) != 0;
}

/* The most urgent pending event of mask, taken; -1: none. */
static int take_pending(unsigned mask)
{
	for (size_t i = 0; i < array_len(by_urgency); i++) {
		unsigned bit = SIGNALS_BIT(by_urgency[i]);

		if ((mask & bit) == 0)
			continue;
		if ((__atomic_fetch_and(&pending, ~bit, __ATOMIC_ACQ_REL) & bit) != 0)
			return by_urgency[i];
	}
	return -1;
}

/* The bits are looked at before each wait: a byte that was read for another event's sake told of
 * this one, too. A bit that is set after the look has its byte still to come. A bell that cannot be
 * waited for (no memory in the poller) is no order to stop: then the bits are polled. */
int signals_wait(unsigned mask, int64_t deadline)
{
	unsigned char bytes[64];

	DCHECK(mask != 0, "a wait for nothing never ends");
	for (;;) {
		int event = take_pending(mask);
		ssize_t n;

		if (event >= 0)
			return event;
		if (deadline != 0 && np_nanotime() >= deadline)
			return -NP_EDEADLINE;
		np_fd_set_read_deadline(&bell, deadline);
		n = np_fd_read(&bell, bytes, sizeof(bytes));
		if (n < 0 && n != -NP_EDEADLINE)
			np_sleep(BELL_POLL);
	}
}
