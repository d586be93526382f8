/* A connect that no event will ever end: a Unix server whose backlog is full. B12, B13, B15. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/front.h"

enum { SEED = 13 };

/* A Unix server whose backlog is full until somebody is accepted. */
struct queue {
	char path[KIT_PATH], servers[KIT_PATH + 16];
	int listener, waiting[8], n;
};

static void queue_fill(struct queue *q)
{
	int port = 0, fd;

	snprintf(q->path, sizeof(q->path), "%s/queue", kit_dir());
	snprintf(q->servers, sizeof(q->servers), "[\"unix:%s\"]", q->path);
	q->listener = kit_listen(q->path, &port, 0);
	q->n = 0;
	while ((fd = kit_try_connect(q->path, 0)) >= 0)
		q->waiting[q->n++] = fd;
	assert_int_equal(fd, -EAGAIN);
}

/* Accepts those who came before; the next one is the proxy. */
static int queue_accept_proxy(struct queue *q)
{
	for (int i = 0; i < q->n; i++) {
		close(kit_accept(q->listener));
		close(q->waiting[i]);
	}
	return kit_accept(q->listener);
}

static void b12_b15_bytes_and_fin_wait_for_the_connect(void **state)
{
	struct queue q;
	struct front_opts o = {.servers = q.servers};
	struct front f;
	int client, server;

	(void)state;
	queue_fill(&q);
	f = front_start(&o);
	client = front_connect(&f);
	kit_send_stream(client, SEED, 0, 50000);
	kit_half_close(client);
	kit_proc_wait_fds(f.pid, f.fds + 2); /* accepted, and dialling */
	server = queue_accept_proxy(&q);
	kit_expect_stream(server, SEED, 0, 50000);
	kit_expect_fin(server);
	kit_send(server, "late", 4);
	close(server);
	kit_expect(client, "late", 4);
	kit_expect_fin(client);
	close(client);
	close(q.listener);
	front_ended(&f, "client_fin", 50000, 4);
	front_end(&f);
}

static void b15_full_backlog_for_too_long(void **state)
{
	struct queue q;
	struct front_opts o = {.servers = q.servers, .upstream = "timeouts: {connect: 300ms}"};
	struct front f;
	int64_t start;
	int client;

	(void)state;
	queue_fill(&q);
	f = front_start(&o);
	start = kit_now_ms();
	client = front_connect(&f);
	kit_expect_fin(client);
	assert_in_range(kit_now_ms() - start, 295, 1300);
	close(client);
	for (int i = 0; i < q.n; i++)
		close(q.waiting[i]);
	close(q.listener);
	front_ended(&f, "connect_timeout", 0, 0);
	front_end(&f);
}

/* No event of the server's would ever wake the dial; the client's does. */
static void b13_b15_client_resets_before_a_full_backlog(void **state)
{
	struct queue q;
	struct front_opts o = {
		.servers = q.servers, .upstream = "timeouts: {connect: 10m}, retry_budget: 10m",
	};
	struct front f;
	int64_t start;
	int client;

	(void)state;
	queue_fill(&q);
	f = front_start(&o);
	client = front_connect(&f);
	kit_proc_wait_fds(f.pid, f.fds + 2);
	start = kit_now_ms();
	kit_reset(client);
	front_wait(&f, "client_rst", 1);
	assert_in_range(kit_now_ms() - start, 0, 1000);
	for (int i = 0; i < q.n; i++)
		close(q.waiting[i]);
	close(q.listener);
	front_end(&f);
}

/* A Unix client that has said all and closed is hung up, which is not a reset. */
static void b12_unix_client_says_all_and_closes(void **state)
{
	struct queue q;
	char bind[KIT_PATH + 8];
	struct front_opts o = {.servers = q.servers, .bind = bind};
	struct front f;
	int client, server;

	(void)state;
	snprintf(bind, sizeof(bind), "unix:%s/door", kit_dir());
	queue_fill(&q);
	f = front_start(&o);
	client = kit_connect(bind + strlen("unix:"), 0);
	kit_send_stream(client, SEED, 0, 5000);
	kit_proc_wait_fds(f.pid, f.fds + 2);
	close(client);
	server = queue_accept_proxy(&q);
	kit_expect_stream(server, SEED, 0, 5000);
	kit_expect_fin(server);
	close(server);
	close(q.listener);
	front_ended(&f, "client_fin", 5000, 0);
	front_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(b12_b15_bytes_and_fin_wait_for_the_connect, kit_end),
		cmocka_unit_test_teardown(b15_full_backlog_for_too_long, kit_end),
		cmocka_unit_test_teardown(b13_b15_client_resets_before_a_full_backlog, kit_end),
		cmocka_unit_test_teardown(b12_unix_client_says_all_and_closes, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
