/* explain: what would become of a connection, told without one: by the functions that decide it on a worker
 * (tls_ctx_foresee.h, route.h, upstream_view), on a snapshot that nothing changes meanwhile. */
#ifndef PROXY_CONTROL_EXPLAIN_H
#define PROXY_CONTROL_EXPLAIN_H

#include "netpoll/netpoll.h"
#include "proxy/base/limit.h"
#include "proxy/proto/hello.h"

struct snapshot;

/* As they were typed; NULL: not said. */
struct explain_words {
	const char *listener, *src, *sni, *alpn, *tls;
};

struct explain_question {
	char listener[64];     /* "": the only one */
	struct np_addr src;    /* len 0: not said, so that no rule with a source holds */
	char sni[HELLO_NAME_MAX + 1]; /* in lower case, as a hello's is kept */
	size_t nsni;
	uint8_t alpn[HELLO_ALPN_MAX]; /* each protocol behind its length */
	size_t nalpn;
	bool plain;            /* tls: none */
	uint16_t version;      /* 0x0304 and older; 0: not said */
};

/* explain_read: out of words.   Returns  NULL, or a sentence that says which word is wrong. */
must_use const char *explain_read(struct explain_question *q, const struct explain_words *w);

/* explain_answer: JSON, the members of an object without its braces. connections: the process's limit.
 *   Returns  0 and *out; -NP_ENOENT: there is no such listener, or none was named of several, and *out is a sentence
 *            that says so; -NP_ENOMEM.
 *   Calls    the thread that owns the snapshot.   Owns  *out, on the heap. */
must_use int explain_answer(const struct snapshot *s, const struct limit *connections,
			    const struct explain_question *q, char **out);

#endif
