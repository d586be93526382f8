/* cidr_set: a set of networks, and whether a client's address is in one of them. The control thread
 * builds a set together with a configuration and never changes it afterwards, so any thread may
 * look things up. A lookup allocates nothing.
 *
 * The families do not mix: an IPv4 client is in IPv4 networks only, through whichever listener it
 * came (a v4-mapped address counts as IPv4). So "::/0" holds every IPv6 client and no other,
 * although its bits cover the mapped addresses too. */
#ifndef PROXY_BASE_CIDR_SET_H
#define PROXY_BASE_CIDR_SET_H

#include <sys/socket.h>

#include "config/cidr.h"
#include "netpoll/base.h"

/* Const after init. All zero is the empty set, which holds no address. */
struct cidr_set {
	struct cidr *nets; /* owned; IPv4 first, each family sorted, no network inside another */
	uint32_t nv4, n;   /* the first nv4 of n are IPv4 */
	bool has_unix;     /* the set also holds every client of a Unix socket */
};

/* cidr_set_init: make a set of n networks. They may come in any order, repeated, and one inside
 * another.
 *   Returns  0 or -NP_ENOMEM.
 *   Owns     a copy of the networks, until cidr_set_fini; list stays the caller's. */
must_use int cidr_set_init(struct cidr_set *s, const struct cidr *list, size_t n);
void cidr_set_fini(struct cidr_set *s);

/* cidr_set_has: is this address in one of the networks? Takes O(log n) steps. Ports and IPv6 zones
 * do not matter. An address of another family, or one that is shorter than its family's, is in no
 * network.
 *   Calls    any thread. */
bool cidr_set_has(const struct cidr_set *s, const struct sockaddr *sa, socklen_t len);

#endif
