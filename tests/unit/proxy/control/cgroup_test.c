/* V15: the limits of a control group count, of version 2 and 1, the tightest of all levels that can
 * be seen. */
#include "proxy/control/cgroup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/kit/kit.h"

#define V2_MOUNT "31 24 0:27 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT "30 24 0:26 / /cg/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"

/* A file below the test's directory, with the directories above it. */
static void put(const char *name, const char *text)
{
	char path[KIT_PATH + 128];

	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	for (char *p = path + strlen(kit_dir()) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	kit_file_write(name, text, path);
}

static const struct quota_row {
	const char *what, *cgroup, *mounts;
	struct {
		const char *name, *text;
	} files[6];
	unsigned expected;
} rows[] = {
	{"no files at all", NULL, NULL, {{NULL, NULL}}, 0},
	{"max", "0::/a\n", V2_MOUNT, {{"cg/a/cpu.max", "max 100000\n"}}, 0},
	{"exact", "0::/a\n", V2_MOUNT, {{"cg/a/cpu.max", "200000 100000\n"}}, 2},
	{"rounded up", "0::/a\n", V2_MOUNT, {{"cg/a/cpu.max", "250000 100000\n"}}, 3},
	{"at least one", "0::/a\n", V2_MOUNT, {{"cg/a/cpu.max", "1000 100000\n"}}, 1},
	{"a parent's is tighter", "0::/a/b/c\n", V2_MOUNT,
	 {{"cg/a/b/c/cpu.max", "400000 100000\n"}, {"cg/a/b/cpu.max", "max 100000\n"},
	  {"cg/a/cpu.max", "300000 100000\n"}}, 3},
	{"the root of a container's mount", "0::/\n", V2_MOUNT, {{"cg/cpu.max", "500000 100000\n"}}, 5},
	{"a part of the hierarchy is mounted", "0::/pod/x/y\n",
	 "31 24 0:27 /pod/x /cg rw - cgroup2 cgroup2 rw\n",
	 {{"cg/y/cpu.max", "max 100000\n"}, {"cg/cpu.max", "700000 100000\n"}}, 7},
	{"version 1", "5:memory:/m\n4:cpu,cpuacct:/a\n0::/\n", V1_MOUNT,
	 {{"cg/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n"}, {"cg/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}},
	 2},
	{"version 1, none", "4:cpu,cpuacct:/a\n", V1_MOUNT,
	 {{"cg/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n"}, {"cg/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}}, 0},
	{"version 1, a parent's", "4:cpu,cpuacct:/a/b\n", V1_MOUNT,
	 {{"cg/cpu,cpuacct/a/b/cpu.cfs_quota_us", "800000\n"},
	  {"cg/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"},
	  {"cg/cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n"},
	  {"cg/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n"}}, 2},
	{"cpuset is not cpu", "4:cpuset:/a\n", V1_MOUNT,
	 {{"cg/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n"}, {"cg/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}},
	 0},
	{"garbage", "0::/a\nxx\n\n", V2_MOUNT, {{"cg/a/cpu.max", "-5 0 nonsense\n"}}, 0},
};

static void quotas(void **state)
{
	for (size_t i = 0; i < array_len(rows); i++) {
		const struct quota_row *r = &rows[i];

		if (r->cgroup != NULL)
			put("proc/self/cgroup", r->cgroup);
		if (r->mounts != NULL)
			put("proc/self/mountinfo", r->mounts);
		for (size_t j = 0; j < array_len(r->files) && r->files[j].name != NULL; j++)
			put(r->files[j].name, r->files[j].text);
		if (cgroup_cpus(kit_dir(), 0) != r->expected)
			fail_msg("%s: %u", r->what, cgroup_cpus(kit_dir(), 0));
		kit_end(state); /* the directory goes; the next row starts with an empty one */
	}
}

#define V1_MEMORY "30 24 0:26 / /cg/memory rw shared:9 - cgroup cgroup rw,memory\n"

static const struct memory_row {
	const char *what, *cgroup, *mounts;
	struct {
		const char *name, *text;
	} files[3];
	int64_t expected;
} memory_rows[] = {
	{"max", "0::/a\n", V2_MOUNT, {{"cg/a/memory.max", "max\n"}, {"cg/a/memory.high", "max\n"}}, 0},
	{"a number", "0::/a\n", V2_MOUNT, {{"cg/a/memory.max", "1048576\n"}}, 1048576},
	{"it is slowed down earlier", "0::/a\n", V2_MOUNT,
	 {{"cg/a/memory.max", "max\n"}, {"cg/a/memory.high", "4096\n"}}, 4096},
	{"a parent's is tighter", "0::/a/b\n", V2_MOUNT,
	 {{"cg/a/b/memory.max", "8192\n"}, {"cg/a/memory.max", "4096\n"}}, 4096},
	{"version 1", "5:memory:/m\n4:cpu:/a\n", V1_MEMORY, {{"cg/memory/m/memory.limit_in_bytes", "65536\n"}}, 65536},
	{"version 1, none", "5:memory:/m\n", V1_MEMORY,
	 {{"cg/memory/m/memory.limit_in_bytes", "9223372036854771712\n"}}, 0},
};

static void memory(void **state)
{
	for (size_t i = 0; i < array_len(memory_rows); i++) {
		const struct memory_row *r = &memory_rows[i];

		put("proc/7/cgroup", r->cgroup);
		put("proc/self/mountinfo", r->mounts);
		for (size_t j = 0; j < array_len(r->files) && r->files[j].name != NULL; j++)
			put(r->files[j].name, r->files[j].text);
		if (cgroup_memory(kit_dir(), 7) != r->expected)
			fail_msg("%s: %lld", r->what, (long long)cgroup_memory(kit_dir(), 7));
		assert_int_equal(cgroup_memory(kit_dir(), 8), 0);
		kit_end(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(quotas, kit_end),
		cmocka_unit_test_teardown(memory, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
