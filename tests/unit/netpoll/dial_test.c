/* Dialling (dial.c): K17, B10, B14, B15, B28, F43. What makes a connection one is in
 * semantics_connect_test.c, dials that time out or are canceled in semantics_dial_test.c. */
#include <errno.h>
#include <stdio.h>

#include "tests/kit/kit.h"
#include "tests/unit/netpoll/world.h"

struct dialling {
	struct np_addr to[3], local;
	unsigned n;
	struct np_dial_opts o;
	int listener;
	struct np_fd fd;
	int got, wrote;
	int nodelay, keepalive;
	struct np_addr from;
	int64_t took, ended;
};

/* A dial of one listener that answers. */
static struct dialling dialling(void)
{
	struct dialling d = {.n = 1};

	d.listener = tcp_listener(&d.to[0]);
	return d;
}

static int get_int(int fd, int level, int opt)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, level, opt, &v, &len) == 0 ? v : -1;
}

static void dial_script(void *arg)
{
	struct dialling *d = arg;
	int64_t start = np_nanotime();

	d->got = np_dial(&d->fd, d->to, d->n, &d->o);
	d->ended = np_nanotime();
	d->took = d->ended - start;
	if (d->got != 0)
		return;
	d->wrote = np_fd_write(&d->fd, "x", 1, NULL);
	d->nodelay = get_int(d->fd.sysfd, IPPROTO_TCP, TCP_NODELAY);
	d->keepalive = get_int(d->fd.sysfd, SOL_SOCKET, SO_KEEPALIVE);
	if (np_sock_addr(d->fd.sysfd, &d->from) != 0)
		d->from.len = 0;
	np_fd_close(&d->fd);
}

static void run(struct dialling *d)
{
	world_run(dial_script, d);
	if (d->listener > 0)
		close(d->listener);
}

static struct np_addr refuser(void)
{
	return loopback(kit_refuser("127.0.0.1"));
}

/* ---- plain ----------------------------------------------------------------------------------- */

static void connects_and_sets_what_was_asked_for(void **state)
{
	(void)state;
	for (int on = 0; on < 2; on++) {
		struct dialling d = dialling();

		d.o.nodelay = d.o.keepalive = on;
		run(&d);
		assert_int_equal(d.got, 0);
		assert_int_equal(d.wrote, 0);
		assert_int_equal(d.nodelay, on);
		assert_int_equal(d.keepalive, on);
	}
}

static void the_source_address_is_used(void **state)
{
	struct dialling d = dialling();

	(void)state;
	assert_int_equal(np_addr_parse(&d.local, "127.0.0.9:0", NULL), 0);
	d.o.local = &d.local;
	run(&d);
	assert_int_equal(d.got, 0);
	assert_int_equal(d.from.u.in4.sin_addr.s_addr, d.local.u.in4.sin_addr.s_addr);
	assert_int_not_equal(np_addr_port(&d.from.u.sa), 0);
}

static void a_source_address_of_another_host_is_refused(void **state)
{
	struct dialling d = dialling();

	(void)state;
	assert_int_equal(np_addr_parse(&d.local, "192.0.2.1:0", NULL), 0);
	d.o.local = &d.local;
	run(&d);
	assert_int_equal(d.got, -NP_EADDRNOTAVAIL);
}

static void the_next_address_is_tried_and_the_first_error_told(void **state)
{
	struct dialling d = dialling(), none = {.n = 0};

	(void)state;
	d.to[1] = d.to[0];
	d.to[0] = refuser();
	d.n = 2;
	run(&d);
	assert_int_equal(d.got, 0);

	d = (struct dialling){.n = 2};
	d.to[0] = refuser();
	assert_int_equal(np_addr_parse(&d.to[1], "unix:/nowhere/at/all", NULL), 0);
	run(&d);
	assert_int_equal(d.got, -NP_ECONNREFUSED);

	run(&none);
	assert_int_equal(none.got, -NP_EINVAL);
	kit_end(NULL);
}

/* ---- what connect may say -------------------------------------------------------------------- */

static int connect_calls, connect_errno, connect_failures;

/* Says connect_errno the first so many times, without connecting. */
static int connect_says(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (connect_calls++ >= connect_failures)
		return connect(fd, sa, len);
	errno = connect_errno;
	return -1;
}

static void say(int error, int times)
{
	connect_calls = 0;
	connect_errno = error;
	connect_failures = times;
	hook.connect = connect_says;
}

static void a_lack_of_ports_is_tried_twice_more(void **state)
{
	static const struct {
		int failures, got, calls;
	} rows[] = {{2, 0, 3}, {3, -NP_EADDRNOTAVAIL, 3}, {9, -NP_EADDRNOTAVAIL, 3}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = dialling();

		say(EADDRNOTAVAIL, rows[i].failures);
		run(&d);
		assert_int_equal(d.got, rows[i].got);
		assert_int_equal(connect_calls, rows[i].calls);
	}
}

static void with_a_port_of_its_own_there_is_no_other_to_try(void **state)
{
	struct dialling d = dialling();

	(void)state;
	d.local = loopback(kit_port("127.0.0.1"));
	d.o.local = &d.local;
	say(EADDRNOTAVAIL, 9);
	run(&d);
	assert_int_equal(d.got, -NP_EADDRNOTAVAIL);
	assert_int_equal(connect_calls, 1);
}

static void other_errors_are_not_tried_again(void **state)
{
	static const int rows[] = {
		ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EPERM, EACCES, ENOBUFS, EAGAIN,
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = dialling();

		say(rows[i], 9);
		run(&d);
		assert_int_equal(d.got, -rows[i]);
		assert_int_equal(connect_calls, 1);
	}
}

/* The connect goes on, whatever the call says. */
static int connect_interrupted(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)!connect(fd, sa, len);
	errno = connect_errno;
	return -1;
}

static void an_interrupted_connect_is_waited_for(void **state)
{
	static const int rows[] = {EINTR, EALREADY, EINPROGRESS, EISCONN};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct dialling d = dialling();

		connect_errno = rows[i];
		hook.connect = connect_interrupted;
		run(&d);
		assert_int_equal(d.got, 0);
		assert_int_equal(d.wrote, 0);
	}
}

/* ---- Unix ------------------------------------------------------------------------------------ */

/* A listener whose backlog is full, and what fills it. */
struct crowded {
	struct dialling d;
	int waiting[2];
};

static void crowd(struct crowded *c)
{
	char text[64];

	snprintf(text, sizeof(text), "unix:@staunch-dial-test-%d", (int)getpid());
	c->d = (struct dialling){.n = 1};
	assert_int_equal(np_addr_parse(&c->d.to[0], text, NULL), 0);
	c->d.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(c->d.listener, &c->d.to[0].u.sa, c->d.to[0].len), 0);
	assert_int_equal(listen(c->d.listener, 0), 0);
	for (size_t i = 0; i < array_len(c->waiting); i++) {
		c->waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(c->waiting[i], &c->d.to[0].u.sa, c->d.to[0].len);
	}
	connect_calls = connect_failures = 0;
	hook.connect = connect_says;
}

static void crowd_end(struct crowded *c)
{
	for (size_t i = 0; i < array_len(c->waiting); i++)
		close(c->waiting[i]);
	close(c->d.listener);
}

static int64_t room_made;

static void act_make_room(void *listener)
{
	int fd;

	room_made = np_nanotime();
	while ((fd = accept(*(int *)listener, NULL, NULL)) >= 0)
		close(fd);
}

static void room_script(void *arg)
{
	struct dialling *d = arg;

	d->o.deadline = np_deadline_after(5 * NP_S);
	wake(20 * NP_MS, act_make_room, &d->listener);
	dial_script(d);
}

static void a_full_unix_backlog_is_tried_again_by_timer(void **state)
{
	struct crowded c;

	(void)state;
	crowd(&c);
	world_run(room_script, &c.d);
	crowd_end(&c);
	assert_int_equal(c.d.got, 0);
	assert_true(c.d.ended >= room_made);
	assert_true(c.d.took < 1 * NP_S);
	assert_in_range(connect_calls, 2, 10); /* pauses double: not a loop */
}

static void full_script(void *arg)
{
	((struct dialling *)arg)->o.deadline = np_deadline_after(50 * NP_MS);
	dial_script(arg);
}

static void a_full_unix_backlog_is_tried_until_the_deadline(void **state)
{
	struct crowded c;

	(void)state;
	crowd(&c);
	world_run(full_script, &c.d);
	crowd_end(&c);
	assert_int_equal(c.d.got, -NP_EDEADLINE);
	/* not at the last pause that would have ended before it */
	assert_true(c.d.ended >= c.d.o.deadline);
	assert_true(c.d.took < 1 * NP_S);
}

/* As a hedge that has won gives up the dial beside it. */
static void act_give_up(void *fd)
{
	np_fd_set_write_deadline(fd, 1);
}

static void given_up_script(void *arg)
{
	struct dialling *d = arg;

	d->o.deadline = np_deadline_after(60 * NP_S);
	wake(20 * NP_MS, act_give_up, &d->fd);
	dial_script(d);
}

static void a_full_unix_backlog_is_given_up_by_the_descriptors_deadline(void **state)
{
	struct crowded c;

	(void)state;
	crowd(&c);
	world_run(given_up_script, &c.d);
	crowd_end(&c);
	assert_int_equal(c.d.got, -NP_EDEADLINE);
	assert_true(c.d.ended < c.d.o.deadline);
}

/* ---- fail the Nth ---------------------------------------------------------------------------- */

static int nth, calls;

static bool fails(void)
{
	if (++calls != nth)
		return false;
	errno = ENOBUFS;
	return true;
}

static int socket_nth(int domain, int type, int proto)
{
	return fails() ? -1 : socket(domain, type, proto);
}

static int setsockopt_nth(int fd, int level, int opt, const void *v, socklen_t len)
{
	/* Without IP_BIND_ADDRESS_NO_PORT it only needs more ports. */
	return opt != IP_BIND_ADDRESS_NO_PORT && fails() ? -1 : setsockopt(fd, level, opt, v, len);
}

static int bind_nth(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails() ? -1 : bind(fd, sa, len);
}

static int connect_nth(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails() ? -1 : connect(fd, sa, len);
}

static int getsockopt_nth(int fd, int level, int opt, void *v, socklen_t *len)
{
	return fails() ? -1 : getsockopt(fd, level, opt, v, len);
}

static int polls_begun;

/* The first one is the worker's own, for its break descriptor. */
static int epoll_ctl_nth(int ep, int op, int fd, struct epoll_event *ev)
{
	return polls_begun++ > 0 && fails() ? -1 : epoll_ctl(ep, op, fd, ev);
}

static void whatever_fails_nothing_leaks(void **state)
{
	int got = -1;

	(void)state;
	hook.socket = socket_nth;
	hook.setsockopt = setsockopt_nth;
	hook.bind = bind_nth;
	hook.connect = connect_nth;
	hook.getsockopt = getsockopt_nth;
	hook.epoll_ctl = epoll_ctl_nth;
	for (nth = 1; got != 0; nth++) {
		struct dialling d = {.n = 1};
		int fds;

		calls = -100; /* the listener is not what fails */
		d.listener = tcp_listener(&d.to[0]);
		fds = world_count_fds();
		calls = polls_begun = 0;
		assert_int_equal(np_addr_parse(&d.local, "127.0.0.1:0", NULL), 0);
		d.o = (struct np_dial_opts){.local = &d.local, .nodelay = true, .keepalive = true};
		world_run(dial_script, &d);
		got = d.got;
		assert_true(got == 0 || got == -NP_ENOBUFS);
		assert_int_equal(got == 0, calls < nth);
		assert_int_equal(world_count_fds(), fds);
		close(d.listener);
	}
	/* socket, bind, 5 options, connect, the registration, SO_ERROR: each had its turn */
	assert_true(nth > 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("B1 B20", connects_and_sets_what_was_asked_for),
		ONCE("B28 F43", the_source_address_is_used),
		ONCE("B28", a_source_address_of_another_host_is_refused),
		ONCE("B10", the_next_address_is_tried_and_the_first_error_told),
		ONCE("K17 B14 F43", a_lack_of_ports_is_tried_twice_more),
		ONCE("K17", with_a_port_of_its_own_there_is_no_other_to_try),
		ONCE("B10", other_errors_are_not_tried_again),
		ONCE("K9 F52", an_interrupted_connect_is_waited_for),
		BOTH("B15", a_full_unix_backlog_is_tried_again_by_timer),
		ONCE("B15", a_full_unix_backlog_is_tried_until_the_deadline),
		ONCE("E51", a_full_unix_backlog_is_given_up_by_the_descriptors_deadline),
		ONCE("X5 R16", whatever_fails_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, kit_end);
}
