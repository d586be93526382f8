/* Servers that fail their connections are left out, probed and tried again, over two workers: E33 to E37, E68, E69,
 * E74, E76. The rules themselves are passive_test.c's, by a clock of the test; here real servers fail. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/programs.h"
#include "tests/kit/cert.h"

enum { SERVERS = 3 };

struct world {
	struct kit_staunch *s;
	int port, fds;
	int at[SERVERS]; /* ports */
};

/* Servers at these ports; passive: what stands in health.passive; keys: beside it. */
static void start_as(struct world *w, int n, const char *passive, const char *keys)
{
	const char *servers = "";

	w->port = kit_port(kit_ip(0));
	for (int i = 0; i < n; i++)
		servers = textf("%s%s\"%s:%d\"", servers, i > 0 ? ", " : "", kit_ip(0), w->at[i]);
	w->s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			    "upstreams:\n  - {name: app, health: {passive: %s}, servers: [%s], %s}\n",
		control_socket(), kit_ip(0), w->port, passive, servers, keys));
	w->fds = kit_proc_fds(w->s->child->pid);
}

static void start(struct world *w, int n, const char *passive)
{
	start_as(w, n, passive, "retries: 3");
}

static int serving(enum kit_serve how, int port, struct kit_peer **out)
{
	struct kit_peer *p = kit_peer_start(&(struct kit_peer_opts){.serve = how, .port = port});

	if (out != NULL)
		*out = p;
	return kit_peer_port(p);
}

static bool is_served(int port)
{
	int fd = kit_connect(kit_ip(0), port);
	char back = 0;
	bool well = kit_io_write(fd, "x", 1) == 0 && kit_io_read(fd, &back, 1) == 1 && back == 'x';

	close(fd);
	return well;
}

/* Clients one after the other.   Returns  how many were not served. */
static int fail_of(int port, int clients)
{
	int failed = 0;

	for (int i = 0; i < clients; i++)
		failed += !is_served(port);
	return failed;
}

static int events(const struct world *w, const char *event)
{
	return kit_file_count(w->s->child->err, textf("\"event\":\"%s\"", event));
}

/* In the metrics, of the ith server. */
static void expect_count(const struct world *w, int i, const char *family, const char *label, int n)
{
	expect_part(control_expect(200, "GET /metrics", ""),
		    textf("staunch_upstream_%s{upstream=\"app\",server=\"%s:%d\",%s} %d\n", family, kit_ip(0), w->at[i],
			  label, n));
}

/* Clients until the log has the event.   Returns  how many were not served. */
static int fail_until(const struct world *w, const char *event)
{
	int failed = 0;

	for (int i = 0; events(w, event) == 0; i++) {
		if (i == 3000)
			kit_fail("no %s after 3000 clients, of which %d were not served", event, failed);
		failed += !is_served(w->port);
		if (i % 10 == 9)
			cpu_ms_within(w->s->child->pid, 20); /* probes have their seconds */
	}
	return failed;
}

static bool is_taught(void *arg)
{
	(void)arg;
	return strstr(control_expect(200, "GET /v1/servers", ""), "\"early_ends_count\":true") != NULL;
}

static bool has_learnt(void *arg)
{
	(void)arg;
	return strstr(control_expect(200, "GET /v1/servers", ""), "\"answer_ms\":1000,\"hedge_ms\":") != NULL;
}

/* What the others' answers teach is known within a second. */
static void teach(const struct world *w)
{
	(void)fail_of(w->port, 120);
	assert_true(kit_wait(is_taught, NULL, KIT_MS));
}

/* E34, E37b, E36, E69: a server that ends at once costs three clients, is left out, and comes back when a probe finds
 * it well. */
static void e34_early_ends_cost_three_clients(void **state)
{
	struct kit_peer *bad;
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, &bad)}};

	(void)state;
	start(&w, 3, "{out: 60s}");
	teach(&w);
	assert_int_equal(events(&w, "server_out"), 0);
	(void)fail_of(w.port, 120); /* now each has more than a hundred answers of the others */
	assert_true(kit_wait(has_learnt, NULL, KIT_MS));
	kit_peer_stop(bad);
	(void)serving(KIT_SOURCE, w.at[2], &bad); /* of no bytes */
	assert_int_equal(fail_until(&w, "server_out"), 3);
	assert_int_equal(fail_of(w.port, 100), 0);
	expect_part(control_expect(200, "GET /v1/servers", ""),
		    "\"why\":\"passive_out\",\"why_text\":\"its connections failed (early_end): it ends connections "
		    "before its first byte\",\"back_text\":\"if it answers the client that tries it: in ");
	expect_count(&w, 2, "ejections_total", "reason=\"early_end\"", 1);
	kit_peer_stop(bad);
	(void)serving(KIT_ECHO, w.at[2], &bad);
	assert_int_equal(fail_until(&w, "server_in"), 0); /* long before its 60 s are over */
	(void)fail_of(w.port, 9);
	assert_true(kit_peer_accepted(bad) >= 3);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E33: a refused connect costs no client, and after three of them no time either. */
static void e33_refused_connects(void **state)
{
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), kit_refuser(kit_ip(0)), serving(KIT_ECHO, 0, NULL)}};

	(void)state;
	start(&w, 3, "{out: 60s}");
	assert_int_equal(fail_until(&w, "server_out"), 0);
	assert_int_equal(fail_of(w.port, 60), 0);
	expect_count(&w, 1, "connects_total", "result=\"refused\"", 3);
	assert_int_equal(events(&w, "server_out"), 1);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E35: two of three refuse: one is out, the other spare, and nobody notices. */
static void e35_two_of_three_refuse(void **state)
{
	struct world w = {.at = {kit_refuser(kit_ip(0)), kit_refuser(kit_ip(0)), serving(KIT_ECHO, 0, NULL)}};

	(void)state;
	start(&w, 3, "{out: 60s}");
	assert_int_equal(fail_until(&w, "server_spare"), 0);
	assert_int_equal(fail_of(w.port, 60), 0);
	assert_int_equal(events(&w, "server_out"), 1);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E37: a given time without an answer is a failure, and the connection itself goes on. Who says nothing is not
 * answered. */
static void e37_silence(void **state)
{
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), serving(KIT_MUTE, 0, NULL)}};
	int waiting[6], quiet[4];

	(void)state;
	start(&w, 2, "{answer: 300ms, out: 60s, probe: false}");
	for (size_t i = 0; i < array_len(quiet); i++)
		quiet[i] = kit_connect(kit_ip(0), w.port);
	cpu_ms_within(w.s->child->pid, 700);
	assert_int_equal(events(&w, "server_out"), 0);
	for (size_t i = 0; i < array_len(waiting); i++) {
		waiting[i] = kit_connect(kit_ip(0), w.port);
		kit_send(waiting[i], "x", 1);
	}
	kit_staunch_wait_err(w.s, "(silent)", 1);
	assert_int_equal(fail_of(w.port, 20), 0);
	for (size_t i = 0; i < array_len(waiting); i++) {
		char byte;
		ssize_t n = recv(waiting[i], &byte, 1, MSG_DONTWAIT);

		assert_true(n == 1 || (n == -1 && errno == EAGAIN)); /* answered, or still waiting */
		kit_reset(waiting[i]);
	}
	for (size_t i = 0; i < array_len(quiet); i++)
		kit_reset(quiet[i]);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E76: an operator says that it is well again. */
static void e76_forgotten_by_order(void **state)
{
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), kit_refuser(kit_ip(0)), serving(KIT_ECHO, 0, NULL)}};
	const char *body = "{\"state\":\"ready\",\"forget\":[\"passive\"]}";

	(void)state;
	start(&w, 3, "{out: 60s, probe: false}");
	(void)fail_until(&w, "server_out");
	expect_part(control_raw(textf("POST /v1/servers/app/%s:%d HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				      "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
				      kit_ip(0), w.at[1], strlen(body), body)),
		    "\"forgot\":{\"passive\":\"out\",\"check\":null}");
	expect_part(control_expect(200, "GET /v1/upstreams", ""), "\"usable\":3");
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* The others go after it was left out: then it is better than none, and serves again at once. */
static void e35_left_out_and_then_alone(void **state)
{
	struct kit_peer *bad;
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, NULL)}};
	const char *body = "{\"state\":\"maint\"}";

	(void)state;
	(void)serving(KIT_ECHO, 0, &bad);
	kit_peer_stop(bad);
	w.at[1] = kit_peer_port(bad);
	start(&w, 2, "{out: 60s, probe: false}");
	(void)fail_until(&w, "server_out");
	(void)serving(KIT_ECHO, w.at[1], &bad);
	expect_part(control_raw(textf("POST /v1/servers/app/%s:%d HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				      "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
				      kit_ip(0), w.at[0], strlen(body), body)),
		    "HTTP/1.1 200 ");
	assert_int_equal(fail_of(w.port, 20), 0);
	assert_int_equal(events(&w, "server_in"), 1);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E37b, E74: where all servers end early nobody is judged: it is how that protocol, or those clients, are. */
static void e74_what_all_do_is_no_failure(void **state)
{
	struct world w = {0};

	(void)state;
	for (int i = 0; i < SERVERS; i++)
		w.at[i] = serving(KIT_SOURCE, 0, NULL);
	start(&w, 3, "{out: 60s}");
	assert_int_equal(fail_of(w.port, 200), 200);
	cpu_ms_within(w.s->child->pid, 2500); /* two lessons */
	assert_int_equal(fail_of(w.port, 200), 200);
	assert_int_equal(events(&w, "server_out"), 0);
	assert_int_equal(events(&w, "ejection_capped"), 0);
	expect_part(control_expect(200, "GET /v1/upstreams", ""), "\"usable\":3");
	kit_staunch_stop(w.s, SIGTERM);
}

/* E68: alone, a server is used, whatever it does; off: no more is anybody else. */
static void e68_nobody_is_judged(void **state)
{
	struct world alone = {.at = {kit_refuser(kit_ip(0))}};
	struct world off = {.at = {kit_refuser(kit_ip(0)), serving(KIT_ECHO, 0, NULL)}};

	(void)state;
	start(&alone, 1, "{failures: 1}");
	assert_int_equal(fail_of(alone.port, 20), 20);
	assert_int_equal(events(&alone, "server_out"), 0);
	kit_staunch_stop(alone.s, SIGTERM);
	start(&off, 2, "off");
	assert_int_equal(fail_of(off.port, 40), 0);
	assert_int_equal(events(&off, "server_out"), 0);
	expect_count(&off, 0, "connects_total", "result=\"refused\"", 20);
	back_to_normal(off.s, off.fds, kit_ip(0), off.port);
}

/* OpenSSL's echo, at this port, with a certificate of root that is good for so many days. */
static struct kit_child *serve_tls(int port, struct kit_cert *root, int days)
{
	struct kit_cert *leaf = kit_cert_make(&(struct kit_cert_opts){
		.ip = kit_ip(0), .issuer = root, .from_days = -30, .to_days = days});
	const char *at = textf("%s:%d", kit_ip(0), port);
	char cert[KIT_PATH], key[KIT_PATH];

	kit_cert_write(leaf, textf("leaf-%d-%d.pem", port, days), cert);
	kit_cert_write_key(leaf, textf("leaf-%d-%d.key", port, days), NULL, key);
	return program_serve("tls", KIT_ARGV("openssl", "s_server", "-quiet", "-rev", "-accept", at, "-cert", cert,
					     "-key", key), kit_ip(0), port);
}

/* The server turns each line around. */
static bool is_turned(int port)
{
	int fd = kit_connect(kit_ip(0), port);
	char back[3] = "";
	bool well = kit_io_write(fd, "ab\n", 3) == 0 && kit_io_read(fd, back, 3) == 3 && memcmp(back, "ba\n", 3) == 0;

	close(fd);
	return well;
}

/* How often a probe of the second server had this result. */
static bool has_probed(void *arg)
{
	const struct world *w = ((const void **)arg)[0];
	const char *result = ((const void **)arg)[1];
	const char *none = textf("probes_total{upstream=\"app\",server=\"%s:%d\",result=\"%s\"} 0\n", kit_ip(0),
				 w->at[1], result);

	return strstr(control_expect(200, "GET /metrics", ""), none) == NULL;
}

/* E69: a certificate that has expired is no good probe, though the port takes connections; once there is another one
 * the server is in use again, long before its time is over, and no client has noticed. */
static void e69_an_expired_certificate(void **state)
{
	struct kit_cert *root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	struct world w = {.at = {kit_port(kit_ip(0)), kit_port(kit_ip(0))}};
	struct kit_child *well, *bad;
	char ca[KIT_PATH];
	int failed = 0;

	(void)state;
	program_need("openssl");
	kit_cert_write(root, "ca.pem", ca);
	well = serve_tls(w.at[0], root, 30);
	bad = serve_tls(w.at[1], root, -1);
	start_as(&w, 2, "{out: 600s, max_out: 1h}", textf("tls: {ca: \"%s\"}", ca));
	for (int i = 0; i < 40; i++)
		failed += !is_turned(w.port);
	assert_int_equal(events(&w, "server_out"), 1);
	assert_true(kit_wait(has_probed, (const void *[]){&w, "failed"}, KIT_MS));
	assert_false(has_probed((const void *[]){&w, "good"}));
	program_stop(bad, SIGTERM);
	bad = serve_tls(w.at[1], root, 30);
	assert_true(kit_wait(has_probed, (const void *[]){&w, "good"}, KIT_MS));
	for (int i = 0; i < 10; i++)
		failed += !is_turned(w.port);
	assert_int_equal(events(&w, "server_in"), 1);
	assert_int_equal(failed, 0);
	kit_staunch_stop(w.s, SIGTERM);
	program_stop(bad, SIGTERM);
	program_stop(well, SIGTERM);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e34_early_ends_cost_three_clients),
		TEST(e33_refused_connects),
		TEST(e35_two_of_three_refuse),
		TEST(e37_silence),
		TEST(e76_forgotten_by_order),
		TEST(e35_left_out_and_then_alone),
		TEST(e74_what_all_do_is_no_failure),
		TEST(e68_nobody_is_judged),
		TEST(e69_an_expired_certificate),
	};

	return cmocka_run_group_tests_name("upstream passive", tests, NULL, NULL);
}
