/* Thousands of clients that never finish their handshake: those that do are served, every one of them, while the storm
 * stands and goes on. A third of it says nothing, a third a part of a ClientHello, and a third all of one, so that the
 * proxy has signed for nobody. */
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

enum {
	STORM = 5000,
	HONEST = 200, /* handshakes, one after the other */
	FRESH = 5,    /* of the storm, before each of them */
	FROM = 10,    /* kit_ip() of the storm's first source; those between the proxy and it are honest */
	SOURCES = 100,
	CROWD = 60,
	/* The proxy's, two a connection, since it counts on a server for each, and its reserve. Ours are fewer. */
	DESCRIPTORS = 2 * (STORM + HONEST) + 200,
};

struct storm {
	struct edge e;
	int fds[STORM];
	int turn;   /* the next of them to be replaced, and how many there were */
	int served; /* honest ones */
	unsigned char hello[1024];
	size_t hello_n;
};

static struct storm storm; /* too large for a stack */

static void make_hello(struct storm *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *out = BIO_new(BIO_s_mem());

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out); /* both are ssl's now */
	assert_int_equal(SSL_connect(ssl), -1);
	assert_true(BIO_read_ex(out, s->hello, sizeof(s->hello), &s->hello_n));
	assert_true(s->hello_n < sizeof(s->hello));
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* One more of them, in the place of the oldest. */
static void storm_one(struct storm *s)
{
	const size_t said[] = {0, s->hello_n / 2, s->hello_n};
	int *fd = &s->fds[s->turn % STORM];
	size_t n = said[s->turn % (int)array_len(said)];

	if (*fd >= 0)
		close(*fd);
	*fd = edge_connect_from(&s->e, FROM + s->turn % SOURCES);
	kit_send(*fd, s->hello, n);
	s->turn++;
}

/* Whether it is served. */
static bool honest_at(struct storm *s, int fd)
{
	struct tls_peer p;

	if (!tls_peer_dial(&p, fd, &(struct tls_peer_opts){.sni = "a.test"})) {
		tls_peer_close(&p);
		return false;
	}
	exchange_tls(&p);
	end_orderly_tls(&p);
	s->served++;
	return true;
}

static void storm_start(struct storm *s, const char *keys)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	if (r.rlim_max < DESCRIPTORS) {
		print_message("[  SKIPPED ] the hard limit of descriptors is too low\n");
		skip();
	}
	want_descriptors(DESCRIPTORS);
	s->e = tls_edge(keys);
	s->turn = s->served = 0;
	make_hello(s);
	for (int i = 0; i < STORM; i++)
		s->fds[i] = -1;
	while (s->turn < STORM)
		storm_one(s);
}

static void honest_ones(struct storm *s)
{
	for (int i = 0; i < HONEST; i++) {
		for (int j = 0; j < FRESH; j++)
			storm_one(s);
		if (!honest_at(s, edge_connect_from(&s->e, 2 + i % (FROM - 2))))
			kit_fail("honest handshake %d failed, behind %d others:\n%s", i, s->turn, edge_log(&s->e));
	}
}

static void storm_end(struct storm *s)
{
	for (int i = 0; i < STORM; i++)
		close(s->fds[i]);
	/* Not by their reason: the silent ones of the storm end with client_fin as well, when they are closed. */
	kit_staunch_wait_log(s->e.s, " server=", s->served);
	edge_end(&s->e);
}

static bool all_pending(void *arg)
{
	const struct storm *s = arg;

	return kit_proc_fds(s->e.s->child->pid) >= s->e.fds + STORM;
}

/* All of it fits under the bound and stays. */
static void d12_five_thousand_pending(void **state)
{
	(void)state;
	storm_start(&storm, ", max_handshakes: 20000, handshake_timeout: 60s");
	assert_true(kit_wait(all_pending, &storm, KIT_MS));
	honest_ones(&storm);
	assert_int_equal(kit_staunch_log(storm.e.s, " reason=max_handshakes "), 0);
	storm_end(&storm);
}

/* Five times the bound: the storm's sources have all of it, and each honest client gets a place all the same. */
static void d12_more_than_the_bound(void **state)
{
	(void)state;
	storm_start(&storm, ", max_handshakes: 1000, handshake_timeout: 60s");
	kit_staunch_wait_log(storm.e.s, " reason=max_handshakes ", STORM - 1000);
	honest_ones(&storm);
	storm_end(&storm);
}

static bool one_served(void *arg)
{
	struct storm *s = arg;

	return honest_at(s, edge_connect_from(&s->e, 2));
}

static bool crowd_served(void *arg)
{
	struct storm *s = arg;
	int fds[CROWD], before = s->served;

	for (int i = 0; i < CROWD; i++)
		fds[i] = edge_connect_from(&s->e, 2);
	for (int i = 0; i < CROWD; i++)
		(void)honest_at(s, fds[i]);
	return s->served - before == CROWD;
}

/* So few places that each source of the storm has one, and nobody more than the others: a new one is served as soon as
 * these had their time, long before their handshakes end. */
static void d12_fewer_places_than_sources(void **state)
{
	(void)state;
	storm_start(&storm, ", max_handshakes: 20, handshake_timeout: 60s");
	kit_staunch_wait_log(storm.e.s, " reason=max_handshakes ", STORM - 20);
	assert_true(kit_wait(one_served, &storm, KIT_MS));
	storm_end(&storm);
}

/* Many honest clients of one address, more than any source of the storm has: as soon as the storm had its time. */
static void d12_a_crowd_behind_one_address(void **state)
{
	(void)state;
	storm_start(&storm, ", max_handshakes: 1000, handshake_timeout: 60s");
	kit_staunch_wait_log(storm.e.s, " reason=max_handshakes ", STORM - 1000);
	assert_true(kit_wait(crowd_served, &storm, KIT_MS));
	storm_end(&storm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(d12_five_thousand_pending, kit_end),
		cmocka_unit_test_teardown(d12_more_than_the_bound, kit_end),
		cmocka_unit_test_teardown(d12_fewer_places_than_sources, kit_end),
		cmocka_unit_test_teardown(d12_a_crowd_behind_one_address, kit_end),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
