/* ocsp_ask: one attempt to get an OCSP response: name -> address -> connection -> GET or POST ->
 * reply -> verdict. Private to ocsp.c. */
#ifndef PROXY_CONTROL_OCSP_ASK_H
#define PROXY_CONTROL_OCSP_ASK_H

#include "netpoll/netpoll.h"
#include "proxy/creds/tls_ocsp.h"

#define OCSP_PATIENCE (10 * NP_S) /* for one attempt, from the name to the last byte */

struct tls_answer;
struct names;

/* One attempt, on the stack of the coroutine that asks. */
struct ocsp_ask {
	struct list link;                /* ocsp.asking */
	const struct tls_ocsp *question; /* const */
	struct names *names;             /* const: who looks the responder's name up */
	struct np_event *looked_up;      /* set to end the look-up of the name; NULL: none is under way */
	struct np_fd fd;                 /* what the attempt waits for */
	bool waits;                      /* now: fd can be given a deadline */
	bool canceled;
	bool by_get;                     /* the last request was a GET */
	bool by_post;                    /* GET has failed: use POST */
	char why[160];                   /* what went wrong, for the log */
};

struct ocsp_reply {
	struct tls_answer *answer;       /* owned by the caller of ocsp_ask */
	struct tls_ocsp_verdict verdict;
};

/* ocsp_ask: ask the responder.
 *   Returns  0 and *out; -NP_EACCES: the certificate is revoked; or another error. ask->why says
 *            it.
 *   Parks    OCSP_PATIENCE at most, and less if it is canceled.
 *   Calls    control worker. */
must_use int ocsp_ask(struct ocsp_ask *ask, struct ocsp_reply *out);

/* ocsp_ask_cancel: the attempt of another coroutine ends soon, with an error. */
void ocsp_ask_cancel(struct ocsp_ask *ask);

#endif
