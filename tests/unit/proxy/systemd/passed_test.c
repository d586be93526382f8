/* What of LISTEN_FDS and its companions is believed. */
#include "proxy/systemd/passed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kit/kit.h"

static void set(const char *name, const char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* P25: how many, by which names. Of another process, or no number: none. The environment has none of it afterwards. */
static void p25_environment(void **state)
{
	char own[16];
	const struct {
		const char *pid, *fds, *names;
		unsigned n;
		const char *last;
	} rows[] = {
		{NULL, "1", "web", 0, NULL},
		{"1", "1", "web", 0, NULL},
		{own, NULL, "web", 0, NULL},
		{own, "", "web", 0, NULL},
		{own, "-1", "web", 0, NULL},
		{own, "1x", "web", 0, NULL},
		{own, "99999999", "web", 0, NULL},
		{own, "0", "web", 0, NULL},
		{own, "1", "web", 1, "web"},
		{own, "1", NULL, 1, "unknown"},
		{own, "2", "web:api", 2, "api"},
		{own, "2", "web", 2, "unknown"},
		{own, "2", "web:", 2, "unknown"},
		{own, "2", "web:api:more", 2, "api"},
	};

	(void)state;
	snprintf(own, sizeof(own), "%d", getpid());
	for (int fd = 3; fd < 5; fd++)
		assert_int_equal(dup2(open("/dev/null", O_RDONLY), fd), fd);
	for (size_t i = 0; i < array_len(rows); i++) {
		struct passed p;

		set("LISTEN_PID", rows[i].pid);
		set("LISTEN_FDS", rows[i].fds);
		set("LISTEN_FDNAMES", rows[i].names);
		fcntl(3, F_SETFD, 0);
		assert_int_equal(passed_take(&p), 0);
		assert_int_equal(p.n, rows[i].n);
		for (unsigned n = 0; n < p.n; n++)
			assert_int_equal(p.at[n].fd, 3 + n);
		if (p.n > 0) {
			assert_string_equal(p.at[p.n - 1].name, rows[i].last);
			assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
		}
		assert_null(getenv("LISTEN_PID"));
		assert_null(getenv("LISTEN_FDS"));
		assert_null(getenv("LISTEN_FDNAMES"));
		passed_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(p25_environment)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
