/* process_stats: read from /proc/self. */
#include "proxy/metrics/process_stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ll

/* As much of the file as there is room for, as text; "" where it cannot be read. */
static void read_proc(const char *path, char *room, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, room, n - 1) : 0;

	room[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* "size resident shared ...", in pages. */
static void read_memory(struct process_stats *out)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[256], *at = text;

	read_proc("/proc/self/statm", text, sizeof(text));
	out->virtual_bytes = strtoull(at, &at, 10) * page;
	out->resident = strtoull(at, &at, 10) * page;
	out->file = strtoull(at, &at, 10) * page;
	out->anonymous = out->resident > out->file ? out->resident - out->file : 0;
}

/* Where a field of stat begins: they are counted from 1, and the 2nd, the name, may hold blanks. */
static const char *stat_field(const char *text, int n)
{
	const char *at = strrchr(text, ')');

	for (int field = 2; at != NULL && field < n; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? at : "";
}

/* Clock ticks after boot. */
static int64_t wall_of(uint64_t ticks)
{
	struct timespec wall, boot;

	if (clock_gettime(CLOCK_REALTIME, &wall) != 0 || clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
		return 0;
	return (wall.tv_sec - boot.tv_sec) * NS + wall.tv_nsec - boot.tv_nsec +
	       (int64_t)ticks * (NS / sysconf(_SC_CLK_TCK));
}

static void read_stat(struct process_stats *out)
{
	char text[1024];

	read_proc("/proc/self/stat", text, sizeof(text));
	if (text[0] == '\0')
		return;
	out->threads = (uint32_t)strtoul(stat_field(text, 20), NULL, 10);
	out->began = wall_of(strtoull(stat_field(text, 22), NULL, 10));
}

static void read_descriptors(struct process_stats *out)
{
	struct rlimit r;
	struct stat st;

	if (stat("/proc/self/fd", &st) == 0)
		out->descriptors = (uint32_t)st.st_size; /* the size: since Linux 6.2 */
	if (getrlimit(RLIMIT_NOFILE, &r) == 0)
		out->most_descriptors = r.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)r.rlim_cur;
}

void process_stats_read(struct process_stats *out)
{
	struct timespec cpu;

	*out = (struct process_stats){0};
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		out->cpu = cpu.tv_sec * NS + cpu.tv_nsec;
	read_memory(out);
	read_stat(out);
	read_descriptors(out);
}
