/* Bytes through the relay: every pattern of writes, every kind of address, a reader that stops. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/front.h"

enum { SEED = 7 };

static struct kit_peer *peer(enum kit_serve serve, uint64_t bytes)
{
	struct kit_peer_opts o = {.serve = serve, .seed = SEED, .bytes = bytes};

	return kit_peer_start(&o);
}

/* Sends in pieces while it reads the echo. */
static void echo_through(int fd, uint64_t seed, uint64_t bytes, size_t piece)
{
	struct talker t = {.fd = fd, .seed = seed, .bytes = bytes, .piece = piece, .fin = true};

	talker_start(&t);
	kit_expect_stream(fd, seed, 0, bytes);
	kit_expect_fin(fd);
	assert_int_equal(talker_join(&t), 0);
}

static void b1_any_pattern_of_writes(void **state)
{
	static const struct {
		size_t piece;
		uint64_t bytes;
	} rows[] = {
		{1, 3000},  {2, 3001},      {7, 30011},  {1000, 300000},
		{4096, MB}, {9999, MB + 1}, {0, 3 * MB},
	};
	struct front f = front_before(peer(KIT_ECHO, 0), NULL);

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		int fd = front_connect(&f);

		echo_through(fd, i, rows[i].bytes, rows[i].piece);
		close(fd);
	}
	front_wait(&f, "client_fin", array_len(rows));
	front_end(&f);
}

static void b1_ping_pong_at_every_size(void **state)
{
	struct front f = front_before(peer(KIT_ECHO, 0), NULL);
	int fd = front_connect(&f);
	uint64_t at = 0;

	(void)state;
	for (size_t n = 1; n < 70000; n += 1 + n / 20, at += n) {
		struct talker t = {.fd = fd, .seed = n, .bytes = n, .piece = 9999};

		talker_start(&t);
		kit_expect_stream(fd, n, 0, n);
		assert_int_equal(talker_join(&t), 0);
	}
	close(fd);
	front_wait(&f, "client_fin", 1);
	front_end(&f);
}

/* Both sides pour at once, and neither waits for the other. */
static void b1_full_duplex(void **state)
{
	struct kit_peer *p = peer(KIT_SOURCE, 8 * MB);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);
	struct talker t = {.fd = fd, .seed = SEED, .bytes = 8 * MB + 1, .fin = true};

	(void)state;
	talker_start(&t);
	kit_expect_stream(fd, SEED, 0, 8 * MB);
	kit_expect_fin(fd);
	assert_int_equal(talker_join(&t), 0);
	kit_peer_wait_ended(p, 1);
	assert_true(kit_peer_report(p, 0).intact);
	assert_int_equal(kit_peer_report(p, 0).read, 8 * MB + 1);
	close(fd);
	kit_staunch_wait_log(f.s, " in=8388609 out=8388608 ", 1);
	front_end(&f);
}

/* Two small writes, the second on its own: whoever held it back until the first is acknowledged
 * would wait for a delayed acknowledgement, 40 ms in each round. */
static void b1_nothing_is_held_back(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8), on = 1;
	struct front_opts o = {.servers = front_to(port)};
	struct front f = front_start(&o);
	int client = front_connect(&f), server = kit_accept(listener);
	int64_t start = kit_now_ms();

	(void)state;
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (int i = 0; i < 60; i++) {
		kit_send(client, "a", 1);
		kit_expect(server, "a", 1);
		kit_send(client, "b", 1);
		kit_expect(server, "b", 1);
		kit_send(server, "c", 1);
		kit_expect(client, "c", 1);
		kit_send(server, "d", 1);
		kit_expect(client, "d", 1);
	}
	assert_true(kit_now_ms() - start < 1000);
	close(client);
	close(server);
	close(listener);
	front_end(&f);
}

static void b2_server_speaks_first(void **state)
{
	struct kit_peer *p = peer(KIT_SOURCE, 100001);
	struct front f = front_before(p, NULL);
	int fd = front_connect(&f);

	(void)state;
	kit_expect_stream(fd, SEED, 0, 100001);
	kit_expect_fin(fd);
	close(fd);
	front_ended(&f, "server_fin", 0, 100001);
	front_end(&f);
}

static void b3_nothing_said_is_no_error(void **state)
{
	struct kit_peer *p = peer(KIT_SINK, 0);
	struct front f = front_before(p, NULL);

	(void)state;
	close(front_connect(&f));
	kit_peer_wait_ended(p, 1);
	assert_int_equal(kit_peer_report(p, 0).end, 0);
	assert_int_equal(kit_peer_report(p, 0).read, 0);
	front_ended(&f, "client_fin", 0, 0);
	assert_int_equal(kit_staunch_log(f.s, "errno="), 0);
	front_end(&f);
}

/* The other side sees exactly what was sent, whatever the count, and the books say so. */
static void b27_exact_bytes_then_the_end(void **state)
{
	static const uint64_t counts[] = {1, 16383, 16384, 16385, 65535, 65536, 65537, 131073};
	struct kit_peer *p = peer(KIT_SINK, 0);
	struct front f = front_before(p, NULL);

	(void)state;
	for (int i = 0; i < (int)array_len(counts); i++) {
		int fd = front_connect(&f);
		char text[64];

		kit_send_stream(fd, SEED, 0, counts[i]);
		kit_half_close(fd);
		kit_expect_fin(fd);
		close(fd);
		kit_peer_wait_ended(p, i + 1);
		assert_int_equal(kit_peer_report(p, i).read, counts[i]);
		assert_true(kit_peer_report(p, i).intact);
		snprintf(text, sizeof(text), " in=%llu out=0 ", (unsigned long long)counts[i]);
		kit_staunch_wait_log(f.s, text, 1);
	}
	front_wait(&f, "client_fin", array_len(counts));
	front_end(&f);
}

enum kind { TCP, FILE_NAME, ABSTRACT, KINDS };

/* A Unix address for kit_listen and kit_connect. */
static void unix_place(enum kind kind, const char *name, char place[KIT_PATH])
{
	if (kind == FILE_NAME)
		snprintf(place, KIT_PATH, "%s/%s", kit_dir(), name);
	else
		snprintf(place, KIT_PATH, "@staunch-test-%d-%s", (int)getpid(), name);
}

static void between(enum kind client_side, enum kind server_side)
{
	char front_at[KIT_PATH], back_at[KIT_PATH], bind[KIT_PATH + 8], servers[KIT_PATH + 16];
	struct kit_peer_opts po = {.serve = KIT_ECHO, .ip = server_side != TCP ? back_at : NULL};
	struct front_opts o = {.servers = servers, .bind = client_side != TCP ? bind : NULL};
	struct kit_peer *p;
	struct front f;
	int fd;

	unix_place(client_side, "front", front_at);
	unix_place(server_side, "back", back_at);
	p = kit_peer_start(&po);
	snprintf(bind, sizeof(bind), "unix:%s", front_at);
	if (server_side != TCP)
		snprintf(servers, sizeof(servers), "[\"unix:%s\"]", back_at);
	else
		snprintf(servers, sizeof(servers), "%s", front_to(kit_peer_port(p)));
	f = front_start(&o);
	fd = kit_connect(client_side != TCP ? front_at : f.ip, f.port);
	echo_through(fd, 28, 500000, 0);
	close(fd);
	front_ended(&f, "client_fin", 500000, 500000);
	front_end(&f);
	kit_end(NULL);
}

static void b28_unix_sockets(void **state)
{
	(void)state;
	for (enum kind client_side = TCP; client_side < KINDS; client_side++)
		for (enum kind server_side = TCP; server_side < KINDS; server_side++)
			between(client_side, server_side);
}

/* The urgent byte itself is out of band and may be lost; the mark it leaves in the stream makes
 * reads short, and that must not look like an empty socket. */
static void urgent_data_loses_no_stream_byte(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	struct front_opts o = {.servers = front_to(port)};
	struct front f = front_start(&o);
	int client = front_connect(&f), server = kit_accept(listener);
	int ends[2] = {client, server};

	(void)state;
	for (int i = 0; i < 400; i++) {
		int from = ends[i % 2], to = ends[(i + 1) % 2];
		size_t n = 1 + (size_t)i * 97 % 5000;

		kit_send_stream(from, SEED, 0, n);
		assert_int_equal(send(from, "!", 1, MSG_OOB), 1);
		kit_send_stream(from, SEED, n, n);
		kit_expect_stream(to, SEED, 0, 2 * n);
	}
	assert_int_equal(send(client, "!", 1, MSG_OOB), 1);
	kit_half_close(client);
	kit_expect_fin(server);
	close(client);
	close(server);
	close(listener);
	front_wait(&f, "client_fin", 1);
	front_end(&f);
}

/* --- B9: a reader that stops --- */

enum { STUCK = 6 };

struct stuck {
	int client, server;
	uint64_t sent;
};

/* Sends until there has been no room for a while. Returns how much it was. */
static uint64_t send_until_stuck(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	char buf[8192];
	uint64_t at = 0;
	ssize_t n;

	while (poll(&p, 1, 150) == 1) {
		kit_stream_fill(SEED, at, buf, sizeof(buf));
		n = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			at += (uint64_t)n;
	}
	return at;
}

/* What a worker keeps for good (its scratch) is in place before anything is measured. */
static void warm_up(const struct front *f, int listener)
{
	for (int i = 0; i < 8; i++) {
		int client = front_connect(f), server = kit_accept(listener);
		struct talker t = {.fd = client, .seed = SEED, .bytes = MB, .fin = true};

		talker_start(&t);
		kit_expect_stream(server, SEED, 0, MB);
		assert_int_equal(talker_join(&t), 0);
		close(client);
		close(server);
	}
	kit_proc_wait_fds(f->pid, f->fds);
}

/* A stuck connection costs one rest and no time; when its reader goes on, nothing is missing. */
static void stopped_readers(bool client_stops)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 64);
	struct front_opts o = {.servers = front_to(port)};
	struct front f = front_start(&o);
	struct stuck s[STUCK];
	long rss;

	warm_up(&f, listener);
	rss = kit_proc_rss_kb(f.pid);
	for (int i = 0; i < STUCK; i++) {
		s[i].client = front_connect(&f);
		s[i].server = kit_accept(listener);
		s[i].sent = send_until_stuck(client_stops ? s[i].server : s[i].client);
		assert_true(s[i].sent > 3 * MB);
	}
	assert_true(kit_proc_rss_kb(f.pid) - rss <= STUCK * 64); /* it may shrink, too */
	assert_in_range(front_cpu_of_a_second(&f), 0, 10);
	for (int i = 0; i < STUCK; i++) {
		kit_half_close(client_stops ? s[i].server : s[i].client);
		kit_expect_stream(client_stops ? s[i].client : s[i].server, SEED, 0, s[i].sent);
		kit_expect_fin(client_stops ? s[i].client : s[i].server);
		close(s[i].client);
		close(s[i].server);
	}
	close(listener);
	front_wait(&f, client_stops ? "server_fin" : "client_fin", STUCK + (client_stops ? 0 : 8));
	front_end(&f);
}

static void b9_f7_client_stops_reading(void **state)
{
	(void)state;
	stopped_readers(true);
}

static void b9_f7_server_stops_reading(void **state)
{
	(void)state;
	stopped_readers(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(b1_any_pattern_of_writes, kit_end),
		cmocka_unit_test_teardown(b1_ping_pong_at_every_size, kit_end),
		cmocka_unit_test_teardown(b1_full_duplex, kit_end),
		cmocka_unit_test_teardown(b1_nothing_is_held_back, kit_end),
		cmocka_unit_test_teardown(b2_server_speaks_first, kit_end),
		cmocka_unit_test_teardown(b3_nothing_said_is_no_error, kit_end),
		cmocka_unit_test_teardown(b27_exact_bytes_then_the_end, kit_end),
		cmocka_unit_test_teardown(b28_unix_sockets, kit_end),
		cmocka_unit_test_teardown(urgent_data_loses_no_stream_byte, kit_end),
		cmocka_unit_test_teardown(b9_f7_client_stops_reading, kit_end),
		cmocka_unit_test_teardown(b9_f7_server_stops_reading, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
