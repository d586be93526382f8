/* What close and half-close mean, on real sockets and the real poller: N12 to N16, N32, X7, F8,
 * F10, K1, K8. */
#include <errno.h>

#include "tests/unit/netpoll/world.h"

struct conn {
	int raw[2];
	int family;
	struct np_fd fd; /* of raw[0] */
	ssize_t got[8];
	int n_got;
	int ended, errors;
	size_t done;
};

static char block[1 << 16];

static void saw(struct conn *c, ssize_t got)
{
	c->got[c->n_got++] = got;
}

static struct conn conn_of(int family)
{
	struct conn c = {.family = family};

	make_pair(family, c.raw);
	return c;
}

static ssize_t read_byte(struct conn *c)
{
	char byte;

	return np_fd_read(&c->fd, &byte, 1);
}

/* The peer's side, which is raw[1] and never a coroutine's. */
static ssize_t peer_reads(struct conn *c)
{
	char byte;

	return recv(c->raw[1], &byte, 1, MSG_DONTWAIT);
}

static void each_family(void (*script)(void *arg), void (*check)(const struct conn *c))
{
	static const int families[] = {AF_INET, AF_UNIX};

	for (size_t i = 0; i < array_len(families); i++) {
		struct conn c = conn_of(families[i]);

		world_run(script, &c);
		close(c.raw[1]);
		check(&c);
	}
}

/* ---- N15, X7 --------------------------------------------------------------------------------- */

static void close_script(void *arg)
{
	struct conn *c = arg;
	struct iovec iov = {block, 1};

	adopt(&c->fd, c->raw[0]);
	wake(0, act_close, &c->fd);
	saw(c, read_byte(c)); /* parked when it is closed */
	saw(c, read_byte(c));
	saw(c, np_fd_readv(&c->fd, &iov, 1));
	saw(c, np_fd_write(&c->fd, block, 1, &c->done));
	saw(c, np_fd_writev(&c->fd, &iov, 1, NULL));
	saw(c, np_fd_close_read(&c->fd));
	saw(c, np_fd_close(&c->fd));
	c->ended = fcntl(c->raw[0], F_GETFD) < 0;
}

static void close_check(const struct conn *c)
{
	for (int i = 0; i < 7; i++)
		assert_int_equal(c->got[i], -NP_ECLOSING);
	assert_int_equal(c->done, 0);
	assert_true(c->ended);
}

static void close_unblocks_a_read_and_ends_all(void **state)
{
	(void)state;
	each_family(close_script, close_check);
}

static void blocked_write_script(void *arg)
{
	struct conn *c = arg;
	int err = 0;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_close, &c->fd);
	while (err == 0) {
		size_t done = 0;

		err = np_fd_write(&c->fd, block, sizeof(block), &done);
		c->done += done;
	}
	saw(c, err);
}

static void blocked_write_check(const struct conn *c)
{
	assert_int_equal(c->got[0], -NP_ECLOSING);
	assert_true(c->done > 0);
}

static void close_unblocks_a_write(void **state)
{
	(void)state;
	each_family(blocked_write_script, blocked_write_check);
}

static void act_expire_and_close(void *fd)
{
	act_expire(fd);
	act_close(fd);
}

static void close_beats_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_expire_and_close, &c->fd);
	saw(c, read_byte(c));
}

static void close_beats_check(const struct conn *c)
{
	assert_int_equal(c->got[0], -NP_ECLOSING);
}

static void close_beats_a_deadline(void **state)
{
	(void)state;
	each_family(close_beats_script, close_beats_check);
}

/* ---- N12, N13, N14 --------------------------------------------------------------------------- */

static void act_peer_ends(void *arg)
{
	shutdown(((struct conn *)arg)->raw[1], SHUT_WR);
}

static void eof_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_peer_ends, c);
	saw(c, read_byte(c));
	saw(c, read_byte(c));
	saw(c, np_fd_write(&c->fd, "x", 1, NULL)); /* the other way is open still */
	saw(c, peer_reads(c));
	np_fd_close(&c->fd);
}

static void eof_check(const struct conn *c)
{
	static const ssize_t expect[] = {0, 0, 0, 1};

	for (size_t i = 0; i < array_len(expect); i++)
		assert_int_equal(c->got[i], expect[i]);
}

static void the_peers_end_unblocks_a_read(void **state)
{
	(void)state;
	each_family(eof_script, eof_check);
}

static void act_close_read(void *arg)
{
	struct conn *c = arg;

	c->errors += np_fd_close_read(&c->fd) != 0;
}

static void close_read_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_close_read, c);
	saw(c, read_byte(c));
	saw(c, np_fd_write(&c->fd, "x", 1, NULL));
	saw(c, peer_reads(c));
	np_fd_close(&c->fd);
}

static void close_read_check(const struct conn *c)
{
	assert_int_equal(c->errors, 0);
	assert_int_equal(c->got[0], 0);
	assert_int_equal(c->got[1], 0);
	assert_int_equal(c->got[2], 1);
}

static void closing_the_read_half_ends_reads_alone(void **state)
{
	(void)state;
	each_family(close_read_script, close_read_check);
}

static void act_close_write(void *arg)
{
	struct conn *c = arg;

	c->errors += np_fd_close_write(&c->fd) != 0;
	c->errors += peer_reads(c) != 0;
	c->errors += np_fd_try_write(&c->fd, "x", 1) != -NP_EPIPE;
	c->errors += send(c->raw[1], "y", 1, MSG_NOSIGNAL) != 1;
}

static void close_write_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_close_write, c);
	saw(c, read_byte(c)); /* sleeps through the half-close, to what the peer sends after it */
	saw(c, np_fd_write(&c->fd, "x", 1, NULL));
	np_fd_close(&c->fd);
}

static void close_write_check(const struct conn *c)
{
	assert_int_equal(c->errors, 0);
	assert_int_equal(c->got[0], 1);
	assert_int_equal(c->got[1], -NP_EPIPE);
}

static void closing_the_write_half_ends_writes_alone(void **state)
{
	(void)state;
	each_family(close_write_script, close_write_check);
}

/* ---- N16 ------------------------------------------------------------------------------------- */

struct relisten {
	struct np_addr at;
	int sysfd, got, again;
	struct np_fd fd;
};

static void relisten_script(void *arg)
{
	const struct np_listen_opts o = {.backlog = 16};
	struct relisten *l = arg;

	adopt(&l->fd, l->sysfd);
	wake(0, act_close, &l->fd);
	l->got = np_fd_accept(&l->fd, NULL);
	l->again = np_listen(&l->at, &o);
	np_sock_close(l->again);
}

static void a_closed_listeners_port_is_free_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct relisten l = {0};

		l.sysfd = tcp_listener(&l.at);
		world_run(relisten_script, &l);
		assert_int_equal(l.got, -NP_ECLOSING);
		assert_true(l.again >= 0);
	}
}

/* ---- X2, F10 --------------------------------------------------------------------------------- */

#define RACES 300

struct racing {
	struct np_addr at;
	int sysfds[RACES];
	struct np_fd fd;
	int closed, accepted, other;
	int client;
};

static void act_connect(void *arg)
{
	struct racing *r = arg;
	struct np_addr at;

	if (r->fd.closed || np_sock_addr(r->fd.sysfd, &at) != 0)
		return;
	np_sock_close(r->client);
	r->client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)!connect(r->client, &at.u.sa, at.len);
}

/* A connection arrives and the listener is closed, in either order and now and then in one turn
 * of the loop. */
static void racing_script(void *arg)
{
	struct racing *r = arg;

	for (int i = 0; i < RACES; i++) {
		int got;

		adopt(&r->fd, r->sysfds[i]);
		wake((i % 5) * 5 * NP_US, act_connect, r);
		wake((i % 7) * 4 * NP_US, act_close, &r->fd);
		do {
			got = np_fd_accept(&r->fd, NULL);
			r->accepted += got >= 0;
			np_sock_close(got);
		} while (got >= 0);
		r->closed += got == -NP_ECLOSING;
		r->other += got != -NP_ECLOSING;
		np_event_wait(&world.acts[world.n_acts - 2].done);
		np_event_wait(&world.acts[world.n_acts - 1].done);
	}
	np_sock_close(r->client);
}

static void close_against_accept_always_returns(void **state)
{
	static struct racing r;

	(void)state;
	r = (struct racing){.client = -1};
	for (int i = 0; i < RACES; i++)
		r.sysfds[i] = tcp_listener(&r.at);
	world_run(racing_script, &r);
	assert_int_equal(r.closed, RACES);
	assert_int_equal(r.other, 0);
}

/* ---- N32 ------------------------------------------------------------------------------------- */

#define TASKS 10

static void racy_reader(void *arg)
{
	struct conn *c = arg;
	int64_t delay = (c->n_got++ % 7) * 100 * NP_US;
	ssize_t got = 0;

	while (got != -NP_ECLOSING) {
		np_fd_set_read_deadline(&c->fd, np_deadline_after(delay));
		got = read_byte(c);
		c->errors += got != 1 && got != -NP_EDEADLINE && got != -NP_ECLOSING;
		np_yield();
	}
	c->ended++;
}

static void racy_writer(void *arg)
{
	struct conn *c = arg;
	int64_t delay = (c->n_got++ % 7) * 100 * NP_US;
	int got = 0;

	while (got != -NP_ECLOSING) {
		np_fd_set_write_deadline(&c->fd, np_deadline_after(delay));
		got = np_fd_write(&c->fd, "x", 1, NULL);
		c->errors += got != 0 && got != -NP_EDEADLINE && got != -NP_ECLOSING;
		np_yield();
	}
	c->ended++;
}

static void racy_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(10 * NP_MS, act_close, &c->fd);
	for (int i = 0; i < TASKS; i++) {
		beside(racy_reader, c);
		beside(racy_writer, c);
	}
}

static void racing_readers_and_writers_all_end(void **state)
{
	struct conn c = conn_of(AF_INET);

	(void)state;
	assert_int_equal(send(c.raw[1], block, 1000, 0), 1000);
	world_run(racy_script, &c);
	close(c.raw[1]);
	assert_int_equal(c.ended, 2 * TASKS);
	assert_int_equal(c.errors, 0);
}

static void blocked_reader(void *arg)
{
	struct conn *c = arg;

	c->errors += read_byte(c) != -NP_ECLOSING;
	c->ended++;
}

static void crowd_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_close, &c->fd);
	for (int i = 0; i < TASKS; i++)
		beside(blocked_reader, c);
	blocked_reader(c);
}

static void crowd_check(const struct conn *c)
{
	assert_int_equal(c->ended, TASKS + 1);
	assert_int_equal(c->errors, 0);
}

static void close_unblocks_whoever_waits_for_a_turn(void **state)
{
	(void)state;
	each_family(crowd_script, crowd_check);
}

/* The number of a closed descriptor belongs to another socket: nothing of the old one may reach
 * it. */
static void recycled_script(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	wake(0, act_close, &c->fd);
	saw(c, read_byte(c));
	saw(c, dup3(c->raw[1], c->raw[0], O_CLOEXEC) == c->raw[0]);
	saw(c, np_fd_write(&c->fd, "x", 1, NULL));
	saw(c, np_fd_close_write(&c->fd));
	saw(c, np_fd_close(&c->fd));
	saw(c, fcntl(c->raw[0], F_GETFD) >= 0);
	np_sock_close(c->raw[0]);
}

static void recycled_check(const struct conn *c)
{
	static const ssize_t expect[] = {
		-NP_ECLOSING, 1, -NP_ECLOSING, -NP_ECLOSING, -NP_ECLOSING, 1,
	};

	for (size_t i = 0; i < array_len(expect); i++)
		assert_int_equal(c->got[i], expect[i]);
}

static void a_recycled_number_is_not_touched(void **state)
{
	(void)state;
	each_family(recycled_script, recycled_check);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("N15 K8", close_unblocks_a_read_and_ends_all),
		BOTH("X7 K8", close_unblocks_a_write),
		BOTH("K1 N6", close_beats_a_deadline),
		BOTH("N12", the_peers_end_unblocks_a_read),
		BOTH("N13", closing_the_read_half_ends_reads_alone),
		BOTH("N14", closing_the_write_half_ends_writes_alone),
		BOTH("N16", a_closed_listeners_port_is_free_at_once),
		BOTH("X2 F10", close_against_accept_always_returns),
		BOTH("N32", racing_readers_and_writers_all_end),
		BOTH("N31 N32", close_unblocks_whoever_waits_for_a_turn),
		BOTH("N32 F8", a_recycled_number_is_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
