/* override_tell: what an operator has changed of a server, with the old value beside the new one, for the log, the
 * events and the audit line. */
#ifndef PROXY_CONTROL_OVERRIDE_TELL_H
#define PROXY_CONTROL_OVERRIDE_TELL_H

#include "proxy/control/overrides.h"

#define OVERRIDE_WORDS 256 /* bytes, with the NUL */

/* override_words: "drain, was ready; weight 5, was as in the file; forgot its failures, was out". What has not changed
 * is told as it is, if it was said.   Returns  out. */
const char *override_words(const struct server_change *c, char out[OVERRIDE_WORDS]);
/* override_tell: the event "override", of a change that is done. */
void override_tell(const struct server_change *c);

#endif
