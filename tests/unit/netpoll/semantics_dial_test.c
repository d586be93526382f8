/* What a dial means under a deadline and under a cancel, on real sockets and the real poller:
 * N1, N2, N21, N22, B11 to B13. A dial that never completes has a full backlog at its other end. */
#include <errno.h>

#include "tests/kit/kit.h"
#include "tests/unit/netpoll/world.h"

#define LATE (1 * NP_S)

struct dialling {
	struct np_addr to[2];
	unsigned n;
	int64_t within; /* the deadline, from now; 0 is none */
	int64_t deadline; /* or as it is */
	struct np_fd fd;
	int client[2]; /* client[0] is watched, client[1] its peer */
	struct np_fd watch;
	int got, wrote, read_back;
	bool watched, closed;
	int64_t early, took;
};

static void dial(struct dialling *d)
{
	int64_t start = np_nanotime();
	struct np_dial_opts o = {.deadline = d->within != 0 ? start + d->within : d->deadline};

	o.watch = d->watched ? &d->watch : NULL;
	d->got = np_dial(&d->fd, d->to, d->n, &o);
	d->took = np_nanotime() - start;
	d->early = d->within - d->took;
	if (d->got != 0) {
		d->closed = np_fd_close(&d->fd) == -NP_ECLOSING; /* it left nothing to close */
		return;
	}
	d->wrote = np_fd_write(&d->fd, "x", 1, NULL);
	d->closed = np_fd_close(&d->fd) == 0;
}

static void dial_script(void *arg)
{
	dial(arg);
}

static struct np_addr black_hole(void)
{
	static int port;

	if (port == 0)
		port = kit_black_hole("127.0.0.1"); /* lasts until kit_end */
	return loopback(port);
}

/* ---- N1, N2 ---------------------------------------------------------------------------------- */

static void a_dial_ends_at_its_deadline(void **state)
{
	static const int64_t rows[] = {20 * NP_MS, 50 * NP_MS};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = {.n = 2, .within = rows[i]};

		d.to[0] = d.to[1] = black_hole();
		world_run(dial_script, &d);
		assert_int_equal(d.got, -NP_EDEADLINE);
		assert_true(d.closed);
		assert_true(d.early <= 0);
		assert_true(d.took < LATE);
	}
}

static void a_past_deadline_dials_nobody(void **state)
{
	const int64_t rows[] = {INT64_MIN, 1, np_deadline_after(-5 * NP_S)};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = {.n = 1, .deadline = rows[i]};
		int listener = tcp_listener(&d.to[0]);

		world_run(dial_script, &d);
		set_nonblocking(listener);
		assert_int_equal(d.got, -NP_EDEADLINE);
		assert_true(d.closed);
		assert_int_equal(accept(listener, NULL, NULL), -1);
		assert_true(d.took < LATE);
		close(listener);
	}
}

static void the_furthest_deadline_connects(void **state)
{
	static const int64_t rows[] = {INT64_MAX, INT64_MAX - 1};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = {.n = 1, .deadline = rows[i]};
		int listener = tcp_listener(&d.to[0]);

		world_run(dial_script, &d);
		assert_int_equal(d.got, 0);
		assert_int_equal(d.wrote, 0);
		close(listener);
	}
}

/* The dial's deadline was its own: the connection outlives it (B11). */
static void act_send_back(void *arg)
{
	struct dialling *d = arg;

	(void)!send(d->client[0], "y", 1, MSG_NOSIGNAL);
}

static void outlive_script(void *arg)
{
	const struct np_dial_opts o = {.deadline = np_deadline_after(20 * NP_MS)};
	struct dialling *d = arg;
	char byte;

	d->got = np_dial(&d->fd, d->to, 1, &o);
	if (d->got != 0)
		return;
	d->client[0] = accept4(d->client[1], NULL, NULL, SOCK_CLOEXEC);
	wake(60 * NP_MS, act_send_back, d);
	d->read_back = (int)np_fd_read(&d->fd, &byte, 1);
	d->wrote = np_fd_write(&d->fd, "x", 1, NULL);
	np_fd_close(&d->fd);
	np_sock_close(d->client[0]);
}

static void the_connection_outlives_the_dials_deadline(void **state)
{
	struct dialling d = {.n = 1};

	(void)state;
	d.client[1] = tcp_listener(&d.to[0]);
	world_run(outlive_script, &d);
	close(d.client[1]);
	assert_int_equal(d.got, 0);
	assert_int_equal(d.read_back, 1);
	assert_int_equal(d.wrote, 0);
}

/* ---- N22 ------------------------------------------------------------------------------------- */

static void reset_peer(struct dialling *d)
{
	const struct linger reset = {.l_onoff = 1};

	setsockopt(d->client[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	np_sock_close(d->client[1]);
	d->client[1] = -1;
}

static void act_reset(void *arg)
{
	reset_peer(arg);
}

static void act_close_watch(void *arg)
{
	np_fd_close(&((struct dialling *)arg)->watch);
}

static void (*cancel)(void *arg);

static void cancel_script(void *arg)
{
	struct dialling *d = arg;

	adopt(&d->watch, d->client[0]);
	if (cancel != NULL)
		wake(10 * NP_MS, cancel, d);
	dial(d);
	np_fd_close(&d->watch);
}

static void watched_pair(struct dialling *d)
{
	d->watched = true;
	make_pair(AF_INET, d->client);
}

static void end(struct dialling *d)
{
	if (d->client[1] >= 0)
		close(d->client[1]);
}

static void a_canceled_dial_ends_promptly(void **state)
{
	static void (*const rows[])(void *arg) = {act_reset, act_close_watch};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = {.n = 2, .within = 10 * NP_S};

		watched_pair(&d);
		d.to[0] = d.to[1] = black_hole();
		cancel = rows[i];
		world_run(cancel_script, &d);
		end(&d);
		assert_int_equal(d.got, -NP_ECANCELED);
		assert_true(d.closed);
		assert_true(d.took < LATE);
	}
}

/* Data and a half-close of the client are no reason to give up (B12). */
static void act_talk_and_end(void *arg)
{
	struct dialling *d = arg;

	(void)!send(d->client[1], "hello", 5, 0);
	shutdown(d->client[1], SHUT_WR);
}

static void talk_script(void *arg)
{
	struct dialling *d = arg;
	char text[8];

	adopt(&d->watch, d->client[0]);
	wake(10 * NP_MS, act_talk_and_end, d);
	dial(d);
	d->read_back = (int)np_fd_read(&d->watch, text, sizeof(text));
	np_fd_close(&d->watch);
}

static void a_client_that_talks_cancels_nothing(void **state)
{
	struct dialling d = {.n = 1, .within = 40 * NP_MS};

	(void)state;
	watched_pair(&d);
	d.to[0] = black_hole();
	world_run(talk_script, &d);
	end(&d);
	assert_int_equal(d.got, -NP_EDEADLINE);
	assert_true(d.early <= 0);
	assert_int_equal(d.read_back, 5);
}

static struct dialling *connecting;

/* The connection stands and the client is gone before either event is fetched: both come in one
 * poll. */
static int connect_and_cancel(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)!connect(fd, sa, len);
	if (connecting->client[1] >= 0)
		reset_peer(connecting);
	errno = EINPROGRESS;
	return -1;
}

static int looks;

/* As between two machines: the connection does not stand yet when connect returns. */
static int no_peer_yet(int fd, struct sockaddr *sa, socklen_t *len)
{
	if (looks++ > 0)
		return getpeername(fd, sa, len);
	errno = ENOTCONN;
	return -1;
}

static void a_canceled_dial_never_becomes_a_success(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct dialling d = {.n = 1, .within = 10 * NP_S};
		int listener = tcp_listener(&d.to[0]);

		watched_pair(&d);
		connecting = &d;
		cancel = NULL;
		looks = 0;
		hook.connect = connect_and_cancel;
		hook.getpeername = no_peer_yet;
		world_run(cancel_script, &d);
		close(listener);
		assert_int_equal(d.got, -NP_ECANCELED);
		assert_true(d.closed);
	}
}

static void closed_watch_script(void *arg)
{
	struct dialling *d = arg;

	adopt(&d->watch, d->client[0]);
	np_fd_close(&d->watch);
	dial(d);
}

static void whom_nobody_waits_for_is_not_dialled(void **state)
{
	struct dialling d = {.n = 1};
	int listener = tcp_listener(&d.to[0]);

	(void)state;
	watched_pair(&d);
	world_run(closed_watch_script, &d);
	end(&d);
	assert_int_equal(d.got, -NP_ECANCELED);
	assert_int_equal(accept(listener, NULL, NULL), -1);
	close(listener);
}

static void after_script(void *arg)
{
	struct dialling *d = arg;
	const struct np_dial_opts o = {.watch = &d->watch};
	char byte;

	adopt(&d->watch, d->client[0]);
	d->got = np_dial(&d->fd, d->to, 1, &o);
	reset_peer(d);
	d->read_back = (int)np_fd_read(&d->watch, &byte, 1);
	if (d->got == 0)
		d->wrote = np_fd_write(&d->fd, "x", 1, NULL);
	np_fd_close(&d->fd);
	np_fd_close(&d->watch);
}

static void a_cancel_after_the_dial_touches_nothing(void **state)
{
	struct dialling d = {.n = 1};
	int listener = tcp_listener(&d.to[0]);

	(void)state;
	watched_pair(&d);
	world_run(after_script, &d);
	close(listener);
	assert_int_equal(d.got, 0);
	assert_int_equal(d.read_back, -NP_ECONNRESET);
	assert_int_equal(d.wrote, 0);
}

/* ---- N21 ------------------------------------------------------------------------------------- */

#define DIALS 200

static struct {
	struct np_addr at;
	int sysfd;
	struct np_fd listener;
	int connected, failed, not_connected, ended;
	struct np_fd fds[DIALS];
} race;

static void race_dialler(void *arg)
{
	const struct np_dial_opts o = {.deadline = np_deadline_after(500 * NP_MS)};
	struct np_fd *fd = arg;
	int err = np_dial(fd, &race.at, 1, &o);

	race.ended++;
	if (err != 0) {
		race.failed++;
		return;
	}
	race.connected++;
	race.not_connected += np_fd_write(fd, "x", 1, NULL) == -NP_ENOTCONN;
	np_fd_close(fd);
}

static void race_script(void *arg)
{
	(void)arg;
	adopt(&race.listener, race.sysfd);
	for (int i = 0; i < DIALS; i++) {
		beside(race_dialler, &race.fds[i]);
		if (i == DIALS / 2)
			wake(0, act_close, &race.listener);
		if (i % 4 == 0)
			np_sleep(20 * NP_US);
	}
}

static void a_success_is_a_connection(void **state)
{
	(void)state;
	memset(&race, 0, sizeof(race));
	race.sysfd = tcp_listener(&race.at);
	world_run(race_script, NULL);
	assert_int_equal(race.ended, DIALS);
	assert_int_equal(race.not_connected, 0);
	assert_true(race.connected > 0);
	assert_true(race.failed > 0); /* the later ones met a closed port */
}

#define CANCELS 50

/* A port that refuses, a client that is closed at some moment of the dial: never a success. */
static void refused_script(void *arg)
{
	struct dialling *d = arg;

	for (int i = 0; i < CANCELS; i++) {
		int s[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) < 0)
			return;
		adopt(&d->watch, s[0]);
		wake((i % 5) * 10 * NP_US, act_close_watch, d);
		dial(d);
		d->wrote += d->got == -NP_ECANCELED || d->got == -NP_ECONNREFUSED;
		np_event_wait(&world.acts[world.n_acts - 1].done);
		np_sock_close(s[1]);
	}
}

static void a_refused_dial_that_is_canceled_too_fails(void **state)
{
	struct dialling d = {.n = 1, .watched = true};

	(void)state;
	d.to[0] = loopback(kit_port("127.0.0.1"));
	world_run(refused_script, &d);
	assert_int_equal(d.wrote, CANCELS);
}

/* The black hole stays for all rows, so its descriptors are there before the first of them
 * counts. */
static int make_black_hole(void **state)
{
	(void)state;
	black_hole();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("N1 B11", a_dial_ends_at_its_deadline),
		ONCE("N1 K3", a_past_deadline_dials_nobody),
		ONCE("N2 F14", the_furthest_deadline_connects),
		BOTH("N1 B11", the_connection_outlives_the_dials_deadline),
		BOTH("N22 B13", a_canceled_dial_ends_promptly),
		BOTH("N22 B12", a_client_that_talks_cancels_nothing),
		ONCE("N21 N22", a_canceled_dial_never_becomes_a_success),
		ONCE("N22", whom_nobody_waits_for_is_not_dialled),
		ONCE("N22", a_cancel_after_the_dial_touches_nothing),
		BOTH("N21", a_success_is_a_connection),
		BOTH("N21 N22", a_refused_dial_that_is_canceled_too_fails),
	};

	return cmocka_run_group_tests(tests, make_black_hole, kit_end);
}
