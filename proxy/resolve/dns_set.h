/* dns_set: what one question is answered over time, as a set that does not flap. Pure: it gets the time, answers and
 * random bits, and says when to ask next.
 *
 *   answer                        the set                             asked again after
 *   has a record                  it is in, at once                   the time to live, within bounds, less 0 to 10 %
 *   lacks one                     stays                               as above, 5 s at most, over TCP from now on
 *   lacks it again                it is out                           the time to live
 *   - but TCP is refused          out if unseen in 30 s, 10 answers   as above, 5 s at most
 *   a service "." alone           is empty                            the time to live
 *   no such name, no records      stays for `hold`, then is empty     1 s, doubling to 30 s
 *   failed                        stays, for ever                     1 s, doubling to 30 s
 *
 * A set that a former process knew (dns_set_recall) is in use until the first answer that has a record: then what that
 * answer is sure of is replaced by it, for nobody has looked in between.
 *
 * UDP answers may be random choices out of the whole set (Consul gives three of twenty, and does not say so). So what
 * one lacks proves nothing, and TCP, which has room for all, is asked. Whatever happens, no second has two questions.
 *
 * An answer may be sure about one family alone, where the servers failed for the other one: what it lacks of that one
 * is not counted. Rejected: a set as of the last answer, as proxies have it that look up a name at each connect: every
 * answer that is a choice, or a server that lags behind the others, moves connections to and fro. */
#ifndef PROXY_RESOLVE_DNS_SET_H
#define PROXY_RESOLVE_DNS_SET_H

#include "proxy/resolve/dns.h"

#define DNS_SECOND      INT64_C(1000000000)
#define DNS_GAP         (1 * DNS_SECOND)  /* between two questions */
#define DNS_SOON        (5 * DNS_SECOND)  /* after an answer that lacked something */
#define DNS_RETRY_MOST  (30 * DNS_SECOND)
#define DNS_UNSEEN      (30 * DNS_SECOND) /* for how long, where only UDP answers, and in how many answers */
#define DNS_UNSEEN_MANY 10
#define DNS_TCP_AGAIN   (600 * DNS_SECOND) /* after TCP was refused it is tried again */

/* Of all names alike; ns. */
struct dns_rules {
	int64_t min_ttl, max_ttl, hold;
};

struct dns_member {
	struct dns_record record;
	unsigned unseen; /* answers in a row that lacked it; 0: the last one had it */
	int64_t seen;    /* when an answer had it last */
};

struct dns_set {
	char name[DNS_NAME]; /* const, with the next two: the question */
	bool srv;
	enum dns_family family;
	unsigned n;
	struct dns_member *members; /* owned; sorted as records are */
	bool asking;       /* an answer is awaited */
	bool answered;     /* there was an answer of any kind */
	bool recalled;     /* its members are a former process's: no answer had a record yet */
	bool tcp;          /* over TCP from now on */
	int64_t tcp_after; /* but not before: it was refused; 0: it was not */
	int64_t asked;     /* when it was asked last; 0: never */
	int64_t due;       /* when it is asked next; only while it is not asking */
	int64_t gone;      /* since when it is said that there is no such thing; 0: it is not said */
	unsigned failures; /* in a row: no answer, or none with records */
	void *asker;       /* whoever asks keeps what it likes here */
};

/* What an answer has done, as bits. */
enum dns_change {
	DNS_CHANGED = 1, /* another set, or other weights */
	DNS_DROPPED = 2, /* all of it, since there is no such name any more */
	DNS_CUT = 4,     /* more records than DNS_MEMBERS */
};

void dns_set_init(struct dns_set *s, const char *name, bool srv, enum dns_family family);
void dns_set_fini(struct dns_set *s);
/* dns_set_ask: it is asked now; name, type, family and tcp of *q are written. It is not asking. */
void dns_set_ask(struct dns_set *s, int64_t now, struct dns_question *q);
/* dns_set_answer: the answer to the last dns_set_ask.
 *   Returns  bits of enum dns_change; without memory a record is left out until the next answer. */
unsigned dns_set_answer(struct dns_set *s, const struct dns_answer *a, const struct dns_rules *rules, int64_t now,
			uint32_t random);
/* dns_set_recall: what a former process knew; seen: when, which is before now, and may be before this clock began. Only
 * what the family wants is taken. The set has no members: no answer has had a record. */
void dns_set_recall(struct dns_set *s, const struct dns_answer *a, int64_t seen);
/* dns_set_seen: when an answer had a record last; only of a set that has members. */
int64_t dns_set_seen(const struct dns_set *s);
/* dns_set_hurry: a connect to one of it has failed: it is asked again as soon as the gap allows. */
void dns_set_hurry(struct dns_set *s, int64_t now);

#endif
