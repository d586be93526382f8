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

#include <cmocka.h>

#include "netpoll/hook.h"
#include "tests/kit/kit.h"

#define WORKERS 4

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
	assert_int_equal(binding_open(&any, &listener, WORKERS, false, &b), 0);
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
		got = binding_open(a, &listener, WORKERS, false, &b);
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
	assert_int_equal(fail_each_call(&tcp, -NP_EMFILE), 1 + WORKERS);
	assert_int_equal(fail_each_call(&file, -NP_EMFILE), 1);
	hook_reset();
	hook.bind = failing_bind;
	assert_int_equal(fail_each_call(&tcp, -NP_EACCES), 1 + WORKERS);
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
		cmocka_unit_test_teardown(shares_with_nobody, end),
		cmocka_unit_test_teardown(unix_socket_is_one, end),
		cmocka_unit_test_teardown(all_or_none, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
