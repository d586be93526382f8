/* log_ring: a queue of records of any size, from one producer to one consumer. Private to the log.
 *
 *   base                                                                    base + size
 *    | [n|record 4] [n|record 5]      free      [n|record 2] [n|record 3] [SKIP] |
 *                              ^head            ^tail
 *
 * A record is never split. One that does not fit in front of the end starts at the base, and a SKIP
 * slot says so. head and tail count bytes and never wrap; one side alone writes each. Each side
 * keeps a copy of the other's count and reads it again only when the copy says full or empty, so
 * that most calls touch no cache line of the other core. */
#ifndef PROXY_LOG_LOG_RING_H
#define PROXY_LOG_LOG_RING_H

#include "netpoll/base.h"
#include "proxy/log/log_bell.h"

struct log_ring {
	char            *base; /* const after init, as the next two; owned */
	uint64_t         size; /* a power of two */
	struct log_bell *bell; /* borrowed; shared with the other rings */

	uint64_t head cache_aligned; /* atomic; written by the producer */
	uint64_t next;               /* producer: head after the commit */
	uint64_t tail_seen;          /* producer: tail when it last looked */
	uint64_t dropped;            /* atomic; written by the producer, as the next */
	uint64_t committed;          /* records */

	uint64_t tail cache_aligned; /* atomic; written by the consumer */
	uint64_t head_seen;          /* consumer: head when it last looked */
};

/* size is a power of two of at least 64.
 *   Returns  0 or -NP_ENOMEM. */
must_use int log_ring_init(struct log_ring *r, size_t size, struct log_bell *bell);
void log_ring_fini(struct log_ring *r);

/* The producer calls these. reserve finds room for n bytes (at most half the ring: CHECK), in one
 * piece and aligned for any type. commit publishes them and rings the bell. The next reserve undoes
 * one that was not committed.
 *   Returns  NULL if there is no room now; the ring counts that as a drop. */
must_use void *log_ring_reserve(struct log_ring *r, size_t n);
void log_ring_commit(struct log_ring *r);

/* The consumer calls these. look notices the records committed so far, so that a turn has an end.
 * peek returns the oldest noticed record, or NULL; release frees it. */
void log_ring_look(struct log_ring *r);
const void *log_ring_peek(struct log_ring *r, size_t *n);
void log_ring_release(struct log_ring *r);

/* The consumer calls these. Is there a record, noticed or not? Are there so many that the producer
 * would ring a dozing writer? */
bool log_ring_pending(const struct log_ring *r);
bool log_ring_crowded(const struct log_ring *r);

/* log_ring_committed: how many records were handed over. log_ring_dropped: how many reserves found
 * no room. Any thread. */
uint64_t log_ring_committed(const struct log_ring *r);
uint64_t log_ring_dropped(const struct log_ring *r);

#endif
