/* limits: all limits of the process, looked at each second while one of them acts (limit_watch.h). Control
 * thread.
 *
 *   limits_start -> ... -> limits_end
 */
#ifndef PROXY_CONTROL_LIMITS_H
#define PROXY_CONTROL_LIMITS_H

struct process;

/* limits_start: before any worker runs. */
void limits_start(struct process *p);

/* limits_end: what is under way ends now, with its line. No worker runs any more. A load that was left behind has the
 * servers still. */
void limits_end(struct process *p);
/* limits_fini: the same of the servers' that a load has had meanwhile. It has been reaped. */
void limits_fini(struct process *p);

#endif
