/* Reading and writing (fd_io.c), call by call through the hook table: K9, K11, K12, N19, N27,
 * F52. What needs a real peer is in semantics_io_test.c. */
#include <errno.h>

#include "tests/unit/netpoll/world.h"

#define GIB ((size_t)1 << 30)

/* What the next system calls answer, and what they were asked: a negative value is -errno. */
static struct {
	ssize_t answers[8];
	int n, next;
	size_t asked[8];
	int iovs[8];
} script;

static ssize_t answer(size_t asked, int iovs)
{
	ssize_t a;

	CHECK(script.next < script.n, "one system call more than the test expects");
	script.asked[script.next] = asked;
	script.iovs[script.next] = iovs;
	a = script.answers[script.next++];
	if (a >= 0)
		return a;
	errno = (int)-a;
	return -1;
}

static ssize_t fake_recv(int fd, void *buf, size_t n, int flags)
{
	(void)fd;
	(void)buf;
	(void)flags;
	return answer(n, 0);
}

static ssize_t fake_send(int fd, const void *buf, size_t n, int flags)
{
	(void)fd;
	(void)buf;
	CHECK(flags & MSG_NOSIGNAL, "SIGPIPE would end the process");
	return answer(n, 0);
}

static size_t total(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

static ssize_t fake_readv(int fd, const struct iovec *iov, int n)
{
	(void)fd;
	return answer(total(iov, n), n);
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	(void)fd;
	CHECK(flags & MSG_NOSIGNAL, "SIGPIPE would end the process");
	return answer(total(msg->msg_iov, (int)msg->msg_iovlen), (int)msg->msg_iovlen);
}

#define ANSWERS(...)                                                                       \
	do {                                                                               \
		const ssize_t a_[] = {__VA_ARGS__};                                        \
		memset(&script, 0, sizeof(script));                                        \
		memcpy(script.answers, a_, sizeof(a_));                                    \
		script.n = array_len(a_);                                                  \
		hook.recv = fake_recv;                                                     \
		hook.send = fake_send;                                                     \
		hook.readv = fake_readv;                                                   \
		hook.sendmsg = fake_sendmsg;                                               \
	} while (0)

/* One operation on a real socket whose calls are answered by the script. */
struct op {
	int raw[2];
	struct np_fd fd;
	ssize_t (*run)(struct op *o);
	size_t n, done;
	struct iovec *iov;
	int iovs;
	ssize_t got;
};

static char byte_there[] = "x";

static void op_script(void *arg)
{
	struct op *o = arg;

	adopt(&o->fd, o->raw[0]);
	o->got = o->run(o);
	np_fd_close(&o->fd);
}

/* The peer has sent a byte and reads nothing: the socket is readable and writable whenever it is
 * waited for. */
static void perform(struct op *o)
{
	make_pair(AF_UNIX, o->raw);
	assert_int_equal(write(o->raw[1], byte_there, 1), 1);
	world_run(op_script, o);
	close(o->raw[1]);
	assert_int_equal(script.next, script.n);
}

static ssize_t run_read(struct op *o)
{
	return np_fd_read(&o->fd, byte_there, o->n);
}

static ssize_t run_readv(struct op *o)
{
	return np_fd_readv(&o->fd, o->iov, o->iovs);
}

static ssize_t run_write(struct op *o)
{
	return np_fd_write(&o->fd, byte_there, o->n, &o->done);
}

static ssize_t run_writev(struct op *o)
{
	return np_fd_writev(&o->fd, o->iov, o->iovs, &o->done);
}

static ssize_t run_try_read(struct op *o)
{
	return np_fd_try_read(&o->fd, byte_there, o->n);
}

static ssize_t run_try_write(struct op *o)
{
	return np_fd_try_write(&o->fd, byte_there, o->n);
}

/* ---- EINTR, EAGAIN --------------------------------------------------------------------------- */

static void interrupted_calls_are_made_again(void **state)
{
	static const struct {
		ssize_t (*run)(struct op *o);
		bool writes;
	} rows[] = {
		{run_read, false}, {run_readv, false}, {run_try_read, false},
		{run_write, true}, {run_writev, true}, {run_try_write, false},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct iovec iov = {byte_there, 1};
		struct op o = {.run = rows[i].run, .n = 1, .iov = &iov, .iovs = 1};

		ANSWERS(-EINTR, -EINTR, 1);
		perform(&o);
		assert_int_equal(o.got, rows[i].writes ? 0 : 1);
		assert_int_equal(o.done, rows[i].writes ? 1 : 0);
	}
}

static void what_would_wait_waits_and_goes_on(void **state)
{
	static ssize_t (*const rows[])(struct op *o) = {run_read, run_readv, run_write, run_writev};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct iovec iov = {byte_there, 1};
		struct op o = {.run = rows[i], .n = 1, .iov = &iov, .iovs = 1};

		ANSWERS(-EAGAIN, -EINTR, 1);
		perform(&o);
		assert_int_equal(o.got, i < 2 ? 1 : 0);
	}
}

static void an_attempt_never_waits(void **state)
{
	static ssize_t (*const rows[])(struct op *o) = {run_try_read, run_try_write};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct op o = {.run = rows[i], .n = 1};

		ANSWERS(-EAGAIN);
		perform(&o);
		assert_int_equal(o.got, -NP_EAGAIN);
	}
}

/* ---- results --------------------------------------------------------------------------------- */

/* Every (n, error) pair of a read: only 0 bytes of a read that asked for some is the end of the
 * stream. */
static void reads_say_what_the_kernel_said(void **state)
{
	static const ssize_t rows[] = {5, 0, -ECONNRESET, -ETIMEDOUT, -ENOMEM, -EBADF};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct op o = {.run = i % 2 ? run_read : run_try_read, .n = 8};

		ANSWERS(rows[i]);
		perform(&o);
		assert_int_equal(o.got, rows[i]);
	}
}

static void a_read_of_nothing_asks_nothing(void **state)
{
	struct op o = {.run = run_read, .n = 0};

	(void)state;
	memset(&script, 0, sizeof(script));
	hook.recv = fake_recv;
	perform(&o);
	assert_int_equal(o.got, 0);
}

static void a_write_goes_on_until_all_is_written(void **state)
{
	struct op o = {.run = run_write, .n = 10};

	(void)state;
	ANSWERS(3, -EAGAIN, 6, 1);
	perform(&o);
	assert_int_equal(o.got, 0);
	assert_int_equal(o.done, 10);
	assert_int_equal(script.asked[0], 10);
	assert_int_equal(script.asked[2], 7);
	assert_int_equal(script.asked[3], 1);
}

static void a_failed_write_says_how_far_it_came(void **state)
{
	static const struct {
		ssize_t second;
		int err;
	} rows[] = {{-EPIPE, -NP_EPIPE}, {-ECONNRESET, -NP_ECONNRESET}, {0, -NP_ESHORT}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct iovec iov = {byte_there, 10};
		struct op flat = {.run = run_write, .n = 10};
		struct op gather = {.run = run_writev, .iov = &iov, .iovs = 1};

		ANSWERS(4, rows[i].second);
		perform(&flat);
		assert_int_equal(flat.got, rows[i].err);
		assert_int_equal(flat.done, 4);
		ANSWERS(4, rows[i].second);
		perform(&gather);
		assert_int_equal(gather.got, rows[i].err);
		assert_int_equal(gather.done, 4);
		/* what is left is there to be sent by another way */
		assert_int_equal(iov.iov_len, 6);
		assert_ptr_equal(iov.iov_base, byte_there + 4);
	}
}

static void one_call_moves_at_most_a_gib(void **state)
{
	struct op in = {.run = run_read, .n = 3 * GIB}, out = {.run = run_write, .n = 2 * GIB + 1};

	(void)state;
	ANSWERS((ssize_t)GIB);
	perform(&in);
	assert_int_equal(in.got, GIB);
	assert_int_equal(script.asked[0], GIB);
	ANSWERS((ssize_t)GIB, (ssize_t)GIB, 1);
	perform(&out);
	assert_int_equal(out.got, 0);
	assert_int_equal(out.done, 2 * GIB + 1);
	assert_int_equal(script.asked[0], GIB);
	assert_int_equal(script.asked[1], GIB);
	assert_int_equal(script.asked[2], 1);
}

static void a_write_of_nothing_is_done(void **state)
{
	struct iovec empty[3] = {{byte_there, 0}, {NULL, 0}, {byte_there, 0}};
	struct op flat = {.run = run_write, .n = 0};
	struct op gather = {.run = run_writev, .iov = empty, .iovs = 3};

	(void)state;
	memset(&script, 0, sizeof(script));
	hook.send = fake_send;
	hook.sendmsg = fake_sendmsg;
	perform(&flat);
	perform(&gather);
	assert_int_equal(flat.got, 0);
	assert_int_equal(gather.got, 0);
}

/* ---- gather ---------------------------------------------------------------------------------- */

/* One piece in three is empty when `gaps` is set. */
static size_t fill(struct iovec *iov, int n, bool gaps)
{
	for (int i = 0; i < n; i++)
		iov[i] = (struct iovec){byte_there, gaps && i % 3 == 0 ? 0 : 10};
	return total(iov, n);
}

static void gather_goes_1024_pieces_at_a_time(void **state)
{
	static const struct {
		int pieces, calls, first, second;
	} rows[] = {
		{0, 0, 0, 0}, {10, 1, 10, 0}, {1023, 1, 1023, 0}, {1024, 1, 1024, 0}, {1025, 2, 1024, 1},
	};
	static struct iovec iov[1025];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		size_t bytes = fill(iov, rows[i].pieces, false);
		struct op o = {.run = run_writev, .iov = iov, .iovs = rows[i].pieces};

		ANSWERS(10 * (ssize_t)rows[i].first, 10 * (ssize_t)rows[i].second);
		script.n = rows[i].calls;
		perform(&o);
		assert_int_equal(o.got, 0);
		assert_int_equal(o.done, bytes);
		assert_int_equal(script.iovs[0], rows[i].first);
		assert_int_equal(script.iovs[1], rows[i].second);
	}
}

static void gather_skips_empty_pieces_at_its_front(void **state)
{
	static struct iovec iov[1025];
	size_t bytes = fill(iov, 1025, true);
	struct op o = {.run = run_writev, .iov = iov, .iovs = 1025};

	(void)state;
	/* 1024 pieces from number 1 on: all that is left, and of them 683 hold something. */
	ANSWERS(6830);
	perform(&o);
	assert_int_equal(bytes, 6830);
	assert_int_equal(o.got, 0);
	assert_int_equal(o.done, bytes);
	assert_int_equal(script.iovs[0], 1024);
}

static void gather_consumes_to_the_byte(void **state)
{
	struct iovec iov[4];
	struct op o = {.run = run_writev, .iov = iov, .iovs = 4};

	(void)state;
	fill(iov, 4, false);
	/* inside a piece, to its end, over one, waiting, all but one byte */
	ANSWERS(1, 9, 15, -EAGAIN, 14, -EPIPE);
	perform(&o);
	assert_int_equal(o.got, -NP_EPIPE);
	assert_int_equal(o.done, 39);
	assert_int_equal(script.asked[1], 39);
	assert_int_equal(script.asked[2], 30);
	assert_int_equal(script.asked[3], 15);
	assert_int_equal(script.asked[5], 1);
	assert_int_equal(total(iov, 4), 1);
	assert_ptr_equal(iov[3].iov_base, byte_there + 9);
}

static void scatter_is_given_to_the_kernel_as_it_is(void **state)
{
	static struct iovec iov[1025];
	struct op o = {.run = run_readv, .iov = iov, .iovs = 1025};

	(void)state;
	fill(iov, 1025, false);
	ANSWERS(17);
	perform(&o);
	assert_int_equal(o.got, 17);
	assert_int_equal(script.iovs[0], 1024);
	assert_int_equal(total(iov, 1025), 10250); /* and stays the caller's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("K9 F52", interrupted_calls_are_made_again),
		ONCE("K11", what_would_wait_waits_and_goes_on),
		ONCE("K11", an_attempt_never_waits),
		ONCE("N19 K12", reads_say_what_the_kernel_said),
		ONCE("N19 K12", a_read_of_nothing_asks_nothing),
		ONCE("K11", a_write_goes_on_until_all_is_written),
		ONCE("K11 N27", a_failed_write_says_how_far_it_came),
		ONCE("K11", one_call_moves_at_most_a_gib),
		ONCE("K11", a_write_of_nothing_is_done),
		ONCE("N27", gather_goes_1024_pieces_at_a_time),
		ONCE("N27", gather_skips_empty_pieces_at_its_front),
		ONCE("N27", gather_consumes_to_the_byte),
		ONCE("N27", scatter_is_given_to_the_kernel_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
