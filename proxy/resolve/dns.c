/* Records in order, each once, and never more than DNS_MEMBERS: so the same set of a name is the same list, in whatever
 * order its servers tell it. */
#include "proxy/resolve/dns.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

int dns_record_compare(const struct dns_record *a, const struct dns_record *b)
{
	int c = (int)a->family - (int)b->family;

	if (c == 0)
		c = memcmp(a->ip, b->ip, sizeof(a->ip));
	if (c == 0)
		c = (int)a->priority - (int)b->priority;
	if (c == 0)
		c = strcmp(a->target, b->target);
	return c != 0 ? c : (int)a->port - (int)b->port;
}

/* The first record that is not less than r, by halves: a hostile answer of 4,000 records costs 4,000 times 8 looks, and
 * no more memory than one of 256. */
static unsigned record_place(const struct dns_answer *a, const struct dns_record *r)
{
	unsigned low = 0, high = a->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (dns_record_compare(&a->records[middle], r) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first record makes room for all: most answers are empty or asked for again soon, and none grows beyond it. */
int dns_answer_add(struct dns_answer *a, const struct dns_record *r)
{
	unsigned at = record_place(a, r);

	if (at < a->n && dns_record_compare(&a->records[at], r) == 0)
		return 0;
	if (a->records == NULL)
		a->records = calloc(DNS_MEMBERS, sizeof(*a->records));
	if (a->records == NULL)
		return -NP_ENOMEM;
	if (a->n == DNS_MEMBERS) {
		a->cut = true;
		if (at == a->n)
			return 0;
		a->n--;
	}
	memmove(&a->records[at + 1], &a->records[at], (a->n - at) * sizeof(*r));
	a->records[at] = *r;
	a->n++;
	return 0;
}

void dns_answer_fini(struct dns_answer *a)
{
	free(a->records);
	a->records = NULL;
	a->n = 0;
}

void dns_record_addr(const struct dns_record *r, uint16_t port, struct np_addr *out)
{
	DCHECK(r->family == AF_INET || r->family == AF_INET6, "a service has no address");
	memset(out, 0, sizeof(*out));
	if (r->family == AF_INET) {
		out->len = sizeof(out->u.in4);
		out->u.in4.sin_family = AF_INET;
		out->u.in4.sin_port = htons(port);
		memcpy(&out->u.in4.sin_addr, r->ip, 4);
		return;
	}
	out->len = sizeof(out->u.in6);
	out->u.in6.sin6_family = AF_INET6;
	out->u.in6.sin6_port = htons(port);
	memcpy(&out->u.in6.sin6_addr, r->ip, 16);
}
