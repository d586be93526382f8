/* dns: from the name of a host to its addresses, by the resolver of the system (getaddrinfo: it
 * reads /etc/hosts, nsswitch.conf and resolv.conf).
 *
 *   control worker   dns_ask, then dns_take: reads a socket pair under the deadline it chose
 *   a short thread   getaddrinfo, which blocks for as long as it likes; writes the answer and ends
 *
 * The two share only the socket pair. A caller that no longer waits closes its end; the thread then
 * fails to write, and ends as well. No one joins it. Rejected: the answer as an inbox message,
 * since the end of the process would have to wait for it; a resolver library, for a few names a
 * day. */
#ifndef PROXY_RESOLVE_DNS_H
#define PROXY_RESOLVE_DNS_H

#include "netpoll/netpoll.h"

#define DNS_MOST 8 /* of more addresses of one name only the first so many are taken */

struct dns_answer {
	int err; /* of getaddrinfo, see dns_text; 0: there is at least one address */
	unsigned n; /* addresses, in the order in which the resolver wants them tried */
	struct np_addr addr[DNS_MOST];
};

/* dns_ask: begin to look a name up. The addresses of the answer have this port.
 *   Returns  0 or -NP_Exxx: no memory, no descriptors, or no thread.
 *   Calls    a coroutine.
 *   Owns     the caller owns *fd from then on: it sets a deadline, and closes it in the end. */
must_use int dns_ask(struct np_fd *fd, const char *host, uint16_t port);

/* dns_take: wait for the answer and copy it to *out.
 *   Returns  0; else an error of fd, such as a deadline, and *out is undefined.
 *   Parks    until the answer has come. */
must_use int dns_take(struct np_fd *fd, struct dns_answer *out);

/* dns_text: struct dns_answer.err in words; a static text. */
const char *dns_text(int err);

#endif
