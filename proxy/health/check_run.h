/* check_run: one check of one server, from its begin to its result.
 *
 *   tcp    connect, and a reset instead of the handshake's last packet: the server's accept never returns
 *   send   PROXY header, TLS, what is to be said --> the answer, until it is decided --> an end in good order
 *   http   the same with a request and a status
 *   tls    PROXY header and TLS alone
 *   agent  what is to be said --> a line (agent.h)
 *
 * What fails is closed by a reset, since nobody waits for anything there. A check takes no slot of its server: it works
 * while all of them are taken, and is one connection more than max_connections says. */
#ifndef PROXY_HEALTH_CHECK_RUN_H
#define PROXY_HEALTH_CHECK_RUN_H

#include "netpoll/netpoll.h"
#include "proxy/health/check_io.h"
#include "proxy/health/pulse.h"
#include "proxy/policy/check_plan.h"
#include "proxy/policy/inventory.h"
#include "proxy/upstream/server_checked.h"

struct check;
struct checks;

/* On the heap, from check_run_start to checks_ended. It holds the inventory of its begin, and with it server and plan:
 * a reload meanwhile takes nothing away. */
struct check_run {
	struct list link;       /* checks.running */
	struct checks *all;
	struct check *check;
	struct inventory *inv;  /* held */
	const struct inventory_upstream *upstream;
	const struct check_plan *plan; /* of that: its check, or its agent */
	struct server *server;
	struct pulse_user pulse;
	struct check_io io;
	uint8_t *answer;        /* owned: what the server has said; NULL: it is not asked */
	char detail[64];        /* about a bad result, for people; "": there is no more to say */
	int64_t began, deadline;
	size_t line;            /* agent: so much of the answer is its line */
	struct server_check_last result;
};

/* check_run_start: a coroutine that ends with checks_ended.
 *   Returns  0; -NP_ENOMEM: there is none, and nothing was done.   Calls  the health thread, which holds inv. */
must_use int check_run_start(struct checks *all, struct check *c, struct inventory *inv, int64_t now);

/* What an error of a connect, a read or a write says. */
enum check_result check_result_of(int err);

#endif
