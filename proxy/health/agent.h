/* agent: what is particular in contacts with a program beside a server that says how much it can take (E28). They are
 * checks by their timers, places and runs (checks.h, check_run.h), but the outcome is no verdict on the server: an
 * agent that cannot be reached says nothing, and one that says `up` takes back its own `down` alone.
 *
 *   a line --> agent_answer_read --> check.said --> the agent's fields of the server's word
 *   three contacts in a row without one, or no agent in the configuration --> all of it is forgotten
 *
 * What a dead agent said last is not held to: a server would stay drained until somebody looks.
 * Every function is for the health thread. */
#ifndef PROXY_HEALTH_AGENT_H
#define PROXY_HEALTH_AGENT_H

#include "proxy/health/check_run.h"
#include "proxy/health/checks.h"

/* agent_judge: what the n first bytes of the answer of r are worth. r->line, and r->detail of a bad one, are set. */
must_use enum check_answer agent_judge(struct check_run *r, size_t n);

/* agent_outcome: a contact has ended, and that has changed whether the agent is heard. */
void agent_outcome(struct check *c, const struct check_run *r, const struct check_change *change);

/* agent_none: c is no agent of the configuration any more. Nothing is told: that is the configuration's doing. */
void agent_none(struct check *c);

#endif
