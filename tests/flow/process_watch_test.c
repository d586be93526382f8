/* control.watch: a configuration that changes as a Kubernetes ConfigMap does, by a link in the middle of its path, is
 * loaded by itself. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define FAILED "staunch_config_last_reload_successful 0"
#define WORKED "staunch_config_last_reload_successful 1"

/* What a kubelet does: a directory for each state, a link to the one in force that is replaced by rename, and the file
 * is a link through that. */
static void swap(int n, const char *text)
{
	char path[KIT_PATH], from[KIT_PATH], to[KIT_PATH];

	snprintf(path, sizeof(path), "%s/state%d", kit_dir(), n);
	assert_int_equal(mkdir(path, 0755), 0);
	kit_file_write(textf("state%d/staunch.yaml", n), text, path);
	snprintf(from, sizeof(from), "%s/..next", kit_dir());
	snprintf(to, sizeof(to), "%s/..data", kit_dir());
	assert_int_equal(symlink(textf("state%d", n), from), 0);
	assert_int_equal(rename(from, to), 0);
}

struct world {
	struct kit_child *c;
	int port, server, swaps;
	const char *watch;
};

/* The configuration with a listener of this name. */
static void world_swap(struct world *w, const char *name)
{
	swap(w->swaps++,
	     textf("listeners: [{name: %s, bind: \"%s:%d\", upstream: u}]\n"
		   "upstreams: [{name: u, servers: [\"%s:%d\"]}]\n"
		   "log: {level: debug}\n"
		   "control: {socket: \"%s\", watch: %s}\n",
		   name, kit_ip(0), w->port, kit_ip(0), w->server, control_socket(), w->watch));
}

static struct world world_start(const char *watch)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct world w = {.port = kit_port(kit_ip(0)), .server = kit_peer_port(server), .watch = watch};
	char file[KIT_PATH];

	snprintf(file, sizeof(file), "%s/staunch.yaml", kit_dir());
	world_swap(&w, "first");
	assert_int_equal(symlink("..data/staunch.yaml", file), 0);
	w.c = kit_child_start("run", KIT_ARGV(kit_binary(), "run", "-c", file));
	kit_file_wait(w.c->err, "ready", 1);
	return w;
}

static void world_end(struct world *w)
{
	kit_child_signal(w->c, SIGTERM);
	assert_int_equal(kit_child_wait(w->c), 0);
}

static bool page_has(void *arg)
{
	const char *const *line = arg;

	return strstr(control_expect(200, "GET /metrics", ""), *line) != NULL;
}

static void wait_page(const char *line)
{
	if (!kit_wait(page_has, &line, KIT_MS))
		kit_fail("the page never has %s", line);
}

/* P33: each swap is one reload, whatever else happened to the files before it. */
static void p33_a_swap_is_loaded_once(void **state)
{
	struct world w = world_start("true");

	(void)state;
	kit_file_wait(w.c->err, "\"config_same\"", 1); /* what was loaded is looked at once, too */
	world_swap(&w, "second");
	kit_file_wait(w.c->err, "generation 2 is in force", 1);
	kit_file_wait(w.c->err, "\"config_same\"", 2);
	world_swap(&w, "second"); /* the same text in another file */
	kit_file_wait(w.c->err, "\"config_same\"", 3);
	world_swap(&w, "third");
	kit_file_wait(w.c->err, "generation 3 is in force", 1);
	world_swap(&w, "fourth");
	kit_file_wait(w.c->err, "generation 4 is in force", 1);
	assert_int_equal(kit_file_count(w.c->err, "the configuration's files have changed"), 3);
	assert_int_equal(kit_file_count(w.c->err, "\"reloaded\""), 3);
	assert_non_null(strstr(control_expect(200, "GET /v1/listeners", ""), "\"fourth\""));
	world_end(&w);
}

/* P33: a mistake is refused once and shows until it is gone, also where it is undone and nothing is new. */
static void p33_a_mistake_changes_nothing(void **state)
{
	struct world w = world_start("true");

	(void)state;
	swap(w.swaps++, "listeners: 1\n");
	kit_file_wait(w.c->err, "running generation 1 unchanged", 1);
	wait_page(FAILED);
	end_orderly(served(kit_ip(0), w.port));
	world_swap(&w, "first");
	wait_page(WORKED);
	assert_int_equal(kit_file_count(w.c->err, "\"reload_failed\""), 1);
	world_swap(&w, "second");
	wait_page("staunch_connections_total{listener=\"second\"} 0");
	world_end(&w);
}

/* P33: nobody asked for it: the change waits for an order. A load of its own would be seen before that order's. */
static void p33_off_by_default(void **state)
{
	struct world w = world_start("false");

	(void)state;
	world_swap(&w, "second");
	kit_child_signal(w.c, SIGHUP);
	kit_file_wait(w.c->err, "generation 2 is in force", 1);
	assert_int_equal(kit_file_count(w.c->err, "the configuration's files have changed"), 0);
	assert_int_equal(kit_file_count(w.c->err, "\"reloaded\""), 1);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p33_a_swap_is_loaded_once, kit_end),
		cmocka_unit_test_teardown(p33_a_mistake_changes_nothing, kit_end),
		cmocka_unit_test_teardown(p33_off_by_default, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
