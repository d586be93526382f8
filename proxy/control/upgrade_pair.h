/* upgrade_pair: the socket pair between the process that serves and the one that takes over: whole messages, with
 * descriptors. Each process has one end of one pair, on its control worker. Both buffers are one mapping that no core
 * dump and no child gets (keys of connections pass through it), and each message is wiped once it was sent or taken. */
#ifndef PROXY_CONTROL_UPGRADE_PAIR_H
#define PROXY_CONTROL_UPGRADE_PAIR_H

#include "netpoll/netpoll.h"
#include "proxy/proto/handover.h"

/* For the other process to take a message out of the socket's way: it reads at once, whatever else it does. */
#define UPGRADE_SEND_TIME (10 * NP_S)

struct upgrade_pair {
	struct np_fd fd;
	uint8_t *room; /* owned: a mapping; NULL: not open */
};

/* What came last. Its bytes stand until the next call. */
struct upgrade_message {
	unsigned major, kind;
	const uint8_t *body;
	uint32_t n;
	int sysfds[NP_MSG_SYSFDS]; /* owned: those that are not taken are closed by upgrade_drop; -1: taken */
	unsigned nsysfds;
	bool cut; /* of CONNS: this process had no room for its descriptors, and they are closed */
};

/* upgrade_pair_open: over this end of a pair.
 *   Returns  0; or why not, and sysfd is still the caller's.   Calls  control worker. */
must_use int upgrade_pair_open(struct upgrade_pair *p, int sysfd);
/* The other process sees the end. Harmless on one that is not open. */
void upgrade_pair_close(struct upgrade_pair *p);

/* upgrade_body: begin the body of the next message; nothing else may be sent before it is. */
void upgrade_body(struct upgrade_pair *p, struct handover_writer *w);
/* upgrade_send: the body that upgrade_body began, or none (w NULL), with descriptors, which stay the caller's.
 *   Returns  0; -NP_EDEADLINE; -NP_EPIPE: the other process has ended; -NP_ENOBUFS: the body was cut.   Parks. */
must_use int upgrade_send(struct upgrade_pair *p, enum handover_kind kind, struct handover_writer *w,
			  const int *sysfds, unsigned nsysfds);
/* upgrade_receive: the next message, whole.
 *   Returns  0; -NP_EDEADLINE; -NP_ESHORT: the other process has ended; -NP_EPROTO: what it says is no message;
 *            -NP_EMFILE: no room for its descriptors, where none can be missed; or the error. Only after 0 there is
 *            something to drop.   Parks. */
must_use int upgrade_receive(struct upgrade_pair *p, struct upgrade_message *m, int64_t deadline);
/* Wipes m, and closes the descriptors that nobody took. */
void upgrade_drop(struct upgrade_pair *p, struct upgrade_message *m);

#endif
