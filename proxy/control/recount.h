/* recount: after a reload that counts sources otherwise (listeners[].per_source), the
 * connections that are there are
 * counted by the new prefixes, whatever the limits are.
 *
 *   another prefix length     each goes over to the source that it is now
 *   a limit that is new       each is counted for the first time
 *   another limit, or none    nothing: who is counted stays so until its end
 *
 * For as long as the walk lasts, a moment, a source may be known by both prefixes, each
 * with a part of its connections.
 * Who has not asked for a place yet is passed over: it asks by the rules it was accepted
 * with. Control thread. */
#ifndef PROXY_CONTROL_RECOUNT_H
#define PROXY_CONTROL_RECOUNT_H

struct process;

/* recount_sources: by the snapshot in force, which accepts already. Those whose prefix
 * has not changed cost a look.
 *   Parks. */
void recount_sources(struct process *p);

#endif
