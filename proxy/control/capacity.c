/* capacity: asks the kernel for descriptors and processors, and shares the descriptors out. */
#include "proxy/control/capacity.h"

#include <sched.h>
#include <sys/resource.h>

#include "config/config.h"
#include "netpoll/check.h"
#include "proxy/log/log.h"

#define FDS_PER_CONN     2
#define FDS_PER_WORKER   2  /* epoll and eventfd; the listeners come on top */
#define FDS_PER_LISTENER 2  /* its socket, and the client it holds while it waits for room */
#define FDS_RESERVE      24 /* stdio, logs, control worker, signals, and a few to spare */
#define FDS_PER_PIPE     2
#define FDS_USEFUL       64 /* beyond the reserve: fewer are worth a warning */
#define FDS_MOST         1048576 /* more serve nobody and cost the kernel a table */
#define PIPES_MOST       32 /* per worker */
#define PIPE_SHARE       32 /* one descriptor in so many goes to pipes */

/* ---- descriptors ---- */

void capacity_raise_descriptors(void)
{
	struct rlimit r;
	rlim_t before;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	before = r.rlim_cur;
	r.rlim_cur = r.rlim_max < FDS_MOST ? r.rlim_max : FDS_MOST;
	if (r.rlim_cur > before)
		(void)!setrlimit(RLIMIT_NOFILE, &r); /* refused: the lower limit is held */
}

int64_t capacity_descriptors(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_NOFILE, &r) == 0 ? (int64_t)r.rlim_cur : 1024;
}

unsigned capacity_pipes(unsigned workers)
{
	int64_t n = capacity_descriptors() / ((int64_t)PIPE_SHARE * FDS_PER_PIPE * workers);

	DCHECK(workers > 0, "a process has a worker");
	return n < PIPES_MOST ? (unsigned)n : PIPES_MOST;
}

unsigned capacity_binds(const struct config *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->nlisteners; i++)
		n += (unsigned)c->listeners[i].nbind;
	return n;
}

int64_t capacity_connections(unsigned workers, unsigned binds, unsigned pipes)
{
	int64_t per_worker =
		FDS_PER_WORKER + (int64_t)FDS_PER_LISTENER * binds + (int64_t)FDS_PER_PIPE * pipes;
	int64_t n = (capacity_descriptors() - FDS_RESERVE - per_worker * workers) / FDS_PER_CONN;

	DCHECK(workers > 0, "a process has a worker");
	return n > 1 ? n : 1;
}

void capacity_log(unsigned workers, int64_t connections)
{
	int64_t nofile = capacity_descriptors();

	log_msg(LVL_NOTICE, "capacity",
		"%u workers; up to %lld connections (descriptor limit %lld)", workers,
		(long long)connections, (long long)nofile);
	if (nofile < FDS_RESERVE + FDS_USEFUL)
		log_msg(LVL_WARNING, "few_descriptors",
			"a descriptor limit of %lld leaves room for %lld connections; raise "
			"ulimit -n or LimitNOFILE",
			(long long)nofile, (long long)connections);
}

/* ---- processors ---- */

unsigned capacity_cpus(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

int capacity_cpu(unsigned i)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &set) && i-- == 0)
			return cpu;
	return -1;
}
