/* sim: what the simulations share. One worker on the test's own thread, over the fake poller and
 * its clock. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/fake.h"
#include "netpoll/hook.h"
#include "netpoll/worker.h"

#define SIM_START (1000 * NP_S)

/* Runs main(arg) as the first coroutine of a fresh world. Assert after it, not inside. */
static inline void sim_run(void (*main)(void *arg), void *arg)
{
	struct np_worker_opts opts = {.name = "sim", .cpu = -1, .main = main, .arg = arg};

	fake_start(SIM_START);
	assert_int_equal(np_run(&opts), 0);
}

/* A coroutine cannot assert; what it cannot go on without ends the program. */
static inline void sim_need(int err)
{
	CHECK(err == 0, "the simulation cannot go on");
}

static inline unsigned long sim_env(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 10) : otherwise;
}

/* SIM_SEED, which is printed, so that it can be given back. Never 0, where xorshift would stay. */
static inline uint64_t sim_seed(void)
{
	uint64_t seed = sim_env("SIM_SEED", 20240521);

	print_message("SIM_SEED=%llu\n", (unsigned long long)seed);
	return seed != 0 ? seed : 1;
}

static inline uint64_t sim_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#endif
