/* changes: what differs between two configurations, in words for the process log and the events. */
#ifndef PROXY_CONTROL_CHANGES_H
#define PROXY_CONTROL_CHANGES_H

#include "config/config_diff.h"
#include "proxy/base/text.h"

#define CHANGE_OBJECT (NP_ADDR_TEXT + 128) /* bytes that the name of an object may take */

/* change_object: what d is about, as the plan and the log name it: "listener web", "server app/10.0.0.3:80", "log". */
void change_object(const struct config_difference *d, char out[CHANGE_OBJECT]);

/* changes_put: all differences in one line: "listener web: timeouts.idle; server app/10.0.0.3:80 added". Those without
 * room are counted: "; and 12 more". Nothing where nothing differs, or without memory.
 *   Needs    room for CHANGES_MORE bytes in t.   Calls  any thread that reads both. */
#define CHANGES_MORE 32
void changes_put(struct text *t, const struct config *older, const struct config *newer);

#endif
