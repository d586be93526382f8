/* admin_listen: the control plane's sockets, on the control thread: opened before its worker runs, removed after it. */
#ifndef PROXY_ADMIN_ADMIN_LISTEN_H
#define PROXY_ADMIN_ADMIN_LISTEN_H

#include "netpoll/base.h"

struct admin;
struct config;

/* admin_listen_open: open what c asks for. What cannot be had is a line `control_off` in the log.
 *   Returns  EXIT_OK; or EXIT_PERMISSION: the socket's directory is writable by others. */
must_use int admin_listen_open(struct admin *a, const struct config *c);
/* Closes what no worker took, and removes the file of the socket. */
void admin_listen_close(struct admin *a);

#endif
