/* check_status: the statuses that health.http.status accepts: "200", or "200-399". Pure. */
#ifndef CONFIG_CHECK_STATUS_H
#define CONFIG_CHECK_STATUS_H

#include "netpoll/base.h"

/* check_status_read: Returns  0 and both, of 200 to 599, in order; -NP_EINVAL: it is neither form. */
must_use int check_status_read(const char *text, unsigned *low, unsigned *high);

#endif
