/* What reading and writing mean, against the real kernel: N19, N20, N25 to N27, B6, B23, K13. */
#include <errno.h>
#include <malloc.h>

#include "tests/kit/kit.h"
#include "tests/unit/netpoll/world.h"

#define BIG ((size_t)8 << 20)

struct conn {
	int raw[2];
	struct np_fd fd;   /* of raw[0] */
	struct np_fd peer; /* of raw[1], where a coroutine is the peer */
	ssize_t got[8];
	int n_got, ended;
	size_t done, read;
	bool intact, hung_up;
	char text[16];
	struct iovec *iov;
	int iovs;
};

static char out[BIG], in[BIG];

static void saw(struct conn *c, ssize_t got)
{
	c->got[c->n_got++] = got;
}

static struct conn conn_of(int family)
{
	struct conn c = {.intact = true};

	make_pair(family, c.raw);
	return c;
}

static void reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	np_sock_close(fd);
}

static void act_reset(void *arg)
{
	reset(((struct conn *)arg)->raw[1]);
}

static ssize_t read_byte(struct conn *c)
{
	char byte;

	return np_fd_read(&c->fd, &byte, 1);
}

/* ---- N20, B23 -------------------------------------------------------------------------------- */

static void reset_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_reset, c);
	saw(c, read_byte(c));
	/* the kernel tells it once; what follows is the end */
	saw(c, read_byte(c));
	saw(c, np_fd_write(&c->fd, "x", 1, NULL)); /* no SIGPIPE */
	c->hung_up = np_fd_may_have_more(&c->fd);
	np_fd_close(&c->fd);
}

static void a_reset_is_no_end_of_stream(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(reset_script, &c);
	assert_int_equal(c.got[0], -NP_ECONNRESET);
	assert_int_equal(c.got[1], 0);
	assert_int_equal(c.got[2], -NP_EPIPE);
	assert_int_equal(np_err_class(c.got[0]), NP_CLASS_PEER);
	assert_true(c.hung_up);
}

/* Whoever asks first is told ECONNRESET: here the writer. */
static void reset_write_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	reset(c->raw[1]);
	saw(c, np_fd_write(&c->fd, "x", 1, NULL));
	saw(c, np_fd_write(&c->fd, "x", 1, NULL));
	np_fd_close(&c->fd);
}

static void the_first_write_after_a_reset_tells_it(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(reset_write_script, &c);
	assert_int_equal(c.got[0], -NP_ECONNRESET);
	assert_int_equal(c.got[1], -NP_EPIPE);
}

static void act_send_and_reset(void *arg)
{
	struct conn *c = arg;

	(void)!send(c->raw[1], "last words", 10, 0);
	reset(c->raw[1]);
}

static void queued_reset_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_send_and_reset, c);
	saw(c, np_fd_read(&c->fd, c->text, 4));
	saw(c, np_fd_read(&c->fd, c->text + 4, sizeof(c->text) - 4));
	saw(c, read_byte(c));
	np_fd_close(&c->fd);
}

static void what_came_before_a_reset_is_read_before_it(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(queued_reset_script, &c);
	assert_int_equal(c.got[0], 4);
	assert_int_equal(c.got[1], 6);
	assert_int_equal(c.got[2], -NP_ECONNRESET);
	assert_memory_equal(c.text, "last words", 10);
}

static void blocked_writer_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_reset, c);
	saw(c, np_fd_write(&c->fd, out, BIG, &c->done));
	np_fd_close(&c->fd);
}

static void a_reset_unblocks_a_writer(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(blocked_writer_script, &c);
	assert_int_equal(c.got[0], -NP_ECONNRESET);
	assert_in_range(c.done, 1, BIG - 1);
}

static void a_unix_peer_that_left_bytes_unread_resets(void **state)
{
	struct conn c = conn_of(AF_UNIX);

	(void)state;
	assert_int_equal(send(c.raw[0], "x", 1, 0), 1);
	world_run(reset_script, &c);
	assert_int_equal(c.got[0], -NP_ECONNRESET);
	assert_int_equal(c.got[1], 0);
	assert_int_equal(c.got[2], -NP_EPIPE);
}

/* ---- urgent data ----------------------------------------------------------------------------- */

static void act_send_urgent(void *arg)
{
	struct conn *c = arg;

	(void)!send(c->raw[1], "ab", 2, 0);
	(void)!send(c->raw[1], "!", 1, MSG_OOB);
	(void)!send(c->raw[1], "cd", 2, 0);
}

/* As a task reads: while a read gave all that was asked for, or the descriptor says that a short
 * one proves nothing. */
static void urgent_script(void *arg)
{
	struct conn *c = arg;
	ssize_t n;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_send_urgent, c);
	saw(c, np_fd_read(&c->fd, c->text, sizeof(c->text)));
	c->hung_up = np_fd_may_have_more(&c->fd);
	c->read = (size_t)c->got[0];
	do {
		n = np_fd_try_read(&c->fd, c->text + c->read, sizeof(c->text) - c->read);
		c->read += n > 0 ? (size_t)n : 0;
	} while (c->hung_up && n > 0);
	np_fd_close(&c->fd);
}

static void an_urgent_mark_makes_a_read_short_and_is_told(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(urgent_script, &c);
	close(c.raw[1]);
	assert_int_equal(c.got[0], 2); /* up to the mark, although more is there */
	assert_true(c.hung_up);
	assert_int_equal(c.read, 4);
	assert_memory_equal(c.text, "abcd", 4);
}

/* ---- N19 ------------------------------------------------------------------------------------- */

static void nothing_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	saw(c, np_fd_read(&c->fd, c->text, 0)); /* would wait if it asked for a byte */
	act_expire(&c->fd);
	saw(c, np_fd_read(&c->fd, c->text, 0));
	np_fd_close(&c->fd);
}

static void a_read_of_nothing_returns_at_once(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(nothing_script, &c);
	close(c.raw[1]);
	assert_int_equal(c.got[0], 0);
	assert_int_equal(c.got[1], 0);
}

/* ---- N25 ------------------------------------------------------------------------------------- */

static void big_reader(void *arg)
{
	struct conn *c = arg;
	ssize_t n;

	adopt(&c->peer, c->raw[1]);
	while ((n = np_fd_read(&c->peer, in + c->read, BIG - c->read)) > 0)
		c->read += (size_t)n;
	saw(c, n);
	np_fd_close(&c->peer);
}

static void big_script(void *arg)
{
	struct conn *c = arg;
	size_t half = BIG / 2;
	struct iovec iov[2] = {{out + half, half / 2}, {out + half + half / 2, half / 2}};

	adopt(&c->fd, c->raw[0]);
	beside(big_reader, c);
	saw(c, np_fd_write(&c->fd, out, half, &c->done));
	saw(c, np_fd_writev(&c->fd, iov, 2, &half));
	c->done += half;
	np_fd_close(&c->fd);
}

static void no_byte_is_lost_or_moved(void **state)
{
	static const int families[] = {AF_INET, AF_UNIX};

	(void)state;
	kit_stream_fill(7, 0, out, BIG);
	for (size_t i = 0; i < array_len(families); i++) {
		struct conn c = conn_of(families[i]);

		memset(in, 0, BIG);
		world_run(big_script, &c);
		assert_int_equal(c.done, BIG);
		assert_int_equal(c.read, BIG);
		assert_true(kit_stream_same(7, 0, in, BIG));
		for (int k = 0; k < 3; k++)
			assert_int_equal(c.got[k], 0);
	}
}

static void ping_reader(void *arg)
{
	struct conn *c = arg;
	char byte;

	adopt(&c->peer, c->raw[1]);
	while (np_fd_read(&c->peer, &byte, 1) == 1)
		if (np_fd_write(&c->peer, &byte, 1, NULL) != 0)
			break;
	np_fd_close(&c->peer);
}

static void steady_script(void *arg)
{
	struct conn *c = arg;
	size_t heap = 0;
	uint32_t slots = 0;

	adopt(&c->fd, c->raw[0]);
	beside(ping_reader, c);
	for (int i = 0; i < 1000; i++) {
		if (i == 10) {
			heap = mallinfo2().uordblks;
			slots = np_self()->np.cache.fresh;
		}
		np_fd_set_deadline(&c->fd, np_deadline_after(NP_S));
		c->ended += np_fd_write(&c->fd, "x", 1, NULL) == 0 && read_byte(c) == 1;
	}
	c->got[0] = (ssize_t)(mallinfo2().uordblks - heap);
	c->got[1] = np_self()->np.cache.fresh - slots;
	np_fd_close(&c->fd);
}

static void steady_traffic_allocates_nothing(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(steady_script, &c);
	assert_int_equal(c.ended, 1000);
	assert_int_equal(c.got[0], 0);
	assert_int_equal(c.got[1], 0);
}

/* ---- N26 ------------------------------------------------------------------------------------- */

static int sends, sends_would_wait;

static ssize_t send_counted(int fd, const void *buf, size_t n, int flags)
{
	ssize_t put = send(fd, buf, n, flags);

	sends++;
	sends_would_wait += put < 0 && errno == EAGAIN;
	return put;
}

static void endless_script(void *arg)
{
	struct conn *c = arg;
	struct np_worker_stats before, after;
	int err = 0;

	adopt(&c->fd, c->raw[0]);
	shutdown(c->raw[1], SHUT_WR);
	if (c->ended == 0)
		np_fd_set_deadline(&c->fd, np_deadline_after(50 * NP_MS));
	else
		wake(50 * NP_MS, act_close, &c->fd);
	np_worker_stats(np_self(), &before);
	while (err == 0)
		err = np_fd_write(&c->fd, out, 1 << 16, NULL);
	np_worker_stats(np_self(), &after);
	saw(c, err);
	saw(c, (ssize_t)(after.polls - before.polls));
	np_fd_close(&c->fd);
}

static void an_endless_writer_parks(void **state)
{
	static const int errors[] = {-NP_EDEADLINE, -NP_ECLOSING};

	(void)state;
	for (size_t i = 0; i < array_len(errors); i++) {
		struct conn c = conn_of(AF_INET);

		sends = sends_would_wait = 0;
		c.ended = (int)i;
		hook.send = send_counted;
		world_run(endless_script, &c);
		close(c.raw[1]);
		assert_int_equal(c.got[0], errors[i]);
		assert_true(sends > 1);
		assert_in_range(sends_would_wait, 1, 20);
		assert_in_range(c.got[1], 1, 100); /* nor does the loop spin under it */
	}
}

/* ---- N27 ------------------------------------------------------------------------------------- */

#define PIECES 1025

static struct iovec pieces[PIECES];

/* n pieces of odd sizes over the stream, one in four empty. Returns the bytes. */
static size_t cut(int n)
{
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		size_t len = i % 4 == 1 ? 0 : (size_t)(i * 37 % 1500) + 1;

		pieces[i] = (struct iovec){out + at, len};
		at += len;
	}
	return at;
}

static void gather_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	beside(big_reader, c);
	saw(c, np_fd_writev(&c->fd, c->iov, c->iovs, &c->done));
	np_fd_close(&c->fd);
}

static void a_gather_of_any_size_arrives(void **state)
{
	static const int rows[] = {0, 10, 1023, 1024, 1025};
	const int small = 4096;

	(void)state;
	kit_stream_fill(9, 0, out, BIG);
	for (size_t i = 0; i < array_len(rows); i++) {
		struct conn c = conn_of(AF_INET);
		size_t bytes = cut(rows[i]);

		/* so that it is taken in parts */
		setsockopt(c.raw[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		c.iov = pieces;
		c.iovs = rows[i];
		world_run(gather_script, &c);
		assert_int_equal(c.got[0], 0);
		assert_int_equal(c.done, bytes);
		assert_int_equal(c.read, bytes);
		assert_true(kit_stream_same(9, 0, in, bytes));
	}
}

static void gather_gone_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	reset(c->raw[1]);
	saw(c, np_fd_writev(&c->fd, c->iov, c->iovs, &c->done));
	np_fd_close(&c->fd);
}

static void a_gather_to_nobody_says_so(void **state)
{
	struct conn c = conn_of(AF_INET);
	size_t bytes = cut(PIECES), left = 0;

	(void)state;
	c.iov = pieces;
	c.iovs = PIECES;
	world_run(gather_gone_script, &c);
	for (int i = 0; i < PIECES; i++)
		left += pieces[i].iov_len;
	assert_int_equal(c.got[0], -NP_ECONNRESET);
	assert_int_equal(c.done, 0);
	assert_int_equal(left, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("N20 B23", a_reset_is_no_end_of_stream),
		ONCE("N20 B23", the_first_write_after_a_reset_tells_it),
		BOTH("N20 B6", what_came_before_a_reset_is_read_before_it),
		BOTH("N20 X7", a_reset_unblocks_a_writer),
		BOTH("N20", a_unix_peer_that_left_bytes_unread_resets),
		BOTH("K13", an_urgent_mark_makes_a_read_short_and_is_told),
		ONCE("N19 K12", a_read_of_nothing_returns_at_once),
		ONCE("N25", no_byte_is_lost_or_moved),
		ONCE("N25", steady_traffic_allocates_nothing),
		BOTH("N26 F20", an_endless_writer_parks),
		ONCE("N27", a_gather_of_any_size_arrives),
		ONCE("N27", a_gather_to_nobody_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
