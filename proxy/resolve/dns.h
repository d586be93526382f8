/* dns: a host's name to addresses, by the system's own resolver (getaddrinfo: /etc/hosts, nsswitch, resolv.conf).
 *
 *   control worker   dns_ask -> reads a socket pair, with the deadline it likes
 *   a short thread   getaddrinfo, which blocks as long as it pleases -> writes the answer, ends
 *
 * The two share nothing but the pair: whoever loses patience closes its end, and the thread, which nobody waits for,
 * finds that out when it writes. Rejected: an inbox message, which would have to be waited for at the end of the
 * process; a resolver library, for a few names a day. */
#ifndef PROXY_RESOLVE_DNS_H
#define PROXY_RESOLVE_DNS_H

#include "netpoll/netpoll.h"

#define DNS_MOST 8 /* addresses of one name that are tried */

struct dns_answer {
	int err; /* of getaddrinfo: dns_text says it in words; 0: there is at least one address */
	unsigned n;
	struct np_addr addr[DNS_MOST];
};

/* dns_ask: begin to look up.   Returns  0, or why it cannot be done.
 *   Owns  *fd, with success: close it when the answer is there or no longer wanted. */
must_use int dns_ask(struct np_fd *fd, const char *host, uint16_t port);
/* dns_take: the answer.   Returns  0; else an error of fd, and *out is undefined.   Parks  until it is there. */
must_use int dns_take(struct np_fd *fd, struct dns_answer *out);
const char *dns_text(int err);

#endif
