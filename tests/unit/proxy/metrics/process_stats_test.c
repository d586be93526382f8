/* process_stats: the numbers of this very process. */
#include "proxy/metrics/process_stats.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/kit/kit.h"

static void memory_is_seen_when_it_is_touched(void **state)
{
	const size_t n = 64u << 20;
	struct process_stats before, after;
	char *block = malloc(n);

	(void)state;
	assert_non_null(block);
	process_stats_read(&before);
	memset(block, 1, n);
	process_stats_read(&after);
	free(block);
	assert_true(after.anonymous >= before.anonymous + n / 2);
	assert_true(after.resident >= after.anonymous);
	assert_true(after.virtual_bytes >= after.resident);
	assert_int_equal(after.resident, after.anonymous + after.file);
}

static void descriptors_and_their_limit_are_counted(void **state)
{
	struct process_stats before, after;
	struct rlimit r;
	int fd;

	(void)state;
	process_stats_read(&before);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	process_stats_read(&after);
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(after.most_descriptors, r.rlim_cur);
	if (before.descriptors > 0) /* this kernel says it */
		assert_int_equal(after.descriptors, before.descriptors + 1);
}

static void time_passes(void **state)
{
	struct process_stats one, two;
	struct timespec now;

	(void)state;
	process_stats_read(&one);
	do
		process_stats_read(&two);
	while (two.cpu == one.cpu);
	assert_true(two.cpu > one.cpu);
	clock_gettime(CLOCK_REALTIME, &now);
	assert_in_range(two.began / 1000000000, now.tv_sec - 3600, now.tv_sec);
	assert_int_equal(one.threads, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_seen_when_it_is_touched),
		cmocka_unit_test(descriptors_and_their_limit_are_counted),
		cmocka_unit_test(time_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
