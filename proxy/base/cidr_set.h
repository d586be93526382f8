/* cidr: a set of networks, and whether a client's address is in one of them. Built with a configuration, frozen then:
 * any thread may look things up, and a lookup allocates nothing.
 *
 * Families do not mix: an IPv4 client is in IPv4 networks only, through whichever listener it came (v4-mapped addresses
 * are IPv4). So "::/0" is every IPv6 client and no more, although its bits cover the mapped ones too. */
#ifndef PROXY_BASE_CIDR_SET_H
#define PROXY_BASE_CIDR_SET_H

#include <sys/socket.h>

#include "config/cidr.h"
#include "netpoll/base.h"

/* Frozen. All zero is the empty set, which holds nobody. */
struct cidr_set {
	struct cidr *nets;    /* owned; IPv4 before IPv6, each sorted, none inside another */
	uint32_t nv4, n;      /* the first nv4 of n are IPv4 */
	bool has_unix;        /* every client of a Unix socket */
};

/* cidr_set_init: a set of n networks in any order, repeated or one inside another as they may be.
 *   Returns  0 or -NP_ENOMEM.   Owns  a copy; list stays the caller's. cidr_set_fini gives it back. */
must_use int cidr_set_init(struct cidr_set *s, const struct cidr *list, size_t n);
void cidr_set_fini(struct cidr_set *s);

/* cidr_set_has: is this address in one of the networks? O(log n). Ports and zones do not matter; an address of another
 * family, or one cut short, is in none. */
bool cidr_set_has(const struct cidr_set *s, const struct sockaddr *sa, socklen_t len);

#endif
