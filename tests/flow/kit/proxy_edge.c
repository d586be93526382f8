/* An edge in front of a listening socket that the test itself serves. */
#include "tests/flow/kit/proxy_edge.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

struct edge proxy_edge_start(int *listener, const char *keys, const char *upstream_keys)
{
	int port = 0;

	*listener = kit_listen(kit_ip(0), &port, 64);
	return edge_start(keys, edge_upstream("back", port, upstream_keys));
}

void proxy_edge_end(struct edge *e, int listener)
{
	edge_end(e);
	close(listener);
}

struct np_addr own_address(int fd)
{
	struct np_addr a = {.len = sizeof(a.u)};

	assert_int_equal(getsockname(fd, &a.u.sa, &a.len), 0);
	return a;
}
