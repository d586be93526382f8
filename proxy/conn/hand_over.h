/* hand_over: what a worker does with one connection that goes to another process, or has come from one. Nobody here
 * knows the other process: control carries the message and the descriptors (proxy/proto/handover.h).
 *
 *   old    RELAYING --freeze--> FROZEN --write--> (message, its descriptors)
 *             ^                   | |
 *             '------ thaw -------' '--- forget: it is the other's
 *   new    hand_over_read (any thread) -> build --> FROZEN --thaw--> RELAYING
 *                                                     '--- drop: it is the other's still
 *
 * Who waits without a server (conn_aside.h), for a place of a limit or in the queue of its upstream, is put aside
 * first, which takes a turn of its worker; freeze has nothing left to do then. It has one descriptor and no directions;
 * what was read of it goes along as bytes, which the other process reads anew. Thawed, it waits on, in its old place.
 *
 * A frozen connection is in its shard's list, holds what it held, and does nothing: its task is gone, its descriptors
 * have left epoll, its deadlines are off. Between freeze and thaw nobody reads, writes or seals. Thawed, it tries both
 * ways before it asks epoll, so no edge is lost. What is told to a frozen one (conn_kill) waits for its thaw; forget
 * and drop lose it, so who asks for ends is refused meanwhile, or asks c->kill.
 *
 * What is derived and never written: readable, muted, blocked, backlog, spliced, full, looks, reset_pause. What a pipe
 * holds travels as a rest. The window of a replay closes, a trial ends without a verdict, and who was tried before the
 * server is told to nobody: that list of the log ends with the old process.
 * Every function but hand_over_read: owner worker, from a message or a coroutine that is not the connection's. */
#ifndef PROXY_CONN_HAND_OVER_H
#define PROXY_CONN_HAND_OVER_H

#include "proxy/conn/conn.h"
#include "proxy/proto/handover.h"
#include "proxy/tls/tls_export.h"

#define HAND_OVER_FDS 2 /* of a connection at most: the client's, the server's */

enum hand_over_when {
	HAND_OVER_NOW,
	HAND_OVER_LATER, /* it begins, or ends: that has a deadline of its own */
	HAND_OVER_NEVER, /* OpenSSL makes its records */
};
enum hand_over_when hand_over_when(const struct conn *c);

/* ---- old ---- */

/* hand_over_freeze: of a connection that moves now.
 *   Returns  0; or -NP_ENOMEM: it goes on as before. */
must_use int hand_over_freeze(struct conn *c);
/* hand_over_write: a group CONN of a frozen one, as often as asked for. It holds keys: the room is the caller's to
 * wipe.
 *   Returns  how many descriptors it has, which stay its own; or -EMSGSIZE: no room, and w is as it was. */
must_use int hand_over_write(const struct conn *c, struct handover_writer *w, int sysfds[HAND_OVER_FDS]);
/* As if nothing had happened; a new one begins so. Its first turn is not within this call. */
void hand_over_thaw(struct conn *c);
/* hand_over_forget: it is the other's now. Descriptors are closed and nothing is said to either peer; keys are wiped;
 * places, slot and snapshot are given back. No record in the log, no end in the numbers; bytes that passed here are in
 * them. */
void hand_over_forget(struct conn *c);

/* ---- new ---- */

struct hand_over_dir {
	uint64_t bytes;
	int64_t active;
	unsigned flags;             /* enum handover_dir_flag */
	uint32_t undelivered;
	struct handover_field rest; /* n 0: none */
};

/* A CONN group, taken apart; fields point into the message. */
struct hand_over {
	struct handover_field listener, upstream, server, sni, detail; /* n 0: none */
	struct handover_field read, cert; /* the same: what was read before it relays; the client's certificate */
	enum handover_waits waits;
	unsigned nfds;
	int64_t waits_since, waits_until;
	uint32_t read_from;
	unsigned read_flags;                     /* enum handover_read_flag */
	struct ulid id;
	bool has_id, has_client, has_update, has_tls[2];
	union np_inet peer, client;
	int64_t accepted, connected, first_byte; /* the latter two ns after the accept; -1: never */
	int64_t hard_deadline, queued, update_at;
	uint64_t update_bytes[2];
	unsigned retries, rule, flags;           /* flags: enum handover_conn_flag */
	int err;
	enum close_reason first_end;
	unsigned ndirs;
	struct hand_over_dir dir[2];
	struct tls_moved tls[2];
};

/* hand_over_read: foreign bytes into a plain struct. What it takes, the relay could have come into by itself.
 *   Returns  false: refused, and *why is a static sentence.   Calls  any thread. */
must_use bool hand_over_read(struct hand_over *h, const struct handover_field *group, const char **why);

/* hand_over_fds: how many of a message's descriptors a CONN group has, before anything else of it is believed.
 *   Returns  0: it does not say so.   Calls  any thread. */
unsigned hand_over_fds(const struct handover_field *group);

struct hand_over_into {
	struct shard *shard;
	struct snapshot *snap; /* in force on this worker */
};

/* hand_over_build: the connection of h, frozen. Its places and its server's slot are those that were held for the
 * process before, or are taken, above a limit if need be.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: listener, server or cipher are not to be had here; or why a descriptor is of no
 *            use. *why is a static sentence then.
 *   Owns     the first h->nfds of sysfds, whatever it returns: on failure they are closed. */
must_use int hand_over_build(const struct hand_over_into *into, const struct hand_over *h,
			     const int sysfds[HAND_OVER_FDS], struct conn **out, const char **why);
/* hand_over_drop: the other process keeps it, and what it had of limits is that one's again. */
void hand_over_drop(struct conn *c);

#endif
