/* upgrade_relay: stands between the two processes of an upgrade and passes on what they say, message by message. It
 * stops before the message that a test names, so that a test meets both processes between two steps, whatever the
 * machine does. The test program is itself the relay: the process that serves starts it as the new program, and it
 * starts the real one behind a pair of its own. It ends as that one does, passes signals on to it, and takes it along
 * when it is killed.
 *
 *   main of the test    if (relay_asked()) return relay_main(argv);
 *   a test              relay_begin(); world_started();
 *                       relay_stop_at(...); relay_upgrade(); relay_wait(); relay_go(); */
#ifndef TESTS_FLOW_KIT_UPGRADE_RELAY_H
#define TESTS_FLOW_KIT_UPGRADE_RELAY_H

#include "netpoll/netpoll.h"
#include "tests/flow/kit/upgrade.h"
#include "proxy/proto/handover.h"

enum relay_from { RELAY_OLD, RELAY_NEW };

struct relay_at {
	enum relay_from from;
	enum handover_kind kind;
	int nth; /* from 1 */
};

/* This program was started as the new one of an upgrade. */
bool relay_asked(void);
int relay_main(char *argv[]);

/* Before the first process of a test is started: the relay finds this test's directory by it. */
void relay_begin(void);
/* The next upgrade through a relay stops there. */
void relay_stop_at(const struct relay_at *at);
/* An upgrade to a relay, as a child that asks for it and is not waited for. */
struct kit_child *relay_upgrade(void);
/* Waits until the message is held.   Returns  the pid of the real new process. */
pid_t relay_wait(void);
/* The process of this pid, which relay_wait gave, has ended. */
void relay_wait_gone(pid_t pid);
/* The message goes on its way. */
void relay_go(void);

#endif
