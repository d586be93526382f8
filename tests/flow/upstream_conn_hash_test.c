/* What a balance by hash goes by: E50, with real clients that say it: in a PROXY header, to the TLS that ends here, or
 * in a hello that is passed on; and E51, that a hedge goes by the same. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/crossing.h"
#include "tests/flow/kit/tls_edge.h"

enum { SERVERS = 3, KEYS = 30 };

#define BY_HEADER "proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"]}, upstream: app"

struct world {
	struct kit_staunch *s;
	struct kit_peer *peer[SERVERS]; /* NULL: a black hole */
	int port, before[SERVERS];
};

/* holes: so many of the servers do not answer. */
static void start(struct world *w, int holes, const char *listener, const char *upstream)
{
	const char *servers = "";

	memset(w, 0, sizeof(*w));
	w->port = kit_port(kit_ip(0));
	for (int i = 0; i < SERVERS; i++) {
		if (i >= holes)
			w->peer[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
		servers = textf("%s%s\"%s:%d\"", servers, i > 0 ? ", " : "", kit_ip(0),
				i >= holes ? kit_peer_port(w->peer[i]) : kit_black_hole(kit_ip(0)));
	}
	w->s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\"}\n"
				       "listeners:\n  - {name: web, bind: \"%s:%d\", %s}\n"
				       "upstreams:\n  - {name: app, %s, servers: [%s]}\n",
				       control_socket(), kit_ip(0), w->port, listener, upstream, servers));
}

/* Which server has had a connection more than when it was asked last. */
static int who(struct world *w)
{
	int found = -1;

	for (int i = 0; i < SERVERS; i++) {
		int n = w->peer[i] != NULL ? kit_peer_accepted(w->peer[i]) : 0;

		if (n != w->before[i])
			found = i;
		w->before[i] = n;
	}
	assert_true(found >= 0);
	return found;
}

/* There and back.   Returns  the server that had it. */
static int visit(struct world *w, const void *says, size_t n)
{
	int fd = kit_connect(kit_ip(0), w->port);
	char back = 0;

	kit_send(fd, says, n);
	kit_send(fd, "x", 1);
	assert_int_equal(kit_io_read(fd, &back, 1), 1);
	close(fd);
	return who(w);
}

/* Behind a header of version 2: the client is 198.51.100.`from`, and there is one TLV, of one byte. */
static int visit_by_tlv(struct world *w, unsigned char from, unsigned char type, unsigned char value)
{
	unsigned char header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10"
				 "\xc6\x33\x64\0\xc6\x33\x64\2\x12\x67\x01\xbb\0\0\1\0";

	header[19] = from;
	header[28] = type;
	header[31] = value;
	return visit(w, header, 32);
}

static int visit_by_hello(struct world *w, const char *sni)
{
	static struct hello_text h;

	real_hello(&h, sni, NULL);
	return visit(w, h.p, h.n);
}

static int visit_by_tls(struct world *w, const char *sni)
{
	const struct tls_peer_opts o = {.sni = sni};
	struct tls_peer p;

	assert_true(tls_peer_dial(&p, kit_connect(kit_ip(0), w->port), &o));
	exchange_tls(&p);
	end_orderly_tls(&p);
	return who(w);
}

/* Each of many keys has its server, and all servers have keys. */
static void expect_spread(const int had[KEYS])
{
	bool used[SERVERS] = {false};

	for (int i = 0; i < KEYS; i++)
		used[had[i]] = true;
	assert_true(used[0] && used[1] && used[2]);
}

static void expect_in_turn(int last, int next)
{
	assert_int_equal(next, (last + 1) % SERVERS);
}

static void end(struct world *w)
{
	assert_true(kit_child_alive(w->s->child));
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

/* The same value, the same server, whoever the client is; a header without that TLV, in turn. */
static void goes_by_tlv(const char *balance)
{
	struct world w;
	int had[KEYS], last;

	start(&w, 0, BY_HEADER, textf("balance: %s, hash_on: \"tlv:0xe1\"", balance));
	for (int i = 0; i < KEYS; i++) {
		had[i] = visit_by_tlv(&w, 1, 0xE1, (unsigned char)(i + 1));
		assert_int_equal(visit_by_tlv(&w, 2, 0xE1, (unsigned char)(i + 1)), had[i]);
	}
	expect_spread(had);
	last = visit_by_tlv(&w, 1, 0xE2, 7);
	for (int i = 0; i < 6; i++) {
		int next = visit_by_tlv(&w, 1, 0xE2, 7);

		expect_in_turn(last, next);
		last = next;
	}
	end(&w);
}

static void e50_a_tlv(void **state)
{
	(void)state;
	goes_by_tlv("source_hash");
	goes_by_tlv("maglev");
}

/* The name that a client asks for, in any case of its letters; who asks for none is served in turn. */
static void goes_by_name(struct world *w, int (*visit_as)(struct world *w, const char *sni))
{
	int had[KEYS], last;

	for (int i = 0; i < KEYS; i++) {
		had[i] = visit_as(w, textf("host%d.a.test", i));
		assert_int_equal(visit_as(w, textf("HOST%d.a.Test", i)), had[i]);
	}
	expect_spread(had);
	last = visit_as(w, NULL);
	for (int i = 0; i < 6; i++) {
		int next = visit_as(w, NULL);

		expect_in_turn(last, next);
		last = next;
	}
}

static void e50_a_name_asked_of_tls_that_ends_here(void **state)
{
	struct world w;

	(void)state;
	pki_write();
	start(&w, 0,
	      textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}, upstream: app", pki.cert, pki.key),
	      "balance: source_hash, hash_on: sni");
	goes_by_name(&w, visit_by_tls);
	end(&w);
}

static void e50_a_name_in_a_hello_that_is_passed_on(void **state)
{
	static const char *const balances[] = {"source_hash", "maglev"};
	struct world w;

	(void)state;
	for (size_t i = 0; i < array_len(balances); i++) {
		start(&w, 0, "routes: [{sni: [\"*.a.test\"], upstream: app}], upstream: app",
		      textf("balance: %s, hash_on: sni", balances[i]));
		goes_by_name(&w, visit_by_hello);
		end(&w);
	}
}

static int hedges_won(void)
{
	const char *line = "staunch_upstream_hedges_total{upstream=\"app\",result=\"won\"} ";
	const char *at = strstr(control_expect(200, "GET /metrics", ""), line);

	assert_non_null(at);
	return (int)strtol(at + strlen(line), NULL, 10);
}

/* E51: where the key's first server does not answer, its second is dialled, whoever the client is. Two keys, five
 * clients each, are the ten hedges that there may be in any case. */
static void e51_a_hedge_goes_by_the_key(void **state)
{
	struct world w;
	int hedged = 0;

	(void)state;
	start(&w, 1, BY_HEADER,
	      "balance: source_hash, hash_on: \"tlv:0xe1\", hedge: 30ms, health: {passive: off}");
	for (int key = 1; key < 200 && hedged < 10; key++) {
		int second = visit_by_tlv(&w, 1, 0xE1, (unsigned char)key);

		if (hedges_won() == hedged)
			continue;
		for (unsigned char from = 2; from <= 5; from++)
			assert_int_equal(visit_by_tlv(&w, from, 0xE1, (unsigned char)key), second);
		hedged = hedges_won();
	}
	assert_int_equal(hedged, 10);
	end(&w);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e50_a_tlv),
		TEST(e50_a_name_asked_of_tls_that_ends_here),
		TEST(e50_a_name_in_a_hello_that_is_passed_on),
		TEST(e51_a_hedge_goes_by_the_key),
	};

	return cmocka_run_group_tests_name("upstream_conn_hash", tests, NULL, NULL);
}
