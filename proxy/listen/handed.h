/* handed: listening sockets that this process did not open: another one gave them, before the first configuration
 * came into force. They are kept until a binding takes them, by address, or until what nobody named is closed.
 *
 *   handed_put (each address) -> handed_take (bindings_open) -> handed_close (the rest)
 *
 * Control thread. */
#ifndef PROXY_LISTEN_HANDED_H
#define PROXY_LISTEN_HANDED_H

#include "netpoll/netpoll.h"

/* The sockets of one bind address, in the order of their group: of TCP one per worker of who opened them. On the
 * heap. */
struct handed {
	struct list link;
	struct np_addr addr; /* as the configuration of that process named it */
	int lock;            /* of a Unix socket's file; -1: none */
	bool kept;           /* the service manager keeps them, too: of each its own binding, for all workers */
	unsigned n;          /* sockets */
	int sysfd[];         /* -1: taken */
};

/* handed_put: keep these sockets for a binding at addr. They are made non-blocking and close-on-exec.
 *   Returns  0, and they and the lock are the store's; -NP_EINVAL: one of them is no listening stream
 *            socket; -NP_ENOMEM.
 *   Owns     sysfds and lock, with 0. */
must_use int handed_put(struct list *store, const struct np_addr *addr, const int *sysfds, unsigned n, int lock);
/* handed_keep: the service manager keeps those of addr, which were put. */
void handed_keep(struct list *store, const struct np_addr *addr);
/* handed_take: those of addr, out of the store.   Returns  NULL: there are none.   Owns  the caller: handed_free. */
must_use struct handed *handed_take(struct list *store, const struct np_addr *addr);
/* Closes what is left of one. Takes NULL. */
void handed_free(struct handed *i);
/* handed_close: of those that nobody took; the caller has said so.   Returns  how many addresses there were. */
unsigned handed_close(struct list *store);

#endif
