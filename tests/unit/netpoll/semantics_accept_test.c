/* What accept means, on real sockets and the real poller: N3, N4, N15, N18, N24, K10. */
#include <errno.h>

#include "tests/unit/netpoll/world.h"

#define LATE (1 * NP_S)

struct listening {
	struct np_addr at;
	int sysfd;
	struct np_fd fd;
	int clients[4];
	int got[8], n_got;
	int64_t when, early; /* what ends it; how much before that it ended */
};

static struct listening listening(int clients)
{
	struct listening l = {0};

	l.sysfd = tcp_listener(&l.at);
	for (int i = 0; i < clients; i++) {
		l.clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(l.clients[i], &l.at.u.sa, l.at.len), 0);
	}
	return l;
}

static void end(struct listening *l)
{
	for (size_t i = 0; i < array_len(l->clients) && l->clients[i] > 0; i++)
		close(l->clients[i]);
}

static int accept_one(struct listening *l)
{
	int got = np_fd_accept(&l->fd, NULL);

	l->early = l->when - np_nanotime();
	l->got[l->n_got++] = got;
	np_sock_close(got); /* of an error: not a descriptor, nothing happens */
	return got;
}

/* ---- N3 -------------------------------------------------------------------------------------- */

static void queued_script(void *arg)
{
	struct listening *l = arg;

	adopt(&l->fd, l->sysfd);
	np_fd_set_read_deadline(&l->fd, np_deadline_after(-5 * NP_S));
	accept_one(l);
	accept_one(l);
	l->when = np_deadline_after(50 * NP_MS);
	np_fd_set_read_deadline(&l->fd, l->when);
	while (accept_one(l) >= 0)
		;
	accept_one(l); /* sticky */
	np_fd_close(&l->fd);
}

static void a_past_deadline_fails_although_one_is_queued(void **state)
{
	struct listening l = listening(2);

	(void)state;
	world_run(queued_script, &l);
	end(&l);
	assert_int_equal(l.got[0], -NP_EDEADLINE);
	assert_int_equal(l.got[1], -NP_EDEADLINE);
	assert_true(l.got[2] >= 0);
	assert_true(l.got[3] >= 0);
	assert_int_equal(l.got[4], -NP_EDEADLINE);
	assert_int_equal(l.got[5], -NP_EDEADLINE);
	assert_true(l.early <= 0);
}

/* ---- N4 -------------------------------------------------------------------------------------- */

static void act_deadline_in_10_ms(void *arg)
{
	struct listening *l = arg;

	l->when = np_deadline_after(10 * NP_MS);
	np_fd_set_read_deadline(&l->fd, l->when);
}

static void must_return_script(void *arg)
{
	struct listening *l = arg;

	adopt(&l->fd, l->sysfd);
	np_fd_set_read_deadline(&l->fd, 0);
	wake(0, act_deadline_in_10_ms, l);
	accept_one(l);
	np_fd_close(&l->fd);
}

static void a_deadline_set_meanwhile_ends_it(void **state)
{
	struct listening l = listening(0);

	(void)state;
	world_run(must_return_script, &l);
	assert_int_equal(l.got[0], -NP_EDEADLINE);
	assert_true(l.early <= 0);
	assert_true(-l.early < LATE);
}

static void must_not_return_script(void *arg)
{
	struct listening *l = arg;

	adopt(&l->fd, l->sysfd);
	np_fd_set_read_deadline(&l->fd, np_deadline_after(-5 * NP_S));
	np_fd_set_read_deadline(&l->fd, 0);
	l->when = np_deadline_after(100 * NP_MS);
	wake(100 * NP_MS, act_close, &l->fd);
	accept_one(l);
	accept_one(l);
}

static void without_a_deadline_only_close_ends_it(void **state)
{
	struct listening l = listening(0);

	(void)state;
	world_run(must_not_return_script, &l);
	assert_int_equal(l.got[0], -NP_ECLOSING);
	assert_int_equal(l.got[1], -NP_ECLOSING);
	assert_true(l.early <= 0);
	assert_true(-l.early < LATE);
}

/* ---- N18 ------------------------------------------------------------------------------------- */

/* The peer gives up while it is queued, for real: Linux hands out the dead connection, others
 * say ECONNABORTED. */
static void act_abort_then_connect(void *arg)
{
	const struct linger reset = {.l_onoff = 1};
	struct listening *l = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)!connect(fd, &l->at.u.sa, l->at.len);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	l->clients[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)!connect(l->clients[0], &l->at.u.sa, l->at.len);
}

static int failures[8], n_failures, accepts;

static int accept4_fails_first(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (accepts < n_failures) {
		errno = failures[accepts++];
		return -1;
	}
	accepts++;
	return accept4(fd, sa, len, flags);
}

static void aborted_script(void *arg)
{
	struct listening *l = arg;

	adopt(&l->fd, l->sysfd);
	wake(0, act_abort_then_connect, l);
	accept_one(l);
	accept_one(l);
	np_fd_close(&l->fd);
}

static void an_aborted_connection_is_followed_by_the_next(void **state)
{
	struct listening l = listening(0);

	(void)state;
	accepts = n_failures = 0;
	hook.accept4 = accept4_fails_first;
	world_run(aborted_script, &l);
	end(&l);
	assert_true(l.got[0] >= 0);
	assert_true(l.got[1] >= 0);

	l = listening(0);
	memcpy(failures, (int[]){EAGAIN, ECONNABORTED, ECONNABORTED}, 3 * sizeof(int));
	accepts = 0;
	n_failures = 3;
	world_run(aborted_script, &l);
	end(&l);
	/* parked, woken, told of two aborted ones: and still one connection */
	assert_true(l.got[0] >= 0);
	assert_true(l.got[1] >= 0);
}

/* The shape of an accept loop: what is lacking is waited for by timer, since the edge is spent
 * (K16, B21). */
static void act_get_descriptors_back(void *arg)
{
	(void)arg;
	n_failures = 0;
}

static void emfile_script(void *arg)
{
	struct listening *l = arg;
	int got = -NP_EMFILE;

	adopt(&l->fd, l->sysfd);
	wake(10 * NP_MS, act_get_descriptors_back, NULL);
	while (got == -NP_EMFILE) {
		got = np_fd_accept(&l->fd, NULL);
		if (got == -NP_EMFILE)
			np_sleep(2 * NP_MS);
		l->n_got++;
	}
	l->got[0] = got;
	np_sock_close(got);
	np_fd_close(&l->fd);
}

static void a_lack_of_descriptors_is_told_and_outlived(void **state)
{
	struct listening l = listening(1);

	(void)state;
	for (size_t i = 0; i < array_len(failures); i++)
		failures[i] = EMFILE;
	accepts = 0;
	n_failures = array_len(failures);
	hook.accept4 = accept4_fails_first;
	world_run(emfile_script, &l);
	end(&l);
	assert_true(l.got[0] >= 0);
	assert_in_range(l.n_got, 2, array_len(failures) + 1);
}

/* ---- N24 ------------------------------------------------------------------------------------- */

#define ACCEPTORS 10
#define DIALS     100

static struct {
	struct np_addr at;
	int sysfd;
	struct np_fd fd;
	int accepted, acceptors_ended, dialled, dials_ended;
	struct np_event all_dialled;
	struct np_fd clients[DIALS];
} many;

static void acceptor(void *arg)
{
	int got;

	(void)arg;
	while ((got = np_fd_accept(&many.fd, NULL)) >= 0) {
		many.accepted++;
		np_sock_close(got);
	}
	many.acceptors_ended += got == -NP_ECLOSING;
}

static void dialler(void *arg)
{
	const struct np_dial_opts o = {.deadline = np_deadline_after(5 * NP_S)};
	struct np_fd *fd = arg;

	if (np_dial(fd, &many.at, 1, &o) == 0) {
		many.dialled++;
		np_fd_close(fd);
	}
	if (++many.dials_ended == DIALS)
		np_event_set(&many.all_dialled);
}

static void many_script(void *arg)
{
	(void)arg;
	adopt(&many.fd, many.sysfd);
	for (int i = 0; i < ACCEPTORS; i++)
		beside(acceptor, NULL);
	for (int i = 0; i < DIALS; i++)
		beside(dialler, &many.clients[i]);
	np_event_wait(&many.all_dialled);
	for (int i = 0; i < 1000 && many.accepted < many.dialled; i++)
		np_yield(); /* the last handshakes are in the kernel's hands */
	wake(0, act_close, &many.fd);
}

static void many_acceptors_share_a_listener(void **state)
{
	(void)state;
	memset(&many, 0, sizeof(many));
	many.sysfd = tcp_listener(&many.at);
	world_run(many_script, NULL);
	assert_int_equal(many.acceptors_ended, ACCEPTORS);
	assert_int_equal(many.dials_ended, DIALS);
	assert_true(many.dialled >= DIALS * 8 / 9);
	assert_int_equal(many.accepted, many.dialled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("N3 K2", a_past_deadline_fails_although_one_is_queued),
		BOTH("N4", a_deadline_set_meanwhile_ends_it),
		BOTH("N4 N15", without_a_deadline_only_close_ends_it),
		BOTH("N18 K10", an_aborted_connection_is_followed_by_the_next),
		BOTH("N18 K16 B21", a_lack_of_descriptors_is_told_and_outlived),
		BOTH("N24", many_acceptors_share_a_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
