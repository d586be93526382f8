/* Limits of servers are exact, over two workers, whatever ends connections and whatever changes meanwhile: E42, E43,
 * E72, F59. As counted at the servers no one ever has more than max_connections; at the end no slot is lost. Clients
 * are served in the order in which they came, as far as that is seen from outside; who waits behind whom to the last
 * place is semantics_queue_test.c's.
 *
 * EXACT_CONNECTIONS=1000000 is the whole count; EXACT_SEED=n gives the plans of another run again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/exact/exact.h"
#include "tests/flow/kit/control.h"
#include "tests/unit/proxy/resolve/name_server.h"

#define CONNECTIONS 20000
#define MS          INT64_C(1000000)
#define PATIENCE    (1000 * MS) /* a worker under load may be as late with a client; who is last served waits on */
#define CHANGE_MS   150 /* from one change to the next */

static uint64_t seed;

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *given = getenv(name);

	return given != NULL ? strtoull(given, NULL, 0) : otherwise;
}

/* ---- the name, which has one or both of the last two servers ---- */

static const char *named[2]; /* under name_server_lock */

static void answer_named(struct name_server *s, const struct name_asked *q, struct reply *r)
{
	(void)s;
	reply_rcode(r, 0);
	for (int i = 0; q->type == REPLY_A && i < 2; i++)
		if (named[i] != NULL)
			reply_addr(r, q->name, 1, named[i]);
}

/* ---- the set-up ---- */

struct world {
	struct kit_staunch *s;
	int port, fds, generation;
	char ip[EXACT_SERVERS][64];
	struct exact_servers servers;
	struct exact_clients clients;
	struct name_server names;
	uint64_t random;
	unsigned changes;
};

static void name_has(struct world *w, bool third, bool fourth)
{
	pthread_mutex_lock(&name_server_lock);
	named[0] = third ? w->ip[2] : NULL;
	named[1] = fourth ? w->ip[3] : NULL;
	pthread_mutex_unlock(&name_server_lock);
}

/* Each has all keys that a reload may change; every second one does without the second server. */
static const char *config_of(const struct world *w, unsigned n)
{
	static const char *const balances[] = {"round_robin", "least_conn", "random_two"};
	const char *second = "";

	if (n % 2 == 0)
		second = textf("{address: \"%s:%d\", max_connections: 3}, ", w->ip[1], w->servers.port);

	return textf("workers: 2\nlog: {access: off}\ncontrol: {socket: \"%s\"}\nshutdown: {timeout: 1s}\n"
		     "dns: {servers: \"%s\", min_ttl: 1s}\n"
		     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n  - name: app\n    balance: %s\n    retries: %u\n    timeouts: {queue: 30s}\n"
		     "    servers: [{address: \"%s:%d\", max_connections: 3}, %s"
		     "{address: \"app.test:%d\", max_connections: 3}]\n",
		     control_socket(), w->names.text, kit_ip(0), w->port, balances[n % array_len(balances)], 1 + n % 4,
		     w->ip[0], w->servers.port, second, w->servers.port);
}

static void start(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->port = kit_port(kit_ip(0));
	w->random = seed;
	for (int i = 0; i < EXACT_SERVERS; i++) {
		snprintf(w->ip[i], sizeof(w->ip[i]), "%s", kit_ip(i + 1));
		w->servers.ip[i] = w->ip[i];
	}
	w->servers.port = kit_port(w->ip[0]);
	w->servers.seed = exact_random(&w->random);
	exact_servers_start(&w->servers);
	w->names = (struct name_server){.script = answer_named};
	name_has(w, true, true);
	name_server_start(&w->names);
	w->s = kit_staunch_start(config_of(w, 0));
	w->generation = 1;
	w->fds = kit_proc_fds(w->s->child->pid);
	w->clients = (struct exact_clients){
		.ip = kit_ip(0), .port = w->port, .era = 1, .patience = PATIENCE, .seed = exact_random(&w->random)};
}

static void end(struct world *w)
{
	kit_proc_wait_fds(w->s->child->pid, w->fds);
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
	name_server_stop(&w->names);
	exact_servers_stop(&w->servers);
}

/* ---- what is true ---- */

static uint64_t sum_of(const struct world *w, size_t offset)
{
	uint64_t sum = 0;

	for (int i = 0; i < EXACT_SERVERS; i++)
		sum += exact_get((const uint64_t *)(const void *)((const char *)&w->servers.at[i] + offset));
	return sum;
}

#define SUM_OF(w, field) sum_of(w, offsetof(struct exact_tally, field))

static void tell(const struct world *w, int64_t ms)
{
	const struct exact_clients *c = &w->clients;

	print_message("%llu connections in %lld ms: %llu had a server, %llu of them after more than 1 ms, and the last "
		      "after %lld ms, %llu went before; %llu accepted; %u changes\n",
		      (unsigned long long)c->over, (long long)ms, (unsigned long long)c->greeted,
		      (unsigned long long)c->waited, (long long)(c->longest / MS), (unsigned long long)c->gone,
		      (unsigned long long)SUM_OF(w, accepted), w->changes);
	print_message("at a time %llu, %llu, %llu and %llu of 3 at most; %llu times an end was late; %llu over the "
		      "limit\n",
		      (unsigned long long)w->servers.at[0].most, (unsigned long long)w->servers.at[1].most,
		      (unsigned long long)w->servers.at[2].most, (unsigned long long)w->servers.at[3].most,
		      (unsigned long long)SUM_OF(w, doubted), (unsigned long long)SUM_OF(w, over));
}

static void expect_exact(const struct world *w)
{
	assert_int_equal(SUM_OF(w, over), 0);
	for (int i = 0; i < EXACT_SERVERS; i++)
		assert_int_equal(w->servers.at[i].most, EXACT_LIMIT);
	assert_int_equal(w->clients.refused, 0);
	assert_int_equal(w->clients.overtaken, 0);
	assert_int_equal(w->clients.over, w->clients.total);
	assert_int_equal(w->clients.greeted + w->clients.gone, w->clients.total);
}

static bool is_idle(void *arg)
{
	const char *page = control_expect(200, "GET /metrics", ""), *p = page;
	unsigned servers = 0;

	for (; (p = strstr(p, "staunch_upstream_connections_active{")) != NULL; p = strchr(p, '\n'), servers++)
		if (strncmp(strchr(p, '}'), "} 0\n", 4) != 0)
			return false;
	return servers == *(unsigned *)arg &&
	       strstr(page, "staunch_upstream_queue_length{upstream=\"app\"} 0\n") != NULL;
}

/* Every slot is there: as many as the limit says of each server, and not one more. */
static void expect_all_slots(struct world *w)
{
	int fd[EXACT_SERVERS * EXACT_LIMIT + 1], had[EXACT_SERVERS] = {0};
	char byte;

	for (int i = 0; i < EXACT_SERVERS * EXACT_LIMIT; i++) {
		fd[i] = kit_connect(kit_ip(0), w->port);
		assert_int_equal(kit_io_read(fd[i], &byte, 1), 1);
		had[byte - '0']++;
	}
	for (int i = 0; i < EXACT_SERVERS; i++)
		assert_int_equal(had[i], EXACT_LIMIT);
	fd[EXACT_SERVERS * EXACT_LIMIT] = kit_connect(kit_ip(0), w->port);
	assert_int_equal(recv(fd[EXACT_SERVERS * EXACT_LIMIT], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	kit_reset(fd[0]);
	assert_int_equal(kit_io_read(fd[EXACT_SERVERS * EXACT_LIMIT], &byte, 1), 1);
	for (int i = 1; i <= EXACT_SERVERS * EXACT_LIMIT; i++)
		kit_reset(fd[i]);
}

/* ---- what changes ---- */

static void reload(struct world *w, unsigned variant)
{
	uint32_t era = __atomic_exchange_n(&w->clients.era, 0, __ATOMIC_SEQ_CST);

	w->generation = generation_from(w->s, w->generation + 1, config_of(w, variant));
	__atomic_store_n(&w->clients.era, era + 1, __ATOMIC_SEQ_CST);
}

static bool are_over(void *arg)
{
	const struct exact_clients *c = arg;

	return exact_get(&c->over) >= c->total;
}

static void change(struct world *w)
{
	unsigned lot = (unsigned)(exact_random(&w->random) >> 8);

	if (lot % 3 == 0)
		name_has(w, lot % 2 == 0, lot % 2 != 0 || lot % 4 == 0);
	else
		reload(w, 1 + lot % 1000 * 2 + (w->changes & 1));
	w->changes++;
}

/* ---- the rows ---- */

static void e42_e43_e72_never_above_and_none_lost(void **state)
{
	struct world w;
	int64_t began = kit_now_ms();
	unsigned four = EXACT_SERVERS;

	(void)state;
	start(&w);
	w.clients.total = from_environment("EXACT_CONNECTIONS", CONNECTIONS);
	w.clients.at_once = 60;
	w.clients.hold = 5 * MS;
	exact_clients_start(&w.clients);
	while (!kit_wait(are_over, &w.clients, CHANGE_MS))
		change(&w);
	exact_clients_join(&w.clients);
	tell(&w, kit_now_ms() - began);
	name_has(&w, true, true);
	reload(&w, 0);
	assert_true(kit_wait(is_idle, &four, KIT_MS));
	expect_exact(&w);
	__atomic_store_n(&w.servers.calm, 1, __ATOMIC_RELAXED);
	expect_all_slots(&w);
	assert_true(kit_wait(is_idle, &four, KIT_MS));
	end(&w);
}

/* E42: a long queue: who was passed over and over would wait in it to the end. */
static void e42_in_the_order_in_which_they_came(void **state)
{
	struct world w;
	int64_t began = kit_now_ms();

	(void)state;
	start(&w);
	w.clients.total = from_environment("EXACT_CONNECTIONS", CONNECTIONS) / 10;
	w.clients.at_once = 400;
	w.clients.hold = 30 * MS;
	w.clients.all_hold = true;
	exact_clients_start(&w.clients);
	exact_clients_join(&w.clients);
	tell(&w, kit_now_ms() - began);
	assert_true(w.clients.longest > 100 * MS);
	expect_exact(&w);
	end(&w);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e42_e43_e72_never_above_and_none_lost),
		TEST(e42_in_the_order_in_which_they_came),
	};

	seed = from_environment("EXACT_SEED", (uint64_t)kit_now_ms());
	print_message("EXACT_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests_name("upstream_exact", tests, NULL, NULL);
}
