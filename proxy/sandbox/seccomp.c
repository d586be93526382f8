/* seccomp: one comparison for each call of the tables.
 *
 * Rejected: libseccomp. It would save the twenty lines here and cost a library in every process, and the one of
 * Debian 12 knows no call that is younger than itself. Nor a search by halves among the numbers: since Linux 5.11 the
 * kernel runs the program once for each of them when it is installed, and remembers which are allowed whatever their
 * arguments, so the order of the comparisons costs nothing afterwards. */
#include "proxy/sandbox/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "netpoll/err.h"
#include "proxy/sandbox/call_tbl.h"
#include "proxy/sandbox/forbidden_tbl.h"

#define LOAD(member)           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ANSWER(what)           BPF_STMT(BPF_RET | BPF_K, what)
#define UNLESS_SKIP_ONE(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1)

/* The numbers of 32-bit programs are others, and those of x32 stand in no table. */
static const struct sock_filter program[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
	LOAD(nr),
#define X(name) UNLESS_SKIP_ONE(SYS_##name), ANSWER(SECCOMP_RET_ALLOW),
	CALL_TBL(X)
#undef X
#define X(name) UNLESS_SKIP_ONE(SYS_##name), ANSWER(SECCOMP_RET_ERRNO | EPERM),
	FORBIDDEN_TBL(X)
#undef X
	ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
};

int seccomp_close(void)
{
	const struct sock_fprog all = {.len = array_len(program), .filter = (struct sock_filter *)(uintptr_t)program};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) == 0 ? 0 : err_from_errno();
}
