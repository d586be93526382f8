/* demo: its figures are right, and a server that leaves loses nobody: the demo's promise rests on both. */
#include "proxy/demo/demo.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void empty_histogram_says_nothing(void **state)
{
	struct demo_hist h = {.count = 0};

	(void)state;
	assert_int_equal(hist_quantile(&h, 0.99), 0);
}

static void quantiles_are_near(void **state)
{
	static const int64_t edges[] = {0, 1, 15, 16, 17, 31, 32, 33, 1000, 65535, 65536, 33000000};

	(void)state;
	for (size_t i = 0; i < array_len(edges); i++) {
		struct demo_hist h = {.count = 0};
		int64_t got;

		hist_add(&h, edges[i]);
		got = hist_quantile(&h, 0.5);
		assert_in_range(got, edges[i] - edges[i] / HIST_SUB, edges[i]);
	}
}

static void ranks_are_counted(void **state)
{
	struct demo_hist h = {.count = 0}, other = {.count = 0};

	(void)state;
	for (int i = 0; i < 99; i++)
		hist_add(&h, 10);
	hist_add(&other, 5000);
	hist_merge(&h, &other);
	assert_int_equal(h.count, 100);
	assert_int_equal(h.max, 5000);
	assert_int_equal(hist_quantile(&h, 0.5), 10);
	assert_int_equal(hist_quantile(&h, 0.98), 10);
	assert_in_range(hist_quantile(&h, 0.99), 4700, 5000);
}

static void far_values_do_not_fall_off(void **state)
{
	struct demo_hist h = {.count = 0};

	(void)state;
	hist_add(&h, INT64_MAX);
	hist_add(&h, -1);
	assert_int_equal(h.count, 2);
	assert_int_equal(hist_quantile(&h, 0), 0);
}

#define EARLY 20

struct leaving {
	struct demo_server server;
	int                echoed;  /* of EARLY */
	int                refused; /* the code of a connect while it is away */
	int                again;   /* of a connect once it is back */
};

static int echo_once(struct np_fd *fd)
{
	char byte = 'x';
	int err = np_fd_write(fd, &byte, 1, NULL);

	byte = 0;
	if (err == 0 && np_fd_read(fd, &byte, 1) != 1)
		err = -NP_ESHORT;
	return err == 0 && byte == 'x' ? 0 : -NP_EPROTO;
}

static int connect_once(struct leaving *t, struct np_fd *fd)
{
	const struct np_dial_opts opts = {.deadline = np_deadline_after(5 * NP_S)};
	int err = np_dial(fd, &t->server.addr, 1, &opts);

	if (err == 0)
		np_fd_set_deadline(fd, np_deadline_after(5 * NP_S));
	return err;
}

/* Connected by the kernel alone: the call blocks the worker, so the server cannot accept meanwhile. */
static int connect_early(struct leaving *t, struct np_fd *fd)
{
	int sysfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sysfd < 0 || connect(sysfd, &t->server.addr.u.sa, t->server.addr.len) != 0)
		return err_from_errno();
	if (fcntl(sysfd, F_SETFL, O_NONBLOCK) != 0)
		return err_from_errno();
	return np_fd_init(fd, sysfd);
}

static void leave(void *arg)
{
	struct leaving *t = arg;
	struct np_fd early[EARLY], late;

	if (demo_server_start(&t->server) != 0)
		return;
	for (int i = 0; i < EARLY; i++)
		if (connect_early(t, &early[i]) != 0)
			abort();
	demo_server_stop(&t->server);
	t->refused = connect_once(t, &late);
	for (int i = 0; i < EARLY; i++) {
		np_fd_set_deadline(&early[i], np_deadline_after(5 * NP_S));
		t->echoed += echo_once(&early[i]) == 0;
		np_fd_close(&early[i]);
	}
	t->again = demo_server_start(&t->server);
	if (t->again == 0)
		t->again = connect_once(t, &late);
	if (t->again == 0) {
		t->again = echo_once(&late);
		np_fd_close(&late);
	}
	demo_server_stop(&t->server);
}

static void leaving_server_loses_nobody(void **state)
{
	struct leaving t = {.echoed = 0};
	const struct np_worker_opts opts = {.name = "leaving", .cpu = -1, .main = leave, .arg = &t};

	(void)state;
	t.server.hold = demo_port_hold(&t.server.addr);
	assert_true(t.server.hold >= 0);
	assert_int_equal(np_run(&opts), 0);
	assert_int_equal(t.echoed, EARLY);
	assert_int_equal(t.refused, -NP_ECONNREFUSED);
	assert_int_equal(t.again, 0);
	assert_int_equal(t.server.accepted, EARLY + 1);
	close(t.server.hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_histogram_says_nothing),
		cmocka_unit_test(quantiles_are_near),
		cmocka_unit_test(ranks_are_counted),
		cmocka_unit_test(far_values_do_not_fall_off),
		cmocka_unit_test(leaving_server_loses_nobody),
	};

	return cmocka_run_group_tests_name("proxy/demo", tests, NULL, NULL);
}
