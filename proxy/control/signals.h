/* signals: what the control worker waits for beside its coroutines: signals, and the end of file
 * work (file_work.h).
 *
 * Each of these has one pending bit, so none is ever lost and none is ever counted twice: a
 * thousand SIGHUPs that arrive during a reload are one more reload. Of several that are pending the
 * most urgent comes first; an order to stop is the most urgent.
 *
 *   handler, any thread   set the bit, then write one byte: the bell
 *   control worker        look at the bits; none set: wait for the bell, and look again */
#ifndef PROXY_CONTROL_SIGNALS_H
#define PROXY_CONTROL_SIGNALS_H

#include <signal.h>

#include "netpoll/base.h"

/* An event is a signal's number, or SIGNALS_WORK: file work is done, or SIGNALS_ASKED, or SIGNALS_PEER. Sets of
 * events are masks. */
#define SIGNALS_WORK   0
#define SIGNALS_ASKED  SIGKILL /* orders.h has a new one; no process ever gets that signal, so its bit is free */
#define SIGNALS_PEER   SIGSTOP /* upgrade.h has heard the other process; the same */
#define SIGNALS_BIT(e) (1u << (e))
#define SIGNALS_STOP   (SIGNALS_BIT(SIGTERM) | SIGNALS_BIT(SIGINT) | SIGNALS_BIT(SIGQUIT))
#define SIGNALS_ORDERS (SIGNALS_STOP | SIGNALS_BIT(SIGHUP) | SIGNALS_BIT(SIGUSR1))
#define SIGNALS_SERVING (SIGNALS_ORDERS | SIGNALS_BIT(SIGUSR2) | SIGNALS_BIT(SIGNALS_WORK) | \
			 SIGNALS_BIT(SIGNALS_ASKED) | SIGNALS_BIT(SIGNALS_PEER))

/* signals_open: from now on a signal is an event. Blocks signals in this thread, and so in all
 * threads that are started later.
 *   Returns  0, or why there is no bell (-NP_EMFILE, -NP_ENFILE, -NP_ENOMEM, ...).
 *   Calls    before there is a second thread, once. */
must_use int signals_open(void);

/* signals_start: this thread, the control worker, lets signals in.
 *   Returns  0, or why its poller does not take the bell.
 *   Calls    control worker, after signals_open. */
must_use int signals_start(void);

/* signals_wait: the most urgent pending event of `mask`, until the deadline; 0: none. Others stay
 * pending.
 *   Returns  the event, no longer pending, or -NP_EDEADLINE.
 *   Parks    until then.
 *   Calls    a coroutine of the control worker, one at a time. */
must_use int signals_wait(unsigned mask, int64_t deadline);

/* signals_pending: is an event of `mask` pending? It stays so.   Calls  any thread. */
bool signals_pending(unsigned mask);

/* signals_raise: `event` is pending from now on.   Calls  any thread, and signal handlers. */
void signals_raise(int event);

/* signals_stop: the reverse of signals_start. The bell stays: a late thread may still raise.
 *   Calls  control worker. */
void signals_stop(void);

#endif
