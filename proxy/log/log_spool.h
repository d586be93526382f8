/* log_spool: the way of a process log message from any thread to the descriptor, once threads run.
 * Private to the log.
 *
 *     worker 0 --.
 *     control  --+--> 512 slots, in order --> log thread: note -> line -> batch -> descriptor
 *     sysmon   --'
 *
 * A producer claims a slot with one compare and exchange, formats its message there, and publishes
 * the slot. It takes no lock and makes no system call, unless the log thread is asleep. If all
 * slots are taken, the message is dropped and counted, and the next line says how many were missed.
 *
 * Each slot has a number that says whose turn it is (the bounded queue of D. Vyukov, for one
 * consumer). With `at` as the count of messages before this one:
 *     seq == at               free: the producer that claims `at` may fill it
 *     seq == at + 1           full: the log thread may take it; it then stores at + SLOTS
 * A producer that is stopped between the claim and the publication holds up the lines behind it,
 * but no other producer until the slots run out.
 *
 * Rejected: a ring per thread, as the access log has. Messages are rare, so contention costs
 * nothing, and one queue keeps the order in which events of different threads happened. A lock,
 * because the thread that holds it can lose its core while a worker waits. */
#ifndef PROXY_LOG_LOG_SPOOL_H
#define PROXY_LOG_LOG_SPOOL_H

#include "proxy/log/log_episode.h"
#include "proxy/log/log_note.h"
#include "proxy/log/log_syslog.h"

/* spool_start: start the log thread, which writes to fd and to syslog, and ends episodes.
 *   Returns  0 or -NP_Exxx of the thread.
 *   Calls    one thread, before any thread uses the spool. */
must_use int spool_start(int fd, struct log_episodes *episodes, struct log_syslog *syslog);

/* spool_wake: there is an order for syslog. Any thread. */
void spool_wake(void);

/* spool_stop: write what is there within ms milliseconds, and end the thread.
 *   Returns  false if the descriptor blocks the thread for ever: it was given up, and the process
 *            must not write to that descriptor either.
 *   Calls    the thread that started the spool, when no other thread logs any more. */
must_use bool spool_stop(int ms);

/* spool_missed: how many messages were lost that no line has told of. Any thread. */
uint64_t spool_missed(void);

/* spool_reserve: claim a slot, to fill *note and then commit it.
 *   Returns  NULL if there is none; the spool has counted that.
 *   Calls    any thread. Never blocks. */
must_use struct log_note *spool_reserve(void);
void spool_commit(struct log_note *note);

#endif
