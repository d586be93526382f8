/* cli_doctor_machine: the kernel's settings and the control group, against what the file asks for.
 *
 * Settings of the network belong to a network namespace: those seen are of the namespace in which the verb runs, so
 * in a container it runs beside the process. The control group is that of the process, if there is one.
 *
 * What the file leaves to us (auto) is as large as the machine allows, and nobody may ever need it: a setting that is
 * too small for it is a note. A number in the file is a promise, and what breaks it is a problem.
 *
 * Thresholds of taste, such as larger socket buffers, have no row: the kernel tunes those itself. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_doctor.h"
#include "proxy/control/capacity.h"
#include "proxy/control/cgroup.h"

#define BACKLOG       4096 /* of a listener that says nothing */
#define NOFILE_FEW    4096
#define NOFILE_WANTED 65536
#define PORTS_MOST    64512 /* 1024 to 65535 */
#define FULL          80 /* per cent */
#define PIPE_WORTH    (256 << 10)
#define PIPE_WANTED   (1 << 20)
#define PAGE          4096
#define PIPES_USEFUL  16 /* a worker */
#define MIB           (INT64_C(1) << 20)

/* What an idle connection takes: of ours, and of the kernel's for its two sockets, which counts in a control group.
 * Ours is 432 bytes, and about 3 KiB for each side that is TLS; two sockets with their files take about 10 KiB of the
 * kernel. Bytes in flight come on top, so this is the least that a full process holds. */
#define PLAIN_BYTES   (12 * INT64_C(1024))
#define TLS_BYTES     (4 * INT64_C(1024)) /* more, for each side that is TLS */
#define PROCESS_BYTES (48 * MIB)

/* ---- reading ----
 * A file that is not there is no error: a sandbox hides /proc/sys, and modules bring theirs. */

bool doctor_line(const struct doctor *d, const char *path, char out[DOCTOR_TEXT])
{
	char whole[512];
	FILE *f;
	bool got;

	snprintf(whole, sizeof(whole), "%.250s%.250s", d->root, path);
	f = fopen(whole, "re");
	got = f != NULL && fgets(out, DOCTOR_TEXT, f) != NULL;
	if (f != NULL)
		fclose(f);
	if (got)
		out[strcspn(out, "\n")] = '\0';
	return got;
}

bool doctor_number(const struct doctor *d, const char *path, int64_t *out)
{
	char line[DOCTOR_TEXT], *end;

	if (!doctor_line(d, path, line))
		return false;
	*out = strtoll(line, &end, 10);
	return end != line;
}

/* A number that has to be at least so much. f has what else is told of it. */
static void want_least(struct doctor *d, const struct doctor_finding *f, int64_t is, int64_t wanted)
{
	struct doctor_finding full = *f;

	if (is >= wanted)
		return;
	snprintf(full.value, sizeof(full.value), "%lld", (long long)is);
	snprintf(full.wanted, sizeof(full.wanted), "%lld", (long long)wanted);
	doctor_found(d, &full);
}

/* ---- what the file asks for ---- */

/* Without a file there is no number either. */
bool doctor_connections(const struct doctor *d, int64_t *out)
{
	*out = d->c != NULL ? d->c->limits.max_connections : CONFIG_AUTO;
	return *out != CONFIG_AUTO;
}

/* As capacity_workers, which logs: the quota is that of the process that is looked at, not of this one. */
unsigned doctor_workers(const struct doctor *d)
{
	unsigned cpus = capacity_cpus(), quota = cgroup_cpus(d->root, d->pid);

	if (d->c != NULL && d->c->workers != CONFIG_AUTO)
		return (unsigned)d->c->workers;
	return quota > 0 && quota < cpus ? quota : cpus;
}

/* What the descriptors of the process allow: the file's number, or for auto all of them. */
static int64_t most_connections(const struct doctor *d)
{
	int64_t max;

	if (doctor_connections(d, &max))
		return max;
	if (d->status != NULL)
		return json_number(d->status, "connections.max");
	return d->nofile / 2;
}

/* One number bounds all listeners, so the largest backlog counts, and the listener that has it is named. */
static int64_t most_backlog(const struct doctor *d, const char **listener)
{
	int64_t most = 0;

	*listener = "a listener";
	for (size_t i = 0; d->c != NULL && i < d->c->nlisteners; i++)
		if (d->c->listeners[i].backlog > most) {
			most = d->c->listeners[i].backlog;
			*listener = d->c->listeners[i].name;
		}
	return most > 0 ? most : BACKLOG;
}

/* ---- descriptors and queues ---- */

/* What is set aside besides connections follows from what this process could have. Where the file leaves the number to
 * us, a limit as Debian gives it to a shell's children is worth a note, and a smaller one more than that. */
void doctor_nofile(struct doctor *d)
{
	unsigned workers = doctor_workers(d), pipes = capacity_pipes(workers);
	int64_t max, wanted = NOFILE_WANTED;
	struct doctor_finding f = {.note = d->nofile >= NOFILE_FEW};

	if (doctor_connections(d, &max)) {
		f.note = false;
		wanted = 2 * max + capacity_descriptors() -
			 2 * capacity_connections(workers, capacity_binds(d->c), pipes, capacity_aside(workers, d->c));
	}
	want_least(d, &f, d->nofile, wanted);
}

/* The start has a warning of its own for this, but in a log that nobody reads before there is trouble. */
void doctor_somaxconn(struct doctor *d)
{
	struct doctor_finding f = {0};
	const char *listener;
	int64_t is, wanted = most_backlog(d, &listener);

	snprintf(f.subject, sizeof(f.subject), "%s", listener);
	if (doctor_number(d, "/proc/sys/net/core/somaxconn", &is))
		want_least(d, &f, is, wanted);
	else
		doctor_unseen(d);
}

/* With cookies a burst loses options alone. */
/* The kernel looks at it for each listening socket, beside the socket's own backlog. */
void doctor_syn_backlog(struct doctor *d)
{
	struct doctor_finding f = {0};
	const char *listener;
	int64_t is, cookies = 1, wanted = most_backlog(d, &listener);

	f.note = !doctor_number(d, "/proc/sys/net/ipv4/tcp_syncookies", &cookies) || cookies != 0;
	if (doctor_number(d, "/proc/sys/net/ipv4/tcp_max_syn_backlog", &is))
		want_least(d, &f, is, wanted);
	else
		doctor_unseen(d);
}

/* ---- ports ---- */

/* The range as it is shown, and how many ports are in it. Those that are reserved are not taken off: few are. */
static bool read_ports(const struct doctor *d, int64_t *n, char range[DOCTOR_TEXT])
{
	int low, high;

	if (!doctor_line(d, "/proc/sys/net/ipv4/ip_local_port_range", range) ||
	    sscanf(range, "%d %d", &low, &high) != 2)
		return false;
	snprintf(range, DOCTOR_TEXT, "%d %d", low, high);
	*n = high - low + 1;
	return true;
}

/* The priority that is used first of an upstream's servers. */
static int64_t first_priority(const struct config_upstream *u)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < u->nservers; i++)
		if (u->servers[i].weight > 0 && config_server_priority(&u->servers[i]) < first)
			first = config_server_priority(&u->servers[i]);
	return first;
}

/* A server's share of what the file allows, where it says a number; where one is left the others' as well. Each server
 * is looked at alone. With auto and no max_connections of its own nothing is expected, for all that the
 * descriptors allow may never come. */
static int64_t expected_connects(const struct doctor *d, const struct config_upstream *u, const struct config_server *s)
{
	int64_t n, sharing = 0, first = first_priority(u);

	if (!doctor_connections(d, &n))
		n = 0;
	for (size_t i = 0; i < u->nservers; i++)
		sharing += config_server_priority(&u->servers[i]) == first && u->servers[i].weight > 0;
	if (config_server_priority(s) != first || s->weight == 0)
		n = 0;
	else if (sharing > 0)
		n = (n + sharing - 1) / sharing;
	if (s->max_connections != CONFIG_OFF && (n == 0 || s->max_connections < n))
		n = s->max_connections;
	return n;
}

/* Per server and not in sum: a port of ours serves each address of theirs once. */
void doctor_ports(struct doctor *d)
{
	char range[DOCTOR_TEXT];
	int64_t ports;

	if (!read_ports(d, &ports, range)) {
		doctor_unseen(d);
		return;
	}
	for (size_t i = 0; d->c != NULL && i < d->c->nupstreams; i++)
		for (size_t j = 0; j < d->c->upstreams[i].nservers; j++) {
			const struct config_server *s = &d->c->upstreams[i].servers[j];
			int64_t n = expected_connects(d, &d->c->upstreams[i], s);
			struct doctor_finding f = {0};

			if (s->host != NULL || np_addr_is_unix(&s->addr) || n <= ports)
				continue;
			snprintf(f.subject, sizeof(f.subject), "%.60s/%.200s", d->c->upstreams[i].name, s->text);
			snprintf(f.value, sizeof(f.value), "%.60s, %lld ports for up to %lld connections", range,
				 (long long)ports, (long long)n);
			snprintf(f.wanted, sizeof(f.wanted), "%s",
				 ports < PORTS_MOST ? "1024 65535" : "more addresses of it");
			doctor_found(d, &f);
		}
}

/* What the process holds now. A Unix server takes no ports. */
void doctor_ports_used(struct doctor *d)
{
	char range[DOCTOR_TEXT];
	int64_t ports;

	if (!read_ports(d, &ports, range) || (d->status != NULL && d->servers == NULL)) {
		doctor_unseen(d); /* it answers, but has not told of its servers */
		return;
	}
	for (const char *s = json_first(d->servers, "servers"); s != NULL; s = json_next(s)) {
		int64_t active = json_number(s, "active");
		struct doctor_finding f = {.wanted = "80 % at most"};
		size_t nup = 0, nserver = 0;
		const char *up = json_find(s, "upstream", &nup), *server = json_find(s, "server", &nserver);

		if (active * 100 <= ports * FULL || up == NULL || server == NULL || server[0] == '/' ||
		    strncmp(server, "unix:", 5) == 0)
			continue;
		snprintf(f.subject, sizeof(f.subject), "%.*s/%.*s", (int)nup, up, (int)nserver, server);
		snprintf(f.value, sizeof(f.value), "%lld of %lld", (long long)active, (long long)ports);
		doctor_found(d, &f);
	}
}

/* ---- conntrack ---- */

#define CONNTRACK "/proc/sys/net/netfilter/nf_conntrack_"

/* Without the module there is no table, and no file. */
/* Both legs are in the table: the client's, and ours to the server. */
void doctor_conntrack(struct doctor *d)
{
	int64_t is, chosen;
	struct doctor_finding f = {.note = !doctor_connections(d, &chosen)};

	if (doctor_number(d, CONNTRACK "max", &is))
		want_least(d, &f, is, 2 * most_connections(d));
}

/* A file of the whole network namespace: others fill the table as well. */
void doctor_conntrack_used(struct doctor *d)
{
	struct doctor_finding f = {0};
	int64_t max, used;

	if (!doctor_number(d, CONNTRACK "max", &max) || !doctor_number(d, CONNTRACK "count", &used) ||
	    used * 100 <= max * FULL)
		return;
	snprintf(f.value, sizeof(f.value), "%lld of %lld", (long long)used, (long long)max);
	snprintf(f.wanted, sizeof(f.wanted), "%lld", (long long)max * 2);
	doctor_found(d, &f);
}

/* ---- control groups ---- */

/* For `workers: auto` the start looks at the same quota, so only a number in the file can be too high. */
void doctor_cpu(struct doctor *d)
{
	unsigned quota = cgroup_cpus(d->root, d->pid), workers = doctor_workers(d);
	struct doctor_finding f = {0};

	if (quota == 0 || workers <= quota)
		return;
	snprintf(f.value, sizeof(f.value), "%u", workers);
	snprintf(f.wanted, sizeof(f.wanted), "%u", quota);
	doctor_found(d, &f);
}

/* A connection where both sides are TLS, if some of the file's may be. */
/* Which of the listeners and upstreams will be busy is not known: the dearest pair is counted. */
static int64_t connection_bytes(const struct config *c)
{
	int64_t in = 0, out = 0;

	for (size_t i = 0; c != NULL && i < c->nlisteners; i++)
		in |= c->listeners[i].tls != NULL;
	for (size_t i = 0; c != NULL && i < c->nupstreams; i++)
		out |= c->upstreams[i].tls != NULL;
	return PLAIN_BYTES + (in + out) * TLS_BYTES;
}

/* The limit counts the kernel's memory of our sockets too. Idle connections are the least that can be: bytes in flight
 * come on top. */
void doctor_memory(struct doctor *d)
{
	int64_t limit = cgroup_memory(d->root, d->pid), each = connection_bytes(d->c), n, room;
	int64_t needed = PROCESS_BYTES + most_connections(d) * each;
	struct doctor_finding f = {.note = !doctor_connections(d, &n)};

	if (limit == 0 || limit >= needed)
		return;
	room = limit > PROCESS_BYTES ? (limit - PROCESS_BYTES) / each : 0;
	if (room > 0)
		snprintf(f.subject, sizeof(f.subject), "%lld", (long long)room);
	else
		snprintf(f.subject, sizeof(f.subject), "less");
	snprintf(f.value, sizeof(f.value), "%lld MiB for up to %lld connections", (long long)(limit / MIB),
		 (long long)most_connections(d));
	snprintf(f.wanted, sizeof(f.wanted), "%lld MiB", (long long)(needed / MIB + 1));
	doctor_found(d, &f);
}

/* ---- memory and pipes ---- */

/* madvise leaves it to the program, and ours asks for none. */
void doctor_thp(struct doctor *d)
{
	char line[DOCTOR_TEXT];
	struct doctor_finding f = {.note = true, .value = "always", .wanted = "madvise"};

	if (!doctor_line(d, "/sys/kernel/mm/transparent_hugepage/enabled", line))
		doctor_unseen(d);
	else if (strstr(line, "[always]") != NULL)
		doctor_found(d, &f);
}

/* The bound is the one below which the core gives a pipe back (netpoll/fd_splice.c). */
void doctor_pipe_size(struct doctor *d)
{
	struct doctor_finding f = {.note = true};
	int64_t is;

	if (!doctor_number(d, "/proc/sys/fs/pipe-max-size", &is))
		doctor_unseen(d);
	else if (is < PIPE_WORTH)
		want_least(d, &f, is, PIPE_WANTED);
}

/* 0 is no bound. Root has none either, but the service is not root. */
/* A worker lends pipes to transfers, so a few a worker serve many connections. */
void doctor_pipe_pages(struct doctor *d)
{
	struct doctor_finding f = {.note = true};
	int64_t is;

	if (!doctor_number(d, "/proc/sys/fs/pipe-user-pages-soft", &is))
		doctor_unseen(d);
	else if (is != 0)
		want_least(d, &f, is, (int64_t)doctor_workers(d) * PIPES_USEFUL * PIPE_WANTED / PAGE);
}

/* Which of cubic and bbr is better is the path's to say; reno is neither. */
void doctor_congestion(struct doctor *d)
{
	char line[DOCTOR_TEXT];
	struct doctor_finding f = {.note = true, .wanted = "cubic"};

	if (!doctor_line(d, "/proc/sys/net/ipv4/tcp_congestion_control", line)) {
		doctor_unseen(d);
	} else if (strcmp(line, "reno") == 0) {
		snprintf(f.value, sizeof(f.value), "%s", line);
		doctor_found(d, &f);
	}
}
