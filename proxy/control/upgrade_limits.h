/* upgrade_limits: places of limits while two processes live: what old still has counts in new as well, so that no limit
 * is exceeded in sum (proxy/base/limit.h). Old says how many are its own, and takes no others; each time it says less,
 * new has more. Hits and maxima go on in new.
 *
 *   step 5   old   lends new what is free of each limit, says what is its own     STATE
 *            new   holds it; a queue that old has is closed here to newcomers
 *   step 7   both  a connection that moves takes its places along (hand_over.h)
 *   step 8   new   all that could move have come: queues are open
 *   step 9   old   lends what it was given back, says what it still has          COUNTERS
 *   the end  new   holds nothing any more
 *
 * In between the sum is at most too high, by what old has been given back and has not told, and never too low. Who
 * comes to look for a server in old meanwhile finds it full, and moves (conn_aside.h).
 *
 * What is not shared: handshakes under way, which have a limit of their own in each process; and the limit of the
 * process where it was made of the number of descriptors, of which each process has its own. A limit without an end
 * lends nothing; what old has of it is told all the same, so that the balance of servers and the numbers that are
 * shown have both processes in them.
 *
 * An item of the message is one limit:
 *
 *   kind   process         of all connections: limits.max_connections
 *          listener        its max_connections
 *          server          its max_connections, an operator's or an agent's word included
 *          queue           of an upstream: who waits for a slot; nothing is lent
 *          queue_timeout   of the same: only hits
 *          left            no limit: all connections that old still has
 *   name   of the listener or the upstream; "upstream/address" of a server
 *   used   places that are taken there, absolute
 *   hits   what is new since the last message
 *   high   in the first message alone: later the places that are lent are among them
 *
 * A limit that the configuration of new does not have is passed over. A reload of new keeps what it holds, since the
 * count of a limit outlives generations; of what the new generation has no more it goes with the end of old.
 *
 * Private to upgrade*.c. Control thread. */
#ifndef PROXY_CONTROL_UPGRADE_LIMITS_H
#define PROXY_CONTROL_UPGRADE_LIMITS_H

struct process;
struct upgrade_limits;

/* Old: what was told of which limit. Takes NULL, returns NULL. */
struct upgrade_limits *upgrade_limits_free(struct upgrade_limits *l);

/* upgrade_limits_open: new: all that could move at once have come: who has begun to wait here may be given a slot.
 * upgrade_limits_alone: either: there is no other process any more, and its places are free. Both harmless without an
 * upgrade. */
void upgrade_limits_open(struct process *p);
void upgrade_limits_alone(struct process *p);

#endif
