/* The PROXY protocol as a receiver: headers in any pieces, refused, late, not believed. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/proxy_edge.h"

/* ---- received -------------------------------------------------------------------------------- */

static const struct {
	const char *bytes;
	size_t n;
	const char *client; /* as the log tells it; NULL: as it connected */
} accepted[] = {
	{HEADER_V1, sizeof(HEADER_V1) - 1, " 192.0.2.1:4711 -> "},
	{"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", 36, " [2001:db8::1]:65535 -> "},
	{"PROXY UNKNOWN\r\n", 15, NULL},
	{"PROXY UNKNOWN what ever stands here\r\n", 37, NULL},
	{HEADER_V2, sizeof(HEADER_V2) - 1, " 192.0.2.1:4711 -> "},
	{SIGNED "\x20\0\0\0", 16, NULL},             /* LOCAL without a block */
	{SIGNED "\x20\x11\0\x0c" INET, 28, NULL},    /* LOCAL with one that is not looked at */
	{SIGNED "\x21\0\0\0", 16, NULL},             /* of no family */
	{SIGNED "\x21\x11\0\x0f" INET "\x04\0\0", 31, " 192.0.2.1:4711 -> "}, /* an empty NOOP */
};

static void is_passed(const struct edge *e, int listener, size_t i, bool in_pieces)
{
	int on = 1, fd = edge_connect(e), server;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (size_t at = 0; in_pieces && at < accepted[i].n - 1; at++)
		kit_send(fd, accepted[i].bytes + at, 1);
	edge_untouched(listener);
	if (in_pieces)
		kit_send(fd, accepted[i].bytes + accepted[i].n - 1, 1);
	else
		kit_send(fd, accepted[i].bytes, accepted[i].n);
	server = kit_accept(listener);
	kit_send(fd, "payload", 7);
	kit_half_close(fd);
	kit_expect(server, "payload", 7);
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(fd);
	close(fd);
}

static void s1_s3_headers_in_any_pieces(void **state)
{
	int listener, n = 0;
	struct edge e = proxy_edge_start(&listener, REQUIRED, "");

	(void)state;
	for (size_t i = 0; i < array_len(accepted); i++) {
		is_passed(&e, listener, i, false);
		is_passed(&e, listener, i, true);
		n += 2;
		edge_ended(&e, "client_fin", n);
		if (accepted[i].client != NULL)
			edge_said(&e, accepted[i].client);
	}
	assert_int_equal(kit_staunch_log(e.s, " 192.0.2.1:4711 -> "), 6);
	assert_int_equal(kit_staunch_log(e.s, " via=127."), 8); /* of those whom a header named */
	proxy_edge_end(&e, listener);
}

/* PL5: the payload in one segment with the header, every byte of it and only once. */
static void s26_payload_behind_the_header(void **state)
{
	static char big[60000];
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, REQUIRED, "");

	(void)state;
	kit_stream_fill(5, 0, big, sizeof(big));
	memcpy(big, HEADER_V2, sizeof(HEADER_V2) - 1);
	fd = edge_connect(&e);
	kit_send(fd, big, sizeof(big));
	kit_half_close(fd);
	server = kit_accept(listener);
	kit_expect_stream(server, 5, sizeof(HEADER_V2) - 1, sizeof(big) - sizeof(HEADER_V2) + 1);
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "client_fin", 1);
	edge_said(&e, textf(" in=%zu ", sizeof(big) - sizeof(HEADER_V2) + 1));
	proxy_edge_end(&e, listener);
}

#define BAD(text) {text, sizeof(text) - 1}
static const struct {
	const char *bytes;
	size_t n;
} refused[] = {
	BAD("GET / HTTP/1.1\r\n\r\n"),
	BAD("\x16\x03\x01\x02"),
	BAD("\n"),
	BAD("PROXY TCP4  192.0.2.1 198.51.100.2 4711 443\r\n"),
	BAD("PROXY TCP4 192.0.2.01 198.51.100.2 4711 443\r\n"),
	BAD("PROXY TCP4 192.0.2.1 198.51.100.2 4711 65536\r\n"),
	BAD("PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\n"),
	BAD("PROXY UDP4 "),
	BAD("PROXY TCP6 192.0.2.1 ::1 1 2\r\n"),
	BAD(SIGNED "\x31"),
	BAD(SIGNED "\x22"),
	BAD(SIGNED "\x21\x41"),
	BAD(SIGNED "\x21\x11\0\x0b"),
	BAD(SIGNED "\x21\x11\x20\x01"), /* longer than max_bytes */
	BAD(SIGNED "\x21\x11\0\x10" INET "\x04\0\2x"), /* a TLV that ends behind the header */
};

static void expect_closed(int fd)
{
	char byte;

	assert_true(kit_io_read(fd, &byte, 1) <= 0); /* FIN, or RST where bytes were left unread */
	close(fd);
}

static void s7_s10_everything_else_is_refused(void **state)
{
	int listener;
	struct edge e = proxy_edge_start(&listener, REQUIRED, "");

	(void)state;
	for (size_t i = 0; i < array_len(refused); i++) {
		int fd = edge_connect(&e);

		kit_send(fd, refused[i].bytes, refused[i].n);
		expect_closed(fd);
		edge_ended(&e, "proxy_header_invalid", (int)i + 1);
	}
	edge_untouched(listener);
	edge_said(&e, " detail=\"a port is not a plain number from 0 to 65535\" ");
	proxy_edge_end(&e, listener);
}

static void s4_end_inside_the_header(void **state)
{
	int listener, fd;
	struct edge e = proxy_edge_start(&listener, REQUIRED, "");

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, HEADER_V1, 20);
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "proxy_header_invalid", 1);
	fd = edge_connect(&e);
	kit_send(fd, HEADER_V2, 20);
	kit_reset(fd);
	edge_ended(&e, "client_rst", 1);
	fd = edge_connect(&e); /* somebody looks whether the port is open */
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "client_fin", 1);
	edge_untouched(listener);
	proxy_edge_end(&e, listener);
}

/* Sends a byte every moment until it is told off. */
static void trickle(int fd, const char *bytes)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t last = kit_now_ms() + KIT_MS;

	while (poll(&p, 1, 20) == 0 && kit_now_ms() < last)
		if (*bytes != '\0')
			kit_send(fd, bytes++, 1);
	assert_true(*bytes != '\0'); /* no byte has moved the deadline */
}

static void s5_one_deadline_for_all_of_it(void **state)
{
	int listener, fd;
	struct edge e = proxy_edge_start(&listener, "proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"], "
					 "timeout: 400ms}, upstream: back", "");
	int64_t begin;

	(void)state;
	begin = kit_now_ms();
	fd = edge_connect(&e);
	trickle(fd, "PROXY UNKNOWN and so on and so on and so on and so on and so on and so on");
	expect_closed(fd);
	assert_true(kit_now_ms() - begin >= 390);
	edge_ended(&e, "proxy_header_timeout", 1);
	fd = edge_connect(&e); /* silence is no better */
	expect_closed(fd);
	edge_ended(&e, "proxy_header_timeout", 2);
	edge_untouched(listener);
	/* ... and the deadline does not outlive the header. */
	fd = edge_connect(&e);
	kit_send(fd, HEADER_V1, sizeof(HEADER_V1) - 1);
	close(kit_accept(listener));
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	proxy_edge_end(&e, listener);
}

static void pl3_untrusted_is_closed_at_once(void **state)
{
	int listener, fd;
	struct edge e = proxy_edge_start(&listener,
					 "proxy_protocol: {accept: required, trusted: [\"192.0.2.0/24\", unix]}, "
					 "upstream: back", "");

	(void)state;
	fd = edge_connect(&e);
	kit_expect_fin(fd); /* without a byte of its own */
	close(fd);
	fd = edge_connect(&e);
	kit_send(fd, HEADER_V1, sizeof(HEADER_V1) - 1);
	expect_closed(fd);
	edge_ended(&e, "proxy_untrusted", 2);
	assert_int_equal(kit_staunch_log(e.s, "192.0.2.1:4711"), 0);
	edge_untouched(listener);
	proxy_edge_end(&e, listener);
}

/* untrusted: ignore. The header is taken away and not believed; a connection without one ends as every
 * other. */
static void untrusted_is_read_and_not_believed(void **state)
{
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, "proxy_protocol: {accept: required, trusted: [\"192.0.2.0/24\"], "
					 "untrusted: ignore, timeout: 3s}, upstream: back", "");

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, HEADER_V1 "hello", sizeof(HEADER_V1 "hello") - 1);
	server = kit_accept(listener);
	kit_expect(server, "hello", 5);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	assert_int_equal(kit_staunch_log(e.s, "192.0.2.1"), 0);
	fd = edge_connect(&e);
	kit_send(fd, "hello\r\n", 7);
	expect_closed(fd);
	edge_ended(&e, "proxy_header_invalid", 1);
	proxy_edge_end(&e, listener);
}

static void s7_a_plain_listener_does_not_look(void **state)
{
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, "upstream: back", "");

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, HEADER_V1, sizeof(HEADER_V1) - 1);
	kit_half_close(fd);
	server = kit_accept(listener);
	kit_expect(server, HEADER_V1, sizeof(HEADER_V1) - 1);
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "client_fin", 1);
	assert_int_equal(kit_staunch_log(e.s, "192.0.2.1:4711"), 0);
	proxy_edge_end(&e, listener);
}

/* What a client sends to an address, and what of it the server gets. */
static void arrives_at(int port, int listener, const char *sent, const char *got)
{
	int fd = kit_connect(kit_ip(1), port), server;

	kit_send(fd, sent, strlen(sent));
	kit_half_close(fd);
	server = kit_accept(listener);
	kit_expect(server, got, strlen(got));
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(fd);
	close(fd);
}

/* Clients connect to one address, a proxy in front to the other; either may be the listener's rule. */
static void pl9_a_header_at_one_address_alone(bool alone)
{
	const char *ip = kit_ip(1), *own = "proxy_protocol: {accept: required, trusted: \"127.0.0.0/8\"}";
	int port = 0, listener = kit_listen(kit_ip(0), &port, 64), front = kit_port(ip), direct = kit_port(ip);
	const char *bind = alone ? textf("[{address: \"%s:%d\", %s}, \"%s:%d\"]", ip, front, own, ip, direct) :
				   textf("[\"%s:%d\", {address: \"%s:%d\", proxy_protocol: {accept: off}}], %s", ip,
					 front, ip, direct, own);
	struct edge e = {.port = front};
	int fd;

	e.s = kit_staunch_start(textf("log: {access: \"@DIR@/access.log\", format: text}\n"
				      "listeners: [{name: edge, bind: %s, upstream: back}]\nupstreams:\n%s",
				      bind, edge_upstream("back", port, "")));
	e.fds = kit_proc_fds(e.s->child->pid);
	arrives_at(direct, listener, HEADER_V1 "payload", HEADER_V1 "payload");
	arrives_at(front, listener, HEADER_V1 "payload", "payload");
	fd = kit_connect(ip, front);
	kit_send(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	edge_ended(&e, "proxy_header_invalid", 1);
	close(fd);
	edge_untouched(listener);
	edge_ended(&e, "client_fin", 2);
	assert_int_equal(kit_staunch_log(e.s, " 192.0.2.1:4711 -> "), 1);
	proxy_edge_end(&e, listener);
}

static void pl9_required_at_one_address(void **state)
{
	(void)state;
	pl9_a_header_at_one_address_alone(true);
}

static void pl9_off_at_one_address(void **state)
{
	(void)state;
	pl9_a_header_at_one_address_alone(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(s1_s3_headers_in_any_pieces, kit_end),
		cmocka_unit_test_teardown(s26_payload_behind_the_header, kit_end),
		cmocka_unit_test_teardown(s7_s10_everything_else_is_refused, kit_end),
		cmocka_unit_test_teardown(s4_end_inside_the_header, kit_end),
		cmocka_unit_test_teardown(s5_one_deadline_for_all_of_it, kit_end),
		cmocka_unit_test_teardown(pl3_untrusted_is_closed_at_once, kit_end),
		cmocka_unit_test_teardown(pl9_required_at_one_address, kit_end),
		cmocka_unit_test_teardown(pl9_off_at_one_address, kit_end),
		cmocka_unit_test_teardown(untrusted_is_read_and_not_believed, kit_end),
		cmocka_unit_test_teardown(s7_a_plain_listener_does_not_look, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
