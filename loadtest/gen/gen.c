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

int64_t gen_due_at(const struct gen_opts *o, int64_t t0, uint64_t i)
{
	return t0 + (int64_t)((double)i * (double)GEN_S / (double)o->rate);
}

int gen_wait_until(int epfd, struct epoll_event *events, int64_t until)
{
	int64_t ns = until - gen_now();
	struct timespec ts = {.tv_sec = ns / GEN_S, .tv_nsec = ns % GEN_S};
	const struct timespec none = {0};

	return epoll_pwait2(epfd, events, GEN_BATCH, ns > 0 ? &ts : &none, NULL);
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
