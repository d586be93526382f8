/* addr: one socket address as a value, IPv4, IPv6 or Unix (path or abstract). Names are not
 * resolved here. */
#ifndef NETPOLL_ADDR_H
#define NETPOLL_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "netpoll/base.h"

/* Longest text np_addr_format writes, NUL included: "unix:" + 108 bytes each escaped as \xNN. */
#define NP_ADDR_TEXT 448

struct np_addr {
	socklen_t len; /* bytes of u that count */
	/* Of the IPv6 wildcard, where it is listened on: IPv6 alone, not both families. Part of the
	 * address, because the two are different places to connect to. No function of addr.c sets
	 * it; other addresses never have it. */
	bool v6_alone;
	union {
		struct sockaddr     sa;
		struct sockaddr_in  in4;
		struct sockaddr_in6 in6;
		struct sockaddr_un  un;
	} u;
};

/* The part of an address that a connection keeps for its log line: 28 bytes. A Unix peer keeps its
 * family alone. */
union np_inet {
	struct sockaddr     sa;
	struct sockaddr_in  in4;
	struct sockaddr_in6 in6;
};

/* np_addr_parse: text to address. Takes "1.2.3.4:80", "[::1]:80", "[fe80::1%eth0]:80", ":80" (the
 * IPv6 wildcard: both families), "unix:/path", "unix:@abstract". Ports are 0 to 65535 in decimal; a
 * host name is not an address.
 *   Returns  0, or -NP_EINVAL with *why set to a static sentence a person can act on (why may be
 *            NULL). */
must_use int np_addr_parse(struct np_addr *a, const char *text, const char **why);

/* np_addr_set_name: not an address but the name of a socket that another process has bound, in the place of one: equal
 * to one of the same name alone, and of no port. np_addr_format writes "systemd:NAME".
 *   Returns  0, or -NP_EINVAL: empty, or longer than 107 bytes. */
must_use int np_addr_set_name(struct np_addr *a, const char *name);
bool np_addr_is_named(const struct np_addr *a);
const char *np_addr_name_of(const struct np_addr *a); /* the name; "" of an address */

/* np_addr_format: "1.2.3.4:80", "[::1]:80", "unix:/path", "unix:@name"; hostile bytes of a path as
 * \xNN.
 *   Returns  the length written; always terminates; n should be NP_ADDR_TEXT. */
size_t np_addr_format(const struct sockaddr *sa, socklen_t len, char *out, size_t n);
/* The host alone ("1.2.3.4", "::1", "/path"), for log fields that keep the port apart. */
size_t np_addr_format_host(const struct sockaddr *sa, socklen_t len, char *out, size_t n);

int np_addr_port(const struct sockaddr *sa); /* host order; 0 for a Unix address */
/* np_addr_unmap: a v4-mapped IPv6 address becomes the IPv4 address that it stands for, as in Go's net.
 * A socket of both families gives the addresses of its IPv4 clients mapped. Others stay as they are. */
void np_addr_unmap(struct np_addr *a);
bool np_addr_equal(const struct np_addr *a, const struct np_addr *b);
/* A stable hash of the address without its port, the same in every process with the same seed. */
uint64_t np_addr_hash_host(const struct sockaddr *sa, socklen_t len, uint64_t seed);
bool np_addr_is_unix(const struct np_addr *a);
bool np_addr_is_abstract(const struct np_addr *a);

#endif
