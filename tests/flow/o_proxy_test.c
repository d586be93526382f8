/* The PROXY protocol between real sockets: headers received in any pieces, refused, late, not believed; headers sent,
 * alone and passed on; and HAProxy and nginx at the other end. */
#include "tests/flow/edge.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>

#include "netpoll/addr.h"
#include "proxy/pp.h"

#define REQUIRED "proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"], timeout: 5s}, upstream: back"
#define V1       "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n"
#define SIGNED   "\r\n\r\n\0\r\nQUIT\n"
#define INET     "\xc0\0\2\1\xc6\x33\x64\2\x12\x67\x01\xbb" /* the same as V1 says */
#define V2       SIGNED "\x21\x11\0\x0c" INET

static struct edge start(int *listener, const char *keys, const char *upstream_keys)
{
	int port = 0;

	*listener = kit_listen(kit_ip(0), &port, 64);
	return edge_start(keys, edge_upstream("back", port, upstream_keys));
}

static void end(struct edge *e, int listener)
{
	edge_end(e);
	close(listener);
}

/* ---- received -------------------------------------------------------------------------------- */

static const struct {
	const char *bytes;
	size_t n;
	const char *client; /* as the log tells it; NULL: as it connected */
} accepted[] = {
	{V1, sizeof(V1) - 1, " 192.0.2.1:4711 -> "},
	{"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", 36, " [2001:db8::1]:65535 -> "},
	{"PROXY UNKNOWN\r\n", 15, NULL},
	{"PROXY UNKNOWN what ever stands here\r\n", 37, NULL},
	{V2, sizeof(V2) - 1, " 192.0.2.1:4711 -> "},
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
	struct edge e = start(&listener, REQUIRED, "");

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
	end(&e, listener);
}

/* PL5: the payload in one segment with the header, every byte of it and only once. */
static void s26_payload_behind_the_header(void **state)
{
	static char big[60000];
	int listener, fd, server;
	struct edge e = start(&listener, REQUIRED, "");

	(void)state;
	kit_stream_fill(5, 0, big, sizeof(big));
	memcpy(big, V2, sizeof(V2) - 1);
	fd = edge_connect(&e);
	kit_send(fd, big, sizeof(big));
	kit_half_close(fd);
	server = kit_accept(listener);
	kit_expect_stream(server, 5, sizeof(V2) - 1, sizeof(big) - sizeof(V2) + 1);
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "client_fin", 1);
	edge_said(&e, textf(" in=%zu ", sizeof(big) - sizeof(V2) + 1));
	end(&e, listener);
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
	struct edge e = start(&listener, REQUIRED, "");

	(void)state;
	for (size_t i = 0; i < array_len(refused); i++) {
		int fd = edge_connect(&e);

		kit_send(fd, refused[i].bytes, refused[i].n);
		expect_closed(fd);
		edge_ended(&e, "proxy_header_invalid", (int)i + 1);
	}
	edge_untouched(listener);
	edge_said(&e, " detail=\"a port is not a plain decimal from 0 to 65535\" ");
	end(&e, listener);
}

static void s4_end_inside_the_header(void **state)
{
	int listener, fd;
	struct edge e = start(&listener, REQUIRED, "");

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, V1, 20);
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "proxy_header_invalid", 1);
	fd = edge_connect(&e);
	kit_send(fd, V2, 20);
	kit_reset(fd);
	edge_ended(&e, "client_rst", 1);
	fd = edge_connect(&e); /* somebody looks whether the port is open */
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "client_fin", 1);
	edge_untouched(listener);
	end(&e, listener);
}

/* Sends a byte every moment until it is told off. */
static void trickle(int fd, const char *bytes)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t last = kit_now_ms() + KIT_MS;

	while (poll(&p, 1, 20) == 0 && kit_now_ms() < last)
		if (*bytes != '\0')
			kit_send(fd, bytes++, 1);
	assert_true(kit_now_ms() < last);
}

static void s5_one_deadline_for_all_of_it(void **state)
{
	int listener, fd;
	struct edge e = start(&listener, "proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"], "
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
	kit_send(fd, V1, sizeof(V1) - 1);
	close(kit_accept(listener));
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	end(&e, listener);
}

static void pl3_untrusted_is_closed_at_once(void **state)
{
	int listener, fd;
	struct edge e = start(&listener, "proxy_protocol: {accept: required, trusted: [\"192.0.2.0/24\", unix]}, "
					 "upstream: back", "");

	(void)state;
	fd = edge_connect(&e);
	kit_expect_fin(fd); /* without a byte of its own */
	close(fd);
	fd = edge_connect(&e);
	kit_send(fd, V1, sizeof(V1) - 1);
	expect_closed(fd);
	edge_ended(&e, "proxy_untrusted", 2);
	assert_int_equal(kit_staunch_log(e.s, "192.0.2.1:4711"), 0);
	edge_untouched(listener);
	end(&e, listener);
}

static void s7_a_plain_listener_does_not_look(void **state)
{
	int listener, fd, server;
	struct edge e = start(&listener, "upstream: back", "");

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, V1, sizeof(V1) - 1);
	kit_half_close(fd);
	server = kit_accept(listener);
	kit_expect(server, V1, sizeof(V1) - 1);
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "client_fin", 1);
	assert_int_equal(kit_staunch_log(e.s, "192.0.2.1:4711"), 0);
	end(&e, listener);
}

/* ---- sent ------------------------------------------------------------------------------------ */

/* Where this end of a client's connection is, as a header tells it. */
static struct np_addr own_address(int fd)
{
	struct np_addr a = {.len = sizeof(a.u)};

	assert_int_equal(getsockname(fd, &a.u.sa, &a.len), 0);
	return a;
}

/* The first read at the server: the whole header and not a byte more, although the client's bytes were there first. */
static size_t one_write(int server, uint8_t *buf, size_t room)
{
	ssize_t n = kit_io_read(server, buf, room);

	assert_true(n > 0);
	return (size_t)n;
}

static void s2_v1_is_one_write(void **state)
{
	char want[128], host[64];
	uint8_t got[256];
	int listener, fd, server;
	struct edge e = start(&listener, "upstream: back", ", proxy_protocol: v1");
	struct np_addr own;

	(void)state;
	fd = edge_connect(&e);
	own = own_address(fd);
	np_addr_format_host(&own.u.sa, own.len, host, sizeof(host));
	snprintf(want, sizeof(want), "PROXY TCP4 %s %s %d %d\r\n", host, kit_ip(1), np_addr_port(&own.u.sa), e.port);
	server = kit_accept(listener); /* the server speaks first, as far as the client is concerned */
	assert_int_equal(one_write(server, got, sizeof(got)), strlen(want));
	assert_memory_equal(got, want, strlen(want));
	kit_send(fd, "payload", 7);
	kit_expect(server, "payload", 7);
	kit_half_close(fd);
	kit_expect_fin(server);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "client_fin", 1);
	edge_said(&e, " in=7 ");
	end(&e, listener);
}

static struct pp_header parse(const uint8_t *p, size_t n)
{
	struct pp_header h = {.version = 0};

	assert_int_equal(pp_read(&h, p, n, 4096), PP_OK);
	assert_int_equal(h.len, n);
	return h;
}

static void is_tlv(const struct pp_header *h, uint8_t type, const char *text)
{
	struct pp_bytes value;

	assert_true(pp_tlv_find(h->tlvs, type, &value));
	assert_int_equal(value.n, strlen(text));
	assert_memory_equal(value.p, text, value.n);
}

static void s28_v2_with_what_is_known(void **state)
{
	uint8_t got[1024];
	int listener, fd, server;
	struct edge e = start(&listener, "upstream: back",
			      ", proxy_protocol: v2, tlvs: [authority, alpn, unique_id, ssl, crc32c], "
			      "custom_tlvs: [{type: 0xE1, value: edge-1}, {type: 0xE2}]");
	struct np_addr own;
	struct pp_header h;
	struct pp_bytes value;
	char id[64];

	(void)state;
	fd = edge_connect(&e);
	own = own_address(fd);
	server = kit_accept(listener);
	h = parse(got, one_write(server, got, sizeof(got))); /* the checksum, too */
	assert_true(h.proxied && np_addr_equal(&h.src, &own));
	assert_int_equal(np_addr_port(&h.dst.u.sa), e.port);
	is_tlv(&h, 0xe1, "edge-1");
	assert_true(pp_tlv_find(h.tlvs, PP_TLV_CRC32C, &value));
	assert_false(pp_tlv_find(h.tlvs, 0xe2, &value));
	assert_false(pp_tlv_find(h.tlvs, PP_TLV_SSL, &value));
	assert_false(pp_tlv_find(h.tlvs, PP_TLV_AUTHORITY, &value));
	assert_true(pp_tlv_find(h.tlvs, PP_TLV_UNIQUE_ID, &value));
	snprintf(id, sizeof(id), " id=%.*s", (int)value.n, (const char *)value.p);
	close(fd);
	kit_expect_fin(server);
	close(server);
	edge_ended(&e, "client_fin", 1);
	edge_said(&e, id);
	end(&e, listener);
}

/* What a trusted header says is said again, whoever connected. */
static void s32_passed_on(void **state)
{
	static const char tlvs[] = "\xe0\0\4mine" "\xe5\0\0" "\x05\0\5first" "\x01\0\2h2" "\x04\0";
	uint8_t got[1024];
	int listener, fd, server;
	struct edge e = start(&listener, REQUIRED,
			      ", proxy_protocol: v2, tlvs: [alpn, unique_id], custom_tlvs: [{type: 0xE0}, {type: 0xE6}]");
	struct pp_header h;
	struct pp_bytes value;
	uint8_t length;

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, SIGNED "\x21\x11\0", 15);
	length = (uint8_t)(12 + sizeof(tlvs));
	kit_send(fd, &length, 1);
	kit_send(fd, INET, 12);
	kit_send(fd, tlvs, sizeof(tlvs)); /* with its NUL: the last byte of an empty NOOP's length */
	server = kit_accept(listener);
	h = parse(got, one_write(server, got, sizeof(got)));
	assert_int_equal(ntohl(h.src.u.in4.sin_addr.s_addr), 0xc0000201);
	assert_int_equal(ntohl(h.dst.u.in4.sin_addr.s_addr), 0xc6336402);
	assert_int_equal(np_addr_port(&h.src.u.sa), 4711);
	is_tlv(&h, 0xe0, "mine");
	is_tlv(&h, PP_TLV_UNIQUE_ID, "first");
	is_tlv(&h, PP_TLV_ALPN, "h2");
	assert_false(pp_tlv_find(h.tlvs, 0xe5, &value)); /* nobody asked for it */
	assert_false(pp_tlv_find(h.tlvs, 0xe6, &value));
	kit_send(fd, "payload", 7);
	kit_expect(server, "payload", 7);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	end(&e, listener);
}

/* CVE-2024-23327: LOCAL without addresses, passed on. */
static void pl7_local_passed_on(void **state)
{
	uint8_t got[256];
	int listener, fd, server;
	struct edge e = start(&listener, REQUIRED, ", proxy_protocol: v2");
	struct np_addr own;
	struct pp_header h;

	(void)state;
	fd = edge_connect(&e);
	own = own_address(fd);
	kit_send(fd, SIGNED "\x20\0\0\0", 16);
	server = kit_accept(listener);
	h = parse(got, one_write(server, got, sizeof(got)));
	assert_true(h.proxied && np_addr_equal(&h.src, &own)); /* the real ends count */
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	end(&e, listener);
}

/* D10's sister: header and payload, whole, at the server that answers in the end. */
static void s9_each_attempt_has_its_own(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 64), fd, server;
	struct edge e = edge_start(REQUIRED, textf("  - {name: back, proxy_protocol: v1, servers: "
						   "[\"%s:%d\", {address: \"%s:%d\", backup: true}]}\n",
						   kit_ip(0), kit_refuser(kit_ip(0)), kit_ip(0), port));

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, V2 "payload", sizeof(V2) - 1 + 7);
	server = kit_accept(listener);
	kit_expect(server, V1 "payload", sizeof(V1) - 1 + 7);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " retries=1 ");
	end(&e, listener);
}

static void unix_clients_and_balancers(void **state)
{
	char path[KIT_PATH];
	uint8_t got[1024];
	int port = 0, listener = kit_listen(kit_ip(0), &port, 64), fd, server;
	struct kit_staunch *s;
	struct edge e = {.port = 0};

	(void)state;
	snprintf(path, sizeof(path), "%s/edge.sock", kit_dir());
	s = kit_staunch_start(textf(
		"log: {access: \"@DIR@/access.log\", format: text}\nworkers: 2\n"
		"listeners:\n  - {name: edge, bind: \"unix:%s\", upstream: back, "
		"proxy_protocol: {accept: required, trusted: [unix]}}\n"
		"upstreams:\n%s", path, edge_upstream("back", port, ", proxy_protocol: v2")));
	e = (struct edge){.s = s, .fds = kit_proc_fds(s->child->pid)};
	fd = kit_connect(path, 0);
	kit_send(fd, V1, sizeof(V1) - 1);
	server = kit_accept(listener);
	assert_int_equal(one_write(server, got, sizeof(got)), sizeof(V2) - 1);
	assert_memory_equal(got, V2, sizeof(V2) - 1);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " 192.0.2.1:4711 -> ");
	edge_said(&e, " via=unix ");
	end(&e, listener);
}

/* ---- real peers ------------------------------------------------------------------------------ */

static struct kit_child *haproxy(const char *form, int port, int server)
{
	char path[KIT_PATH];
	struct kit_child *c;

	kit_file_write("haproxy.cfg", textf(form, kit_ip(2), port, kit_ip(1), server), path);
	c = kit_child_start("haproxy", KIT_ARGV("haproxy", "-db", "-f", path));
	return c;
}

static bool accepts(void *arg)
{
	int fd = kit_try_connect(kit_ip(2), *(int *)arg);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void ask(int fd, const char *want)
{
	static const char request[] = "GET /addr HTTP/1.0\r\n\r\n";
	char answer[2048];
	ssize_t n;

	kit_send(fd, request, sizeof(request) - 1);
	n = kit_io_read_all(fd, answer, sizeof(answer) - 1);
	assert_true(n > 0);
	answer[n] = '\0';
	if (strstr(answer, want) == NULL)
		kit_fail("no %s in: %s", want, answer);
	close(fd);
}

/* HAProxy takes our header, each version, and tells whom it named. */
static void haproxy_receives(void **state)
{
	static const char form[] =
		"global\n  maxconn 64\ndefaults\n  mode http\n  timeout client 9s\n  timeout server 9s\n"
		"  timeout connect 9s\n"
		"frontend f\n  bind %s:%d accept-proxy\n"
		"  http-request return status 200 content-type text/plain lf-string \"[%%[src]]:%%[src_port]\"\n"
		"# %s %d\n";
	static const char *const versions[] = {"v1", "v2"};
	int port = kit_port(kit_ip(2));

	(void)state;
	if (!kit_have("haproxy"))
		skip();
	haproxy(form, port, 0);
	assert_true(kit_wait(accepts, &port, KIT_MS));
	for (size_t i = 0; i < array_len(versions); i++) {
		struct edge e = edge_start(REQUIRED, textf("  - {name: back, proxy_protocol: %s, servers: [\"%s:%d\"]}\n",
							   versions[i], kit_ip(2), port));
		int fd = edge_connect(&e);

		kit_send(fd, V2, sizeof(V2) - 1);
		ask(fd, "[192.0.2.1]:4711");
		edge_ended(&e, "server_fin", (int)i + 1);
		edge_end(&e);
	}
}

/* HAProxy's own headers are believed, each version of them. */
static void haproxy_sends(void **state)
{
	static const char form[] =
		"global\n  maxconn 64\ndefaults\n  mode tcp\n  timeout client 9s\n  timeout server 9s\n"
		"  timeout connect 9s\n"
		"frontend f\n  bind %s:%d\n  default_backend b\nbackend b\n  server s %s:%d ";
	static const char *const words[] = {"send-proxy\n", "send-proxy-v2\n", "send-proxy-v2 proxy-v2-options crc32c\n"};

	(void)state;
	if (!kit_have("haproxy"))
		skip();
	for (size_t i = 0; i < array_len(words); i++) {
		int port = kit_port(kit_ip(2)), listener, fd, server;
		struct edge e = start(&listener, REQUIRED, "");
		struct kit_child *h = haproxy(textf("%s%s", form, words[i]), port, e.port);
		struct np_addr own;
		char text[NP_ADDR_TEXT];

		assert_true(kit_wait(accepts, &port, KIT_MS));
		close(kit_accept(listener)); /* what looked whether it was up */
		fd = kit_connect(kit_ip(2), port);
		own = own_address(fd);
		np_addr_format(&own.u.sa, own.len, text, sizeof(text));
		kit_send(fd, "payload", 7);
		server = kit_accept(listener);
		kit_expect(server, "payload", 7);
		close(server);
		kit_expect_fin(fd);
		close(fd);
		kit_staunch_wait_log(e.s, textf(" %s -> ", text), 1);
		kit_child_signal(h, SIGKILL);
		kit_child_wait(h);
		end(&e, listener);
	}
}

static void nginx_receives(void **state)
{
	static const char form[] =
		"daemon off; master_process off; pid @DIR@/nginx.pid; error_log stderr;\n"
		"events { worker_connections 64; }\n"
		"http { access_log off; client_body_temp_path @DIR@/b; proxy_temp_path @DIR@/p;\n"
		"fastcgi_temp_path @DIR@/f; uwsgi_temp_path @DIR@/u; scgi_temp_path @DIR@/s;\n"
		"server { listen %s:%d proxy_protocol;\n"
		"location = /addr { return 200 \"[$proxy_protocol_addr]:$proxy_protocol_port\"; } } }\n";
	static const char *const versions[] = {"v1", "v2"};
	int port = kit_port(kit_ip(2));
	char path[KIT_PATH];

	(void)state;
	if (!kit_have("nginx"))
		skip();
	kit_file_write("nginx.conf", textf(form, kit_ip(2), port), path);
	kit_child_start("nginx", KIT_ARGV("nginx", "-e", "stderr", "-p", kit_dir(), "-c", path));
	assert_true(kit_wait(accepts, &port, KIT_MS));
	for (size_t i = 0; i < array_len(versions); i++) {
		struct edge e = edge_start(REQUIRED, textf("  - {name: back, proxy_protocol: %s, servers: [\"%s:%d\"]}\n",
							   versions[i], kit_ip(2), port));
		int fd = edge_connect(&e);

		kit_send(fd, V1, sizeof(V1) - 1);
		ask(fd, "[192.0.2.1]:4711");
		edge_ended(&e, "server_fin", (int)i + 1);
		edge_end(&e);
	}
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
		cmocka_unit_test_teardown(s7_a_plain_listener_does_not_look, kit_end),
		cmocka_unit_test_teardown(s2_v1_is_one_write, kit_end),
		cmocka_unit_test_teardown(s28_v2_with_what_is_known, kit_end),
		cmocka_unit_test_teardown(s32_passed_on, kit_end),
		cmocka_unit_test_teardown(pl7_local_passed_on, kit_end),
		cmocka_unit_test_teardown(s9_each_attempt_has_its_own, kit_end),
		cmocka_unit_test_teardown(unix_clients_and_balancers, kit_end),
		cmocka_unit_test_teardown(haproxy_receives, kit_end),
		cmocka_unit_test_teardown(haproxy_sends, kit_end),
		cmocka_unit_test_teardown(nginx_receives, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
