/* dns: what is asked of name servers, and what they answer, as values. */
#ifndef PROXY_RESOLVE_DNS_H
#define PROXY_RESOLVE_DNS_H

#include "netpoll/addr.h"
#include "netpoll/base.h"

#define DNS_NAME    256 /* a name as text, with its NUL: 253 bytes by RFC 1035, and escapes */
/* Records of one answer that are taken. Of more the first count, in the order of dns_record_compare: the same ones each
 * time, in whatever order a name server tells them. */
#define DNS_MEMBERS 256
#define DNS_SERVERS 256 /* a list of name servers as text */

/* Which addresses of a host are wanted. */
enum dns_family {
	DNS_PREFER_V4, /* IPv4 if there are any, else IPv6 */
	DNS_PREFER_V6,
	DNS_V4,
	DNS_V6,
	DNS_BOTH,
};

/* Bits: families of which an answer is sure. What it lacks of another one may still be there. */
#define DNS_SURE_V4  1u
#define DNS_SURE_V6  2u
#define DNS_SURE_ALL (DNS_SURE_V4 | DNS_SURE_V6)

struct dns_question {
	char name[DNS_NAME];
	enum dns_family family;
	bool srv;      /* the services of this name; family does not count */
	bool tcp;      /* over TCP from the start */
	int64_t timeout; /* ns: of the first try of each server; each further one has twice as long */
	unsigned tries;
	char servers[DNS_SERVERS]; /* "10.0.0.1,[::1]:5353"; "": those of the system */
};

struct dns_record {
	uint8_t family; /* AF_INET, AF_INET6; of a service 0 */
	uint8_t ip[16]; /* of IPv4 the first four */
	uint16_t priority, weight, port; /* of a service */
	char target[DNS_NAME]; /* of a service: its host; "." says that there is none */
};

enum dns_status {
	DNS_OK,       /* there is a record */
	DNS_NO_NAME,  /* the servers say that there is no such name */
	DNS_NO_DATA,  /* the name has no record of this type */
	DNS_FAILED,   /* nobody said anything that counts: nothing is known */
	DNS_CANCELED, /* the process stops */
};

struct dns_answer {
	enum dns_status status;
	const char *why;    /* in words, unless it is DNS_OK; static */
	int64_t ttl;        /* s: the least of all records of the way, aliases too */
	bool tcp;           /* it came over TCP */
	bool tcp_failed;    /* TCP was tried, and did not work: this is what UDP said */
	bool cut;           /* there were more than DNS_MEMBERS records */
	unsigned sure;      /* DNS_SURE_* */
	unsigned n;
	struct dns_record *records; /* owned; sorted, each once */
};

/* dns_answer_add: one record more, in its place; none if it is there already. Of more than DNS_MEMBERS the last one
 * goes, and the answer is marked as cut.
 *   Returns  0 or -NP_ENOMEM. */
must_use int dns_answer_add(struct dns_answer *a, const struct dns_record *r);
void dns_answer_fini(struct dns_answer *a); /* frees the records; the rest stays */

/* dns_record_compare: IPv4 before IPv6, then by address; services by priority, target and port. The weight does not
 * count: a service with another one is still the same.
 *   Returns  as memcmp. */
int dns_record_compare(const struct dns_record *a, const struct dns_record *b);
/* dns_record_addr: the address of a host's record, with this port. */
void dns_record_addr(const struct dns_record *r, uint16_t port, struct np_addr *out);

#endif
