/* FD.Accept (fd_accept.c), call by call through the hook table: K10, N18, F2, F52, B21. */
#include <errno.h>

#include "tests/unit/netpoll/world.h"

#define CALLS 5

struct listening {
	struct np_addr at;
	int sysfd, client;
	struct np_fd fd;
	int got[CALLS];
	struct np_addr peer;
	bool no_peer;
	int calls; /* how many accepts the script makes; 1 if 0 */
	bool try;
	int64_t deadline;
};

static struct listening listening(void)
{
	struct listening l = {.client = -1};

	l.sysfd = tcp_listener(&l.at);
	return l;
}

static void connect_client(struct listening *l)
{
	l->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(l->client, &l->at.u.sa, l->at.len), 0);
}

static void accept_script(void *arg)
{
	struct listening *l = arg;
	struct np_addr *peer = l->no_peer ? NULL : &l->peer;

	adopt(&l->fd, l->sysfd);
	np_fd_set_read_deadline(&l->fd, l->deadline);
	for (int i = 0; i < l->calls || i == 0; i++)
		l->got[i] = l->try ? np_fd_try_accept(&l->fd, peer) : np_fd_accept(&l->fd, peer);
	np_fd_close(&l->fd);
}

static void end(struct listening *l, int accepted)
{
	struct np_addr client;

	if (l->client < 0)
		return;
	assert_true(accepted >= 0);
	assert_int_equal(fcntl(accepted, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(accepted, F_GETFL) & O_NONBLOCK);
	assert_int_equal(np_sock_addr(l->client, &client), 0);
	if (!l->no_peer)
		assert_true(np_addr_equal(&l->peer, &client));
	close(accepted);
	close(l->client);
}

static void accepts_with_both_flags(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct listening l = listening();

		l.try = i % 2;
		l.no_peer = i / 2;
		connect_client(&l);
		world_run(accept_script, &l);
		end(&l, l.got[0]);
	}
}

static void act_connect(void *l)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct listening *at = l;

	at->client = fd;
	(void)!connect(fd, &at->at.u.sa, at->at.len);
}

static void parked_script(void *arg)
{
	wake(0, act_connect, arg);
	accept_script(arg);
}

static void waits_for_a_connection(void **state)
{
	struct listening l = listening();

	(void)state;
	world_run(parked_script, &l);
	end(&l, l.got[0]);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static int errors[8];
static int n_errors, accept4_calls, accept_calls;

static int accept4_fails_first(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (accept4_calls < n_errors) {
		errno = errors[accept4_calls++];
		return -1;
	}
	accept4_calls++;
	return accept4(fd, sa, len, flags);
}

static int accept_counted(int fd, struct sockaddr *sa, socklen_t *len)
{
	accept_calls++;
	return accept(fd, sa, len);
}

#define FAIL_WITH(...)                                   \
	do {                                             \
		const int e_[] = {__VA_ARGS__};          \
		memcpy(errors, e_, sizeof(e_));          \
		n_errors = array_len(e_);                \
		accept4_calls = accept_calls = 0;        \
		hook.accept4 = accept4_fails_first;      \
		hook.accept = accept_counted;            \
	} while (0)

static void without_accept4_the_flags_are_set_by_hand(void **state)
{
	static const int rows[] = {ENOSYS, EINVAL, EACCES, EFAULT};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct listening l = listening();

		connect_client(&l);
		FAIL_WITH(rows[i]);
		world_run(accept_script, &l);
		assert_int_equal(accept_calls, 1);
		end(&l, l.got[0]);
	}
}

static void aborted_and_interrupted_connections_are_passed_over(void **state)
{
	struct listening l = listening();

	(void)state;
	connect_client(&l);
	FAIL_WITH(ECONNABORTED, EINTR, ECONNABORTED, EAGAIN, EINTR);
	world_run(accept_script, &l);
	assert_int_equal(accept4_calls, 6);
	assert_int_equal(accept_calls, 0);
	end(&l, l.got[0]);
}

static void the_fallback_passes_over_them_too(void **state)
{
	struct listening l = listening();

	(void)state;
	connect_client(&l);
	FAIL_WITH(ENOSYS, ENOSYS, ENOSYS);
	l.try = true;
	l.calls = 2;
	world_run(accept_script, &l);
	assert_int_equal(l.got[1], -NP_EAGAIN); /* what accept said, not accept4's ENOSYS */
	end(&l, l.got[0]);
}

/* Back-off is the caller's: np_fd_accept says what is lacking, and the next call finds the
 * connection. */
static void what_this_machine_lacks_is_returned_and_the_listener_lives(void **state)
{
	static const int rows[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO, EPERM};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct listening l = listening();

		connect_client(&l);
		FAIL_WITH(rows[i]);
		l.try = i % 2;
		l.calls = 2;
		world_run(accept_script, &l);
		assert_int_equal(l.got[0], -rows[i]);
		end(&l, l.got[1]);
	}
}

/* ---- deadline, nothing there ----------------------------------------------------------------- */

static void an_expired_deadline_comes_before_the_call(void **state)
{
	(void)state;
	for (int try = 0; try < 2; try++) {
		struct listening l = listening();

		connect_client(&l);
		FAIL_WITH(EBADF);
		l.try = try;
		l.deadline = np_deadline_after(-1);
		world_run(accept_script, &l);
		assert_int_equal(l.got[0], -NP_EDEADLINE);
		assert_int_equal(accept4_calls, 0);
		close(l.client);
	}
}

static void an_attempt_without_a_connection_would_wait(void **state)
{
	struct listening l = listening();

	(void)state;
	l.try = true;
	world_run(accept_script, &l);
	assert_int_equal(l.got[0], -NP_EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("K10", accepts_with_both_flags),
		BOTH("K10", waits_for_a_connection),
		ONCE("K10", without_accept4_the_flags_are_set_by_hand),
		ONCE("K10 N18 F2 F52", aborted_and_interrupted_connections_are_passed_over),
		ONCE("K10", the_fallback_passes_over_them_too),
		ONCE("K10 N18 B21", what_this_machine_lacks_is_returned_and_the_listener_lives),
		ONCE("K2", an_expired_deadline_comes_before_the_call),
		ONCE("K10", an_attempt_without_a_connection_would_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
