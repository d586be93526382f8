/* beneath: what is read lies below one directory, whatever links say, and is a regular file. */
#include "config/text/beneath.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"
#include "tests/unit/config/load.h"

static char path[KIT_PATH];

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	return path;
}

static int open_dir(void)
{
	int dir = open(kit_dir(), O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	return dir;
}

static void make_socket(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(snprintf(a.sun_path, sizeof(a.sun_path), "%s", in_dir(name)) < (int)sizeof(a.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
}

static void make_files(void)
{
	char file[KIT_PATH], link[KIT_PATH];

	assert_int_equal(mkdir(in_dir("d"), 0755), 0);
	kit_file_write("d/file", "text\n", file);
	assert_int_equal(mkfifo(in_dir("d/fifo"), 0600), 0);
	assert_int_equal(symlink("file", in_dir("d/near")), 0);
	assert_int_equal(symlink("../d/file", in_dir("d/up-and-back")), 0);
	assert_int_equal(symlink(file, in_dir("d/absolute")), 0);
	assert_int_equal(symlink("../../..", in_dir("d/out")), 0);
	assert_int_equal(symlink("../.", in_dir("d/through")), 0);
	assert_int_equal(symlink("circle", in_dir("d/circle")), 0);
	assert_int_equal(symlink("nothing", in_dir("d/broken")), 0);
	snprintf(link, sizeof(link), "/proc/self/fd/0");
	assert_int_equal(symlink(link, in_dir("d/magic")), 0);
	make_socket("d/socket");
}

/* O40. An absolute link is out, even one to a file within: what it means depends on where it is read. */
static void o40_nothing_leads_out(void **state)
{
	static const struct {
		const char *path;
		int err;
		const char *kind;
	} rows[] = {
		{"/etc/passwd", -EXDEV, NULL},
		{"../x", -EXDEV, NULL},
		{"d/../../x", -EXDEV, NULL},
		{"d/absolute", -EXDEV, NULL},
		{"d/out", -EXDEV, NULL},
		{"d/out/etc/passwd", -EXDEV, NULL},
		{"d/magic", -EXDEV, NULL},
		{"d/circle", -ELOOP, NULL},
		{"d/broken", -NP_ENOENT, NULL},
		{"d/none", -NP_ENOENT, NULL},
		{"d/file/x", -ENOTDIR, NULL},
		{"", -NP_ENOENT, NULL},
		{"d", -NP_EINVAL, "a directory"},
		{"d/fifo", -NP_EINVAL, "a FIFO"},
		{"d/socket", -NP_EINVAL, "a socket"},
		{"d/file", 0, NULL},
		{"d/near", 0, NULL},
		{"d/up-and-back", 0, NULL},
		{"d/./../d//file", 0, NULL},
		{"d/./../../x", -EXDEV, NULL},
		{"d/file/", -ENOTDIR, NULL},
		{"d/through/d/through/d/file", 0, NULL},
		{"d/through/..", -EXDEV, NULL},
	};
	int dir;

	(void)state;
	make_files();
	dir = open_dir();
	for (size_t i = 0; i < array_len(rows); i++) {
		mode_t mode = 0;
		int fd = beneath_open(dir, rows[i].path, &mode);

		if (rows[i].err != 0 ? fd != rows[i].err : fd < 0)
			fail_msg("%s: %d", rows[i].path, fd);
		if (rows[i].kind != NULL)
			assert_string_equal(beneath_kind(mode), rows[i].kind);
		if (fd >= 0)
			close(fd);
	}
	assert_string_equal(beneath_kind(S_IFCHR), "a device");
	close(dir);
}

static void o34_names_come_in_byte_order(void **state)
{
	static const char *const made[] = {"b.yaml", "a.yaml", "B.yaml", "10.yaml", "9.yaml", "\xc3\xa4.yaml",
					   ".hidden.yaml", "a.yaml~", "a.yml", "#a.yaml#"};
	static const char *const want[] = {"10.yaml", "9.yaml", "B.yaml", "a.yaml", "b.yaml", "\xc3\xa4.yaml"};
	struct beneath_names names;
	char name[64];
	int dir;

	(void)state;
	assert_int_equal(mkdir(in_dir("d"), 0755), 0);
	for (size_t i = 0; i < array_len(made); i++) {
		snprintf(name, sizeof(name), "d/%s", made[i]);
		kit_file_write(name, "", path);
	}
	dir = open_dir();
	assert_int_equal(beneath_match(dir, "d", "*.yaml", 6, &names), 0);
	assert_int_equal(names.n, array_len(want));
	for (size_t i = 0; i < names.n; i++)
		assert_string_equal(names.name[i], want[i]);
	beneath_names_fini(&names);
	assert_int_equal(beneath_match(dir, "d", "*.yaml", 5, &names), -E2BIG);
	beneath_names_fini(&names);
	assert_int_equal(beneath_match(dir, "d", ".h*", 5, &names), 0);
	assert_int_equal(names.n, 1);
	beneath_names_fini(&names);
	assert_int_equal(beneath_match(dir, "none", "*", 5, &names), -NP_ENOENT);
	assert_int_equal(beneath_match(dir, "..", "*", 5, &names), -EXDEV);
	assert_int_equal(beneath_match(dir, "d/a.yaml", "*", 5, &names), -ENOTDIR);
	beneath_names_fini(&names);
	close(dir);
}

/* From here on openat2 is a call that this process does not have, as under systemd's RestrictSUIDSGID=. */
static void forbid_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = array_len(code), .filter = code};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	assert_int_equal(syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0), -1);
	assert_int_equal(errno, ENOSYS);
}

static void o40_nor_does_it_without_openat2(void **state)
{
	int fds = kit_proc_fds(getpid());

	forbid_openat2();
	o40_nothing_leads_out(state);
	kit_end(state);
	o34_names_come_in_byte_order(state);
	assert_int_equal(kit_proc_fds(getpid()), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o40_nothing_leads_out, kit_end),
		cmocka_unit_test_teardown(o34_names_come_in_byte_order, kit_end),
		cmocka_unit_test_teardown(o40_nor_does_it_without_openat2, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
