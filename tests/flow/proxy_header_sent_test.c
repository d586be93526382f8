/* The PROXY protocol as a sender: alone, passing on what it was told, and with HAProxy and nginx at the other end. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/proxy_edge.h"

/* ---- sent ------------------------------------------------------------------------------------ */

/* The first read at the server: the whole header and not a byte more, although the client's bytes were there first. */
static size_t one_write(int server, uint8_t *buf, size_t room)
{
	ssize_t n = kit_io_read(server, buf, room);

	assert_true(n > 0);
	return (size_t)n;
}

static void s2_the_first_version_is_one_write(void **state)
{
	char want[128], host[64];
	uint8_t got[256];
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, "upstream: back", ", proxy_protocol: v1");
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
	proxy_edge_end(&e, listener);
}

/* Through a socket of both families: an IPv4 client is one, in the header, the log and the rules. */
static void v19_an_ipv4_client_of_a_dual_socket(void **state)
{
	int back = 0, listener = kit_listen(kit_ip(0), &back, 8), port = kit_port("0.0.0.0");
	char want[128];
	uint8_t got[256];
	struct edge e = {.port = port};
	struct np_addr own;
	int fd, server;

	(void)state;
	e.s = kit_staunch_start(textf("workers: 2\n"
				      "log: {access: \"@DIR@/access.log\", format: text}\n"
				      "listeners:\n  - {name: edge, bind: \":%d\", "
				      "routes: [{source: [\"127.0.0.0/8\"], upstream: back}]}\n"
				      "upstreams:\n%s", port,
				      edge_upstream("back", back, ", proxy_protocol: v1")));
	e.fds = kit_proc_fds(e.s->child->pid);
	fd = edge_connect(&e);
	own = own_address(fd);
	server = kit_accept(listener);
	snprintf(want, sizeof(want), "PROXY TCP4 127.0.0.1 %s %d %d\r\n", kit_ip(1), np_addr_port(&own.u.sa), port);
	assert_int_equal(one_write(server, got, sizeof(got)), strlen(want));
	assert_memory_equal(got, want, strlen(want));
	close(fd);
	kit_expect_fin(server);
	close(server);
	edge_ended(&e, "client_fin", 1);
	edge_said(&e, textf(" 127.0.0.1:%d ", np_addr_port(&own.u.sa)));
	proxy_edge_end(&e, listener);
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

static void s28_the_second_version_with_what_is_known(void **state)
{
	uint8_t got[1024];
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, "upstream: back",
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
	proxy_edge_end(&e, listener);
}

/* What a trusted header says is said again, whoever connected. */
static void s32_passed_on(void **state)
{
	static const char tlvs[] = "\xe0\0\4mine" "\xe5\0\0" "\x05\0\5first" "\x01\0\2h2" "\x04\0";
	uint8_t got[1024];
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, REQUIRED,
			      ", proxy_protocol: v2, tlvs: [alpn, unique_id], "
			      "custom_tlvs: [{type: 0xE0}, {type: 0xE6}]");
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
	proxy_edge_end(&e, listener);
}

/* CVE-2024-23327: LOCAL without addresses, passed on. */
static void pl7_local_passed_on(void **state)
{
	uint8_t got[256];
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, REQUIRED, ", proxy_protocol: v2");
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
	proxy_edge_end(&e, listener);
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
	kit_send(fd, HEADER_V2 "payload", sizeof(HEADER_V2) - 1 + 7);
	server = kit_accept(listener);
	kit_expect(server, HEADER_V1 "payload", sizeof(HEADER_V1) - 1 + 7);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " retries=1 ");
	proxy_edge_end(&e, listener);
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
	kit_send(fd, HEADER_V1, sizeof(HEADER_V1) - 1);
	server = kit_accept(listener);
	assert_int_equal(one_write(server, got, sizeof(got)), sizeof(HEADER_V2) - 1);
	assert_memory_equal(got, HEADER_V2, sizeof(HEADER_V2) - 1);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " 192.0.2.1:4711 -> ");
	edge_said(&e, " via=unix ");
	proxy_edge_end(&e, listener);
}

/* ---- real peers ------------------------------------------------------------------------------ */

/* The upstream of a real peer, which is told of clients in that version. */
static const char *peer_with(const char *version, int port)
{
	return textf("  - {name: back, proxy_protocol: %s, servers: [\"%s:%d\"]}\n", version, kit_ip(2), port);
}

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
		struct edge e = edge_start(REQUIRED, peer_with(versions[i], port));
		int fd = edge_connect(&e);

		kit_send(fd, HEADER_V2, sizeof(HEADER_V2) - 1);
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
	static const char *const words[] = {
		"send-proxy\n", "send-proxy-v2\n", "send-proxy-v2 proxy-v2-options crc32c\n",
	};

	(void)state;
	if (!kit_have("haproxy"))
		skip();
	for (size_t i = 0; i < array_len(words); i++) {
		int port = kit_port(kit_ip(2)), listener, fd, server;
		struct edge e = proxy_edge_start(&listener, REQUIRED, "");
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
		proxy_edge_end(&e, listener);
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
		struct edge e = edge_start(REQUIRED, peer_with(versions[i], port));
		int fd = edge_connect(&e);

		kit_send(fd, HEADER_V1, sizeof(HEADER_V1) - 1);
		ask(fd, "[192.0.2.1]:4711");
		edge_ended(&e, "server_fin", (int)i + 1);
		edge_end(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(s2_the_first_version_is_one_write, kit_end),
		cmocka_unit_test_teardown(v19_an_ipv4_client_of_a_dual_socket, kit_end),
		cmocka_unit_test_teardown(s28_the_second_version_with_what_is_known, kit_end),
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
