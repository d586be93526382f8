/* warm_set: what one worker keeps ready to one server: idle connections, and the dials that are to become some. Private
 * to warm.c and warm_set.c. Every function: owner worker. */
#ifndef PROXY_CONN_WARM_SET_H
#define PROXY_CONN_WARM_SET_H

#include "proxy/conn/warm.h"

#define WARM_PROVEN  NP_S /* what has stood so long was no failure */
#define WARM_BUCKETS 256

/* A message of control's; then the worker's, until the next has come. */
struct warm_plan {
	struct np_msg msg;
	struct shard *shard;
	struct snapshot *snap; /* held from its arrival on */
	unsigned most;         /* descriptors that may be kept ready */
	uint64_t round[];      /* of each target: the list of servers that its sets are of; 0: none */
};

/* Of a worker. */
struct warm {
	struct shard *shard;
	struct warm_plan *plan; /* owned; NULL: nothing is kept */
	struct np_timer look;
	struct list sets;       /* of struct warm_set, but for those that are dropped */
	struct list dials;      /* of struct warm_one: those in their coroutines */
	unsigned n, ndials;     /* of all sets: descriptors, and dials among them */
	bool held_up;           /* a dial was not begun, since too many were under way */
	uint32_t pass;          /* number of the last look at a list */
	struct list buckets[WARM_BUCKETS]; /* of the sets, by their servers */
};

struct warm_set {
	struct list link, bucket;
	struct warm *all;
	struct server *server;       /* kept (server_keep) */
	const struct target *target; /* of the plan's snapshot; NULL: dropped, and freed with its last dial */
	uint32_t weight;             /* as configured */
	uint32_t pass;               /* when its server was seen last in a list */
	struct list idle;            /* of struct warm_one, the newest at the back */
	unsigned nidle, ndials;
	int64_t pause;               /* ns: after the last failure; 0: none since one has stood for a while */
	int64_t until;               /* no dial before */
};

/* A connection, or its dial. Owned by its coroutine while it dials, by its set while it is idle. */
struct warm_one {
	struct list link;
	struct np_g task;            /* idle: it stands at the reader */
	struct warm_set *set;
	const struct target *target; /* of snap: how it is dialled; not read once it is idle */
	struct snapshot *snap;       /* held while it dials */
	struct stream stream;
	int64_t since;               /* idle */
	bool connects;               /* it is in the dial, so its descriptor is there */
	bool given_up;               /* nobody wants it any more */
};

/* How many it wants to have now. Who finds a server full must find it full: so none beside a limit. */
unsigned warm_set_wants(const struct warm_set *set);
/* Begin the dials that are lacking and due, and tell the numbers. */
void warm_set_fill(struct warm_set *set);
/* Close the oldest idle ones beyond n. */
void warm_set_close(struct warm_set *set, unsigned n);
/* Its dials end soon, and become nothing. */
void warm_set_give_up(const struct warm_set *set);
/* What is kept to a server that may not be picked is closed, and dials to it are given up; when it is back it has no
 * pause. Else what is lacking is made up. */
void warm_set_look(struct warm_set *set, int64_t now);
/* Nothing of it stays but dials that are about to end, the last of which frees it. */
void warm_set_drop(struct warm_set *set);
/* The newest idle one that still stands is the caller's: its stream becomes *out.   Returns  whether there was one. */
must_use bool warm_set_take(struct warm_set *set, struct stream *out);

#endif
