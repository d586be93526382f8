/* names: what DNS says of the servers in the configuration that are names, brought into the upstreams in force.
 *
 *   names_prepare  a configuration is loaded: new names are asked for; waits for first answers, dns.start at most
 *   names_adopt    it comes into force: its upstreams have their servers before a worker sees them
 *   names_settle   it is in force: answers count for it from now on
 *
 *   timer --> questions that are due --> resolver --message--> set of the name --changed--> upstream_replace,
 *                  ^                                                                 overrides, a publication
 *                  '-- a connect has failed: asked again as soon as a second has passed (upstream_doubt.h)
 *
 * A name belongs to the process and not to a generation: a reload that still has it asks nothing anew, and its servers
 * stay. What one question is answered over time is dns_set.h's; which servers come of it is names_list.h's.
 *
 * What is true at each moment:
 *
 *   a name without an answer      has no servers; clients of an upstream that never had one are told dns_failed
 *   the set of a name is another  its upstreams have it with the next pick: one turn of this thread's loop later
 *   a server that is gone         is in no list; what it has of connections runs on, its numbers with it, and its word
 *                                 says that it leaves, for generations that still list it
 *   a reload under way            questions and answers go on; what they change waits for its end, 20 ms at a time
 *
 * Rejected: a set for each generation (a reload would ask for all names at once); looking up at each connect, as a
 * worker would have to wait for it.
 *
 * Control thread. A load may use the registry of servers meanwhile: then an answer waits for its end. */
#ifndef PROXY_CONTROL_NAMES_H
#define PROXY_CONTROL_NAMES_H

#include "netpoll/netpoll.h"
#include "proxy/resolve/dns_name.h"
#include "proxy/upstream/upstream_doubt.h"

struct config;
struct config_server;
struct process;
struct snapshot;

/* A host, whatever ports it has in the file, or a service. One for all upstreams that list it, so that no second has
 * two questions about one name. On the heap, from the load that brings it to the first publication without it. */
struct named {
	struct list link;
	struct names *names;
	struct dns_name dns;
	bool used;     /* by the configuration that is looked at */
	bool changed;  /* its servers, and they are not in force yet */
	bool failing;  /* the last answer was none; it was said once, as the next two */
	bool cut;      /* it has more servers than are taken */
	bool left_out; /* some of its addresses are no servers */
};

struct names {
	struct process *process;  /* const */
	struct list all;          /* of struct named */
	struct np_timer timer;    /* the next question, or the next attempt to put what has changed into force */
	struct upstream_doubt doubt;
	bool started;  /* doubt is ready */
	bool stopped;
	bool adopting; /* between names_adopt and names_settle: nothing is put into force meanwhile */
	bool waited;   /* names_prepare waits for answers */
	/* of the latest configuration: */
	struct dns_rules rules;
	enum dns_family family;
	int64_t timeout;
	unsigned tries;
	char servers[DNS_SERVERS];
};

void names_init(struct names *n, struct process *p);

/* names_prepare: ask for the names of s that are not known yet, and wait until each has had an answer of any kind, or
 * dns.start has passed, or the process is told to stop.   Parks.   Calls  before listeners open. */
void names_prepare(struct process *p, const struct snapshot *s);

/* names_adopt: the upstreams of s get the servers that their names have now. Names that s does not have are forgotten.
 * Without memory an upstream stays as it was until the next answer.   Calls  before workers see s. */
void names_adopt(struct process *p, const struct snapshot *s);
/* names_settle: s is p's: what was answered meanwhile comes into force, and what overrides say of its servers. */
void names_settle(struct process *p);

/* names_find: what is known of a server that is a name; NULL: nothing. */
struct named *names_find(const struct names *n, const struct config_server *s);

/* names_stop: nothing is asked any more, and no answer comes.   Calls  before resolver_stop. */
void names_stop(struct process *p);

/* names_question: as `dns` of c says, for a look-up by somebody else. The name is the caller's to write. */
void names_question(const struct config *c, struct dns_question *q);

#endif
