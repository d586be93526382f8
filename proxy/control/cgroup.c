/* cgroup: /proc/PID/cgroup says in which group the process is, /proc/self/mountinfo where that
 * hierarchy is mounted; then every level from the group up to the mount is asked.
 *
 *   version 2  "0::/a/b"             mount of type cgroup2             cpu.max            "200000 100000", "max 100000"
 *                                                                      memory.max, .high  "1048576", "max"
 *   version 1  "4:cpu,cpuacct:/a/b"  cgroup with the option cpu        cpu.cfs_quota_us   -1: none
 *                                                                      cpu.cfs_period_us
 *              "5:memory:/a/b"       cgroup with the option memory     memory.limit_in_bytes, a huge number: none
 *
 * A parent's limit binds its children, so the tightest level counts. In a container the levels
 * above the mount cannot be seen. Go 1.25 looks at the same files (internal/cgroup), but at one
 * level, and takes at least 2. */
#include "proxy/control/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM  4096
#define PATH_SHORT 512 /* of a root and a name of proc */
#define NO_LIMIT   (INT64_C(1) << 60) /* bytes: version 1 writes such a number where there is none */

/* A hierarchy that may hold a limit of the process. */
struct group {
	const char *root;           /* the caller's */
	const char *controller;     /* "cpu", "memory" */
	char process[16];           /* "self", or its number */
	int64_t (*level)(struct group *g); /* the limit of one level; 0: none */
	bool v2;
	char path[PATH_ROOM];       /* in the hierarchy: "/a/b" */
	char mount[PATH_ROOM];      /* where it is mounted */
	char line[PATH_ROOM];       /* scratch */
	char dir[3 * PATH_ROOM];    /* scratch: the level that is asked */
	char mount_root[PATH_ROOM]; /* which part of the hierarchy is mounted there */
};

/* ---- where ---- */

/* Is `word` an element of this list with commas? */
static bool list_has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p != NULL;
	     p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

/* "4:cpu,cpuacct:/a/b" */
static bool group_from_line(struct group *g, char *line)
{
	char *controllers = strchr(line, ':'),
	     *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

	if (path == NULL)
		return false;
	*path++ = '\0';
	controllers++;
	if (g->v2 ? controllers[0] != '\0' : !list_has_word(controllers, g->controller))
		return false;
	snprintf(g->path, sizeof(g->path), "%s", path);
	return true;
}

/* "31 24 0:27 /root /sys/fs/cgroup rw,nosuid shared:5 - cgroup2 cgroup2 rw,nsdelegate" */
static bool mount_from_line(struct group *g, char *line)
{
	char *rest = strstr(line, " - "), type[16], options[512];

	if (rest == NULL || sscanf(rest, " - %15s %*s %511s", type, options) != 2)
		return false;
	if (strcmp(type, g->v2 ? "cgroup2" : "cgroup") != 0 ||
	    (!g->v2 && !list_has_word(options, g->controller)))
		return false;
	return sscanf(line, "%*s %*s %*s %4095s %4095s", g->mount_root, g->mount) == 2;
}

/* The first line of a file of proc that `read` takes. */
static bool find_line(struct group *g, const char *process, const char *name, bool (*read)(struct group *g, char *line))
{
	char path[PATH_SHORT];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%.480s/proc/%s/%s", g->root, process, name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(g->line, sizeof(g->line), f) != NULL) {
		g->line[strcspn(g->line, "\n")] = '\0';
		found = read(g, g->line);
	}
	fclose(f);
	return found;
}

/* ---- how much ---- */

/* The one or two figures of a file of this level. */
static bool read_figures(struct group *g, const char *name, int64_t *a, int64_t *b)
{
	size_t n_dir = strlen(g->dir);
	char text[64] = "";
	long long x, y = 0;
	int n = 0;
	FILE *f;

	snprintf(g->dir + n_dir, sizeof(g->dir) - n_dir, "/%s", name);
	f = fopen(g->dir, "re");
	g->dir[n_dir] = '\0';
	if (f == NULL)
		return false;
	if (fgets(text, sizeof(text), f) != NULL)
		n = sscanf(text, "%lld %lld", &x, &y); /* "max" is no number: no quota */
	fclose(f);
	if (n < 1)
		return false;
	*a = x;
	*b = y;
	return true;
}

/* Processors' worth of time, rounded up. */
static int64_t level_cpus(struct group *g)
{
	int64_t quota, period, unused;

	if (g->v2) {
		if (!read_figures(g, "cpu.max", &quota, &period))
			return 0;
	} else if (!read_figures(g, "cpu.cfs_quota_us", &quota, &unused) ||
		   !read_figures(g, "cpu.cfs_period_us", &period, &unused)) {
		return 0;
	}
	if (quota <= 0 || period <= 0)
		return 0;
	quota = (quota - 1) / period + 1;
	return quota < UINT32_MAX ? quota : UINT32_MAX;
}

static int64_t tighter(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

/* Bytes. */
static int64_t level_memory(struct group *g)
{
	int64_t max = 0, high = 0, unused;
	bool has_max, has_high;

	if (!g->v2) {
		(void)read_figures(g, "memory.limit_in_bytes", &max, &unused);
	} else {
		has_max = read_figures(g, "memory.max", &max, &unused);
		has_high = read_figures(g, "memory.high", &high, &unused);
		if (has_max || has_high)
			max = tighter(max, high);
	}
	return max > 0 && max < NO_LIMIT ? max : 0;
}

/* From the group up to the mount. What lies above the mount's root is not part of the path there.
 */
static int64_t group_limit(struct group *g)
{
	size_t above = strcmp(g->mount_root, "/") == 0 ? 0 : strlen(g->mount_root);
	int64_t least = 0;
	char *path = g->path;

	if (above > 0 && strncmp(path, g->mount_root, above) == 0)
		path += above;
	for (;;) {
		char *slash;

		snprintf(g->dir, sizeof(g->dir), "%.4095s%.4095s%.4095s", g->root, g->mount, path);
		least = tighter(least, g->level(g));
		slash = strrchr(path, '/');
		if (slash == NULL)
			return least;
		*slash = '\0';
	}
}

/* The tightest limit of both versions. */
static int64_t limit_of(const char *root, pid_t pid, const char *controller, int64_t (*level)(struct group *g))
{
	struct group *g = malloc(sizeof(*g)); /* too large for a stack */
	int64_t least = 0;

	for (int v2 = 0; g != NULL && v2 < 2; v2++) {
		*g = (struct group){.root = root, .controller = controller, .process = "self", .level = level,
				    .v2 = v2 != 0};
		if (pid != 0)
			snprintf(g->process, sizeof(g->process), "%d", (int)pid);
		if (find_line(g, g->process, "cgroup", group_from_line) &&
		    find_line(g, "self", "mountinfo", mount_from_line))
			least = tighter(least, group_limit(g));
	}
	free(g);
	return least;
}

unsigned cgroup_cpus(const char *root, pid_t pid)
{
	return (unsigned)limit_of(root, pid, "cpu", level_cpus);
}

int64_t cgroup_memory(const char *root, pid_t pid)
{
	return limit_of(root, pid, "memory", level_memory);
}
