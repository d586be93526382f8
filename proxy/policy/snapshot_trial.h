/* snapshot_trial: a generation that never serves: made of a configuration to see whether it can be made, and what it
 * would do. Nothing is bound, no file is written, and no other generation is touched: it has a registry of its own. */
#ifndef PROXY_POLICY_SNAPSHOT_TRIAL_H
#define PROXY_POLICY_SNAPSHOT_TRIAL_H

#include "proxy/policy/snapshot.h"

struct snapshot_trial {
	struct registry registry; /* of one worker */
	struct snapshot *snap;
};

/* snapshot_trial: make one.
 *   Returns  as snapshot_new; c is still the caller's then.
 *   Calls    a thread that may block on the disk, and that has the trial for itself.
 *   Owns     c, with success; *out, with success: snapshot_trial_end. *out may not move. */
must_use int snapshot_trial(struct config *c, struct snapshot_trial *out, struct text *why);
void snapshot_trial_end(struct snapshot_trial *t);

#endif
