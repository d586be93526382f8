/* validate_loop: connections that come back to the listener they came in by. One client of such a
 * listener would take every descriptor of the process within seconds. Private to validate*.c. */
#ifndef CONFIG_VALIDATE_LOOP_H
#define CONFIG_VALIDATE_LOOP_H

#include "config/config.h"
#include "config/text/diag.h"

/* validate_loops: an error for each circle that its connections cannot leave, a warning for one that
 * they may leave because a rule chooses anew on the way. References are resolved before; one that is
 * not is CONFIG_NO_UPSTREAM.
 *   Returns  0, also with problems; -NP_ENOMEM.
 *   Calls    a thread that may ask the kernel for the addresses of this machine. */
must_use int validate_loops(struct diag *d, struct config *c);

#endif
