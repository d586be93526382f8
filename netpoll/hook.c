/* The real calls behind the hook table, and the clock. */
#include "netpoll/hook.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "netpoll/netpoll.h"

int64_t nanotime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#ifdef NP_HOOKS
#include <sys/eventfd.h>

#define X(ret, name, ...) .name = name,
static const struct hook_table real = {HOOK_TBL(X) HOOK_RAW_TBL(X)};
struct hook_table hook = {HOOK_TBL(X) HOOK_RAW_TBL(X)};
#undef X

void hook_reset(void)
{
	hook = real;
}
#endif

int64_t np_nanotime(void)
{
	return sys_nanotime();
}
