/* handed: sockets of another process, by address; what is no listening socket is refused. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/listen/handed.h"
#include "tests/kit/kit.h"

static struct np_addr address(const char *text)
{
	struct np_addr a;

	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	return a;
}

/* As a process finds it that was started with it: blocking, and open in programs it starts. */
static int foreign_listener(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static bool is_closed(int fd)
{
	return fcntl(fd, F_GETFD) < 0;
}

static void sockets_are_found_by_address(void **state)
{
	struct np_addr one = address("127.0.0.1:1"), other = address("127.0.0.1:2");
	int fds[3] = {foreign_listener(), foreign_listener(), foreign_listener()};
	struct handed *got;
	struct list store;

	(void)state;
	list_init(&store);
	assert_int_equal(handed_put(&store, &one, fds, 1, -1), 0);
	assert_int_equal(handed_put(&store, &one, fds + 1, 2, -1), 0); /* the same group, in two messages */
	assert_null(handed_take(&store, &other));
	got = handed_take(&store, &one);
	assert_non_null(got);
	assert_int_equal(got->n, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(got->sysfd[i], fds[i]);
		assert_true((fcntl(fds[i], F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
	}
	assert_null(handed_take(&store, &one));
	got->sysfd[1] = -1; /* a binding has it */
	handed_free(got);
	assert_true(is_closed(fds[0]) && !is_closed(fds[1]) && is_closed(fds[2]));
	close(fds[1]);
}

static void what_nobody_takes_is_closed(void **state)
{
	struct np_addr one = address("127.0.0.1:1"), other = address("unix:/nowhere");
	int a = foreign_listener(), b = foreign_listener(), lock = open("/dev/null", O_RDONLY);
	struct list store;

	(void)state;
	list_init(&store);
	assert_int_equal(handed_put(&store, &one, &a, 1, -1), 0);
	assert_int_equal(handed_put(&store, &other, &b, 1, lock), 0);
	assert_int_equal(handed_close(&store), 2);
	assert_true(list_empty(&store));
	assert_true(is_closed(a) && is_closed(b) && is_closed(lock));
}

/* They stay the caller's. */
static void what_does_not_listen_is_refused(void **state)
{
	struct np_addr one = address("127.0.0.1:1");
	int bound = socket(AF_INET, SOCK_STREAM, 0), datagram = socket(AF_INET, SOCK_DGRAM, 0);
	int file = open("/dev/null", O_RDONLY), good = foreign_listener();
	int wrong[] = {bound, datagram, file};
	struct list store;

	(void)state;
	list_init(&store);
	for (size_t i = 0; i < array_len(wrong); i++) {
		int both[2] = {good, wrong[i]};

		assert_int_equal(handed_put(&store, &one, both, 2, -1), -NP_EINVAL);
		assert_true(list_empty(&store));
		assert_false(is_closed(wrong[i]));
		close(wrong[i]);
	}
	assert_int_equal(handed_put(&store, &one, NULL, 0, -1), -NP_EINVAL);
	close(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(sockets_are_found_by_address, kit_end),
		cmocka_unit_test_teardown(what_nobody_takes_is_closed, kit_end),
		cmocka_unit_test_teardown(what_does_not_listen_is_refused, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
