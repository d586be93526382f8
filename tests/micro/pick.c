/* pick: a server is chosen and its slot given back, by each algorithm, with all servers alike and well. With two words,
 * an algorithm and a number of servers, that one alone: for callgrind --toggle-collect=upstream_pick. */
#include "tests/micro/micro.h"

#include <arpa/inet.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/upstream/upstream.h"

#define PICKS       20000
#define SERVERS_MAX 1000

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

/* The hash differs with each pick, as the lot does. */
static void pick_and_release(void *arg)
{
	uint64_t x = 88172645463325252u;

	for (int i = 0; i < PICKS; i++) {
		struct pick_args a = {.now = 1, .may_retry = true};
		struct server *s;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		a.hash = a.random = x;
		CHECK(upstream_pick(arg, &a, &s) == 0, "nobody is out or full");
		server_release(s);
	}
}

static struct upstream *upstream_of(struct server_registry *registry, enum balance balance, unsigned n)
{
	static struct server_spec servers[SERVERS_MAX];
	struct upstream_spec spec = {.name = "app", .balance = balance, .servers = servers, .nservers = n};

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
	micro_best(name, PICKS, NULL, pick_and_release, u);
	upstream_free(u);
	server_registry_free(registry);
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = {3, 100};

	for (size_t i = 0; i < sizeof(balances) / sizeof(balances[0]); i++) {
		if (argc == 3 && strcmp(argv[1], balances[i].word) == 0)
			measure(i, (unsigned)strtoul(argv[2], NULL, 10));
		for (size_t k = 0; argc != 3 && k < sizeof(sizes) / sizeof(sizes[0]); k++)
			measure(i, sizes[k]);
	}
	return 0;
}
