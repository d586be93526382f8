/* The steps of a look-up, each a question on a c-ares channel of its own. */
#include "proxy/resolve/dns_lookup.h"

#define CARES_NO_DEPRECATED /* what Debian 12 has; deprecated in Debian 13, where it works as it did */
#include <ares.h>
#include <arpa/nameser.h>
#include <string.h>
#include <strings.h>

#include "netpoll/check.h"
#include "proxy/resolve/dns_packet.h"

/* ---- what a question has told ---- */

static enum dns_status status_of(int ares)
{
	switch (ares) {
	case ARES_SUCCESS:
		return DNS_OK;
	case ARES_ENOTFOUND:
		return DNS_NO_NAME;
	case ARES_ENODATA:
		return DNS_NO_DATA;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return DNS_CANCELED;
	default:
		return DNS_FAILED;
	}
}

/* c-ares calls it "could not contact" as well when each server has said that it failed. */
static const char *why_of(int ares)
{
	return ares == ARES_ECONNREFUSED ? "each name server fails, refuses or cannot be reached" : ares_strerror(ares);
}

static enum dns_packet_type type_of(const struct dns_lookup *l)
{
	enum dns_family f = l->q->family;
	bool v4 = f == DNS_PREFER_V4 || f == DNS_V4 || f == DNS_BOTH;

	if (l->q->srv)
		return DNS_PACKET_SRV;
	return v4 != l->second ? DNS_PACKET_A : DNS_PACKET_AAAA;
}

/* A reply that has no room for a single record is no word about the name. Where c-ares asked with several domains, it
 * hands out no reply: it may have been one. */
static bool may_be_truncated(const unsigned char *reply, int n)
{
	return n < NS_HFIXEDSZ || (reply[2] & 2) != 0;
}

/* c-ares calls it once for each question, perhaps before ares_search returns, and when a channel ends early. */
static void on_reply(void *arg, int ares, int timeouts, unsigned char *reply, int n)
{
	struct dns_lookup *l = arg;

	(void)timeouts;
	if (l->replied)
		return;
	l->replied = true;
	l->status = status_of(ares);
	l->part.why = why_of(ares);
	if (l->status == DNS_OK)
		l->status = dns_packet_read(reply, n > 0 ? (size_t)n : 0, type_of(l), &l->part);
	else if (l->status == DNS_NO_DATA && l->no_tcp && may_be_truncated(reply, n))
		l->status = DNS_FAILED;
}

/* c-ares goes over to TCP by itself when a reply is truncated. This is the one place where that shows. */
static int on_socket(ares_socket_t fd, int type, void *arg)
{
	struct dns_lookup *l = arg;

	(void)fd;
	if (type == SOCK_STREAM)
		l->tcp_tried = true;
	return 0;
}

/* ---- asking ---- */

/* Also in the middle of a question, when its look-up is dropped. */
static void close_channel(struct dns_lookup *l)
{
	if (l->channel == NULL)
		return;
	l->replied = true; /* ares_destroy calls on_reply, if there was no reply */
	ares_destroy(l->channel);
	l->channel = NULL;
}

/* A channel knows resolv.conf as it is at this moment: name servers, search domains and ndots. */
static int open_channel(struct dns_lookup *l)
{
	struct ares_options o = {
		.flags = (l->q->tcp && !l->no_tcp ? ARES_FLAG_USEVC : 0) | (l->no_tcp ? ARES_FLAG_IGNTC : 0),
		.timeout = (int)(l->q->timeout / 1000000),
		.tries = (int)l->q->tries,
	};
	int err = ares_init_options(&l->channel, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);

	if (err != ARES_SUCCESS) {
		l->channel = NULL;
		return err;
	}
	if (l->q->servers[0] != '\0')
		err = ares_set_servers_ports_csv(l->channel, l->q->servers);
	ares_set_socket_callback(l->channel, on_socket, l);
	return err;
}

/* The question of now, from its beginning: what an earlier try of it has told is forgotten. ares_search adds the search
 * domains of resolv.conf as ndots says, and calls on_reply once, after the last of them. */
static void ask_servers(struct dns_lookup *l)
{
	int err;

	close_channel(l);
	dns_answer_fini(&l->part);
	l->part = (struct dns_answer){.ttl = INT32_MAX};
	l->replied = l->tcp_tried = false;
	err = open_channel(l);
	if (err != ARES_SUCCESS) {
		l->status = DNS_FAILED;
		l->part.why = ares_strerror(err);
		l->replied = true;
		return;
	}
	ares_search(l->channel, l->q->name, 1, type_of(l), on_reply, l);
}

/* ---- one answer out of what one or two questions have told ---- */

/* Adds what the question of now has told. Only what is known for certain makes the answer sure of a family: of one
 * whose servers failed, addresses may be missing. */
static void merge(struct dns_lookup *l)
{
	struct dns_answer *a = &l->answer, *part = &l->part;

	for (unsigned i = 0; l->status == DNS_OK && i < part->n; i++)
		if (dns_answer_add(a, &part->records[i]) != 0)
			l->status = DNS_FAILED;
	a->cut |= part->cut;
	if (l->status == DNS_OK && part->ttl < a->ttl)
		a->ttl = part->ttl;
	a->tcp |= l->tcp_tried && !l->no_tcp;
	a->tcp_failed |= l->no_tcp;
	if (l->status == DNS_OK || l->status == DNS_NO_DATA || l->status == DNS_NO_NAME)
		a->sure |= type_of(l) == DNS_PACKET_AAAA ? DNS_SURE_V6 : DNS_SURE_V4;
	if (a->why == NULL || l->status == DNS_FAILED)
		a->why = part->why;
}

/* Some name servers do not know AAAA, and answer that there is no such name, or nothing. So the other family is asked
 * whatever the first answer was, unless it was addresses. */
static bool wants_second(const struct dns_lookup *l)
{
	enum dns_family f = l->q->family;

	if (l->q->srv || l->second || f == DNS_V4 || f == DNS_V6 || l->status == DNS_CANCELED)
		return false;
	return f == DNS_BOTH || l->status != DNS_OK;
}

/* Of two statuses the worse one counts: a family that nobody knows may be there, even if the other is not. */
static void finish(struct dns_lookup *l)
{
	struct dns_answer *a = &l->answer;
	enum dns_status worse = l->second && l->first > l->status ? l->first : l->status;

	a->status = a->n > 0 ? DNS_OK : worse;
	if (!l->second && a->sure != 0)
		a->sure = DNS_SURE_ALL; /* one question was enough: of the other family nothing is wanted */
	l->done = true;
	close_channel(l);
	dns_answer_fini(&l->part);
}

/* A question has had its end: what is next? A question that could not even be begun has its end at once, so this is a
 * loop. It stops where a reply must be waited for, or when the look-up is done. */
static void go_on(struct dns_lookup *l)
{
	while (l->replied && !l->done) {
		/* TCP may be refused where UDP is not: what a truncated reply has is better than nothing. */
		if (l->status == DNS_FAILED && l->tcp_tried && !l->no_tcp) {
			l->no_tcp = true;
			ask_servers(l);
			continue;
		}
		merge(l);
		if (!wants_second(l)) {
			finish(l);
			continue;
		}
		l->first = l->status;
		l->second = true;
		l->no_tcp = false;
		ask_servers(l);
	}
}

/* ---- files ---- */

static bool is_family_wanted(const struct dns_lookup *l, int family)
{
	return family == AF_INET ? l->q->family != DNS_V6 : l->q->family != DNS_V4;
}

static void add_local(struct dns_lookup *l, int family, const void *ip)
{
	struct dns_record r = {.family = (uint8_t)family};

	memcpy(r.ip, ip, family == AF_INET ? 4 : 16);
	if (is_family_wanted(l, family) && dns_answer_add(&l->answer, &r) != 0)
		l->answer.why = ares_strerror(ARES_ENOMEM);
}

/* c-ares calls it before ares_getaddrinfo returns: it only reads a file. */
static void on_hosts(void *arg, int ares, int timeouts, struct ares_addrinfo *found)
{
	struct dns_lookup *l = arg;

	(void)timeouts;
	if (ares != ARES_SUCCESS)
		return;
	for (const struct ares_addrinfo_node *i = found->nodes; i != NULL; i = i->ai_next) {
		const struct sockaddr *sa = i->ai_addr;

		if (sa->sa_family == AF_INET)
			add_local(l, AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr);
		if (sa->sa_family == AF_INET6)
			add_local(l, AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	}
	ares_freeaddrinfo(found);
}

/* A channel that may read the file and nothing else: it tells at once, and asks no server. */
static void look_into_hosts(struct dns_lookup *l)
{
	static char files[] = "f";
	const struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC};
	struct ares_options o = {.lookups = files};
	ares_channel channel;

	if (ares_init_options(&channel, &o, ARES_OPT_LOOKUPS) != ARES_SUCCESS)
		return; /* without memory, the servers are not asked either */
	ares_getaddrinfo(channel, l->q->name, NULL, &hints, on_hosts, l);
	ares_destroy(channel);
}

/* RFC 6761: localhost and all names below it are this machine, and no server is asked. */
static bool is_localhost(const char *name)
{
	static const char word[] = "localhost";
	size_t n = strlen(name), w = sizeof(word) - 1;

	n -= n > 0 && name[n - 1] == '.';
	return n >= w && strncasecmp(name + n - w, word, w) == 0 && (n == w || name[n - w - 1] == '.');
}

/* Where IPv4 is preferred, an IPv6 address of a file counts only where the file has no other one; and the other way
 * round. Records are sorted, so those of one family stand together. */
static void keep_preferred(struct dns_answer *a, enum dns_family f)
{
	unsigned v4 = 0;

	while (v4 < a->n && a->records[v4].family == AF_INET)
		v4++;
	if (f == DNS_PREFER_V4 && v4 > 0)
		a->n = v4;
	if (f == DNS_PREFER_V6 && v4 < a->n) {
		memmove(a->records, a->records + v4, (a->n - v4) * sizeof(*a->records));
		a->n -= v4;
	}
}

/* The system's resolver looks there first, too. What a file says is the whole truth about a name. */
static void ask_files(struct dns_lookup *l)
{
	const struct in_addr v4 = {.s_addr = htonl(INADDR_LOOPBACK)};

	look_into_hosts(l);
	if (l->answer.n == 0 && is_localhost(l->q->name)) {
		add_local(l, AF_INET, &v4);
		add_local(l, AF_INET6, &in6addr_loopback);
	}
	keep_preferred(&l->answer, l->q->family);
	if (l->answer.n == 0)
		return;
	l->answer.status = DNS_OK;
	l->answer.ttl = DNS_HOSTS_TTL;
	l->answer.sure = DNS_SURE_ALL;
	l->done = true;
}

/* ---- the look-up ---- */

void dns_lookup_start(struct dns_lookup *l, const struct dns_question *q)
{
	*l = (struct dns_lookup){.q = q, .answer.ttl = INT32_MAX};
	if (!q->srv)
		ask_files(l);
	if (l->done)
		return;
	ask_servers(l);
	go_on(l);
}

void dns_lookup_fini(struct dns_lookup *l)
{
	close_channel(l);
	dns_answer_fini(&l->part);
}

unsigned dns_lookup_polls(const struct dns_lookup *l, struct pollfd *fds, int *ms)
{
	ares_socket_t socks[ARES_GETSOCK_MAXNUM];
	struct timeval room, *tv;
	unsigned n = 0;
	unsigned bits; /* readable ones, then writable ones: ARES_GETSOCK_WRITABLE shifts into the sign */

	DCHECK(!l->done && l->channel != NULL, "who waits has a question under way");
	bits = (unsigned)ares_getsock(l->channel, socks, ARES_GETSOCK_MAXNUM);
	for (unsigned i = 0; i < DNS_SOCKETS; i++) {
		short events = (bits >> i & 1 ? POLLIN : 0) | (bits >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0);

		if (events != 0)
			fds[n++] = (struct pollfd){.fd = socks[i], .events = events};
	}
	tv = ares_timeout(l->channel, NULL, &room);
	if (tv != NULL && (*ms < 0 || tv->tv_sec * 1000 + tv->tv_usec / 1000 + 1 < *ms))
		*ms = (int)(tv->tv_sec * 1000 + tv->tv_usec / 1000 + 1);
	return n;
}

/* A reply may end the question, and so the channel with all its sockets: the rest of fds is then no longer looked
 * at. A socket that failed is read from, for c-ares learns of the error there. */
void dns_lookup_go(struct dns_lookup *l, const struct pollfd *fds, unsigned n)
{
	for (unsigned i = 0; i < n && !l->replied; i++) {
		bool in = (fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
		ares_socket_t readable = in ? fds[i].fd : ARES_SOCKET_BAD;
		ares_socket_t writable = fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD;

		if (fds[i].revents != 0)
			ares_process_fd(l->channel, readable, writable);
	}
	if (!l->replied)
		ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* what is late */
	go_on(l);
}
