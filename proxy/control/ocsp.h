/* ocsp: fetches what is stapled to certificates, and fetches it anew in time. Runs on the control worker: renew_poll
 * asks now and then whether an answer is due, and a few coroutines ask for those that are.
 *
 *   an answer     again at half of its time; when it is older than that already, at half of what is left
 *   a failure     again after 1 s, 2 s, 4 s ... an hour; what is stapled stays, to its end and not longer
 *   "revoked"     what is stapled is taken away at once; again as after a failure
 *
 * Nothing waits for any of this: not the start, not a handshake, not a reload. */
#ifndef PROXY_CONTROL_OCSP_H
#define PROXY_CONTROL_OCSP_H

#include "netpoll/netpoll.h"
#include "proxy/proto/http.h"
#include "proxy/conn/shard.h"
#include "proxy/creds/tls_staple.h"

#define OCSP_PATIENCE   (10 * NP_S) /* for one attempt, from the name to the last byte */
#define OCSP_AT_ONCE    4           /* attempts; each holds one descriptor, while it looks up a name two */
#define OCSP_RETRY_MOST 3600        /* s */

/* Control worker. */
struct ocsp {
	const struct registry *registry; /* whose certificates; const */
	struct shard *shards;             /* who staples; const */
	unsigned nshards;
	struct stats *stats;              /* where attempts are counted */
	struct list asking;               /* of struct ocsp_ask: attempts under way */
	unsigned running;                 /* coroutines */
	bool stopping;
	struct np_event ended;            /* stopping, and none runs */
};

void ocsp_init(struct ocsp *o, const struct registry *registry, struct shard *shards, unsigned nshards,
	       struct stats *stats);
/* Starts what is due. Never waits. */
void ocsp_poll(struct ocsp *o);
/* Gives up what is under way; nothing is begun any more. Parks until the last attempt has ended, which is at once. */
void ocsp_stop(struct ocsp *o);
/* Seconds until another attempt, after so many failures. */
int64_t ocsp_retry_after(unsigned failures);
/* When an answer is asked for anew, seconds since 1970. */
int64_t ocsp_refresh_at(const struct tls_ocsp_verdict *v, int64_t now);

/* ---- ocsp_ask.c: one attempt ----------------------------------------------------------------- */

/* On the stack of whoever asks, while it asks. */
struct ocsp_ask {
	struct list link;                 /* in ocsp.asking */
	const struct tls_ocsp *question;  /* const */
	struct np_fd fd;                  /* what it waits for */
	bool waits;                       /* ... now: fd can be given a deadline */
	bool canceled;
	char why[160];                    /* what went wrong, for the log */
};

struct ocsp_reply {
	struct tls_answer *answer; /* owned by whoever asked */
	struct tls_ocsp_verdict verdict;
};

/* ocsp_ask: ask the responder.
 *   Returns  0 and *out; -NP_EACCES: the certificate is revoked; or another error. ask->why says it.
 *   Parks    OCSP_PATIENCE at most, and less if it is canceled. */
must_use int ocsp_ask(struct ocsp_ask *ask, struct ocsp_reply *out);
/* From another coroutine: it ends soon. */
void ocsp_ask_cancel(struct ocsp_ask *ask);

#endif
