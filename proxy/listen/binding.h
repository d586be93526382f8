/* binding: one bind address of the process. The control thread opens and closes it. It stays over
 * reloads as long as the configuration names the address, whichever listener names it.
 *
 *   binding_open -> binding_listen -> binding_serve (again at each reload) -> binding_stop -> binding_free
 *                                          ^---- binding_suspend ----'-> binding_give -> binding_free
 *
 * Each worker has one acceptor (acceptor.h) at each binding, with a listening descriptor of its
 * own: of TCP its own SO_REUSEPORT socket, of a Unix address a duplicate of the one socket. */
#ifndef PROXY_LISTEN_BINDING_H
#define PROXY_LISTEN_BINDING_H

#include "proxy/conn/shard.h"
#include "proxy/listen/inherit.h"

struct acceptor;
struct handed;

/* The control thread owns every field. Workers read a binding inside shard_call, while the control
 * thread waits. */
struct binding {
	struct list link;
	struct np_addr addr; /* const: as configured, its identity over reloads */
	struct np_addr bound; /* const: with the port the kernel chose, if addr's was 0 */
	char text[NP_ADDR_TEXT]; /* const: of bound */
	int lock; /* of the file, held as long as it is ours; -1: none */
	struct np_unix_file file; /* the file that this binding made, removed with it */
	int mode; /* of the file, as settled; 0: what the umask left */
	bool owned; /* the file was given to owner */
	struct np_unix_owner owner;
	struct listener *listener; /* of the current snapshot; acceptors have their own copy */
	int backlog; /* const: as opened; a reload cannot change it */
	unsigned n; /* const: workers */
	bool lost; /* its file is gone: binding_is_lost */
	bool shared; /* const: one socket, and a descriptor of it per worker */
	bool beside; /* const: opened beside an overlapping binding of ours, see binding_share */
	bool kept; /* const: systemd keeps its socket, so it is never filtered, shut or given another mode */
	bool adopted; /* const: its first sockets were another process's, and listen already */
	bool stays; /* a hand-over is under way, and the other process does not want it: bindings_give */
	bool borrowed; /* lock and file are still that process's: binding_own */
	struct acceptor **on; /* one per worker; NULL: it does not accept here */
	struct inherited *from; /* systemd's own socket, of which it has a duplicate; NULL: none */
	char *stored; /* owned: what systemd's store calls its sockets; NULL: they are not there */
	unsigned nstored; /* of its sockets, the first so many are in the store */
	int *sysfd; /* one per worker, until its acceptor takes it over; then -1. -1 and no acceptor: not here */
	unsigned running; /* acceptors that have not ended */
	struct np_event stopped; /* set when running falls to 0 */
};

/* binding_share: let a binding whose address overlaps with b's be opened beside b: a wildcard and
 * an address of its port, or the two wildcards. The kernel then prefers the narrower one.
 *   Returns  0 or an error.
 *   Calls    control thread. */
must_use int binding_share(const struct binding *b);

/* binding_open: bind for n workers, all of them or none; clients are refused until binding_listen. `beside`:
 * overlapping bindings of ours were shared, so the address is expected to be in use.
 *   Returns  0 and *out; or why the address cannot be had (-NP_EADDRINUSE, -NP_EACCES, -NP_EMFILE,
 *            ...).
 *   Calls    control thread.
 *   Owns     *out: binding_free. The listener is borrowed. */
must_use int binding_open(const struct np_addr *addr, struct listener *listener, unsigned n,
			  bool beside, struct binding **out);

/* binding_adopt: the same with sockets of this address that another process gave (handed.h) and that
 * listen already: as many as there are workers are taken out of `from`. Lock and file stay that
 * process's until binding_own. */
must_use int binding_adopt(struct handed *from, struct listener *listener, unsigned n, struct binding **out);

/* binding_suspend: accept no more; the kernel queues who comes. The sockets are the binding's again: binding_serve
 * goes on, and another process may be given duplicates of them (binding_sockets). They leave every poller.
 *   Returns  0; or the error, and then it accepts as before.
 *   Parks    until the last acceptor has ended.   Calls  control thread. */
must_use int binding_suspend(struct binding *b, struct shard *shards);

/* binding_socket: that of worker i, whether it is served or not yet.   Returns  -1: there is none. The binding's. */
int binding_socket(const struct binding *b, unsigned i);
/* binding_sockets: the sockets of a binding, in the order of the workers, for another process: a Unix address has
 * one.
 *   Returns  how many; sysfds has room for b->n. They stay the binding's.   Calls  control thread. */
unsigned binding_sockets(const struct binding *b, int *sysfds);

/* binding_give: another process accepts here from now on: lock and file are its. What follows is binding_free. */
void binding_give(struct binding *b);
/* binding_own: the reverse, of who got them. */
void binding_own(struct binding *b);

/* Where binding_inherit takes its sockets. */
struct inheritance {
	struct inherit *all;
	struct inherited *next; /* the first for the address; then the first that the binding did not take, or NULL */
	bool whole;             /* what a group of the store lacks for n workers joins it */
};

/* binding_inherit: the same with sockets that are there already. Of systemd's own, and of a Unix address, one is a
 * binding, from which all workers accept. Of the store's each worker gets one of its own as long as they last.
 *   Returns  0 and *out, which may leave workers without a socket; or why: -NP_ENOENT: the address's file is gone.
 *   Calls    control thread.   Owns  as binding_open. */
must_use int binding_inherit(const struct np_addr *addr, struct listener *listener, unsigned n,
			     struct inheritance *from, struct binding **out);

/* binding_listen: clients are promised connections from here on, so only what can still fail after it may reset them.
 *   Returns  0; or -NP_EADDRINUSE: another process bound the address in the same moment, and was the first to listen.
 *   Calls    control thread. */
must_use int binding_listen(struct binding *b);

/* binding_serve: on every worker, start to accept for b->listener; an acceptor that runs switches
 * to it.
 *   Returns  0; or -NP_ENOMEM when a worker could not start: the caller stops the binding.
 *   Parks    until every worker has answered.
 *   Calls    control thread; shards has b->n elements. */
must_use int binding_serve(struct binding *b, struct shard *shards);

/* binding_refuse_new: the first half of a stop: no client begins a connection here any more, while
 * acceptors still accept those that the kernel has promised one. Of a Unix socket the file is
 * removed.
 *   Returns  true: handshakes may be under way: binding_is_pending.
 *   Parks    until every worker has answered.
 *   Calls    control thread. */
must_use bool binding_refuse_new(struct binding *b, struct shard *shards);

/* binding_is_pending: handshakes that began before binding_refuse_new still wait for their last ACK.
 * false also where the kernel does not tell.   Calls  control thread. */
bool binding_is_pending(const struct binding *b);

/* binding_is_lost: the file of this Unix socket was deleted or replaced: clients cannot find it any
 * more. */
bool binding_is_lost(const struct binding *b);

/* binding_settle_file: give the file the mode and the owner that b->listener names for it.
 *   Returns  0; -NP_EINVAL: it names one no longer, so that of before stays; or the error.
 *   Calls    control thread. */
must_use int binding_settle_file(struct binding *b);

/* binding_abandon_file: another binding of the same path takes over lock and file. */
void binding_abandon_file(struct binding *b);

/* binding_empty: accept who waits in the queues.
 *   Returns  false: accept fails (no descriptors, no memory), so somebody may still wait.
 *   Parks    until every worker has answered.
 *   Calls    control thread. */
must_use bool binding_empty(struct binding *b, struct shard *shards);

/* binding_stop: stop accepting. Connections in the accept queues are still served, then the sockets
 * are closed.
 *   Parks    until the last acceptor has ended.
 *   Calls    control thread. */
void binding_stop(struct binding *b, struct shard *shards);

/* binding_free: a binding that was stopped or never served. Removes the file of a Unix socket if
 * this binding made it.
 *   Returns  NULL. */
struct binding *binding_free(struct binding *b);

#endif
