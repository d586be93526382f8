/* log_read: what a log has written, read back from files and pipes. */
#ifndef TESTS_UNIT_PROXY_LOG_LOG_READ_H
#define TESTS_UNIT_PROXY_LOG_LOG_READ_H

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/kit/kit.h"

#define EACH 20000 /* records of a worker at most */

static char got[65536];

static uint64_t number_after(const char *s, const char *key)
{
	const char *at = strstr(s, key);
	uint64_t v = 0;

	assert_non_null(at);
	for (at += strlen(key); *at >= '0' && *at <= '9'; at++)
		v = v * 10 + (uint64_t)(*at - '0');
	return v;
}

/* Marks what a file holds; a line that is torn or there twice fails the test. */
static void collect(const char *name, unsigned char (*seen)[EACH])
{
	FILE *f = fopen(name, "re");

	assert_non_null(f);
	while (fgets(got, sizeof(got), f) != NULL) {
		uint64_t worker = number_after(got, "\"staunch.bytes_in\":");
		uint64_t seq = number_after(got, "\"staunch.bytes_out\":");

		assert_int_equal(strncmp(got, "{\"time\":\"", 9), 0);
		assert_null(strchr(got + 1, '{')); /* half a line in front of another */
		assert_string_equal(got + strlen(got) - 2, "}\n");
		assert_in_range(worker, 0, 1);
		assert_in_range(seq, 0, EACH - 1);
		assert_int_equal(seen[worker][seq]++, 0);
	}
	fclose(f);
}

static uint64_t read_lines(int reader)
{
	uint64_t lines = 0;
	ssize_t n;

	while ((n = read(reader, got, sizeof(got))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += got[i] == '\n';
	return lines;
}

static bool has_bytes(void *arg)
{
	int n = 0;

	return ioctl(*(int *)arg, FIONREAD, &n) == 0 && n > 0;
}

#endif
