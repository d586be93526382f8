/* snapshot: what a generation takes over from the one before, what is its own, and when it goes. */
#include "proxy/policy/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/creds/tls_ticket_file.h"
#include "proxy/tls/tls_ctx.h"
#include "tests/kit/cert.h"
#include "tests/kit/kit.h"

#define WORKERS 2
#define APP     "  - {name: app, servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"]}\n"
#define API     "  - {name: api, servers: [\"10.0.0.3:80\"]}\n"
#define WEB     "  - {name: web, bind: \":80\", upstream: app, max_connections: 7}\n"
#define ADMIN   "  - {name: admin, bind: \":81\", upstream: api, at_limit: wait, max_connections: 3}\n"
#define BOTH    "listeners:\n" WEB ADMIN "upstreams:\n" APP API

static struct registry registry;

static int open_registry(void **state)
{
	(void)state;
	return registry_init(&registry, WORKERS);
}

/* The registry's own check: nothing outlives it. */
static int close_registry(void **state)
{
	(void)state;
	registry_fini(&registry);
	return 0;
}

static struct config *parse(const char *text)
{
	struct diag *d = diag_new();
	struct config *c = NULL;

	assert_non_null(d);
	assert_int_equal(config_parse("test", text, strlen(text), &c, d), 0);
	diag_free(d);
	return c;
}

static struct snapshot *make(const char *text, const struct snapshot *prev)
{
	struct snapshot *s;
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	assert_int_equal(snapshot_new(&registry, parse(text), prev, &s, &why), 0);
	return s;
}

static void freezes_the_config(void **state)
{
	struct snapshot *s = make(BOTH "shutdown: {delay: 2s, timeout: off}\n", NULL);
	const struct listener *web = &s->listeners[0], *admin = &s->listeners[1];

	(void)state;
	assert_int_equal(s->nlisteners, 2);
	assert_int_equal(s->nupstreams, 2);
	assert_string_equal(web->name, "web");
	assert_string_equal(web->targets[0]->upstream->name, "app");
	assert_string_equal(admin->targets[0]->upstream->name, "api");
	assert_ptr_equal(web->snap, s);
	assert_false(web->wait_at_limit);
	assert_true(admin->wait_at_limit);
	assert_true(web->idle == 3600 * NP_S && web->half_close == 60 * NP_S && web->linger == 5 * NP_S);
	assert_true(web->lifetime == INT64_MAX);
	assert_true(s->shutdown_delay == 2 * NP_S && s->shutdown_timeout == INT64_MAX);
	snapshot_free(s);
}

static void numbered_when_enacted(void **state)
{
	struct snapshot *a = make(BOTH, NULL), *refused = make(BOTH, a), *b = make(BOTH, a);

	(void)state;
	snapshot_enact(a, 1000);
	snapshot_free(refused);
	snapshot_enact(b, 1000);
	assert_int_equal(a->generation, 1);
	assert_int_equal(b->generation, 2);
	snapshot_free(a);
	snapshot_free(b);
}

/* A generation's limits are its own: the next one does not change them. */
static void limits_belong_to_a_generation(void **state)
{
	struct snapshot *a = make(BOTH, NULL), *b;

	(void)state;
	snapshot_enact(a, 1000);
	assert_int_equal(a->max_connections, 1000);
	assert_int_equal(a->listeners[0].max_connections, 7);
	assert_int_equal(a->listeners[1].max_connections, 3);
	b = make("listeners:\n  - {name: web, bind: \":80\", upstream: app}\nupstreams:\n" APP, a);
	snapshot_enact(b, 2000);
	assert_int_equal(b->max_connections, 2000);
	assert_int_equal(b->listeners[0].max_connections, UINT32_MAX);
	assert_ptr_equal(b->listeners[0].counts, a->listeners[0].counts);
	assert_int_equal(a->max_connections, 1000);
	assert_int_equal(a->listeners[0].max_connections, 7);
	snapshot_free(a);
	snapshot_free(b);
}

/* ---- taken over ------------------------------------------------------------------------------ */

static const struct change_row {
	const char *what, *text;
	bool same_app, same_api;
} changes[] = {
	{"nothing", BOTH, true, true},
	{"a listener", "listeners:\n  - {name: web, bind: \":82\", upstream: app}\n" ADMIN "upstreams:\n" APP API,
	 true, true},
	{"the order of upstreams", "listeners:\n" WEB ADMIN "upstreams:\n" API APP, true, true},
	{"a weight", "listeners:\n" WEB ADMIN "upstreams:\n" APP
	 "  - {name: api, servers: [{address: \"10.0.0.3:80\", weight: 2}]}\n", true, false},
	{"the balance", "listeners:\n" WEB ADMIN "upstreams:\n" API
	 "  - {name: app, balance: least_conn, servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"]}\n", false, true},
	{"a server more", "listeners:\n" WEB ADMIN "upstreams:\n" APP
	 "  - {name: api, servers: [\"10.0.0.3:80\", \"10.0.0.4:80\"]}\n", true, false},
};

static const struct upstream *upstream_at(const struct snapshot *s, const char *listener)
{
	for (unsigned i = 0; i < s->nlisteners; i++)
		if (strcmp(s->listeners[i].name, listener) == 0)
			return s->listeners[i].targets[0]->upstream;
	return NULL;
}

static void unchanged_upstreams_are_shared(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(changes); i++) {
		const struct change_row *r = &changes[i];
		struct snapshot *a = make(BOTH, NULL), *b = make(r->text, a);

		if ((upstream_at(a, "web") == upstream_at(b, "web")) != r->same_app)
			fail_msg("%s: app", r->what);
		if ((upstream_at(a, "admin") == upstream_at(b, "admin")) != r->same_api)
			fail_msg("%s: api", r->what);
		snapshot_free(a);
		assert_string_equal(upstream_at(b, "web")->name, "app"); /* not freed with a */
		snapshot_free(b);
	}
}

static void counts_belong_to_names(void **state)
{
	struct snapshot *a = make(BOTH, NULL), *b;

	(void)state;
	snapshot_enact(a, 1000);
	assert_true(limit_take(&a->listeners[0].counts->limit, 7));
	b = make("listeners:\n" ADMIN "  - {name: web, bind: \":99\", upstream: api}\nupstreams:\n" API, a);
	assert_ptr_equal(b->listeners[1].counts, a->listeners[0].counts);
	assert_int_equal(limit_used(&b->listeners[1].counts->limit), 1);
	snapshot_free(a);
	limit_give(&b->listeners[1].counts->limit);
	snapshot_free(b);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* How many snapshots are alive after each step. */
static struct scene {
	struct snapshot *a, *b;
	unsigned alive[5];
} scene;

struct turn {
	struct np_msg msg;
	struct np_event over;
};

static void end_turn(struct np_msg *m)
{
	np_event_set(&container_of(m, struct turn, msg)->over);
}

/* Until all that was posted to this worker before has been seen to. */
static void turn(void)
{
	struct turn t = {.msg.fn = end_turn};

	np_post(np_self(), &t.msg);
	np_event_wait(&t.over);
}

static void use_script(void *arg)
{
	unsigned *alive = scene.alive;

	(void)arg;
	registry.control = np_self();
	for (unsigned w = 0; w < WORKERS; w++)
		snapshot_hold(scene.a, w); /* every worker's current one, */
	snapshot_hold(scene.a, 1);         /* and a connection's */
	snapshot_drop(scene.a, 0);
	turn();
	*alive++ = registry.snapshots;
	snapshot_drop(scene.a, 1);
	turn();
	*alive++ = registry.snapshots;
	snapshot_drop(scene.a, 1); /* the connection has ended */
	*alive++ = registry.snapshots; /* not yet: its last user may still look at it */
	turn();
	*alive++ = registry.snapshots;
	for (unsigned w = 0; w < WORKERS; w++)
		snapshot_hold(scene.b, w);
	for (unsigned w = 0; w < WORKERS; w++)
		snapshot_drop(scene.b, w);
	turn();
	*alive++ = registry.snapshots;
}

static void last_user_of_the_last_worker_ends_it(void **state)
{
	const struct np_worker_opts o = {.name = "control", .cpu = -1, .main = use_script};
	static const unsigned alive[] = {2, 2, 2, 1, 0};

	(void)state;
	scene.a = make(BOTH, NULL);
	scene.b = make(BOTH, scene.a);
	assert_int_equal(np_run(&o), 0);
	assert_memory_equal(scene.alive, alive, sizeof(alive));
}

/* ---- ticket keys ----------------------------------------------------------------------------- */

/* A listener whose tickets' keys lie in this file of the test's directory. */
static const char *with_tickets(const char *file, const char *rotate)
{
	static struct kit_cert *leaf;
	static char text[2048];
	char cert[KIT_PATH], key[KIT_PATH];

	if (leaf == NULL)
		leaf = kit_cert_make(&(struct kit_cert_opts){.cn = "a.test"});
	kit_cert_write(leaf, "a.pem", cert);
	kit_cert_write_key(leaf, "a.key", NULL, key);
	snprintf(text, sizeof(text),
		 "listeners:\n  - name: web\n    bind: \":80\"\n    upstream: app\n    tls:\n"
		 "      certificates: [{cert: \"%s\", key: \"%s\"}]\n"
		 "      session_tickets: {keys: \"%s/%s\", rotate: %s, lifetime: 1m}\nupstreams:\n" APP,
		 cert, key, kit_dir(), file, rotate);
	return text;
}

static unsigned ticket_entries(void)
{
	unsigned n = 0;

	list_for_each(it, &registry.tickets)
		n++;
	return n;
}

static bool is_due(struct snapshot *s, int64_t in_seconds)
{
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	return tls_ticket_keys_refresh(s->listeners[0].tls[0]->keys, (int64_t)time(NULL) + in_seconds, &why) == 1;
}

/* Its pace does not count, its own keys are forgotten, and what lay in a file is not touched. */
static void a_refused_one_leaves_ticket_keys(void **state)
{
	struct tls_keys old = {.rotated = 1000}, now;
	struct snapshot *a = make(with_tickets("one", "10h"), NULL), *refused;
	char path[KIT_PATH], room[256];
	struct text why;

	(void)state;
	text_init(&why, room, sizeof(room));
	snapshot_enact(a, 1000);
	refused = make(with_tickets("one", "5m"), a);
	snapshot_free(refused);
	assert_false(is_due(a, 3600));
	snprintf(path, sizeof(path), "%s/two", kit_dir());
	memset(old.key, 7, sizeof(old.key));
	assert_int_equal(tls_keys_save(path, &old, true, &why), 0);
	refused = make(with_tickets("two", "5m"), a);
	snapshot_free(refused);
	assert_int_equal(ticket_entries(), 1);
	assert_int_equal(tls_keys_load(path, &now, &why), 0);
	assert_memory_equal(&now, &old, sizeof(now));
	snapshot_free(a);
}

/* In force: the pace at once, keys that are long due as well; and they stay when no listener names
 * them any more. */
static void enacted_ticket_keys(void **state)
{
	struct tls_keys old = {.rotated = 1000}, now;
	struct snapshot *a, *b;
	char path[KIT_PATH], room[256];
	struct text why;

	(void)state;
	text_init(&why, room, sizeof(room));
	snprintf(path, sizeof(path), "%s/one", kit_dir());
	memset(old.key, 7, sizeof(old.key));
	assert_int_equal(tls_keys_save(path, &old, true, &why), 0);
	a = make(with_tickets("one", "10h"), NULL);
	snapshot_enact(a, 1000);
	tls_ticket_keys_read(a->listeners[0].tls[0]->keys, &now);
	assert_memory_not_equal(now.key, old.key, sizeof(now.key[0]));
	b = make(with_tickets("one", "5m"), a);
	snapshot_enact(b, 1000);
	snapshot_free(a);
	assert_true(is_due(b, 300));
	a = make(BOTH, b);
	snapshot_enact(a, 1000);
	snapshot_free(b);
	snapshot_free(make(BOTH, a));
	assert_int_equal(ticket_entries(), 1);
	snapshot_free(a);
}

static int close_all(void **state)
{
	close_registry(state);
	return kit_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(freezes_the_config, open_registry, close_registry),
		cmocka_unit_test_setup_teardown(numbered_when_enacted, open_registry, close_registry),
		cmocka_unit_test_setup_teardown(limits_belong_to_a_generation, open_registry, close_registry),
		cmocka_unit_test_setup_teardown(unchanged_upstreams_are_shared, open_registry, close_registry),
		cmocka_unit_test_setup_teardown(counts_belong_to_names, open_registry, close_registry),
		cmocka_unit_test_setup_teardown(last_user_of_the_last_worker_ends_it, open_registry, close_registry),
		cmocka_unit_test_setup_teardown(a_refused_one_leaves_ticket_keys, open_registry, close_all),
		cmocka_unit_test_setup_teardown(enacted_ticket_keys, open_registry, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
