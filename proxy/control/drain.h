/* drain: the end of a process that was told to stop. */
#ifndef PROXY_CONTROL_DRAIN_H
#define PROXY_CONTROL_DRAIN_H

struct process;

/* drain_run: stop accepting after shutdown.delay, wait for the connections up to shutdown.timeout,
 * end the rest. A further signal to stop ends them at once.
 *   Parks    until no connection is left but those that were told to end.
 *   Calls    the control worker's main coroutine, once; p->snap is current. */
void drain_run(struct process *p);

#endif
