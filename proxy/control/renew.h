/* renew: what TLS needs from time to time, without an order of the operator: fresh ticket keys and
 * OCSP responses, and a reload when a certificate file has changed, or the configuration where control.watch says so.
 * Control thread. */
#ifndef PROXY_CONTROL_RENEW_H
#define PROXY_CONTROL_RENEW_H

#include "netpoll/base.h"

struct process;

/* renew_next_poll: when renew_poll is due, monotonic ns; 0: never, for the current configuration
 * needs none. */
int64_t renew_next_poll(const struct process *p);

/* renew_poll: rotate ticket keys, start OCSP requests that are due, and reload_again when a file
 * has changed, or reload_file when the configuration has.
 *   Parks    for a reload.   Calls  the control worker's main coroutine; blocks on the disk. */
void renew_poll(struct process *p);

#endif
