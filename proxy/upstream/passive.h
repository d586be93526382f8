/* passive: whether a server is out for what became of its connections. A row of failures ejects it for a time, which
 * grows with each ejection; then exactly one connection is sent to it, the trial, whose end decides.
 *
 *   in  -- `failures` in a row --> out (out x 2^k, +- 10 %) -- time over, or a probe was good --> trial
 *    ^ \                            ^                                                          |   |
 *    |   '-- too few would be left: spare                          failed: k + 1 --------------'   |
 *    '------------------------------------------------ answered: the row is cleared ---------------'
 *
 * All state belongs to the server, so generations of its upstream share it, and is under the upstream's lock; the
 * result is a field of the server's word (server_state.h). While all is well nobody takes the lock for it: a success
 * looks at the row with a plain load.
 *
 * Passive never empties a tier. Where an ejection would leave fewer than half of the servers that the other inputs
 * allow, a server that takes no connection is `spare`, picked only where no other is left, and one that takes
 * connections and fails them stays in. A server that is alone is never judged.
 *
 * Who reports says when its connection began: what was begun before the server's state changed last changes nothing, so
 * five thousand connections that end together are one ejection.
 *
 * Source: the page of upstreams, section 4; the words are Envoy's (outlier detection) and HAProxy's (observe). */
#ifndef PROXY_UPSTREAM_PASSIVE_H
#define PROXY_UPSTREAM_PASSIVE_H

#include "proxy/upstream/server_state.h"

struct member;
struct server;
struct upstream;

/* What a connection can tell against a server. X(id, word, sentence): the sentence is about "it", the server; of a
 * connect: refused, reset, unreachable, timeout, TLS, the PROXY header. */
#define FAULT_TBL(X)                                                                            \
	X(CONNECT, "connect", "connects to it fail")                                            \
	X(SLOW_CONNECT, "slow_connect", "connects to it take longer than those to its neighbour") \
	X(EARLY_END, "early_end", "it ends connections before its first byte")                  \
	X(EARLY_RESET, "early_reset", "it resets connections before its first byte")            \
	X(SILENT, "silent", "it sends no byte in the time that an answer takes")

enum fault {
#define X(id, word, sentence) FAULT_##id,
	FAULT_TBL(X)
#undef X
	FAULTS
};
const char *fault_word(enum fault f);
const char *fault_sentence(enum fault f);

/* Keys health.passive of an upstream. */
struct passive_rules {
	bool on;
	bool early_end, probe;
	unsigned failures;            /* in a row */
	int64_t within, out, max_out; /* ns */
	int64_t answer;               /* ns; PASSIVE_LEARNT; 0: off */
};
#define PASSIVE_LEARNT INT64_MIN /* what server_learnt says, while it says something */

/* Of a server; all under its upstream's lock, but for row, which is atomic. */
struct passive {
	int64_t row_began;
	int64_t until;       /* out, spare: when a trial is due; trial: when it lapses */
	int64_t over;        /* when the ejection's time is over, whatever a probe says */
	int64_t changed;     /* when the state changed last, or a trial began */
	int64_t since;       /* of in: without a failure, so for each `out` of it k falls by one; else since it left */
	int64_t unreachable; /* when a dial said so last: EHOSTUNREACH, ENETUNREACH; 0: never */
	struct {
		int64_t began;     /* with a silence; 0: there was none. After 10 s half of it is forgotten */
		uint64_t answered; /* connections until then */
		unsigned n;        /* silences since then */
	} quiet;
	uint16_t row;        /* failures in a row; never 0 while it is not in */
	uint8_t state;       /* enum server_passive */
	uint8_t k;           /* ejections that are not yet lived down */
	uint8_t fault;       /* enum fault: the last one */
	bool connects_only;  /* the row, or the ejection, is of failed connects alone */
	bool passed_over;    /* a connection that could not be retried was spared the trial */
	bool by_probe;       /* the trial was let through by a probe */
	bool clock_alone;    /* ... and failed: no probe brings it back in this ejection */
	uint64_t ejections[FAULTS]; /* since it is known; atomic for readers, as the next */
	uint64_t capped;
};

enum report_kind {
	REPORT_FAILED,    /* with a fault */
	REPORT_CONNECTED, /* and ready for the client's bytes, TLS and header included */
	REPORT_ANSWERED,  /* the server's first byte */
	REPORT_NOTHING,   /* a trial that ended without a verdict */
};

/* Made on the stack of who sends it. */
struct report {
	enum report_kind kind;
	enum fault fault;
	bool unreachable; /* of a connect: this machine may have no way to anybody */
	bool trial;       /* of the connection that was picked as one */
	int64_t began;    /* the dial; of what happens after it, the connect */
	int64_t now;
};

/* What a report has changed, for the log and the events. from == to: nothing, but perhaps `capped`. */
struct passive_change {
	enum server_passive from, to;
	enum fault fault;
	bool capped;      /* it was not ejected, since too few would be left */
	int64_t out_for;  /* ns; of an ejection */
	int64_t was;      /* ns: how long it was not in */
	unsigned usable, of; /* of its upstream's servers, afterwards */
};

/* passive_report: what became of a connection to s. u is of any generation: its list says who the others of the tier
 * are, its rules how many failures are too many. Where u lists s no longer, nothing is changed.
 *   Returns  what the caller is to tell: the lock is given back by then.
 *   Calls    any thread that has a slot of s; takes the upstream's lock. */
struct passive_change passive_report(struct upstream *u, struct server *s, const struct report *r);

/* passive_now: a copy, for who shows it. Takes the lock. */
struct passive passive_now(const struct server *s);
const char *passive_word(enum server_passive state);

/* Does a success have anything to tell? Any thread. */
static inline bool passive_is_clean(const struct passive *p)
{
	return __atomic_load_n(&p->row, __ATOMIC_RELAXED) == 0;
}

/* passive_due: shall this connection be the trial of m's server? One that can be retried if it fails, or else the next
 * one. A spare one needs no trial while nobody else of its tier is in, since it is picked anyway. Under the lock. */
bool passive_due(const struct upstream *u, const struct member *m, int64_t now, bool may_retry);
/* passive_begin_trial: the caller has taken a slot of s for it. It lapses by itself at `lapses`. Under the lock. */
void passive_begin_trial(struct server *s, int64_t now, int64_t lapses);

/* passive_probed: a probe of s worked: the trial is due at once, unless one that a probe let through has failed.
 * Takes the lock. */
void passive_probed(struct server *s, int64_t now);
/* passive_checked: a check of s that began then was good. It ends an ejection for connects that did not work; one that
 * speaks ends any, for a port alone answers where the service behind it does not. A trial goes on: its client decides.
 *   Returns  what changed, without a count of who is usable.   Takes the lock. */
struct passive_change passive_checked(struct server *s, bool speaks, int64_t began, int64_t now);
/* passive_recall: what the process before this one knew of s: state, fault, row, k, until, over, since and the flags of
 * an ejection count. A trial is another process's: it is due.   Calls  before a worker can pick s; takes the lock. */
void passive_recall(struct server *s, const struct passive *was, int64_t now);
/* passive_forget: in, row and k cleared: an operator says so, or its upstream speaks another way to it.
 *   Returns  the state before.   Takes the lock. */
enum server_passive passive_forget(struct server *s, int64_t now);

#endif
