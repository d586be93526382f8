/* Upgrades while connections of each kind are busy and others come all the time: P16, P20. With UPGRADE_LOAD=full it is
 * what `make bench-upgrade` runs, with a line for each upgrade. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/flow/kit/busy.h"
#include "tests/flow/kit/tls_edge.h"
#include "tests/flow/kit/upgrade.h"

/* How much of each, and how often. */
struct load {
	int idle, plain, tls, upgrades;
	int every_ms; /* between two pieces of a busy connection */
	int rate;     /* clients a second that come and go; 0: as many as can */
};

static const struct load small = {.idle = 100, .plain = 20, .tls = 10, .upgrades = 4, .every_ms = 5};
static const struct load full = {.idle = 4000, .plain = 500, .tls = 125, .upgrades = 10, .every_ms = 50, .rate = 1000};

/* Listeners beside the plain one: each kind of TLS on either leg. What speaks TLS to a server goes to another instance,
 * which stays. */
enum { IN_TLS, OUT_TLS13, OUT_TLS12, BOTH_TLS, NPORTS };

struct site {
	struct world w;
	int port[NPORTS];
	int secure; /* the other instance's port, at kit_ip(2) */
	struct kit_staunch *behind;
};

/* What a listener that ends TLS has. */
static const char *tls_keys(const char *more)
{
	return textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}]%s}", pki.cert, pki.key, more);
}

/* A line for a listener at one of the ports, and one for an upstream that speaks TLS. */
static const char *leads(const struct site *s, int which, const char *name, const char *upstream, const char *tls)
{
	return textf("  - {name: %s, bind: \"%s:%d\", upstream: %s%s}\n", name, kit_ip(1), s->port[which], upstream,
		     tls);
}

static const char *secure(const struct site *s, const char *name, const char *more)
{
	return textf("  - {name: %s, servers: [\"%s:%d\"], tls: {ca: \"%s\", name: a.test%s}}\n", name, kit_ip(2),
		     s->secure, pki.ca, more);
}

/* One file: all kinds share two workers, and move at the same time. */
static void write_site(struct site *s, int echo)
{
	struct world *w = &s->w;

	kit_file_write("upgrade.yaml",
		       textf("workers: 2\nlog: {access: \"@DIR@/access.log\"}\n"
			     "control: {socket: \"%s\", state: \"@DIR@/state.yaml\"}\n"
			     "listeners:\n  - {name: web, bind: [%s], upstream: app}\n%s%s%s%s"
			     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n%s%s",
			     control_socket(), tcp_bind(w), leads(s, IN_TLS, "tls", "app", textf(", %s", tls_keys(""))),
			     leads(s, OUT_TLS13, "out13", "secure13", ""), leads(s, OUT_TLS12, "out12", "secure12", ""),
			     leads(s, BOTH_TLS, "both", "secure13", textf(", %s", tls_keys(""))), kit_ip(0), echo,
			     secure(s, "secure13", ""), secure(s, "secure12", ", max_version: 1.2")),
		       w->config);
}

/* gen's echo has one loop for all; the kit's a thread for each. */
static int echo_for(const struct load *l, struct world *w)
{
	const char *gen = getenv("UPGRADE_GEN");
	int port = kit_port(kit_ip(0));

	if (l == &small || gen == NULL)
		return kit_peer_port(w->echo);
	(void)kit_child_start("gen", KIT_ARGV(gen, "echo", textf("at=%s:%d", kit_ip(0), port)));
	return port;
}

/* Ends TLS in front of the same echo. */
static struct kit_staunch *start_behind(const struct site *s, int echo)
{
	return kit_staunch_start(textf("workers: 1\nlog: {access: \"@DIR@/behind.log\"}\n"
				       "listeners:\n  - {name: secure, bind: \"%s:%d\", upstream: app, %s}\n"
				       "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
				       kit_ip(2), s->secure, tls_keys(""), kit_ip(0), echo));
}

static struct site site_started(const struct load *l)
{
	struct site s = {.w = world_of(), .secure = kit_port(kit_ip(2))};
	int echo = echo_for(l, &s.w);

	for (int i = 0; i < NPORTS; i++)
		s.port[i] = kit_port(kit_ip(1));
	pki_write();
	s.behind = start_behind(&s, echo);
	write_site(&s, echo);
	start_with(&s.w, KIT_ARGV(kit_binary(), "run", "-c", s.w.config));
	return s;
}

/* Of each kind of TLS as many. */
static int connect_busy(const struct site *s, const struct load *l, struct busy_conn *c)
{
	int n = 0;

	for (int i = 0; i < l->plain; i++)
		c[n++] = busy_plain(kit_ip(0), s->w.port);
	for (int i = 0; i < l->tls; i++) {
		c[n++] = busy_tls(kit_ip(1), s->port[IN_TLS], TLS1_2_VERSION);
		c[n++] = busy_tls(kit_ip(1), s->port[BOTH_TLS], i % 2 == 0 ? TLS1_2_VERSION : 0);
		c[n++] = busy_plain(kit_ip(1), s->port[OUT_TLS13]);
		c[n++] = busy_plain(kit_ip(1), s->port[OUT_TLS12]);
	}
	return n;
}

/* The number behind a name in the answer of the verb. */
static int64_t number_in(const char *answer, const char *name)
{
	const char *at = strstr(answer, name);

	if (at == NULL)
		kit_fail("no %s in %s", name, answer);
	return strtoll(at + strlen(name), NULL, 10);
}

/* ---- how long they stood still: counted since the first upgrade, over all listeners ---- */

static const char *const bounds[] = {"0.01", "0.03", "0.1", "+Inf"};

struct pauses {
	uint64_t within[array_len(bounds)];
};

static struct pauses pauses_now(void)
{
	struct pauses all = {.within = {0}};
	const char *page = control_expect(200, "GET /metrics", "");

	for (size_t i = 0; i < array_len(bounds); i++) {
		const char *end = textf("le=\"%s\"} ", bounds[i]), *at = page;

		while ((at = strstr(at, "\nstaunch_upgrade_pause_seconds_bucket{")) != NULL) {
			const char *line = ++at, *value = strstr(line, end);

			if (value != NULL && value < strchr(line, '\n'))
				all.within[i] += strtoull(value + strlen(end), NULL, 10);
		}
	}
	return all;
}

/* Each that moved has said how long. */
static void print_pauses(struct pauses *before, int64_t moved)
{
	struct pauses now = pauses_now();
	uint64_t n[array_len(bounds)];

	for (size_t i = 0; i < array_len(bounds); i++)
		n[i] = now.within[i] - before->within[i];
	assert_int_equal(n[3], moved);
	print_message("            of these stood still at most 10 ms: %llu, 30 ms: %llu, 100 ms: %llu\n",
		      (unsigned long long)n[0], (unsigned long long)n[1], (unsigned long long)n[2]);
	*before = now;
}

/* Everything that serves moves, so the old process ends at once. */
static void upgrade_under_load(struct site *s, struct busy *b, int64_t us[], struct pauses *before)
{
	pid_t old = s->w.pid;
	int64_t began, over, moved, later;
	const char *said;

	busy_worst(b, us);
	began = kit_now_ms();
	said = control_verb(0, "upgrade --json --socket $S");
	over = kit_now_ms() - began;
	s->w.pid = pid_in(said);
	assert_int_equal(wait_for_end(&s->w, old), 0);
	busy_worst(b, us);
	moved = number_in(said, "\"moved\":");
	later = number_in(said, "\"left\":");
	print_message("upgrade: %lld moved, %lld later; in all %lld ms, old gone after %lld ms more; ",
		      (long long)moved, (long long)later, (long long)over, (long long)(kit_now_ms() - began - over));
	print_message("pieces took at most: p50 %.1f ms, p99 %.1f ms, all %.1f ms\n", (double)us[b->n / 2] / 1e3,
		      (double)us[b->n - 1 - b->n / 100] / 1e3, (double)us[b->n - 1] / 1e3);
	print_pauses(before, moved + later);
}

/* Who comes all the time is served each time, and every byte of every stream comes back: plain, TLS 1.2 and 1.3, on
 * the client's side, on the server's, on both. */
static void p16_upgrades_under_load(void **state)
{
	const struct load *l = getenv("UPGRADE_LOAD") != NULL ? &full : &small;
	int most = l->plain + 4 * l->tls, n;
	struct busy_conn *conns = calloc((size_t)most, sizeof(*conns));
	int64_t *us = calloc((size_t)most, sizeof(*us));
	int *idle = calloc((size_t)l->idle, sizeof(*idle));
	struct knocker k[KNOCKERS];
	struct pauses before = {.within = {0}};
	struct site s;
	struct busy b;

	(void)state;
	want_descriptors((rlim_t)(3 * (most + l->idle) + 200));
	s = site_started(l);
	assert_true(conns != NULL && us != NULL && idle != NULL);
	for (int i = 0; i < l->idle; i++)
		idle[i] = served(kit_ip(0), s.w.port);
	n = connect_busy(&s, l, conns);
	busy_start(&b, conns, n, l->every_ms);
	knockers_start_at(k, kit_ip(0), s.w.port, l->rate);
	for (int i = 0; i < l->upgrades; i++)
		upgrade_under_load(&s, &b, us, &before);
	knockers_stop(k);
	busy_stop(&b);
	for (int i = 0; i < l->idle; i++)
		end_orderly(idle[i]);
	stop(&s.w);
	assert_int_equal(kit_staunch_stop(s.behind, SIGTERM), 0);
	free(conns);
	free(us);
	free(idle);
}

/* ---- P20 ---- */

#define FEW      1024 /* descriptors */
#define NOBODY   65534
#define CROWD    400  /* connections */
#define IN_A_ROW 20

/* Without the right to pass more descriptors than it may have open. A user who is none already needs no other. */
static void start_unprivileged(struct world *w)
{
	const char *limit = textf("--nofile=%d", FEW);

	assert_int_equal(chmod(kit_dir(), 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(kit_dir(), NOBODY, NOBODY), 0);
	if (geteuid() != 0)
		start_with(w, KIT_ARGV("prlimit", limit, kit_binary(), "run", "-c", w->config));
	else
		start_with(w, KIT_ARGV("prlimit", limit, "setpriv", textf("--reuid=%d", NOBODY),
				       textf("--regid=%d", NOBODY), "--clear-groups", "--inh-caps=-all",
				       "--bounding-set=-all", kit_binary(), "run", "-c", w->config));
}

/* All connections go, twenty times, in messages of no more than a quarter of what may be open; and the last process
 * has as many descriptors as the first, and no more memory to speak of. */
static void p20_few_descriptors_and_no_right_to_more(void **state)
{
	struct world w = world_of();
	int fds[CROWD], open_fds = 0;
	long rss = 0;

	(void)state;
	start_unprivileged(&w);
	for (int i = 0; i < CROWD; i++)
		fds[i] = served(kit_ip(0), w.port);
	for (int i = 0; i < IN_A_ROW; i++) {
		pid_t old = w.pid;
		const char *said = control_verb(0, "upgrade --json --socket $S");

		expect_part(said, textf("\"moved\":%d,\"left\":0", CROWD));
		w.pid = pid_in(said);
		assert_int_equal(wait_for_end(&w, old), 0);
		kit_file_wait(w.first->err, "\"predecessor_ended\"", i + 1);
		if (i == 0) {
			open_fds = kit_proc_fds(w.pid);
			rss = kit_proc_rss_kb(w.pid);
		}
	}
	kit_proc_wait_fds(w.pid, open_fds);
	assert_in_range(kit_proc_rss_kb(w.pid), 1, rss + rss / 4);
	for (int i = 0; i < CROWD; i++) {
		still_works(fds[i]);
		end_orderly(fds[i]);
	}
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p16_upgrades_under_load, kit_end),
		cmocka_unit_test_teardown(p20_few_descriptors_and_no_right_to_more, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
