/* When a connect is a connection: SO_ERROR, spurious completions, self-connects: X6, N21, K17,
 * B10, B14, F44, F45; and descriptors that a dial leaves to others: E73. */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/kit/kit.h"
#include "tests/unit/netpoll/world.h"

struct dialling {
	struct np_addr to, local;
	struct np_dial_opts o;
	int listener;
	struct np_fd fd;
	int got, wrote;
	int64_t ended;
	int wakes; /* act_wake_writer, by the end of the dial */
};

static struct dialling dialling(void)
{
	struct dialling d = {0};

	d.listener = tcp_listener(&d.to);
	return d;
}

static void dial_script(void *arg)
{
	struct dialling *d = arg;

	d->got = np_dial(&d->fd, &d->to, 1, &d->o);
	d->ended = np_nanotime();
	if (d->got != 0)
		return;
	d->wrote = np_fd_write(&d->fd, "x", 1, NULL);
	np_fd_close(&d->fd);
}

/* ---- SO_ERROR and the peer ------------------------------------------------------------------- */

static int peer_calls, peer_missing;

static int getpeername_late(int fd, struct sockaddr *sa, socklen_t *len)
{
	if (peer_calls++ >= peer_missing)
		return getpeername(fd, sa, len);
	errno = ENOTCONN;
	return -1;
}

static int so_errors[4], so_calls;

static int getsockopt_says(int fd, int level, int opt, void *v, socklen_t *len)
{
	if (opt != SO_ERROR || so_calls >= (int)array_len(so_errors) || so_errors[so_calls] == 0)
		return getsockopt(fd, level, opt, v, len);
	memcpy(v, &so_errors[so_calls++], sizeof(int));
	return 0;
}

/* The connection may stand at once: the dial is to find out by an event all the same. */
static int connect_later(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)!connect(fd, sa, len);
	errno = EINPROGRESS;
	return -1;
}

static void act_wake_writer(void *arg)
{
	struct dialling *d = arg;

	if (d->ended != 0)
		return;
	d->wakes++;
	netpoll_ready(d->fd.pd, NETPOLL_WRITE);
}

static void spurious_script(void *arg)
{
	for (int i = 1; i <= 4; i++)
		wake(i * 5 * NP_MS, act_wake_writer, arg);
	dial_script(arg);
}

/* The deadline counts from here: a worker under a sanitizer may take long to start. */
static void hopeless_script(void *arg)
{
	struct dialling *d = arg;

	d->o.deadline = np_deadline_after(200 * NP_MS);
	spurious_script(arg);
}

static void writable_is_not_connected(void **state)
{
	struct dialling d = dialling();

	(void)state;
	peer_calls = 0;
	peer_missing = 2;
	hook.connect = connect_later;
	hook.getpeername = getpeername_late;
	world_run(spurious_script, &d);
	close(d.listener);
	assert_int_equal(d.got, 0);
	assert_int_equal(d.wrote, 0);
	assert_int_equal(peer_calls, 3);
	assert_true(d.wakes > 0); /* it went on waiting, and did not ask in a loop */
}

static void without_a_peer_it_waits_until_the_deadline(void **state)
{
	struct dialling d = dialling();

	(void)state;
	peer_calls = 0;
	peer_missing = 1000;
	hook.connect = connect_later;
	hook.getpeername = getpeername_late;
	world_run(hopeless_script, &d);
	close(d.listener);
	assert_int_equal(d.got, -NP_EDEADLINE);
	assert_in_range(peer_calls, 1, 6);
}

static void so_error_has_the_verdict(void **state)
{
	static const struct {
		int errors[4], got;
	} rows[] = {
		{{EINPROGRESS, EALREADY, EINTR, 0}, 0},
		{{EISCONN}, 0},
		{{ECONNREFUSED}, -NP_ECONNREFUSED},
		{{ETIMEDOUT}, -NP_ETIMEDOUT},
		{{EINPROGRESS, EHOSTUNREACH}, -NP_EHOSTUNREACH},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = dialling();

		memcpy(so_errors, rows[i].errors, sizeof(so_errors));
		so_calls = peer_calls = 0;
		peer_missing = 1; /* or the first look would find the connection standing */
		hook.getpeername = getpeername_late;
		hook.connect = connect_later;
		hook.getsockopt = getsockopt_says;
		world_run(spurious_script, &d);
		close(d.listener);
		assert_int_equal(d.got, rows[i].got);
	}
}

/* ---- self-connect ---------------------------------------------------------------------------- */

static int connect_calls, connect_failures;

/* Gives the socket the very port it is about to connect to, as the kernel may by chance. */
static int connect_to_itself(int fd, const struct sockaddr *sa, socklen_t len)
{
	const struct linger no_time_wait = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_time_wait, sizeof(no_time_wait));
	connect_calls++;
	if (connect_calls <= connect_failures)
		(void)!bind(fd, sa, len);
	return connect(fd, sa, len);
}

static void a_connection_to_itself_is_none(void **state)
{
	/* both are this host */
	static const char *const rows[] = {"127.0.0.1", "0.0.0.0"};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = {0};

		d.to = loopback(kit_port("127.0.0.1")); /* one that the kernel would choose, too */
		d.to.u.in4.sin_addr.s_addr = i == 0 ? htonl(INADDR_LOOPBACK) : INADDR_ANY;
		connect_calls = 0;
		connect_failures = 9;
		hook.connect = connect_to_itself;
		world_run(dial_script, &d);
		assert_int_equal(d.got, -NP_ESELF);
		assert_int_equal(connect_calls, 3);
		connect_calls = 0;
		connect_failures = 2;
		/* the third picks another port, where the truth comes out */
		world_run(dial_script, &d);
		assert_int_equal(d.got, -NP_ECONNREFUSED);
	}
}

static void who_asks_for_it_may_connect_to_itself(void **state)
{
	struct dialling d = {0};

	(void)state;
	d.local = d.to = loopback(kit_port("127.0.0.1"));
	d.o.local = &d.local;
	world_run(dial_script, &d);
	assert_int_equal(d.got, 0);
}

static int getsockname_fails(int fd, struct sockaddr *sa, socklen_t *len)
{
	(void)fd;
	(void)sa;
	(void)len;
	errno = ENOBUFS;
	return -1;
}

static void an_unknown_own_address_counts_as_itself(void **state)
{
	struct dialling d = dialling();

	(void)state;
	hook.getsockname = getsockname_fails;
	world_run(dial_script, &d);
	close(d.listener);
	assert_int_equal(d.got, -NP_ESELF);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

struct shortage {
	struct dialling d;
	unsigned left; /* below the limit, beside the dial's own */
	int lowest, after;
};

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void shortage_script(void *arg)
{
	struct shortage *s = arg;
	struct rlimit before, low;

	s->lowest = lowest_free();
	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = (rlim_t)s->lowest + 1 + s->left;
	setrlimit(RLIMIT_NOFILE, &low);
	dial_script(&s->d);
	setrlimit(RLIMIT_NOFILE, &before);
	s->after = lowest_free();
}

/* Who leaves some to others is told so, and keeps none. */
static void descriptors_are_left_to_others(void **state)
{
	static const struct {
		unsigned spare, left;
		int got;
	} rows[] = {{3, 3, 0}, {3, 2, -NP_EMFILE}, {1, 0, -NP_EMFILE}, {0, 0, 0}, {3, 100, 0}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct shortage s = {.d = dialling(), .left = rows[i].left};

		s.d.o.spare = rows[i].spare;
		world_run(shortage_script, &s);
		close(s.d.listener);
		assert_int_equal(s.d.got, rows[i].got);
		assert_int_equal(s.after, s.lowest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("X6 N21 F45", writable_is_not_connected),
		BOTH("X6 N21 F45", without_a_peer_it_waits_until_the_deadline),
		BOTH("X6 B10", so_error_has_the_verdict),
		ONCE("K17 B14 F44", a_connection_to_itself_is_none),
		ONCE("K17", who_asks_for_it_may_connect_to_itself),
		ONCE("K17", an_unknown_own_address_counts_as_itself),
		ONCE("E73", descriptors_are_left_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, kit_end);
}
