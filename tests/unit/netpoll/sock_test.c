/* Sockets that listen, their options and their files (sock.c): N17, N23, K10's flags,
 * fail-the-Nth. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "netpoll/sock.h"
#include "tests/kit/kit.h"
#include "tests/unit/netpoll/world.h"

static const struct np_listen_opts plain;

static struct np_addr addr(const char *text)
{
	struct np_addr a;

	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	return a;
}

/* A Unix address within this test program's own directory. */
static struct np_addr in_dir(const char *name)
{
	char text[KIT_PATH];

	snprintf(text, sizeof(text), "unix:%s/%s", kit_dir(), name);
	return addr(text);
}

static bool exists(const struct np_addr *a)
{
	struct stat st;

	return lstat(a->u.un.sun_path, &st) == 0;
}

static int get_int(int fd, int level, int opt)
{
	int v = -1;
	socklen_t len = sizeof(v);

	assert_int_equal(getsockopt(fd, level, opt, &v, &len), 0);
	return v;
}

static int connect_to(const struct np_addr *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, &a->u.sa, a->len) == 0)
		return fd;
	close(fd);
	return -errno;
}

static bool has_ipv6(void)
{
	struct np_addr one = addr("[::1]:0");
	int fd = np_listen(&one, &plain);

	np_sock_close(fd);
	return fd >= 0;
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static void a_listener_is_non_blocking_and_not_inherited(void **state)
{
	struct np_addr any = loopback(0), at;
	int fd = np_listen(&any, &plain), client;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_equal(np_sock_addr(fd, &at), 0);
	client = connect_to(&at);
	assert_true(client >= 0);
	close(client);
	np_sock_close(fd);
	assert_int_equal(np_sock_addr(fd, &at), -NP_EBADF);
}

static void options_are_inherited_by_what_is_accepted(void **state)
{
	(void)state;
	for (int on = 0; on < 2; on++) {
		const struct np_listen_opts o = {.nodelay = on, .keepalive = on};
		struct np_addr any = loopback(0), at;
		int fd = np_listen(&any, &o), client, conn;

		assert_int_equal(np_sock_addr(fd, &at), 0);
		client = connect_to(&at);
		conn = kit_accept(fd);
		assert_int_equal(get_int(conn, IPPROTO_TCP, TCP_NODELAY), on);
		assert_int_equal(get_int(conn, SOL_SOCKET, SO_KEEPALIVE), on);
		if (on) {
			assert_int_equal(get_int(conn, IPPROTO_TCP, TCP_KEEPIDLE), 120);
			assert_int_equal(get_int(conn, IPPROTO_TCP, TCP_KEEPINTVL), 15);
			assert_int_equal(get_int(conn, IPPROTO_TCP, TCP_KEEPCNT), 4);
		}
		close(conn);
		close(client);
		close(fd);
	}
}

static void a_port_is_shared_only_when_both_ask_for_it(void **state)
{
	const struct np_listen_opts shared = {.reuseport = true};
	struct np_addr any = loopback(0), at;
	int first = np_listen(&any, &shared), second;

	(void)state;
	assert_int_equal(np_listen_check(&any), 0);
	assert_int_equal(np_sock_addr(first, &at), 0);
	second = np_listen(&at, &shared);
	assert_true(second >= 0);
	assert_int_equal(np_listen(&at, &plain), -NP_EADDRINUSE);
	assert_int_equal(np_listen_check(&at), -NP_EADDRINUSE);
	close(first);
	close(second);
	assert_int_equal(np_listen_check(&at), 0);
}

static void the_ipv6_wildcard_takes_both_families(void **state)
{
	struct np_addr any = addr(":0"), one = addr("[::1]:0"), at, v4;
	int fd, client;

	(void)state;
	if (!has_ipv6()) {
		print_message("[  SKIPPED ] no IPv6 on this host\n");
		skip();
	}
	fd = np_listen(&any, &plain);
	assert_int_equal(np_sock_addr(fd, &at), 0);
	assert_int_equal(get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	v4 = loopback(np_addr_port(&at.u.sa));
	client = connect_to(&v4);
	assert_true(client >= 0);
	close(client);
	close(fd);
	fd = np_listen(&one, &plain);
	assert_true(fd >= 0);
	assert_int_equal(get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	close(fd);
}

static int socket_without_inet6(int domain, int type, int proto)
{
	if (domain != AF_INET6)
		return socket(domain, type, proto);
	errno = EAFNOSUPPORT;
	return -1;
}

static void without_ipv6_the_wildcard_is_ipv4s(void **state)
{
	struct np_addr any = addr(":0"), one = addr("[::1]:0"), at;
	int fd;

	(void)state;
	hook.socket = socket_without_inet6;
	fd = np_listen(&any, &plain);
	assert_true(fd >= 0);
	assert_int_equal(np_sock_addr(fd, &at), 0);
	assert_int_equal(at.u.sa.sa_family, AF_INET);
	close(fd);
	assert_int_equal(np_listen(&one, &plain), -NP_EAFNOSUPPORT);
	assert_int_equal(np_listen_check(&one), 0);
}

static int socket_error;

static int socket_without_flags(int domain, int type, int proto)
{
	if (type == SOCK_STREAM)
		return socket(domain, type, proto);
	errno = socket_error;
	return -1;
}

static void without_socket_flags_they_are_set_by_hand(void **state)
{
	static const int rows[] = {EINVAL, EPROTONOSUPPORT};

	(void)state;
	hook.socket = socket_without_flags;
	for (size_t i = 0; i < array_len(rows); i++) {
		int fd;

		socket_error = rows[i];
		fd = sock_open(AF_INET);
		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		close(fd);
	}
	socket_error = EMFILE;
	assert_int_equal(sock_open(AF_INET), -NP_EMFILE);
}

/* ---- backlog --------------------------------------------------------------------------------- */

/* What the kernel took, which TCP_INFO of a listener tells in a field it has no other use for. */
static int kernel_backlog(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return (int)info.tcpi_sacked;
}

static void the_backlog_is_what_the_system_allows(void **state)
{
	const struct np_listen_opts seven = {.backlog = 7};
	struct np_addr any = loopback(0);
	int fd = np_listen(&any, &plain), somaxconn = 0;
	char text[32];

	(void)state;
	kit_file_read("/proc/sys/net/core/somaxconn", text, sizeof(text));
	assert_int_equal(sscanf(text, "%d", &somaxconn), 1);
	assert_int_equal(np_listen_backlog(), somaxconn);
	assert_int_equal(kernel_backlog(fd), somaxconn);
	close(fd);
	fd = np_listen(&any, &seven);
	assert_int_equal(kernel_backlog(fd), 7);
	close(fd);
}

enum { SAID_SO, SAID_OTHERWISE, NO_NAMESPACE };

/* In a network of its own, whose somaxconn is larger than 16 bits hold. */
static int backlog_in_a_namespace(void)
{
	struct np_addr any = loopback(0);
	int fd, n = 0;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return NO_NAMESPACE;
	fd = open("/proc/sys/net/core/somaxconn", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "100000", 6) != 6)
		return NO_NAMESPACE;
	close(fd);
	fd = np_listen(&any, &plain);
	if (fd >= 0)
		n = kernel_backlog(fd);
	return np_listen_backlog() == 100000 && n == 100000 ? SAID_SO : SAID_OTHERWISE;
}

static void a_large_backlog_is_not_cut_to_16_bits(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(backlog_in_a_namespace());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_NAMESPACE) {
		print_message("[  SKIPPED ] no network namespace to be had\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), SAID_SO);
}

/* ---- Unix ------------------------------------------------------------------------------------ */

static void a_stale_socket_file_is_replaced_and_a_live_one_is_not(void **state)
{
	struct np_addr a = in_dir("stale");
	int fd = np_listen(&a, &plain);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(np_listen(&a, &plain), -NP_EADDRINUSE);
	assert_true(exists(&a));
	close(fd); /* as a process that died leaves it */
	assert_true(exists(&a));
	fd = np_listen(&a, &plain);
	assert_true(fd >= 0);
	close(connect_to(&a));
	close(fd);
	unlink(a.u.un.sun_path);
}

static void no_other_file_is_ever_removed(void **state)
{
	struct np_addr a = in_dir("letter"), link = in_dir("link"), dead = in_dir("dead");
	char path[KIT_PATH], text[16];
	int fd = np_listen(&dead, &plain);

	(void)state;
	close(fd);
	kit_file_write("letter", "keep me", path);
	assert_int_equal(symlink(dead.u.un.sun_path, link.u.un.sun_path), 0);
	assert_int_equal(np_listen(&a, &plain), -NP_EADDRINUSE);
	assert_int_equal(np_listen(&link, &plain), -NP_EADDRINUSE);
	kit_file_read(path, text, sizeof(text));
	assert_string_equal(text, "keep me");
	assert_true(exists(&link));
}

static void the_mode_of_the_file_is_the_callers(void **state)
{
	const struct np_listen_opts o = {.mode = 0640};
	struct np_addr a = in_dir("mode");
	struct stat st;
	int fd = np_listen(&a, &o);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(a.u.un.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	close(fd);
}

static void abstract_names_have_no_file(void **state)
{
	struct np_unix_file file = {.ino = 1};
	char text[64];
	struct np_addr a;
	int fd;

	(void)state;
	snprintf(text, sizeof(text), "unix:@staunch-sock-test-%d", (int)getpid());
	a = addr(text);
	fd = np_listen(&a, &plain);
	assert_true(fd >= 0);
	assert_int_equal(np_listen(&a, &plain), -NP_EADDRINUSE);
	assert_int_equal(np_listen_check(&a), 0);
	assert_int_equal(np_unix_file_of(&a, &file), 0);
	assert_int_equal(file.ino, 0);
	np_unix_file_remove(&a, &file);
	close(fd);
}

static void only_our_own_file_is_removed_and_once(void **state)
{
	struct np_addr a = in_dir("own");
	struct np_unix_file mine, inherited = {0};
	int fd = np_listen(&a, &plain), newer;

	(void)state;
	assert_int_equal(np_unix_file_of(&a, &mine), 0);
	np_unix_file_remove(&a, &inherited);
	assert_true(exists(&a));
	np_unix_file_remove(&a, &mine);
	assert_false(exists(&a));
	assert_int_equal(mine.ino, 0);
	newer = np_listen(&a, &plain);
	assert_true(newer >= 0);
	np_unix_file_remove(&a, &mine); /* a second close */
	assert_true(exists(&a));
	close(fd);
	close(newer);
	unlink(a.u.un.sun_path);
	assert_int_equal(np_unix_file_of(&a, &mine), -NP_ENOENT);
}

/* Somebody else has removed our file and made his own, on a file system that gave it the same
 * number. */
static void a_newer_file_of_the_same_number_is_kept(void **state)
{
	const struct timespec other[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct np_addr a = in_dir("newer");
	struct np_unix_file mine;
	int fd = np_listen(&a, &plain);

	(void)state;
	assert_int_equal(np_unix_file_of(&a, &mine), 0);
	assert_int_equal(utimensat(AT_FDCWD, a.u.un.sun_path, other, 0), 0);
	np_unix_file_remove(&a, &mine);
	assert_true(exists(&a));
	close(fd);
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
	return fails() ? -1 : setsockopt(fd, level, opt, v, len);
}

static int bind_nth(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails() ? -1 : bind(fd, sa, len);
}

static int listen_nth(int fd, int backlog)
{
	return fails() ? -1 : listen(fd, backlog);
}

static int connect_nth(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails() ? -1 : connect(fd, sa, len);
}

static void hook_all(void)
{
	hook.socket = socket_nth;
	hook.setsockopt = setsockopt_nth;
	hook.bind = bind_nth;
	hook.listen = listen_nth;
	hook.connect = connect_nth;
}

/* Listens on a with the Nth call failing, for N = 1, 2, ... until none is left to fail. Returns
 * that N. */
static int fail_each(const struct np_addr *a, bool fresh)
{
	const struct np_listen_opts o = {.reuseport = true, .nodelay = true, .keepalive = true};
	int fd = -1, fds = world_count_fds();

	hook_all();
	for (nth = 1; fd < 0; nth++) {
		calls = 0;
		fd = np_listen(a, &o);
		if (fd >= 0)
			break;
		assert_true(calls >= nth);
		assert_int_equal(world_count_fds(), fds);
		if (fresh)
			assert_false(exists(a));
	}
	hook_reset();
	assert_true(nth > calls);
	close(fd);
	return nth;
}

static void whatever_fails_nothing_leaks(void **state)
{
	struct np_addr v4 = loopback(0), v6 = addr("[::1]:0"), file = in_dir("nth");

	(void)state;
	/* socket, 7 options, bind, listen: one failure each */
	assert_int_equal(fail_each(&v4, false), 11);
	if (has_ipv6())
		assert_int_equal(fail_each(&v6, false), 12);
	assert_int_equal(fail_each(&file, true), 4);
	/* over a stale file, which is gone once the 5th fails */
	assert_int_equal(fail_each(&file, false), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("B28", a_listener_is_non_blocking_and_not_inherited),
		ONCE("B1 B20", options_are_inherited_by_what_is_accepted),
		ONCE("F15", a_port_is_shared_only_when_both_ask_for_it),
		ONCE("B28", the_ipv6_wildcard_takes_both_families),
		ONCE("B28", without_ipv6_the_wildcard_is_ipv4s),
		ONCE("K10", without_socket_flags_they_are_set_by_hand),
		ONCE("N23", the_backlog_is_what_the_system_allows),
		ONCE("N23", a_large_backlog_is_not_cut_to_16_bits),
		ONCE("N17", a_stale_socket_file_is_replaced_and_a_live_one_is_not),
		ONCE("N17", no_other_file_is_ever_removed),
		ONCE("N17", the_mode_of_the_file_is_the_callers),
		ONCE("N17 B28", abstract_names_have_no_file),
		ONCE("N17", only_our_own_file_is_removed_and_once),
		ONCE("N17", a_newer_file_of_the_same_number_is_kept),
		ONCE("N17 R16", whatever_fails_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, kit_end);
}
