/* server_checked: what checks of a server have found so far, for who shows it. The health thread writes it, any thread
 * that holds the server reads it. */
#ifndef PROXY_UPSTREAM_SERVER_CHECKED_H
#define PROXY_UPSTREAM_SERVER_CHECKED_H

#include "netpoll/base.h"

/* What one check found. X(id, word, sentence): the word is a metric's label; the sentence stands behind "check:" */
#define CHECK_RESULT_TBL(X)                                                          \
	X(OK, "ok", "the check is good")                                             \
	X(REFUSED, "refused", "the connect is refused")                              \
	X(RESET, "reset", "the server resets")                                       \
	X(UNREACHABLE, "unreachable", "there is no way to the server")               \
	X(TIMEOUT, "timeout", "no answer in time")                                   \
	X(ENDED, "ended", "the server ends too early")                               \
	X(REJECTED, "rejected", "the answer is not the wanted one")                  \
	X(TOO_LONG, "too_long", "the answer is not found in its first 8 KiB")        \
	X(TLS, "tls", "the TLS handshake fails")                                     \
	X(FAILED, "failed", "the connect fails")                                     \
	X(LOCAL, "local", "this machine cannot make the check")                      \
	X(LATE, "late", "this machine was late with the check")

enum check_result {
#define X(id, word, sentence) CHECK_##id,
	CHECK_RESULT_TBL(X)
#undef X
	CHECK_RESULTS
};

/* What became of a probe of a server that is left out. X(id, word) */
#define PROBE_RESULT_TBL(X)                                                             \
	X(GOOD, "good")         /* its trial is due */                                  \
	X(FAILED, "failed")     /* not well yet */                                      \
	X(LEFT_OUT, "left_out") /* not made: for want of a place, a descriptor, memory */

enum probe_result {
#define X(id, word) PROBE_##id,
	PROBE_RESULT_TBL(X)
#undef X
	PROBE_RESULTS
};

/* All atomic. */
struct server_checked {
	uint64_t results[CHECK_RESULTS]; /* so many of each */
	uint64_t probes[PROBE_RESULTS];  /* the same of probes */
	uint64_t last;   /* the last result that was one: server_checked_last; 0: none yet */
	int64_t since;   /* monotonic ns: the verdict of the server's word is of then; 0: there is none */
	int64_t due;     /* the same: when the next check begins; 0: there is none */
	uint32_t row;    /* results in a row against that verdict, and above them (16 bits) how many change it */
};

struct server_check_last {
	enum check_result result;
	int err;    /* -NP_Exxx; 0: no call failed */
	int64_t at; /* monotonic ns, to the millisecond; 0: none yet */
	const char *detail; /* more about it, for a line of the log; NULL: none. It is not kept */
};

/* server_checked_note: one more.   Calls  the health thread. */
void server_checked_note(struct server_checked *c, const struct server_check_last *r);
struct server_check_last server_checked_last(const struct server_checked *c);

/* So many results in a row are against the verdict, of so many that change it. */
struct server_check_row {
	unsigned against, needed;
};

/* server_checked_next: the row as it is now, and when the next check begins.   Calls  the health thread. */
void server_checked_next(struct server_checked *c, struct server_check_row row, int64_t due);
struct server_check_row server_checked_row(const struct server_checked *c); /* any thread that holds the server */

/* server_probed_note: one more.   Calls  the health thread. */
void server_probed_note(struct server_checked *c, enum probe_result r);

const char *probe_result_word(enum probe_result r);
const char *check_result_word(enum check_result r);
const char *check_result_sentence(enum check_result r);

/* Does it prove something against the server? What this machine could not do proves nothing. */
static inline bool check_result_is_bad(enum check_result r)
{
	return r != CHECK_OK && r != CHECK_LOCAL && r != CHECK_LATE;
}

#endif
