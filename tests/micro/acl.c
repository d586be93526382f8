/* acl: one look-up in lists of 100,000 networks, of an address that none of the look-ups before has asked for: what a
 * new client costs whose part of the table nobody has touched, and the same of a table that is in the cache. */
#include "tests/micro/micro.h"

#include <arpa/inet.h>
#include <string.h>

#include "config/config.h"
#include "proxy/policy/acl.h"

#define NETWORKS 100000
#define LOOKUPS  65536
#define WIPE     (64u << 20) /* bytes: more than the last cache of most machines */

union client {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

struct lookups {
	struct acl *acl;
	union client *clients;
	unsigned denied;
	unsigned char *wipe;
};

static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return x;
}

static void random_bytes(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(next_random() >> 24);
}

/* Networks of 20 to 32 bits of IPv4, or of 32 to 64 of IPv6. */
static struct acl *make_acl(bool v4)
{
	struct config_cidr *nets = micro_need(calloc(NETWORKS, sizeof(*nets)));
	struct acl_lists lists = {.deny = nets, .ndeny = NETWORKS};
	struct acl *a = NULL;

	for (size_t i = 0; i < NETWORKS; i++) {
		struct cidr *net = &nets[i].net;

		net->bits = (uint8_t)(v4 ? 116 + next_random() % 13 : 32 + next_random() % 33);
		random_bytes(net->addr, sizeof(net->addr));
		if (v4)
			memcpy(net->addr, (const uint8_t[12]){[10] = 0xff, [11] = 0xff}, 12);
		for (unsigned bit = net->bits; bit < 128; bit++)
			net->addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	}
	if (acl_new(&lists, NULL, &a, NULL) != 0)
		exit(1);
	free(nets);
	return a;
}

static void look_up(void *arg)
{
	struct lookups *l = arg;

	for (size_t i = 0; i < LOOKUPS; i++)
		l->denied += acl_denies(l->acl, &l->clients[i].sa);
}

/* The tables leave the cache; the clients' addresses would be there in a proxy. */
static void forget(void *arg)
{
	struct lookups *l = arg;

	memset(l->wipe, (int)l->denied, WIPE);
}

/* Few of them, so that hardly any warms the table for the next one. */
static void look_up_cold(void *arg)
{
	struct lookups *l = arg;

	for (size_t i = 0; i < 64; i++)
		l->denied += acl_denies(l->acl, &l->clients[i].sa);
}

static void measure(bool v4, const char *warm, const char *cold)
{
	struct lookups l = {.acl = make_acl(v4)};

	l.clients = micro_need(calloc(LOOKUPS, sizeof(*l.clients)));
	l.wipe = micro_need(malloc(WIPE));
	for (size_t i = 0; i < LOOKUPS; i++) {
		l.clients[i].sa.sa_family = v4 ? AF_INET : AF_INET6;
		if (v4)
			random_bytes((uint8_t *)&l.clients[i].in4.sin_addr, 4);
		else
			random_bytes(l.clients[i].in6.sin6_addr.s6_addr, 16);
	}
	micro_best(warm, LOOKUPS, NULL, look_up, &l);
	micro_best(cold, 64, forget, look_up_cold, &l);
	acl_put(l.acl);
	free(l.clients);
	free(l.wipe);
}

int main(void)
{
	measure(true, "acl: 100,000 of IPv4", "acl: IPv4, out of the cache");
	measure(false, "acl: 100,000 of IPv6", "acl: IPv6, out of the cache");
	return 0;
}
