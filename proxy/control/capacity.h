/* capacity: how many connections, pipes and workers this machine allows. Pure questions to the
 * kernel: nothing here knows the process. Control thread. */
#ifndef PROXY_CONTROL_CAPACITY_H
#define PROXY_CONTROL_CAPACITY_H

#include "netpoll/base.h"

struct config;

/* capacity_raise_descriptors: raise the soft descriptor limit to the hard one, at most to a
 * million. */
void capacity_raise_descriptors(void);

/* capacity_descriptors: the descriptor limit now. prlimit(1) may change it while we run. */
int64_t capacity_descriptors(void);

/* capacity_for_conns: so many of them may go to connections; the others are for what accepts, logs and asks. */
int64_t capacity_for_conns(void);

/* capacity_descriptors_used: how many are open; 0: this kernel does not say it cheaply. */
uint32_t capacity_descriptors_used(void);

/* capacity_pipes: pipes that each worker may keep for splicing; 0 where descriptors are scarce. */
unsigned capacity_pipes(unsigned workers);

/* capacity_binds: sockets that the listeners of c need, per worker. */
unsigned capacity_binds(const struct config *c);

/* capacity_admin_clients: connections that the control plane holds at most. */
unsigned capacity_admin_clients(void);

/* capacity_admin: descriptors that the control plane of c needs, its clients included; 0: there is none. */
unsigned capacity_admin(const struct config *c);

/* capacity_probes: servers that are probed at the same time. */
unsigned capacity_probes(void);

/* capacity_checks: servers that are checked at the same time, whatever the configuration says. */
unsigned capacity_checks(void);

/* capacity_lookups: descriptors of look-ups of names, whatever the configuration says. */
unsigned capacity_lookups(void);

/* capacity_lookups_at_once: so many look-ups have enough of them, also where all but the last name server are dead. */
unsigned capacity_lookups_at_once(void);

/* capacity_warm: descriptors of connections that the workers of c keep ready (proxy/conn/warm.h), all together; 0: none
 * are. An eighth of all at most: what is beyond it is left out. */
unsigned capacity_warm(unsigned workers, const struct config *c);

/* capacity_aside: descriptors that c sets aside: those of its control plane, and of checks, look-ups, OCSP, hedges and
 * connections kept ready where it has some. Where they are not enough after all, what is made ahead is left out first,
 * then hedges, then probes, then checks (proxy/base/spare.h). */
unsigned capacity_aside(unsigned workers, const struct config *c);

/* capacity_connections: connections that the descriptor limit allows, beside `binds` sockets and
 * `pipes` pipes per worker, `aside` descriptors, and those of probes.   Returns  at least 1. */
int64_t capacity_connections(unsigned workers, unsigned binds, unsigned pipes, unsigned aside);

/* capacity_max: connections that the process may hold with c: its limits.max_connections, or for
 * `auto` what the descriptor limit allows now. */
uint32_t capacity_max(unsigned workers, const struct config *c, unsigned pipes);

/* capacity_log: one line with the figures, and a warning where the limit is too low to be useful.
 */
void capacity_log(unsigned workers, int64_t connections);

/* capacity_workers: the number of c, or for `auto` one per processor of the affinity mask, or fewer
 * where a control group allows less time. Logs what bounds it.   Calls  before there is a second
 * thread. */
unsigned capacity_workers(const struct config *c);

/* capacity_cpus: processors of this thread's affinity mask; at least 1. */
unsigned capacity_cpus(void);

/* capacity_cpu: the number of the i-th processor of the mask; -1 if it has no so many. */
int capacity_cpu(unsigned i);

#endif
