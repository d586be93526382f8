/* Servers that are hostile to checks, one way each: E16, E26, E27, E28. Each is down, with the reason that fits,
 * and no more than its own check is held up: a server that is well is checked and served beside them. And the process
 * ends in time while checks hang in every phase. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum hostile {
	DRIP,         /* a byte each tenth of a second, that means nothing */
	FLOOD,        /* bytes without end */
	DEAF,         /* reads nothing, and says nothing */
	RST_AT_ONCE,  /* a reset when it is connected to */
	RST_ASKED,    /* when it was asked */
	RST_ANSWERED, /* in the middle of an answer */
	HALF,         /* says nothing, ends its side, and keeps the connection */
	TEXT,         /* text, where TLS is expected */
	RECORD,       /* the head of a record of TLS, which never ends */
	LATER,        /* a whole record of TLS, which is no ServerHello */
	ALERT,        /* an alert of TLS */
	LINE,         /* a line of 1 MB */
	NULS,         /* nothing but zeros */
	GOOD_OPEN,    /* a good answer, and it never ends the connection */
	HOSTILES,
};

struct server {
	pthread_t thread;
	enum hostile how;
	int listener, port;
	bool stop;          /* atomic, as all below */
	int accepted, live; /* connections */
	char big[65536];    /* const: many bytes to say */
};

/* On the heap, its thread's. */
struct visit {
	struct server *s;
	int fd;
};

static bool is_over(const struct server *s)
{
	return __atomic_load_n(&s->stop, __ATOMIC_RELAXED);
}

static bool is_over_now(void *s)
{
	return is_over(s);
}

/* The other side is gone, or the test is over. */
static bool gone_after(const struct server *s, int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return (poll(&p, 1, ms) > 0 && (p.revents & (POLLERR | POLLHUP | POLLRDHUP)) != 0) || is_over(s);
}

static void hear_some(int fd)
{
	char buf[4096];

	(void)!read(fd, buf, sizeof(buf));
}

static void wait_until_gone(const struct server *s, int fd)
{
	while (!gone_after(s, fd, 20))
		;
}

static const char good[] = "HTTP/1.1 200 OK\r\n\r\n";

#define SAYS(text, how_often) .bytes = (text), .n = sizeof(text) - 1, .times = (how_often)
#define ALWAYS INT32_MAX

/* What a connection sees of each. bytes NULL: many, of one kind. */
static const struct way {
	bool hears; /* first of all */
	const char *bytes;
	size_t n;
	int times, every; /* so often, and so many ms between two */
	bool drips;       /* a byte each time, the last one again and again */
	bool halves;      /* then it ends its side */
	bool resets;      /* and then the connection, at once */
	bool stays;       /* though the other side is gone */
} ways[HOSTILES] = {
	[DRIP] = {SAYS("HTTP/1.1 200 OK\r\nX: x", ALWAYS), .every = 100, .drips = true},
	[FLOOD] = {.times = ALWAYS},
	[RST_AT_ONCE] = {.resets = true},
	[RST_ASKED] = {.hears = true, .resets = true},
	[RST_ANSWERED] = {.hears = true, SAYS("HTTP/1.1 ", 1), .resets = true},
	[HALF] = {.halves = true},
	[TEXT] = {SAYS("220 hello\r\n", ALWAYS), .every = 50},
	[RECORD] = {SAYS("\x16\x03\x03\x40\x00\x02", 1)},
	[LATER] = {SAYS("\x17\x03\x03\x00\x04" "abcd", 1)},
	[ALERT] = {SAYS("\x15\x03\x03\x00\x02\x02\x28", 1)},
	[LINE] = {.times = 16},
	[NULS] = {.times = ALWAYS},
	[GOOD_OPEN] = {.hears = true, SAYS(good, 1), .stays = true},
};

static void say_all(const struct server *s, const struct way *w, int fd)
{
	const char *bytes = w->bytes != NULL ? w->bytes : s->big;
	size_t n = w->bytes != NULL ? w->n : sizeof(s->big);

	for (int i = 0; i < w->times; i++) {
		if (send(fd, bytes, w->drips ? 1 : n, MSG_NOSIGNAL) <= 0 || gone_after(s, fd, w->every))
			return;
		bytes += w->drips && (size_t)i + 1 < n;
	}
}

/* One connection, until the other side has gone.   Returns  whether it is to be reset. */
static bool behave(const struct server *s, int fd)
{
	const struct way *w = &ways[s->how];

	if (w->hears)
		hear_some(fd);
	say_all(s, w, fd);
	if (w->halves)
		shutdown(fd, SHUT_WR);
	if (w->resets)
		return true;
	wait_until_gone(s, fd);
	while (w->stays && !kit_wait(is_over_now, (void *)(uintptr_t)s, KIT_MS))
		;
	return false;
}

static void *visit_main(void *arg)
{
	struct visit *v = arg;

	if (behave(v->s, v->fd))
		(void)kit_io_reset(v->fd);
	else
		close(v->fd);
	__atomic_sub_fetch(&v->s->live, 1, __ATOMIC_RELEASE);
	free(v);
	return NULL;
}

static void take_one(struct server *s, int fd)
{
	struct visit *v = malloc(sizeof(*v));
	pthread_t t;

	if (v == NULL)
		abort();
	*v = (struct visit){s, fd};
	__atomic_add_fetch(&s->live, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->accepted, 1, __ATOMIC_RELAXED);
	if (pthread_create(&t, NULL, visit_main, v) != 0 || pthread_detach(t) != 0)
		abort();
}

static void *serve(void *arg)
{
	struct server *s = arg;

	while (!is_over(s)) {
		struct pollfd p = {.fd = s->listener, .events = POLLIN};
		int fd = poll(&p, 1, 20) > 0 ? accept(s->listener, NULL, NULL) : -1;

		if (fd >= 0)
			take_one(s, fd);
	}
	return NULL;
}

static struct server servers[HOSTILES];

static int start_server(enum hostile how)
{
	struct server *s = &servers[how];

	if (s->listener != 0)
		return s->port;
	s->port = 0;
	s->how = how;
	memset(s->big, how == NULS ? 0 : 'x', sizeof(s->big));
	s->listener = kit_listen(kit_ip(0), &s->port, 64);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return s->port;
}

static bool has_none(void *arg)
{
	return __atomic_load_n(&((struct server *)arg)->live, __ATOMIC_ACQUIRE) == 0;
}

static void stop_servers(void)
{
	for (int i = 0; i < HOSTILES; i++) {
		if (servers[i].listener == 0)
			continue;
		__atomic_store_n(&servers[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(servers[i].thread, NULL);
		assert_true(kit_wait(has_none, &servers[i], KIT_MS));
		close(servers[i].listener);
		servers[i].stop = false;
		servers[i].listener = servers[i].accepted = 0;
	}
}

/* What is checked, and what must be said of it: "" whatever fits, since a race decides. NULL: it is well. */
static const struct row {
	enum hostile how;
	const char *check, *said;
} rows[] = {
	{DRIP, "http: {timeout: 2s}", "no answer in time"},
	{DRIP, "send: {send: a, expect: b, timeout: 2s}", "no answer in time"},
	{FLOOD, "http: {timeout: 10s}", "the answer is not the wanted one: it is not HTTP/1"},
	{FLOOD, "send: {send: a, expect: b, timeout: 10s}", "the answer is not found in its first 8 KiB"},
	{FLOOD, "send: {send: a, expect: x, timeout: 10s}", NULL},
	{DEAF, "http: {timeout: 2s}", "no answer in time"},
	{DEAF, "tls: {verify: false, timeout: 2s}", "no answer in time"},
	{DEAF, "tcp: {timeout: 10s}", NULL},
	{RST_AT_ONCE, "http: {timeout: 10s}", "the server resets"},
	{RST_AT_ONCE, "tls: {verify: false, timeout: 10s}", ""},
	{RST_ASKED, "http: {timeout: 10s}", "the server resets"},
	{RST_ASKED, "tls: {verify: false, timeout: 10s}", ""},
	{RST_ANSWERED, "http: {timeout: 10s}", "the server resets"},
	{HALF, "http: {timeout: 10s}", "the server ends too early"},
	{HALF, "tls: {verify: false, timeout: 10s}", ""},
	{TEXT, "tls: {verify: false, timeout: 10s}", "the TLS handshake fails"},
	{RECORD, "tls: {verify: false, timeout: 2s}", "no answer in time"},
	{LATER, "tls: {verify: false, timeout: 10s}", "the TLS handshake fails"},
	{ALERT, "tls: {verify: false, timeout: 10s}", "the TLS handshake fails"},
	{FLOOD, "tls: {verify: false, timeout: 10s}", "the TLS handshake fails"},
	{NULS, "tls: {verify: false, timeout: 10s}", "the TLS handshake fails"},
	{NULS, "http: {timeout: 10s}", "the answer is not the wanted one: it is not HTTP/1"},
	{NULS, "send: {send: a, expect: '\\x00\\x00', timeout: 10s}", NULL},
	{LINE, "http: {timeout: 10s}", "the answer is not the wanted one: it is not HTTP/1"},
	{GOOD_OPEN, "http: {timeout: 10s}", NULL},
};

/* An upstream for each row, one whose agents are hostile, and one that is well. */
static char *config_of(int port, int well)
{
	static const enum hostile agents[] = {DRIP, FLOOD, DEAF, RST_AT_ONCE, HALF, LINE, NULS};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, TWO_WORKERS "shutdown: {timeout: 1s}\n"
				 "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: well}\n"
				 "upstreams:\n"
				 "  - {name: well, servers: [\"%s:%d\"], health: {tcp: {interval: 200ms}}}\n",
		kit_ip(0), port, kit_ip(0), well);
	for (size_t i = 0; i < array_len(rows); i++)
		fprintf(out, "  - {name: row%zu, servers: [\"%s:%d\"], health: {%s}}\n", i, kit_ip(0),
			start_server(rows[i].how), rows[i].check);
	for (size_t i = 0; i < array_len(agents); i++)
		fprintf(out, "  - {name: agent%zu, servers: [\"%s:%d\"], health: {agent: {port: %d, timeout: 1s, "
			"interval: 200ms}}}\n", i, kit_ip(0), well, start_server(agents[i]));
	assert_int_equal(fclose(out), 0);
	return text;
}

/* Each row has its verdict, and what was said is bounded, as is what the process keeps of it. */
static void e26_hostile_servers(void **state)
{
	struct kit_peer *well = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0));
	char *text = config_of(port, kit_peer_port(well));
	struct kit_staunch *s = kit_staunch_start(text);
	long rss;
	int fd;

	(void)state;
	free(text);
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *name = textf("server row%zu/", i);

		if (rows[i].said != NULL)
			kit_file_wait(s->child->err, textf("%s%s:%d is not up: its first check: %s", name, kit_ip(0),
							   servers[rows[i].how].port, rows[i].said), 1);
		else
			kit_file_wait(s->child->err, textf("%s%s:%d is up: ", name, kit_ip(0),
							   servers[rows[i].how].port), 1);
	}
	rss = kit_proc_rss_kb(s->child->pid);
	kit_file_wait(s->child->err, "\"event\":\"server_agent_lost\"", 7);
	fd = served(kit_ip(0), port);
	for (int i = 0; i < 200; i++)
		still_works(fd);
	end_orderly(fd);
	assert_in_range(kit_proc_rss_kb(s->child->pid), 0, rss + 8192);
	assert_int_equal(kit_file_count(s->child->err, "server well/"), 1); /* it came up, once */
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	stop_servers();
}

/* Upstreams whose checks hang: at the connect, within TLS, for the answer, for the agent's line. */
static const char *hanging(void)
{
	return textf("  - {name: a, servers: [\"%s:%d\"], health: {tcp: {timeout: 10m}}}\n"
		     "  - {name: b, servers: [\"%s:%d\"], health: {tls: {verify: false, timeout: 10m}}}\n"
		     "  - {name: c, servers: [\"%s:%d\"], health: {http: {timeout: 10m}}}\n"
		     "  - {name: d, servers: [\"%s:%d\"], health: {http: {interval: 100ms, timeout: 10m}}}\n"
		     "  - {name: e, servers: [\"%s:%d\"], health: {agent: {port: %d, timeout: 10m}}}\n",
		     kit_ip(0), kit_black_hole(kit_ip(0)), kit_ip(0), start_server(RECORD), kit_ip(0),
		     start_server(DRIP), kit_ip(0), start_server(GOOD_OPEN), kit_ip(0), kit_refuser(kit_ip(0)),
		     start_server(DEAF));
}

static bool all_hang(void *arg)
{
	(void)arg;
	return __atomic_load_n(&servers[RECORD].accepted, __ATOMIC_RELAXED) > 0 &&
	       __atomic_load_n(&servers[DRIP].accepted, __ATOMIC_RELAXED) > 0 &&
	       __atomic_load_n(&servers[GOOD_OPEN].accepted, __ATOMIC_RELAXED) > 1 &&
	       __atomic_load_n(&servers[DEAF].accepted, __ATOMIC_RELAXED) > 0;
}

/* The end, with this status and within so many ms and what a loaded machine takes. */
static void ends_within(struct kit_staunch *s, int status, int ms)
{
	int64_t began = kit_now_ms();

	assert_int_equal(kit_staunch_stop(s, SIGTERM), status);
	assert_in_range(kit_now_ms() - began, status != 0 ? ms : 0, ms + 5000);
}

/* Checks of ten minutes hold nobody up: not the end before the first verdicts, not one in which a client stays until
 * shutdown.timeout, and not one without clients. */
static void e30_the_end_while_checks_hang(void **state)
{
	struct kit_peer *well = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(kit_ip(0)), fd;
	const char *calm = textf(
		TWO_WORKERS "shutdown: {timeout: 1s}\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: well}\n"
			    "upstreams:\n  - {name: well, servers: [\"%s:%d\"]}\n",
		kit_ip(0), port, kit_ip(0), kit_peer_port(well));
	const char *config = textf("%s%s", calm, hanging());
	struct kit_staunch *s = kit_staunch_spawn(config);

	(void)state;
	assert_true(kit_wait(all_hang, NULL, KIT_MS));
	ends_within(s, 0, 0);
	for (int client = 0; client < 2; client++) {
		for (int i = 0; i < HOSTILES; i++)
			__atomic_store_n(&servers[i].accepted, 0, __ATOMIC_RELAXED);
		s = kit_staunch_start(calm);
		(void)generation_from(s, 2, config);
		assert_true(kit_wait(all_hang, NULL, KIT_MS));
		fd = served(kit_ip(0), port);
		if (client == 0)
			end_orderly(fd);
		ends_within(s, client != 0 ? 4 : 0, 1000 * client);
		if (client != 0)
			close(fd);
	}
	stop_servers();
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e26_hostile_servers),
		TEST(e30_the_end_while_checks_hang),
	};

	return cmocka_run_group_tests_name("upstream hostile check", tests, NULL, NULL);
}
