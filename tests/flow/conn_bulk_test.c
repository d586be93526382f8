/* Bulk: what is large enough to be spliced (relay_splice.c) is held to the same promises as what is
 * copied. F41, N28, N29; B16 and B19 for connections that are never still. */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/front.h"

#define SEED  77
#define BIG   (50 * (uint64_t)MB)
#define AFTER 100000

struct sender {
	pthread_t thread;
	int fd;
	bool fin;
};

static void *send_with_a_mark(void *arg)
{
	struct sender *s = arg;

	kit_send_stream(s->fd, SEED, 0, BIG);
	if (send(s->fd, "!", 1, MSG_OOB) != 1)
		return NULL;
	kit_send_stream(s->fd, SEED, BIG, AFTER);
	if (s->fin)
		shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* A splice stops at the mark and calls it the end when a FIN is queued behind. */
static void marked(int times, bool fin)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	struct front_opts o = {.servers = front_to(port)};
	struct front f = front_start(&o);

	for (int i = 1; i <= times; i++) {
		struct sender s = {.fd = front_connect(&f), .fin = fin};
		int server = kit_accept(listener);

		assert_int_equal(pthread_create(&s.thread, NULL, send_with_a_mark, &s), 0);
		kit_expect_stream(server, SEED, 0, BIG + AFTER);
		pthread_join(s.thread, NULL);
		kit_half_close(s.fd);
		kit_expect_fin(server);
		close(server);
		close(s.fd);
		front_wait(&f, "client_fin", i);
	}
	close(listener);
	front_end(&f);
}

static void f41_urgent_mark_before_the_end(void **state)
{
	(void)state;
	marked(3, true);
}

static void f41_urgent_mark_and_no_end(void **state)
{
	(void)state;
	marked(1, false);
}

/* Both ways at once, each larger than any buffer on the way. */
static void n28_both_ways(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	struct front_opts o = {.servers = front_to(port)};
	struct front f = front_start(&o);
	int client = front_connect(&f), server = kit_accept(listener);
	struct talker up = {.fd = client, .seed = 1, .bytes = 3 * BIG, .fin = true};
	struct talker down = {.fd = server, .seed = 2, .bytes = 3 * BIG, .fin = true};
	struct pollfd p[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
	uint64_t at[2] = {0, 0};

	(void)state;
	talker_start(&up);
	talker_start(&down);
	while (at[0] < 3 * BIG || at[1] < 3 * BIG) {
		assert_true(poll(p, 2, KIT_MS) > 0);
		for (int i = 0; i < 2; i++) {
			uint64_t left = 3 * BIG - at[i], n = left < MB ? left : MB;

			if ((p[i].revents & POLLIN) == 0 || n == 0)
				continue;
			kit_expect_stream(p[i].fd, i == 0 ? 2 : 1, at[i], (size_t)n);
			at[i] += n;
		}
	}
	assert_int_equal(talker_join(&up), 0);
	assert_int_equal(talker_join(&down), 0);
	kit_expect_fin(client);
	kit_expect_fin(server);
	close(client);
	close(server);
	close(listener);
	front_end(&f);
}

/* --- a busy connection comes of age --- */

#define STREAMS 16
#define OF_AGE  31000 /* ms: at 30 s the relay looks at its timers for another reason than to end */

static void fill_for(int fd[STREAMS], int64_t ms)
{
	static char block[65536];
	struct pollfd p[STREAMS];
	int64_t end = kit_now_ms() + ms;

	for (int i = 0; i < STREAMS; i++)
		p[i] = (struct pollfd){.fd = fd[i], .events = POLLOUT};
	while (kit_now_ms() < end) {
		assert_true(poll(p, STREAMS, KIT_MS) > 0);
		for (int i = 0; i < STREAMS; i++)
			if (p[i].revents != 0)
				assert_true(send(fd[i], block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
	}
}

static void b16_busy_ones_live_on(void **state)
{
	struct kit_peer *sink = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_SINK});
	struct front_opts o = {.servers = front_to(kit_peer_port(sink))};
	struct front f = front_start(&o);
	int fd[STREAMS];

	(void)state;
	for (int i = 0; i < STREAMS; i++)
		fd[i] = front_connect(&f);
	fill_for(fd, OF_AGE);
	for (int i = 0; i < STREAMS; i++) {
		kit_half_close(fd[i]);
		kit_expect_fin(fd[i]);
		close(fd[i]);
	}
	front_wait(&f, "client_fin", STREAMS);
	front_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(f41_urgent_mark_before_the_end, kit_end),
		cmocka_unit_test_teardown(f41_urgent_mark_and_no_end, kit_end),
		cmocka_unit_test_teardown(n28_both_ways, kit_end),
		cmocka_unit_test_teardown(b16_busy_ones_live_on, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
