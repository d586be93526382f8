/* proc: what /proc says about a process. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kit/own.h"

/* Entries of /proc/PID/sub, "." and ".." aside. */
static int count_entries(pid_t pid, const char *sub)
{
	char path[64];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, sub);
	d = opendir(path);
	if (d == NULL)
		kit_fail("%s: the process is gone", path);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

int kit_proc_fds(pid_t pid)
{
	return count_entries(pid, "fd");
}

int kit_proc_threads(pid_t pid)
{
	return count_entries(pid, "task");
}

long kit_proc_rss_kb(pid_t pid)
{
	char path[64], text[4096];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	kit_file_read(path, text, sizeof(text));
	at = strstr(text, "VmRSS:");
	if (at == NULL)
		kit_fail("%s: no VmRSS, the process is gone", path);
	return strtol(at + strlen("VmRSS:"), NULL, 10);
}

long kit_proc_cpu_ms(pid_t pid)
{
	static const char form[] = "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
	char path[64], text[1024];
	const char *after_name;
	unsigned long user, sys;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	kit_file_read(path, text, sizeof(text));
	/* The name may hold anything, so count fields from its closing parenthesis: state is 3,
	 * utime 14, stime 15. */
	after_name = strrchr(text, ')');
	if (after_name == NULL || sscanf(after_name + 2, form, &user, &sys) != 2)
		kit_fail("%s: the process is gone", path);
	return (long)((user + sys) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

struct fds_wanted {
	pid_t pid;
	int   n;
};

static bool has_fds(void *arg)
{
	const struct fds_wanted *w = arg;

	return kit_proc_fds(w->pid) == w->n;
}

void kit_proc_wait_fds(pid_t pid, int n)
{
	struct fds_wanted w = {pid, n};

	if (!kit_wait(has_fds, &w, KIT_MS))
		kit_fail("pid %d has %d descriptors open, not %d", (int)pid, kit_proc_fds(pid), n);
}
