/* Waiting without reading or writing (np_fd_wait), on real sockets: what N1, N5, N11 and N15 say of the operations
 * holds for a coroutine that makes its own attempts. */
#include <errno.h>

#include "tests/unit/netpoll/world.h"

#define MOST 8

struct waiter {
	int raw[2];
	struct np_fd fd; /* of raw[0] */
	int waits[MOST];
	ssize_t reads[MOST];
	int n_waits, n_reads;
	size_t sent;
};

static char block[1 << 16];

static struct waiter waiter_of(int family)
{
	struct waiter w = {.sent = 0};

	make_pair(family, w.raw);
	return w;
}

static void wait_for(struct waiter *w, enum np_mode mode)
{
	w->waits[w->n_waits++] = np_fd_wait(&w->fd, mode);
}

static ssize_t attempt(struct waiter *w)
{
	char byte;
	ssize_t got = np_fd_try_read(&w->fd, &byte, 1);

	w->reads[w->n_reads++] = got;
	return got;
}

static void act_send(void *arg)
{
	struct waiter *w = arg;

	(void)!send(w->raw[1], "x", 1, 0);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Until a byte is there; registering may report what is there already, so a wait may be for nothing. */
static void until_read(struct waiter *w)
{
	while (attempt(w) == -NP_EAGAIN && w->n_reads < MOST)
		wait_for(w, NP_READ);
}

static void readable_script(void *arg)
{
	struct waiter *w = arg;

	adopt(&w->fd, w->raw[0]);
	wake(0, act_send, w);
	until_read(w);
	np_fd_close(&w->fd);
}

static void a_byte_ends_the_wait(void **state)
{
	struct waiter w = waiter_of(AF_INET);

	(void)state;
	world_run(readable_script, &w);
	close(w.raw[1]);
	assert_int_equal(w.reads[w.n_reads - 1], 1);
	assert_true(w.n_waits >= 1);
	for (int i = 0; i < w.n_waits; i++)
		assert_int_equal(w.waits[i], 0);
}

/* The byte comes after the last attempt and before the wait, while the coroutine stands elsewhere. */
static void latched_script(void *arg)
{
	struct waiter *w = arg;

	adopt(&w->fd, w->raw[0]);
	CHECK(np_fd_register(&w->fd) == 0, "the poller refuses a socket");
	attempt(w);
	act_send(w);
	np_sleep(2 * NP_MS); /* the loop turns: the event is there */
	np_fd_set_read_deadline(&w->fd, np_deadline_after(5 * NP_S));
	wait_for(w, NP_READ);
	attempt(w);
	np_fd_close(&w->fd);
}

static void an_event_before_the_wait_is_not_lost(void **state)
{
	struct waiter w = waiter_of(AF_INET);

	(void)state;
	world_run(latched_script, &w);
	close(w.raw[1]);
	assert_int_equal(w.reads[0], -NP_EAGAIN);
	assert_int_equal(w.waits[0], 0);
	assert_int_equal(w.reads[1], 1);
}

static void fill(struct waiter *w)
{
	ssize_t put;

	while ((put = np_fd_try_write(&w->fd, block, sizeof(block))) > 0)
		w->sent += (size_t)put;
}

static void act_drain(void *arg)
{
	struct waiter *w = arg;
	ssize_t got;

	while (w->sent > 0 && (got = recv(w->raw[1], block, sizeof(block), 0)) > 0)
		w->sent -= (size_t)got;
}

static void writable_script(void *arg)
{
	struct waiter *w = arg;

	adopt(&w->fd, w->raw[0]);
	fill(w);
	wake(0, act_drain, w);
	wait_for(w, NP_WRITE);
	w->reads[w->n_reads++] = np_fd_try_write(&w->fd, "x", 1);
	np_fd_close(&w->fd);
}

static void room_ends_the_wait(void **state)
{
	struct waiter w = waiter_of(AF_UNIX);

	(void)state;
	world_run(writable_script, &w);
	close(w.raw[1]);
	assert_int_equal(w.waits[0], 0);
	assert_int_equal(w.reads[0], 1);
}

/* ---- deadline and close ---------------------------------------------------------------------- */

static void quiet_script(void *arg)
{
	struct waiter *w = arg;

	adopt(&w->fd, w->raw[0]);
	np_fd_set_read_deadline(&w->fd, np_deadline_after(5 * NP_MS));
	wait_for(w, NP_READ);
	wait_for(w, NP_READ); /* sticky */
	np_fd_set_read_deadline(&w->fd, 0);
	act_send(w);
	wait_for(w, NP_READ);
	attempt(w);
	np_fd_close(&w->fd);
}

static void a_deadline_ends_the_wait(void **state)
{
	struct waiter w = waiter_of(AF_INET);

	(void)state;
	world_run(quiet_script, &w);
	close(w.raw[1]);
	assert_int_equal(w.waits[0], -NP_EDEADLINE);
	assert_int_equal(w.waits[1], -NP_EDEADLINE);
	assert_int_equal(w.waits[2], 0);
	assert_int_equal(w.reads[0], 1);
}

static void closed_script(void *arg)
{
	struct waiter *w = arg;

	adopt(&w->fd, w->raw[0]);
	wake(0, act_close, &w->fd);
	wait_for(w, NP_READ);
	wait_for(w, NP_READ);
}

static void close_ends_the_wait(void **state)
{
	struct waiter w = waiter_of(AF_INET);

	(void)state;
	world_run(closed_script, &w);
	close(w.raw[1]);
	assert_int_equal(w.waits[0], -NP_ECLOSING);
	assert_int_equal(w.waits[1], -NP_ECLOSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("N1", a_byte_ends_the_wait),
		ONCE("N1", an_event_before_the_wait_is_not_lost),
		BOTH("N26", room_ends_the_wait),
		ONCE("N5 K2", a_deadline_ends_the_wait),
		BOTH("N15", close_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
