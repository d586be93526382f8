/* ocsp_responder: certificates that name a responder, the test itself as that responder, and a client that asks for
 * what is stapled. For the test's own thread. */
#ifndef TESTS_FLOW_KIT_OCSP_RESPONDER_H
#define TESTS_FLOW_KIT_OCSP_RESPONDER_H

#include "tests/flow/kit/tls_peer.h"

#define RESPONSE_TYPE "Content-Type: application/ocsp-response\r\n"

/* The authority, once a program: a root, and the issuer below it. */
extern struct authority {
	struct kit_cert *root, *sub;
} authority;

/* A certificate in files, as the config names it, and what it is about. */
struct asked {
	struct kit_cert *x;
	const char *name; /* of the files, without their ends */
};

struct asked asked_make(const char *name, const char *url);

const char *asked_keys(const struct asked *a, size_t n);

struct edge asked_edge(const struct asked *a, size_t n);

/* ---- the client ------------------------------------------------------------------------------ */

/* What is stapled for this name now: the answer's length, or -1. The connection is served either way. */
long staple_get(const struct edge *e, const char *name, uint8_t *out, size_t cap);

/* Within KIT_MS this is what is stapled; NULL: nothing. */
void staple_wait(const struct edge *e, const char *name, const uint8_t *der, size_t n);

/* ---- the responder --------------------------------------------------------------------------- */

/* Who asks next: the whole request is read, its path without the slash returned. */
int responder_take(int listener, char path[64]);

/* The request that was taken last was a GET. */
extern bool responder_by_get;

void responder_reply(int fd, const char *head, const void *body, size_t n);

/* Answers the next request with this, as a careful responder would. */
void responder_answer(int listener, const void *der, size_t n);

#endif
