/* polldesc: parking places for one reader and one writer of a descriptor. Port of
 * src/runtime/netpoll.go (Go 1.19). rg and wg each hold one of four values. Rows are the value
 * found, columns what happens.
 *   found     block() or place() commit()           io ready          deadline or close
 *   PD_NIL    -> PD_WAIT         fails: no parking  -> PD_READY       stays
 *   PD_WAIT   CHECK fails        -> the G           -> PD_READY       -> PD_NIL
 *   a G       CHECK fails        (cannot happen)    -> PD_READY, run  -> PD_NIL, run
 *   PD_READY  -> PD_NIL, go on   fails: no parking  stays             stays
 *
 * reset(), before each operation of a coroutine, sets PD_NIL. netpoll_block is place, park, take. A
 * task never parks: poll_stand puts it there and says what it found. What readies it takes it out
 * of the word, as it does a coroutine, so a task stands anew in each of its turns. The error bits
 * (closing, an expired deadline, everr) are set first and only then rg/wg looked at; place looks at
 * them once more after PD_WAIT. Swapping either order loses a wake-up; tests/sim/pd_race_test.c
 * tries them all.
 *
 * The words are plain, not atomic: one worker owns a descriptor and everything that touches it
 * (DCHECK_OWNER). Slots are type-stable: reused, never unmapped. An event whose fdseq is old is
 * dropped. */
#ifndef NETPOLL_POLLDESC_H
#define NETPOLL_POLLDESC_H

#include "netpoll/g.h"
#include "netpoll/timer.h"

#define PD_NIL   ((uintptr_t)0)
#define PD_READY ((uintptr_t)1)
#define PD_WAIT  ((uintptr_t)2)

#define PD_MAGIC 0x9d5cu

/* poll_check_err returns Go's pollNoError and its three sisters as err.h codes: 0, -NP_ECLOSING,
 * -NP_EDEADLINE, -NP_ENOTPOLL. Closing wins over a deadline, a deadline over an event error. */

struct polldesc {
	uintptr_t rg, wg;      /* table above; the free list's link while free (rg) */
	/* deadlines: 0 none, > 0 when, < 0 it has passed (sticky until set again) */
	int64_t rd, wd;
	/* the one timer of both deadlines: stands at or before the earlier of them */
	struct wheel_node tn;
	int32_t fd;            /* const from open to close; -1 while free */
	uint32_t fdseq;        /* +1 at free: 31 bits travel with every event */
	uint32_t id;           /* slot number; const */
	uint16_t magic;        /* const */
	bool closing : 1;      /* set by unblock-for-close, cleared at open */
	/* the poller reported EPOLLERR alone: reads fail, a write learns it from its own call */
	bool everr : 1;
	bool hup : 1;          /* an event carried RDHUP, HUP, ERR or PRI: sticky until close */
	/* an event carried HUP or ERR: reset, or both ways shut; sticky until close */
	bool failed : 1;
	bool error : 1;        /* an event carried ERR: reset; sticky until close */
	bool doubt : 1;        /* the last read stopped at a message with descriptors */
	bool registered : 1;   /* the poller knows it */
	bool muted : 1;        /* arriving bytes are not reported */
	/* the socket has other descriptors: close(2) alone does not end its events */
	bool shared : 1;
};
_Static_assert(sizeof(struct polldesc) <= 64, "a pollDesc is one cache line");

#define POLLCACHE_SLAB  1024 /* pollDescs: 64 KiB a slab */
#define POLLCACHE_SLABS 4096 /* 4 Mi descriptors a worker */

/* One worker's slots. */
struct pollcache {
	struct polldesc *free;
	struct polldesc *slab[POLLCACHE_SLABS];
	uint32_t slabs;
	uint32_t fresh; /* slots ever handed out: the next one to touch */
	uint32_t used;
};

void pollcache_init(struct pollcache *c);
void pollcache_fini(struct pollcache *c);
struct polldesc *pollcache_alloc(struct pollcache *c); /* NULL: no memory */
void pollcache_free(struct pollcache *c, struct polldesc *pd);

static inline struct polldesc *pollcache_at(const struct pollcache *c, uint32_t id)
{
	return &c->slab[id / POLLCACHE_SLAB][id % POLLCACHE_SLAB];
}

/* The 64 bits of an event's user data:
 *   63          62 ........ 32   31 ........ 0
 *   type: 0 pd  fdseq (31 bits)  slot id             type 1 is the break descriptor, whatever the other bits say */
#define PD_TAG_BREAK   (UINT64_C(1) << 63)
#define PD_FDSEQ_MASK  0x7fffffffu

static inline uint64_t polldesc_tag(const struct polldesc *pd)
{
	return (uint64_t)(pd->fdseq & PD_FDSEQ_MASK) << 32 | pd->id;
}

/* The pollDesc an event means, or NULL when it was closed (and perhaps reused) since the event was
 * made. */
struct polldesc *pollcache_find(const struct pollcache *c, uint64_t tag);

#endif
