/* spare: who dials less when descriptors run short. What clients need comes first, so each kind of dial that is ours
 * alone leaves so many to the others: np_dial_opts.spare. A connection made ahead helps nobody yet, a hedge helps one
 * client a little, a probe all of a server's; a check is how one that died is found out. What is left out so is
 * counted, and no failure of a server.
 *
 * The process's reserve (proxy/control/capacity.h) has room for all of them; it is used up only where
 * limits.max_connections says more than the limit of descriptors holds, or something else holds them.
 *
 * Source: the page of upstreams, E73. */
#ifndef PROXY_BASE_SPARE_H
#define PROXY_BASE_SPARE_H

#define SPARE_OF_WARM  8
#define SPARE_OF_HEDGE 6
#define SPARE_OF_PROBE 4
#define SPARE_OF_CHECK 2

#endif
