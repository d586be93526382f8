/* pick: a server is chosen and its slot given back, by each algorithm, with all servers alike and well; and what the
 * table of maglev costs. With two words, an algorithm and a number of servers, that one alone: for callgrind
 * --toggle-collect=upstream_pick. */
#include "tests/micro/micro.h"

#include <arpa/inet.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/upstream/maglev.h"
#include "proxy/upstream/upstream.h"

#define PICKS       20000
#define COLD_PICKS  200 /* the table has 2,049 lines, so hardly one is asked twice */
#define COLD_ROUNDS 9
#define SERVERS_MAX 1000
#define LINE        64
#define EVICTION    (128u << 20) /* bytes: more than a cache has */

static const struct {
	const char *word;
	enum balance balance;
} balances[] = {
	{"round_robin", BALANCE_ROUND_ROBIN},
	{"least_conn", BALANCE_LEAST_CONN},
	{"random_two", BALANCE_RANDOM_TWO},
	{"source_hash", BALANCE_SOURCE_HASH},
	{"maglev", BALANCE_MAGLEV},
};

static const unsigned sizes[] = {3, 100, 1000};

static uint64_t bits = 88172645463325252u;

/* The hash differs with each pick, as the lot does. */
static void pick_and_release(struct upstream *u)
{
	struct pick_args a = {.now = 1, .may_retry = true};
	struct server *s;

	bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
	a.hash = a.random = bits;
	CHECK(upstream_pick(u, &a, &s) == 0, "nobody is out or full");
	server_release(s);
}

static void pick_many(void *u)
{
	for (int i = 0; i < PICKS; i++)
		pick_and_release(u);
}

static struct upstream *upstream_of(struct server_registry *registry, enum balance balance, unsigned n)
{
	static struct server_spec servers[SERVERS_MAX];
	struct upstream_spec spec = {.name = "app", .balance = balance, .servers = servers, .nservers = n};

	CHECK(n <= SERVERS_MAX, "room for the servers");
	for (unsigned i = 0; i < n; i++) {
		servers[i] = (struct server_spec){.text = "a server", .weight = 1};
		servers[i].addr.len = sizeof(servers[i].addr.u.in4);
		servers[i].addr.u.in4.sin_family = AF_INET;
		servers[i].addr.u.in4.sin_addr.s_addr = htonl(0x0a000000 + i);
		servers[i].addr.u.in4.sin_port = htons(80);
	}
	return micro_need(upstream_new(&spec, registry));
}

static void measure(size_t which, unsigned n)
{
	struct server_registry *registry = micro_need(server_registry_new(1));
	struct upstream *u = upstream_of(registry, balances[which].balance, n);
	char name[64];

	snprintf(name, sizeof(name), "pick: %s of %u", balances[which].word, n);
	micro_best(name, PICKS, NULL, pick_many, u);
	upstream_free(u);
	server_registry_free(registry);
}

/* ---- the table of maglev ---- */

static void build_table(void *u)
{
	const struct members *all = ((struct upstream *)u)->members;

	free(micro_need(maglev_build(all->at, all->n)));
}

/* So much else is read that nothing of it is in a cache. */
static void evict(void)
{
	static char other[EVICTION];
	static volatile unsigned sum;

	if (other[0] == 0)
		memset(other, 1, sizeof(other));
	for (size_t i = 0; i < sizeof(other); i += LINE)
		sum += (unsigned char)other[i];
}

/* Nobody has picked for a while. Of servers that are warm only the table is not: upstream_view reads all of them. */
static void measure_cold(struct upstream *u, unsigned n, bool warm_servers)
{
	struct member_view *views = micro_need(calloc(n, sizeof(*views)));
	double best = 0;
	char name[64];

	for (unsigned i = 0; i < COLD_ROUNDS; i++) {
		int64_t began;
		double ns;

		evict();
		if (warm_servers)
			CHECK(upstream_view(u, &(struct pick_args){.now = 1}, views) == 0, "nobody is out");
		began = nanotime();
		for (unsigned k = 0; k < COLD_PICKS; k++)
			pick_and_release(u);
		ns = (double)(nanotime() - began) / COLD_PICKS;
		if (i == 0 || ns < best)
			best = ns;
	}
	snprintf(name, sizeof(name), "pick: maglev of %u, %s cold", n, warm_servers ? "table" : "all");
	micro_print(name, best, "ns");
	free(views);
}

static void measure_table(unsigned n)
{
	struct server_registry *registry = micro_need(server_registry_new(1));
	struct upstream *u = upstream_of(registry, BALANCE_MAGLEV, n);
	char name[64];

	measure_cold(u, n, true);
	measure_cold(u, n, false);
	snprintf(name, sizeof(name), "maglev: table of %u built", n);
	micro_best(name, 1, NULL, build_table, u);
	upstream_free(u);
	server_registry_free(registry);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < array_len(balances); i++) {
		if (argc == 3 && strcmp(argv[1], balances[i].word) == 0)
			measure(i, (unsigned)strtoul(argv[2], NULL, 10));
		for (size_t k = 0; argc != 3 && k < array_len(sizes); k++)
			measure(i, sizes[k]);
	}
	for (size_t k = 0; argc != 3 && k < array_len(sizes); k++)
		measure_table(sizes[k]);
	return 0;
}
