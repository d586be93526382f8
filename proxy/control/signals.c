/* Signals as bytes: the handler writes the number into a socket pair, a coroutine reads it. So no code but one send(2)
 * runs in a handler, and a signal is one more event of the control worker. */
#include "proxy/control/signals.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

static const int wanted[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1};
static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGWINCH, SIGUSR2};

/* The handler can reach nothing else. Const between open and stop. */
static int pair[2] = {-1, -1};
static struct np_fd signals;

static void on_signal(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	/* Full: so many wait already that one more says nothing new. */
	(void)!send(pair[1], &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	errno = saved;
}

static void set_handlers(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < array_len(wanted); i++)
		sigaction(wanted[i], &act, NULL);
	act.sa_handler = SIG_IGN;
	for (size_t i = 0; i < array_len(ignored); i++)
		sigaction(ignored[i], &act, NULL);
}

static void mask_wanted(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < array_len(wanted); i++)
		sigaddset(&set, wanted[i]);
	pthread_sigmask(how, &set, NULL);
}

/* Blocked here and so in every thread started from now on; the control worker alone lets them in. */
int control_signals_open(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return err_from_errno();
	mask_wanted(SIG_BLOCK);
	set_handlers();
	return 0;
}

int control_signals_start(void)
{
	int err = np_fd_init(&signals, pair[0]);

	if (err == 0)
		mask_wanted(SIG_UNBLOCK);
	return err;
}

void control_signals_stop(void)
{
	np_fd_close(&signals);
}

int control_wait(int64_t deadline)
{
	unsigned char byte;
	ssize_t n;

	np_fd_set_read_deadline(&signals, deadline);
	n = np_fd_read(&signals, &byte, 1);
	return n == 1 ? byte : (int)n;
}

void control_run(struct process *p)
{
	for (;;) {
		int sig = control_wait(renew_next_poll(p));

		if (sig == -NP_EDEADLINE) {
			renew_poll(p);
			continue;
		}
		log_msg(LVL_NOTICE, "signal", "SIG%s received", sigabbrev_np(sig));
		switch (sig) {
		case SIGHUP:
			reload_file(p);
			break;
		case SIGUSR1:
			reload_logs(p);
			break;
		default:
			return;
		}
	}
}
