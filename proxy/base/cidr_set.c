/* A sorted array and a bisection: networks are either apart or one inside the other, so after the inner ones are
 * dropped at most one can hold an address, and it is the last that does not begin behind it. A trie finds no faster at
 * these sizes and has to be built. */
#include "proxy/base/cidr_set.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"

#define ADDR_BYTES sizeof(((struct cidr *)0)->addr)

static bool net_has(const struct cidr *net, const uint8_t *addr)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->addr, addr, whole) != 0)
		return false;
	return rest == 0 || ((net->addr[whole] ^ addr[whole]) >> (8 - rest)) == 0;
}

/* IPv4 first, then by address; of equal ones the wider first, so that it stands before all it holds. */
static int by_address(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;
	int v4 = cidr_is_v4(y) - cidr_is_v4(x), order = memcmp(x->addr, y->addr, ADDR_BYTES);

	if (v4 != 0)
		return v4;
	return order != 0 ? order : (int)x->bits - (int)y->bits;
}

/* Leaves out what the network before it holds already. None holds one of the other family: an IPv6 network that would
 * is wider, begins below, and yet comes after all of IPv4. */
static void drop_inner(struct cidr_set *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (s->n > 0 && net_has(&s->nets[s->n - 1], s->nets[i].addr))
			continue;
		s->nv4 += cidr_is_v4(&s->nets[i]);
		s->nets[s->n++] = s->nets[i];
	}
}

int cidr_set_init(struct cidr_set *s, const struct cidr *list, size_t n)
{
	struct cidr_set r = {.nets = malloc((n + 1) * sizeof(*list))}; /* + 1: never of size 0 */
	uint32_t kept = 0;

	if (r.nets == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (list[i].bits == CIDR_UNIX)
			r.has_unix = true;
		else
			r.nets[kept++] = list[i];
	}
	qsort(r.nets, kept, sizeof(*r.nets), by_address);
	drop_inner(&r, kept);
	*s = r;
	return 0;
}

void cidr_set_fini(struct cidr_set *s)
{
	free(s->nets);
	*s = (struct cidr_set){0};
}

/* Among nets[low] to nets[high - 1]: one family. */
static bool find(const struct cidr_set *s, uint32_t low, uint32_t high, const uint8_t *addr)
{
	uint32_t first = low;

	while (low < high) { /* all in front of low do not begin behind addr; all from high on do */
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(s->nets[middle].addr, addr, ADDR_BYTES) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > first && net_has(&s->nets[low - 1], addr);
}

static bool find_v4(const struct cidr_set *s, const struct in_addr *in4)
{
	uint8_t mapped[ADDR_BYTES] = {[10] = 0xff, [11] = 0xff};

	memcpy(mapped + CIDR_V4_BITS / 8, in4, sizeof(*in4));
	return find(s, 0, s->nv4, mapped);
}

bool cidr_set_has(const struct cidr_set *s, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

	if (len < sizeof(sa->sa_family))
		return false;
	if (sa->sa_family == AF_UNIX)
		return s->has_unix;
	if (sa->sa_family == AF_INET && len >= sizeof(*in4))
		return find_v4(s, &in4->sin_addr);
	if (sa->sa_family != AF_INET6 || len < sizeof(*in6))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return find(s, 0, s->nv4, in6->sin6_addr.s6_addr);
	return find(s, s->nv4, s->n, in6->sin6_addr.s6_addr);
}
