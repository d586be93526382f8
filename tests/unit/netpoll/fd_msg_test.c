/* Messages with descriptors: what arrives whole, and what is refused whole. */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/netpoll/world.h"

struct talk {
	int raw[2];
	struct np_fd a, b;
	ssize_t got[4];
	int err;
	char buf[256];
	int sysfds[NP_MSG_SYSFDS];
	unsigned n;
};

static struct talk talk_of(void)
{
	struct talk t = {0};

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, t.raw), 0);
	return t;
}

static void adopt_both(struct talk *t)
{
	adopt(&t->a, t->raw[0]);
	adopt(&t->b, t->raw[1]);
}

static void close_both(struct talk *t)
{
	np_fd_close(&t->a);
	np_fd_close(&t->b);
}

static void close_received(const struct talk *t)
{
	for (unsigned i = 0; i < t->n; i++)
		np_sock_close(t->sysfds[i]);
}

static bool same_file(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

/* As many as one message may carry, all the same pipe. */
static void full_script(void *arg)
{
	struct talk *t = arg;
	int pipe_ends[2], sent[NP_MSG_SYSFDS];

	adopt_both(t);
	CHECK(pipe2(pipe_ends, O_CLOEXEC) == 0, "no pipe");
	for (int i = 0; i < NP_MSG_SYSFDS; i++)
		sent[i] = pipe_ends[i % 2];
	t->err = np_fd_write_msg(&t->a, "hello", 5, sent, NP_MSG_SYSFDS);
	t->got[0] = np_fd_read_msg(&t->b, t->buf, sizeof(t->buf), t->sysfds, &t->n);
	for (unsigned i = 0; i < t->n; i++) {
		CHECK(same_file(t->sysfds[i], pipe_ends[i % 2]), "another file arrived");
		CHECK((fcntl(t->sysfds[i], F_GETFD) & FD_CLOEXEC) != 0, "a program that we start would inherit it");
	}
	close_received(t);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	close_both(t);
}

static void a_message_arrives_with_its_descriptors_in_order(void **state)
{
	struct talk t = talk_of();

	(void)state;
	world_run(full_script, &t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.got[0], 5);
	assert_int_equal(t.n, NP_MSG_SYSFDS);
	assert_memory_equal(t.buf, "hello", 5);
}

static void act_send(void *arg)
{
	struct talk *t = arg;

	CHECK(send(t->raw[0], "late", 4, 0) == 4, "not sent");
}

/* Bounds are kept, a reader parks until there is one, and the end is 0. */
static void bounds_script(void *arg)
{
	struct talk *t = arg;

	adopt_both(t);
	t->err = np_fd_write_msg(&t->a, "one", 3, NULL, 0);
	t->err |= np_fd_write_msg(&t->a, "two!", 4, NULL, 0);
	t->got[0] = np_fd_read_msg(&t->b, t->buf, sizeof(t->buf), t->sysfds, &t->n);
	t->got[1] = np_fd_read_msg(&t->b, t->buf, sizeof(t->buf), t->sysfds, &t->n);
	wake(0, act_send, t);
	t->got[2] = np_fd_read_msg(&t->b, t->buf, sizeof(t->buf), t->sysfds, &t->n);
	np_fd_close(&t->a);
	t->got[3] = np_fd_read_msg(&t->b, t->buf, sizeof(t->buf), t->sysfds, &t->n);
	np_fd_close(&t->b);
}

static void messages_keep_their_bounds(void **state)
{
	struct talk t = talk_of();

	(void)state;
	world_run(bounds_script, &t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.got[0], 3);
	assert_int_equal(t.got[1], 4);
	assert_int_equal(t.got[2], 4);
	assert_int_equal(t.got[3], 0);
}

static void long_script(void *arg)
{
	struct talk *t = arg;
	char more[sizeof(t->buf) + 1] = "";
	int one = t->raw[0];

	adopt_both(t);
	t->err = np_fd_write_msg(&t->a, more, sizeof(more), &one, 1);
	t->got[0] = np_fd_read_msg(&t->b, t->buf, sizeof(t->buf), t->sysfds, &t->n);
	close_both(t);
}

/* The teardown counts descriptors: the one that came with it is closed. */
static void a_message_that_is_too_long_is_refused(void **state)
{
	struct talk t = talk_of();

	(void)state;
	world_run(long_script, &t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.got[0], -NP_EPROTO);
	assert_int_equal(t.n, 0);
}

/* Two come, and there is room for one. */
static void no_descriptor_script(void *arg)
{
	struct talk *t = arg;
	struct rlimit before, now;
	int both[2] = {t->raw[0], t->raw[1]}, next;

	adopt_both(t);
	t->err = np_fd_write_msg(&t->a, "x", 1, both, 2);
	next = dup(t->raw[0]);
	close(next);
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0, "no limit");
	now = (struct rlimit){.rlim_cur = (rlim_t)next + 1, .rlim_max = before.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &now) == 0, "not lowered");
	t->got[0] = np_fd_read_msg(&t->b, t->buf, sizeof(t->buf), t->sysfds, &t->n);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0, "not raised");
	close_both(t);
}

static void descriptors_without_room_are_closed_and_missed(void **state)
{
	struct talk t = talk_of();

	(void)state;
	world_run(no_descriptor_script, &t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.got[0], 1);
	assert_int_equal(t.n, NP_MSG_CUT);
}

static void gone_script(void *arg)
{
	struct talk *t = arg;

	adopt_both(t);
	np_fd_close(&t->b);
	t->err = np_fd_write_msg(&t->a, "x", 1, NULL, 0);
	np_fd_close(&t->a);
}

static void nobody_reads(void **state)
{
	struct talk t = talk_of();

	(void)state;
	world_run(gone_script, &t);
	assert_int_equal(t.err, -NP_EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("P20", a_message_arrives_with_its_descriptors_in_order),
		BOTH("P20", messages_keep_their_bounds),
		ONCE("P22", a_message_that_is_too_long_is_refused),
		ONCE("P20", descriptors_without_room_are_closed_and_missed),
		ONCE("P19", nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
