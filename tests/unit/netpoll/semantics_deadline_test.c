/* What a deadline means, on real sockets and the real poller: N5, N6, N7, N11, X3, X7, K2 to K6.
 * Only lower bounds are tight: never before d. The upper ones only say that it did not hang. */
#include "tests/unit/netpoll/world.h"

#define LATE (1 * NP_S)

struct conn {
	int raw[2];
	struct np_fd fd; /* of raw[0] */
	enum np_mode mode;
	ssize_t got[4];
	int n_got;
	int64_t when; /* the deadline, or what else ends it */
	int64_t early, took; /* against when; since it began */
	size_t done;
	bool failed;
};

static char block[1 << 16];

static struct conn conn_of(int family)
{
	struct conn c = {.mode = NP_READ};

	make_pair(family, c.raw);
	return c;
}

/* One read or one write that cannot finish: of a byte that does not come, or of more than a
 * socket holds. */
static ssize_t blocked(struct conn *c)
{
	char byte;
	size_t done = 0;
	int err = 0;

	if (c->mode == NP_READ)
		return np_fd_read(&c->fd, &byte, 1);
	while (err == 0) {
		err = np_fd_write(&c->fd, block, sizeof(block), &done);
		c->done += done;
	}
	return err;
}

static void timed(struct conn *c)
{
	int64_t start = np_nanotime();

	c->got[c->n_got++] = blocked(c);
	c->early = c->when - np_nanotime();
	c->took = np_nanotime() - start;
}

static void set_own(struct conn *c, int64_t when)
{
	c->when = when;
	if (c->mode == NP_READ)
		np_fd_set_read_deadline(&c->fd, when);
	else
		np_fd_set_write_deadline(&c->fd, when);
}

static void each_way(void (*script)(void *arg), void (*check)(const struct conn *c))
{
	static const enum np_mode modes[] = {NP_READ, NP_WRITE};

	for (size_t i = 0; i < array_len(modes); i++) {
		struct conn c = conn_of(AF_INET);

		c.mode = modes[i];
		world_run(script, &c);
		close(c.raw[1]);
		check(&c);
	}
}

/* ---- N5 -------------------------------------------------------------------------------------- */

static void past_script(void *arg)
{
	struct conn *c = arg;
	char byte;

	adopt(&c->fd, c->raw[0]);
	set_own(c, np_deadline_after(-5 * NP_S));
	for (int i = 0; i < 2; i++)
		c->got[c->n_got++] = c->mode == NP_READ ? np_fd_read(&c->fd, &byte, 1)
							: np_fd_write(&c->fd, "x", 1, NULL);
	set_own(c, np_deadline_after(30 * NP_MS));
	c->got[c->n_got++] = c->mode == NP_READ ? np_fd_read(&c->fd, &byte, 1) : 1;
	timed(c);
	np_fd_close(&c->fd);
}

static void past_check(const struct conn *c)
{
	assert_int_equal(c->got[0], -NP_EDEADLINE);
	assert_int_equal(c->got[1], -NP_EDEADLINE);
	assert_int_equal(c->got[2], 1); /* the byte that was ready all the time */
	assert_int_equal(c->got[3], -NP_EDEADLINE);
	assert_true(c->mode == NP_READ || c->done > 0);
	assert_true(c->early <= 0);
	assert_true(c->took < LATE);
}

static void a_past_deadline_fails_what_is_ready(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct conn c = conn_of(AF_INET);

		c.mode = i == 0 ? NP_READ : NP_WRITE;
		assert_int_equal(send(c.raw[1], "x", 1, 0), 1);
		world_run(past_script, &c);
		close(c.raw[1]);
		past_check(&c);
	}
}

/* ---- N6, N11, X7 ----------------------------------------------------------------------------- */

static void unblock_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_expire, &c->fd);
	timed(c);
	timed(c); /* sticky */
	np_fd_close(&c->fd);
}

static void unblock_check(const struct conn *c)
{
	assert_int_equal(c->got[0], -NP_EDEADLINE);
	assert_int_equal(c->got[1], -NP_EDEADLINE);
	assert_true(c->took < LATE);
}

static void a_past_deadline_unblocks(void **state)
{
	(void)state;
	each_way(unblock_script, unblock_check);
}

static void none_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	act_expire(&c->fd);
	set_own(c, 0);
	c->when = np_deadline_after(100 * NP_MS);
	wake(100 * NP_MS, act_close, &c->fd);
	timed(c);
}

static void none_check(const struct conn *c)
{
	/* closing beats the other side's deadline and this one's past */
	assert_int_equal(c->got[0], -NP_ECLOSING);
	assert_true(c->early <= 0);
	assert_true(c->took < LATE);
}

static void without_a_deadline_only_close_ends_it(void **state)
{
	(void)state;
	each_way(none_script, none_check);
}

/* The deadline passes and is taken back before the reader has run: it keeps waiting (K6). */
static void act_expire_and_forget(void *fd)
{
	act_expire(fd);
	np_fd_set_deadline(fd, 0);
}

static void act_send_byte(void *conn)
{
	(void)!send(((struct conn *)conn)->raw[1], "x", 1, 0);
}

static void forgotten_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_expire_and_forget, &c->fd);
	c->when = np_deadline_after(20 * NP_MS);
	wake(20 * NP_MS, act_send_byte, c);
	timed(c);
	np_fd_close(&c->fd);
}

static void a_deadline_taken_back_was_none(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	world_run(forgotten_script, &c);
	close(c.raw[1]);
	assert_int_equal(c.got[0], 1);
	assert_true(c.early <= 0);
	assert_true(c.took < LATE);
}

/* ---- N7, K3, K4 ------------------------------------------------------------------------------ */

static void fluctuation_script(void *arg)
{
	static const int64_t rows[] = {1, 2, 3, 5, 8, 13, 20};
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	for (size_t i = 0; i < array_len(rows); i++) {
		set_own(c, np_deadline_after(rows[i] * NP_MS));
		c->n_got = 0;
		timed(c);
		if (c->got[0] != -NP_EDEADLINE || c->early > 0 || c->took > LATE)
			c->failed = true;
	}
	np_fd_close(&c->fd);
}

static void fluctuation_check(const struct conn *c)
{
	assert_false(c->failed);
}

static void never_before_the_deadline(void **state)
{
	(void)state;
	each_way(fluctuation_script, fluctuation_check);
}

struct move {
	int64_t first, then;
};

static struct conn *moved;
static int64_t moved_to;

static void act_move(void *arg)
{
	(void)arg;
	set_own(moved, moved_to);
}

/* Too far away to be waited for: a close ends it. */
static bool is_far(const struct move *m)
{
	return m->then > LATE;
}

static void move_script(void *arg)
{
	const struct move *m = arg;
	int64_t now = np_nanotime();

	adopt(&moved->fd, moved->raw[0]);
	moved_to = m->then == INT64_MAX ? INT64_MAX : now + m->then;
	set_own(moved, now + m->first);
	wake(0, act_move, NULL);
	if (is_far(m))
		wake(m->first + 40 * NP_MS, act_close, &moved->fd);
	timed(moved);
	np_fd_close(&moved->fd);
}

static void a_moved_deadline_counts_from_where_it_is_now(void **state)
{
	static struct move rows[] = {
		{30 * NP_MS, 60 * NP_MS},
		{10 * NP_S, 30 * NP_MS},
		{20 * NP_MS, 20 * NP_MS},
		{300 * NP_MS, 5 * NP_S},
		{300 * NP_MS, INT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < 2 * array_len(rows); i++) {
		struct move *row = &rows[i / 2];
		struct conn c = conn_of(AF_INET);

		c.mode = i % 2 == 0 ? NP_READ : NP_WRITE;
		moved = &c;
		world_run(move_script, row);
		close(c.raw[1]);
		assert_int_equal(c.got[0], is_far(row) ? -NP_ECLOSING : -NP_EDEADLINE);
		assert_true(is_far(row) || c.early <= 0);
		assert_true(c.took < LATE);
	}
}

/* One descriptor, a reader and a writer that both wait. */
struct two_ways {
	struct conn c;
	int64_t within[2]; /* the read deadline, the write deadline */
	int64_t early[2];
	ssize_t got[2];
	bool written;
};

static void writer_beside(void *arg)
{
	struct two_ways *t = arg;
	size_t done;
	int err = 0;

	while (err == 0)
		err = np_fd_write(&t->c.fd, block, sizeof(block), &done);
	t->got[1] = err;
	t->early[1] -= np_nanotime();
	t->written = true;
}

static void two_ways_script(void *arg)
{
	struct two_ways *t = arg;
	char byte;

	adopt(&t->c.fd, t->c.raw[0]);
	t->early[0] = np_deadline_after(t->within[0]);
	t->early[1] = t->within[1] == t->within[0] ? t->early[0] : np_deadline_after(t->within[1]);
	np_fd_set_deadline(&t->c.fd, t->early[0]);
	if (t->early[1] != t->early[0])
		np_fd_set_write_deadline(&t->c.fd, t->early[1]);
	beside(writer_beside, t);
	t->got[0] = np_fd_read(&t->c.fd, &byte, 1);
	t->early[0] -= np_nanotime();
	while (!t->written)
		np_yield();
	np_fd_close(&t->c.fd);
}

static void each_way_has_its_deadline_and_they_share_a_timer(void **state)
{
	static const int64_t rows[][2] = {
		{20 * NP_MS, 20 * NP_MS}, {10 * NP_MS, 30 * NP_MS}, {30 * NP_MS, 10 * NP_MS},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct two_ways t = {.c = conn_of(AF_INET), .within = {rows[i][0], rows[i][1]}};

		world_run(two_ways_script, &t);
		close(t.c.raw[1]);
		for (int way = 0; way < 2; way++) {
			assert_int_equal(t.got[way], -NP_EDEADLINE);
			assert_true(t.early[way] <= 0);
			assert_true(-t.early[way] < LATE);
		}
	}
}

static void now_script(void *arg)
{
	struct conn *c = arg;
	char byte;

	adopt(&c->fd, c->raw[0]);
	np_fd_set_read_deadline(&c->fd, np_deadline_after(0));
	c->got[0] = np_fd_read(&c->fd, &byte, 1);
	np_fd_set_read_deadline(&c->fd, INT64_MIN);
	c->got[1] = np_fd_try_read(&c->fd, &byte, 1);
	np_fd_set_read_deadline(&c->fd, np_deadline_after(INT64_MAX));
	c->got[2] = np_fd_read(&c->fd, &byte, 1);
	np_fd_close(&c->fd);
}

/* With a clock that stands still "now" is exactly now, however long it takes to say so. */
static int64_t clock_stopped(void)
{
	return 1000 * NP_S;
}

static void exactly_now_script(void *arg)
{
	struct conn *c = arg;
	char byte;

	adopt(&c->fd, c->raw[0]);
	np_fd_set_read_deadline(&c->fd, np_deadline_after(0));
	c->got[0] = np_fd_try_read(&c->fd, &byte, 1);
	np_fd_set_read_deadline(&c->fd, np_deadline_after(1));
	c->got[1] = np_fd_try_read(&c->fd, &byte, 1);
	np_fd_close(&c->fd);
}

static void exactly_now_is_over(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	assert_int_equal(send(c.raw[1], "x", 1, 0), 1);
	hook.nanotime = clock_stopped;
	world_run(exactly_now_script, &c);
	close(c.raw[1]);
	assert_int_equal(c.got[0], -NP_EDEADLINE);
	assert_int_equal(c.got[1], 1);
}

static void now_is_over_and_overflow_is_never(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	assert_int_equal(send(c.raw[1], "x", 1, 0), 1);
	world_run(now_script, &c);
	close(c.raw[1]);
	assert_int_equal(c.got[0], -NP_EDEADLINE);
	assert_int_equal(c.got[1], -NP_EDEADLINE);
	assert_int_equal(c.got[2], 1);
	assert_true(np_deadline_after(INT64_MAX) == INT64_MAX);
	assert_true(np_deadline_after(INT64_MAX - 1) == INT64_MAX);
	assert_int_not_equal(np_deadline_after(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("N5 K2", a_past_deadline_fails_what_is_ready),
		BOTH("N11 X7 K3 K5", a_past_deadline_unblocks),
		BOTH("N6", without_a_deadline_only_close_ends_it),
		BOTH("K6", a_deadline_taken_back_was_none),
		BOTH("N7", never_before_the_deadline),
		BOTH("K4 X3", a_moved_deadline_counts_from_where_it_is_now),
		ONCE("K4", each_way_has_its_deadline_and_they_share_a_timer),
		ONCE("K3", exactly_now_is_over),
		ONCE("K3 F14", now_is_over_and_overflow_is_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
