/* bindings: all of their sockets or none, one port for all of them, and a file that goes when they
 * do. What acceptors do with connections is the flow tests' business. */
#include "proxy/listen/binding.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "netpoll/hook.h"
#include "tests/kit/kit.h"

#define WORKERS 4

static const char *state_addr;
static struct listener listener = {.name = "web", .backlog = 16};

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static struct np_addr address(const char *text)
{
	struct np_addr a;

	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	return a;
}

static int port_of(int sysfd)
{
	struct np_addr a;

	assert_int_equal(np_sock_addr(sysfd, &a), 0);
	return np_addr_port(&a.u.sa);
}

/* Both steps, all or none. */
static int open_whole(const struct np_addr *a, unsigned n, struct binding **out)
{
	struct binding *b;
	int err = binding_open(a, &listener, n, false, &b);

	if (err != 0)
		return err;
	err = binding_listen(b);
	*out = err == 0 ? b : binding_free(b);
	return err;
}

static void one_port_for_all_workers(void **state)
{
	struct np_addr any = address("127.0.0.1:0");
	int before = count_fds();
	struct binding *b;

	(void)state;
	assert_int_equal(binding_open(&any, &listener, WORKERS, false, &b), 0);
	assert_int_equal(count_fds(), before + WORKERS);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(port_of(b->sysfd[i]), np_addr_port(&b->bound.u.sa));
	assert_int_not_equal(np_addr_port(&b->bound.u.sa), 0);
	assert_true(np_addr_equal(&b->addr, &any)); /* its identity is what was written */
	assert_null(binding_free(b));
	assert_int_equal(count_fds(), before);
}

static void shares_with_nobody(void **state)
{
	struct np_addr any = address("127.0.0.1:0"), taken;
	struct binding *b, *second = NULL;
	int before;

	(void)state;
	assert_int_equal(open_whole(&any, WORKERS, &b), 0);
	before = count_fds();
	taken = b->bound;
	assert_int_equal(binding_open(&taken, &listener, WORKERS, false, &second), -NP_EADDRINUSE);
	assert_int_equal(binding_open(&taken, &listener, 1, false, &second), -NP_EADDRINUSE);
	assert_null(second);
	assert_int_equal(count_fds(), before);
	binding_free(b);
	assert_int_equal(binding_open(&taken, &listener, WORKERS, false, &second), 0);
	binding_free(second);
}

static bool is_refused(const struct np_addr *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int got = connect(fd, &a->u.sa, a->len);
	int err = errno;

	close(fd);
	return got < 0 && err == ECONNREFUSED;
}

/* Whoever connects to an address that is given up again would be reset: until all is certain, nobody can. */
static void clients_are_refused_until_it_listens(void **state)
{
	char text[KIT_PATH + 8];
	struct np_addr at[2] = {address("127.0.0.1:0")};

	(void)state;
	snprintf(text, sizeof(text), "unix:%s/web.sock", kit_dir());
	at[1] = address(text);
	for (size_t i = 0; i < array_len(at); i++) {
		struct binding *b;

		assert_int_equal(binding_open(&at[i], &listener, WORKERS, false, &b), 0);
		assert_true(is_refused(&b->bound));
		assert_int_equal(binding_listen(b), 0);
		assert_false(is_refused(&b->bound));
		binding_free(b);
	}
}

static void unix_socket_is_one(void **state)
{
	struct np_addr a;
	char text[KIT_PATH + 8];
	struct stat st, first;
	struct binding *b;

	(void)state;
	snprintf(text, sizeof(text), "unix:%s/web.sock", kit_dir());
	a = address(text);
	assert_int_equal(binding_open(&a, &listener, WORKERS, false, &b), 0);
	assert_string_equal(b->text, text);
	assert_int_equal(fstat(b->sysfd[0], &first), 0);
	for (int i = 1; i < WORKERS; i++) {
		assert_int_equal(fstat(b->sysfd[i], &st), 0);
		assert_int_equal(st.st_ino, first.st_ino);
	}
	assert_int_equal(stat(a.u.un.sun_path, &st), 0);
	binding_free(b);
	assert_int_equal(stat(a.u.un.sun_path, &st), -1);
}

/* ---- V12: two instances at once ----------------------------------------------------------------
 */

static int calls_until_rival;
static int rival_err;
static struct binding *rival;

/* The second instance opens the same address, whole, in front of a call of the first one. */
static void let_rival_in(void)
{
	static struct np_addr a;

	if (--calls_until_rival != 0)
		return;
	hook_reset();
	a = address(state_addr);
	rival_err = open_whole(&a, WORKERS, &rival);
}

static int bind_after_rival(int fd, const struct sockaddr *sa, socklen_t len)
{
	let_rival_in();
	return bind(fd, sa, len);
}

static int listen_after_rival(int fd, int backlog)
{
	let_rival_in();
	return listen(fd, backlog);
}

static int setsockopt_after_rival(int fd, int level, int opt, const void *v, socklen_t len)
{
	let_rival_in();
	return setsockopt(fd, level, opt, v, len);
}

static void swap_in(int which)
{
	hook_reset();
	if (which == 0)
		hook.bind = bind_after_rival;
	if (which == 1)
		hook.listen = listen_after_rival;
	if (which == 2)
		hook.setsockopt = setsockopt_after_rival;
}

/* Whatever the moment: one of the two has the address, and the other is told that it is in use. */
static void one_of_two_instances(const char *text)
{
	struct np_addr a = address(text);

	state_addr = text;
	for (int which = 0; which < 3; which++) {
		for (int nth = 1;; nth++) {
			struct binding *b = NULL;
			int err;

			rival = NULL;
			calls_until_rival = nth;
			swap_in(which);
			err = open_whole(&a, WORKERS, &b);
			hook_reset();
			if (calls_until_rival > 0) {
				assert_int_equal(err, 0);
				binding_free(b);
				break; /* every call of this kind was tried */
			}
			assert_int_equal((err == 0) + (rival_err == 0), 1);
			assert_int_equal(err != 0 ? err : rival_err, -NP_EADDRINUSE);
			binding_free(err == 0 ? b : rival);
		}
	}
}

static void v12_one_of_two_instances(void **state)
{
	char text[NP_ADDR_TEXT + KIT_PATH];
	struct np_addr any = address("127.0.0.1:0");
	struct binding *b;

	(void)state;
	assert_int_equal(binding_open(&any, &listener, 1, false, &b), 0);
	snprintf(text, sizeof(text), "%s", b->text);
	binding_free(b);
	one_of_two_instances(text);
	snprintf(text, sizeof(text), "unix:%s/web.sock", kit_dir());
	one_of_two_instances(text);
}

/* A file that a dead process left is replaced, and a lock that it left is no hindrance. */
static void v12_stale_files_are_replaced(void **state)
{
	char text[KIT_PATH + 32], lock[KIT_PATH];
	struct np_listen_opts o = {.backlog = 1};
	struct np_addr a;
	struct binding *b;
	struct stat st;

	(void)state;
	snprintf(text, sizeof(text), "unix:%s/web.sock", kit_dir());
	a = address(text);
	np_sock_close(np_listen(&a, &o));
	kit_file_write("web.sock.lock", "", lock);
	assert_int_equal(binding_open(&a, &listener, WORKERS, false, &b), 0);
	assert_false(binding_is_lost(b));
	assert_int_equal(unlink(a.u.un.sun_path), 0);
	assert_true(binding_is_lost(b)); /* V41 */
	binding_free(b);
	assert_int_equal(stat(lock, &st), -1);
}

/* ---- the Nth call fails ---------------------------------------------------------------------- */

static int calls_left;

static bool fails(int err)
{
	if (--calls_left != 0)
		return false;
	errno = err;
	return true;
}

static int failing_socket(int domain, int type, int proto)
{
	return fails(EMFILE) ? -1 : socket(domain, type, proto);
}

static int failing_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails(EACCES) ? -1 : bind(fd, sa, len);
}

static int failing_listen(int fd, int backlog)
{
	return fails(EADDRINUSE) ? -1 : listen(fd, backlog);
}

static int failing_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	return fails(ENOBUFS) ? -1 : getsockname(fd, sa, len);
}

static int failing_setsockopt(int fd, int level, int opt, const void *v, socklen_t len)
{
	return fails(ENOMEM) ? -1 : setsockopt(fd, level, opt, v, len);
}

/* Opens with the first call failing, then the second, until all goes well; says how often it
 * failed. */
static int fail_each_call(const struct np_addr *a, int err)
{
	int before = count_fds(), n = 0;
	struct binding *b = NULL;
	struct stat st;

	for (;;) {
		int got;

		calls_left = ++n;
		got = open_whole(a, WORKERS, &b);
		if (calls_left > 0 && got == 0)
			break;
		assert_int_equal(got, err);
		assert_null(b);
		assert_int_equal(count_fds(), before);
		if (np_addr_is_unix(a))
			assert_int_equal(stat(a->u.un.sun_path, &st), -1);
	}
	binding_free(b);
	assert_int_equal(count_fds(), before);
	return n - 1;
}

static void all_or_none(void **state)
{
	struct np_addr tcp = address("127.0.0.1:0"), file;
	char text[KIT_PATH + 8];

	(void)state;
	snprintf(text, sizeof(text), "unix:%s/web.sock", kit_dir());
	file = address(text);
	hook.socket = failing_socket;
	assert_int_equal(fail_each_call(&tcp, -NP_EMFILE), WORKERS);
	assert_int_equal(fail_each_call(&file, -NP_EMFILE), 1);
	hook_reset();
	hook.bind = failing_bind;
	assert_int_equal(fail_each_call(&tcp, -NP_EACCES), WORKERS);
	assert_int_equal(fail_each_call(&file, -NP_EACCES), 1);
	hook_reset();
	hook.listen = failing_listen;
	assert_int_equal(fail_each_call(&tcp, -NP_EADDRINUSE), WORKERS);
	assert_int_equal(fail_each_call(&file, -NP_EADDRINUSE), 1);
	hook_reset();
	hook.getsockname = failing_getsockname;
	assert_int_equal(fail_each_call(&tcp, -NP_ENOBUFS), 1);
	assert_int_equal(fail_each_call(&file, -NP_ENOBUFS), 1);
	hook_reset();
	hook.setsockopt = failing_setsockopt;
	assert_true(fail_each_call(&tcp, -NP_ENOMEM) > 2 * WORKERS);
}

static int end(void **state)
{
	hook_reset();
	return kit_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_port_for_all_workers, end),
		cmocka_unit_test_teardown(clients_are_refused_until_it_listens, end),
		cmocka_unit_test_teardown(shares_with_nobody, end),
		cmocka_unit_test_teardown(unix_socket_is_one, end),
		cmocka_unit_test_teardown(v12_one_of_two_instances, end),
		cmocka_unit_test_teardown(v12_stale_files_are_replaced, end),
		cmocka_unit_test_teardown(all_or_none, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
