/* Walks a reply with libc's ns_parserr, which checks every length and every compression pointer. c-ares has readers of
 * its own, but theirs tell no time to live of a service, and take records of any owner. */
#include "proxy/resolve/dns_packet.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>

#include "netpoll/err.h"

#define ALIASES 16 /* of more in a row there is no end to be expected */

/* A reply, and where its reader is. */
struct packet {
	ns_msg m;
	ns_rr rr;             /* the record that was read last */
	char owner[DNS_NAME]; /* of the records that count */
};

static enum dns_status malformed(struct dns_answer *a)
{
	a->why = "a malformed reply";
	return DNS_FAILED;
}

/* The least one of the way counts: the whole of it is true for no longer than its shortest part. A time to live with
 * its highest bit set is 0 (RFC 2181). */
static void note_ttl(struct dns_answer *a, const struct packet *k)
{
	int64_t ttl = ns_rr_ttl(k->rr) > INT32_MAX ? 0 : (int64_t)ns_rr_ttl(k->rr);

	if (ttl < a->ttl)
		a->ttl = ttl;
}

/* Reads record i of the answer.   Returns  false: malformed. */
static bool read_nth(struct packet *k, int i)
{
	return ns_parserr(&k->m, ns_s_an, i, &k->rr) == 0;
}

static bool is_owners(const struct packet *k, int type)
{
	if ((int)ns_rr_type(k->rr) != type || ns_rr_class(k->rr) != ns_c_in)
		return false;
	return strcasecmp(ns_rr_name(k->rr), k->owner) == 0;
}

/* A name in the data of a record.   Returns  false: malformed, or too long. */
static bool expand_to(const struct packet *k, const unsigned char *p, char *name)
{
	return dn_expand(ns_msg_base(k->m), ns_msg_end(k->m), p, name, DNS_NAME) >= 0;
}

/* If the owner is an alias: on to what it stands for.   Returns  1, 0: it is none; -1: malformed. */
static int follow_alias(struct packet *k, struct dns_answer *a)
{
	for (int i = 0; i < ns_msg_count(k->m, ns_s_an); i++) {
		if (!read_nth(k, i))
			return -1;
		if (!is_owners(k, ns_t_cname))
			continue;
		note_ttl(a, k);
		return expand_to(k, ns_rr_rdata(k->rr), k->owner) ? 1 : -1;
	}
	return 0;
}

/* The name that the question is about in the end.   Returns  0; -1: malformed, or a circle. */
static int find_owner(struct packet *k, struct dns_answer *a)
{
	if (ns_msg_count(k->m, ns_s_qd) != 1 || ns_parserr(&k->m, ns_s_qd, 0, &k->rr) != 0)
		return -1;
	if (strlen(ns_rr_name(k->rr)) >= DNS_NAME)
		return -1;
	memcpy(k->owner, ns_rr_name(k->rr), strlen(ns_rr_name(k->rr)) + 1);
	for (int i = 0; i <= ALIASES; i++) {
		int more = follow_alias(k, a);

		if (more <= 0)
			return more;
	}
	return -1;
}

/* Lower case, without the dot at the end: one host has one text, so a target that is spelt otherwise next time is still
 * the same one. */
static void normalise(char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] - 'A' + 'a');
	if (n > 1 && name[n - 1] == '.')
		name[n - 1] = '\0';
}

/* Priority, weight and port, two bytes each, then the name of a host, which is "" where there is no such service. */
static bool service_of(const struct packet *k, struct dns_record *r)
{
	const unsigned char *data = ns_rr_rdata(k->rr);

	if (ns_rr_rdlen(k->rr) < 7)
		return false;
	r->priority = (uint16_t)ns_get16(data);
	r->weight = (uint16_t)ns_get16(data + 2);
	r->port = (uint16_t)ns_get16(data + 4);
	if (!expand_to(k, data + 6, r->target))
		return false;
	if (r->target[0] == '\0')
		r->target[0] = '.';
	normalise(r->target);
	return true;
}

/* Returns false where its data are not those of its type. */
static bool record_of(const struct packet *k, struct dns_record *r)
{
	size_t n = ns_rr_type(k->rr) == ns_t_a ? 4 : 16;

	memset(r, 0, sizeof(*r));
	if (ns_rr_type(k->rr) == ns_t_srv)
		return service_of(k, r);
	r->family = n == 4 ? AF_INET : AF_INET6;
	if (ns_rr_rdlen(k->rr) != n)
		return false;
	memcpy(r->ip, ns_rr_rdata(k->rr), n);
	return true;
}

/* The records of the owner alone: what a server adds about other names is nobody's question. */
static enum dns_status collect(struct packet *k, enum dns_packet_type type, struct dns_answer *a)
{
	unsigned before = a->n;
	struct dns_record r;

	for (int i = 0; i < ns_msg_count(k->m, ns_s_an); i++) {
		if (!read_nth(k, i))
			return malformed(a);
		if (!is_owners(k, (int)type))
			continue;
		if (!record_of(k, &r))
			return malformed(a);
		note_ttl(a, k);
		if (dns_answer_add(a, &r) != 0) {
			a->why = np_err_text(-NP_ENOMEM);
			return DNS_FAILED;
		}
	}
	if (a->n > before)
		return DNS_OK;
	a->why = "it has no such records";
	return DNS_NO_DATA;
}

/* The header's own word on failure and truncation is c-ares' business: here only records count. What was added before
 * a reply turned out to be malformed stays in *a, whose caller drops it then. */
enum dns_status dns_packet_read(const uint8_t *p, size_t n, enum dns_packet_type type, struct dns_answer *a)
{
	struct packet k;

	if (n > NS_MAXMSG || ns_initparse(p, (int)n, &k.m) != 0 || find_owner(&k, a) != 0)
		return malformed(a);
	return collect(&k, type, a);
}
