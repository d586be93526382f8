/* call_tbl: the system calls that the process makes once it serves, as tests/calls.sh has seen them in the flow tests
 * under strace, and a few that other machines add. With sandbox.seccomp on, it can make no others.
 *
 *   X(name)  the call, without its SYS_ */
#ifndef PROXY_SANDBOX_CALL_TBL_H
#define PROXY_SANDBOX_CALL_TBL_H

#define CALL_TBL(X) \
	X(accept4) X(access) X(arch_prctl) X(bind) X(brk) X(capget) X(capset) X(chmod) X(clock_gettime) \
	X(clock_nanosleep) X(clone) X(clone3) X(close) X(close_range) X(connect) X(dup2) X(epoll_create1) \
	X(epoll_ctl) X(epoll_pwait) X(eventfd2) X(exit) X(exit_group) X(faccessat2) X(fcntl) X(flock) \
	X(fstat) X(fsync) X(ftruncate) X(futex) X(getcpu) X(getdents64) X(getegid) X(geteuid) X(getgid) \
	X(getpeername) X(getpid) X(getppid) X(getrandom) X(getrusage) X(getsockname) X(getsockopt) \
	X(gettid) X(gettimeofday) X(getuid) X(ioctl) X(kill) X(lchown) X(link) X(listen) X(lseek) X(lstat) \
	X(madvise) X(mincore) X(mmap) X(mprotect) X(mremap) X(munmap) X(nanosleep) X(newfstatat) X(openat) \
	X(openat2) X(pipe2) X(poll) X(prctl) X(pread64) X(prlimit64) X(pwritev2) X(read) X(readlink) \
	X(readlinkat) X(recvfrom) X(recvmsg) X(rename) X(restart_syscall) X(rseq) X(rt_sigaction) \
	X(rt_sigprocmask) X(rt_sigreturn) X(sched_getaffinity) X(sched_setaffinity) X(sched_yield) \
	X(sendmsg) X(sendto) X(set_robust_list) X(set_tid_address) X(setsockopt) X(shutdown) X(socket) \
	X(socketpair) X(splice) X(stat) X(statx) X(sysinfo) X(tgkill) X(time) X(uname) X(unlink) X(wait4) \
	X(write) X(writev)

#endif
