/* wait: conditions instead of pauses. */
#include <poll.h>
#include <time.h>

#include "tests/kit/kit.h"

int64_t kit_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool kit_wait(bool (*cond)(void *arg), void *arg, int ms)
{
	int64_t end = kit_now_ms() + ms;

	while (!cond(arg)) {
		if (kit_now_ms() >= end)
			return false;
		poll(NULL, 0, 2);
	}
	return true;
}
