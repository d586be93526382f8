/* slow_start: a server that comes back to warm neighbours gets a tenth of its share at first, and all of it after the
 * time of the key slow_start: linearly, by the clock at each pick. So does its max_connections, but for at least 1.
 *
 *   old -- down, out or maint --> away -- usable again --> young, since then -- the time is over --> old
 *             new in the list of a name that has been picked of ---'
 *
 * When it was back is the server's (server.back), and belongs to the change of its word: it is young from then on by
 * the clock, though no client has come meanwhile, and a reload does not begin it anew. HAProxy, nginx and Envoy count
 * so as well. Where all usable servers of a tier are young nobody is spared, since nobody would take what the others
 * do not; thereby it never acts at a start.
 *
 * Shares are whole numbers and weights mostly 1, so an upstream with this key counts in 1024ths of a weight. The two
 * hashes leave it out: a share that grows would move their keys twice. Private to proxy/upstream/, but for
 * slow_start_factor; under the upstream's lock. */
#ifndef PROXY_UPSTREAM_SLOW_START_H
#define PROXY_UPSTREAM_SLOW_START_H

#include "proxy/upstream/upstream.h"

#define SLOW_START_UNIT 1024 /* of a share to a weight of 1, where the key is set */

struct pool;

/* slow_start_factor: what a server that may be picked has of its share now, in 1024ths: SLOW_START_UNIT where it is not
 * young. slow_start: ns, as the upstream's key. Any thread that holds s. */
uint64_t slow_start_factor(const struct server *s, int64_t slow_start, int64_t now);

/* slow_start_ramp: the shares of now. Every word has been adopted. */
void slow_start_ramp(const struct upstream *u, int64_t now);

/* slow_start_thin: by number of connections a young server would get all that comes until it has caught up; so it is
 * looked at only as often as its share says. Leaves one of the pool at least. For least_conn. */
void slow_start_thin(const struct pick_args *a, struct pool *p);

#endif
