/* gen: the helpers of all verbs: the clock, the exit on an error, the signals to the driver. */
#include "loadtest/gen/gen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void gen_die(const char *what)
{
	fprintf(stderr, "gen: %s: %s\n", what, strerror(errno));
	exit(1);
}

int64_t gen_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * GEN_S + ts.tv_nsec;
}

void gen_begin(void)
{
	puts("begin");
	fflush(stdout);
}

void gen_wait_for_driver(void)
{
	char discard[64];

	fflush(stdout);
	while (read(STDIN_FILENO, discard, sizeof(discard)) > 0)
		;
}
