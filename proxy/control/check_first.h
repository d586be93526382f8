/* check_first: what holds until the first check of a server has ended (E29). Control worker. */
#ifndef PROXY_CONTROL_CHECK_FIRST_H
#define PROXY_CONTROL_CHECK_FIRST_H

struct config_upstream;
struct process;
struct server;
struct snapshot;

/* check_first_await: servers of snap that are checked, and of which nothing is known yet, are spare from now on.
 *   Calls  before workers see snap. */
void check_first_await(const struct process *p, const struct snapshot *snap);

/* check_first_await_one: the same for s, a server of u.   Calls  before it is listed. */
void check_first_await_one(const struct process *p, const struct config_upstream *u, struct server *s);

/* check_first_run: check every server of snap once, where it is to be checked. For a snapshot that no worker has yet.
 *   Parks  until each first check has ended, or its time is over, or there is an order to stop. */
void check_first_run(struct process *p, const struct snapshot *snap);

#endif
