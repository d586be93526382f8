/* Routes that look at the ClientHello without touching it: which upstream, that every byte arrives as it was sent, and
 * what becomes of clients that say nothing, lie, or leave. */
#include "tests/flow/kit/edge.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_ROOM 65536

enum { DB, ACME, LAB, APP, PLACES };
static const char *const places[] = {"db", "acme", "lab", "app"};

/* An edge in front of four servers in the test's hands. */
struct crossing {
	struct edge e;
	int listener[PLACES];
};

static struct crossing crossing_start(const char *keys)
{
	struct crossing x;
	const char *upstreams = "";

	for (int i = 0; i < PLACES; i++) {
		int port = 0;

		x.listener[i] = kit_listen(kit_ip(0), &port, 64);
		upstreams = textf("%s%s", upstreams, edge_upstream(places[i], port, ""));
	}
	x.e = edge_start(keys, upstreams);
	return x;
}

static void crossing_end(struct crossing *x)
{
	for (int i = 0; i < PLACES; i++)
		edge_untouched(x->listener[i]);
	edge_end(&x->e);
	for (int i = 0; i < PLACES; i++)
		close(x->listener[i]);
}

#define RULES \
	"routes: [{sni: [db.example.com, \"*.db.example.com\"], upstream: db}, " \
	"{alpn: [\"acme-tls/1\"], upstream: acme}, {source: [\"192.0.2.0/24\"], upstream: lab}], upstream: app"

/* ---- hellos ---------------------------------------------------------------------------------- */

struct hello_text {
	uint8_t p[HELLO_ROOM];
	size_t n;
};

/* What OpenSSL says first. alpn: on the wire's form, or NULL. */
static void real_hello(struct hello_text *h, const char *sni, const char *alpn)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int n;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (sni != NULL)
		SSL_set_tlsext_host_name(ssl, sni);
	if (alpn != NULL)
		SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	SSL_connect(ssl);
	n = BIO_read(SSL_get_wbio(ssl), h->p, HELLO_ROOM);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	assert_true(n > 100);
	h->n = (size_t)n;
}

/* The same message in records of `each` bytes. */
static void in_records(struct hello_text *out, const struct hello_text *in, size_t each)
{
	size_t at = 5;

	out->n = 0;
	while (at < in->n) {
		size_t n = in->n - at < each ? in->n - at : each;
		const uint8_t head[] = {22, 3, 1, (uint8_t)(n >> 8), (uint8_t)n};

		assert_true(out->n + 5 + n <= HELLO_ROOM);
		memcpy(out->p + out->n, head, 5);
		memcpy(out->p + out->n + 5, in->p + at, n);
		out->n += 5 + n;
		at += n;
	}
}

static void send_sliced(int fd, const struct hello_text *h, size_t each)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (size_t at = 0; at < h->n; at += each)
		kit_send(fd, h->p + at, h->n - at < each ? h->n - at : each);
}

/* The connection ends up there with all of h and what follows, and goes on both ways. */
static void arrives(const struct crossing *x, int place, const struct hello_text *h, int fd)
{
	int server = kit_accept(x->listener[place]);

	kit_expect(server, h->p, h->n);
	kit_send(fd, "more", 4);
	kit_expect(server, "more", 4);
	kit_send(server, "answer", 6);
	close(server);
	kit_expect(fd, "answer", 6);
	kit_expect_fin(fd);
	close(fd);
}

/* ---- choices --------------------------------------------------------------------------------- */

static const struct {
	const char *sni, *alpn;
	int place;
} choices[] = {
	{"db.example.com", NULL, DB},
	{"DB.Example.COM", NULL, DB},
	{"a.b.db.example.com", NULL, DB},
	{"xdb.example.com", NULL, APP},
	{NULL, NULL, APP},
	{NULL, "\2h2\12acme-tls/1", ACME},
	{"db.example.com", "\12acme-tls/1", DB}, /* the first rule that matches */
	{"other.example.com", "\2h2", APP},
};

static void d1_d10_chosen_however_it_comes(void **state)
{
	struct crossing x = crossing_start(RULES);
	static struct hello_text h, pieces;
	int n = 0;

	(void)state;
	for (size_t i = 0; i < array_len(choices); i++) {
		static const size_t slices[] = {HELLO_ROOM, 1, 7};

		real_hello(&h, choices[i].sni, choices[i].alpn);
		for (size_t j = 0; j < array_len(slices); j++) {
			int fd = edge_connect(&x.e);

			send_sliced(fd, &h, slices[j]);
			arrives(&x, choices[i].place, &h, fd);
			n++;
		}
		for (size_t each = 1; each < 100; each *= 3) {
			int fd = edge_connect(&x.e);

			in_records(&pieces, &h, each);
			send_sliced(fd, &pieces, 1000);
			arrives(&x, choices[i].place, &pieces, fd);
			n++;
		}
		edge_ended(&x.e, "server_fin", n);
	}
	edge_said(&x.e, " upstream=db ");
	edge_said(&x.e, " sni=a.b.db.example.com ");
	crossing_end(&x);
}

/* D4: known at the first byte that cannot be TLS; nobody waits for more. */
static void d4_not_tls_goes_to_the_default(void **state)
{
	static const char *const openings[] = {"G", "SSH-2.0-x\r\n", "\x16\x02", "\x80", "\r"};
	struct crossing x = crossing_start(RULES);
	static struct hello_text h;

	(void)state;
	for (size_t i = 0; i < array_len(openings); i++) {
		int fd = edge_connect(&x.e);

		h.n = strlen(openings[i]);
		memcpy(h.p, openings[i], h.n);
		kit_send(fd, h.p, h.n);
		if (i == 3) { /* half of what SSL 2 would have begun with */
			kit_send(fd, "\x01", 1);
			h.p[h.n++] = '\x01';
		}
		arrives(&x, APP, &h, fd);
	}
	edge_ended(&x.e, "server_fin", (int)array_len(openings));
	crossing_end(&x);
}

static void tls_or_not_as_a_condition(void **state)
{
	struct crossing x = crossing_start("routes: [{tls: none, upstream: lab}, {tls: only, upstream: db}]");
	static struct hello_text h;
	int fd;

	(void)state;
	fd = edge_connect(&x.e);
	h.n = 3;
	memcpy(h.p, "GET", 3);
	kit_send(fd, h.p, h.n);
	arrives(&x, LAB, &h, fd);
	real_hello(&h, NULL, NULL);
	fd = edge_connect(&x.e);
	send_sliced(fd, &h, 100);
	arrives(&x, DB, &h, fd);
	edge_ended(&x.e, "server_fin", 2);
	crossing_end(&x);
}

/* Where the source decides alone a server may speak first. */
static void a_source_needs_no_byte(void **state)
{
	struct crossing x = crossing_start("routes: [{source: [\"127.0.0.0/8\"], upstream: lab}, "
					   "{sni: [a.b], upstream: db}]");
	int fd = edge_connect(&x.e), server = kit_accept(x.listener[LAB]);

	(void)state;
	kit_send(server, "220 hello", 9);
	kit_expect(fd, "220 hello", 9);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&x.e, "server_fin", 1);
	crossing_end(&x);
}

static void a_source_that_a_header_named(void **state)
{
	static const char v1[] = "PROXY TCP4 192.0.2.9 198.51.100.2 4711 443\r\n";
	struct crossing x = crossing_start("proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"]}, " RULES);
	static struct hello_text h;
	int fd;

	(void)state;
	real_hello(&h, "nobody.example.com", NULL);
	fd = edge_connect(&x.e);
	kit_send(fd, v1, sizeof(v1) - 1);
	send_sliced(fd, &h, 1);
	arrives(&x, LAB, &h, fd);
	edge_ended(&x.e, "server_fin", 1);
	edge_said(&x.e, " 192.0.2.9:4711 -> ");
	crossing_end(&x);
}

static void without_a_default(void **state)
{
	struct crossing x = crossing_start("routes: [{sni: [a.test], upstream: db}]");
	static struct hello_text h;
	char byte;
	int fd;

	(void)state;
	real_hello(&h, "b.test", NULL);
	fd = edge_connect(&x.e);
	send_sliced(fd, &h, HELLO_ROOM);
	assert_true(kit_io_read(fd, &byte, 1) <= 0);
	close(fd);
	edge_ended(&x.e, "no_route", 1);
	edge_said(&x.e, " sni=b.test ");
	real_hello(&h, "a.test", NULL);
	fd = edge_connect(&x.e);
	send_sliced(fd, &h, HELLO_ROOM);
	arrives(&x, DB, &h, fd);
	crossing_end(&x);
}

/* D10: all of it, once, at the server that answers in the end. */
static void d10_at_the_second_server_too(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 64), fd, server;
	struct edge e = edge_start("routes: [{sni: [a.test], upstream: db}]",
				   textf("  - {name: db, servers: [\"%s:%d\", {address: \"%s:%d\", backup: true}]}\n",
					 kit_ip(0), kit_refuser(kit_ip(0)), kit_ip(0), port));
	static struct hello_text h;

	(void)state;
	real_hello(&h, "a.test", NULL);
	fd = edge_connect(&e);
	send_sliced(fd, &h, 50);
	server = kit_accept(listener);
	kit_expect(server, h.p, h.n);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " retries=1 ");
	edge_said(&e, textf(" in=%zu ", h.n));
	edge_end(&e);
	close(listener);
}

/* ---- those that never get there -------------------------------------------------------------- */

static void expect_closed(int fd)
{
	char byte;

	assert_true(kit_io_read(fd, &byte, 1) <= 0);
	close(fd);
}

static void d12_one_deadline(void **state)
{
	struct crossing x = crossing_start("preread: {timeout: 400ms}, " RULES);
	static struct hello_text h;
	int64_t begin = kit_now_ms();
	struct pollfd p = {.events = POLLIN};
	size_t at = 0;
	int fd;

	(void)state;
	real_hello(&h, "db.example.com", NULL);
	p.fd = fd = edge_connect(&x.e);
	while (poll(&p, 1, 20) == 0) { /* a byte now and then moves nothing */
		assert_true(at < h.n - 1);
		kit_send(fd, h.p + at++, 1);
	}
	expect_closed(fd);
	assert_true(kit_now_ms() - begin >= 390);
	edge_ended(&x.e, "preread_timeout", 1);
	expect_closed(edge_connect(&x.e));
	edge_ended(&x.e, "preread_timeout", 2);
	crossing_end(&x);
}

/* ---- servers that speak first (V7) ---- */

#define WITH_NONE \
	"routes: [{sni: [db.example.com], upstream: db}, {tls: none, upstream: lab}], upstream: app"
#define NAMES_ONLY "routes: [{sni: [db.example.com], upstream: db}], upstream: app"

/* A client that sends nothing gets the greeting of the server at `place`. */
static void greeted(struct crossing *x, int place)
{
	int fd = edge_connect(&x->e), server = kit_accept(x->listener[place]);

	kit_send(server, "220 hello", 9);
	kit_expect(fd, "220 hello", 9);
	kit_send(fd, "QUIT", 4);
	kit_expect(server, "QUIT", 4);
	close(fd);
	kit_expect_fin(server);
	close(server);
}

static void v7_a_silent_client_is_routed(void **state)
{
	static const struct {
		const char *keys;
		int place;
	} rows[] = {
		{"preread: {timeout: 300ms}, " WITH_NONE, LAB},
		{"preread: {timeout: 300ms, on_timeout: default}, " NAMES_ONLY, APP},
		{"preread: {timeout: 10m, silence: 200ms}, " NAMES_ONLY, APP},
		{"preread: {timeout: 10m, silence: 200ms, on_timeout: close}, " WITH_NONE, LAB},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct crossing x = crossing_start(rows[i].keys);

		greeted(&x, rows[i].place);
		edge_ended(&x.e, "client_fin", (int)i + 1);
		crossing_end(&x);
	}
}

static void v7_a_silent_client_is_closed(void **state)
{
	static const char *const keys[] = {
		"preread: {timeout: 300ms}, " NAMES_ONLY,
		"preread: {timeout: 300ms, on_timeout: close}, " WITH_NONE,
	};

	(void)state;
	for (size_t i = 0; i < array_len(keys); i++) {
		struct crossing x = crossing_start(keys[i]);

		expect_closed(edge_connect(&x.e));
		edge_ended(&x.e, "preread_timeout", (int)i + 1);
		crossing_end(&x);
	}
}

/* A part of a hello: its server is not known, and no other one gets it. */
static void v7_a_part_of_a_hello_is_not_silence(void **state)
{
	struct crossing x = crossing_start(
		"preread: {timeout: 400ms, silence: 100ms, on_timeout: default}, " WITH_NONE);
	static struct hello_text h;
	int fd = edge_connect(&x.e);

	(void)state;
	real_hello(&h, "db.example.com", NULL);
	kit_send(fd, h.p, 20);
	expect_closed(fd);
	edge_ended(&x.e, "preread_timeout", 1);
	crossing_end(&x);
}

static void d11_who_leaves_is_let_go(void **state)
{
	struct crossing x = crossing_start(RULES);
	static struct hello_text h;
	int fd;

	(void)state;
	real_hello(&h, "db.example.com", NULL);
	fd = edge_connect(&x.e);
	kit_send(fd, h.p, h.n - 1);
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&x.e, "hello_invalid", 1);
	fd = edge_connect(&x.e);
	kit_send(fd, h.p, h.n - 1);
	kit_reset(fd);
	edge_ended(&x.e, "client_rst", 1);
	fd = edge_connect(&x.e);
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&x.e, "client_fin", 1);
	crossing_end(&x);
}

/* D3: each two bytes that are a length inside the hello, made to lie; whatever comes of it, it is not a route. */
static void d3_lies(void **state)
{
	struct crossing x = crossing_start(RULES);
	static const struct {
		size_t at;
		const char *detail;
	} lies[] = {{43, "session_id"}};
	static struct hello_text h, lie;

	(void)state;
	real_hello(&h, "db.example.com", NULL);
	for (size_t i = 0; i < array_len(lies); i++) {
		int fd = edge_connect(&x.e);

		lie = h;
		lie.p[lies[i].at] = 0xff;
		kit_send(fd, lie.p, lie.n);
		expect_closed(fd);
		edge_ended(&x.e, "hello_invalid", (int)i + 1);
		edge_said(&x.e, " detail=");
	}
	crossing_end(&x);
}

static void d2_long_and_too_long(void **state)
{
	struct crossing x = crossing_start("preread: {max_bytes: 3KiB}, " RULES);
	static struct hello_text h;
	static char many[4000];
	int fd;

	(void)state;
	/* ALPN makes it long: names of 99 bytes. */
	memset(many, 'x', sizeof(many));
	for (size_t i = 0; i < sizeof(many); i += 100)
		many[i] = 99;
	many[2500] = '\0';
	real_hello(&h, "db.example.com", many);
	fd = edge_connect(&x.e);
	send_sliced(fd, &h, 600);
	arrives(&x, DB, &h, fd);
	many[2500] = 99;
	many[sizeof(many) - 100] = '\0';
	real_hello(&h, "db.example.com", many);
	fd = edge_connect(&x.e);
	kit_send(fd, h.p, 600); /* its length is known at once */
	expect_closed(fd);
	edge_ended(&x.e, "hello_too_long", 1);
	crossing_end(&x);
}

/* Records of one byte each, and then more of them than any hello is worth. */
static void d12_empty_talk_is_bounded(void **state)
{
	struct crossing x = crossing_start("preread: {max_bytes: 64KiB, timeout: 60s}, " RULES);
	static uint8_t flood[6 * 65536];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(flood); i += 6)
		memcpy(flood + i, (const uint8_t[]){22, 3, 1, 0, 1, 0}, 6);
	flood[5] = 1; /* a ClientHello of 65,000 bytes */
	flood[11] = 0;
	flood[17] = 0xfd;
	flood[23] = 0xe8;
	flood[29] = 3;
	flood[35] = 3;
	fd = edge_connect(&x.e);
	(void)!kit_io_write(fd, flood, sizeof(flood)); /* refused somewhere on the way */
	close(fd);
	assert_true(kit_wait(edge_has, &(struct edge_wanted){&x.e, " reason=hello_", 1}, KIT_MS));
	crossing_end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(d1_d10_chosen_however_it_comes, kit_end),
		cmocka_unit_test_teardown(d4_not_tls_goes_to_the_default, kit_end),
		cmocka_unit_test_teardown(tls_or_not_as_a_condition, kit_end),
		cmocka_unit_test_teardown(a_source_needs_no_byte, kit_end),
		cmocka_unit_test_teardown(a_source_that_a_header_named, kit_end),
		cmocka_unit_test_teardown(without_a_default, kit_end),
		cmocka_unit_test_teardown(d10_at_the_second_server_too, kit_end),
		cmocka_unit_test_teardown(d12_one_deadline, kit_end),
		cmocka_unit_test_teardown(v7_a_silent_client_is_routed, kit_end),
		cmocka_unit_test_teardown(v7_a_silent_client_is_closed, kit_end),
		cmocka_unit_test_teardown(v7_a_part_of_a_hello_is_not_silence, kit_end),
		cmocka_unit_test_teardown(d11_who_leaves_is_let_go, kit_end),
		cmocka_unit_test_teardown(d3_lies, kit_end),
		cmocka_unit_test_teardown(d2_long_and_too_long, kit_end),
		cmocka_unit_test_teardown(d12_empty_talk_is_bounded, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
