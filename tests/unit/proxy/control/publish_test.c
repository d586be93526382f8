/* publish: each publication reaches the reader, and comes back, though a load has the registry; O17: while there is
 * a reader, bytes of live connections are in the numbers soon. */
#include "proxy/control/publish.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/conn/conn.h"
#include "proxy/control/control.h"
#include "proxy/policy/inventory.h"
#include "tests/kit/kit.h"

#define CONFIG                                                  \
	"listeners:\n"                                          \
	"  - {name: web, bind: \":80\", upstream: app}\n"       \
	"upstreams:\n"                                          \
	"  - {name: app, servers: [\"10.0.0.1:80\"]}\n"

static struct scene {
	struct process *p;
	struct inventory_reader reader;
	struct conn *conn;
	bool go, stop, read; /* atomic */
	uint64_t generation; /* atomic: that the reader sees */
	uint64_t bytes;      /* atomic: of the live connection, as it sees them */
	const char *problem;
} scene;

static struct snapshot *make(void)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	struct snapshot *s = NULL;
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	CHECK(d != NULL && config_parse("test", CONFIG, strlen(CONFIG), &c, d) == 0, "a config");
	CHECK(snapshot_new(&scene.p->registry, c, NULL, &s, &why) == 0, "a snapshot");
	diag_free(d);
	snapshot_enact(s, 1000);
	return s;
}

/* The reader's coroutine: one scrape after the other. */
static void read_main(void *arg)
{
	struct listener_stats total;
	struct inventory *inv;

	(void)arg;
	while (!__atomic_load_n(&scene.go, __ATOMIC_ACQUIRE))
		np_yield();
	while (!__atomic_load_n(&scene.stop, __ATOMIC_ACQUIRE)) {
		inv = inventory_hold(&scene.reader);
		if (inv != NULL) {
			inventory_totals(inv, &total);
			__atomic_store_n(&scene.bytes, total.bytes_in, __ATOMIC_RELAXED);
			__atomic_store_n(&scene.generation, inv->generation, __ATOMIC_RELAXED);
			inventory_drop(inv);
		}
		np_sleep(NP_MS);
	}
	__atomic_store_n(&scene.read, true, __ATOMIC_RELEASE);
}

static void nothing(void *arg)
{
	(void)arg;
}

static bool sees_generation(uint64_t generation)
{
	int64_t deadline = np_deadline_after(20 * NP_S);

	while (np_nanotime() < deadline) {
		if (__atomic_load_n(&scene.generation, __ATOMIC_RELAXED) == generation)
			return true;
		np_sleep(NP_MS);
	}
	return false;
}

static void add_conn(struct shard *s, void *arg)
{
	struct process *p = arg;
	struct conn *c = calloc(1, sizeof(*c));

	CHECK(c != NULL, "memory for a connection");
	c->magic = CONN_MAGIC;
	c->phase = CONN_RELAYING;
	c->shard = s;
	c->listener = &p->snap->listeners[0];
	c->server = p->snap->targets[0].upstream->members->at[0].server;
	c->dir[0].bytes = 160;
	list_push_back(&s->conns, &c->link);
	__atomic_store_n(&s->nconns, 1, __ATOMIC_RELAXED);
	scene.conn = c;
}

static void drop_conn(struct shard *s, void *arg)
{
	(void)arg;
	list_remove(&scene.conn->link);
	__atomic_store_n(&s->nconns, 0, __ATOMIC_RELAXED);
	free(scene.conn);
}

static const char *publications_arrive(struct process *p)
{
	p->version = "1.0";
	publish_to(p, &scene.reader, true);
	if (!sees_generation(1))
		return "the current one";
	snapshot_enact(p->snap, 1000);
	publish_again(p);
	registry_lend(&p->registry); /* a load begins before the older one is back */
	if (!sees_generation(2))
		return "the next one";
	while (list_empty(&p->registry.returned))
		np_sleep(NP_MS);
	if (p->registry.inventories != 2)
		return "one that is back waits while the registry is lent";
	registry_reclaim(&p->registry);
	return p->registry.inventories == 1 ? NULL : "one that is back is freed";
}

static const char *bytes_are_told(struct process *p)
{
	int64_t deadline = np_deadline_after(20 * NP_S);

	shard_call(&p->shards[0], add_conn, p);
	while (__atomic_load_n(&scene.bytes, __ATOMIC_RELAXED) != 160 && np_nanotime() < deadline)
		np_sleep(NP_MS);
	shard_call(&p->shards[0], drop_conn, p);
	return __atomic_load_n(&scene.bytes, __ATOMIC_RELAXED) == 160 ? NULL : "bytes of a live connection";
}

static void control_main(void *arg)
{
	const struct np_worker_opts worker = {.name = "worker 0", .id = 0, .cpu = -1, .main = nothing};
	const struct np_worker_opts reader = {.name = "reader", .id = 9, .cpu = -1, .main = read_main};
	struct process *p = arg;
	struct np_worker *there;

	p->registry.control = np_self();
	CHECK(np_worker_start(&p->workers[0], &worker) == 0, "a worker starts");
	CHECK(np_worker_start(&there, &reader) == 0, "a worker starts");
	p->nworkers = 1;
	p->shards[0].worker = p->workers[0];
	scene.reader.worker = there;
	__atomic_store_n(&scene.go, true, __ATOMIC_RELEASE);
	p->snap = make();
	scene.problem = publications_arrive(p);
	if (scene.problem == NULL)
		scene.problem = bytes_are_told(p);
	__atomic_store_n(&scene.stop, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&scene.read, __ATOMIC_ACQUIRE))
		np_sleep(NP_MS);
	publish_end(p, &scene.reader);
	publish_end(p, &scene.reader); /* harmless */
	publish_stop(p);
	if (scene.problem == NULL && p->registry.inventories != 0)
		scene.problem = "at the end all are back";
	np_worker_stop(there);
	np_worker_join(there);
	np_worker_stop(p->workers[0]);
	np_worker_join(p->workers[0]);
	p->snap = snapshot_free(p->snap);
}

static void o17_publications_and_bytes_reach_the_reader(void **state)
{
	struct np_worker_opts control = {.name = "control", .id = UINT16_MAX, .cpu = -1, .main = control_main};
	struct process *p = aligned_alloc(_Alignof(struct process), sizeof(*p));
	struct np_worker *workers[1];

	(void)state;
	assert_non_null(p);
	memset(p, 0, sizeof(*p));
	scene.p = p;
	control.arg = p;
	assert_int_equal(registry_init(&p->registry, 1), 0);
	p->shards = aligned_alloc(_Alignof(struct shard), sizeof(*p->shards));
	assert_non_null(p->shards);
	assert_int_equal(shard_init(p->shards, 0, &p->limit), 0);
	p->nshards = 1;
	p->workers = workers;
	assert_int_equal(np_run(&control), 0);
	if (scene.problem != NULL)
		fail_msg("%s", scene.problem);
	registry_fini(&p->registry);
	shard_fini(p->shards);
	free(p->shards);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o17_publications_and_bytes_reach_the_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
