/* Redis with TLS: its own, routed by name without a touch; ended by the edge; and begun by the edge
 * towards a server that wants to see a certificate. */
#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

enum { SEED = 29, BIG = 10 * MB };

/* ---- servers --------------------------------------------------------------------------------- */

static void redis_need(void)
{
	program_need("redis-server");
	program_need("redis-cli");
	program_need("redis-benchmark");
}

/* One that speaks nothing but TLS, with this certificate; clients: "yes" when they have to show theirs. */
static struct kit_child *redis_tls_start(const char *its_cert, const char *its_key,
					 const char *clients, int *port)
{
	const char *number;

	*port = kit_port(kit_ip(0));
	number = textf("%d", *port);
	return program_serve("redis",
			     KIT_ARGV("redis-server", "--bind", kit_ip(0), "--port", "0",
				      "--tls-port", number, "--tls-cert-file", its_cert,
				      "--tls-key-file", its_key, "--tls-ca-cert-file", pki.ca,
				      "--tls-auth-clients", clients, "--save", "", "--dir", kit_dir()),
			     kit_ip(0), *port);
}

/* ---- clients --------------------------------------------------------------------------------- */

static const char *over_tls(const char *name)
{
	return textf("--tls --cacert %s --sni %s", pki.ca, name);
}

/* One command of redis-cli to the edge, as one would type it. */
static struct kit_child *redis_cli(const struct edge *e, const char *how, const char *command)
{
	const char *all = textf("redis-cli -e -h %s -p %d %s %s", kit_ip(1), e->port, how, command);

	return program_run("cli", KIT_ARGV("sh", "-c", all));
}

static void ten_megabytes(const struct edge *e, const char *how)
{
	char path[KIT_PATH];

	kit_file_write("value", "", path);
	kit_file_write_stream(path, SEED, BIG);
	program_said(redis_cli(e, how, textf("-x SET big < %s", path)), "OK\n");
	kit_file_expect_stream(redis_cli(e, how, "GET big")->out, SEED, BIG, "\n"); /* redis-cli ends the line */
}

/* Thousands of requests, sixteen under way on each of eight connections. The benchmark ends badly at
 * the first reply that is an error; the server counts such replies too, and the requests. */
static void a_pipelined_benchmark(const struct edge *e, const char *how)
{
	const char *command = textf("redis-benchmark -h %s -p %d %s -t set,get -n 8000 -c 8 -P 16 "
				    "-d 512 -q", kit_ip(1), e->port, how);
	struct kit_child *c;

	redis_cli(e, how, "CONFIG RESETSTAT");
	c = program_run("benchmark", KIT_ARGV("sh", "-c", command));
	assert_int_equal(kit_file_count(c->out, "requests per second"), 2);
	assert_int_equal(kit_file_count(c->err, ""), 0);
	c = redis_cli(e, how, "INFO all");
	assert_int_equal(kit_file_count(c->out, "total_error_replies:0"), 1);
	assert_int_equal(kit_file_count(c->out, "cmdstat_set:calls=8000,"), 1);
	assert_int_equal(kit_file_count(c->out, "cmdstat_get:calls=8000,"), 1);
}

/* Every connection of this listener was ended by its client and in order. */
static void nobody_was_cut_off(const struct edge *e, struct kit_child *server)
{
	int good;

	edge_end(e);
	good = kit_staunch_log(e->s, " reason=client_fin ");
	assert_true(good > 16);
	assert_int_equal(kit_staunch_log(e->s, " listener=edge "), good);
	program_stop(server, SIGTERM);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void tls_ends_before_redis(void **state)
{
	struct kit_child *server;
	struct edge e;
	int port;

	(void)state;
	redis_need();
	pki_write();
	server = kit_redis_start(kit_ip(0), &port);
	e = edge_start(tls_edge_keys(""), edge_upstream("back", port, ""));
	program_said(redis_cli(&e, over_tls("a.test"), "PING"), "PONG\n");
	ten_megabytes(&e, over_tls("a.test"));
	a_pipelined_benchmark(&e, over_tls("b.test"));
	edge_said(&e, " sni=a.test tls=TLSv1.3 ");
	nobody_was_cut_off(&e, server);
}

/* A certificate for the edge, as keys of an upstream. */
static const char *own_certificate(void)
{
	struct kit_cert *me = kit_cert_make(&(struct kit_cert_opts){.cn = "edge", .issuer = pki.root});
	char mine[KIT_PATH], my_key[KIT_PATH];

	kit_cert_write(me, "me.pem", mine);
	kit_cert_write_key(me, "me.key", NULL, my_key);
	return textf(", cert: \"%s\", key: \"%s\"", mine, my_key);
}

/* A second listener leads to the same server without showing it one. */
static void redis_wants_a_certificate(void **state)
{
	int port, shy = kit_port(kit_ip(1));
	const char *tls, *with, *without;
	struct kit_child *server, *c;
	struct edge e;

	(void)state;
	redis_need();
	pki_write();
	server = redis_tls_start(pki.cert, pki.key, "yes", &port);
	tls = textf(", tls: {ca: \"%s\", name: a.test, sni: a.test", pki.ca);
	with = edge_upstream("back", port, textf("%s%s}", tls, own_certificate()));
	without = edge_upstream("shy", port, textf("%s}", tls));
	e = edge_start(textf("upstream: back}\n  - {name: shy, bind: \"%s:%d\", upstream: shy",
			     kit_ip(1), shy), textf("%s%s", with, without));
	program_said(redis_cli(&e, "", "PING"), "PONG\n");
	ten_megabytes(&e, "");
	a_pipelined_benchmark(&e, "");
	edge_said(&e, " upstream_tls=TLSv1.3 ");
	c = kit_child_start("cli", KIT_ARGV("redis-cli", "-e", "-h", kit_ip(1), "-p",
					    textf("%d", shy), "PING"));
	assert_int_not_equal(kit_child_wait(c), 0);
	kit_staunch_wait_log(e.s, " listener=shy ", 1);
	/* By the time of its refusal it has passed the PING on, and a reset for that may overtake the alert. */
	if (kit_staunch_log(e.s, " reason=upstream_tls_failed ") == 0)
		edge_said(&e, " reason=server_rst ");
	nobody_was_cut_off(&e, server);
}

/* Two servers that end TLS themselves; what one of them was told, the other does not know. */
static void redis_is_found_by_name(void **state)
{
	struct kit_child *a, *b;
	int port_a, port_b;
	struct edge e;

	(void)state;
	redis_need();
	pki_write();
	a = redis_tls_start(pki.cert, pki.key, "no", &port_a);
	b = redis_tls_start(pki.cert2, pki.key2, "no", &port_b);
	e = edge_start("routes: [{sni: [a.test, \"*.a.test\"], upstream: a}, "
		       "{sni: [b.test], upstream: b}]",
		       textf("%s%s", edge_upstream("a", port_a, ""), edge_upstream("b", port_b, "")));
	program_said(redis_cli(&e, over_tls("a.test"), "SET who a"), "OK\n");
	program_said(redis_cli(&e, over_tls("b.test"), "SET who b"), "OK\n");
	program_said(redis_cli(&e, over_tls("x.a.test"), "GET who"), "a\n");
	program_said(redis_cli(&e, over_tls("B.test"), "GET who"), "b\n");
	ten_megabytes(&e, over_tls("a.test"));
	a_pipelined_benchmark(&e, over_tls("b.test"));
	nobody_was_cut_off(&e, a);
	program_stop(b, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(tls_ends_before_redis, kit_end),
		cmocka_unit_test_teardown(redis_wants_a_certificate, kit_end),
		cmocka_unit_test_teardown(redis_is_found_by_name, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
