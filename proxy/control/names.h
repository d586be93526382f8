/* names: what DNS says of the servers in the configuration that are names, brought into the upstreams in force.
 *
 *   names_prepare  a configuration is loaded: new names are on trial; waits for first answers, dns.start at most
 *   names_adopt    it comes into force: its upstreams have their servers before a worker sees them
 *   names_settle   it is in force: answers count for it from now on
 *   names_refuse   or it does not: what was on trial is forgotten, and nobody asks for it any more
 *
 *   timer --> questions that are due --> resolver --message--> set of the name --changed--> names_apply.h: upstreams
 *                  ^
 *                  '-- a connect has failed: asked again as soon as a second has passed (upstream_doubt.h)
 *
 * A name belongs to the process and not to a generation: a reload that still has it asks nothing anew, and its servers
 * stay. What one question is answered over time is dns_set.h's; which servers come of it is names_list.h's. Until a
 * configuration is in force its block `dns` holds for its new names alone, so a refused one has changed nothing.
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
#include "proxy/control/names_settings.h"
#include "proxy/control/names_text.h"
#include "proxy/resolve/dns_name.h"
#include "proxy/resolve/resolver.h"
#include "proxy/upstream/upstream_doubt.h"

struct config_server;
struct process;
struct snapshot;

/* A host, whatever ports it has in the file, or a service. One for all upstreams that list it, so that no second has
 * two questions about one name. On the heap, from the load that brings it to the first publication without it. */
struct named {
	struct list link;
	struct names *names;
	struct dns_name dns;
	bool used;     /* by the configuration that is looked at; scratch */
	bool on_trial; /* of a load alone, which may still be refused */
	bool changed;  /* its servers, and they are not in force yet */
	bool failing;  /* the last answer was none; it was said once, as the next two */
	bool cut;      /* it has more servers than are taken */
	bool left_out; /* some of its addresses are no servers */
};

struct names {
	struct process *process;  /* const */
	struct names_lines kept;  /* of a former process (names_keep.h), until a generation is in force */
	struct list all;          /* of struct named */
	struct np_timer timer;    /* the next question, or the next attempt to put what has changed into force */
	struct upstream_doubt doubt;
	bool started;  /* doubt is ready */
	bool stopped;
	bool adopting; /* between names_adopt and names_settle: nothing is put into force meanwhile */
	bool waited;   /* names_prepare waits for answers */
	struct names_settings settings; /* in force */
	struct names_settings trial;    /* of the latest load */
};

void names_init(struct names *n, struct process *p);

/* names_prepare: ask for the names of s that are not known yet, and wait until each of them has had an answer of any
 * kind, or dns.start has passed, or the process is told to stop.
 *   Parks.   Calls  before listeners open; names_adopt or names_refuse follows. */
void names_prepare(struct process *p, const struct snapshot *s);

/* names_adopt: the upstreams of s get the servers that their names have now. Names that s does not have are forgotten.
 * Without memory an upstream stays as it was until the next answer.   Calls  before workers see s. */
void names_adopt(struct process *p, const struct snapshot *s);
/* names_settle: s is p's: what was answered meanwhile comes into force, and what overrides say of its servers. */
void names_settle(struct process *p);
/* names_refuse: the load of names_prepare does not come into force.   Calls  before its snapshot is freed. */
void names_refuse(struct process *p);

/* names_find: what is known of a server that is a name; NULL: nothing. */
struct named *names_find(const struct names *n, const struct config_server *s);

/* names_stop: nothing is asked any more, and no answer comes.   Calls  before resolver_stop. */
void names_stop(struct process *p);

/* names_look_up: a host for somebody else, by the block `dns` in force; as resolver_ask in all else. */
must_use struct resolver_lookup *names_look_up(struct names *n, const char *host,
					       void (*done)(struct resolver_lookup *l, void *arg), void *arg);

#endif
