/* E73: the limit of descriptors is lowered while it runs, until only a few are left: what is ours alone is left out, in
 * its order, and counted; no server is taken for a failed one, and clients are served. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	int port, at[3];
	int base; /* descriptors that it holds at rest */
};

/* The lowest number that is free, when nobody asks for anything. */
static int lowest_free(const struct world *w)
{
	int n = 0;

	while (access(textf("/proc/%d/fd/%d", (int)w->s->child->pid, n), F_OK) == 0 || errno != ENOENT)
		n++;
	return n;
}

static void start(struct world *w, const char *keys, bool access)
{
	w->port = kit_port(kit_ip(0));
	w->s = kit_staunch_start(textf(
		"workers: 1\nlog: {access: %s}\ncontrol: {socket: \"%s\"}\n"
		"listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		"upstreams:\n  - {name: app, %s, servers: [\"%s:%d\", \"%s:%d\", \"%s:%d\"]}\n",
		access ? "\"@DIR@/access.log\"" : "off", control_socket(), kit_ip(0), w->port, keys, kit_ip(0),
		w->at[0], kit_ip(0), w->at[1], kit_ip(0), w->at[2]));
	w->base = lowest_free(w);
}

static int echo_port(void)
{
	return kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
}

static long count_of(const char *family, const char *labels)
{
	const char *page = control_expect(200, "GET /metrics", "");
	const char *series = textf("%s{upstream=\"app\"", family);
	long sum = 0;

	for (const char *at = page; (at = strstr(at, series)) != NULL; at++)
		if (strncmp(strchr(at, '}') - strlen(labels), labels, strlen(labels)) == 0)
			sum += strtol(strchr(at, '}') + 1, NULL, 10);
	return sum;
}

struct counted {
	const char *family, *labels;
	long n;
};

static bool has_counted(void *arg)
{
	const struct counted *c = arg;

	return count_of(c->family, c->labels) >= c->n;
}

static void wait_more(const char *family, const char *labels, long more)
{
	struct counted c = {family, labels, count_of(family, labels) + more};

	if (!kit_wait(has_counted, &c, KIT_MS))
		kit_fail("%s%s stays at %ld", family, labels, count_of(family, labels));
}

/* So many numbers are left from that one on. */
static void leave(const struct world *w, int n)
{
	struct rlimit r;

	assert_int_equal(prlimit(w->s->child->pid, RLIMIT_NOFILE, NULL, &r), 0);
	r.rlim_cur = (rlim_t)w->base + (rlim_t)n;
	assert_int_equal(prlimit(w->s->child->pid, RLIMIT_NOFILE, &r, NULL), 0);
}

static bool is_served(int port)
{
	int fd = kit_connect(kit_ip(0), port);
	char back = 0;
	bool well = kit_io_write(fd, "x", 1) == 0 && kit_io_read(fd, &back, 1) == 1 && back == 'x';

	close(fd);
	return well;
}

static int events(const struct world *w, const char *event)
{
	return kit_file_count(w->s->child->err, textf("\"event\":\"%s\"", event));
}

/* One of three is out, and probed. */
static void e73_probes_are_left_out(void **state)
{
	struct world w = {.at = {echo_port(), kit_refuser(kit_ip(0)), echo_port()}};

	(void)state;
	start(&w, "health: {passive: {out: 1h, max_out: 1h}}", false);
	while (events(&w, "server_out") == 0)
		assert_true(is_served(w.port));
	wait_more("staunch_upstream_probes_total", "result=\"failed\"", 1);
	leave(&w, 4);
	wait_more("staunch_upstream_probes_total", "result=\"left_out\"", 2);
	leave(&w, 100);
	wait_more("staunch_upstream_probes_total", "result=\"failed\"", 1);
	assert_int_equal(events(&w, "server_out"), 1);
	kit_staunch_stop(w.s, SIGTERM);
}

/* With as few left as probes do not take they are made. With fewer it is no result, and the verdict stays. */
static void e73_checks_are_left_out_last(void **state)
{
	struct world w = {.at = {echo_port(), echo_port(), echo_port()}};

	(void)state;
	start(&w, "health: {passive: off, tcp: {interval: 500ms, timeout: 5s, fall: 1}}", false);
	leave(&w, 4);
	wait_more("staunch_healthcheck_total", "result=\"ok\"", 3);
	leave(&w, 2);
	wait_more("staunch_healthcheck_total", "result=\"local\"", 6);
	assert_true(is_served(w.port));
	leave(&w, 100);
	wait_more("staunch_healthcheck_total", "result=\"ok\"", 3);
	assert_int_equal(events(&w, "server_down"), 0);
	kit_staunch_stop(w.s, SIGTERM);
}

/* A client's own dial is made where its hedge is not; it ends as it would without. */
static void e73_hedges_are_left_out(void **state)
{
	struct world w = {.at = {kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0))}};
	int fd;

	(void)state;
	start(&w, "hedge: 50ms, retries: 1, timeouts: {connect: 1s}, health: {passive: off}", true);
	leave(&w, 7);
	fd = kit_connect(kit_ip(0), w.port);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"connect_timeout\"", 1);
	close(fd);
	assert_int_equal(count_of("staunch_upstream_hedges_total", "result=\"limited\""), 1);
	assert_int_equal(count_of("staunch_upstream_hedges_total", "result=\"failed\""), 0);
	assert_int_equal(count_of("staunch_upstream_connects_total", "result=\"failed\""), 0);
	kit_staunch_stop(w.s, SIGTERM);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e73_probes_are_left_out),
		TEST(e73_checks_are_left_out_last),
		TEST(e73_hedges_are_left_out),
	};

	return cmocka_run_group_tests_name("upstream spare", tests, NULL, NULL);
}
