/* state: what operators said of servers, and DNS of names, kept over restarts. A thread of its own writes the file, one
 * write at a time; what changes meanwhile is in the next one, and an answer that promises to keep a change waits for
 * its write. What DNS said is written with it, or by itself a minute after the last write; nobody waits for that.
 *
 *   state_load: locked, read -> names_recall -> state_start: overrides_restore -> the first publication
 *   state_changed -> write under way? --no--> a thread: tmp, fsync, rename, fsync -> state_written -> the answers
 *                                     '-yes-> after it
 *
 * Control thread. */
#ifndef PROXY_CONTROL_STATE_H
#define PROXY_CONTROL_STATE_H

#include "netpoll/netpoll.h"
#include "proxy/control/file_work.h"
#include "proxy/control/state_file.h"

struct config;
struct order;
struct process;
struct snapshot;
struct state_load;
struct state_write;

struct state {
	bool on;                       /* there is a file, and it is ours */
	char *path;                    /* owned; NULL: none */
	int lock;                      /* its descriptor, while on */
	int given;                     /* the same, of the process before, until state_load takes it; -1: none */
	char given_path[STATE_PATH_ROOM]; /* of that process */
	struct file_work loading;      /* at the start */
	struct state_load *load;       /* owned: what was read, from state_load to state_start; NULL: nothing */
	int load_err;                  /* why it could not be; 0 */
	uint64_t changed, written;     /* the number of the newest change; of the newest one on the disk */
	struct state_write *write;     /* under way; NULL: none */
	int64_t names_written;         /* when the newest write began; 0: there was none */
	int64_t names_due;             /* when names are written by themselves; 0: all that is known is in that write */
	struct list waiting;           /* of struct order, the oldest first: answered once they are written */
	struct np_timer timer;         /* the next that has waited too long, or the next attempt */
	struct np_event *idle;         /* the end: set when no write is under way; NULL: nobody waits for it */
	struct np_timer ending;        /* the end: how long it waits */
	int64_t again;                 /* the next attempt after a failed one; 0: the last one did it */
	uint32_t failing;              /* atomic: the last write failed */
	bool told;                     /* the process before has said it all: the file's servers count no more */
	bool left;                     /* a thread still writes, and the process ends without it */
};

void state_init(struct state *s);
void state_fini(struct state *s);

/* state_load: take the file and read what is kept, of names for names_prepare. Nothing is said yet: a start that fails
 * has other worries.   Parks  for 5 s at most.   Calls  at the start, before c is loaded. */
void state_load(struct process *p, const struct config *c);
/* state_start: what is kept of servers holds for those of snap, before it is published. Whatever is wrong with the file
 * is logged, and the start goes on; only here is one that is damaged moved aside.
 *   Parks  for 5 s at most, where it is damaged.   Calls  once nothing else can make the start fail. */
void state_start(struct process *p, const struct snapshot *snap);

/* state_names: names have been answered; changed: a set is another one. It is written, a while later. */
void state_names(struct process *p, bool changed);

/* state_changed: the list of overrides is another one, and is to be written. */
void state_changed(struct process *p);

/* state_answer: answer o, a server's order that changed something, once that is on the disk or cannot be.
 *   Owns  o. */
void state_answer(struct process *p, struct order *o);

/* state_end: what is still to be written is, within 1 s; every order is answered.   Parks. */
void state_end(struct process *p);

/* state_give: another process writes the file from now on.   Calls  when nothing is to be written any more. */
void state_give(struct process *p);

/* state_is_busy: a thread was left behind, in a read or a write, and still runs. */
bool state_is_busy(const struct state *s);

#endif
