/* proxy_edge: what the tests of the PROXY protocol share: an edge in front of a socket of the test's, and headers that
 * all name the same two addresses. */
#ifndef TESTS_FLOW_KIT_PROXY_EDGE_H
#define TESTS_FLOW_KIT_PROXY_EDGE_H

#include "netpoll/addr.h"
#include "proxy/proto/pp.h"
#include "tests/flow/kit/edge.h"

#define REQUIRED  "proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"], timeout: 5s}, upstream: back"
#define HEADER_V1 "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n"
#define SIGNED    "\r\n\r\n\0\r\nQUIT\n"
#define INET      "\xc0\0\2\1\xc6\x33\x64\2\x12\x67\x01\xbb" /* the same as HEADER_V1 says */
#define HEADER_V2 SIGNED "\x21\x11\0\x0c" INET

struct edge proxy_edge_start(int *listener, const char *keys, const char *upstream_keys);

void proxy_edge_end(struct edge *e, int listener);

/* Where this end of a client's connection is, as a header tells it. */
struct np_addr own_address(int fd);

#endif
