/* dns_lookup: one look-up by c-ares, step by step, for a thread that polls. It blocks nowhere but in reading
 * /etc/resolv.conf, /etc/nsswitch.conf and /etc/hosts.
 *
 *   hosts --found--> done
 *     '--> the first family over UDP --> the second one, if it is wanted --> done
 *               '-- truncated, or asked for: over TCP -- that fails --> UDP, what fits into it
 *
 * Each question has a channel of its own: a new socket and port, and resolv.conf as it is now. That costs 24 us, and a
 * channel that lives for days goes on asking the name servers of a network that is gone. */
#ifndef PROXY_RESOLVE_DNS_LOOKUP_H
#define PROXY_RESOLVE_DNS_LOOKUP_H

#include <poll.h>

#include "proxy/resolve/dns.h"

#define DNS_SOCKETS 16  /* that a look-up may wait for at once: ares_getsock tells of no more */
#define DNS_HOSTS_TTL 5 /* s: for so long what a file says is not looked at again */

struct ares_channeldata;

/* One thread at a time. */
struct dns_lookup {
	const struct dns_question *q; /* borrowed */
	struct ares_channeldata *channel; /* NULL: no question is under way */
	bool replied;    /* the channel's question has had its end */
	bool tcp_tried;  /* by it */
	bool no_tcp;     /* it is the one that takes what UDP has room for */
	bool second;     /* it is about the other family */
	enum dns_status status; /* of it */
	struct dns_answer part; /* what it told */
	enum dns_status first;  /* status of the question about the first family; with second */
	bool done;
	struct dns_answer answer;
};

/* dns_lookup_start: begin. It may be done at once: names of files, and where no question can be asked.
 *   Owns  q is borrowed until dns_lookup_fini. */
void dns_lookup_start(struct dns_lookup *l, const struct dns_question *q);
/* dns_lookup_fini: end it, at any time. Sockets are closed; answer.records stay the caller's. */
void dns_lookup_fini(struct dns_lookup *l);

/* dns_lookup_polls: what it waits for.
 *   Returns  how many of fds[DNS_SOCKETS] are written, and *ms: no longer than that (it only makes it less). */
unsigned dns_lookup_polls(const struct dns_lookup *l, struct pollfd *fds, int *ms);
/* dns_lookup_go: after poll, with n of them.   l->done says whether that was the end. */
void dns_lookup_go(struct dns_lookup *l, const struct pollfd *fds, unsigned n);

#endif
