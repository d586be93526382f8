/* drain: the end of a process that was told to stop. */
#ifndef PROXY_CONTROL_DRAIN_H
#define PROXY_CONTROL_DRAIN_H

#include "netpoll/base.h"

struct process;

/* drain_left: the connections that there are now.   Calls  control thread. */
uint32_t drain_left(const struct process *p);

/* drain_run: stop accepting after shutdown.delay, wait for the connections up to shutdown.timeout,
 * end the rest. A further signal to stop ends them at once; in a process from which
 * another one has taken over the first only says so, since it ends anyway, and the second does.
 *   Returns  true: every connection ended by itself; false: some were cut.
 *   Parks    until no connection is left but those that were told to end.
 *   Calls    the control worker's main coroutine, once; p->snap is current. */
must_use bool drain_run(struct process *p);

/* drain_answer: tell those who ordered the drain how it ended. From now on no order is obeyed. */
void drain_answer(struct process *p, bool cut);

/* drain_access_patience, drain_process_patience: ms that the logs may take for what is left, after
 * the drain: what remains of shutdown.timeout, and a little more in any case. A reader that is stuck
 * must not keep the process. One bound for both: the access log, asked for first, leaves the process
 * log its share, which tells what was lost. */
int drain_access_patience(struct process *p);
int drain_process_patience(const struct process *p);

#endif
