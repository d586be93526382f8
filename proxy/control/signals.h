/* signals: signals as events of the control worker. */
#ifndef PROXY_CONTROL_SIGNALS_H
#define PROXY_CONTROL_SIGNALS_H

#include "netpoll/base.h"

/* signals_open: from now on a signal is a byte to be read. Blocks them in this thread, and so in
 * all threads that are started later.
 *   Returns  0, or why there is no socket pair.
 *   Calls    before there is a second thread, once. */
must_use int signals_open(void);

/* signals_start: this thread, the control worker, lets signals in.
 *   Returns  0, or why its poller does not take them.
 *   Calls    control worker, after signals_open. */
must_use int signals_start(void);

/* signals_wait: the next signal, until the deadline; 0: none.
 *   Returns  the signal's number, or -NP_EDEADLINE.
 *   Parks    until then.
 *   Calls    a coroutine of the control worker, one at a time. */
must_use int signals_wait(int64_t deadline);

/* signals_stop: the reverse of signals_start.   Calls  control worker. */
void signals_stop(void);

#endif
