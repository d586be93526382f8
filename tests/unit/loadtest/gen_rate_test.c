/* rate: what an open loop owes. The server is a socket that listens and is never accepted from, so that every request
 * arrives and none is answered: the longest stall there is. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loadtest/gen/gen.h"

static int deaf_server(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

/* Runs gen_rate in a child, as the program would, and takes what it prints. */
static void run_rate(const struct gen_opts *o, char *said, size_t room)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		if (dup2(null, STDIN_FILENO) < 0 || dup2(fds[1], STDOUT_FILENO) < 0)
			_exit(9);
		exit(gen_rate(o));
	}
	close(fds[1]);
	while ((n = read(fds[0], said + len, room - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static double number_after(const char *said, const char *key)
{
	const char *at = strstr(said, key);

	assert_non_null(at);
	return strtod(at + strlen(key), NULL);
}

/* 400 requests fall due in 200 ms, on two connections that each get one answer never: one in flight, 199 queued. Each
 * has waited since it fell due, every 0.5 ms one: the mean is 99.75 ms less than the longest, however late the end. */
static void what_is_not_answered_counts_from_when_it_was_due(void **state)
{
	struct gen_opts o = {.conns = 2, .rate = 2000, .ms = 200, .size = 64, .sources = 1};
	char said[8192];
	int fd = deaf_server(&o.at);
	double max, mean;

	(void)state;
	run_rate(&o, said, sizeof(said));
	close(fd);
	assert_int_equal(strncmp(said, "begin\n{\"unit\":\"requests\",\"units\":0,\"errors\":0,", 44), 0);
	max = number_after(said, "\"max\":");
	mean = number_after(said, "\"mean\":");
	assert_true(max >= 150000);
	assert_true(mean > max - 99750 - 2000);
	assert_true(mean < max - 50000); /* at a late end the last ones are not among them */
}

static void a_server_that_is_not_there_is_an_error(void **state)
{
	struct gen_opts o = {.conns = 1, .ms = 1000, .size = 64, .sources = 1};
	int fd = deaf_server(&o.at), status;
	pid_t pid;

	(void)state;
	close(fd);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		exit(gen_rate(&o));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_answered_counts_from_when_it_was_due),
		cmocka_unit_test(a_server_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
