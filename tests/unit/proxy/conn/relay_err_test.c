/* relay_err: each call of the relay fails once and for ever, with each errno of the table, on TCP copied,
 * TCP spliced and Unix sockets. No failure of ours is taken for a peer's: both ends learn at once that bytes
 * are missing, or none is missing. */
#include "tests/unit/proxy/conn/relay_world.h"

#include <errno.h>
#include <stdio.h>

#include "proxy/conn/relay.h"
#include "proxy/conn/relay_err_tbl.h"

enum fault_call { F_RECV, F_RECVMSG, F_SEND, F_SPLICE_IN, F_SPLICE_OUT, F_PIPE, F_SHUTDOWN, F_EPOLL, F_CALLS };
static const char *const call_names[] = {
	"recv", "recvmsg", "send", "splice in", "splice out", "pipe2", "shutdown", "epoll_ctl"};

static struct {
	enum fault_call call;
	int err;
	bool sticky;
	int skip; /* so many calls go well before */
	int hits;
} fault;

static bool is_conns(int fd)
{
	return fd == world.sysfd[0] || fd == world.sysfd[1];
}

/* Whether this call fails now; errno is set then. */
static bool strikes(enum fault_call call)
{
	if (fault.call != call || fault.err == 0)
		return false;
	if (fault.skip > 0) {
		fault.skip--;
		return false;
	}
	if (fault.hits > 0 && !fault.sticky)
		return false;
	fault.hits++;
	errno = fault.err;
	return true;
}

static ssize_t recv_faulty(int fd, void *buf, size_t n, int flags)
{
	return is_conns(fd) && strikes(F_RECV) ? -1 : recv(fd, buf, n, flags);
}

static ssize_t recvmsg_faulty(int fd, struct msghdr *msg, int flags)
{
	return is_conns(fd) && strikes(F_RECVMSG) ? -1 : recvmsg(fd, msg, flags);
}

static ssize_t send_faulty(int fd, const void *buf, size_t n, int flags)
{
	return is_conns(fd) && strikes(F_SEND) ? -1 : send(fd, buf, n, flags);
}

static ssize_t splice_faulty(int from, loff_t *fo, int to, loff_t *po, size_t n, unsigned flags)
{
	if (is_conns(from) && strikes(F_SPLICE_IN))
		return -1;
	if (is_conns(to) && strikes(F_SPLICE_OUT))
		return -1;
	return splice(from, fo, to, po, n, flags);
}

static int pipe2_faulty(int fds[2], int flags)
{
	return strikes(F_PIPE) ? -1 : pipe2(fds, flags);
}

static int shutdown_faulty(int fd, int how)
{
	return is_conns(fd) && strikes(F_SHUTDOWN) ? -1 : shutdown(fd, how);
}

static int epoll_ctl_faulty(int ep, int op, int fd, struct epoll_event *ev)
{
	return is_conns(fd) && strikes(F_EPOLL) ? -1 : epoll_ctl(ep, op, fd, ev);
}

static void arm_fault(enum fault_call call, int err, bool sticky, int skip)
{
	fault.call = call;
	fault.err = err;
	fault.sticky = sticky;
	fault.skip = skip;
	fault.hits = 0;
	hook.recv = recv_faulty;
	hook.recvmsg = recvmsg_faulty;
	hook.send = send_faulty;
	hook.splice = splice_faulty;
	hook.pipe2 = pipe2_faulty;
	hook.shutdown = shutdown_faulty;
	hook.epoll_ctl = epoll_ctl_faulty;
}

/* ---- the walk ---- */

static const struct {
	const char *name;
	struct relay_case is;
	bool uses[F_CALLS];
} transports[] = {
	{"copy", {.ends = ENDS_TCP, .copy = true, .up = 200000, .down = 100000},
	 {[F_RECV] = true, [F_SEND] = true, [F_SHUTDOWN] = true, [F_EPOLL] = true}},
	{"splice", {.ends = ENDS_TCP, .up = 2000000, .down = 1500000},
	 {[F_RECV] = true, [F_SEND] = true, [F_SPLICE_IN] = true, [F_SPLICE_OUT] = true, [F_PIPE] = true,
	  [F_SHUTDOWN] = true, [F_EPOLL] = true}},
	{"unix", {.ends = ENDS_UNIX, .up = 2000000, .down = 1500000},
	 {[F_RECVMSG] = true, [F_SEND] = true, [F_SPLICE_IN] = true, [F_SPLICE_OUT] = true, [F_SHUTDOWN] = true,
	  [F_EPOLL] = true}},
};

static const struct {
	int err;
	enum relay_blame of[RELAY_CALLS];
	const char *name;
} errors[] = {
#define X(code, socket, splice, poller) {code, {BLAME_##socket, BLAME_##splice, BLAME_##poller}, #code},
	RELAY_ERR_TBL(X)
#undef X
};

static enum relay_call kind_of(enum fault_call call)
{
	if (call == F_EPOLL)
		return RELAY_POLLER;
	return call == F_SPLICE_IN || call == F_SPLICE_OUT || call == F_PIPE ? RELAY_SPLICE : RELAY_SOCKET;
}

/* What is wrong with what was seen; NULL: nothing. */
static const char *wrong_with(const struct relay_case *is, enum relay_blame blame)
{
	const struct relay_saw *s = &world.saw;
	bool complete = s->got[0] == is->up && s->got[1] == is->down;

	if (s->altered)
		return "a byte was altered";
	if (s->took > 8 * NP_S)
		return "an end that had to wait for a deadline";
	if (fault.hits == 0)
		return complete ? NULL : "bytes are missing without a fault";
	if (blame == BLAME_COPY)
		return complete && s->why != CLOSE_OVERLOAD ? NULL : "a refused splice lost bytes";
	if (blame == BLAME_PEER)
		return s->why != CLOSE_OVERLOAD ? NULL : "a peer's error was taken for ours";
	if (s->why != CLOSE_OVERLOAD)
		return "an error of ours was taken for a peer's";
	/* A Unix peer sees a reset only if it has sent bytes that were not read. */
	if (is->ends == ENDS_UNIX)
		return NULL;
	if (s->end[0] == 0 && !s->told[1] && s->got[0] < is->up)
		return "the server saw an orderly end without all bytes";
	if (s->end[1] == 0 && !s->told[0] && s->got[1] < is->down)
		return "the client saw an orderly end without all bytes";
	return NULL;
}

static void walk(enum fault_call call, int skip)
{
	int hits = 0;

	for (size_t t = 0; t < array_len(transports); t++) {
		for (size_t e = 0; transports[t].uses[call] && e < array_len(errors); e++) {
			for (int sticky = 0; sticky < 2; sticky++) {
				enum relay_blame blame = errors[e].of[kind_of(call)];
				const char *wrong;

				if (call == F_PIPE)
					blame = BLAME_COPY;
				arm_fault(call, errors[e].err, sticky, skip);
				relay_world_run(&transports[t].is);
				hits += fault.hits > 0;
				wrong = wrong_with(&transports[t].is, blame);
				if (wrong != NULL)
					fail_msg("%s, %s of %s %s after %d: %s (%s; %zu and %zu bytes)",
						 transports[t].name, errors[e].name, call_names[call],
						 sticky ? "for ever" : "once", skip, wrong,
						 close_word(world.saw.why), world.saw.got[0], world.saw.got[1]);
			}
		}
	}
	assert_true(hits > 0); /* the walk has tested something */
}

static void v3_a_failing_recv(void **state)
{
	(void)state;
	walk(F_RECV, 0);
	walk(F_RECV, 5);
	walk(F_RECVMSG, 3);
}

static void v3_a_failing_send(void **state)
{
	(void)state;
	walk(F_SEND, 0);
	walk(F_SEND, 4);
}

static void v3_a_failing_shutdown(void **state)
{
	(void)state;
	walk(F_SHUTDOWN, 0);
}

static void v2_a_refused_splice(void **state)
{
	(void)state;
	walk(F_PIPE, 0);
	walk(F_SPLICE_IN, 0);
	walk(F_SPLICE_IN, 3);
	walk(F_SPLICE_OUT, 0);
	walk(F_SPLICE_OUT, 3);
}

static void v44_a_failing_epoll_ctl(void **state)
{
	(void)state;
	walk(F_EPOLL, 0);
	walk(F_EPOLL, 1);
}

/* Its reader stops: the direction is muted, which fails or does not; then it reads on, and switching the
 * events on again fails. */
static void mute_script(void)
{
	app_go(app_writer, 0);
	np_sleep(50 * NP_MS); /* src's bytes wake a relay without room: it mutes */
	app_go(app_reader, 1);
	app_go(app_writer, 1);
	app_go(app_reader, 0);
	np_event_wait(&world.over);
}

static void v44_a_failing_mute(void **state)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP, .copy = true, .up = 12000000, .down = 1000, .script = mute_script};

	(void)state;
	for (int skip = 2; skip < 6; skip++) {
		arm_fault(F_EPOLL, EPERM, true, skip);
		relay_world_run(&is);
		assert_false(world.saw.altered);
		if (world.saw.why != CLOSE_OVERLOAD)
			assert_int_equal(world.saw.got[0], is.up);
	}
}

static void an_errno_without_a_row_is_ours(void **state)
{
	(void)state;
	assert_int_equal(relay_blame(RELAY_SOCKET, -EXFULL), BLAME_OURS);
	assert_int_equal(relay_blame(RELAY_SPLICE, -EXFULL), BLAME_COPY);
	assert_int_equal(relay_blame(RELAY_SOCKET, -NP_ESHORT), BLAME_PEER);
	assert_int_equal(relay_blame(RELAY_SOCKET, -NP_ENOTPOLL), BLAME_OURS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_errno_without_a_row_is_ours),
		cmocka_unit_test(v3_a_failing_recv),
		cmocka_unit_test(v3_a_failing_send),
		cmocka_unit_test(v3_a_failing_shutdown),
		cmocka_unit_test(v2_a_refused_splice),
		cmocka_unit_test(v44_a_failing_epoll_ctl),
		cmocka_unit_test(v44_a_failing_mute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
