/* handoff: gives an accepted socket to a worker that has clearly fewer connections. Private to
 * proxy/listen/. */
#ifndef PROXY_LISTEN_HANDOFF_H
#define PROXY_LISTEN_HANDOFF_H

#include "proxy/conn/shard.h"

/* handoff_try: give an admitted socket to a freer worker, if there is one.
 *   Returns  true: it is on its way, with the places that were taken for it; false: it is still the
 *            caller's.
 *   Calls    owner worker of s.
 *   Owns     sysfd, with true. */
must_use bool handoff_try(struct shard *s, struct listener *listener, int sysfd,
			  const struct np_addr *peer);

#endif
