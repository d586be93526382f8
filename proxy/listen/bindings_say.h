/* bindings_say: the lines of the log about an address that cannot be had. Control thread. */
#ifndef PROXY_LISTEN_BINDINGS_SAY_H
#define PROXY_LISTEN_BINDINGS_SAY_H

#include "netpoll/netpoll.h"

struct config;
struct config_bind;

/* bindings_cannot_listen: the error of a bind, and its remedy. */
void bindings_cannot_listen(const struct config *c, const struct config_bind *b, const char *listener, int err);
/* bindings_not_passed: systemd passed no socket, or one that cannot be used: `why` says which. */
void bindings_not_passed(const struct config *c, const struct config_bind *b, const char *listener, const char *why);

#endif
