/* Servers that end before their first byte are replaced by others, over two workers: E52, E37b, B5, B6. Each server
 * reads who its client is from the PROXY header, so that what it gets is compared with what that client sent, and to
 * the last byte: what is lost, doubled, out of order or another client's shows. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/programs.h"

enum { SERVERS = 3, KEEP = 16 * 1024, ANSWER = 8 };

enum how { SERVES, RESETS, FINS, SPEAKS };

/* What one client does, and what its first servers do. */
struct plan {
	uint64_t seed;
	size_t   n;       /* bytes */
	size_t   most;    /* at a time */
	bool     fin;     /* and then its end */
	unsigned fails;   /* servers that end early */
	struct {
		enum how how;
		size_t   reads; /* bytes before that */
	} server[SERVERS];
	unsigned tries;   /* atomic: servers so far */
	unsigned wrong;   /* atomic: servers that got what is not the client's */
	unsigned whole;   /* atomic: servers that got all, and the end */
};

/* ---- servers ---- */

static struct plan *plans[65536]; /* atomic: by the client's port */

struct rig {
	struct kit_staunch *s;
	int port, fds;
	int at[SERVERS];       /* ports */
	int listener[SERVERS];
	pthread_t thread[SERVERS];
	uint32_t serving;      /* atomic: connections */
};

struct server_conn {
	struct rig *rig;
	int fd; /* or the listener's */
};

/* "PROXY TCP4 a b port port\r\n", and nothing behind it.   Returns  the client's plan; NULL: it is no header. */
static struct plan *read_header(int fd)
{
	char line[128];
	unsigned port;

	for (size_t n = 0; n + 1 < sizeof(line); n++) {
		if (kit_io_read(fd, &line[n], 1) != 1)
			return NULL;
		line[n + 1] = '\0';
		if (line[n] == '\n')
			return sscanf(line, "PROXY TCP4 %*s %*s %u", &port) == 1 && port < 65536 ?
				       __atomic_load_n(&plans[port], __ATOMIC_ACQUIRE) : NULL;
	}
	return NULL;
}

/* n bytes of the client's, each compared.   Returns  false: it ended before, or they are not its own. */
static bool read_stream(struct plan *p, int fd, size_t n)
{
	static const size_t most = 4096;
	char buf[4096];

	for (size_t at = 0; at < n;) {
		ssize_t got = kit_io_read(fd, buf, n - at < most ? n - at : most);

		if (got <= 0)
			return false;
		if (!kit_stream_same(p->seed, at, buf, (size_t)got)) {
			__atomic_add_fetch(&p->wrong, 1, __ATOMIC_SEQ_CST);
			return false;
		}
		at += (size_t)got;
	}
	return true;
}

static void serve_plan(struct plan *p, int fd)
{
	char more;

	if (!read_stream(p, fd, p->n) || (p->fin && kit_io_read(fd, &more, 1) != 0))
		return;
	__atomic_add_fetch(&p->whole, 1, __ATOMIC_SEQ_CST);
	(void)!kit_io_write(fd, &p->seed, ANSWER);
}

/* As the plan has it for the nth server that this client comes to. */
static void answer_plan(struct plan *p, int fd)
{
	unsigned nth = __atomic_fetch_add(&p->tries, 1, __ATOMIC_SEQ_CST);
	enum how how = nth < p->fails ? p->server[nth].how : SERVES;

	if (how == SERVES) {
		serve_plan(p, fd);
		close(fd);
		return;
	}
	(void)read_stream(p, fd, p->server[nth].reads);
	if (how == SPEAKS && kit_io_write(fd, "x", 1) == 0)
		(void)!kit_io_wait_sent(fd);
	if (how == FINS)
		close(fd);
	else
		kit_io_reset(fd);
}

static void *serve_one(void *arg)
{
	struct server_conn *c = arg;
	struct plan *p = read_header(c->fd);
	struct rig *r = c->rig;

	if (p != NULL)
		answer_plan(p, c->fd);
	else
		close(c->fd);
	free(c);
	__atomic_sub_fetch(&r->serving, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct server_conn a = *(struct server_conn *)arg;
	pthread_attr_t detached;
	pthread_t thread;
	int fd;

	free(arg);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	while ((fd = accept(a.fd, NULL, NULL)) >= 0) {
		struct server_conn *c = malloc(sizeof(*c));

		*c = (struct server_conn){a.rig, fd};
		__atomic_add_fetch(&a.rig->serving, 1, __ATOMIC_SEQ_CST);
		if (pthread_create(&thread, &detached, serve_one, c) != 0)
			abort();
	}
	pthread_attr_destroy(&detached);
	return NULL;
}

/* ---- staunch ---- */

static void rig_start(struct rig *r, const char *keys)
{
	const char *servers = "";

	for (int i = 0; i < SERVERS; i++) {
		struct server_conn *a = malloc(sizeof(*a));

		r->at[i] = 0;
		r->listener[i] = kit_listen(kit_ip(0), &r->at[i], 128);
		*a = (struct server_conn){r, r->listener[i]};
		assert_int_equal(pthread_create(&r->thread[i], NULL, accept_all, a), 0);
		servers = textf("%s%s\"%s:%d\"", servers, i > 0 ? ", " : "", kit_ip(0), r->at[i]);
	}
	r->port = kit_port(kit_ip(0));
	r->s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			    "upstreams:\n  - {name: app, proxy_protocol: v1, retry_budget: 60s%s, servers: [%s]}\n",
		control_socket(), kit_ip(0), r->port, keys, servers));
	r->fds = kit_proc_fds(r->s->child->pid);
}

static bool nobody_is_served(void *arg)
{
	return __atomic_load_n(&((struct rig *)arg)->serving, __ATOMIC_SEQ_CST) == 0;
}

static int count_of(const char *family, const char *label)
{
	const char *line = textf("staunch_upstream_%s{upstream=\"app\",%s} ", family, label);
	const char *page = control_expect(200, "GET /metrics", ""), *at = strstr(page, line);

	if (at == NULL)
		kit_fail("no %s", line);
	return (int)strtol(at + strlen(line), NULL, 10);
}

static int replayed(const char *result)
{
	return count_of("replays_total", textf("result=\"%s\"", result));
}

/* No server has a slot. */
static bool is_idle(void *arg)
{
	const char *page = control_expect(200, "GET /metrics", "");

	(void)arg;
	for (const char *p = page; (p = strstr(p, "staunch_upstream_connections_active{")) != NULL; p++)
		if (strncmp(strchr(p, '}'), "} 0\n", 4) != 0)
			return false;
	return true;
}

static void rig_end(struct rig *r)
{
	assert_true(kit_wait(is_idle, NULL, KIT_MS));
	kit_proc_wait_fds(r->s->child->pid, r->fds);
	assert_true(kit_child_alive(r->s->child));
	assert_int_equal(kit_staunch_stop(r->s, SIGTERM), 0);
	for (int i = 0; i < SERVERS; i++) {
		shutdown(r->listener[i], SHUT_RDWR);
		pthread_join(r->thread[i], NULL);
		close(r->listener[i]);
	}
	assert_true(kit_wait(nobody_is_served, r, KIT_MS));
}

/* ---- clients ---- */

static uint64_t lot(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % n;
}

/* Its plan is known before a server may ask for it: its port is chosen first. */
static int connect_as(struct plan *p, int port)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, to = from;
	socklen_t len = sizeof(from);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, kit_ip(1), &from.sin_addr);
	inet_pton(AF_INET, kit_ip(0), &to.sin_addr);
	to.sin_port = htons((uint16_t)port);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&from, &len) != 0)
		return -1;
	__atomic_store_n(&plans[ntohs(from.sin_port)], p, __ATOMIC_RELEASE);
	return connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? fd : -1;
}

/* What a client saw. */
struct saw {
	char answer[16];
	ssize_t n; /* of it */
	int end;   /* 0 FIN, or the error */
};

/* It may be cut while it sends: then its read tells. */
static void speak(const struct plan *p, int fd)
{
	uint64_t s = p->seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	char buf[4096];

	for (size_t at = 0; at < p->n;) {
		size_t n = 1 + lot(&s, p->most < sizeof(buf) ? p->most : sizeof(buf));

		n = n < p->n - at ? n : p->n - at;
		kit_stream_fill(p->seed, at, buf, n);
		if (kit_io_write(fd, buf, n) != 0)
			return;
		at += n;
		if (lot(&s, 4) == 0)
			sched_yield();
	}
	if (p->fin)
		shutdown(fd, SHUT_WR);
}

static struct saw play(struct plan *p, int port)
{
	int fd = connect_as(p, port);
	struct saw saw = {.n = 0};
	ssize_t n;

	if (fd < 0)
		return (struct saw){.end = -EADDRNOTAVAIL};
	speak(p, fd);
	while ((n = kit_io_read(fd, saw.answer + saw.n, sizeof(saw.answer) - (size_t)saw.n)) > 0)
		saw.n += n;
	saw.end = (int)n;
	close(fd);
	return saw;
}

/* ---- by lot ---- */

struct player {
	pthread_t thread;
	int port;
	unsigned first, plans;
	unsigned fails;       /* out: servers that ended early in all of them */
	char said[256];       /* out: what went wrong first */
};

/* The bytes of most clients are few: then an end comes at each of them, often. */
static void plan_by_lot(struct plan *p, uint64_t seed)
{
	uint64_t s = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

	*p = (struct plan){.seed = seed, .fails = (unsigned)lot(&s, 3), .fin = lot(&s, 2)};
	p->n = 1 + lot(&s, lot(&s, 3) != 0 ? 24 : KEEP);
	p->most = 1 + lot(&s, p->n);
	for (unsigned i = 0; i < p->fails; i++) {
		p->server[i].how = lot(&s, 2) ? RESETS : FINS;
		p->server[i].reads = lot(&s, p->n + 1);
	}
}

static const char *wrong_with(struct plan *p, const struct saw *saw)
{
	if (__atomic_load_n(&p->wrong, __ATOMIC_SEQ_CST) != 0)
		return "a server got what is not the client's";
	if (saw->n != ANSWER || memcmp(saw->answer, &p->seed, ANSWER) != 0)
		return "no answer";
	if (saw->end != 0)
		return "the end";
	if (__atomic_load_n(&p->tries, __ATOMIC_SEQ_CST) != p->fails + 1)
		return "another number of servers";
	return __atomic_load_n(&p->whole, __ATOMIC_SEQ_CST) == 1 ? NULL : "it was served twice";
}

static void *play_all(void *arg)
{
	struct player *w = arg;

	for (unsigned i = w->first; i < w->first + w->plans && w->said[0] == '\0'; i++) {
		struct plan p;
		const char *wrong;
		struct saw saw;

		plan_by_lot(&p, i);
		saw = play(&p, w->port);
		wrong = wrong_with(&p, &saw);
		w->fails += p.fails;
		if (wrong != NULL)
			snprintf(w->said, sizeof(w->said),
				 "plan %u: %s: %zd bytes, end %d; %zu bytes, %u fail, %u tries", i, wrong, saw.n,
				 saw.end, p.n, p.fails, p.tries);
	}
	return NULL;
}

/* E52: thousands of clients with their ends and those of their servers at any byte. */
static void by_lot_with(const char *keys)
{
	enum { PLAYERS = 6, PLANS = 500 };
	struct player players[PLAYERS];
	unsigned fails = 0;
	struct rig r = {.serving = 0};

	rig_start(&r, keys);
	for (unsigned i = 0; i < PLAYERS; i++) {
		players[i] = (struct player){.port = r.port, .first = 1 + i * PLANS, .plans = PLANS};
		assert_int_equal(pthread_create(&players[i].thread, NULL, play_all, &players[i]), 0);
	}
	for (unsigned i = 0; i < PLAYERS; i++) {
		pthread_join(players[i].thread, NULL);
		fails += players[i].fails;
	}
	for (unsigned i = 0; i < PLAYERS; i++)
		assert_string_equal(players[i].said, "");
	assert_int_equal(replayed("sent"), fails);
	assert_int_equal(replayed("failed") + replayed("too_long") + replayed("limited"), 0);
	expect_part(control_expect(200, "GET /metrics", ""),
		    textf("staunch_upstream_retries_total{upstream=\"app\"} %u\n", fails));
	rig_end(&r);
	assert_int_equal(kit_staunch_log(r.s, "\"staunch.close_reason\""), PLAYERS * PLANS);
}

static void e52_by_lot(void **state)
{
	(void)state;
	by_lot_with(", replay: 16KiB, health: {passive: off}");
}

static void e52_by_lot_with_a_hash(void **state)
{
	(void)state;
	by_lot_with(", replay: 16KiB, balance: source_hash, health: {passive: off}");
}

/* A plan of this many bytes whose first server ends so; there and then. */
static struct saw one(struct rig *r, struct plan *p, uint64_t seed)
{
	p->seed = seed;
	p->most = p->most != 0 ? p->most : p->n;
	p->fails = p->fails != 0 ? p->fails : 1;
	return play(p, r->port);
}

/* E52, E37b: the log has each server and how it failed; the server's early ends are counted. */
static void e52_the_log(void **state)
{
	struct plan p = {.n = 100, .fails = 2, .server = {{RESETS, 50}, {FINS, 100}}};
	struct rig r = {.serving = 0};
	struct saw saw;
	int early = 0;

	(void)state;
	rig_start(&r, ", replay: 1KiB, health: {passive: off}");
	saw = one(&r, &p, 7);
	assert_int_equal(saw.n, ANSWER);
	kit_staunch_wait_log(r.s, "\"result\":\"early_reset\",\"errno\":\"ECONNRESET\"", 1);
	kit_staunch_wait_log(r.s, "\"result\":\"early_end\"", 1);
	kit_staunch_wait_log(r.s, "\"staunch.retries\":2", 1);
	kit_staunch_wait_log(r.s, "\"staunch.bytes_in\":100", 1);
	kit_staunch_wait_log(r.s, "\"result\":\"connected\"", 1);
	for (int i = 0; i < SERVERS; i++)
		for (int j = 0; j < 2; j++)
			early += count_of("early_ends_total",
					  textf("server=\"%s:%d\",reason=\"%s\"", kit_ip(0), r.at[i],
						j == 0 ? "reset" : "end"));
	assert_int_equal(early, 2);
	expect_part(control_verb(0, "status --socket $S"), ", 1 replayed at another server since the start");
	rig_end(&r);
}

/* E52, B5, B6: one byte more than is kept, one byte of the server's, no retry left, off: all as if there were no
 * key. */
static void e52_passed_on(void **state)
{
	static const char *const keys[] = {
		", replay: 16KiB, health: {passive: off}",
		", replay: 16KiB, retries: 0, health: {passive: off}",
		", health: {passive: off}",
	};

	(void)state;
	for (size_t i = 0; i < array_len(keys); i++) {
		struct plan kept = {.n = KEEP, .server = {{RESETS, KEEP}}};
		struct plan more = {.n = KEEP + 1, .server = {{RESETS, KEEP + 1}}};
		struct plan fin = {.n = KEEP + 1, .server = {{FINS, KEEP + 1}}};
		struct plan spoke = {.n = 10, .server = {{SPEAKS, 10}}};
		struct rig r = {.serving = 0};
		struct saw saw;

		rig_start(&r, keys[i]);
		saw = one(&r, &kept, 1);
		if (i == 0)
			assert_true(saw.n == ANSWER && saw.end == 0 && kept.tries == 2);
		else
			assert_true(saw.n == 0 && saw.end == -ECONNRESET && kept.tries == 1);
		saw = one(&r, &more, 2);
		assert_true(saw.n == 0 && saw.end == -ECONNRESET && more.tries == 1);
		saw = one(&r, &fin, 3);
		assert_true(saw.n == 0 && saw.end == 0 && fin.tries == 1);
		saw = one(&r, &spoke, 4);
		assert_true(saw.n == 1 && saw.answer[0] == 'x' && saw.end == -ECONNRESET && spoke.tries == 1);
		assert_int_equal(replayed("sent"), i == 0);
		assert_int_equal(replayed("too_long"), i == 0 ? 2 : 0);
		rig_end(&r);
	}
}

/* E52: whose servers all end is passed on the last one's end. */
static void e52_all_end(void **state)
{
	struct plan p = {.n = 10, .fails = 3, .server = {{FINS, 10}, {FINS, 3}, {RESETS, 10}}};
	struct rig r = {.serving = 0};
	struct saw saw;

	(void)state;
	rig_start(&r, ", replay: 16KiB, retries: 5, health: {passive: off}");
	saw = one(&r, &p, 5);
	assert_true(saw.n == 0 && saw.end == -ECONNRESET && p.tries == 3);
	assert_int_equal(replayed("sent"), 2);
	assert_int_equal(replayed("limited"), 1);
	kit_staunch_wait_log(r.s, "\"staunch.close_reason\":\"server_rst\"", 1);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e52_by_lot, kit_end),
		cmocka_unit_test_teardown(e52_by_lot_with_a_hash, kit_end),
		cmocka_unit_test_teardown(e52_the_log, kit_end),
		cmocka_unit_test_teardown(e52_passed_on, kit_end),
		cmocka_unit_test_teardown(e52_all_end, kit_end),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("upstream_replay", tests, NULL, NULL);
}
