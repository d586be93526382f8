/* landlock: the kernel's three calls. What its header of this system lacks is written out here, for a program is built
 * on one kernel and runs on another. */
#include "proxy/sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netpoll/err.h"

/* From Linux 6.2 and 6.10 on: the header may be older. */
#define FS_TRUNCATE  (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)

/* What may be done with a file; the others are about directories. */
#define ON_FILES                                                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 FS_TRUNCATE | FS_IOCTL_DEV)

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

/* No devices: nothing here makes or asks one. */
#define WRITING                                                                                                \
	(READING | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | LANDLOCK_ACCESS_FS_REMOVE_DIR |              \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |         \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

/* What each version of the interface knows; a call with more is refused as a whole. The highest row counts. Rows of
 * the same rights stand for versions whose news are not about files. */
static const uint64_t known[] = {
	[1] = (1ULL << 13) - 1,
	[2] = (1ULL << 14) - 1, /* REFER */
	[3] = (1ULL << 15) - 1, /* TRUNCATE */
	[4] = (1ULL << 15) - 1, /* TCP */
	[5] = (1ULL << 16) - 1, /* IOCTL_DEV */
};

static uint64_t known_to(unsigned abi)
{
	return known[abi < array_len(known) ? abi : array_len(known) - 1];
}

static uint64_t rights_of(enum landlock_use use)
{
	static const uint64_t rights[] = {
		[LANDLOCK_READ] = READING,
		[LANDLOCK_RUN] = READING | LANDLOCK_ACCESS_FS_EXECUTE,
		[LANDLOCK_WRITE] = WRITING,
	};

	return rights[use];
}

int landlock_begin(struct landlock *l)
{
	struct landlock_ruleset_attr attr = {0};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	*l = (struct landlock){.fd = -1};
	if (abi < 1)
		return abi < 0 ? err_from_errno() : -ENOSYS;
	l->abi = (unsigned)abi;
	attr.handled_access_fs = known_to(l->abi);
	/* The first member is the first version's: a size that is smaller than the kernel's is its own business. */
	l->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	return l->fd < 0 ? err_from_errno() : 0;
}

static bool is_root(const struct stat *st)
{
	struct stat root;

	return stat("/", &root) == 0 && st->st_ino == root.st_ino && st->st_dev == root.st_dev;
}

bool landlock_allow(struct landlock *l, const char *path, enum landlock_use use)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat st;
	bool there = rule.parent_fd >= 0 && fstat(rule.parent_fd, &st) == 0;
	bool root = there && is_root(&st);

	if (there && !root) {
		rule.allowed_access = rights_of(use) & known_to(l->abi);
		if (!S_ISDIR(st.st_mode))
			rule.allowed_access &= ON_FILES;
		(void)!syscall(SYS_landlock_add_rule, l->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	if (rule.parent_fd >= 0)
		close(rule.parent_fd);
	return !root;
}

int landlock_enforce(struct landlock *l)
{
	int err = syscall(SYS_landlock_restrict_self, l->fd, 0) == 0 ? 0 : err_from_errno();

	close(l->fd);
	l->fd = -1;
	return err;
}

/* ---- asked ---- */

/* Whether the kernel refuses to open it; asked only where the mode allows it. Opening a regular file or a directory,
 * or a file without a name, leaves nothing behind. */
static bool refuses(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	int err = fd < 0 ? err_from_errno() : 0;

	if (fd >= 0)
		close(fd);
	return err == -NP_EACCES;
}

/* Whether no file can be made there. The mode that counts is the directory's.   Takes NULL: no memory to tell. */
static bool refuses_files(const char *dir)
{
	return dir != NULL && faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0 &&
	       refuses(dir, O_WRONLY | O_TMPFILE);
}

/* The directory in which a file of that name is or would be. */
static bool refuses_beside(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;
	char *dir = slash != NULL ? strndup(path, n + (n == 0)) : strdup(".");
	bool is = refuses_files(dir);

	free(dir);
	return is;
}

bool landlock_denies(const char *path, enum landlock_use use)
{
	bool writes = use == LANDLOCK_WRITE;
	struct stat st;

	if (stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		bool file = writes && S_ISREG(st.st_mode);

		if (faccessat(AT_FDCWD, path, file ? W_OK : R_OK, AT_EACCESS) == 0 &&
		    refuses(path, file ? O_WRONLY : O_RDONLY))
			return true;
	}
	return writes && refuses_beside(path);
}
