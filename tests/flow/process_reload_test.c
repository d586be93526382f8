/* Reload: P3 to P6, F16, F18, E20, F54. A good file changes exactly what it says, a bad one nothing, and no connection
 * notices either. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

/* ---- what a process looks like from outside -------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Every open descriptor as "socket:[inode]", "pipe:[inode]" or a path, sorted. */
static void list_fds(pid_t pid, char *out, size_t size)
{
	char names[128][64], path[300];
	struct dirent *e;
	size_t count = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL && count < array_len(names)) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%.20s", (int)pid, e->d_name);
		n = readlink(path, names[count], sizeof(names[0]) - 1);
		if (n > 0)
			names[count++][n] = '\0';
	}
	closedir(d);
	qsort(names, count, sizeof(names[0]), by_text);
	out[0] = '\0';
	for (size_t i = 0, at = 0; i < count && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s\n", names[i]);
}

/* The signals the main thread blocks, ignores and catches, as the kernel prints them. */
static void read_signals(pid_t pid, char out[256])
{
	char path[64], text[4096], *from, *to;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	kit_file_read(path, text, sizeof(text));
	from = strstr(text, "SigBlk:");
	to = strstr(text, "CapInh:");
	assert_true(from != NULL && to != NULL && to - from < 256);
	snprintf(out, 256, "%.*s", (int)(to - from), from);
}

/* ---- P3, F16: under load --------------------------------------------------------------------- */

enum { RELOADS = 200, LONG_LIVED = 100, WRK_CLIENTS = 20 };

struct loaded {
	int web, tunnel, extra; /* ports of listeners */
	int nginx, echo;        /* and of servers */
	int n;                  /* generation */
};

/* Every other generation has a third listener and gives the web upstream another weight, so that listeners, routes and
 * upstreams are made and retired each time. */
static const char *loaded(const struct loaded *l)
{
	const char *ip = kit_ip(0), *third = "";

	if (l->n % 2 == 0)
		third = textf("  - {name: extra, bind: \"%s:%d\", upstream: echo}\n", ip, l->extra);
	return textf(TWO_WORKERS "listeners:\n"
				 "  - {name: web, bind: \"%s:%d\", upstream: web}\n"
				 "  - {name: tunnel, bind: \"%s:%d\", upstream: echo}\n%s"
				 "upstreams:\n"
				 "  - {name: web, servers: [{address: \"%s:%d\", weight: %d}]}\n"
				 "  - {name: echo, servers: [\"%s:%d\"]}\n",
		     ip, l->web, ip, l->tunnel, third, ip, l->nginx, 1 + l->n % 2, ip, l->echo);
}

/* RELOADS of them, and as many more as fit in wrk's time. */
static void reload_all_the_time(struct kit_staunch *s, struct loaded *l, struct kit_child *wrk, const int *fd)
{
	while (l->n <= RELOADS || kit_child_alive(wrk)) {
		l->n++;
		generation_from(s, l->n, loaded(l));
		still_works(fd[l->n % LONG_LIVED]);
	}
}

/* What the load grew is kept for reuse; reloads alone have no slope. An even number of them. */
static void reload_without_growing(struct kit_staunch *s, struct loaded *l)
{
	long rss = 0;

	for (int i = 0; i < RELOADS; i++) {
		if (i == RELOADS / 4)
			rss = kit_proc_rss_kb(s->child->pid);
		l->n++;
		generation_from(s, l->n, loaded(l));
	}
	assert_in_range(kit_proc_rss_kb(s->child->pid), 1, rss + 512);
}

static void no_connection_notices(void **state)
{
	const char *ip = kit_ip(0);
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct loaded l = {kit_port(ip), kit_port(ip), kit_port(ip), 0, kit_peer_port(echo), 1};
	struct kit_staunch *s;
	struct kit_child *wrk;
	int fds, fd[LONG_LIVED];

	(void)state;
	if (!kit_have("wrk") || !kit_have("nginx"))
		skip();
	kit_nginx_start(ip, &l.nginx);
	s = kit_staunch_start(loaded(&l));
	fds = kit_proc_fds(s->child->pid);
	for (int i = 0; i < LONG_LIVED; i++)
		fd[i] = served(ip, l.tunnel);
	wrk = kit_child_start("wrk", KIT_ARGV("wrk", "-t1", textf("-c%d", WRK_CLIENTS), "-d3s", "-H",
					      "Connection: close", textf("http://%s:%d/hello", ip, l.web)));
	reload_all_the_time(s, &l, wrk, fd);
	assert_int_equal(kit_child_wait(wrk), 0);
	assert_int_equal(kit_file_count(wrk->out, "requests in"), 1);
	assert_int_equal(kit_file_count(wrk->out, "Socket errors"), 0);
	assert_int_equal(kit_file_count(wrk->out, "Non-2xx"), 0);
	reload_without_growing(s, &l);
	for (int i = 0; i < LONG_LIVED; i++) {
		still_works(fd[i]);
		end_orderly(fd[i]);
	}
	for (l.n++; l.n % 2 == 0; l.n++)
		generation_from(s, l.n, loaded(&l));
	generation_from(s, l.n, loaded(&l)); /* an odd one, as the first */
	back_to_normal(s, fds, ip, l.tunnel);
	assert_true(kit_staunch_log(s, "\"staunch.listener\":\"web\"") > RELOADS);
	assert_int_equal(kit_staunch_log(s, "server_rst") + kit_staunch_log(s, "connect_failed"), 0);
	assert_in_range(kit_staunch_log(s, "client_rst"), 0, WRK_CLIENTS); /* its last ones, when its time is over */
}

/* ---- P4, F18: a bad file --------------------------------------------------------------------- */

/* What goes wrong at each step of a reload, from the first letter read to the last thing opened. */
static const char *const broken[] = {
	"listeners: [",
	"listeners:\n  - {name: web, bind: \"@WEB@\", upstream: nowhere}\nupstreams:\n"
	"  - {name: app, servers: [\"@APP@\"]}\n",
	"limits: {max_connections: 10000000}\nlisteners:\n  - {name: web, bind: \"@WEB@\", upstream: app}\n"
	"upstreams:\n  - {name: app, servers: [\"@APP@\"]}\n",
	"listeners:\n  - {name: web, bind: [\"@WEB@\", \"@FREE@\", \"@TAKEN@\"], upstream: app}\n"
	"upstreams:\n  - {name: app, servers: [\"@APP@\"]}\n",
	"log: {access: \"@DIR@/no/such/directory\"}\n"
	"listeners:\n  - {name: web, bind: [\"@WEB@\", \"@FREE@\"], upstream: app}\n"
	"upstreams:\n  - {name: app, servers: [\"@APP@\"]}\n",
};

struct word {
	const char *name, *value;
};

/* The form with each word replaced, once. */
static void fill(char out[1024], const char *form, const struct word *words, size_t n)
{
	snprintf(out, 1024, "%s", form);
	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(out, words[i].name);

		if (at == NULL)
			continue;
		form = textf("%.*s%s%s", (int)(at - out), out, words[i].value, at + strlen(words[i].name));
		snprintf(out, 1024, "%s", form);
	}
}

struct bad_world {
	struct kit_staunch *s;
	int port, free, fds, fd;
	char forms[array_len(broken)][1024];
};

static void open_bad_world(struct bad_world *w, int server, int taken)
{
	const char *ip = kit_ip(0);
	const struct word words[] = {
		{"@WEB@", textf("%s:%d", ip, w->port)},
		{"@APP@", textf("%s:%d", ip, server)},
		{"@FREE@", textf("%s:%d", ip, w->free)},
		{"@TAKEN@", textf("%s:%d", ip, taken)},
	};

	for (size_t i = 0; i < array_len(broken); i++)
		fill(w->forms[i], broken[i], words, array_len(words));
	w->s = kit_staunch_start(one_server(w->port, server, "", ""));
	w->fds = kit_proc_fds(w->s->child->pid);
	w->fd = served(ip, w->port);
}

/* Knocks at an address that a reload names and does not get: who is let in there is reset when it is given up. */
struct knocker {
	int port, tries, let_in;
	bool stop; /* atomic */
};

static void *knock(void *arg)
{
	struct knocker *k = arg;

	while (!__atomic_load_n(&k->stop, __ATOMIC_RELAXED)) {
		int fd = kit_try_connect(kit_ip(0), k->port);

		k->tries++;
		if (fd < 0)
			continue;
		k->let_in++;
		close(fd);
	}
	return NULL;
}

static void reload_in_vain(struct bad_world *w, int nth)
{
	kit_child_signal(w->s->child, SIGHUP);
	kit_staunch_wait_err(w->s, "\"reload_failed\"", nth);
	still_works(w->fd);
}

static void bad_file_changes_nothing(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int taken = 0, held = kit_listen(kit_ip(0), &taken, 1), n = 0;
	struct bad_world w = {.port = kit_port(kit_ip(0)), .free = kit_port(kit_ip(0))};
	struct knocker k = {.port = w.free};
	char before[4096], after[4096], signals[256], now[256];
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, knock, &k), 0);
	open_bad_world(&w, kit_peer_port(echo), taken);
	list_fds(w.s->child->pid, before, sizeof(before));
	read_signals(w.s->child->pid, signals);
	while (n < 100) {
		kit_staunch_rewrite(w.s, w.forms[(size_t)n % array_len(broken)]);
		reload_in_vain(&w, ++n);
	}
	__atomic_store_n(&k.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(k.tries > 1000);
	assert_int_equal(k.let_in, 0);
	unlink(w.s->config);
	reload_in_vain(&w, ++n);
	list_fds(w.s->child->pid, after, sizeof(after));
	read_signals(w.s->child->pid, now);
	assert_string_equal(after, before);
	assert_string_equal(now, signals);
	assert_int_equal(kit_file_count(w.s->child->err, "E402"), 20);
	assert_int_equal(kit_file_count(w.s->child->err, "E403"), 20);
	assert_int_equal(kit_file_count(w.s->child->err, "E404"), 20);
	close(held);
	generation_from(w.s, 2, one_server(w.port, kit_peer_port(echo), "", ""));
	still_works(w.fd);
	end_orderly(w.fd);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* ---- P5: listeners come and go --------------------------------------------------------------- */

static const char *bound_to(const char *binds, int server)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: [%s], upstream: app}\n"
				 "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     binds, kit_ip(0), server);
}

static bool is_refused(void *arg)
{
	int fd = kit_try_connect(kit_ip(0), *(int *)arg);

	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

static void listeners_come_and_go(void **state)
{
	const char *ip = kit_ip(0);
	int stays = kit_port(ip), comes = kit_port(ip), fds, fd[2];
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *one, *two;
	struct kit_staunch *s;
	char before[4096], after[4096];

	(void)state;
	one = textf("\"%s:%d\"", ip, stays);
	two = textf("\"%s:%d\", \"%s:%d\"", ip, stays, ip, comes);
	s = kit_staunch_start(bound_to(one, kit_peer_port(echo)));
	fds = kit_proc_fds(s->child->pid);
	list_fds(s->child->pid, before, sizeof(before));
	fd[0] = served(ip, stays);
	assert_true(is_refused(&comes));
	generation_from(s, 2, bound_to(two, kit_peer_port(echo)));
	assert_int_equal(kit_file_count(s->child->err, "\"listening\""), 2);
	fd[1] = served(ip, comes);
	generation_from(s, 3, bound_to(one, kit_peer_port(echo)));
	assert_true(is_refused(&comes));
	assert_int_equal(kit_file_count(s->child->err, "\"listener_closed\""), 1);
	for (int i = 0; i < 2; i++) {
		still_works(fd[i]);
		end_orderly(fd[i]);
	}
	kit_proc_wait_fds(s->child->pid, fds);
	list_fds(s->child->pid, after, sizeof(after));
	assert_string_equal(after, before); /* the sockets that stayed are the very same */
	back_to_normal(s, fds, ip, stays);
}

/* V18: an address and the wildcard of its port overlap; both are ours, so one reload goes from one to the other. */
static void own_address_in_the_way(void **state)
{
	const char *ip = kit_ip(0), *all;
	int port = kit_port(ip), fds;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	all = bound_to(textf("\"0.0.0.0:%d\"", port), kit_peer_port(echo));
	generation_from(s, 2, all);
	end_orderly(served(ip, port));
	back_to_normal(s, fds, ip, port);
}

/* Of the descriptors it may have from now on. */
static rlim_t set_descriptors(pid_t pid, rlim_t n)
{
	struct rlimit before, r;

	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &before), 0);
	r = before;
	r.rlim_cur = n;
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &r, NULL), 0);
	return before.rlim_cur;
}

/* F16: what waits in the kernel is served before the socket goes. To have some wait, accepting fails for a while: its
 * pauses grow to half a second, and the reload comes within one. */
static void accept_queue_is_drained(void **state)
{
	const char *ip = kit_ip(0);
	int stays = kit_port(ip), goes = kit_port(ip), fds, fd[50];
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *one = textf("\"%s:%d\"", ip, stays), *two = textf("\"%s:%d\", \"%s:%d\"", ip, stays, ip, goes);
	struct kit_staunch *s = kit_staunch_start(bound_to(one, kit_peer_port(echo)));
	rlim_t before;

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	generation_from(s, 2, bound_to(two, kit_peer_port(echo)));
	before = set_descriptors(s->child->pid, 3);
	for (size_t i = 0; i < array_len(fd); i++)
		fd[i] = kit_connect(ip, goes);
	kit_staunch_wait_err(s, "\"limit_reached\"", 1);
	cpu_ms_within(s->child->pid, 700);
	set_descriptors(s->child->pid, before);
	generation_from(s, 3, bound_to(one, kit_peer_port(echo)));
	assert_true(is_refused(&goes));
	for (size_t i = 0; i < array_len(fd); i++) {
		still_works(fd[i]);
		end_orderly(fd[i]);
	}
	back_to_normal(s, fds, ip, stays);
	assert_int_equal(kit_staunch_log(s, "client_fin"), array_len(fd) + 10);
}

static void signals_in_a_row(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = kit_staunch_start(one_server(port, kit_peer_port(echo), "", ""));

	(void)state;
	fds = kit_proc_fds(s->child->pid);
	fd = served(ip, port);
	for (int i = 0; i < 100; i++)
		kit_child_signal(s->child, SIGHUP);
	wait_generation(s, 2);
	still_works(fd);
	kit_staunch_rewrite(s, textf("workers: 1\n%s", strchr(one_server(port, kit_peer_port(echo), "", ""), '\n')));
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "workers: a new number takes effect with the next start", 1);
	still_works(fd);
	end_orderly(fd);
	back_to_normal(s, fds, ip, port);
}

/* ---- E20, F54: servers come and go ----------------------------------------------------------- */

enum { ROUNDS = 100, PER_ROUND = 3 };

static void live_connections_keep_their_server(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fds, fd[ROUNDS * PER_ROUND], n = 0;
	struct kit_peer *server[2];
	struct kit_staunch *s;

	(void)state;
	for (int i = 0; i < 2; i++)
		server[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	s = kit_staunch_start(one_server(port, kit_peer_port(server[0]), "", ""));
	fds = kit_proc_fds(s->child->pid);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PER_ROUND; i++)
			fd[n++] = served(ip, port);
		kit_peer_wait_accepted(server[round % 2], (round / 2 + 1) * PER_ROUND);
		generation_from(s, 2 + round, one_server(port, kit_peer_port(server[(round + 1) % 2]), "", ""));
	}
	assert_int_equal(kit_peer_ended(server[0]) + kit_peer_ended(server[1]), 0);
	for (int i = 0; i < n; i++) {
		still_works(fd[i]);
		end_orderly(fd[i]);
	}
	kit_peer_wait_ended(server[0], n / 2);
	kit_peer_wait_ended(server[1], n / 2);
	back_to_normal(s, fds, ip, port);
	assert_int_equal(kit_staunch_log(s, "\"staunch.close_reason\":\"client_fin\""), n + 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(no_connection_notices, kit_end),
		cmocka_unit_test_teardown(bad_file_changes_nothing, kit_end),
		cmocka_unit_test_teardown(listeners_come_and_go, kit_end),
		cmocka_unit_test_teardown(own_address_in_the_way, kit_end),
		cmocka_unit_test_teardown(accept_queue_is_drained, kit_end),
		cmocka_unit_test_teardown(signals_in_a_row, kit_end),
		cmocka_unit_test_teardown(live_connections_keep_their_server, kit_end),
	};

	/* Its quarantine would look like a leak. */
	setenv("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
