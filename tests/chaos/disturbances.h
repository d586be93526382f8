/* disturbances: what is done to the process while streams run: a reload every half second, most with another
 * configuration, some with a mistake; logs rotated; servers paused and killed; certificates
 * swapped; the disk of the log filled and its reader put to sleep; descriptors taken away. All of it
 * rolled from the seed, one thing after another in the thread of the streams, and
 * written into the ledger as it begins and ends. */
#ifndef TESTS_CHAOS_DISTURBANCES_H
#define TESTS_CHAOS_DISTURBANCES_H

#include <sys/resource.h>

#include "tests/chaos/ledger.h"
#include "tests/chaos/logs.h"
#include "tests/chaos/servers.h"

struct disturbances {
	struct ledger      *ledger;
	struct setup       *setup;
	struct servers     *servers;
	struct kit_staunch *staunch;
	struct process_log  log;
	uint64_t            seed, reloads, others; /* rolled so far */
	struct shape        in_force, asked, rolled; /* rolled: the last one without a mistake */
	bool                asking;      /* a reload has no answer yet */
	bool                excused;     /* descriptors or the log's disk may make this one fail */
	int64_t             asked_at, next_reload, next_other;
	int64_t             until[DISTURBANCES]; /* ms; 0: not under way */
	int                 victim[DISTURBANCES]; /* the server */
	int                 pair;        /* of certificates */
	unsigned            rotations;
	int                 reader;      /* of the log that is a pipe */
	int                 piped;       /* the file that takes what was read */
	bool                unlinked;    /* the socket file of a listener was deleted, and not made since */
	struct rlimit       limit;       /* of descriptors, as it was */
	unsigned            spare;       /* descriptors that a lowered limit leaves */
	int64_t             raised_at;   /* when the limit was as it was again */
	bool                few_places;  /* no reload has seen that yet */
	int64_t             slowest;     /* ms from asking to the answer of a reload */
	uint64_t            taken, refused_by_right;
	uint64_t            wrong;       /* reloads with another answer or outcome than they deserve */
	char                wrong_text[200];
};

void disturbances_init(struct disturbances *d, uint64_t seed);
void disturbances_turn(struct disturbances *d, int64_t now);
/* Ends all that is under way. */
void disturbances_end(struct disturbances *d, int64_t now);
/* Asks for the first configuration again. */
void disturbances_restore(struct disturbances *d, int64_t now);
/* What the pipe holds goes into its file, unless its reader is asleep; and the process log is read. */
void disturbances_listen(struct disturbances *d, int64_t now);

#endif
