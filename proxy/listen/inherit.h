/* inherit: listening sockets that this process did not make: systemd passed them (socket activation, by name), or they
 * are those of a process that died, from systemd's descriptor store (by address). A binding that opens asks here first.
 * The process that hands over to us will put its own in as well.
 *
 * A socket of activation stays here as long as the process lives: a binding gets a duplicate, so a later generation may
 * name it again, and systemd holds it anyway. One of the store is given away once.
 *
 *   inherit_open -> inherit_name ... -> inherit_settle -> inherit_find, inherit_give ... -> inherit_close
 *
 * An address that a bind names finds its socket whatever that is called; a name finds all sockets of it, in the order
 * in which systemd opened them. One that nobody names is closed at the first start, for clients would wait in its queue
 * for ever; systemd holds its own descriptor of a socket unit's, and the store forgets what it is told to.
 *
 * Control thread. */
#ifndef PROXY_LISTEN_INHERIT_H
#define PROXY_LISTEN_INHERIT_H

#include "netpoll/netpoll.h"
#include "proxy/systemd/passed.h"

/* What the store calls ours begins so; FileDescriptorName= may not. */
#define INHERIT_STORED "stored."

struct inherited {
	int fd;               /* owned; -1: it was given away, or closed */
	bool stored;          /* from the descriptor store; else systemd's own socket */
	bool named;           /* the first generation named it */
	unsigned users;       /* bindings that have a duplicate of it */
	struct np_addr local; /* of a socket that can be used */
	const char *why;      /* static: why it cannot; NULL: it can */
	char name[PASSED_NAME + 1];
};

struct inherit {
	struct inherited *at; /* owned */
	unsigned n;
};

/* inherit_open: take what systemd passed.   Calls  before there is a second thread. */
void inherit_open(struct inherit *all);
void inherit_close(struct inherit *all);

/* inherit_find: the next one behind `after` (NULL: the first) for this address: of a name (np_addr_is_named) those that
 * are called so, of any other those that listen there and no binding has.   Returns  NULL: there is none. */
struct inherited *inherit_find(struct inherit *all, const struct np_addr *a, struct inherited *after);

/* inherit_give: the descriptor, for a binding.   Returns  it, the caller's; or the error. Of one that is not from the
 * store, a duplicate, until inherit_return. */
must_use int inherit_give(struct inherited *i);
void inherit_return(struct inherited *i);

/* inherit_name: the first generation names this address. */
void inherit_name(struct inherit *all, const struct np_addr *a);

/* inherit_settle: what the first generation does not name is closed, with a line each.
 *   Returns  whether one of the store was among them: then forget(arg, name) was called for each. */
bool inherit_settle(struct inherit *all, void (*forget)(void *arg, const char *name), void *arg);

#endif
