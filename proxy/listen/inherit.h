/* inherit: listening sockets that this process did not open: another one gave them, before the first configuration
 * came into force. They are kept until a binding takes them, by address, or until what nobody named is closed.
 *
 *   inherit_put (each address) -> inherit_take (bindings_open) -> inherit_close (the rest)
 *
 * Control thread. */
#ifndef PROXY_LISTEN_INHERIT_H
#define PROXY_LISTEN_INHERIT_H

#include "netpoll/netpoll.h"

/* The sockets of one bind address, in the order of their group: of TCP one per worker of who opened them. On the
 * heap. */
struct inherited {
	struct list link;
	struct np_addr addr; /* as the configuration of that process named it */
	int lock;            /* of a Unix socket's file; -1: none */
	unsigned n;          /* sockets */
	int sysfd[];         /* -1: taken */
};

/* inherit_put: keep these sockets for a binding at addr. They are made non-blocking and close-on-exec.
 *   Returns  0, and they and the lock are the store's; -NP_EINVAL: one of them is no listening stream
 *            socket; -NP_ENOMEM.
 *   Owns     sysfds and lock, with 0. */
must_use int inherit_put(struct list *store, const struct np_addr *addr, const int *sysfds, unsigned n, int lock);
/* inherit_take: those of addr, out of the store.   Returns  NULL: there are none.   Owns  the caller: inherit_free. */
must_use struct inherited *inherit_take(struct list *store, const struct np_addr *addr);
/* Closes what is left of one. Takes NULL. */
void inherit_free(struct inherited *i);
/* inherit_close: of those that nobody took; the caller has said so.   Returns  how many addresses there were. */
unsigned inherit_close(struct list *store);

#endif
