/* A plain stream is its np_fd: the same results, and no answer of TLS's. What the TLS end answers: tls_test.c. */
#include "proxy/conn/stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "tests/kit/kit.h"

static int raw[2];
static struct {
	ssize_t read[5], unsent;
	ssize_t wrote;
	size_t backlog;
	int flush, shut, again;
	bool plain, buffered, hung_up, truncated, failed;
} saw;

static void script(void *arg)
{
	struct stream s = {.tls = NULL};
	char buf[16];

	(void)arg;
	CHECK(np_fd_init(&s.fd, raw[0]) == 0 && np_fd_register(&s.fd) == 0, "no memory");
	saw.plain = stream_is_plain(&s);
	saw.read[0] = stream_try_read(&s, buf, sizeof(buf));
	saw.wrote = stream_try_write(&s, "hello", 5);
	(void)!write(raw[1], "abc", 3);
	saw.read[1] = stream_try_read(&s, buf, 2);
	saw.buffered = stream_buffered(&s); /* no FIN yet: an event would come */
	saw.read[2] = stream_try_read(&s, buf, sizeof(buf));
	saw.backlog = stream_backlog(&s);
	saw.flush = stream_flush(&s);
	saw.unsent = stream_unsent(&s);
	saw.failed = stream_failed(&s);
	saw.shut = stream_close_write(&s);
	close(raw[1]);
	saw.again = np_fd_wait(&s.fd, NP_READ);
	saw.hung_up = stream_buffered(&s);
	saw.read[3] = stream_try_read(&s, buf, sizeof(buf));
	saw.truncated = stream_truncated(&s);
	stream_close(&s);
	saw.read[4] = stream_try_read(&s, buf, sizeof(buf));
	stream_close_reset(&s); /* harmless */
}

static void a_plain_stream_is_its_descriptor(void **state)
{
	const struct np_worker_opts o = {.name = "plain", .cpu = -1, .main = script};
	int port = 0, l = kit_listen("127.0.0.1", &port, 1);

	(void)state;
	raw[1] = kit_connect("127.0.0.1", port);
	raw[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(raw[0] >= 0);
	assert_int_equal(np_run(&o), 0);
	assert_true(saw.plain);
	assert_int_equal(saw.read[0], -NP_EAGAIN);
	assert_int_equal(saw.wrote, 5);
	assert_int_equal(saw.read[1], 2);
	assert_false(saw.buffered);
	assert_int_equal(saw.read[2], 1);
	assert_int_equal(saw.backlog, 0);
	assert_int_equal(saw.flush, 0);
	assert_in_range(saw.unsent, 0, 5);
	assert_false(saw.failed);
	assert_int_equal(saw.shut, 0);
	assert_int_equal(saw.again, 0);
	assert_true(saw.hung_up);
	assert_true(saw.read[3] == 0 || saw.read[3] == -NP_ECONNRESET); /* "hello" was never read over there */
	assert_false(saw.truncated);
	assert_int_equal(saw.read[4], -NP_ECLOSING);
	(void)close(raw[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_plain_stream_is_its_descriptor, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
