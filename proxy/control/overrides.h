/* overrides: what operators say of servers at run time. One list, which is the truth; the word of each server
 * (proxy/upstream/server_state.h) is its copy. An override belongs to an upstream's name and an address, so it is kept
 * over reloads, also for a server that leaves and comes back. Each of its settings may have an end of its own.
 *
 *   overrides_change -> the list -> the servers of the snapshot in force -> the next pick of every worker
 *   a publication, an end that has come  --'
 *
 * Control thread. Of servers it knows those of the snapshot in force: a load may use the registry meanwhile. */
#ifndef PROXY_CONTROL_OVERRIDES_H
#define PROXY_CONTROL_OVERRIDES_H

#include "netpoll/netpoll.h"
#include "proxy/upstream/server.h"

struct override_row;
struct process;
struct snapshot;

#define OVERRIDES_MOST   1000
#define OVERRIDE_UPSTREAM 64
#define OVERRIDE_LONGEST (366 * 24 * 3600 * NP_S) /* of `for` */

struct override {
	struct list link;
	char *upstream, *address;          /* owned; the address as np_addr_format has it */
	uint64_t hash;                     /* of the address */
	struct server_inputs said;         /* the admin fields alone */
	int64_t ends[SERVER_SETS];         /* wall clock, ns: when that setting is undone by itself; 0: it is not */
	int64_t by[SERVER_SETS];           /* the same by the monotonic clock, which decides while we run */
};

struct overrides {
	struct list all; /* of struct override */
	unsigned n;
	struct np_timer timer; /* the next end */
};

enum change_result { CHANGE_DONE, CHANGE_NO_UPSTREAM, CHANGE_NO_SERVER, CHANGE_TOO_MANY, CHANGE_NO_MEMORY,
		     CHANGE_TOO_MANY_CLOSES };

/* What is said of one server. What it does not set stays as it is. */
struct server_change {
	/* the address, or as the configuration writes it; a name of the file: each address that it has now */
	char upstream[OVERRIDE_UPSTREAM], server[NP_ADDR_TEXT];
	bool sets[SERVER_SETS];
	struct server_inputs said;
	int64_t lasts; /* ns; 0: until it is undone */
	bool forgets_passive; /* it is in at once, whatever its connections told */
	bool forgets_check;   /* nothing is known of it, and it is checked at once */
	int64_t close_over; /* ns: its live connections end within this time; 0: by themselves */
	char who[128];      /* says so, for the log; "": not known */
	/* out: */
	enum change_result result;
	char nearest[NP_ADDR_TEXT]; /* NO_UPSTREAM, NO_SERVER: which one was perhaps meant; "": none */
	char name[OVERRIDE_UPSTREAM + NP_ADDR_TEXT]; /* DONE: "upstream/address", or the name */
	unsigned servers;           /* DONE: how many it was said of */
	uint64_t word, was;         /* DONE: the server's; and before */
	uint32_t weight;            /* DONE: configured */
	int64_t ends[SERVER_SETS];  /* DONE: wall clock */
	bool persisted;             /* DONE: it is on the disk */
	/* control thread, while the answer waits for that (state.h): */
	uint64_t number;
	int64_t by;
};

void overrides_init(struct overrides *o);
/* No end is waited for any more.   Calls  the control worker, at its end. */
void overrides_stop(struct overrides *o);
void overrides_fini(struct overrides *o);

/* overrides_change: obey c, or say in it why not. It counts from the next pick on. Of a server that has left, what is
 * said of it can be changed and undone, by its address. */
void overrides_change(struct process *p, struct server_change *c);

/* Is the server "upstream/address" held out by an operator: drain or maint? */
bool overrides_hold_out(const struct overrides *o, const char *name);

/* overrides_restore: what a former process was told, before s is published. Those of servers that s does not have, and
 * settings whose time has passed, are dropped, with a line each; but not where names bring servers: they may come late.
 *   Returns  whether something was dropped. */
bool overrides_restore(struct process *p, const struct snapshot *s, const struct override_row *rows, unsigned n);

/* overrides_apply: each server of s gets what the list says of it, and none else.   Calls  before workers see s, and
 * again once it is p's. */
void overrides_apply(struct process *p, const struct snapshot *s);
/* overrides_apply_to: the same for one server, which may be in no list yet. */
void overrides_apply_to(const struct overrides *o, struct server *s);

#endif
