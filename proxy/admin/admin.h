/* admin: the control plane's thread, from start to stop. */
#ifndef PROXY_ADMIN_ADMIN_H
#define PROXY_ADMIN_ADMIN_H

#include "netpoll/base.h"

#define ADMIN_WORKER (UINT16_MAX - 1) /* its number among the netpoll workers */

struct admin;
struct config;
struct process;

/* admin_start: open what c's section `control` names, and serve there. Traffic matters more: what cannot be had is a
 * warning, `control_off` in the log, and *out is NULL then, as it is where nothing is asked for.
 *   Returns  EXIT_OK; or EXIT_PERMISSION, with its line in the log: the socket's directory is writable by others.
 *   Calls    the control worker's main coroutine, when the workers run and before a configuration is in force. */
must_use int admin_start(struct process *p, const struct config *c, struct admin **out);

/* admin_stop: no new client; those that are being answered get a moment; then the thread ends. Takes NULL.
 *   Parks    a tenth of a second at most.
 *   Calls    the same coroutine, when every order is answered, before the workers are stopped. */
void admin_stop(struct admin *a);

#endif
