/* inventory: O16: what goes on over a reload, what disappears, and that no total ever falls; O43: lists of one
 * publication, whole, and never a freed server, while a reader reads. */
#include "proxy/policy/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/policy/snapshot.h"
#include "tests/kit/kit.h"

#define WORKERS 2
#define WEB     "  - {name: web, bind: \":80\", upstream: app}\n"
#define ADMIN   "  - {name: admin, bind: \":81\", upstream: app}\n"
#define APP     "  - {name: app, servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"]}\n"
#define APP_1   "  - {name: app, servers: [\"10.0.0.1:80\"]}\n"
#define BOTH    "listeners:\n" WEB ADMIN "upstreams:\n" APP
#define FEWER   "listeners:\n" WEB "upstreams:\n" APP_1

static struct registry registry;
static const struct inventory_process process = {.version = "1"};

static int begin(void **state)
{
	(void)state;
	return registry_init(&registry, WORKERS);
}

static int end(void **state)
{
	(void)state;
	registry_fini(&registry);
	return 0;
}

static struct snapshot *make(const char *text, const struct snapshot *prev)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	struct snapshot *s = NULL;
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	CHECK(d != NULL && config_parse("test", text, strlen(text), &c, d) == 0, "a config");
	CHECK(snapshot_new(&registry, c, prev, &s, &why) == 0, "a snapshot");
	snapshot_enact(s, 1000);
	diag_free(d);
	return s;
}

static struct inventory *list(const struct snapshot *s)
{
	struct inventory *inv = inventory_new(&registry, s, &process);

	assert_non_null(inv);
	return inv;
}

/* What a scrape would show: -1: no series of its own. */
static int64_t listener_in(const struct inventory *inv, const char *name)
{
	for (unsigned i = 0; i < inv->nlisteners; i++)
		if (inv->listeners[i].listed && strcmp(inv->listeners[i].counts->name, name) == 0)
			return (int64_t)inv->listeners[i].counts->stats[0].bytes_in;
	return -1;
}

static int64_t server_in(const struct inventory *inv, const char *name)
{
	for (unsigned i = 0; i < inv->nservers; i++)
		if (inv->servers[i].listed && strcmp(inv->servers[i].server->name, name) == 0)
			return (int64_t)inv->servers[i].server->stats[0].bytes_in;
	return -1;
}

static uint64_t upstream_in(const struct inventory *inv)
{
	struct server_stats total;
	uint64_t retries;

	inventory_upstream_totals(inv, &inv->upstreams[0], &total, &retries);
	return total.bytes_in;
}

static uint64_t process_in(const struct inventory *inv)
{
	struct listener_stats total;

	inventory_totals(inv, &total);
	return total.bytes_in;
}

static void o16_lists_what_there_is(void **state)
{
	struct snapshot *s = make(BOTH, NULL);
	struct inventory *inv = list(s);

	(void)state;
	assert_int_equal(inv->nlisteners, 2);
	assert_string_equal(inv->listeners[0].counts->name, "web");
	assert_string_equal(inv->listeners[1].counts->name, "admin");
	assert_int_equal(inv->nupstreams, 1);
	assert_string_equal(inv->upstreams[0].live->name, "app");
	assert_int_equal(inv->upstreams[0].n, 2);
	assert_string_equal(inv->servers[1].server->text, "10.0.0.2:80");
	assert_int_equal(inv->generation, 1);
	assert_int_equal(inv->max_connections, 1000);
	assert_int_equal(inv->max_series, 10000);
	inventory_free(inv);
	snapshot_free(s);
}

/* A listener and a server go while a connection of each lives, and come back later. */
static void o16_over_reloads(void **state)
{
	struct snapshot *a = make(BOTH, NULL), *b, *c;
	struct inventory *was = list(a), *inv;
	struct server *second = a->targets[0].upstream->members->at[1].server;
	struct listener_counts *admin = a->listeners[1].counts;

	(void)state;
	assert_true(server_try_take(second, 0));
	STAT_ADD(&second->stats[0], bytes_in, 5);
	STAT_ADD(&admin->stats[0], bytes_in, 7);
	STAT_ADD(&a->listeners[0].counts->stats[0], bytes_in, 100);
	assert_int_equal(upstream_in(was), 5);
	assert_int_equal(process_in(was), 107);

	b = make(FEWER, a);
	inv = list(b); /* a lives: a connection has it */
	inventory_free(was);
	assert_int_equal(listener_in(inv, "web"), 100); /* goes on */
	assert_int_equal(listener_in(inv, "admin"), -1); /* disappears */
	assert_int_equal(server_in(inv, "app/10.0.0.2:80"), -1);
	STAT_ADD(&second->stats[0], bytes_in, 5); /* but its connection counts */
	STAT_ADD(&admin->stats[0], bytes_in, 7);
	assert_int_equal(upstream_in(inv), 10);
	assert_int_equal(process_in(inv), 114);

	server_release(second); /* the connection ends */
	snapshot_free(a);
	was = inv;
	inv = list(b);
	assert_int_equal(upstream_in(was), 10); /* both are read for a while */
	assert_int_equal(upstream_in(inv), 10);
	assert_int_equal(process_in(was), 114);
	assert_int_equal(process_in(inv), 114);

	c = make(BOTH, b); /* they return while the older list still has them */
	assert_ptr_not_equal(c->listeners[1].counts, admin);
	assert_ptr_not_equal(c->targets[0].upstream->members->at[1].server, second);
	inventory_free(was);
	was = inv;
	inv = list(c);
	inventory_free(was);
	assert_int_equal(listener_in(inv, "admin"), 0); /* at 0 */
	assert_int_equal(server_in(inv, "app/10.0.0.2:80"), 0);
	assert_int_equal(upstream_in(inv), 10); /* never falls */
	assert_int_equal(process_in(inv), 114);
	snapshot_free(b);
	inventory_free(inv);
	snapshot_free(c);
}

static void o16_returns_while_a_connection_lives(void **state)
{
	struct snapshot *a = make(BOTH, NULL), *b = make(FEWER, a), *c;
	struct inventory *inv = list(b), *again;

	(void)state;
	STAT_ADD(&a->listeners[1].counts->stats[0], bytes_in, 7);
	c = make(BOTH, b);
	again = list(c);
	inventory_free(inv);
	assert_int_equal(listener_in(again, "admin"), 7); /* goes on */
	assert_int_equal(process_in(again), 7);
	inventory_free(again);
	snapshot_free(a);
	snapshot_free(b);
	snapshot_free(c);
}

/* ---- a reader on a worker of its own ---- */

#ifdef NP_TSAN
#define SCRAPES_MIN 100
#else
#define SCRAPES_MIN 1000
#endif
#define PUBLICATIONS 1000
#define SCRAPERS     4

static struct scene {
	struct np_worker *there;
	struct inventory_reader reader;
	bool go, stop;    /* atomic */
	unsigned scrapes; /* atomic */
	unsigned running, wrong;
	struct np_event all_done;
} scene;

/* Whole: a publication has either both or the fewer. Names are read to see that they are there. */
static bool is_whole(const struct inventory *inv)
{
	unsigned listed = 0, servers = 0;

	for (unsigned i = 0; i < inv->nlisteners; i++)
		listed += inv->listeners[i].listed && strlen(inv->listeners[i].counts->name) > 2;
	for (unsigned i = 0; i < inv->nservers; i++)
		servers += inv->servers[i].listed && strlen(inv->servers[i].server->text) == 11;
	return inv->generation % 2 == 1 ? listed == 2 && servers == 2 : listed == 1 && servers == 1;
}

static void scrape(void *arg)
{
	uint64_t generation = 0, bytes = 0, total;
	struct inventory *inv;

	(void)arg;
	while (!__atomic_load_n(&scene.stop, __ATOMIC_ACQUIRE)) {
		inv = inventory_hold(&scene.reader);
		np_yield(); /* newer ones arrive meanwhile */
		if (inv == NULL)
			continue;
		total = upstream_in(inv) + process_in(inv);
		scene.wrong += !is_whole(inv) || inv->generation < generation || total < bytes;
		generation = inv->generation;
		bytes = total;
		__atomic_add_fetch(&scene.scrapes, 1, __ATOMIC_RELAXED);
		inventory_drop(inv);
		np_yield();
	}
	if (--scene.running == 0)
		np_event_set(&scene.all_done);
}

static void read_main(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&scene.go, __ATOMIC_ACQUIRE))
		np_yield();
	for (; scene.running < SCRAPERS; scene.running++)
		CHECK(np_go("scrape", scrape, NULL) == 0, "a stack for a scraper");
	np_event_wait(&scene.all_done);
}

static unsigned scrapes(void)
{
	return __atomic_load_n(&scene.scrapes, __ATOMIC_RELAXED);
}

/* The connections of a generation count, and end with it. */
static void count_some(struct snapshot *s)
{
	struct upstream *u = s->targets[0].upstream;

	for (unsigned i = 0; i < s->nlisteners; i++)
		STAT_ADD(&s->listeners[i].counts->stats[0], bytes_in, 3);
	for (unsigned i = 0; i < u->members->n; i++)
		STAT_ADD(&u->members->at[i].server->stats[0], bytes_in, 2);
}

static void publish_main(void *arg)
{
	const struct np_worker_opts o = {.name = "reader", .id = 1, .cpu = -1, .main = read_main};
	struct snapshot *s = make(BOTH, NULL), *old;

	(void)arg;
	registry.control = np_self();
	CHECK(np_worker_start(&scene.there, &o) == 0, "a worker starts");
	scene.reader.worker = scene.there;
	__atomic_store_n(&scene.go, true, __ATOMIC_RELEASE);
	for (unsigned i = 1; i <= PUBLICATIONS || scrapes() < SCRAPES_MIN; i++) {
		struct inventory *inv = inventory_new(&registry, s, &process);

		CHECK(inv != NULL, "memory for an inventory");
		inventory_post(inv, &scene.reader);
		count_some(s);
		old = s;
		s = make(i % 2 == 1 ? FEWER : BOTH, old);
		snapshot_free(old);
		np_yield();
	}
	__atomic_store_n(&scene.stop, true, __ATOMIC_RELEASE);
	np_worker_stop(scene.there);
	inventory_reader_close(&scene.reader);
	np_worker_join(scene.there);
	np_yield();
	snapshot_free(s);
}

static void o43_publications_while_four_scrape(void **state)
{
	const struct np_worker_opts o = {.name = "control", .id = 0, .cpu = -1, .main = publish_main};

	(void)state;
	memset(&scene, 0, sizeof(scene));
	assert_int_equal(np_run(&o), 0);
	assert_int_equal(scene.wrong, 0);
	assert_int_equal(registry.inventories, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(o16_lists_what_there_is, begin, end),
		cmocka_unit_test_setup_teardown(o16_over_reloads, begin, end),
		cmocka_unit_test_setup_teardown(o16_returns_while_a_connection_lives, begin, end),
		cmocka_unit_test_setup_teardown(o43_publications_while_four_scrape, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
