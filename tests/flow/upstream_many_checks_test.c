/* Checks of many servers, and a health thread that is stopped: E22, E23, E31. The servers are a field: one thread, two
 * thousand addresses. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/field.h"

enum { SERVERS = 2000, UPSTREAM_MOST = 1000, MANY_MS = 90000 };

/* Two listeners: of an upstream of n servers of the field, and perhaps one more; and of a server that echoes. */
struct world {
	struct kit_staunch *s;
	struct field *f;
	int port, busy, echo, n;
	const char *more;
};

static char *config_of(const struct world *w, const char *keys)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n"
				 "  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				 "  - {name: busy, bind: \"%s:%d\", upstream: echo}\nupstreams:\n"
				 "  - {name: echo, servers: [\"%s:%d\"]}\n  - name: app\n    %s\n    servers:\n",
		control_socket(), kit_ip(0), w->port, kit_ip(0), w->busy, kit_ip(0), w->echo, keys);
	for (int i = 0; i < w->n; i++) {
		if (i == UPSTREAM_MOST)
			fprintf(out, "  - name: app2\n    %s\n    servers:\n", keys);
		fprintf(out, "      - \"%s:%d\"\n", field_ip(i), field_port(w->f));
	}
	if (w->more != NULL)
		fprintf(out, "      - \"%s\"\n", w->more);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void start(struct world *w, enum field_way way, const char *keys)
{
	char *text;

	w->f = field_start(way);
	w->port = kit_port(kit_ip(0));
	w->busy = kit_port(kit_ip(0));
	w->echo = kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
	text = config_of(w, keys);
	w->s = kit_staunch_start(text);
	free(text);
}

static void stop(struct world *w)
{
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
	field_stop(w->f);
}

static int events(const struct world *w, const char *event)
{
	return kit_file_count(w->s->child->err, textf("\"event\":\"%s\"", event));
}

/* ---- E22 ---- */

/* A client that keeps a worker busy until it is told to stop. */
struct busy {
	pthread_t thread;
	const char *ip; /* kit_ip is for one thread */
	int port;
	bool stop; /* atomic */
};

static void *be_busy(void *arg)
{
	struct busy *b = arg;
	static char buf[65536];

	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		int fd = kit_try_connect(b->ip, b->port);

		for (int i = 0; i < 16 && fd >= 0; i++)
			if (kit_io_write(fd, buf, sizeof(buf)) != 0 ||
			    kit_io_read_all(fd, buf, sizeof(buf)) != sizeof(buf))
				break;
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* Of each period of 2 s: the fullest window beside the mean one, in percent; the least of all of them, since a machine
 * that is loaded makes bunches of its own. */
static int least_burst(struct field *f, int periods)
{
	int counts[400], least = 1000000;

	field_windows(f, counts, periods * 20);
	for (int p = 0; p < periods; p++) {
		int most = 0, sum = 0;

		for (int i = p * 20; i < p * 20 + 20; i++) {
			sum += counts[i];
			most = counts[i] > most ? counts[i] : most;
		}
		if (sum > 0 && most * 100 * 20 / sum < least)
			least = most * 100 * 20 / sum;
	}
	return least;
}

struct wanted {
	struct field *f;
	int from, end, n;
	int before[FIELD_MOST];
};

/* Each has been asked so often since. */
static bool all_asked(void *arg)
{
	const struct wanted *w = arg;

	for (int i = w->from; i < w->end; i++)
		if (field_accepted_of(w->f, i) < w->before[i] + w->n)
			return false;
	return true;
}

static void wait_asked(struct wanted *w, int from, int end, int n)
{
	w->from = from;
	w->end = end;
	w->n = n;
	for (int i = from; i < end; i++)
		w->before[i] = field_accepted_of(w->f, i);
	if (!kit_wait(all_asked, w, MANY_MS))
		kit_fail("some of %d servers were not checked %d times", end - from, n);
}

/* The sum of a family over all servers of app. */
static long sum_of(const char *family, const char *labels)
{
	const char *page = control_expect(200, "GET /metrics", "");
	const char *series = textf("%s{upstream=\"app\",", family);
	long sum = 0;

	for (const char *at = page; (at = strstr(at, series)) != NULL; at++)
		if (strncmp(strchr(at, '}') - strlen(labels), labels, strlen(labels)) == 0)
			sum += strtol(strchr(at, '}') + 1, NULL, 10);
	return sum;
}

/* 2,000 of them, one black-holed, a worker busy: each is asked as often as it should be, and they do not come in
 * bunches. */
static void e22_two_thousand(void **state)
{
	static struct wanted w;
	char hole[64];
	struct world v = {.n = SERVERS - 1, .more = hole};
	static struct busy b; /* its thread outlives a test that fails */

	(void)state;
	want_descriptors(8192);
	snprintf(hole, sizeof(hole), "%s:%d", kit_ip(0), kit_black_hole(kit_ip(0)));
	start(&v, FIELD_GREET, "health: {passive: off, send: {expect: OK}}");
	w.f = v.f;
	b.ip = strdup(kit_ip(0));
	b.port = v.busy;
	assert_int_equal(pthread_create(&b.thread, NULL, be_busy, &b), 0);
	kit_staunch_wait_err(v.s, "\"event\":\"server_not_up\"", 1); /* the black hole */
	wait_asked(&w, 0, v.n, 5);
	assert_true(least_burst(v.f, 3) < 150);
	assert_in_range(field_most_open(v.f), 1, 256);
	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	pthread_join(b.thread, NULL);
	free((void *)(uintptr_t)b.ip);
	stop(&v);
}

struct told {
	const struct world *w;
	const char *event;
	int n;
};

static bool all_told(void *arg)
{
	const struct told *t = arg;

	return events(t->w, t->event) >= t->n;
}

static void wait_told(const struct world *w, const char *event, int n)
{
	struct told t = {.w = w, .event = event, .n = n};

	if (!kit_wait(all_told, &t, MANY_MS))
		kit_fail("%d of %d servers: %s", events(w, event), n, event);
}

/* A site is lost: all of 600 hang within the same moment, more than twice as many as are checked at once. Each is found
 * out, and when the site is back, each is up again. */
static void e22_a_whole_site_hangs(void **state)
{
	static struct wanted w;
	struct world v = {.n = 600};
	int up;

	(void)state;
	want_descriptors(4096);
	start(&v, FIELD_GREET, "health: {passive: off, send: {expect: OK, interval: 1s, timeout: 1s}}");
	w.f = v.f;
	wait_asked(&w, 0, v.n, 2);
	up = events(&v, "server_up");
	field_go(v.f, 0, v.n, FIELD_MUTE);
	wait_told(&v, "server_down", v.n);
	assert_int_equal(events(&v, "upstream_down"), 1);
	field_go(v.f, 0, v.n, FIELD_GREET);
	wait_told(&v, "server_up", up + v.n);
	assert_in_range(field_most_open(v.f), 129, FIELD_MOST); /* they had the places of those that are down, too */
	stop(&v);
}

/* ---- E23 ---- */

/* The thread of this name; 0: there is none. */
static pid_t thread_of(pid_t pid, const char *name)
{
	DIR *d = opendir(textf("/proc/%d/task", (int)pid));
	struct dirent *e;
	pid_t found = 0;

	assert_non_null(d);
	while (found == 0 && (e = readdir(d)) != NULL) {
		char text[32];

		(void)kit_file_read(textf("/proc/%d/task/%s/comm", (int)pid, e->d_name), text, sizeof(text));
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, name) == 0)
			found = (pid_t)strtol(e->d_name, NULL, 10);
	}
	closedir(d);
	return found;
}

static bool is_late(void *arg)
{
	(void)arg;
	return sum_of("staunch_healthcheck_late_total", "\"") > 0;
}

/* Not a connection for each exchange: within seconds no source port would be left to the echo server. */
static void be_served(int port)
{
	int fd = served(kit_ip(0), port);

	for (int i = 0; i < 100; i++)
		still_works(fd);
	end_orderly(fd);
}

/* Fifty that answer, and the thread stands still for 5 s; clients are served all the while, by the other threads. What
 * it did not hear proves nothing, and afterwards all is as before: one that hangs is found out. */
static void e23_a_thread_that_stands_still(void **state)
{
	static struct wanted w;
	struct world v = {.n = 50};
	pid_t health;
	int64_t until;

	(void)state;
	start(&v, FIELD_GREET, "health: {passive: off, send: {expect: OK, interval: 200ms, timeout: 2s, fall: 2}}");
	w.f = v.f;
	wait_asked(&w, 0, 50, 3);
	health = thread_of(v.s->child->pid, "health");
	assert_true(health > 0);
	if (ptrace(PTRACE_SEIZE, health, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, health, 0, 0) != 0)
		skip();
	assert_int_equal(waitpid(health, NULL, __WALL), health);
	for (until = kit_now_ms() + 5000; kit_now_ms() < until;)
		be_served(v.busy);
	assert_int_equal(ptrace(PTRACE_DETACH, health, 0, 0), 0);
	wait_asked(&w, 0, 50, 3);
	assert_int_equal(events(&v, "server_down"), 0);
	assert_int_equal(sum_of("staunch_upstream_server_state", "input=\"check\""), 0);
	field_go(v.f, 7, 8, FIELD_MUTE);
	kit_staunch_wait_err(v.s, textf("/%s:%d is down", field_ip(7), field_port(v.f)), 1);
	/* one that hangs is always under way, so a stop is late for it */
	if (ptrace(PTRACE_SEIZE, health, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, health, 0, 0) != 0)
		skip();
	assert_int_equal(waitpid(health, NULL, __WALL), health);
	for (until = kit_now_ms() + 3000; kit_now_ms() < until;)
		be_served(v.busy);
	assert_int_equal(ptrace(PTRACE_DETACH, health, 0, 0), 0);
	assert_true(kit_wait(is_late, NULL, KIT_MS));
	assert_int_equal(events(&v, "server_down"), 1);
	stop(&v);
}

/* ---- E31 ---- */

enum { CLIENTS = 5000 };

static int clients[CLIENTS];

/* All of them have been served once. */
static void connect_all(const struct world *v)
{
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = kit_connect(kit_ip(0), v->port);
		still_works(clients[i]);
	}
}

static bool has_ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

static int ended(void)
{
	int n = 0;

	for (int i = 0; i < CLIENTS; i++)
		n += has_ended(clients[i]);
	return n;
}

static bool this_many(void *n)
{
	return ended() >= *(int *)n;
}

static void wait_ended(int n)
{
	if (!kit_wait(this_many, &n, MANY_MS))
		kit_fail("%d of %d connections have ended", ended(), n);
}

static void start_with_clients(struct world *v, struct kit_peer **checked)
{
	want_descriptors(2 * CLIENTS + 1000);
	*checked = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = field_ip(0)});
	v->n = 1;
	start(v, FIELD_ECHO, textf("health: {passive: off, port: %d, tcp: {interval: 200ms, timeout: 2s, rise: 1}}\n"
				   "    on_down: close", kit_peer_port(*checked)));
	connect_all(v);
}

/* The check's port is another one of the field's address, so that the connections live when it is closed. */
static void e31_five_thousand(void **state)
{
	struct world v = {0};
	struct kit_peer *checked;
	int64_t began, half;

	(void)state;
	start_with_clients(&v, &checked);
	kit_peer_stop(checked);
	kit_staunch_wait_err(v.s, "\"event\":\"server_down\"", 1);
	wait_ended(1);
	began = kit_now_ms();
	wait_ended(CLIENTS / 2);
	half = kit_now_ms() - began;
	wait_ended(CLIENTS);
	assert_in_range(half, 1000, MANY_MS); /* paced: never all at once */
	kit_file_wait(v.s->child->err, "5000 of 5000 connections were ended", 1);
	for (int i = 0; i < CLIENTS; i++)
		kit_expect_rst(clients[i]);
	kit_staunch_wait_log(v.s, "\"staunch.close_reason\":\"server_down\"", CLIENTS);
	stop(&v);
}

/* It comes back while they are being closed: those that are left go on. */
static void e31_five_thousand_and_it_comes_back(void **state)
{
	struct world v = {0};
	struct kit_peer *checked;
	int port, n;

	(void)state;
	start_with_clients(&v, &checked);
	port = kit_peer_port(checked);
	kit_peer_stop(checked);
	wait_ended(CLIENTS / 10);
	(void)kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = field_ip(0), .port = port});
	kit_file_wait(v.s->child->err, "; called off", 1);
	n = ended();
	assert_in_range(n, CLIENTS / 10, CLIENTS - 1);
	for (int i = 0; i < CLIENTS; i++) {
		if (!has_ended(clients[i]))
			still_works(clients[i]);
		kit_reset(clients[i]);
	}
	kit_staunch_wait_log(v.s, "\"staunch.close_reason\":\"server_down\"", n);
	stop(&v);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e22_two_thousand),
		TEST(e22_a_whole_site_hangs),
		TEST(e23_a_thread_that_stands_still),
		TEST(e31_five_thousand),
		TEST(e31_five_thousand_and_it_comes_back),
	};

	return cmocka_run_group_tests_name("upstream many checks", tests, NULL, NULL);
}
