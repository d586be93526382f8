/* T12: the bytes of a connection have a rate: plain, TLS and spliced, each way. No second has more, whatever the
 * machine does; that none has less is held in the quietest of a few tries, since a busy machine makes any stream
 * slower. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/front.h"
#include "tests/flow/kit/tls_edge.h"

enum { SEED = 12, TRIES = 5, WINDOWS = 3 };

/* Who receives: when, and how much by then. */
struct receiver {
	int64_t began;        /* before the first byte could leave */
	uint64_t rate, got;
	uint64_t window[WINDOWS + 1]; /* of each second; the first one has what was saved up */
};

/* Never ahead by more than what may be saved up, a read, and what TLS holds back. Time is taken after the bytes. */
static void note_received(struct receiver *r, size_t n)
{
	int64_t ms = kit_now_ms() - r->began;
	uint64_t may = r->rate * (uint64_t)(ms + 50 + 25 + 10) / 1000 + 4096 + 16384;

	r->got += n;
	if (r->got > may)
		kit_fail("%llu bytes after %lld ms, where %llu may be", (unsigned long long)r->got, (long long)ms,
			 (unsigned long long)may);
	if (ms / 1000 <= WINDOWS)
		r->window[ms / 1000] += n;
}

static bool all_windows_full(const struct receiver *r)
{
	for (int i = 1; i <= WINDOWS; i++)
		if (r->window[i] < r->rate * 9 / 10 || r->window[i] > r->rate * 11 / 10)
			return false;
	return true;
}

/* From fd, or of p. */
static bool receive_at_rate(int fd, struct tls_peer *p, uint64_t rate)
{
	static char buf[MB];
	struct receiver r = {.began = kit_now_ms(), .rate = rate};

	while (kit_now_ms() < r.began + 1000 * (WINDOWS + 1)) {
		ssize_t n = p != NULL ? SSL_read(p->ssl, buf, sizeof(buf)) : kit_io_read(fd, buf, sizeof(buf));

		assert_true(n > 0);
		assert_true(kit_stream_same(SEED, r.got, buf, (size_t)n));
		note_received(&r, (size_t)n);
	}
	for (int i = 0; i <= WINDOWS; i++)
		printf("  %.3f of the rate in second %d\n", (double)r.window[i] / (double)rate, i);
	return all_windows_full(&r);
}

/* down: the server sends. What is sent is more than the buffers on the way hold. */
static bool flows_at(const struct front *f, int listener, bool down, uint64_t rate)
{
	int client = front_connect(f), server = kit_accept(listener);
	struct talker t = {.fd = down ? server : client, .seed = SEED, .bytes = UINT64_MAX};
	bool good;

	talker_start(&t);
	good = receive_at_rate(down ? client : server, NULL, rate);
	close(down ? client : server);
	(void)talker_join(&t);
	close(t.fd);
	return good;
}

static void holds(const char *keys, bool down, uint64_t rate)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	struct front_opts o = {.servers = front_to(port), .listener = keys};
	struct front f = front_start(&o);
	int tries = 0;

	while (!flows_at(&f, listener, down, rate))
		assert_true(++tries < TRIES);
	close(listener);
	front_end(&f);
}

static void t12_download(void **state)
{
	(void)state;
	holds("download: 6MiB/s", true, 6 * MB);
}

static void t12_upload(void **state)
{
	(void)state;
	holds("upload: 6MiB/s, download: 100KiB/s", false, 6 * MB);
}

/* Fewer bytes a second than a read brings elsewhere. */
static void t12_slow(void **state)
{
	(void)state;
	holds("download: 200KiB/s", true, 200 * 1024);
}

/* From 40MiB/s on it goes through a pipe, in portions that the rate allows. */
static void t12_spliced(void **state)
{
	(void)state;
	holds("download: 50MiB/s", true, 50 * MB);
}

static bool tls_flows_at(const struct front *f, int listener, uint64_t rate)
{
	struct tls_peer_opts po = {.ca = pki.ca};
	struct tls_peer client = {.up = false};
	struct talker t = {.seed = SEED, .bytes = UINT64_MAX};
	bool good = tls_peer_dial(&client, front_connect(f), &po);

	assert_true(good);
	t.fd = kit_accept(listener);
	talker_start(&t);
	good = receive_at_rate(-1, &client, rate);
	tls_peer_close(&client);
	(void)talker_join(&t);
	close(t.fd);
	return good;
}

/* Its records are buffered, and no event tells of them. */
static void t12_tls(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8), tries = 0;
	struct front_opts o = {.servers = front_to(port)};
	struct front f;

	(void)state;
	pki_write();
	o.listener = textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}, download: 6MiB/s", pki.cert, pki.key);
	f = front_start(&o);
	while (!tls_flows_at(&f, listener, 6 * MB))
		assert_true(++tries < TRIES);
	close(listener);
	front_end(&f);
}

/* One direction's rate is not the other's, and both go on beside each other. */
static void t12_each_way_by_itself(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	struct front_opts o = {.servers = front_to(port), .listener = "upload: 64KiB/s"};
	struct front f = front_start(&o);
	int client = front_connect(&f), server = kit_accept(listener);
	struct talker t = {.fd = client, .seed = 1, .bytes = UINT64_MAX};
	struct talker back = {.fd = server, .seed = 2, .bytes = 64 * MB};
	int64_t began = kit_now_ms();

	(void)state;
	talker_start(&t);
	talker_start(&back);
	kit_expect_stream(client, 2, 0, 64 * MB);
	assert_int_equal(talker_join(&back), 0);
	printf("  64 MiB down in %lld ms\n", (long long)(kit_now_ms() - began));
	close(server);
	assert_true(talker_join(&t) < 0);
	close(client);
	close(listener);
	front_end(&f);
}

/* What was sent before an end arrives before it, however long that takes, and nothing after it. */
static void t12_the_end_comes_last(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	struct front_opts o = {.servers = front_to(port), .listener = "download: 256KiB/s"};
	struct front f = front_start(&o);
	int client = front_connect(&f), server = kit_accept(listener);
	int64_t began = kit_now_ms();

	(void)state;
	kit_send_stream(server, SEED, 0, 300000);
	kit_half_close(server);
	kit_expect_stream(client, SEED, 0, 300000);
	kit_expect_fin(client);
	assert_true(kit_now_ms() - began > 950); /* less what may be saved up, and a portion */
	kit_send(client, "bye", 3);
	kit_expect(server, "bye", 3);
	close(client);
	kit_expect_fin(server);
	close(server);
	close(listener);
	front_ended(&f, "server_fin", 3, 300000);
	front_end(&f);
}

/* Who waits for his rate is not asked by every segment that comes: his worker sleeps. */
static void t12_waiting_costs_nothing(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	struct front_opts o = {.servers = front_to(port), .listener = "download: 4KiB/s"};
	struct front f = front_start(&o);
	int client = front_connect(&f), server = kit_accept(listener);
	struct talker t = {.fd = server, .seed = SEED, .bytes = UINT64_MAX};

	(void)state;
	talker_start(&t);
	kit_expect_stream(client, SEED, 0, 1);
	assert_in_range(front_cpu_of_a_second(&f), 0, 100);
	close(client);
	(void)talker_join(&t);
	close(server);
	close(listener);
	front_end(&f);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_teardown(t12_download, kit_end),
	cmocka_unit_test_teardown(t12_upload, kit_end),
	cmocka_unit_test_teardown(t12_slow, kit_end),
	cmocka_unit_test_teardown(t12_spliced, kit_end),
	cmocka_unit_test_teardown(t12_tls, kit_end),
	cmocka_unit_test_teardown(t12_each_way_by_itself, kit_end),
	cmocka_unit_test_teardown(t12_the_end_comes_last, kit_end),
	cmocka_unit_test_teardown(t12_waiting_costs_nothing, kit_end),
};

int main(void)
{
	return cmocka_run_group_tests_name("conn_relay_paced", tests, NULL, NULL);
}
