/* cli_doctor_feature: what the proxy uses of the kernel where it is there, tried by the calls that the proxy makes.
 * What it does not use (kernel TLS, TCP_FASTOPEN, io_uring) is not missed either. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_doctor.h"
#include "proxy/sandbox/landlock.h"

#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL of Linux 6.13 */
#define PEER_PIDFD    77  /* SO_PEERPIDFD of Linux 6.5 */
#define MAPS_A_STACK  2   /* a guard by mprotect splits a mapping */
#define PAGE          4096

/* ---- tries ----
 * Each makes what it needs, makes the call once and takes everything back. An old kernel and a sandbox look alike from
 * here: the fix names both. */

/* Nothing is there to be moved: any other answer is a kernel or a sandbox that does not do it. */
static bool has_splice(void)
{
	int ends[2] = {-1, -1}, pair[2] = {-1, -1};
	bool has = false;

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0) {
		ssize_t n = splice(pair[0], NULL, ends[1], NULL, 1, SPLICE_F_NONBLOCK);

		has = n < 0 && err_from_errno() == -NP_EAGAIN;
	}
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
		if (pair[i] >= 0)
			close(pair[i]);
	}
	return has;
}

/* Each worker listens with a socket of its own. */
static bool has_reuseport(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

/* Older kernels say EINVAL to advice that they do not know. */
static bool has_guards(void)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has;

	if (p == MAP_FAILED)
		return false;
	has = madvise(p, PAGE, GUARD_INSTALL) == 0;
	munmap(p, PAGE);
	return has;
}

/* The peer is this process. */
static bool has_peer_pidfd(void)
{
	int pair[2], pidfd = -1;
	socklen_t len = sizeof(pidfd);
	bool has;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	has = getsockopt(pair[0], SOL_SOCKET, PEER_PIDFD, &pidfd, &len) == 0;
	if (has)
		close(pidfd);
	close(pair[0]);
	close(pair[1]);
	return has;
}

/* A sandbox without netlink: the unit of the package allows it. */
static bool has_sock_diag(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Older kernels say 0. */
static bool has_fd_count(void)
{
	struct stat st;

	return stat("/proc/self/fd", &st) == 0 && st.st_size > 0;
}

/* Off at the kernel's command line, it is not there either. */
static bool has_landlock(void)
{
	struct landlock l;

	if (landlock_begin(&l) != 0)
		return false;
	close(l.fd);
	return true;
}

/* ---- the rows ----
 * What the proxy cannot start without (epoll, accept4, eventfd) is not here: then it says so itself. */

static const struct feature {
	const char *name;
	bool (*has)(void);
	const char *missed; /* without it */
} features[] = {
	{"splice", has_splice, "Bulk transfers are copied through the process: about twice the processor time."},
	{"SO_REUSEPORT", has_reuseport, "Only one worker can listen on an address: write workers: 1."},
	{"MADV_GUARD_INSTALL (Linux 6.13)", has_guards, "Stacks are guarded by mappings: see vm.max_map_count."},
	{"SO_PEERPIDFD (Linux 6.5)", has_peer_pidfd,
	 "The audit line of an order may name a process that has taken the number of the one that gave it."},
	{"NETLINK_SOCK_DIAG", has_sock_diag,
	 "When an address is no longer listened on, handshakes that are under way at it are reset."},
	{"landlock (Linux 5.13)", has_landlock, "The process may use every file that its user may."},
	{"the size of /proc/PID/fd (Linux 6.2)", has_fd_count, "The status counts descriptors one by one."},
};

/* All are notes: the proxy does without. */
void doctor_feature(struct doctor *d)
{
	for (size_t i = 0; i < array_len(features); i++) {
		struct doctor_finding f = {.note = true};

		if (features[i].has())
			continue;
		snprintf(f.value, sizeof(f.value), "no %s", features[i].name);
		snprintf(f.subject, sizeof(f.subject), "%s", features[i].missed);
		doctor_found(d, &f);
	}
}

/* Only connections that are being set up have a stack, but a burst of them may be all. */
void doctor_maps(struct doctor *d)
{
	struct doctor_finding f = {0};
	int64_t is, max, wanted;

	if (!doctor_number(d, "/proc/sys/vm/max_map_count", &is)) {
		doctor_unseen(d);
		return;
	}
	if (!doctor_connections(d, &max) || has_guards())
		return;
	wanted = MAPS_A_STACK * max + 65530;
	if (is >= wanted)
		return;
	f.note = true;
	snprintf(f.value, sizeof(f.value), "%lld", (long long)is);
	snprintf(f.wanted, sizeof(f.wanted), "%lld", (long long)wanted);
	doctor_found(d, &f);
}
