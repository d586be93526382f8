/* capacity: asks the kernel for descriptors and processors, and shares the descriptors out. */
#include "proxy/control/capacity.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "config/config.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/control/cgroup.h"
#include "proxy/control/control_path.h"
#include "proxy/control/names_list.h"
#include "proxy/control/ocsp.h"
#include "proxy/health/health.h"
#include "proxy/log/log.h"

#define FDS_PER_CONN     2
#define FDS_PER_WORKER   2  /* epoll and eventfd; the listeners come on top */
#define FDS_PER_LISTENER 2  /* its socket, and the client it holds while it waits for room */
#define FDS_RESERVE      24 /* stdio, logs, the workers control and health, signals, and a few to spare */
#define FDS_PER_PIPE     2
#define FDS_USEFUL       64 /* beyond the reserve: fewer are worth a warning */
#define FDS_MOST         1048576 /* more serve nobody and cost the kernel a table */
#define WORKERS_MOST     512u /* as of the key `workers` */
#define CPUS_MOST        (1 << 20) /* in a mask; today's kernels know at most 8192 */
#define PIPES_MOST       32 /* per worker */
#define ADMIN_MOST  64 /* clients of the control plane */
#define ADMIN_LEAST 8
#define ADMIN_SHARE 32 /* one descriptor in so many goes to them */
#define ADMIN_FIXED 16 /* poller, listeners, lock, the one kept back, and those that are about to be closed */
#define PROBE_SHARE 512 /* one descriptor in so many goes to probes of servers that are left out */
#define CHECK_SHARE 32  /* one in so many to checks */
#define LOOKUP_SHARE 16 /* one in so many to look-ups of names */
#define LOOKUP_FDS_MOST 100
#define FDS_PER_LOOKUP 5 /* UDP to each name server that it goes on to, of which dns.servers has four, and TCP */
#define HEDGE_SHARE 128 /* one in so many to second dials beside slow ones */
#define HEDGES_MOST 64
#define WARM_SHARE  8   /* one in so many, at most, to connections that are kept ready */
#define NAME_SERVERS 16 /* addresses that a name is reckoned to have */
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

int64_t capacity_for_conns(void)
{
	return capacity_descriptors() - FDS_RESERVE;
}

uint32_t capacity_descriptors_used(void)
{
	struct stat st;

	return stat("/proc/self/fd", &st) == 0 ? (uint32_t)st.st_size : 0; /* the size: since Linux 6.2 */
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

unsigned capacity_admin_clients(void)
{
	int64_t n = capacity_descriptors() / ADMIN_SHARE;

	if (n > ADMIN_MOST)
		return ADMIN_MOST;
	return n > ADMIN_LEAST ? (unsigned)n : ADMIN_LEAST;
}

unsigned capacity_admin(const struct config *c)
{
	return control_is_on(c) ? ADMIN_FIXED + capacity_admin_clients() : 0;
}

unsigned capacity_probes(void)
{
	int64_t n = capacity_descriptors() / PROBE_SHARE;

	return n < HEALTH_PROBES ? (unsigned)n : HEALTH_PROBES;
}

unsigned capacity_checks(void)
{
	int64_t n = capacity_descriptors() / CHECK_SHARE;

	if (n < 2)
		return 2;
	return n < HEALTH_CHECKS ? (unsigned)n : HEALTH_CHECKS;
}

static bool has_checks(const struct config *c)
{
	for (size_t i = 0; i < c->nupstreams; i++)
		if (config_check_of(&c->upstreams[i]) != NULL || c->upstreams[i].health.agent.port != CONFIG_OFF)
			return true;
	return false;
}

unsigned capacity_lookups(void)
{
	int64_t n = capacity_descriptors() / LOOKUP_SHARE;

	if (n < FDS_PER_LOOKUP)
		return FDS_PER_LOOKUP;
	return n < LOOKUP_FDS_MOST ? (unsigned)n : LOOKUP_FDS_MOST;
}

unsigned capacity_lookups_at_once(void)
{
	return capacity_lookups() / FDS_PER_LOOKUP;
}

static bool has_names(const struct config *c)
{
	for (size_t i = 0; i < c->nupstreams; i++)
		if (names_bring_servers(&c->upstreams[i]))
			return true;
	return false;
}

/* Responses that are asked for at the same time, at most. */
static unsigned capacity_ocsp(const struct config *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->nlisteners; i++) {
		const struct config_tls_in *tls = c->listeners[i].tls;

		for (size_t j = 0; tls != NULL && j < tls->ncertificates; j++)
			n += tls->certificates[j].ocsp_fetch;
	}
	return n < OCSP_AT_ONCE ? n : OCSP_AT_ONCE;
}

/* Those of OCSP responders are no more at once than there are questions. */
static unsigned lookups_aside(const struct config *c)
{
	unsigned all = capacity_lookups(), ocsp = capacity_ocsp(c) * FDS_PER_LOOKUP;

	return has_names(c) || ocsp > all ? all : ocsp;
}

/* One alone is never hedged; a name may have several. */
static bool has_hedges(const struct config *c)
{
	for (size_t i = 0; i < c->nupstreams; i++) {
		const struct config_upstream *u = &c->upstreams[i];

		if (u->hedge != CONFIG_OFF && (u->nservers > 1 || u->servers[0].host != NULL))
			return true;
	}
	return false;
}

/* A hedge lasts as long as a server does not answer, and there is one for one in ten connects at most. */
static unsigned capacity_hedges(void)
{
	int64_t n = capacity_descriptors() / HEDGE_SHARE;

	return n < HEDGES_MOST ? (unsigned)n : HEDGES_MOST;
}

unsigned capacity_warm(unsigned workers, const struct config *c)
{
	int64_t n = 0, most = capacity_descriptors() / WARM_SHARE;

	DCHECK(workers > 0, "a process has a worker");
	for (size_t i = 0; i < c->nupstreams; i++) {
		const struct config_upstream *u = &c->upstreams[i];

		for (size_t j = 0; j < u->nservers && u->warm.connections != CONFIG_OFF; j++)
			n += u->warm.connections * (u->servers[j].host != NULL ? NAME_SERVERS : 1);
	}
	n *= workers;
	return (unsigned)(n < most ? n : most);
}

unsigned capacity_aside(unsigned workers, const struct config *c)
{
	unsigned n = capacity_admin(c) + capacity_warm(workers, c);

	n += has_checks(c) ? capacity_checks() : 0;
	n += lookups_aside(c) + capacity_ocsp(c);
	return n + (has_hedges(c) ? capacity_hedges() : 0);
}

int64_t capacity_connections(unsigned workers, unsigned binds, unsigned pipes, unsigned aside)
{
	int64_t per_worker =
		FDS_PER_WORKER + (int64_t)FDS_PER_LISTENER * binds + (int64_t)FDS_PER_PIPE * pipes;
	int64_t set_aside = FDS_RESERVE + aside + capacity_probes();
	int64_t n = (capacity_descriptors() - set_aside - per_worker * workers) / FDS_PER_CONN;

	DCHECK(workers > 0, "a process has a worker");
	return n > 1 ? n : 1;
}

uint32_t capacity_max(unsigned workers, const struct config *c, unsigned pipes)
{
	int64_t max = c->limits.max_connections;

	return (uint32_t)(max == CONFIG_AUTO ? capacity_connections(workers, capacity_binds(c), pipes,
								capacity_aside(workers, c)) : max);
}

void capacity_log(unsigned workers, int64_t connections)
{
	int64_t nofile = capacity_descriptors();

	log_msg(LVL_NOTICE, "capacity",
		"%u worker%s; up to %lld connection%s (descriptor limit %lld)", workers, workers == 1 ? "" : "s",
		(long long)connections, connections == 1 ? "" : "s", (long long)nofile);
	if (nofile < FDS_RESERVE + FDS_USEFUL)
		log_msg(LVL_WARNING, "few_descriptors",
			"a descriptor limit of %lld leaves room for %lld connection%s; raise "
			"ulimit -n or LimitNOFILE",
			(long long)nofile, (long long)connections, connections == 1 ? "" : "s");
}

/* ---- processors ---- */

/* The affinity mask, as large as this kernel wants it: one of fixed size fails with EINVAL where
 * there may be more processors.   Returns  NULL: it cannot be had. Owns: CPU_FREE. */
static cpu_set_t *affinity_mask(size_t *size, int *count)
{
	for (*count = 1024; *count <= CPUS_MOST; *count *= 2) {
		cpu_set_t *set = CPU_ALLOC((size_t)*count);
		int err = 0;

		if (set == NULL)
			return NULL;
		*size = CPU_ALLOC_SIZE((size_t)*count);
		CPU_ZERO_S(*size, set);
		if (sched_getaffinity(0, *size, set) < 0)
			err = err_from_errno();
		if (err == 0)
			return set;
		CPU_FREE(set);
		if (err != -NP_EINVAL)
			return NULL;
	}
	return NULL;
}

unsigned capacity_cpus(void)
{
	size_t size;
	int count;
	cpu_set_t *set = affinity_mask(&size, &count);
	unsigned n;

	if (set == NULL)
		return 1;
	n = (unsigned)CPU_COUNT_S(size, set);
	CPU_FREE(set);
	return n > 0 ? n : 1;
}

int capacity_cpu(unsigned i)
{
	size_t size;
	int count, found = -1;
	cpu_set_t *set = affinity_mask(&size, &count);

	if (set == NULL)
		return -1;
	for (int cpu = 0; cpu < count && found < 0; cpu++)
		if (CPU_ISSET_S((size_t)cpu, size, set) && i-- == 0)
			found = cpu;
	CPU_FREE(set);
	return found;
}

unsigned capacity_workers(const struct config *c)
{
	unsigned cpus = capacity_cpus(), quota = cgroup_cpus("", 0), n = cpus;

	if (c->workers != CONFIG_AUTO)
		return (unsigned)c->workers;
	if (quota > 0 && quota < n) {
		n = quota;
		log_msg(LVL_NOTICE, "cpu_quota",
			"%u worker%s: a control group allows the time of %u of %u processors", n, n == 1 ? "" : "s",
			quota, cpus);
	}
	if (n > WORKERS_MOST) {
		log_msg(LVL_WARNING, "workers_clamped",
			"%u workers for %u processors: more are not supported", WORKERS_MOST, n);
		n = WORKERS_MOST;
	}
	return n;
}
