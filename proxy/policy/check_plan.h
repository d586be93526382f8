/* check_plan: how the servers of an upstream are checked: the keys of upstreams[].health that are a check, frozen for
 * the thread that checks. An inventory has one for each upstream with a check, and the thread compares the numbers of
 * two plans to see whether what it knows of a server was asked in the same way. How often it asks may change meanwhile
 * without a question. */
#ifndef PROXY_POLICY_CHECK_PLAN_H
#define PROXY_POLICY_CHECK_PLAN_H

#include "config/escape.h"
#include "proxy/proto/check_answer.h"

struct config_upstream;

/* In the order of their rows in the configuration; all but the first speak to the server, which proves more. */
enum check_kind {
	CHECK_KIND_TCP,  /* the port takes connections */
	CHECK_KIND_SEND, /* what is sent is answered as it should be */
	CHECK_KIND_HTTP, /* a request has a good status */
	CHECK_KIND_TLS,  /* a handshake works */
	CHECK_KIND_AGENT, /* no check of the server: what a program beside it says of it (agent_answer.h) */
};

/* When, and how many of a kind decide. */
struct check_rules {
	int64_t interval, timeout; /* ns */
	unsigned rise, fall;       /* in a row */
};

/* On the heap. Texts are the config's, which the inventory holds. */
struct check_plan {
	enum check_kind kind;
	struct check_rules rules;
	int port;            /* 0: that of each server */
	uint8_t header;      /* version of the PROXY header in front of all bytes; 0: none */
	bool tls;            /* it speaks TLS, by the inventory's check_tls */
	struct check_bytes send;        /* send: what is said first; p NULL: nothing */
	struct check_wanted wanted;     /* send */
	const char *path, *host;        /* http; host NULL: that of the server */
	struct check_wanted_http http;
	uint64_t same;       /* of all that decides what a verdict is worth: two plans of one number are one check */
	uint8_t room[3][ESCAPE_BYTES];  /* of the bytes above */
};

/* check_plan_new: of a checked configuration.
 *   Returns  0 and *out, NULL where there is no check; -NP_ENOMEM.   Calls  control thread. */
must_use int check_plan_new(const struct config_upstream *c, struct check_plan **out);
/* check_plan_agent: the same of its agent, which has a port of its own, no PROXY header and no TLS. */
must_use int check_plan_agent(const struct config_upstream *c, struct check_plan **out);
/* Takes NULL, returns NULL. */
struct check_plan *check_plan_free(struct check_plan *p);

#endif
