/* resolver: the thread that looks names up, whoever asks.
 *
 *   a worker     resolver_ask --> queue --> `at_once` look-ups, one poll --> np_post --> done, on the worker
 *                resolver_drop: ends it at once, and done is not called
 *
 * The answer is an inbox message. While a look-up was a thread in getaddrinfo that was no way: the end of the
 * process would have had to wait for that call, which returns when it likes. This thread waits in nothing but its poll,
 * and what is dropped ends at once, so the end waits for one turn of it. It does read /etc/hosts and resolv.conf, and a
 * disk may hang: then resolver_stop gives up, and no message is posted from that moment on.
 *
 * Rejected: a thread in getaddrinfo for each look-up, which tells no time to live and cannot be ended; a c-ares channel
 * that stays, which goes on asking the name servers of a network that is gone.
 *
 * The thread starts with the first question: a process that needs no names has none. */
#ifndef PROXY_RESOLVE_RESOLVER_H
#define PROXY_RESOLVE_RESOLVER_H

#include <pthread.h>

#include "netpoll/netpoll.h"
#include "proxy/resolve/dns_lookup.h"

#define RESOLVER_AT_ONCE 50 /* most: each has a descriptor for every name server that it goes on to */
#define RESOLVER_LONGEST (60 * NP_S) /* of one look-up, whatever c-ares has in mind */

struct resolver;

/* One question, from resolver_ask to the end of done. */
struct resolver_lookup {
	struct np_msg msg; /* first: what is posted */
	struct list link;  /* under the lock: queued, or running */
	struct resolver *resolver;
	struct dns_question question; /* const */
	struct dns_lookup lookup;     /* the thread's, until it is posted */
	struct dns_answer answer;     /* done's from then on */
	int64_t deadline;             /* the thread's */
	void (*done)(struct resolver_lookup *l, void *arg); /* the asker's; NULL: nobody waits any more */
	void *arg;
	uint32_t dropped; /* atomic */
};

struct resolver {
	pthread_mutex_t lock; /* protects the queue, stopping and closed */
	struct list queue;    /* of struct resolver_lookup: not begun */
	bool stopping, closed; /* closed: nothing is posted any more */
	struct list running;  /* the thread's */
	unsigned nrunning;    /* the thread's */
	unsigned at_once;     /* const after init */
	struct pollfd *fds;   /* the thread's; owned */
	int wake[2];          /* a socket pair, -1 while there is no thread */
	pthread_t thread;
	/* of the worker that asks */
	struct np_worker *worker; /* NULL before the first question */
	unsigned pending;         /* questions that have not come back */
	bool asker_stops;
};

/* resolver_init: at_once look-ups run side by side, 1 to RESOLVER_AT_ONCE; the others wait. */
void resolver_init(struct resolver *r, unsigned at_once);
/* resolver_stop: no question is asked any more; those under way come back at once, as DNS_CANCELED.
 *   Returns  false: the thread hangs. Then the process leaves without freeing what it may use.
 *   Parks    until the last question has come back, a second at most.   Calls  the worker that asked. */
must_use bool resolver_stop(struct resolver *r);

/* resolver_ask: look it up; done(lookup, arg) runs on this worker's loop, may not park, and has lookup->answer until it
 * returns.
 *   Returns  NULL: no memory, no descriptor or no thread; done is not called then.
 *   Calls    one worker, always the same.   Owns  the resolver has it; valid until done returns or resolver_drop. */
must_use struct resolver_lookup *resolver_ask(struct resolver *r, const struct dns_question *q,
					      void (*done)(struct resolver_lookup *l, void *arg), void *arg);
/* resolver_drop: its asker no longer waits. Takes NULL. The same worker. */
void resolver_drop(struct resolver_lookup *l);

#endif
