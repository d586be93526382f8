/* bindings: all bind addresses of a generation. A reload opens those that are new before it changes
 * anything, and puts all into force afterwards:
 *
 *   bindings_open (all or none) -> bindings_listen -> bindings_adopt -> bindings_serve (closes those no longer named)
 *
 * A list of bindings is a struct list of binding.link. Everything is called by the control thread,
 * and every line for the operator about an address is logged here. */
#ifndef PROXY_LISTEN_BINDINGS_H
#define PROXY_LISTEN_BINDINGS_H

#include "proxy/conn/shard.h"
#include "proxy/listen/fd_store.h"
#include "proxy/listen/inherit.h"

struct snapshot;

/* Control thread. Those that close are no longer in the list: each group of them has a coroutine,
 * and a reload does not wait for it. */
struct bindings {
	struct list open; /* of struct binding */
	struct list handed; /* of struct handed: another process's, until a first generation is in force */
	unsigned closers; /* coroutines that close bindings */
	struct inherit inherit; /* sockets that were there before us */
	struct fd_store store;  /* where ours survive a crash */
	unsigned workers;       /* of bindings_open */
	bool settled;           /* what the first generation does not name of them is closed */
	int64_t close_by; /* when they wait no longer for handshakes; INT64_MAX until a stop */
};

/* bindings_init: with what the service manager passed to this start.   Calls  before there is a second thread. */
void bindings_init(struct bindings *bindings, struct notify *manager);
void bindings_fini(struct bindings *bindings);

/* bindings_open: open every address that snap names and `bindings` does not hold.
 *   Returns  0 with the new ones in *opened, an empty list before; or the error of the first that
 *            cannot be had, with a line in the log, and then *opened is empty.
 *   Calls    control thread; workers: how many. */
must_use int bindings_open(struct bindings *bindings, const struct snapshot *snap,
			   unsigned workers, struct list *opened);

/* bindings_listen: clients are let in from here on. The last step that can fail, because who has connected to an
 * address that is given up again is reset.
 *   Returns  0; or the error, with a line in the log: another process was quicker.   Calls  control thread. */
must_use int bindings_listen(const struct snapshot *snap, struct list *opened);

/* bindings_adopt: move what bindings_open made into `bindings`. */
void bindings_adopt(struct bindings *bindings, struct list *opened);

/* bindings_serve: accept for the listeners of snap. A binding that snap does not name is stopped
 * and freed.
 *   Returns  0; or -NP_ENOMEM when a binding could not start on every worker: that one is closed.
 *   Parks    until every worker has switched.
 *   Calls    control thread. */
must_use int bindings_serve(struct bindings *bindings, const struct snapshot *snap,
			    struct shard *shards);

/* bindings_suspend: no address is accepted at any more; sockets and queues stay.
 *   Returns  0; or the error, and then all are accepted at again.   Parks. */
must_use int bindings_suspend(struct bindings *bindings, struct shard *shards);
/* bindings_resume: the reverse. A binding that cannot start again on every worker is closed, with a line in the log.
 *   Parks. */
void bindings_resume(struct bindings *bindings, const struct snapshot *snap, struct shard *shards);
/* bindings_stays: the other process does not accept at this address: it is this one's to close. */
void bindings_stays(struct bindings *bindings, const struct np_addr *a);
/* bindings_give: another process accepts at all of them that do not stay: they are freed, and files and locks are
 * its. They were suspended; at those that stay it is accepted again, until bindings_stop.   Parks. */
void bindings_give(struct bindings *bindings, struct shard *shards);
/* bindings_store: this process is the service, or not (yet): systemd keeps its sockets for the time after a crash, or
 * not any more. Before another process becomes the service, and behind that: one name has one owner. */
void bindings_store(struct bindings *bindings, bool is_service);
/* bindings_own: this process is the one that accepts at what it inherited. What no listener of its file names is
 * closed.
 *   Returns  how many addresses that are. */
unsigned bindings_own(struct bindings *bindings);

/* bindings_stop: stop and free all of them, and wait for those that are closing. At `by`, and at
 * most after a second, handshakes under way are waited for no longer: whoever sends half of one
 * must not hold up the end of the process.   Parks. */
void bindings_stop(struct bindings *bindings, struct shard *shards, int64_t by);

/* bindings_free: free bindings that were never served. */
void bindings_free(struct list *bindings);

#endif
