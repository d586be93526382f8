/* upgrade_peer: the other process of an upgrade, as this one hears it: a coroutine reads its messages one by one, so
 * that whoever waits for one sees signals and orders meanwhile. Private to upgrade*.c. Control thread. */
#ifndef PROXY_CONTROL_UPGRADE_PEER_H
#define PROXY_CONTROL_UPGRADE_PEER_H

#include "proxy/control/upgrade.h"

/* upgrade_peer_start: read what the other one says, over p->upgrade.pair.
 *   Returns  0 or -NP_ENOMEM. */
must_use int upgrade_peer_start(struct process *p);
/* Reads no more, and closes the pair. Harmless if it does not read.   Parks. */
void upgrade_peer_stop(struct process *p);

/* upgrade_await: the next message is a `want`, 0: whatever comes; it stands in p->upgrade.message until upgrade_taken.
 *   Returns  0; or the error, and p->upgrade.why: it is another one, the other process has ended, it is late; or
 *            -NP_ECANCELED: there is an order to stop, which is pending again.
 *   Parks    and answers orders meanwhile: those that would change something are refused. */
must_use int upgrade_await(struct process *p, enum handover_kind want, int64_t deadline);
/* upgrade_expect: the same where there is no way back: orders to stop and others wait. */
must_use int upgrade_expect(struct process *p, enum handover_kind want, int64_t deadline);
/* The message is done with: the next one is read. */
void upgrade_taken(struct upgrade *u);

struct upgrade_hello {
	char version[64];
	int64_t clock_apart; /* ns between its clock and ours */
};
must_use int upgrade_send_hello(struct process *p);
must_use int upgrade_read_hello(const struct upgrade_message *m, struct upgrade_hello *out);

#endif
