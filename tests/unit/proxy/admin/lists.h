/* lists: inventories of real snapshots, for tests of what admin makes of them. They are held by the test until its
 * end. */
#ifndef TESTS_UNIT_PROXY_ADMIN_LISTS_H
#define TESTS_UNIT_PROXY_ADMIN_LISTS_H

#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/policy/inventory.h"
#include "proxy/policy/registry.h"
#include "proxy/policy/snapshot.h"
#include "proxy/upstream/server.h"
#include "tests/kit/kit.h"

#define WORKERS 2
#define WEB     "  - {name: web, bind: \":80\", upstream: app}\n"
#define MAIL    "  - {name: mail, bind: \":81\", upstream: app}\n"
#define BOTH    "listeners:\n" WEB MAIL "upstreams:\n  - {name: app, servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"]}\n"
#define SECOND_ALONE "listeners:\n" MAIL "upstreams:\n  - {name: app, servers: [\"10.0.0.2:80\"]}\n"
#define THIRD_ALONE "listeners:\n" MAIL "upstreams:\n  - {name: app, servers: [\"10.0.0.3:80\"]}\n"
#define LISTS   8

static struct lists {
	struct registry registry;
	struct inventory_reader reader;
	struct snapshot *snap[LISTS];
	struct inventory *inv[LISTS];
	unsigned n;
} lists;

/* What a configuration has, after the ones before. */
static inline struct inventory *list_of(const char *text)
{
	static const struct inventory_process process = {.version = "1"};
	struct diag *d = diag_new();
	struct config *c = NULL;
	char room[256];
	struct text why;
	unsigned i = lists.n++;

	text_init(&why, room, sizeof(room));
	CHECK(i < LISTS, "room for the lists of a test");
	CHECK(d != NULL && config_parse("test", text, strlen(text), &c, d) == 0, "a config");
	CHECK(snapshot_new(&lists.registry, c, i > 0 ? lists.snap[i - 1] : NULL, &lists.snap[i], &why) == 0,
	      "a snapshot");
	snapshot_enact(lists.snap[i], 1000);
	lists.inv[i] = inventory_new(&lists.registry, lists.snap[i], &process);
	assert_non_null(lists.inv[i]);
	lists.inv[i]->reader = &lists.reader;
	lists.inv[i]->holds = 1;
	diag_free(d);
	return lists.inv[i];
}

static inline int lists_begin(void **state)
{
	(void)state;
	memset(&lists, 0, sizeof(lists));
	return registry_init(&lists.registry, WORKERS);
}

/* Nobody else holds one any more. */
static inline int lists_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < lists.n; i++) {
		assert_int_equal(lists.inv[i]->holds, 1); /* what was held is dropped */
		lists.inv[i]->holds = 0;
		inventory_free(lists.inv[i]);
		snapshot_free(lists.snap[i]);
	}
	registry_fini(&lists.registry);
	return 0;
}

#define LISTS_TEST(name) cmocka_unit_test_setup_teardown(name, lists_begin, lists_end)

#endif
