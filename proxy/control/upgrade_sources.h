/* upgrade_sources: the part of the state that tells of sources (upgrade_state.h), while both processes live.
 *
 *   old   STATE: each source with its connections, those that wait among them, and when its bucket is full
 *   new   counts them as the process before's (source_told): a limit is asked of the sum
 *   old   a connection moves, and is forgotten          new   it is one of its own now, and one less of old's
 *   old   COUNTERS: sources whose connections are fewer new   believes it
 *   old   ends, whichever way                           new   has no others (upgrade_sources_alone)
 *
 * What old tells late only makes new refuse what it might have let in; never the other
 * way round. Control thread. Private
 * to upgrade*.c. */
#ifndef PROXY_CONTROL_UPGRADE_SOURCES_H
#define PROXY_CONTROL_UPGRADE_SOURCES_H

struct process;
struct upgrade_sources;

/* upgrade_sources_free: old: what was told. Takes NULL, returns NULL. */
struct upgrade_sources *upgrade_sources_free(struct upgrade_sources *all);
/* upgrade_sources_alone: new: the process before has ended, and with it its connections. */
void upgrade_sources_alone(struct process *p);

#endif
