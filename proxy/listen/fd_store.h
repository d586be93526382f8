/* fd_store: copies of listening sockets in systemd's descriptor store (FileDescriptorStoreMax=), so that a crash closes
 * none: clients wait in their queues until the next process takes them (inherit.h). What we close ourselves leaves the
 * store first, so an orderly stop ends as it does without one.
 *
 * The name is for people and for FDSTOREREMOVE=, which takes all of a name: hence one for each address. Who takes
 * sockets from the store goes by their addresses (inherit.h), so names of another version, or one name for all,
 * lose nothing.
 *
 * A store that is too small keeps the first socket of each address before the second of any: they are sent in this
 * order, since systemd before 254 does not tell how many it takes. Control thread. */
#ifndef PROXY_LISTEN_FD_STORE_H
#define PROXY_LISTEN_FD_STORE_H

#include "proxy/listen/binding.h"
#include "proxy/systemd/notify.h"

struct fd_store {
	struct notify *notify; /* borrowed; NULL: there is no manager */
	unsigned n;            /* sockets that are there */
	unsigned most;         /* that it takes, as FDSTORE says; UINT_MAX: nobody says */
	bool held;             /* another process is the service: systemd would not listen to this one */
};

/* fd_store_init: reads FDSTORE, which stays there for a process that takes over.   Calls  before there is a second
 * thread. */
void fd_store_init(struct fd_store *s, struct notify *notify);

/* fd_store_add: the sockets of these bindings, which listen. Those that are there stay. */
void fd_store_add(struct fd_store *s, struct list *opened);
/* fd_store_remove: the sockets of b, if they are there. */
void fd_store_remove(struct fd_store *s, struct binding *b);
/* fd_store_forget: those of this name, of a process before; then fd_store_wait. */
void fd_store_forget(struct fd_store *s, const char *name);
/* fd_store_wait: until systemd has closed what it was told to, a second at most: an address is free only then. */
void fd_store_wait(struct fd_store *s);

/* fd_store_name: "stored.LISTENER.ADDRESS" of letters, digits, dot, dash and underscore; every other byte is an
 * underscore and two hexadecimal digits. What is too long ends in a number made of all of it. */
void fd_store_name(const char *listener, const struct np_addr *a, char out[PASSED_NAME + 1]);

#endif
